"""When a turn is over; and the baton: one lane computes at a time, in order, and short work waits for no long one."""

# ruff: noqa: ARG001 - the clock's effect is being requested

from __future__ import annotations

import sys
from functools import partial

import pytest
import trio
from trio.testing import MockClock

from orchestrator.lane.turn import EAGER_S, LONG_S, LONG_STEP_S, SHORT_S, Baton, Turn, Work


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
    burst = turn.burst(0.03)
    clock.now_s = 100.02
    assert burst.go_on()
    clock.now_s = 100.03
    assert not burst.go_on()
    clock.now_s = 100.02
    assert burst.fold_ahead()
    turn.stop()
    assert not burst.go_on()
    assert not burst.fold_ahead()


def test_burst_may_end_when_somebody_waits() -> None:
    """The lease of a drained brand is kept as long as there is no better use for the lane."""
    turn, _ = turn_of()
    burst = turn.burst(0.03)
    assert not burst.end()
    turn.ask_to_yield()
    assert burst.end()
    turn.give_up()
    assert not burst.end()  # the lane that gave its thread up has ended the session by now


@pytest.mark.parametrize(
    ("done", "computed_s", "long"),
    [
        ([1], LONG_STEP_S, False),
        ([1], LONG_STEP_S + 0.001, True),
        ([1] * 10, 10 * LONG_STEP_S, False),
        ([1] * 10, 11 * LONG_STEP_S, True),
        ("opened", LONG_STEP_S, False),
        ("opened", LONG_STEP_S + 0.001, True),
    ],
)
def test_work_is_long_whose_steps_compute_for_long(done: object, computed_s: float, *, long: bool) -> None:
    """On average, and until a call whose steps do not."""
    clock = Clock()
    work = Work(clock, long=not long)

    def call() -> object:
        clock.now_s += computed_s
        return done

    clock.now_s = 0.0
    assert work.measured(call)() is done
    assert work.long == long


def test_work_that_fails_may_be_long() -> None:
    """It will be tried again."""
    clock = Clock()
    work = Work(clock)

    def call() -> None:
        clock.now_s += 1.0
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        work.measured(call)()
    assert work.long


class Log(list[tuple[str, float]]):
    """Who got the baton, and how many seconds after the beginning."""

    def __init__(self) -> None:
        super().__init__()
        self._begun_s = trio.current_time()

    def note(self, name: str) -> None:
        """*name* got it now."""
        self.append((name, round(trio.current_time() - self._begun_s, 2)))


async def _work(baton: Baton, log: Log, name: str, seconds: float, *, long: bool = False) -> None:
    async with baton.held(long=long):
        log.note(name)
        await trio.sleep(seconds)


async def _started(nursery: trio.Nursery, baton: Baton, log: Log, *jobs: tuple[str, float], long: bool = False) -> None:
    """Have each of *jobs* ask for the baton, in this order."""
    for name, seconds in jobs:
        nursery.start_soon(partial(_work, baton, log, name, seconds, long=long))
        await trio.testing.wait_all_tasks_blocked()


async def test_baton_is_passed_on_in_the_order_of_asking(autojump_clock: MockClock) -> None:
    """A lane that asks again comes after those that asked before."""
    baton, log = Baton(), Log()
    async with trio.open_nursery() as nursery:
        await _started(nursery, baton, log, ("a", 0.05), ("b", 0.05), ("c", 0.05))
        await trio.sleep(0.03)
        nursery.start_soon(_work, baton, log, "a", 0.05)
    assert log == [("a", 0.0), ("b", 0.05), ("c", 0.1), ("a", 0.15)]


async def test_short_work_passes_long_work(autojump_clock: MockClock) -> None:
    """Two that have long work take turns of 0.2 s; what is short goes on meanwhile, one at a time."""
    baton, log = Baton(), Log()
    async with trio.open_nursery() as nursery:
        await _started(nursery, baton, log, ("long", 0.2), ("longer", 0.2), long=True)
        await trio.sleep(0.1)
        await _started(nursery, baton, log, ("a", 0.05), ("b", 0.05))
        assert (baton.statistics().computing, baton.statistics().long, baton.statistics().waiting) == (2, 1, 2)
    assert log == [("long", 0.0), ("a", 0.1), ("b", 0.15), ("longer", 0.2)]


async def test_long_work_waits_for_no_short_work(autojump_clock: MockClock) -> None:
    """So neither starves, however much there is of the other."""
    baton, log = Baton(), Log()
    async with trio.open_nursery() as nursery:
        await _started(nursery, baton, log, ("a", 0.05), ("b", 0.05))
        await _started(nursery, baton, log, ("long", 0.2), long=True)
    assert log == [("a", 0.0), ("long", 0.0), ("b", 0.05)]


async def test_interpreter_is_handed_on_sooner_beside_long_work(autojump_clock: MockClock) -> None:
    """From its beginning to its end, however it ends; and while somebody with short work is past its time."""
    usual_s, baton, log = sys.getswitchinterval(), Baton(), Log()
    await _work(baton, log, "short", 0.01)
    async with baton.held():
        assert sys.getswitchinterval() == usual_s
    with trio.move_on_after(0.1):
        async with baton.held(long=True):
            assert sys.getswitchinterval() == pytest.approx(EAGER_S)
            await trio.sleep_forever()
    assert sys.getswitchinterval() == usual_s
    async with trio.open_nursery() as nursery:
        await _started(nursery, baton, log, ("past its time", 0.5))
        async with baton.held():
            assert sys.getswitchinterval() == pytest.approx(EAGER_S)
        assert sys.getswitchinterval() == usual_s


async def test_baton_without_others_is_no_wait(autojump_clock: MockClock) -> None:
    """Not even a checkpoint: the only lane goes on at once."""
    baton, log = Baton(), Log()
    for _ in range(3):
        await _work(baton, log, "a", 0.0)
    assert [at_s for _, at_s in log] == [0.0] * 3


@pytest.mark.parametrize(("long", "most_s"), [(False, SHORT_S), (True, LONG_S)])
async def test_others_go_on_without_one_that_holds_the_baton_too_long(
    autojump_clock: MockClock, *, long: bool, most_s: float
) -> None:
    """They pass it among themselves, and the late one's end takes it from nobody."""
    baton, log = Baton(), Log()
    async with trio.open_nursery() as nursery:
        await _started(nursery, baton, log, ("hangs", most_s + 0.03), ("b", 0.05), ("c", 0.05), ("d", 0.05), long=long)
    assert log == [("hangs", 0.0), *[(name, round(most_s + 0.05 * n, 2)) for n, name in enumerate("bcd")]]
    assert not baton.statistics().computing


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
    assert not baton.statistics().computing


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
    assert not baton.statistics().computing
