"""A session that does what a test scripted, and threads that virtual time knows of.

The autojump clock does not wait for threads: with a real one in flight every
time-out would fire at once. So what the lane sends to a thread is carried out in
place here, and a scripted action may take virtual time, be cancelled, or never end.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
import trio

from orchestrator.contract.fingerprint import NO_CHANGE, Comparison
from orchestrator.lane.hands import LONG_S, SHORT_S, Hands
from orchestrator.lane.lane import Lane, LaneOptions, LaneTools
from orchestrator.lane.outcome import LaneOutcome
from orchestrator.lane.session import Allowance, Session, Warm
from orchestrator.lane.sizer import BatchSizer
from orchestrator.lane.step import Step
from orchestrator.lane.telling import Audience
from orchestrator.lane.trial import TrialLimits, TrialRequest, survivors
from orchestrator.lane.turn import Clocks
from orchestrator.process.metrics import Metrics
from orchestrator.store.types import Lease
from tests.lane.support import CONFIG

IDLE = Step(idle=True)
LEASE = Lease("nike", "token", 1, 0, "", 0, 0, 0, 0)

Action = Any  # a value to return, an exception to raise, or Takes


@dataclass(frozen=True)
class Takes:
    """An action that takes virtual time before it ends as *then* says."""

    seconds: float
    then: Action = IDLE


@dataclass
class Script:
    """What a session will do, and what it was asked to do.

    Attributes:
        opens: actions of ``open``, in order; then it returns a lease.
        steps: actions of ``step``, in order; then the queue is empty.
        engaged_for: bursts until nothing is folded that has to be committed.
        judging_for: bursts until the last verdict was acted on.
        ends: whether a burst that finds nothing to do gives the lease back where it may; as *release* says.
        hung: steps that did not end in time.
        failing: whether a burst ended in a failure that the next one raises.
        may_go_on: what the last burst was given to ask before another step.
        calls: (virtual time, method) of everything that was asked.
        computed_s: processor time of the steps so far: they do nothing else.
    """

    opens: deque[Action] = field(default_factory=deque)
    steps: deque[Action] = field(default_factory=deque)
    release: Action = True
    engaged_for: int = 0
    judging_for: int = 0
    ends: bool = False
    hung: int = 0
    failing: bool = False
    may_go_on: Callable[[], bool] = lambda: True
    calls: list[tuple[float, str]] = field(default_factory=list)
    computed_s: float = 0.0
    verdicts: list[int] = field(default_factory=list)
    ended: str = ""
    halved: int = 0
    warm_given: list[Warm | None] = field(default_factory=list)

    def times(self, method: str) -> list[float]:
        """When *method* was called."""
        return [at_s for at_s, name in self.calls if name == method]


class ScriptedSession:
    """In place of a :class:`~orchestrator.lane.session.BrandSession`; mypy holds it to the same protocol."""

    def __init__(self, script: Script, brand: str, warm: Warm | None) -> None:
        self.brand = brand
        self.lease: Lease | None = None
        self.committing = False
        self.prefetched = False
        self.opened = False
        self.released = False
        self.taken_over: Comparison | None = None
        self._asked = False
        self._script = script
        self._warm = warm or Warm(BatchSizer())
        script.warm_given.append(warm)

    def show_anew(self) -> None:
        """Noted."""
        self._note("show_anew")

    def _note(self, method: str) -> None:
        self._script.calls.append((trio.current_time(), method))

    @property
    def owes_release(self) -> bool:
        """Whether it was asked to open."""
        return self._asked and not self.released

    def burst(self, may: Allowance) -> Any:
        """The next scripted opening, if it fails; else the next scripted step, alone.

        That others may follow, and the release, is between the session and Redis.
        """
        if not self.opened:
            self._note("open")
            self._asked = True
            action = self._script.opens.popleft() if self._script.opens else LEASE
            if not isinstance(action, Lease):
                return action
            self.lease = replace(LEASE, brand=self.brand)
            self.opened, self.taken_over = True, NO_CHANGE
        self._script.may_go_on = may.go_on
        self._note("step")
        self._script.engaged_for -= 1
        self._script.judging_for -= 1
        action = self._script.steps.popleft() if self._script.steps else IDLE
        done = action.then if isinstance(action, Takes) else action
        self._script.computed_s += action.seconds if isinstance(action, Takes) else 0.0
        self.prefetched = isinstance(done, Step) and done.items > 0
        steps = [done] if isinstance(done, Step) else done
        if self._script.ends and done is IDLE and may.end():
            self.lease, self.released = None, self._script.release is True
        return replace(action, then=steps) if isinstance(action, Takes) else steps

    @property
    def engaged(self) -> bool:
        """Whether a step is still to come before the session may end, as scripted."""
        return self._script.engaged_for > 0

    @property
    def failing(self) -> bool:
        """Whether the next step fails, and the script says that this is known."""
        return self._script.failing

    def trial(self) -> TrialRequest:
        """A suspect."""
        self._note("trial")
        return TrialRequest(self.brand, [b"suspect"], {}, CONFIG.fold, 1, 0, TrialLimits())

    def judge(self, survived: int) -> None:
        """Note the verdict."""
        self._script.verdicts.append(survived)

    @property
    def judging(self) -> bool:
        """Whether a verdict is still to be acted on, as scripted."""
        return self._script.judging_for > 0

    def hung(self) -> None:
        """Note that a step hung."""
        self._script.hung += 1

    def lost(self) -> None:
        """Note that the next batch is to be smaller."""
        self._script.halved += 1

    def settle(self) -> Warm:
        """Note an orderly end."""
        self._script.ended = "settled"
        return self._warm

    def abandon(self) -> Warm:
        """Note an end that leaves no state."""
        self._script.ended = "abandoned"
        return self._warm

    def release(self) -> Any:
        """The scripted release."""
        self._note("release")
        self.lease = None
        return self._script.release


@dataclass(frozen=True)
class Hangs:
    """An action that never ends, in a real thread.

    Attributes:
        begun: released once by each thread that got so far.
        forever: set at the end of the test, which must not leave threads behind.
    """

    begun: threading.Semaphore
    forever: threading.Event

    def __call__(self) -> None:
        """Hang."""
        self.begun.release()
        self.forever.wait()


in_thread = trio.to_thread.run_sync
"""The real one, which a lane under test does not use."""


async def in_place(call: Callable[..., Action], *args: Any, **options: Any) -> Any:
    """Instead of ``trio.to_thread.run_sync``: carry out *call* and what it scripted, on virtual time."""
    await trio.lowlevel.checkpoint()
    action = call(*args)
    if isinstance(action, Hangs):
        return await in_thread(action, **options)
    if isinstance(action, Takes):
        await trio.sleep(action.seconds)
        action = action.then
    if isinstance(action, Exception):
        raise action
    return action


class HandsInPlace(Hands):
    """In place of threads: carries out each call as :func:`in_place` does, one at a time unless that takes too long.

    Attributes:
        long: what was asked for the place of long work.
    """

    def __init__(self) -> None:
        super().__init__()
        self.long: list[bool] = []
        self._turns = {False: (trio.Lock(), SHORT_S), True: (trio.Lock(), LONG_S)}

    async def run(self, call: Callable[[], Any], *, timeout_s: float, long: bool = False) -> Any:
        """Carry it out, on virtual time."""
        self.long.append(long)
        turn, longest_s = self._turns[long]
        with trio.move_on_after(longest_s) as wait:
            await turn.acquire()
        try:
            with trio.fail_after(timeout_s):
                return await in_place(call, abandon_on_cancel=True)
        finally:
            if not wait.cancelled_caught:
                turn.release()


@dataclass
class LaneUnderTest:
    """One lane on a scripted session.

    Attributes:
        hinted: whether wake hints arrive.
        survivors: what folds suspects elsewhere.
        hands: what the lanes share.
    """

    script: Script
    metrics: Metrics
    monkeypatch: pytest.MonkeyPatch
    hinted: bool = True
    commits: int = 0
    survivors: Callable[[TrialRequest], Awaitable[int]] = survivors
    hands: HandsInPlace = field(default_factory=HandsInPlace)

    def lane(self, warm: Warm | None = None, **options: Any) -> Lane:
        """A lane that has not begun."""
        self.monkeypatch.setattr(trio.to_thread, "run_sync", in_place)
        tools = LaneTools(
            new_session=self._session,
            audience=Audience(self.metrics, self._count),
            hinted=lambda: self.hinted,
            clocks=Clocks(trio.current_time, lambda: self.script.computed_s),  # turns on virtual time, too
            survivors=self.survivors,
            hands=self.hands,
        )
        return Lane("nike", 0, tools, LaneOptions(**options), warm)

    def _session(self, brand: str, warm: Warm | None) -> Session:
        return ScriptedSession(self.script, brand, warm)

    def _count(self, brand: str, _queued: int) -> None:
        assert brand == "nike"
        self.commits += 1

    def value(self, name: str, **labels: str) -> float:
        """A metric's value."""
        return self.metrics.registry.get_sample_value(f"orchestrator_{name}", labels) or 0.0


async def outcome_at(lane: Lane, moments: dict[float, Callable[[], None]]) -> tuple[LaneOutcome, float]:
    """Run *lane* while *moments* happen at their times; how it ended, and when."""
    begun_s = trio.current_time()
    result: list[LaneOutcome] = []

    async def run() -> None:
        result.append(await lane.run())
        nursery.cancel_scope.cancel()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(run)
        for at_s, happen in sorted(moments.items()):
            await trio.sleep_until(begun_s + at_s)
            happen()
    return result[0], round(trio.current_time() - begun_s, 6)
