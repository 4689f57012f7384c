"""What is in force, where it comes from, and the file to start from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from orchestrator.cli.config import example_text
from orchestrator.settings import Settings
from orchestrator.settings.load import KNOWN_NAMES, load_settings
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
