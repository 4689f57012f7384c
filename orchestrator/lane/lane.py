"""One brand's visit by a lane: lease → step after step → release, on trio.

Owns the cancel scope, the waiting and the retries of one visit; the work itself is a
:class:`~orchestrator.lane.session.Session` in a worker thread, so that a fold never blocks the event loop. A lane never
raises but for cancellation: how its visit ended is its outcome, and no failure of one brand reaches another.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from time import perf_counter
from typing import Final, TypeVar

import stamina
import structlog
import trio

from orchestrator import tracing
from orchestrator.errors import (
    LeaseLostError,
    OrchestratorError,
    StoreError,
    StoreRefusedError,
    StoreUnavailableError,
)
from orchestrator.fleet.parking import Code, code_of
from orchestrator.lane.hands import Hands
from orchestrator.lane.lifecycle import LaneState, Lifecycle
from orchestrator.lane.outcome import LaneOutcome
from orchestrator.lane.session import Session, Warm
from orchestrator.lane.step import Step
from orchestrator.lane.telling import Audience, Telling
from orchestrator.lane.trial import TrialRequest, survivors
from orchestrator.lane.turn import BURST_S, Clocks, Turn, Work
from orchestrator.process.backoff import CAP_S
from orchestrator.store.types import Lease

T = TypeVar("T")

_FIRST_RETRY_S: Final = 0.1
_RELEASE_DEADLINE_S: Final = 1.0


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
        lease_ttl_s: a lease that was acquired or renewed lives for so long.
    """

    fetch_timeout_s: float = 30.0
    max_retries: int = 3
    backoff_base: float = 2.0
    quantum_s: float = 0.5
    idle_peek_s: float = 1.0
    step_timeout_s: float = 30.0
    lease_ttl_s: float = 30.0


@dataclass(frozen=True, slots=True)
class LaneTools:
    """What lanes share.

    Attributes:
        new_session: makes the session of a brand, from what an earlier one left.
        audience: who is told of commits and failures.
        hinted: whether wake hints arrive now; without them no lane waits on a drained brand.
        hands: carry out what lanes compute.
        clocks: tell when turns are over, and how long steps compute.
        survivors: folds suspects in a process of their own.
    """

    new_session: Callable[[str, Warm | None], Session]
    audience: Audience
    hinted: Callable[[], bool]
    hands: Hands = field(default_factory=Hands)
    clocks: Clocks = field(default_factory=Clocks)
    survivors: Callable[[TrialRequest], Awaitable[int]] = survivors


class Lane:
    """One visit to one brand.

    Args:
        number: which of the concurrent lanes this is, for the log.
        warm: what an earlier visit left, used by this one alone.
        ready_s: since when the brand's chunks wait, on the event loop's clock; None: from now on.

    Attributes:
        code: why the brand is left alone or the visit failed, once it has ended; None: for no reason of the brand's.
        reason: what was found.
    """

    def __init__(
        self,
        brand: str,
        number: int,
        tools: LaneTools,
        options: LaneOptions,
        warm: Warm | None,
        *,
        ready_s: float | None = None,
    ) -> None:
        self.brand = brand
        self.number = number
        self.reason = ""
        self.code: Code | None = None
        self.woken = False
        self.warm: Warm | None = None
        self.lifecycle = Lifecycle(trio.current_time())
        self._tools = tools
        self._options = options
        self._session = tools.new_session(brand, warm)
        self._turn = Turn(options.quantum_s, tools.clocks.wall)
        self._telling = Telling(brand, tools.audience, trio.current_time() if ready_s is None else ready_s)
        self._scope = trio.CancelScope()
        self._nudge = trio.Event()
        self._idle_since_s: float | None = None
        self._lost = False
        self._extended_s = trio.current_time()  # no lease of this visit was acquired before
        self._call: Callable[[], object] | None = None  # asked for, whether it is begun or not
        self._in_call = False
        self._work = Work(tools.clocks.cpu, long=warm is not None and warm.long)
        self._lease_told = False

    # -- what others may ask of a lane

    def wake(self) -> None:
        """A hint says that the brand has work."""
        self.woken = True
        self._nudge.set()

    def show_anew(self) -> None:
        """Readers may see something else than they should: show all of it."""
        self._session.show_anew()
        self.wake()

    def ask_to_yield(self) -> None:
        """Another brand waits for a lane: let go when idle, or when this brand's turn is over."""
        self._turn.ask_to_yield()
        self._nudge.set()

    def stop(self) -> None:
        """Let go as soon as the step under way is committed; a lane between two steps stops at once."""
        self._turn.stop()
        self._nudge.set()
        # A thread may begin with the call at this moment: then it is waited for, and its lease given back.
        if self._call is None or self._tools.hands.withdraw(self._call):
            self._scope.cancel()

    def renewed(self, sent_s: float) -> None:
        """The lease was renewed by what was sent at *sent_s*: it cannot expire before its ttl from then on is over."""
        self._extended_s = sent_s

    def lose(self) -> None:
        """The lease is somebody else's: stop at once; what is under way will be refused by Redis."""
        self._lost = True
        self._scope.cancel()

    @property
    def lease(self) -> Lease | None:
        """The lease to renew, None before it is acquired and after it is released."""
        return self._session.lease

    @property
    def state(self) -> LaneState:
        """What the lane is doing; its thread may have the lease already, and work under it."""
        state = self.lifecycle.state
        return LaneState.FOLDING if state is LaneState.LEASING and self._session.opened else state

    @property
    def waiting(self) -> bool:
        """Whether the lane is idle on a drained brand."""
        return self.lifecycle.state is LaneState.WAITING

    @property
    def in_call(self) -> bool:
        """Whether a thread works for the lane."""
        return self._in_call

    @property
    def commits(self) -> int:
        """Commits of this visit."""
        return self._telling.commits

    # -- the visit

    async def run(self) -> LaneOutcome:
        """Visit the brand until it is drained, its turn is over or the visit fails.

        Cancellation leaves either a committed batch or nothing; the lease is released if Redis answers.
        """
        with (
            tracing.span("lane", {"brand": self.brand, "lane": self.number}, current=True),
            structlog.contextvars.bound_contextvars(brand=self.brand, lane=self.number, **tracing.ids()),
        ):
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
        found = "is gone before its time" if self._taken else "was not renewed in time"
        return self._explain(LeaseLostError(f"brand {self.brand!r}: the lease {found}"))

    @property
    def _taken(self) -> bool:
        """Whether a lease that is gone by now cannot have expired: an operator took it, or Redis lost its lock."""
        return trio.current_time() < self._extended_s + self._options.lease_ttl_s

    async def _visit(self) -> LaneOutcome:
        try:
            while (outcome := await self._round()) is None:
                pass
        except OrchestratorError as error:
            return self._explain(error)
        except trio.TooSlowError:
            self._session.hung()
            self.code, self.reason = Code.SLOW, f"a step took longer than {self._options.step_timeout_s:g} s"
            self._telling.failed(self.reason)
        except Exception as error:  # noqa: BLE001 - a defect in a fold is one brand's misfortune, never the process's
            self.code, self.reason = Code.DEFECT, f"the fold failed: {type(error).__name__}"
            self._telling.ended_by_defect(error)
        else:
            return outcome
        return LaneOutcome.FAILED

    def _explain(self, error: OrchestratorError) -> LaneOutcome:
        self.code, self.reason = code_of(error), str(error).removeprefix(f"brand {self.brand!r}: ")
        outcome = self._telling.ended_by(error, taken=isinstance(error, LeaseLostError) and self._taken)
        # A commit that was fenced or got no answer in time may pass when it is smaller.
        if outcome is LaneOutcome.LOST or (outcome is LaneOutcome.FAILED and self._session.committing):
            self._session.lost()
        return outcome

    async def _round(self) -> LaneOutcome | None:
        """One burst of steps, and what follows from it; how the visit ends, or None to go on."""
        if self._session.opened:
            self._enter(LaneState.FOLDING)
        if not self._session.prefetched:
            self.woken = False  # a hint may be younger than a peek that came with the last commit
        try:
            *done, step = await self._retry(self._burst)
        finally:
            self._tell_lease()
        self._enter(LaneState.FOLDING)
        self._telling.steps(done, trio.current_time())
        if step.suspect:
            if self._turn.stopping:
                return LaneOutcome.YIELDED  # a trial may take longer than a stop
            await self._try_suspect()
            # Even if the turn ended meanwhile: the verdict goes with the session, and the next visit would try again.
            return LaneOutcome.YIELDED if self._turn.stopping else None
        if step.idle:
            # Without a lease the burst has ended the session, also if its release got no answer: a new visit goes on.
            if self._session.lease is None or not await self._wait_for_work():
                return LaneOutcome.DRAINED
        else:
            self._idle_since_s = None
            self._telling.steps([step], trio.current_time())
        # First every failure is told of, every fold gets into its commit, and every verdict is acted on.
        if self._turn.over and not (self._session.failing or self._session.engaged or self._judging):
            return LaneOutcome.YIELDED
        return None

    def _tell_lease(self) -> None:
        """Once, and before what was done under it."""
        if not self._lease_told and (taken_over := self._session.taken_over) is not None:
            self._lease_told = True
            self._telling.leased(taken_over)

    @property
    def _judging(self) -> bool:
        return self._session.judging and not self._turn.stopping

    async def _wait_for_work(self) -> bool:
        """Wait for a hint on a drained brand; False if there will be no more work for now."""
        now_s = trio.current_time()
        if self._idle_since_s is None:
            self._idle_since_s = now_s
        if self.woken:
            return True
        self._enter(LaneState.WAITING)
        deadline_s = self._idle_since_s + self._options.fetch_timeout_s
        if self._turn.contested or not self._tools.hinted() or deadline_s <= now_s:
            return False
        self._nudge = trio.Event()
        with trio.move_on_at(min(deadline_s, now_s + self._options.idle_peek_s)):
            await self._nudge.wait()
        self._telling.noticed(trio.current_time())
        return self.woken or not self._turn.contested

    async def _try_suspect(self) -> None:
        self._enter(LaneState.TRYING)
        request = await self._retry(self._session.trial)
        if self._turn.stopping:
            return  # a stop does not cancel a call into the thread, and a trial may take longer than the stop has
        survived = await self._tools.survivors(request)
        self._telling.tried(survived=survived, items=len(request.items))
        self._session.judge(survived)

    # -- threads and retries

    def _burst(self) -> list[Step]:
        return self._session.burst(self._turn.burst(BURST_S))

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
        if self._turn.stopping or not isinstance(error, StoreUnavailableError | StoreRefusedError):
            return False
        self._telling.retried(error, committing=self._session.committing)
        return True

    async def _in_thread(self, call: Callable[[], T]) -> T:
        measured, result = self._work.measured(call), None
        begun_s = 0.0

        def begun() -> T:
            nonlocal begun_s
            begun_s, self._in_call = perf_counter(), True
            return measured()

        self._call = begun
        try:
            # Abandoning is always safe: what the thread still does is one commit, whole or not at all.
            result = await self._tools.hands.run(begun, timeout_s=self._options.step_timeout_s, long=self._work.long)
        except (trio.Cancelled, trio.TooSlowError):
            self._turn.give_up()
            raise
        else:
            return result
        finally:
            self._call = None
            if self._in_call:
                self._in_call = False
                self._telling.called(perf_counter() - begun_s, result)

    async def _let_go(self, *, clean: bool) -> None:
        """Release the lease; shielded, because a lock left behind costs the brand its whole ttl."""
        self._enter(LaneState.RELEASING)
        # Before the release: from then on another orchestrator may commit, and this one's state is only what it was.
        self.warm = self._session.settle() if clean else self._session.abandon()
        self.warm.long = self._work.long
        released = self._session.released
        if self._session.owes_release:
            released = await self._give_back()
        if released:
            self._telling.released()
        self._enter(LaneState.CLOSED)

    async def _give_back(self) -> bool:
        with trio.move_on_after(_RELEASE_DEADLINE_S, shield=True):
            try:
                return await trio.to_thread.run_sync(
                    self._session.release, limiter=trio.CapacityLimiter(1), abandon_on_cancel=True
                )
            except StoreError as error:
                self._telling.not_released(error)
        return False

    def _enter(self, state: LaneState) -> None:
        self.lifecycle.enter(state, trio.current_time())
