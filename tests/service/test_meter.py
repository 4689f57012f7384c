"""Load and rates between two readings."""

from __future__ import annotations

from orchestrator.fleet.members import Load, Rates
from orchestrator.process.metrics import Metrics, Totals
from orchestrator.service.meter import Reading, measured

BEFORE = Reading(100.0, 50.0, 1, Totals(10, 100, 1, 0, 0, 7.0))
AFTER = Reading(105.0, 57.5, 2_000, Totals(30, 500, 2, 5, 10, 17.0))


def test_measured_divides_by_the_time_between() -> None:
    """20 chunks in 5 s are 4 a second; of 5 lanes in 5 s, 25 s, calls took 10; 7.5 s of a processor are 1.5."""
    assert measured(BEFORE, AFTER, 5) == (Load(0.4, 1.5, 2_000), Rates(4, 80, 0.2, 1, 2))


def test_lanes_are_never_busier_than_all_the_time() -> None:
    """A call that began before the first reading is told in the second."""
    found = measured(BEFORE, AFTER, 1)
    assert found is not None
    assert found[0].lanes == 1.0


def test_two_readings_at_once_say_nothing() -> None:
    """A process that has just started."""
    assert measured(BEFORE, AFTER._replace(at_s=100.1), 5) is None


def test_totals_are_those_of_the_metrics() -> None:
    """All kinds of failures together, and the time of calls with and without a fold."""
    metrics = Metrics()
    assert metrics.totals() == Totals(0, 0, 0, 0, 0, 0)
    metrics.merged(chunks=2, clusters=1, mentions=30, retimed=0, duplicates=4)
    metrics.failed("invalid", 3)
    metrics.failed("poison")
    metrics.brands_processed.inc()
    metrics.io_time.observe(0.5)
    metrics.processing_time.observe(0.25)
    assert metrics.totals() == Totals(2, 30, 1, 4, 4, 0.75)
