"""From the settings to the options of each part: names, units and defaults of one side meet those of the other.

Pure. Owns no value: what can be set, and its bounds, is :mod:`orchestrator.settings`.
"""

from __future__ import annotations

from collections.abc import Callable

from orchestrator.alerts.message import Alert
from orchestrator.brand.outputs import FoldConfig
from orchestrator.brand.spikes import EpisodeChange
from orchestrator.contract.decode import Limits
from orchestrator.http import AccessOptions, AppOptions, brand_page_url
from orchestrator.lane.lane import LaneOptions
from orchestrator.lane.session_config import SessionConfig
from orchestrator.scheduler.discovery import DiscoveryOptions
from orchestrator.scheduler.scheduler import SchedulerOptions
from orchestrator.settings import Settings
from orchestrator.store import ArchivePolicy, FailedPolicy, Login, StoreOptions


def access_options(settings: Settings) -> AccessOptions:
    """Who is let in over HTTP, and by which names this service is called."""
    return AccessOptions(settings.http_token_file, settings.http_operator_token_file, settings.allowed_hosts)


def app_options(settings: Settings) -> AppOptions:
    """Under which path this service stands, and whose pages may read it."""
    return AppOptions(settings.http_root_path, settings.cors_origins)


def store_options(settings: Settings) -> StoreOptions:
    """How long leases and documents live, and how many dead letters are kept."""
    return StoreOptions(
        lock_ttl_s=settings.lock_ttl_sec,
        summary_ttl_s=settings.summary_ttl_sec,
        failed_max=settings.failed_max_entries,
        failed_policy=FailedPolicy(settings.failed_policy),
        fingerprint=settings.fingerprint,
        adopt=settings.settings_adopt,
        max_clock_skew_s=settings.max_clock_skew_sec,
        archive_bytes=settings.archive_outbox_mb << 20 if settings.archives else 0,
        archive_policy=ArchivePolicy(settings.archive_policy),
    )


def session_config(settings: Settings, holder: str = "orchestrator") -> SessionConfig:
    """The rules' parameters, the bounds of a chunk, and the names of this process; *holder* is that in its leases."""
    return SessionConfig(
        orchestrator_id=settings.orchestrator_id,
        fold=FoldConfig().under(settings.fingerprint.values),
        limits=Limits(max_chunk_bytes=settings.max_chunk_bytes),
        alert=_entries(settings.public_url) if settings.alert_routes is not None else None,
        holder=holder,
        conflict_letters=settings.duplicate_conflicts == "dead_letter",
    )


def _entries(public_url: str) -> Callable[[str, EpisodeChange, int], bytes]:
    """What the outbox gets when an episode opened or closed; links begin with *public_url*, if there is one."""

    def entry(brand: str, change: EpisodeChange, at_ms: int) -> bytes:
        page = brand_page_url(brand, root=public_url) if public_url else ""
        return Alert(brand, change.kind, change.number, change.episode, page).entry(at_ms).encode()

    return entry


def scheduler_options(settings: Settings, redis_url: str, name: str) -> SchedulerOptions:
    """How many lanes the process *name* has, how patient they are, and where brands are found; hints: *redis_url*."""
    return SchedulerOptions(
        concurrency=settings.concurrency_limit,
        renew_interval_s=settings.lock_ttl_sec / 3,  # one that fails leaves time for another
        warm_bytes=settings.warm_state_mb << 20,
        lane=LaneOptions(
            fetch_timeout_s=settings.chunk_fetch_timeout_sec,
            max_retries=settings.max_retries,
            backoff_base=settings.retry_backoff_base,
            step_timeout_s=settings.step_timeout_sec,
            lease_ttl_s=settings.lock_ttl_sec,
        ),
        discovery=DiscoveryOptions(
            registry_keys=settings.brand_list_keys,
            registry_interval_s=settings.brand_refresh_interval_sec,
            hints_url=redis_url,
            timeout_s=settings.redis_timeout_sec,
            login=login(settings),
            name=name,
            lock_ttl_s=settings.lock_ttl_sec,
        ),
    )


def login(settings: Settings) -> Login:
    """Who the service is at Redis and at its sentinels."""
    return Login(*settings.login)
