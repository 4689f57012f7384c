"""What is in force, where it comes from, and the file to start from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import redis

from orchestrator.cli import adoption
from orchestrator.cli.config import example_text
from orchestrator.contract.keys import BrandKeys
from orchestrator.settings import Settings
from orchestrator.settings.load import KNOWN_NAMES, load_settings
from orchestrator.store.audit import read_audit
from orchestrator.store.stored_settings import stored_settings
from tests.cli.conftest import Invoke

EXAMPLE = Path(__file__).parent.parent.parent / ".env.example"


def test_config_show_names_value_and_origin(monkeypatch: pytest.MonkeyPatch, offline: Invoke) -> None:
    """Defaults, environment, file and aliases are told apart."""
    Path(".env").write_text("MAX_RETRIES=8\n")
    monkeypatch.setenv("HTTP_PORT", "9100")
    monkeypatch.setenv("SCHEDULE_INTERVAL_MS", "5000")
    lines = offline("config", "show").stdout.splitlines()
    assert "HTTP_PORT=9100  # environment" in lines
    assert "MAX_RETRIES=8  # .env" in lines
    assert "CONCURRENCY_LIMIT=5  # default" in lines
    assert "BRAND_REFRESH_INTERVAL_SEC=5  # environment, as SCHEDULE_INTERVAL_MS" in lines


def test_config_show_masks_secrets(monkeypatch: pytest.MonkeyPatch, offline: Invoke) -> None:
    """The password of Redis is never shown, in no format."""
    monkeypatch.setenv("REDIS_URL", "redis://app:s3cret@db:6379/0")
    for arguments in (("config", "show"), ("config", "show", "--json")):
        shown = offline(*arguments).stdout
        assert "redis://app:***@db:6379/0" in shown
        assert "s3cret" not in shown


def test_config_show_json_holds_every_setting(offline: Invoke) -> None:
    """The JSON form has value and origin of each."""
    document = json.loads(offline("config", "show", "--json").stdout)
    assert set(document) == {name.upper() for name in Settings.model_fields}
    assert document["CONCURRENCY_LIMIT"] == {"value": 5, "from": "default"}


def test_config_show_warns_about_a_near_miss(monkeypatch: pytest.MonkeyPatch, offline: Invoke) -> None:
    """A misspelt name is named on standard error; the result is not disturbed."""
    monkeypatch.setenv("CONCURENCY_LIMIT", "9")
    result = offline("config", "show")
    assert "did you mean CONCURRENCY_LIMIT?" in result.stderr
    assert result.exit_code == 0


def test_config_show_refuses_bad_values(monkeypatch: pytest.MonkeyPatch, offline: Invoke) -> None:
    """A value that would stop the service stops this command, with the same words."""
    monkeypatch.setenv("MAX_STORIES", "0")
    result = offline("config", "show")
    assert result.exit_code == 2
    assert (
        result.stderr == "Error: MAX_STORIES=0 (environment) is refused: it must be a whole number from 1 to 1000000\n"
    )


def _state_of(client: redis.Redis, brand: str, **settings: Any) -> None:
    """A brand whose last commit was made with those settings."""
    client.hset(BrandKeys.of(brand).meta, mapping={"version": 1, "settings": Settings(**settings).fingerprint.text()})


def _adopted(client: redis.Redis, brand: str) -> bytes:
    return stored_settings(client, [brand])[brand].adopted


def test_config_adopt_says_yes_for_the_named_brands(
    monkeypatch: pytest.MonkeyPatch, invoke: Invoke, redis_client: redis.Redis
) -> None:
    """What goes is named; brands that lose nothing, or have no state, are told of and left as they are."""
    _state_of(redis_client, "adopt wide")
    _state_of(redis_client, "adopt same", summary_window_sec=900, max_stories=1)
    monkeypatch.setenv("SUMMARY_WINDOW_SEC", "900")
    result = invoke("config", "adopt", "adopt wide", "adopt same", "adopt none", "adopt wide")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "adopt wide: adopted, what does not fit goes with the next commit: SUMMARY_WINDOW_SEC 86400 → 900",
        "adopt same: loses nothing under these settings, so there is nothing to adopt",
        "adopt none: has no state with settings of its own, so there is nothing to adopt",
    ]
    assert _adopted(redis_client, "adopt wide") == Settings(summary_window_sec=900).fingerprint.text().encode()
    assert _adopted(redis_client, "adopt same") == b""
    acts = read_audit(redis_client, 3)
    assert [(act.action, act.brand) for act in acts] == [
        ("adopt", f"adopt {name}") for name in ("none", "same", "wide")
    ]


def test_config_adopt_all_is_for_registered_brands(
    monkeypatch: pytest.MonkeyPatch, invoke: Invoke, redis_client: redis.Redis
) -> None:
    """Those that lose something are told of; a second time says the same and changes nothing."""
    _state_of(redis_client, "adopt one")
    _state_of(redis_client, "adopt two", max_stories=1)
    _state_of(redis_client, "adopt stranger")
    invoke("brands", "add", "adopt one", "adopt two")
    monkeypatch.setenv("MAX_STORIES", "9")
    shown = [invoke("config", "adopt", "--all").stdout for _ in range(2)]
    assert shown == ["adopt one: adopted, what does not fit goes with the next commit: MAX_STORIES 5000 → 9\n"] * 2
    assert _adopted(redis_client, "adopt stranger") == b""


def test_config_adopt_mends_settings_that_cannot_be_read(invoke: Invoke, redis_client: redis.Redis) -> None:
    """The brand is parked for them, and the alarm names this command."""
    redis_client.hset(BrandKeys.of("adopt broken").meta, "settings", "x")
    result = invoke("config", "adopt", "adopt broken")
    assert "adopted" in result.stdout
    assert "its settings cannot be read" in result.stdout
    assert _adopted(redis_client, "adopt broken")


@pytest.mark.parametrize("arguments", [(), ("--all", "nike"), ("a\x07b",)])
def test_config_adopt_refuses_what_it_cannot_mean(invoke: Invoke, arguments: tuple[str, ...]) -> None:
    """Neither nothing nor two things at once, nor what cannot be a brand."""
    assert invoke("config", "adopt", *arguments).exit_code == 2


def test_config_adopt_gives_up_where_settings_change_all_the_time(
    monkeypatch: pytest.MonkeyPatch, invoke: Invoke, redis_client: redis.Redis
) -> None:
    """Two processes that disagree would take the yes away at once: they are to be stopped first."""
    _state_of(redis_client, "adopt busy")
    monkeypatch.setattr(adoption, "adopt", lambda *_: False)
    monkeypatch.setenv("MAX_STORIES", "1")
    result = invoke("config", "adopt", "adopt busy")
    assert result.exit_code == 1
    assert "stop the processes" in result.stderr


def test_env_example_is_what_the_command_prints(offline: Invoke) -> None:
    """The file in the repository is generated; ``orchestrator config example > .env.example`` renews it."""
    assert EXAMPLE.read_text() == offline("config", "example").stdout == example_text()


def test_env_example_is_complete_and_changes_nothing(tmp_path: Path) -> None:
    """Every name stands in it, and with all its lines in force the settings are the defaults."""
    text = example_text()
    assert [name for name in KNOWN_NAMES if name not in text] == []
    in_force = tmp_path / "all.env"
    in_force.write_text(text.replace("\n#", "\n").replace("\n ", "\n# "))
    loaded = load_settings(in_force)
    same = Settings(orchestrator_id=loaded.settings.orchestrator_id)
    assert loaded.settings.model_dump() == same.model_dump()
    assert loaded.settings.origin("max_stories") == "all.env"


def test_config_show_of_a_brand_names_what_it_has_of_its_own(invoke: Invoke, redis_client: redis.Redis) -> None:
    """All else is as in the processes; one that cannot be read is told, with what helps."""
    brand = "config own"
    meta = BrandKeys.of(brand).meta
    assert "the brand" not in invoke("config", "show", brand).stdout
    own = {"MERGE_SIMILARITY_THRESHOLD": 0.9, "MAX_STORIES": 7}
    redis_client.hset(meta, "settings", Settings().fingerprint.owning(own).text())
    lines = invoke("config", "show", brand).stdout.splitlines()
    assert "MERGE_SIMILARITY_THRESHOLD=0.9  # the brand" in lines
    assert "LABEL_SIMILARITY_THRESHOLD=0.175  # default" in lines
    document = json.loads(invoke("config", "show", brand, "--json").stdout)
    assert document["MAX_STORIES"] == {"value": 7, "from": "the brand"}
    redis_client.hset(meta, "settings", '[{},{"MORE":1}]')
    refused = invoke("config", "show", brand)
    assert refused.exit_code == 1
    assert "cannot be read" in refused.stderr
    assert "config adopt" in refused.stderr
    redis_client.delete(meta)
