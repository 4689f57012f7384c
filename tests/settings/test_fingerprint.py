"""Every setting is either part of the fingerprint or known to change no meaning."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest

from orchestrator.brand.outputs import FoldConfig
from orchestrator.contract.fingerprint import MEANING, RULES_NAME
from orchestrator.service.options import session_config, store_options
from orchestrator.settings import Settings

HARMLESS = {
    "redis_url": "where",
    "redis_username": "who we are at the server",
    "redis_password_file": "who we are at the server",
    "redis_sentinels": "where",
    "redis_sentinel_master": "where",
    "redis_sentinel_username": "who we are at the sentinels",
    "redis_sentinel_password": "who we are at the sentinels",
    "redis_sentinel_password_file": "who we are at the sentinels",
    "orchestrator_id": "a name",
    "concurrency_limit": "how many at a time",
    "http_port": "where",
    "prometheus_port": "where",
    "http_host": "where",
    "http_allowed_hosts": "who may ask",
    "http_cors_origins": "who may ask",
    "http_root_path": "where",
    "public_url": "where",
    "http_token_file": "who may ask",
    "http_operator_token_file": "who may ask",
    "http_connections_per_address": "how many at a time",
    "max_retries": "how patiently",
    "retry_backoff_base": "how patiently",
    "brand_refresh_interval_sec": "how soon",
    "chunk_fetch_timeout_sec": "how soon",
    "log_level": "what is told",
    "log_format": "what is told",
    "brand_list_key": "which brands",
    "lock_ttl_sec": "how soon",
    "redis_timeout_sec": "how patiently",
    "step_timeout_sec": "how patiently",
    "max_clock_skew_sec": "when nothing is folded",
    "summary_ttl_sec": "how long the document stays; the next commit writes it again from the state",
    "settings_adopt": "a yes to other settings",
    "max_chunk_bytes": "a larger chunk is kept as a dead letter",
    "failed_max_entries": "dead letters are no part of the state; the policy below says what a full list means",
    "duplicate_conflicts": "what is kept of a chunk that does not count",
    "failed_policy": "drop_oldest says in its name that it throws away",
    "shutdown_grace_sec": "how patiently",
    "warm_state_mb": "how fast; a state that is not kept is loaded again",
    "orchestrator_merge": "how fast; both kernels give the same",
    "alert_webhook_url": "who is told",
    "alert_webhook_secret": "who is told",
    "alert_webhook_secret_file": "who is told",
    "alert_routes_file": "who is told",
    "alert_cooldown_sec": "what is told",
    "archive_url": "where what was consumed is kept",
    "archive_outbox_mb": "when nothing is folded, or nothing kept; what is folded means the same",
    "archive_policy": "skip says that the archive gets a gap; the state means the same",
    "archive_interval_sec": "how soon",
    "archive_object_mb": "how much at a time",
    "archive_compact": "the form in which what was consumed is kept",
    "archive_retention_days": "how long what was consumed is kept beside the state",
}
"""Settings that change nothing about what a state means, each with what they change instead."""

CHOSEN_BY_NOBODY = {"formats"}
"""Fields of the fold's configuration that no setting reaches."""

OTHER: dict[str, Any] = {
    "summary_window_sec": 900,
    "max_stories": 1,
    "merge_similarity_threshold": 0.5,
    "label_similarity_threshold": 0.5,
}
"""Another value of each setting in the fingerprint."""


def test_every_setting_is_classified() -> None:
    """A new one has to be put into the fingerprint with its kind, or among those that are harmless with the reason."""
    told = {name.lower() for name in MEANING if name != RULES_NAME}
    assert told & set(HARMLESS) == set()
    assert set(Settings.model_fields) == told | set(HARMLESS)


def test_everything_that_the_rules_may_be_given_is_in_the_fingerprint() -> None:
    """Each field of the fold's configuration comes from a setting that the fingerprint names, the others from none."""
    base = session_config(Settings()).fold
    reached = {
        field.name
        for name, value in OTHER.items()
        for field in fields(FoldConfig)
        if getattr(session_config(Settings(**{name: value})).fold, field.name) != getattr(base, field.name)
    }
    assert reached | CHOSEN_BY_NOBODY == {field.name for field in fields(FoldConfig)}
    assert base == FoldConfig()


@pytest.mark.parametrize("name", OTHER)
def test_the_fingerprint_follows_each_of_its_settings(name: str) -> None:
    """And only the value under its own name changes."""
    before, after = Settings().fingerprint.values, Settings(**{name: OTHER[name]}).fingerprint.values
    assert {key for key in before if before[key] != after[key]} == {name.upper()}
    assert after[name.upper()] == OTHER[name]


def test_the_fingerprint_has_every_name() -> None:
    """In the table's order, and the store gets it."""
    assert list(Settings().fingerprint.values) == list(MEANING)
    options = store_options(Settings(max_stories=7, settings_adopt=True))
    assert (options.fingerprint.values["MAX_STORIES"], options.adopt) == (7, True)
    assert replace(options, adopt=False) == store_options(Settings(max_stories=7))
