"""One brand's visit by a lane: lease → step after step → release, on trio.

Owns the cancel scope, the waiting and the retries of one visit; the work itself is
a :class:`~orchestrator.lane.session.BrandSession` in a worker thread, so that a
fold never blocks the event loop. A lane never raises but for cancellation: how its
visit ended is its outcome, and no failure of one brand reaches another.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from time import perf_counter
from typing import Final, TypeVar

import stamina
import structlog
import trio

from orchestrator.brand.spikes import EpisodeChange
from orchestrator.errors import (
    BrandBusyError,
    DeadLetterFullError,
    InvalidStateError,
    LeaseLostError,
    OrchestratorError,
    QueueMovedError,
    StaleStateError,
    StoreError,
    StoreRefusedError,
    StoreUnavailableError,
    WrongTypeError,
)
from orchestrator.lane.baton import Baton
from orchestrator.lane.lifecycle import LaneState, Lifecycle
from orchestrator.lane.outcome import LaneOutcome
from orchestrator.lane.session import BrandSession, SessionConfig, Step, Warm
from orchestrator.lane.trial import TrialLimits, TrialRequest, survives
from orchestrator.process import failpoints
from orchestrator.process.backoff import CAP_S
from orchestrator.process.metrics import CommitOutcome, Metrics
from orchestrator.store.store import Store
from orchestrator.store.types import Lease

T = TypeVar("T")

_OUTCOMES: Final[tuple[tuple[type[OrchestratorError], LaneOutcome, CommitOutcome | None], ...]] = (
    (BrandBusyError, LaneOutcome.BUSY, None),
    (LeaseLostError, LaneOutcome.LOST, "fenced"),
    (StaleStateError, LaneOutcome.LOST, "stale"),
    (QueueMovedError, LaneOutcome.LOST, "head"),
    (WrongTypeError, LaneOutcome.PARKED, "wrong_type"),
    (DeadLetterFullError, LaneOutcome.PARKED, "dead_letter_full"),
    (InvalidStateError, LaneOutcome.PARKED, None),
    (StoreUnavailableError, LaneOutcome.FAILED, None),
    (StoreRefusedError, LaneOutcome.FAILED, None),
    (OrchestratorError, LaneOutcome.FAILED, None),
)

_BURST_S = 0.03
"""A lane holds the baton so long, while there is work: to the thread and back costs as much as 50 small chunks."""

_FIRST_RETRY_S = 0.1
_RELEASE_DEADLINE_S = 1.0


@dataclass(frozen=True, slots=True)
class LaneOptions:
    """What is the same for every lane of one orchestrator.

    Attributes:
        fetch_timeout_s: how long a lane waits for work on a drained brand before it lets go.
        max_retries: tries again after a failure before the lane gives up.
        backoff_base: factor between two waits.
        quantum_s: how long a brand with work keeps its lane while another one waits.
        idle_peek_s: a waiting lane looks at its queue this often even without a hint.
        step_timeout_s: a step that takes longer is given up and its thread abandoned.
    """

    fetch_timeout_s: float = 30.0
    max_retries: int = 3
    backoff_base: float = 2.0
    quantum_s: float = 0.5
    idle_peek_s: float = 1.0
    step_timeout_s: float = 30.0


def tell_nobody(_brand: str, _change: EpisodeChange) -> None:
    """The alert of a service without an endpoint for alerts."""


@dataclass(frozen=True, slots=True)
class LaneTools:
    """What lanes share: the store and where to count.

    Attributes:
        hinted: whether wake hints arrive now; without them no lane waits on a drained brand.
        committed: called with the brand after every commit.
        alert: called with a brand and each episode that a commit of it opened or closed; must not wait.
        baton: held by the lane that computes.
    """

    store: Store
    session: SessionConfig
    metrics: Metrics
    hinted: Callable[[], bool]
    committed: Callable[[str], None]
    alert: Callable[[str, EpisodeChange], None] = tell_nobody
    baton: Baton = field(default_factory=Baton)


class Lane:
    """One visit to one brand.

    Args:
        number: which of the concurrent lanes this is, for the log.
        warm: what an earlier visit left, used by this one alone.
    """

    def __init__(self, brand: str, number: int, tools: LaneTools, options: LaneOptions, warm: Warm | None) -> None:
        self.brand = brand
        self.number = number
        self.reason = ""
        self.woken = False
        self.commits = 0
        self.warm: Warm | None = None
        self.lifecycle = Lifecycle(trio.current_time())
        self._tools = tools
        self._options = options
        self._session = BrandSession(tools.store, tools.session, brand, warm)
        self._scope = trio.CancelScope()
        # Of its own: a hanging fold holds its place for ever, and shared places would run out for all brands.
        self._step_limiter = trio.CapacityLimiter(1)
        self._nudge = trio.Event()
        self._started_s = self._noticed_s = trio.current_time()
        self._turn_s = perf_counter()  # the same moment on a clock that every thread can read
        self._yield_asked = False
        self._stopping = False
        self._lost = False
        self._given_up = False  # nobody waits any more for the thread that steps
        self._in_call = False
        self._log = structlog.get_logger("orchestrator.lane")

    # -- what others may ask of a lane

    def wake(self) -> None:
        """A hint says that the brand has work."""
        self.woken = True
        self._nudge.set()

    def ask_to_yield(self) -> None:
        """Another brand waits for a lane: let go when idle, or when this brand's turn is over."""
        self._yield_asked = True
        self._nudge.set()

    def stop(self) -> None:
        """Let go as soon as the step under way is committed; a lane between two steps stops at once."""
        self._stopping = True
        self._nudge.set()
        if not self._in_call:
            self._scope.cancel()

    def lose(self) -> None:
        """The lease is somebody else's: stop at once; what is under way will be refused by Redis."""
        self._lost = True
        self._scope.cancel()

    @property
    def lease(self) -> Lease | None:
        """The lease to renew, None before it is acquired and after it is released."""
        return self._session.lease

    @property
    def waiting(self) -> bool:
        """Whether the lane is idle on a drained brand."""
        return self.lifecycle.state is LaneState.WAITING

    # -- the visit

    async def run(self) -> LaneOutcome:
        """Visit the brand until it is drained, its turn is over or the visit fails.

        Cancellation leaves either a committed batch or nothing; the lease is released if Redis answers.
        """
        with structlog.contextvars.bound_contextvars(brand=self.brand, lane=self.number):
            outcome = LaneOutcome.LOST
            try:
                with self._scope:
                    outcome = await self._visit()
                if self._scope.cancelled_caught:
                    outcome = self._explain_cancel()
            finally:
                await self._let_go(clean=outcome in {LaneOutcome.DRAINED, LaneOutcome.YIELDED})
            return outcome

    def _explain_cancel(self) -> LaneOutcome:
        if not self._lost:
            return LaneOutcome.YIELDED
        return self._explain(LeaseLostError(f"brand {self.brand!r}: the lease was not renewed in time"))

    async def _visit(self) -> LaneOutcome:
        try:
            await self._retry(self._session.open)
            self._tools.metrics.lease("acquired")
            return await self._work()
        except OrchestratorError as error:
            return self._explain(error)
        except trio.TooSlowError:
            self._session.lost()
            self.reason = f"a step took longer than {self._options.step_timeout_s:g} s"
        except Exception as error:  # noqa: BLE001 - a defect in a fold is one brand's misfortune, never the process's
            self._log.exception("fold failed")
            self.reason = type(error).__name__
        self._tools.metrics.lane_failures.inc()
        self._log.error("lane failed", reason=self.reason)
        return LaneOutcome.FAILED

    def _explain(self, error: OrchestratorError) -> LaneOutcome:
        outcome, commit_outcome = next((outcome, name) for kind, outcome, name in _OUTCOMES if isinstance(error, kind))
        metrics = self._tools.metrics
        self.reason = str(error)
        if commit_outcome is not None:
            metrics.commit(commit_outcome)
        if outcome is LaneOutcome.BUSY:
            metrics.lease("busy")
            self._log.debug("brand is busy elsewhere")
        elif outcome is LaneOutcome.LOST:
            metrics.lease("lost")
            self._session.lost()
            self._log.warning("lease lost", reason=self.reason)
        elif outcome is LaneOutcome.PARKED:
            self._log.error("brand parked", reason=self.reason)
        else:
            if self._session.committing:
                self._session.lost()
            metrics.lane_failures.inc()
            self._log.warning("lane gave up", reason=self.reason)
        return outcome

    async def _work(self) -> LaneOutcome:
        idle_since_s: float | None = None
        while True:
            self._enter(LaneState.FOLDING)
            if not self._session.prefetched:
                self.woken = False  # a hint may be younger than a peek that came with the last commit
            *done, step = await self._retry(self._burst)
            for earlier in done:
                self._tell(earlier)
            if step.suspect:
                if self._stopping:
                    return LaneOutcome.YIELDED  # a trial may take longer than a stop
                await self._try_suspect()
            elif step.idle:
                self._tools.metrics.queued(self.brand, 0)
                if idle_since_s is None:
                    idle_since_s = trio.current_time()
                if not await self._wait_for_work(idle_since_s + self._options.fetch_timeout_s):
                    return LaneOutcome.DRAINED
            else:
                idle_since_s = None
                self._tell(step)
            if self._turn_is_over() and not (self._session.failing or self._session.engaged):
                return LaneOutcome.YIELDED

    def _turn_is_over(self) -> bool:
        in_turn_s = trio.current_time() - self._started_s
        return self._stopping or (self._yield_asked and in_turn_s >= self._options.quantum_s)

    async def _wait_for_work(self, deadline_s: float) -> bool:
        """Wait for a hint on a drained brand; False if there will be no more work for now."""
        if self.woken:
            return True
        self._enter(LaneState.WAITING)
        until_s = min(deadline_s, trio.current_time() + self._options.idle_peek_s)
        if self._yield_asked or self._stopping or not self._tools.hinted() or deadline_s <= trio.current_time():
            return False
        self._nudge = trio.Event()
        with trio.move_on_at(until_s):
            await self._nudge.wait()
        self._noticed_s = trio.current_time()
        return self.woken or not (self._yield_asked or self._stopping)

    async def _try_suspect(self) -> None:
        self._enter(LaneState.TRYING)
        item, fields = await self._retry(self._session.trial)
        config = self._tools.session
        lease = self._session.lease
        request = TrialRequest(
            brand=self.brand,
            item=item,
            fields=fields,
            fold=config.fold,
            max_chunk_bytes=config.limits.max_chunk_bytes,
            now_ms=lease.now_ms if lease else 0,
            limits=TrialLimits.for_chunks(config.limits.max_chunk_bytes),
            failpoint_spec=failpoints.armed_spec(),
        )
        survived = await survives(request)
        self._log.warning("suspect chunk tried", survived=survived, item_bytes=len(item))
        self._session.judge(died=not survived)

    # -- threads and retries

    def _burst(self) -> list[Step]:
        until_s = perf_counter() + _BURST_S
        return self._session.burst(lambda: perf_counter() < until_s and self._goes_on(), self._goes_on)

    def _goes_on(self) -> bool:
        """Whether there will be another step, as far as one can tell in any thread."""
        turn_is_over = self._yield_asked and perf_counter() - self._turn_s >= self._options.quantum_s
        return not (self._given_up or self._stopping or turn_is_over)

    async def _retry(self, call: Callable[[], T]) -> T:
        """Carry out *call* in a thread; a failure of Redis is retried with exponential backoff."""
        try:
            return await self._in_thread(call)
        except (StoreUnavailableError, StoreRefusedError) as error:
            failure: StoreError | None = error
        # Only now, because stamina's context costs as much as the way to the thread: it is told of the failure first.
        attempts = stamina.retry_context(
            on=self._retries,
            attempts=self._options.max_retries + 1,
            timeout=None,
            wait_initial=_FIRST_RETRY_S,
            wait_max=CAP_S,
            wait_jitter=_FIRST_RETRY_S,
            wait_exp_base=self._options.backoff_base,
        )
        async for attempt in attempts:
            with attempt:
                if failure is not None:
                    known, failure = failure, None
                    raise known
                return await self._in_thread(call)
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _retries(self, error: Exception) -> bool:
        if self._stopping or not isinstance(error, StoreUnavailableError | StoreRefusedError):
            return False
        metrics = self._tools.metrics
        metrics.lane_retries.inc()
        if self._session.committing:
            metrics.commit("unavailable" if isinstance(error, StoreUnavailableError) else "refused")
        return True

    async def _in_thread(self, call: Callable[[], T]) -> T:
        async with self._tools.baton.held():
            return await self._with_baton(call)

    async def _with_baton(self, call: Callable[[], T]) -> T:
        self._in_call = True
        begun_s, folded = perf_counter(), [0.0]
        try:
            with trio.fail_after(self._options.step_timeout_s):
                # Abandoning is always safe: what the thread still does is one commit, whole or not at all.
                result = await trio.to_thread.run_sync(call, limiter=self._step_limiter, abandon_on_cancel=True)
                if isinstance(result, list):
                    folded = [step.fold_s for step in result]
                return result
        except (trio.Cancelled, trio.TooSlowError):
            self._given_up = True
            raise
        finally:
            self._in_call = False
            # Not below zero: a step that is resumed tells of a fold before this call.
            io_s = max(0.0, perf_counter() - begun_s - sum(folded)) / len(folded)
            for _ in folded:
                self._tools.metrics.io_time.observe(io_s)

    async def _let_go(self, *, clean: bool) -> None:
        """Release the lease; shielded, because a lock left behind costs the brand its whole ttl."""
        self._enter(LaneState.RELEASING)
        self._tools.metrics.queued(self.brand, 0)
        self.warm = self._session.settle() if clean else self._session.abandon()
        with trio.move_on_after(_RELEASE_DEADLINE_S, shield=True):
            try:
                released = await trio.to_thread.run_sync(
                    self._session.release, limiter=trio.CapacityLimiter(1), abandon_on_cancel=True
                )
                if released:
                    self._tools.metrics.lease("released")
            except StoreError as error:
                self._log.info("lease not released, it will expire", reason=str(error))
        self._enter(LaneState.CLOSED)

    # -- telling

    def _enter(self, state: LaneState) -> None:
        self.lifecycle.enter(state, trio.current_time())

    def _tell(self, step: Step) -> None:
        metrics, fold = self._tools.metrics, step.fold
        self.commits += 1
        self._tools.committed(self.brand)
        for change in step.alerts:
            self._tools.alert(self.brand, change)
        now_s = trio.current_time()
        metrics.queue_lag.observe(now_s - self._noticed_s)
        self._noticed_s = now_s
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
        metrics.queued(self.brand, step.queued)
        if step.failed:
            metrics.failed("poison" if step.poisoned else "invalid", step.failed)
            self._log.warning("chunks failed", failed=step.failed, poisoned=step.poisoned)
        if step.failed_dropped:
            metrics.dead_letters_dropped.inc(step.failed_dropped)
            self._log.warning("oldest dead letters dropped", dropped=step.failed_dropped)
        self._log.debug("batch committed", chunks=fold.chunks, duplicates=step.duplicates, queued=step.queued)
