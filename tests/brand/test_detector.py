"""Tests of looking at panes: false alarms and recall on simulated brands, and early looks that agree with late ones."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench._courses import COURSES, Course
from bench._traffic import Burst, Traffic
from bench.spikes import on_course, openings
from orchestrator.brand.detector import Detector

MONTH_DAYS = 30


def test_false_alarms_are_rare() -> None:
    """On quiet days with a daily course, episodes open twice a year a brand; once in two months is too often."""
    rng, brands, days = np.random.default_rng(11), 6, 29
    kinds = (Traffic(5), Traffic(20), Traffic(20, kappa=0.3), Traffic(100, swing=0.8))
    opened = sum(len(openings(kind.draw(kind.rates(days, rng), rng))) for kind in kinds for _ in range(brands))
    # 22 brand-months after the warm-ups
    assert opened / (len(kinds) * brands * (days - 1) / MONTH_DAYS) <= 0.5


def test_a_fourfold_burst_is_found() -> None:
    """Ninety minutes of four times the mentions, at a mean of 20 a pane, open an episode in at least 85 of 100."""
    rng, traffic, burst = np.random.default_rng(12), Traffic(20), Burst(4.0, 6)
    found = 0
    for _ in range(40):
        counts, start = burst.put(traffic, 8, rng)
        found += any(start <= pane < start + burst.panes for pane in openings(counts))
    assert found >= 34


@pytest.mark.parametrize("course", COURSES[::2], ids=[course.name for course in COURSES[::2]])
def test_no_alarm_comes_back_where_hours_do_not_fit(course: Course) -> None:
    """A change of clocks, a half-hour zone and days off raise no alarm, day after day or week after week."""
    _, _, false, recurring, _ = on_course(course)
    assert (false, recurring) == (0, 0)


counts_of_days = st.lists(st.integers(0, 60), min_size=97, max_size=130)


@given(counts_of_days, st.integers(0, 400), st.integers(0, 400))
def test_a_glance_sees_what_settling_will_see(counts: list[int], before: int, current: int) -> None:
    """The two panes that are not settled have the scores that they will have when they are."""
    detector = Detector.begin(10)
    for count in counts:
        detector.settle(count, count)
    early = list(detector.glance([before, current]))
    late = [detector.settle(before, before), detector.settle(current, current)]
    assert early == late


@given(counts_of_days, st.integers(0, 10**6), st.integers(0, 10**6))
def test_scores_are_monotone_in_the_count(counts: list[int], some: int, more: int) -> None:
    """More mentions in a pane never score less, alone or with the three before."""
    detector = Detector.begin(10)
    for count in counts:
        detector.settle(count, count)
    low, high = (next(detector.glance([some])), next(detector.glance([some + more])))
    assert high.stretch.score >= low.stretch.score - 1e-4


def test_nothing_scores_during_the_warm_up() -> None:
    """A burst on the first day is not judged."""
    detector = Detector.begin(0)
    looks = [detector.settle(count, count) for count in [5] * 50 + [5000] + [5] * 44]
    assert {look.stretch.score for look in looks} == {0.0}
