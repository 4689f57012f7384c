"""Settings reach the parts in their own names and units."""

from __future__ import annotations

from orchestrator.service.options import scheduler_options, session_config, store_options
from orchestrator.settings import Settings
from orchestrator.store import FailedPolicy


def test_store_options_follow_the_settings() -> None:
    """What a deployment chooses about keys and leases is what the store uses."""
    settings = Settings(lock_ttl_sec=7.5, summary_ttl_sec=120, failed_max_entries=9, failed_policy="drop_oldest")
    options = store_options(settings)
    assert (options.lock_ttl_s, options.summary_ttl_s) == (7.5, 120)
    assert (options.failed_max, options.failed_policy) == (9, FailedPolicy.DROP_OLDEST)


def test_session_config_follows_the_settings() -> None:
    """Window, threshold and bounds reach the fold in its units."""
    settings = Settings(
        orchestrator_id="o-9",
        summary_window_sec=3_600,
        max_stories=77,
        merge_similarity_threshold=0.5,
        max_chunk_bytes=2_048,
    )
    config = session_config(settings)
    assert config.orchestrator_id == "o-9"
    assert (config.fold.window_ms, config.fold.max_stories, config.fold.similarity_threshold) == (3_600_000, 77, 0.5)
    assert config.limits.max_chunk_bytes == 2_048


def test_scheduler_options_follow_the_settings() -> None:
    """Lanes, retries, intervals and keys; a lease is renewed three times in its ttl."""
    settings = Settings(
        concurrency_limit=9,
        lock_ttl_sec=6,
        chunk_fetch_timeout_sec=11,
        max_retries=4,
        retry_backoff_base=3,
        step_timeout_sec=17,
        brand_refresh_interval_sec=13,
        brand_list_key="+more",
        warm_state_mb=3,
    )
    options = scheduler_options(settings, "redis://here", "me")
    assert (options.concurrency, options.renew_interval_s) == (9, 2.0)
    assert (options.lane.fetch_timeout_s, options.lane.max_retries, options.lane.backoff_base) == (11, 4, 3)
    assert options.lane.step_timeout_s == 17
    assert options.warm_bytes == 3 << 20
    assert options.discovery.registry_interval_s == 13
    assert (options.discovery.name, options.discovery.lock_ttl_s) == ("me", 6)
    assert options.discovery.registry_keys == ("brands:list", "brands:set", "more")
    assert options.discovery.hints_url == "redis://here"
