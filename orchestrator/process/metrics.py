"""Every metric of the process, in a registry of its own per instance.

Owns names, types, help texts and buckets; knows nothing of lanes, Redis or HTTP. The first ten names are the
platform's, so that its boards go on working: a ``Counter`` gets its ``_total`` from the client library, and the
``cpu_*_seconds`` are gauges because the platform's names carry no ``_total``.

There are no brand labels: brands are untrusted and without bound, and a label value lives as long as the process.
Label values are closed sets, created at the start, so that a rate is 0 before it is 1.

Buckets follow measurements on Redis 7.0: a round trip takes 0.05-1 ms, a commit 0.2-2 ms in the server, a fold of
one batch 0.1-200 ms. The upper ends are the configured time-outs (5 s for a call, 30 s for a fetch).
"""

from __future__ import annotations

import os
import platform
import resource
import sys
from collections.abc import Callable
from math import nan
from typing import Any, Literal, NamedTuple, get_args

import trio
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.exposition import choose_encoder

from orchestrator import __version__

RedisOperation = Literal["read", "write"]
CommitOutcome = Literal[
    "ok",
    "duplicate",
    "fenced",
    "stale",
    "head",
    "wrong_type",
    "dead_letter_full",
    "archive_full",
    "unavailable",
    "refused",
]
LeaseEvent = Literal["acquired", "busy", "renewed", "released", "lost", "taken"]
FailedKind = Literal["invalid", "poison"]
WakeMode = Literal["hints", "polling"]
AlertOutcome = Literal["delivered", "retried", "failed", "dropped", "expired", "suppressed", "unrouted"]
ArchiveFailure = Literal["unavailable", "misplaced", "refused", "redis", "base"]
"""Why records were not put: the archive gave no answer, it refused or they are damaged, Redis; why a base was not."""

TendingOutcome = Literal["done", "left", "failed"]
"""What became of a round in which the archive's days are tended: all of it, but for some days, or nothing."""

TurnedAway = Literal["evicted", "busy", "address"]
"""Why a connection ended that its peer had wanted: for a new one, all places served, or too many of its address."""

COMMIT_OUTCOMES: tuple[CommitOutcome, ...] = get_args(CommitOutcome)
LEASE_EVENTS: tuple[LeaseEvent, ...] = get_args(LeaseEvent)
FAILED_KINDS: tuple[FailedKind, ...] = get_args(FailedKind)
WAKE_MODES: tuple[WakeMode, ...] = get_args(WakeMode)
ALERT_OUTCOMES: tuple[AlertOutcome, ...] = get_args(AlertOutcome)
ROUTE_OUTCOMES: tuple[AlertOutcome, ...] = ("delivered", "retried", "failed", "expired", "suppressed")
TENDING_OUTCOMES: tuple[TendingOutcome, ...] = get_args(TendingOutcome)
ARCHIVE_FAILURES: tuple[ArchiveFailure, ...] = get_args(ArchiveFailure)
TURNED_AWAY: tuple[TurnedAway, ...] = get_args(TurnedAway)

WARM_REASONS = ("room", "size")
TRIAL_OUTCOMES = ("survived", "died")
SERVER_CHECKS = ("version", "role", "cluster", "eviction", "persistence", "clock")

# 50 µs is a round trip over a unix socket; 5 s the time-out of one call.
REDIS_BUCKETS_S = (0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)
# A batch of one small chunk folds in well under a millisecond, 16 with centroids against 100k stories in 200 ms.
PROCESSING_BUCKETS_S = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 10.0)
# One hop into a thread and back costs 57 µs before Redis is asked anything.
IO_BUCKETS_S = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0)
# From readiness to the commit: milliseconds when idle, minutes when a backlog or an outage is worked off.
LAG_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0, 120.0, 600.0)
# From the worker's writing to the summary: seconds live, hours when a backlog or old chunks are worked off.
FRESHNESS_BUCKETS_S = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0, 21600.0, 86400.0)
DELAY_BUCKETS_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)
BATCH_BUCKETS_CHUNKS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)

LOOP_SAMPLE_INTERVAL_S = 0.25


class Totals(NamedTuple):
    """What was done since the start.

    Attributes:
        chunks: folded and committed.
        mentions: of these.
        brands: visits that committed something.
        duplicates: chunks that had been folded before.
        dead_letters: chunks that went to the failed list.
        called_s: seconds that calls of lanes took, all lanes together.
    """

    chunks: float
    mentions: float
    brands: float
    duplicates: float
    dead_letters: float
    called_s: float


class Metrics:
    """All metrics of one orchestrator; an attribute each, helpers where two belong together.

    Every method may be called from any thread and is cheap enough for once a batch.

    Args:
        merge_implementation: ``cython`` or ``python``, for the build info.

    Attributes:
        before_scrape: called before each exposition, on its thread, to set what changes by time alone; must not wait.
    """

    def __init__(self, *, merge_implementation: str = "unknown") -> None:
        # `_created` samples double the size of a scrape and are gauges of their own in the text format; the switch
        # exists only process-wide, and nobody else in this process exposes metrics.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry(auto_describe=True)
        self.before_scrape: list[Callable[[], None]] = []
        self._create_platform_metrics()
        self._create_chunk_metrics()
        self._create_backlog_metrics()
        self._create_protocol_metrics()
        self._create_brand_metrics()
        self._create_member_metrics()
        self._create_process_metrics(merge_implementation)
        self._create_outside_metrics()

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"orchestrator_{name}", text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"orchestrator_{name}", text, labels, registry=self.registry)

    def _histogram(self, name: str, text: str, buckets: tuple[float, ...]) -> Histogram:
        return Histogram(f"orchestrator_{name}", text, buckets=buckets, registry=self.registry)

    def _create_platform_metrics(self) -> None:
        self.brands_processed = self._counter(
            "brands_processed", "Visits to a brand that committed at least one batch or refreshed its summary."
        )
        self.chunks_merged = self._counter("chunks_merged", "Chunks folded into a brand's state and committed.")
        self.clusters_aggregated = self._counter(
            "clusters_aggregated", "Clusters of merged chunks that joined or founded a story."
        )
        self.processing_time = self._histogram(
            "processing_time_seconds", "Decoding and folding one batch, off the event loop.", PROCESSING_BUCKETS_S
        )
        self.io_time = self._histogram(
            "io_time_seconds", "One store operation as a lane sees it, waiting for a thread included.", IO_BUCKETS_S
        )
        self.redis_read_latency = self._histogram(
            "redis_read_latency_seconds", "One round trip to Redis that only reads.", REDIS_BUCKETS_S
        )
        self.redis_write_latency = self._histogram(
            "redis_write_latency_seconds", "One round trip to Redis that writes.", REDIS_BUCKETS_S
        )
        self._gauge("memory_usage_bytes", "Resident memory of this process.").set_function(resident_memory_bytes)
        self._gauge("cpu_user_time_seconds", "CPU time of this process in user mode since its start.").set_function(
            lambda: os.times().user
        )
        self._gauge("cpu_system_time_seconds", "CPU time of this process in the kernel since its start.").set_function(
            lambda: os.times().system
        )

    def _create_chunk_metrics(self) -> None:
        self.chunks_failed = self._counter("chunks_failed", "Chunks moved to the failed list, by kind.", "kind")
        for kind in FAILED_KINDS:
            self.chunks_failed.labels(kind)
        self.dead_letters_dropped = self._counter(
            "dead_letters_dropped",
            "Oldest entries of full failed lists that made room, as the policy drop_oldest says.",
        )
        self.chunks_duplicate = self._counter("chunks_duplicate", "Chunks whose chunkId had been merged before.")
        self.chunks_conflicting = self._counter(
            "chunks_conflicting",
            "Chunks whose chunkId had been merged before with other numbers. They are duplicates, or dead letters.",
        )
        self.chunks_retimed = self._counter(
            "chunks_retimed", "Merged chunks counted at their arrival: processedAt missing, unusable or out of range."
        )
        self.chunks_late = self._counter(
            "chunks_late", "Merged chunks older than the summary reaches, counted in their hour of the trend alone."
        )
        self.chunks_zoneless = self._counter(
            "chunks_zoneless", "Merged chunks whose processedAt names no zone; it was taken for UTC."
        )
        self.chunks_implausible = self._counter(
            "chunks_implausible", "Merged chunks with numbers that cannot be right: a unit is wrong, or a count."
        )
        self.mentions_merged = self._counter("mentions_merged", "Mentions of merged chunks.")
        self.batch_chunks = self._histogram("batch_chunks", "Chunks in one peeked batch.", BATCH_BUCKETS_CHUNKS)
        self.queue_lag = self._histogram(
            "queue_lag_seconds",
            "From when a brand was first known to have chunks, or from its commit before, to the commit of a batch.",
            LAG_BUCKETS_S,
        )

    def _create_backlog_metrics(self) -> None:
        once = "The same from every process: take max(), never sum(). NaN while nobody can count."
        self.backlog_chunks = self._gauge(
            "backlog_chunks", f"Chunks that wait in the queues of all registered brands, about a second old. {once}"
        )
        self.backlog_brands = self._gauge(
            "backlog_brands", f"Registered brands whose queues are not empty, about a second old. {once}"
        )
        self.backlog_paused_chunks = self._gauge(
            "backlog_paused_chunks", f"Of backlog_chunks, those that wait because their brands are paused. {once}"
        )
        self.brands_paused = self._gauge(
            "brands_paused", "Registered brands that an operator paused. The same from every process."
        )
        self.oldest_waiting = self._gauge(
            "oldest_waiting_seconds",
            "For so long the brand with chunks that waits longest, and is not paused, has seen no commit,"
            f" 0 if none waits. {once}",
        )
        self.dead_letters = self._gauge(
            "dead_letters",
            f"Entries in the failed lists of all registered brands, whoever wrote them, 30 s old at most. {once}",
        )
        self.dead_letters.set(nan)
        self.brands_dead_letters_only = self._gauge(
            "brands_dead_letters_only",
            "Registered brands that brought dead letters and no chunk that counts for an hour, as far as this process"
            f" has watched for so long. {once}",
        )
        self.brands_dead_letters_only.set(nan)
        self.orphan_queues = self._gauge(
            "orphan_queues", f"Queues with chunks of brands that nobody registered, looked for hourly. {once}"
        )
        self.orphan_chunks = self._gauge(
            "orphan_chunks", f"Chunks in queues of brands that nobody registered: they wait for ever. {once}"
        )
        self.orphan_bytes = self._gauge(
            "orphan_bytes",
            "Memory that those queues take in Redis, by MEMORY USAGE of 5 nodes of each; of more than 1,000 queues the"
            f" rest is estimated. {once} NaN also where Redis does not allow that command.",
        )
        self.set_orphans(nan, nan, nan)
        self.freshness = self._histogram(
            "freshness_seconds",
            "From the oldest usable processedAt of a batch to its commit, by the clocks of worker and orchestrator.",
            FRESHNESS_BUCKETS_S,
        )
        self.set_backlog(nan, nan, nan, nan)  # before the first count nobody is to be told that nothing waits

    def _create_protocol_metrics(self) -> None:
        self.commits = self._counter("commits", "Commits by outcome.", "outcome")
        for outcome in COMMIT_OUTCOMES:
            self.commits.labels(outcome)
        self.lease_events = self._counter(
            "lease_events",
            "What happened to leases of brands, by event; taken: gone before it could expire.",
            "event",
        )
        for event in LEASE_EVENTS:
            self.lease_events.labels(event)
        self.lane_failures = self._counter("lane_failures", "Visits to a brand that were given up after retries.")
        self.lane_retries = self._counter("lane_retries", "Attempts of a lane that failed and were tried again.")
        self.wake_mode = self._gauge("wake_mode", "1 for the way by which this process learns of new chunks.", "mode")
        for mode in WAKE_MODES:
            self.wake_mode.labels(mode)
        self.redis_up = self._gauge("redis_up", "1 while Redis answers, accepts us and takes writes.")
        self.clock_skew = self._gauge(
            "clock_skew_seconds", "How far Redis's clock is ahead of this machine's; 0 within a round trip."
        )
        self.redis_fitness = self._gauge(
            "redis_fitness",
            "What the last look at the server found: 0 fine, 1 it could be fitter, 2 chunks can get lost.",
            "check",
        )
        for check in SERVER_CHECKS:
            self.redis_fitness.labels(check)
        self.trials = self._counter(
            "trials", "Trials of suspect chunks in a process of their own, by whether one of them killed it.", "outcome"
        )
        for ended in TRIAL_OUTCOMES:
            self.trials.labels(ended)
        self.locks_shortened = self._counter(
            "locks_shortened", "Locks of somebody else's that would have outlived their ttl, and were brought to it."
        )

    def _create_brand_metrics(self) -> None:
        self.brands_registered = self._gauge("brands_registered", "Brands in the registry when it was last read.")
        self.brands_refused = self._gauge("brands_refused", "Registered names that cannot be a brand.")
        self.brands_active = self._gauge("brands_active", "Brands that a lane of this process holds now.")
        self.lanes = self._gauge(
            "lanes", "Brands that this process may work on at the same time: by setting, or as an operator ordered."
        )
        self.quiet = self._gauge("quiet", "1 while an operator has this process take no more brands.")
        self.brands_parked = self._gauge(
            "brands_parked", "Brands left alone until somebody acts: damaged keys, refused settings, a full list."
        )
        self.cluster_masters_away = self._gauge(
            "cluster_masters_away", "Masters of a Redis Cluster that do not answer; 0 where there is one server."
        )
        self.brands_away = self._gauge(
            "brands_away", "Brands whose queues are at masters that do not answer: they wait, all others go on."
        )
        self.brands_left = self._gauge(
            "brands_left", "Brands left to processes of a newer version, which wrote their state."
        )

        self.warm_state_bytes = self._gauge(
            "warm_state_bytes", "What states of brands take in memory between two visits, as they say themselves."
        )
        self.warm_state_brands = self._gauge("warm_state_brands", "Brands whose state is in memory between two visits.")
        self.warm_states_dropped = self._counter(
            "warm_states_dropped",
            "States dropped from memory: for others that were used later (room), or larger than all may be (size).",
            "reason",
        )
        for reason in WARM_REASONS:
            self.warm_states_dropped.labels(reason)

    def _create_member_metrics(self) -> None:
        self.members = self._gauge("members", "Processes that live and share this Redis; the same from each of them.")
        self.members_quiet = self._gauge(
            "members_quiet", "Of these, those that an operator ordered to take no more brands, or to end."
        )
        self.members_disputed = self._gauge(
            "members_disputed", "Processes that were there before this one and have other settings."
        )

    def _create_process_metrics(self, merge_implementation: str) -> None:
        ProcessCollector(registry=self.registry)
        self.loop_delay = self._histogram(
            "event_loop_delay_seconds", "How late the event loop ran a task that was due.", DELAY_BUCKETS_S
        )
        self.build_info = self._gauge(
            "build_info", "Always 1; the labels say what is running.", "version", "merge_implementation", "python"
        )
        self.build_info.labels(__version__, merge_implementation, platform.python_version()).set(1)

    def _create_outside_metrics(self) -> None:
        self.episodes = self._counter("episodes_opened", "Episodes that opened, by their kind.", "kind")
        for kind in ("volume", "mood", "story"):
            self.episodes.labels(kind)
        self.alerts = self._counter(
            "alerts", "Alerts about episodes by delivery outcome, all routes together.", "outcome"
        )
        for outcome in ALERT_OUTCOMES:
            self.alerts.labels(outcome)
        self.alerts_waiting = self._gauge(
            "alerts_waiting",
            "Alerts in the outboxes of all registered brands that should have been told by the last look; the same from"
            " each process that tells alerts, NaN from others and without an answer.",
        )
        self.alerts_waiting.set(nan)
        self._create_route_metrics()
        self._create_archive_metrics()
        self.http_requests = self._counter("http_requests", "Answered HTTP requests by class of status.", "code")
        for code in ("2xx", "3xx", "4xx", "5xx"):
            self.http_requests.labels(code)
        self.http_turned_away = self._counter(
            "http_turned_away",
            "HTTP connections that had to go for others, and requests not answered for them.",
            "reason",
        )
        for reason in TURNED_AWAY:
            self.http_turned_away.labels(reason)
        self.event_subscribers = self._gauge("event_subscribers", "Open streams of summary updates.")
        self.updates_dropped = self._counter(
            "updates_dropped", "Summary updates that a slow subscriber did not get because newer ones came."
        )

    def _create_route_metrics(self) -> None:
        """Names of routes come from a file of ours: they are few, and plain."""
        self.route_alerts = self._counter("route_alerts", "Alerts of a route by delivery outcome.", "route", "outcome")
        self.route_waiting = self._gauge(
            "route_waiting",
            "Alerts that the route should have told by the last look; the same from each process.",
            "route",
        )
        self.route_kept = self._gauge(
            "route_kept", "Alerts that the route keeps for the end of quiet hours or the next digest.", "route"
        )
        self.route_failing = self._gauge(
            "route_failing", "1 while the endpoint of the route does not take what it is sent.", "route"
        )
        self.alert_routes_invalid = self._gauge(
            "alert_routes_invalid", "1 while the file of alert routes is not usable: those read before are in force."
        )

    def _create_archive_metrics(self) -> None:
        once = "The same from every process with an archive, NaN from others and where nobody could count for a minute."
        self.archive_waiting = self._gauge(
            "archive_waiting_bytes", f"What was consumed and is not in the archive yet, of all brands. {once}"
        )
        self.archive_oldest = self._gauge(
            "archive_oldest_seconds", f"For so long the oldest of it waits, 0 if none waits. {once}"
        )
        self.archive_late = self._gauge(
            "archive_late_seconds",
            f"For so long it waits beyond ARCHIVE_INTERVAL_SEC; a minute is in order. {once}",
        )
        self.archive_brands_full = self._gauge(
            "archive_brands_full", f"Brands of which as much waits as may, ARCHIVE_OUTBOX_MB, or more. {once}"
        )
        self.archive_skipped = self._gauge(
            "archive_skipped_records",
            f"Records that the archive does not have because there was no room for them, of all brands. {once}",
        )
        self.archive_gaps = self._gauge(
            "archive_gaps",
            f"Records that do not stand on the one before, because somebody committed without, of all brands. {once}",
        )
        for gauge in (self.archive_waiting, self.archive_oldest, self.archive_late):
            gauge.set(nan)
        for gauge in (self.archive_brands_full, self.archive_skipped, self.archive_gaps):
            gauge.set(nan)
        self.archive_failing = self._gauge(
            "archive_failing", "1 while the archive does not take what this process gives it."
        )
        self.archive_misplaced = self._gauge(
            "archive_misplaced",
            "1 while the place of ARCHIVE_URL is not the archive that Redis knows, and nothing is put there.",
        )
        self.archive_objects = self._counter("archive_objects", "Objects of records that this process put.")
        self.archive_records = self._counter("archive_records", "Records in them: commits.")
        self.archive_bytes = self._counter("archive_bytes", "What they took in Redis.")
        self.archive_bases = self._counter("archive_bases", "States of brands that this process put as bases.")
        self.archive_failures = self._counter(
            "archive_failures", "What could not be put and is tried again, by reason.", "reason"
        )
        for reason in ARCHIVE_FAILURES:
            self.archive_failures.labels(reason)

        self.archive_rounds = self._counter(
            "archive_rounds", "Rounds in which this process had closed days packed and old ones removed.", "outcome"
        )
        for outcome in TENDING_OUTCOMES:
            self.archive_rounds.labels(outcome)
        self.archive_untended = self._gauge(
            "archive_untended", "1 while the last round of this process failed, or left days as they are."
        )
        self.archive_unpacked = self._gauge(
            "archive_unpacked",
            "Closed days that the last round could not pack, of all brands; NaN where another process tends, or none"
            " did yet.",
        )
        self.archive_unpacked.set(nan)

    def archived(self, *, records: int, size: int) -> None:
        """Count one object that is in the archive."""
        self.archive_objects.inc()
        self.archive_records.inc(records)
        self.archive_bytes.inc(size)

    def archive_failed(self, reason: ArchiveFailure) -> None:
        """Count what could not be put."""
        self.archive_failures.labels(reason).inc()

    def add_route(self, route: str) -> None:
        """Begin to expose *route*."""
        for outcome in ROUTE_OUTCOMES:
            self.route_alerts.labels(route, outcome)
        for gauge in (self.route_waiting, self.route_kept):
            gauge.labels(route).set(nan)
        self.route_failing.labels(route).set(0)

    def remove_route(self, route: str) -> None:
        """Expose *route* no more."""
        for outcome in ROUTE_OUTCOMES:
            self.route_alerts.remove(route, outcome)
        for gauge in (self.route_waiting, self.route_kept, self.route_failing):
            gauge.remove(route)

    def redis_operation(self, operation: RedisOperation, seconds: float) -> None:
        """Observe one round trip; fits the store's observer hook."""
        (self.redis_read_latency if operation == "read" else self.redis_write_latency).observe(seconds)

    def commit(self, outcome: CommitOutcome) -> None:
        """Count a commit by its outcome."""
        self.commits.labels(outcome).inc()

    def lease(self, event: LeaseEvent) -> None:
        """Count a lease event."""
        self.lease_events.labels(event).inc()

    def failed(self, kind: FailedKind, chunks: int = 1) -> None:
        """Count chunks that went to the failed list."""
        self.chunks_failed.labels(kind).inc(chunks)

    def alert(self, outcome: AlertOutcome, route: str = "") -> None:
        """Count an alert's delivery outcome; *route* is the one that it is about, empty for none."""
        self.alerts.labels(outcome).inc()
        if route:
            self.route_alerts.labels(route, outcome).inc()

    def turned_away(self, reason: TurnedAway) -> None:
        """Count an HTTP connection that ended for others."""
        self.http_turned_away.labels(reason).inc()

    def merged(self, *, chunks: int, clusters: int, mentions: int, retimed: int, duplicates: int) -> None:
        """Count one committed batch; call it once the commit is known to have applied."""
        self.chunks_merged.inc(chunks)
        self.clusters_aggregated.inc(clusters)
        self.mentions_merged.inc(mentions)
        self.chunks_retimed.inc(retimed)
        self.chunks_duplicate.inc(duplicates)

    def odd(self, *, late: int, zoneless: int, implausible: int, conflicts: int) -> None:
        """Count the odd ones among the chunks of a committed batch."""
        self.chunks_conflicting.inc(conflicts)
        self.chunks_late.inc(late)
        self.chunks_zoneless.inc(zoneless)
        self.chunks_implausible.inc(implausible)

    def set_backlog(self, chunks: float, brands: float, oldest_s: float, paused_chunks: float) -> None:
        """Expose a count of all queues; NaN where nobody can count."""
        self.backlog_chunks.set(chunks)
        self.backlog_brands.set(brands)
        self.oldest_waiting.set(oldest_s)
        self.backlog_paused_chunks.set(paused_chunks)

    def set_orphans(self, queues: float, chunks: float, size: float) -> None:
        """Expose what waits in queues of unregistered brands; NaN where nobody can look."""
        self.orphan_queues.set(queues)
        self.orphan_chunks.set(chunks)
        self.orphan_bytes.set(size)

    def set_wake_mode(self, mode: WakeMode) -> None:
        """Expose which of the wake modes is in force."""
        for name in WAKE_MODES:
            self.wake_mode.labels(name).set(1 if name == mode else 0)

    def totals(self) -> Totals:
        """What was done since the start."""
        return Totals(
            chunks=_total(self.chunks_merged),
            mentions=_total(self.mentions_merged),
            brands=_total(self.brands_processed),
            duplicates=_total(self.chunks_duplicate),
            dead_letters=_total(self.chunks_failed),
            called_s=_total(self.io_time, "_sum") + _total(self.processing_time, "_sum"),
        )

    def render(self, accept: str = "") -> tuple[bytes, str]:
        """Expose all metrics in the format that *accept* asks for: (body, content type)."""
        # The client library's encoders are untyped where they are partials.
        encoder: Any
        for bring_up_to_date in self.before_scrape:
            bring_up_to_date()
        encoder, content_type = choose_encoder(accept)
        body: bytes = encoder(self.registry)
        return body, content_type

    async def sample_loop_delay(
        self,
        *,
        interval_s: float = LOOP_SAMPLE_INTERVAL_S,
        task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Measure for ever how late the event loop is; cancel it to stop."""
        task_status.started()
        while True:
            due_s = trio.current_time() + interval_s
            await trio.sleep_until(due_s)
            self.loop_delay.observe(max(0.0, trio.current_time() - due_s))


def _total(metric: Counter | Histogram, suffix: str = "_total") -> float:
    """The sum over all labels of *metric*."""
    return sum(sample.value for family in metric.collect() for sample in family.samples if sample.name.endswith(suffix))


def resident_memory_bytes() -> float:
    """Resident memory of this process: from /proc where there is one, else the peak that getrusage knows."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123 - a hot scrape path, no Path needed
            return float(int(file.read().split()[1]) * resource.getpagesize())
    except OSError:
        # ru_maxrss is in KiB, on macOS in bytes.
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return float(peak if sys.platform == "darwin" else peak * 1024)
