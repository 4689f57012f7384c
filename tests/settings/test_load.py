"""Where settings come from: precedence, aliases, misspelt names, and the words for a bad value."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from orchestrator.errors import SettingsError
from orchestrator.settings.load import ALIASES, KNOWN_NAMES, load_settings


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove every variable that means something to us, and others' near-misses, from the environment."""
    for name in list(os.environ):
        if name.upper() in KNOWN_NAMES or name.startswith(("HTTP", "REDIS", "LOG", "ORCHESTRATOR")):
            monkeypatch.delenv(name)


@pytest.fixture
def dotenv(tmp_path: Path) -> Path:
    """Return the place of a file that does not exist yet."""
    return tmp_path / ".env"


def test_load_settings_without_anything_gives_the_defaults(dotenv: Path) -> None:
    """No variable and no file is a valid configuration without remarks."""
    loaded = load_settings(dotenv)
    assert loaded.settings.redis_url == "redis://localhost:6379"
    assert (loaded.settings.origin("redis_url"), loaded.notes, loaded.warnings) == ("default", (), ())


def test_load_settings_prefers_environment_to_file(monkeypatch: pytest.MonkeyPatch, dotenv: Path) -> None:
    """A variable of the process beats the same one in the file, and each value knows its origin."""
    dotenv.write_text("CONCURRENCY_LIMIT=3\nMAX_RETRIES=8\n")
    monkeypatch.setenv("CONCURRENCY_LIMIT", "4")
    settings = load_settings(dotenv).settings
    assert (settings.concurrency_limit, settings.origin("concurrency_limit")) == (4, "environment")
    assert (settings.max_retries, settings.origin("max_retries")) == (8, ".env")


def test_load_settings_takes_an_empty_variable_as_unset(monkeypatch: pytest.MonkeyPatch, dotenv: Path) -> None:
    """Compose files pass ``${X:-}`` on as an empty value."""
    monkeypatch.setenv("HTTP_PORT", "")
    assert load_settings(dotenv).settings.http_port == 9000


@pytest.mark.parametrize(
    ("name", "value", "field", "expected"),
    [
        ("SCHEDULE_INTERVAL_MS", "1500", "brand_refresh_interval_sec", 1.5),
        ("TTL_SUMMARY_SECONDS", "3600", "summary_ttl_sec", 3600),
        ("RESULT_TTL_SECONDS", "7200", "summary_ttl_sec", 7200),
    ],
)
def test_load_settings_accepts_the_platforms_other_names(
    monkeypatch: pytest.MonkeyPatch, dotenv: Path, name: str, value: str, field: str, expected: float
) -> None:
    """An alias sets its field, unit converted, with a note that names both."""
    monkeypatch.setenv(name, value)
    loaded = load_settings(dotenv)
    assert getattr(loaded.settings, field) == expected
    assert loaded.settings.origin(field) == f"environment, as {name}"
    assert len(loaded.notes) == 1
    assert name in loaded.notes[0]
    assert field.upper() in loaded.notes[0]


def test_load_settings_prefers_the_own_name_to_an_alias(monkeypatch: pytest.MonkeyPatch, dotenv: Path) -> None:
    """An alias beside the setting itself has no effect, and the note says so."""
    monkeypatch.setenv("SUMMARY_TTL_SEC", "100")
    monkeypatch.setenv("TTL_SUMMARY_SECONDS", "200")
    loaded = load_settings(dotenv)
    assert loaded.settings.summary_ttl_sec == 100
    assert "TTL_SUMMARY_SECONDS (environment) is ignored" in loaded.notes[0]


def test_load_settings_prefers_an_alias_in_the_environment_to_the_file(
    monkeypatch: pytest.MonkeyPatch, dotenv: Path
) -> None:
    """The place decides before the name does."""
    dotenv.write_text("SUMMARY_TTL_SEC=100\n")
    monkeypatch.setenv("TTL_SUMMARY_SECONDS", "200")
    assert load_settings(dotenv).settings.summary_ttl_sec == 200


@pytest.mark.parametrize(
    ("name", "value", "parts"),
    [
        ("CONCURRENCY_LIMIT", "0", ["CONCURRENCY_LIMIT=0", "whole number from 1 to 1000"]),
        ("CONCURRENCY_LIMIT", "many", ["CONCURRENCY_LIMIT=many", "whole number"]),
        ("MERGE_SIMILARITY_THRESHOLD", "1.5", ["MERGE_SIMILARITY_THRESHOLD=1.5", "a number from 0 to 1"]),
        ("LOG_LEVEL", "loud", ["LOG_LEVEL=loud", "debug, info, warning, error, critical"]),
        ("REDIS_URL", "http://app:s3cret@db", ["REDIS_URL=http://app:***@db", "redis://, rediss://, unix://"]),
        ("REDIS_URL", "redis://:s3cret@db?socket_timeout=1", ["redis://:***@db", "set REDIS_TIMEOUT_SEC instead"]),
        ("REDIS_PASSWORD_FILE", "/no/such/file", ["REDIS_PASSWORD_FILE=/no/such/file", "cannot be read: No such file"]),
        ("ORCHESTRATOR_ID", "a b", ["ORCHESTRATOR_ID=a b", "printable ASCII"]),
        ("SCHEDULE_INTERVAL_MS", "soon", ["BRAND_REFRESH_INTERVAL_SEC=soon", "as SCHEDULE_INTERVAL_MS", "0.1 to 3600"]),
        ("PROMETHEUS_PORT", "tcp://10.0.0.1:9090", ["enableServiceLinks: false"]),
        ("LOG_LEVEL", "a\x1b[31m", [r"LOG_LEVEL=a\x1b[31m "]),
        ("REDIS_TIMEOUT_SEC", "6", ["REDIS_TIMEOUT_SEC=6 must be below LOCK_TTL_SEC=6"]),
    ],
)
def test_load_settings_names_variable_value_and_bound(
    monkeypatch: pytest.MonkeyPatch, dotenv: Path, name: str, value: str, parts: list[str]
) -> None:
    """A bad value stops the start with one line that says what would be right, without secrets."""
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as caught:
        load_settings(dotenv)
    lines = str(caught.value).splitlines()
    assert len(lines) == 1
    assert all(part in lines[0] for part in parts), lines[0]
    assert "s3cret" not in lines[0]


def test_load_settings_reports_all_bad_values_at_once(monkeypatch: pytest.MonkeyPatch, dotenv: Path) -> None:
    """Nobody has to start five times to find five mistakes."""
    monkeypatch.setenv("HTTP_PORT", "99999")
    dotenv.write_text("MAX_STORIES=0\n")
    with pytest.raises(SettingsError) as caught:
        load_settings(dotenv)
    assert [line.split("=")[0] for line in str(caught.value).splitlines()] == ["HTTP_PORT", "MAX_STORIES"]


@pytest.mark.parametrize(
    ("name", "likely"),
    [
        ("CONCURENCY_LIMIT", "CONCURRENCY_LIMIT"),
        ("REDIS_URI", "REDIS_URL"),
        ("HTTP_PROT", "HTTP_PORT"),
        ("LOCK_TTL", "LOCK_TTL_SEC"),
        ("MERGE_SIMILARITY_TRESHOLD", "MERGE_SIMILARITY_THRESHOLD"),
        ("SCHEDULE_INTERVALL_MS", "SCHEDULE_INTERVAL_MS"),
    ],
)
@pytest.mark.parametrize("place", ["environment", ".env"])
def test_load_settings_warns_about_a_near_miss(
    monkeypatch: pytest.MonkeyPatch, dotenv: Path, name: str, likely: str, place: str
) -> None:
    """A misspelt name has no effect; the warning names it, where it stands, and the likely one."""
    if place == ".env":
        dotenv.write_text(f"{name}=1\n")
    else:
        monkeypatch.setenv(name, "1")
    assert load_settings(dotenv).warnings == (
        f"{name} ({place}) is not a setting and has no effect; did you mean {likely}?",
    )


@pytest.mark.parametrize(
    "name",
    [
        *("HTTP_PROXY", "HTTPS_PROXY", "REDIS_HOST", "REDIS_PORT", "REDIS_SERVICE_PORT", "HOSTNAME", "LOGNAME"),
        *("ORCHESTRATOR_PORT", "ORCHESTRATOR_SERVICE_HOST", "MAX_CLIENTS", "SUMMARY", "MAX", "LOCK", "GRPC_PORT"),
    ],
)
def test_load_settings_leaves_unrelated_names_alone(monkeypatch: pytest.MonkeyPatch, dotenv: Path, name: str) -> None:
    """Variables of other programs never warn."""
    monkeypatch.setenv(name, "1")
    assert load_settings(dotenv).warnings == ()


def test_load_settings_does_not_guess_a_name_that_is_set(monkeypatch: pytest.MonkeyPatch, dotenv: Path) -> None:
    """HTTPS_PORT beside HTTP_PORT is somebody else's, not a misspelling."""
    monkeypatch.setenv("HTTP_PORT", "9100")
    monkeypatch.setenv("HTTPS_PORT", "9443")
    assert load_settings(dotenv).warnings == ()


def test_load_settings_refuses_an_unreadable_file(dotenv: Path) -> None:
    """A file in another encoding is a clear error, not a traceback."""
    dotenv.write_bytes(b"REDIS_URL=\xff\xfe\n")
    with pytest.raises(SettingsError, match="cannot be read"):
        load_settings(dotenv)


def test_aliases_are_no_settings_themselves() -> None:
    """Every known name has one meaning."""
    assert len(KNOWN_NAMES) == len(set(KNOWN_NAMES))
    assert all(alias.name in KNOWN_NAMES for alias in ALIASES)


def test_a_password_among_the_sentinels_is_not_shown(monkeypatch: pytest.MonkeyPatch, dotenv: Path) -> None:
    """It does not belong there, and the refusal must not be what gives it away."""
    monkeypatch.setenv("REDIS_SENTINELS", "me:s3cret@h1:26379,h2")
    with pytest.raises(
        SettingsError, match=r"REDIS_SENTINELS=\*\*\*@h1:26379,h2 .*REDIS_SENTINEL_PASSWORD_FILE"
    ) as caught:
        load_settings(dotenv)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "server_url"),
    [
        ("", "redis+sentinel://h1:26379,h2:7/mymaster"),
        ("rediss://me:pw@/2", "rediss+sentinel://me:pw@h1:26379,h2:7/mymaster/2"),
    ],
)
def test_sentinels_may_stand_in_settings_of_their_own(
    monkeypatch: pytest.MonkeyPatch, dotenv: Path, url: str, server_url: str
) -> None:
    """As charts set them; REDIS_URL says the rest or nothing."""
    monkeypatch.setenv("REDIS_SENTINELS", "h1,h2:7")
    monkeypatch.setenv("REDIS_SENTINEL_MASTER", "mymaster")
    monkeypatch.setenv("REDIS_URL", url)
    assert load_settings(dotenv).settings.server_url == server_url


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"REDIS_SENTINELS": "h1"}, "REDIS_SENTINELS needs REDIS_SENTINEL_MASTER"),
        ({"REDIS_SENTINEL_MASTER": "m"}, "REDIS_SENTINEL_MASTER needs REDIS_SENTINELS"),
        ({"REDIS_SENTINEL_MASTER": "my master"}, "REDIS_SENTINEL_MASTER=my master .*letters, digits"),
        ({"REDIS_SENTINEL_PASSWORD": "s3cret"}, "of no use without sentinels"),
        ({"REDIS_URL": "redis://"}, "REDIS_URL is refused: it needs a host"),
        ({"REDIS_URL": "redis://h", "REDIS_SENTINELS": "h1", "REDIS_SENTINEL_MASTER": "m"}, "both set"),
        ({"REDIS_URL": "embedded://", "REDIS_SENTINELS": "h1"}, "of no use with an embedded Redis"),
        ({"REDIS_SENTINELS": "h1:x"}, "REDIS_SENTINELS=h1:x .*port must be a whole number"),
    ],
)
def test_load_settings_refuses_two_places_or_half_a_one(
    monkeypatch: pytest.MonkeyPatch, dotenv: Path, values: dict[str, str], problem: str
) -> None:
    """One of two would win without a word."""
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=problem) as caught:
        load_settings(dotenv)
    assert "s3cret" not in str(caught.value)
