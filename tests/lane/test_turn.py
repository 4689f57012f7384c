"""When a turn is over; and the baton: one lane computes at a time, in order, and nobody waits for one that hangs."""

# ruff: noqa: ARG001 - the clock's effect is being requested

from __future__ import annotations

import trio
from trio.testing import MockClock

from orchestrator.lane.turn import LONGEST_S, Baton, Turn


class Clock:
    """A clock that stands still until it is set."""

    now_s = 100.0

    def __call__(self) -> float:
        """The time."""
        return self.now_s


def turn_of(quantum_s: float = 0.5) -> tuple[Turn, Clock]:
    """A turn that begins now, and its clock."""
    clock = Clock()
    return Turn(quantum_s, clock), clock


def test_turn_lasts_while_nobody_waits() -> None:
    """Without another brand there is no end to it."""
    turn, clock = turn_of()
    clock.now_s += 1e6
    assert not turn.over
    assert not turn.contested


def test_turn_ends_with_its_quantum_once_another_brand_waits() -> None:
    """Begun at 100.0 s with 0.5 s: asked at 100.1 s, over at 100.5 s."""
    turn, clock = turn_of(0.5)
    clock.now_s = 100.1
    turn.ask_to_yield()
    assert turn.contested
    assert not turn.over
    clock.now_s = 100.5
    assert turn.over


def test_turn_is_over_when_the_service_stops() -> None:
    """At once, whatever the quantum says."""
    turn, _ = turn_of()
    turn.stop()
    assert turn.over
    assert turn.contested


def test_turn_is_over_for_a_thread_that_nobody_waits_for() -> None:
    """It may have hung for long; then it begins nothing more, and its lane is not free for others because of that."""
    turn, _ = turn_of()
    turn.give_up()
    assert turn.over
    assert not turn.contested


def test_burst_ends_with_its_time_or_its_turn() -> None:
    """A burst of 0.03 s that begins at 100.0 s may go on at 100.02 s and not at 100.03 s; nor after a stop."""
    turn, clock = turn_of()
    may_go_on = turn.burst(0.03)
    clock.now_s = 100.02
    assert may_go_on()
    clock.now_s = 100.03
    assert not may_go_on()
    clock.now_s = 100.02
    turn.stop()
    assert not may_go_on()


class Log(list[tuple[str, float]]):
    """Who got the baton, and how many seconds after the beginning."""

    def __init__(self) -> None:
        super().__init__()
        self._begun_s = trio.current_time()

    def note(self, name: str) -> None:
        """*name* got it now."""
        self.append((name, round(trio.current_time() - self._begun_s, 2)))


async def _work(baton: Baton, log: Log, name: str, seconds: float) -> None:
    async with baton.held():
        log.note(name)
        await trio.sleep(seconds)


async def _started(nursery: trio.Nursery, baton: Baton, log: Log, *jobs: tuple[str, float]) -> None:
    """Have each of *jobs* ask for the baton, in this order."""
    for name, seconds in jobs:
        nursery.start_soon(_work, baton, log, name, seconds)
        await trio.testing.wait_all_tasks_blocked()


async def test_baton_is_passed_on_in_the_order_of_asking(autojump_clock: MockClock) -> None:
    """A lane that asks again comes after those that asked before."""
    baton, log = Baton(), Log()
    async with trio.open_nursery() as nursery:
        await _started(nursery, baton, log, ("a", 0.1), ("b", 0.1), ("c", 0.1))
        await trio.sleep(0.05)
        nursery.start_soon(_work, baton, log, "a", 0.1)
    assert log == [("a", 0.0), ("b", 0.1), ("c", 0.2), ("a", 0.3)]


async def test_baton_without_others_is_no_wait(autojump_clock: MockClock) -> None:
    """Not even a checkpoint: the only lane goes on at once."""
    baton, log = Baton(), Log()
    for _ in range(3):
        await _work(baton, log, "a", 0.0)
    assert [at_s for _, at_s in log] == [0.0] * 3


async def test_others_go_on_without_one_that_holds_the_baton_too_long(autojump_clock: MockClock) -> None:
    """They pass it among themselves, and the late one's end takes it from nobody."""
    baton, log = Baton(), Log()
    async with trio.open_nursery() as nursery:
        await _started(nursery, baton, log, ("hangs", 0.3), ("b", 0.1), ("c", 0.1), ("d", 0.1))
    assert log == [
        ("hangs", 0.0),
        ("b", LONGEST_S),
        ("c", LONGEST_S + 0.1),
        ("d", LONGEST_S + 0.2),
    ]
    assert not baton.statistics().held


async def test_baton_that_was_held_too_long_is_taken_without_a_wait(autojump_clock: MockClock) -> None:
    """The next lane that asks has it at once."""
    baton, log = Baton(), Log()
    async with trio.open_nursery() as nursery:
        await _started(nursery, baton, log, ("hangs", 5.0))
        await trio.sleep(1.0)
        await _work(baton, log, "b", 0.1)
        await _work(baton, log, "b", 0.1)
    assert log == [("hangs", 0.0), ("b", 1.0), ("b", 1.1)]


async def test_cancelling_the_wait_or_the_holder_passes_it_on(autojump_clock: MockClock) -> None:
    """A lane that is stopped leaves no gap in the row."""
    baton, log = Baton(), Log()
    async with trio.open_nursery() as nursery:
        scopes = [trio.CancelScope(), trio.CancelScope()]
        for name, scope in zip(("holds", "waits"), scopes, strict=True):
            nursery.start_soon(_work_in, scope, baton, log, name)
            await trio.testing.wait_all_tasks_blocked()
        await _started(nursery, baton, log, ("c", 0.1))
        scopes[1].cancel()
        await trio.testing.wait_all_tasks_blocked()
        scopes[0].cancel()
    assert log == [("holds", 0.0), ("c", 0.0)]
    assert not baton.statistics().held


async def _work_in(scope: trio.CancelScope, baton: Baton, log: Log, name: str) -> None:
    with scope:
        await _work(baton, log, name, 0.2)


async def test_baton_passed_to_someone_who_is_cancelled_goes_to_the_next(autojump_clock: MockClock) -> None:
    """The event was set, and the one it was set for will not come."""
    baton, log = Baton(), Log()
    async with trio.open_nursery() as nursery:
        await _started(nursery, baton, log, ("a", 0.1))
        scope = trio.CancelScope()
        nursery.start_soon(_work_in, scope, baton, log, "doomed")
        await trio.testing.wait_all_tasks_blocked()
        await _started(nursery, baton, log, ("c", 0.1))
        await trio.sleep(0.1)
        scope.cancel()
    assert [name for name, _ in log if name != "doomed"] == ["a", "c"]
    assert not baton.statistics().held
