"""When a turn is over, and which work is long."""

from __future__ import annotations

import pytest

from orchestrator.lane.turn import LONG_STEP_S, Turn, Work


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
