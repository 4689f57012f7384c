"""Tests of looking at panes: calibration and recall on simulated brands, and early looks that agree with late ones."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench._traffic import PANES_PER_DAY, Burst, Traffic
from bench.spikes import detector_scores, episodes
from orchestrator.brand.detector import Detector
from orchestrator.brand.episodes import OPEN_SCORE

NOMINAL = PANES_PER_DAY * 1e-4
"""False alarms a brand-day if one pane in 10,000 raises one."""


@pytest.mark.parametrize("traffic", [Traffic(5), Traffic(20), Traffic(20, kappa=0.3), Traffic(100, swing=0.8)])
def test_false_alarms_come_at_the_nominal_rate(traffic: Traffic) -> None:
    """On quiet days with a daily course, alarms are as rare as the score says, within a factor of three."""
    rng = np.random.default_rng(11)
    brands, days = 25, 29
    alarms = sum(
        episodes(detector_scores(traffic.draw(traffic.rates(days, rng), rng))[PANES_PER_DAY:], OPEN_SCORE)
        for _ in range(brands)
    )
    # 700 brand-days: 6.7 alarms are nominal, so 2.2 to 20 are within the factor
    assert NOMINAL / 3 <= alarms / (brands * (days - 1)) <= NOMINAL * 3


def test_a_fourfold_burst_is_found() -> None:
    """Ninety minutes of four times the mentions, at a mean of 20 a pane, raise an alarm in at least 85 of 100."""
    rng, traffic, burst = np.random.default_rng(12), Traffic(20), Burst(4.0, 6)
    found = 0
    for _ in range(100):
        counts, start = burst.put(traffic, 8, rng)
        found += bool((detector_scores(counts)[start : start + burst.panes] >= OPEN_SCORE).any())
    assert found >= 85


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
