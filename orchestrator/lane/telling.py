"""What a visit tells: steps and errors become metrics, log lines and alerts.

Owns which error ends a visit how; that is all it decides. Never waits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import time_ns
from typing import Final

import structlog

from orchestrator.contract.fingerprint import Comparison, Verdict
from orchestrator.errors import (
    ArchiveBehindError,
    BrandBusyError,
    BrandPausedError,
    ClockSkewError,
    DeadLetterFullError,
    InvalidStateError,
    LeaseLostError,
    NewerStateError,
    OrchestratorError,
    QueueMovedError,
    SettingsRefusedError,
    StaleStateError,
    StoreUnavailableError,
    TrialError,
    WrongTypeError,
)
from orchestrator.fleet.parking import code_of, remedy
from orchestrator.lane.outcome import LaneOutcome
from orchestrator.lane.step import Step
from orchestrator.process.metrics import CommitOutcome, Metrics

OUTCOMES: Final[tuple[tuple[type[OrchestratorError], LaneOutcome, CommitOutcome | None], ...]] = (
    (BrandBusyError, LaneOutcome.BUSY, None),
    (BrandPausedError, LaneOutcome.PAUSED, None),
    (NewerStateError, LaneOutcome.LEFT, None),
    # Nobody's failure, and told once by the scheduler, which starts no lane until the clocks agree.
    (ClockSkewError, LaneOutcome.YIELDED, None),
    (LeaseLostError, LaneOutcome.LOST, "fenced"),
    (StaleStateError, LaneOutcome.LOST, "stale"),
    (QueueMovedError, LaneOutcome.LOST, "head"),
    (WrongTypeError, LaneOutcome.PARKED, "wrong_type"),
    (DeadLetterFullError, LaneOutcome.FULL, "dead_letter_full"),
    (ArchiveBehindError, LaneOutcome.FULL, "archive_full"),
    (InvalidStateError, LaneOutcome.PARKED, None),
    (SettingsRefusedError, LaneOutcome.PARKED, None),
    # Whatever keeps trials from being held does not go away by trying: health names it, and the brand is tried rarely.
    (TrialError, LaneOutcome.PARKED, None),
    (OrchestratorError, LaneOutcome.FAILED, None),
)
"""How each error ends a visit, and what it makes of the commit; the first that fits."""


def tell_nobody(_brand: str) -> None:
    """The alert of a service without an endpoint for alerts."""


_REMEMBERED: Final = 64
"""Changes of settings that are remembered as told: a process has one set, and meets few others in its life. And brands
whose conflicts were."""

CONFLICTS_EVERY_MS: Final = 60_000
"""A brand's conflicts are logged at most so often; their metric counts them all."""


@dataclass(frozen=True, slots=True)
class Audience:
    """Who is told.

    Attributes:
        metrics: counts.
        committed: called with the brand, and the chunks left in its queue, after every commit.
        alert: called with a brand whose commit wrote alerts into its outbox; must not wait.
        wall_ms: Unix milliseconds of this machine.
        changes: of settings that the log has already: one line each, however many brands take them over.
        conflicts: when the log was last told of a brand's conflicts, Unix ms.
    """

    metrics: Metrics
    committed: Callable[[str, int], None]
    alert: Callable[[str], None] = tell_nobody
    wall_ms: Callable[[], int] = lambda: time_ns() // 1_000_000
    changes: set[str] = field(default_factory=set)
    conflicts: dict[str, int] = field(default_factory=dict)


class Telling:
    """What one visit of *brand* tells its *audience*.

    Attributes:
        commits: how many were told of.
    """

    def __init__(self, brand: str, audience: Audience, ready_s: float) -> None:
        self.commits = 0
        self._brand = brand
        self._audience = audience
        self._metrics = audience.metrics
        self._noticed_s = ready_s
        self._log = structlog.get_logger("orchestrator.lane")

    def noticed(self, now_s: float) -> None:
        """There may be work; from now on it waits for this lane."""
        self._noticed_s = now_s

    def leased(self, taken_over: Comparison) -> None:
        """The lease was acquired, and the next commit replaces the settings of the last one."""
        self._metrics.lease("acquired")
        if taken_over.verdict is Verdict.SAME:
            return
        change = str(taken_over)
        if taken_over.verdict is Verdict.WOULD_LOSE:
            # A line for each brand: it is the only record of what is gone for good from now on.
            self._log.warning("settings adopted, history that does not fit them goes", changed=change)
        elif change not in self._audience.changes:
            if len(self._audience.changes) >= _REMEMBERED:
                self._audience.changes.clear()
            self._audience.changes.add(change)
            self._log.info("settings taken over, as for every brand that has the same ones", changed=change)

    def released(self) -> None:
        """The lease was given back."""
        self._metrics.lease("released")

    def not_released(self, error: Exception) -> None:
        """The lease could not be given back."""
        self._log.info("lease not released, it will expire", reason=str(error))

    def called(self, seconds: float, done: object) -> None:
        """A call into the thread took *seconds* and returned *done*: steps, if it stepped."""
        steps = done if isinstance(done, list) else []
        folded_s = sum(step.fold_s for step in steps)
        # Not below zero: a step that is resumed tells of a fold before this call.
        io_s = max(0.0, seconds - folded_s) / max(1, len(steps))
        for _ in range(max(1, len(steps))):
            self._metrics.io_time.observe(io_s)

    def retried(self, error: Exception, *, committing: bool) -> None:
        """A call is tried again after *error* of Redis."""
        self._metrics.lane_retries.inc()
        if committing:
            self._metrics.commit("unavailable" if isinstance(error, StoreUnavailableError) else "refused")

    def tried(self, *, survived: int, items: int) -> None:
        """So many of the suspects survived their trial, until one did not."""
        self._metrics.trials.labels("survived" if survived == items else "died").inc()
        self._log.warning("suspect chunks tried", survived=survived, chunks=items)

    def steps(self, steps: Sequence[Step], now_s: float) -> None:
        """Each of *steps* committed something."""
        for step in steps:
            self._committed(step, now_s)

    def _committed(self, step: Step, now_s: float) -> None:
        metrics, fold = self._metrics, step.fold
        self.commits += 1
        self._audience.committed(self._brand, step.queued)
        if step.alerts:
            self._audience.alert(self._brand)
        for kind in step.opened:
            metrics.episodes.labels(kind).inc()
        for _ in range(step.alerts_dropped):
            metrics.alert("dropped")
        if step.alerts_dropped:
            self._log.warning("oldest alerts dropped, the outbox is full", dropped=step.alerts_dropped)
        metrics.queue_lag.observe(now_s - self._noticed_s)
        self._noticed_s = now_s
        if fold.oldest_ms:
            # A worker's clock may be ahead.
            metrics.freshness.observe(max(0.0, (self._audience.wall_ms() - fold.oldest_ms) / 1000))
        metrics.commit("duplicate" if step.duplicate_commit else "ok")
        metrics.processing_time.observe(step.fold_s)
        metrics.batch_chunks.observe(step.items)
        metrics.merged(
            chunks=fold.chunks,
            clusters=fold.clusters,
            mentions=fold.mentions,
            retimed=fold.retimed,
            duplicates=step.duplicates,
        )
        metrics.odd(late=fold.late, zoneless=fold.zoneless, implausible=fold.implausible, conflicts=step.conflicts)
        if step.conflicts:
            self._tell_conflicts(step)
        if step.failed:
            metrics.failed("poison" if step.poisoned else "invalid", step.failed)
            self._log.warning("chunks failed", failed=step.failed, poisoned=step.poisoned)
        if step.failed_dropped:
            metrics.dead_letters_dropped.inc(step.failed_dropped)
            self._log.warning("oldest dead letters dropped", dropped=step.failed_dropped)
        self._log.debug("batch committed", chunks=fold.chunks, duplicates=step.duplicates, queued=step.queued)

    def _tell_conflicts(self, step: Step) -> None:
        """Once a minute for each brand: a worker whose counter began anew brings nothing else."""
        told, now_ms = self._audience.conflicts, self._audience.wall_ms()
        if now_ms - told.get(self._brand, 0) < CONFLICTS_EVERY_MS:
            return
        if len(told) >= _REMEMBERED:
            told.clear()
        told[self._brand] = now_ms
        self._log.warning(
            "chunks have the ids of others that were counted, and other numbers",
            conflicts=step.conflicts,
            chunk_ids=list(step.conflicting),
        )

    def ended_by(self, error: OrchestratorError, *, taken: bool = False) -> LaneOutcome:
        """How *error* ends the visit; *taken*: the lease went before it could expire, which is no fault here."""
        outcome, commit = next((outcome, commit) for kind, outcome, commit in OUTCOMES if isinstance(error, kind))
        metrics = self._metrics
        if commit is not None:
            metrics.commit(commit)
        if outcome is LaneOutcome.BUSY:
            metrics.lease("busy")
            self._log.debug("brand is busy elsewhere")
        elif outcome is LaneOutcome.PAUSED:
            self._log.debug("brand is paused", reason=str(error))  # told once by discovery, as every pause
        elif outcome is LaneOutcome.LEFT:
            self._log.debug("brand left to a newer version", reason=str(error))  # the scheduler tells it, once
        elif outcome is LaneOutcome.YIELDED:
            self._log.debug("brand let go: clocks differ", reason=str(error))
        elif outcome is LaneOutcome.LOST:
            metrics.lease("taken" if taken else "lost")
            self._log.warning("lease taken away" if taken else "lease lost", reason=str(error))
        elif outcome in {LaneOutcome.PARKED, LaneOutcome.FULL}:
            code = code_of(error)
            helps = "" if code is None else remedy(code, self._brand)
            self._log.error("brand parked", reason=str(error), code=code, remedy=helps)
        else:
            metrics.lane_failures.inc()
            self._log.warning("lane gave up", reason=str(error))
        return outcome

    def ended_by_defect(self, error: Exception) -> None:
        """A fold raised what is no error of ours; called while that is handled, for its traceback."""
        self._log.exception("fold failed")
        self.failed(type(error).__name__)

    def failed(self, reason: str) -> None:
        """The visit failed."""
        self._metrics.lane_failures.inc()
        self._log.error("lane failed", reason=reason)
