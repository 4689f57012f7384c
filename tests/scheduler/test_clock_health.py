"""Who waits until the clocks agree is told when they do, however short the difference was."""

from __future__ import annotations

from contextlib import suppress

from orchestrator.errors import ClockSkewError
from orchestrator.process.metrics import Metrics
from orchestrator.scheduler.clock_health import ClockHealth
from orchestrator.store.clock import ServerClock

NOW_S = 1_800_000_000.0


class _Clocks:
    """This machine's and the server's."""

    def __init__(self) -> None:
        self.recoveries = 0
        self._clock = ServerClock(60.0, wall=lambda: NOW_S)
        self.health = ClockHealth(self._clock, Metrics(merge_implementation="python"), self._recovered)

    def _recovered(self) -> None:
        self.recoveries += 1

    def answer(self, ahead_s: float) -> None:
        """Redis answers, and tells its time."""
        with suppress(ClockSkewError):
            self._clock.compare(self._clock.now_ms(), round((NOW_S + ahead_s) * 1000))


def test_difference_that_was_seen_ends_with_a_recovery() -> None:
    """Once, at the first look after it."""
    clocks = _Clocks()
    clocks.answer(90.0)
    clocks.health.look()
    clocks.answer(0.0)
    for _ in range(2):
        clocks.health.look()
    assert clocks.recoveries == 1


def test_difference_between_two_looks_ends_with_a_recovery_if_somebody_was_told() -> None:
    """Whoever has started no lane for it waits to be told of a change, and nothing else may change."""
    clocks = _Clocks()
    clocks.answer(90.0)
    assert clocks.health.problem
    clocks.answer(0.0)
    clocks.health.look()
    assert clocks.recoveries == 1


def test_difference_that_nobody_was_told_of_is_none() -> None:
    """Nobody waits for its end."""
    clocks = _Clocks()
    clocks.answer(90.0)
    clocks.answer(0.0)
    clocks.health.look()
    assert not clocks.health.problem
    assert clocks.recoveries == 0
