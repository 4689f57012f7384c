"""What waits and since when, as a rule on a clock that tests move."""

from __future__ import annotations

import pytest

from orchestrator.scheduler.backlog import STALE_S, Backlog
from orchestrator.store.types import Queued


def _count(backlog: Backlog, now_s: float, **queues: tuple[int, str]) -> None:
    counted = {brand: Queued(chunks, version.encode()) for brand, (chunks, version) in queues.items()}
    backlog.counted(counted, now_s, now_s, round(now_s * 1000))


def _oldest_s(backlog: Backlog, now_s: float) -> float:
    statistics = backlog.statistics(now_s)
    assert statistics is not None
    return statistics.oldest_s


def test_statistics_sum_the_last_count() -> None:
    """All queues, whoever has the brands."""
    backlog = Backlog()
    _count(backlog, 100.0, a=(3, "1"), b=(4, ""))
    statistics = backlog.statistics(100.5)
    assert statistics is not None
    assert (statistics.chunks, statistics.brands, statistics.counted_ms) == (7, 2, 100_000)


def test_statistics_are_unknown_before_a_count_and_when_it_is_old() -> None:
    """A figure that is not true any more would tell that nothing waits, or that much does."""
    backlog = Backlog()
    assert backlog.statistics(0.0) is None
    _count(backlog, 100.0)
    assert _oldest_s(backlog, 100.0 + STALE_S) == 0.0
    assert backlog.statistics(100.0 + STALE_S + 0.1) is None


def test_oldest_is_the_age_of_the_brand_that_waits_longest() -> None:
    """It grows between counts, too."""
    backlog = Backlog()
    _count(backlog, 100.0, a=(1, "1"))
    _count(backlog, 101.0, a=(1, "1"), b=(1, "1"))
    assert _oldest_s(backlog, 101.5) == 1.5
    _count(backlog, 102.0, b=(1, "1"))
    assert _oldest_s(backlog, 102.5) == 1.5


def test_readiness_begins_with_the_first_hint() -> None:
    """Later ones, and counts, do not make the brand younger; the work that a lane begins has waited since then."""
    backlog = Backlog()
    backlog.ready("a", 99.5)
    backlog.ready("a", 99.9)
    _count(backlog, 100.0, a=(1, ""))
    assert _oldest_s(backlog, 100.5) == 1.0
    assert backlog.since_s("a", 100.5) == 99.5
    assert backlog.since_s("unknown", 100.5) == 100.5


def test_readiness_begins_anew_with_a_commit_of_another_process() -> None:
    """Counts see it by the version; without, a brand with steady traffic would grow old for ever."""
    backlog = Backlog()
    for second in range(100):
        _count(backlog, float(second), busy=(5, str(second)), stuck=(5, "7"))
    assert backlog.since_s("busy", 99.0) == 99.0
    assert backlog.since_s("stuck", 99.0) == 0.0


def test_readiness_begins_anew_with_a_commit_of_our_own() -> None:
    """At the commit and not at the next count, which finds another version."""
    backlog = Backlog()
    _count(backlog, 100.0, a=(9, "1"))
    backlog.committed("a", 5, 100.7)
    _count(backlog, 101.0, a=(5, "2"))
    assert _oldest_s(backlog, 101.2) == pytest.approx(0.5)
    backlog.committed("a", 0, 101.3)
    assert _oldest_s(backlog, 101.4) == 0.0
    assert backlog.since_s("a", 101.4) == 101.4


def test_readiness_ends_when_a_queue_is_found_empty() -> None:
    """By a lane, or by a count; what became ready during the count may have been looked at before."""
    backlog = Backlog()
    for brand in ("drained", "counted"):
        backlog.ready(brand, 99.0)
    backlog.drained("drained")
    backlog.ready("during", 100.1)
    backlog.counted({}, 100.0, 100.2, 100_200)
    assert [backlog.since_s(brand, 101.0) for brand in ("drained", "counted", "during")] == [101.0, 101.0, 100.1]
