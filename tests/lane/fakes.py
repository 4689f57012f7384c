"""A session that does what a test scripted, and threads that virtual time knows of.

The autojump clock does not wait for threads: with a real one in flight every
time-out would fire at once. So what the lane sends to a thread is carried out in
place here, and a scripted action may take virtual time, be cancelled, or never end.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
import trio

from orchestrator.lane import lane as lane_module
from orchestrator.lane.batch_size import BatchSizer
from orchestrator.lane.lane import Lane, LaneOptions, LaneTools
from orchestrator.lane.outcome import LaneOutcome
from orchestrator.lane.session import Step, Warm
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
        calls: (virtual time, method) of everything that was asked.
    """

    opens: deque[Action] = field(default_factory=deque)
    steps: deque[Action] = field(default_factory=deque)
    release: Action = True
    calls: list[tuple[float, str]] = field(default_factory=list)
    verdicts: list[bool] = field(default_factory=list)
    ended: str = ""
    halved: int = 0
    warm_given: list[Warm | None] = field(default_factory=list)

    def times(self, method: str) -> list[float]:
        """When *method* was called."""
        return [at_s for at_s, name in self.calls if name == method]


class ScriptedSession:
    """In place of a :class:`~orchestrator.lane.session.BrandSession`."""

    def __init__(self, script: Script, brand: str, warm: Warm | None) -> None:
        self.brand = brand
        self.lease: Lease | None = None
        self.committing = False
        self.prefetched = False
        self.failing = False
        self.engaged_for = 0
        self._script = script
        self._warm = warm or Warm(BatchSizer())
        script.warm_given.append(warm)

    def _note(self, method: str) -> None:
        self._script.calls.append((trio.current_time(), method))

    def open(self) -> Action:
        """The next scripted opening."""
        self._note("open")
        self.lease = replace(LEASE, brand=self.brand)
        return self._script.opens.popleft() if self._script.opens else LEASE

    def burst(self, may_go_on: Callable[[], bool], may_fold_ahead: Callable[[], bool]) -> Action:
        """The next scripted step, alone: that others may follow is between the session and Redis."""
        del may_go_on, may_fold_ahead
        self._note("step")
        action = self._script.steps.popleft() if self._script.steps else IDLE
        done = action.then if isinstance(action, Takes) else action
        self.prefetched = isinstance(done, Step) and done.items > 0
        self.engaged_for -= 1
        steps = [done] if isinstance(done, Step) else done
        return replace(action, then=steps) if isinstance(action, Takes) else steps

    @property
    def engaged(self) -> bool:
        """Whether a step is still to come before the session may end, as scripted."""
        return self.engaged_for > 0

    def trial(self) -> Action:
        """A suspect."""
        self._note("trial")
        return b"suspect", {}

    def judge(self, *, died: bool) -> None:
        """Note the verdict."""
        self._script.verdicts.append(died)

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

    def release(self) -> Action:
        """The scripted release."""
        self._note("release")
        self.lease = None
        return self._script.release


async def in_place(call: Callable[..., Action], *args: Any, **_: Any) -> Any:
    """Instead of ``trio.to_thread.run_sync``: carry out *call* and what it scripted, on virtual time."""
    await trio.lowlevel.checkpoint()
    action = call(*args)
    if isinstance(action, Takes):
        await trio.sleep(action.seconds)
        action = action.then
    if isinstance(action, Exception):
        raise action
    return action


@dataclass
class Bench:
    """One lane on a scripted session.

    Attributes:
        hinted: whether wake hints arrive.
    """

    script: Script
    metrics: Metrics
    monkeypatch: pytest.MonkeyPatch
    hinted: bool = True
    commits: int = 0

    def lane(self, **options: Any) -> Lane:
        """A lane that has not begun."""
        self.monkeypatch.setattr(trio.to_thread, "run_sync", in_place)
        self.monkeypatch.setattr(
            lane_module, "BrandSession", lambda _s, _c, brand, warm: ScriptedSession(self.script, brand, warm)
        )
        store: Any = None  # the scripted session asks nobody
        tools = LaneTools(store, CONFIG, self.metrics, lambda: self.hinted, self._count)
        return Lane("nike", 0, tools, LaneOptions(**options), None)

    def _count(self, brand: str) -> None:
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
