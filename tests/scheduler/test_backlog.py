"""What waits and since when, as a rule on a clock that tests move."""

from __future__ import annotations

import pytest

from orchestrator.fleet.members import Share
from orchestrator.scheduler.backlog import STALE_S, Backlog, BacklogStatistics, Together
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


def share(view: str, chunks: int = 0, oldest_s: float = 0.0, age_s: float = 0.5) -> Share:
    """What another process told."""
    return Share("r", view, chunks, min(1, chunks), chunks // 2, oldest_s, age_s, strained=False)


def _own(view: str, now_s: float) -> tuple[Backlog, Together]:
    """Ours: three chunks of one brand."""
    backlog = Backlog()
    backlog.counted({"a": Queued(3, b"1")}, now_s, now_s, round(1000 * now_s), view=view)
    return backlog, Together(backlog)


def test_figures_of_all_are_added_up() -> None:
    """The oldest is that of all, and grows between heartbeats; the count is as old as the oldest of them."""
    _, together = _own("v", 100.0)
    together.heard("v", [share("v", 5, 7.0), share("v", 0, 0.0, 1.5)], 100.0)
    assert together.statistics(100.5) == BacklogStatistics(8, 2, 7.5, 98_500, 2)
    together.heard("v", [], 101.0)
    assert together.statistics(101.0) == BacklogStatistics(3, 1, 1.0, 100_000, 0)


@pytest.mark.parametrize(("own", "theirs"), [("old", "v"), ("v", "old"), ("v", "")])
def test_figures_of_different_views_are_never_added_up(own: str, theirs: str) -> None:
    """A brand would be in two of them, or in none; the last sum stands, until it is too old."""
    backlog, together = _own("v", 100.0)
    together.heard("v", [share("v", 5)], 100.0)
    told = together.statistics(100.0)
    assert told is not None
    for second in range(101, 115):
        backlog.counted({}, second, second, second, view=own)
        together.heard("v", [share(theirs, 1)], float(second))
        assert together.statistics(float(second)) == (told if second <= 100.0 + STALE_S else None)


def test_figures_are_unknown_before_all_have_counted() -> None:
    """And when Redis was away for too long for ours, or for what others told, to be true."""
    backlog, together = Backlog(), Together(Backlog())
    assert together.statistics(0.0) is None
    backlog, together = _own("v", 100.0)
    together.heard("v", [share("")], 100.0)
    assert together.statistics(100.0) is None
    together.heard("v", [share("v")], 100.0)
    assert together.statistics(101.0) is not None
    backlog.counted({}, 130.0, 130.0, 0, view="v")
    assert together.statistics(130.0) is None
    together.heard("v", [], 100.0)
    assert together.statistics(130.0) is not None


def test_a_brand_of_others_keeps_its_time_while_it_waits_for_a_lane() -> None:
    """A count does not ask about it."""
    backlog = Backlog()
    backlog.ready("theirs", 1.0)
    backlog.ready("gone", 1.0)
    backlog.counted({}, 5.0, 5.0, 0, kept=lambda brand: brand == "theirs")
    assert [backlog.since_s(brand, 9.0) for brand in ("theirs", "gone")] == [1.0, 9.0]
