"""Names, defaults, bounds and combinations of the settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from orchestrator.settings.settings import Settings, shown_text

PLATFORM_DEFAULTS = {
    "redis_url": "redis://localhost:6379",
    "concurrency_limit": 5,
    "http_port": 9000,
    "prometheus_port": 9001,
    "merge_similarity_threshold": 0.75,
    "max_retries": 3,
    "retry_backoff_base": 2,
    "brand_refresh_interval_sec": 30,
    "chunk_fetch_timeout_sec": 30,
    "log_level": "info",
}


@pytest.mark.parametrize(("name", "value"), PLATFORM_DEFAULTS.items())
def test_settings_keep_the_platforms_defaults(name: str, value: object) -> None:
    """The eleven variables that deployments already use keep their names and defaults."""
    assert getattr(Settings(), name) == value


def test_settings_are_independent_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Constructing the object takes arguments and defaults only; the loader alone reads variables."""
    monkeypatch.setenv("CONCURRENCY_LIMIT", "77")
    assert Settings().concurrency_limit == 5


def test_settings_are_frozen() -> None:
    """A setting cannot change while the service runs."""
    settings = Settings()
    with pytest.raises(ValidationError, match="frozen"):
        settings.concurrency_limit = 9


def test_orchestrator_id_is_random_if_unset() -> None:
    """Two processes without a name of their own are told apart."""
    assert Settings().orchestrator_id != Settings().orchestrator_id


def test_summary_ttl_defaults_to_two_windows() -> None:
    """A summary outlives the traffic that it covers."""
    assert Settings(summary_window_sec=3_600).summary_ttl_sec == 7_200


def test_redis_timeout_follows_a_short_lease() -> None:
    """Lowering the lease alone never leaves a call that may outlive it."""
    assert Settings(lock_ttl_sec=3).redis_timeout_sec == pytest.approx(1)


@pytest.mark.parametrize(
    ("value", "keys"),
    [
        ("", ("brands:list", "brands:set")),
        ("my:brands", ("my:brands",)),
        (" a , b,a,", ("a", "b")),
        ("+my:brands", ("brands:list", "brands:set", "my:brands")),
        ("+brands:set", ("brands:list", "brands:set")),
        (",", ("brands:list", "brands:set")),
    ],
)
def test_brand_list_keys_replace_or_add(value: str, keys: tuple[str, ...]) -> None:
    """A plain value replaces the standard keys, one with a plus adds to them, an empty one means the standard."""
    assert Settings(brand_list_key=value).brand_list_keys == keys


def test_allowed_hosts_are_names_in_lower_case() -> None:
    """With or without ports; none means any."""
    hosts = Settings(http_allowed_hosts=" Summaries.example.com, localhost:9000,,[::1] ").allowed_hosts
    assert hosts == {"summaries.example.com", "localhost:9000", "[::1]"}
    assert Settings().allowed_hosts == frozenset()


def test_origins_are_taken_as_browsers_send_them() -> None:
    """One, several, every one, or none."""
    origins = Settings(http_cors_origins=" https://a.example, http://[::1]:8080,,").cors_origins
    assert origins == {"https://a.example", "http://[::1]:8080"}
    assert Settings(http_cors_origins="*").cors_origins == {"*"}
    assert Settings().cors_origins == frozenset()


@pytest.mark.parametrize(
    ("given", "path"), [("", ""), ("/", ""), ("/summaries/", "/summaries"), (" /a.b/c-d~_ ", "/a.b/c-d~_")]
)
def test_root_path_ends_without_a_slash(given: str, path: str) -> None:
    """So that ours can be put behind it."""
    assert Settings(http_root_path=given).http_root_path == path


def test_public_url_ends_without_a_slash() -> None:
    """So that paths can be put behind it."""
    assert Settings(public_url=" https://boards.example.com:8443/summaries/ ").public_url.endswith(":8443/summaries")
    assert Settings().public_url == ""


@pytest.mark.parametrize(
    "values",
    [
        {"http_port": 7, "prometheus_port": 7},
        {"lock_ttl_sec": 2, "redis_timeout_sec": 2},
        {"summary_window_sec": 899},
        {"merge_similarity_threshold": float("nan")},
        {"retry_backoff_base": float("inf")},
        {"orchestrator_id": "two words"},
        {"orchestrator_id": ""},
        {"log_level": "loud"},
        {"http_allowed_hosts": "https://summaries.example.com"},
        {"http_allowed_hosts": "a.example/path"},
        {"http_connections_per_address": -1},
        {"http_cors_origins": "a.example"},
        {"http_cors_origins": "https://a.example/"},
        {"http_cors_origins": "https://A.example"},
        {"http_cors_origins": "null"},
        {"http_cors_origins": "*,https://a.example"},
        {"http_root_path": "summaries"},
        {"http_root_path": "/a b"},
        {"http_root_path": "/a//b"},
        {"http_root_path": "/a/../b"},
        {"http_root_path": "//a"},
        {"http_root_path": "/v1"},
        {"http_root_path": "/brands/ours"},
        {"public_url": "boards.example.com"},
        {"public_url": "ftp://boards.example.com"},
        {"public_url": "https://user:word@boards.example.com"},
        {"public_url": "https://boards.example.com/?a=b"},
        {"public_url": "https://boards.example.com/<b>"},
        {"public_url": "https://[::1"},
        {"failed_policy": "ignore"},
        {"archive_url": "/var/lib/archive"},
        {"archive_url": "s3://key:word@bucket"},
        {"archive_url": "memory://test"},
        {"archive_policy": "drop"},
        {"archive_outbox_mb": 0},
        {"archive_outbox_mb": 4, "archive_object_mb": 5},
        {"archive_interval_sec": 0},
        {"archive_retention_days": -1},
        {"no_such_setting": 1},
    ],
)
def test_settings_refuse_what_cannot_work(values: dict[str, object]) -> None:
    """Values out of bounds, contradictions and unknown names never become settings."""
    with pytest.raises(ValidationError):
        Settings(**values)  # type: ignore[arg-type]


def test_both_ports_may_be_chosen_by_the_system() -> None:
    """Port 0 twice is two different free ports, not a conflict."""
    assert Settings(http_port=0, prometheus_port=0).http_port == 0


@pytest.mark.parametrize(("given_level", "level"), [("INFO", "info"), ("Warn", "warning"), (" debug ", "debug")])
def test_log_level_is_read_in_any_spelling(given_level: str, level: str) -> None:
    """Deployments write levels in capitals and shorten warning."""
    assert Settings.model_validate({"log_level": given_level}).log_level == level


def test_masked_hides_the_password_alone() -> None:
    """What is shown still tells host, port, database and user."""
    shown = Settings(redis_url="rediss://app:s3cret@db.example:6380/1").masked()
    assert shown["REDIS_URL"] == "rediss://app:***@db.example:6380/1"
    assert shown["CONCURRENCY_LIMIT"] == 5


def test_origin_is_default_until_somebody_sets_it() -> None:
    """The origin of each value is known by field."""
    settings = Settings()
    settings.remember_origins({"max_retries": ".env"})
    assert (settings.origin("max_retries"), settings.origin("http_port")) == (".env", "default")


def test_alert_routes_follow_the_settings() -> None:
    """No address, nobody is told; a secret becomes the key that it encodes, and none leaves alerts unsigned."""
    assert Settings().alert_routes is None
    url = "https://hooks.example/x"
    secret = "whsec_" + "A" * 32
    signed = Settings(alert_webhook_url=url, alert_webhook_secret=secret, alert_cooldown_sec=7).alert_routes
    assert signed is not None
    (route,) = signed.read()
    assert (route.name, route.address.read(), route.secret.key(), route.cooldown_s) == ("webhook", url, bytes(24), 7)
    unsigned = Settings(alert_webhook_url=url).alert_routes
    assert unsigned is not None
    assert unsigned.read()[0].secret.key() is None
    file = Settings(alert_routes_file="routes.toml", alert_cooldown_sec=7).alert_routes
    assert file is not None
    assert (file.fixed, file.file, file.cooldown_s) == ((), "routes.toml", 7)


@pytest.mark.parametrize("other", ["ALERT_WEBHOOK_URL", "ALERT_WEBHOOK_SECRET", "ALERT_WEBHOOK_SECRET_FILE"])
def test_a_file_of_routes_is_the_only_place_for_them(other: str, tmp_path: Path) -> None:
    """Nobody could say which route a secret beside it belongs to."""
    secret = "whsec_" + "A" * 32
    (tmp_path / "secret").write_text(secret)
    values = {"ALERT_WEBHOOK_URL": "https://h.example/", "ALERT_WEBHOOK_SECRET": secret}
    given: dict[str, Any] = {other.lower(): values.get(other, str(tmp_path / "secret"))}
    with pytest.raises(ValidationError, match=f"ALERT_ROUTES_FILE and {other} are both set") as caught:
        Settings(alert_routes_file="routes.toml", **given)
    assert secret not in str(caught.value)


def test_an_object_of_the_archive_fits_what_may_wait() -> None:
    """A small bound of the outbox alone never contradicts the default of an object."""
    assert Settings(archive_outbox_mb=4).archive_object_mb == 4
    assert Settings().archive_object_mb == 16


def test_the_archive_is_off_until_it_has_a_place() -> None:
    """No address, nothing is kept."""
    assert not Settings().archives
    assert Settings(archive_url=" file:///a ", archive_policy="Skip").archives  # type: ignore[arg-type]
    with pytest.raises(ValidationError, match="gone with its process"):
        Settings(archive_url="memory://test")


def test_the_address_of_an_archive_is_shown_without_what_might_be_a_password() -> None:
    """One that is refused, too."""
    assert shown_text("archive_url", "s3://key:word@bucket/a") == "s3://key:***@bucket/a"
    assert Settings(archive_url="s3://bucket/a").masked()["ARCHIVE_URL"] == "s3://bucket/a"
