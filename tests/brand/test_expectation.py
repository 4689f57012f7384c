"""Tests of what is learned from panes."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench._traffic import PANES_PER_DAY, Traffic
from orchestrator.brand.detector import Detector
from orchestrator.brand.episodes import OPEN_SCORE
from orchestrator.brand.expectation import WARM_UP_PANES, Learner, hour_of_day, spread


def learned(counts: list[int], chunk: int = 1) -> Detector:
    """A detector that settled *counts*, each made of chunks of one size."""
    detector = Detector.begin(0)
    for count in counts:
        detector.settle(count, count * chunk)
    return detector


def test_learner_is_warm_after_a_day() -> None:
    """Nothing is judged on less than 24 hours."""
    assert not learned([20] * (WARM_UP_PANES - 1)).learner.warm
    assert learned([20] * WARM_UP_PANES).learner.warm


def test_expect_finds_level_and_course_of_the_day() -> None:
    """After two weeks the mean of each hour is known to a few percent."""
    course = [round(40 * (1 + 0.5 * math.sin(2 * math.pi * hour_of_day(pane) / 24))) for pane in range(PANES_PER_DAY)]
    learner = learned(course * 14).learner
    for pane in range(0, PANES_PER_DAY, 4):
        assert learner.expect(pane).mean == pytest.approx(course[pane], rel=0.08)


def test_expect_does_not_take_scatter_for_a_course_of_the_day() -> None:
    """A brand whose hours do not differ is expected to have hours that hardly differ: chance is averaged over weeks."""
    traffic, rng = Traffic(20, kappa=0.1, swing=0.0), np.random.default_rng(5)
    learner = learned(traffic.draw(traffic.rates(21, rng), rng).tolist()).learner
    means = [learner.expect(pane).mean for pane in range(0, PANES_PER_DAY, 4)]
    assert np.std(means) / np.mean(means) < 0.08


@pytest.mark.parametrize("kappa", [0.0, 0.1, 0.5])
def test_expect_finds_the_scatter(kappa: float) -> None:
    """The method of moments comes near the scatter that the counts were drawn with."""
    traffic, rng = Traffic(50, kappa=kappa, swing=0.3), np.random.default_rng(4)
    found = [learned(traffic.draw(traffic.rates(14, rng), rng).tolist()).learner.expect(0).kappa for _ in range(10)]
    assert np.mean(found) == pytest.approx(kappa, abs=0.03 + 0.3 * kappa)


def test_a_burst_teaches_no_more_than_four_sigmas() -> None:
    """A thousandfold pane moves the level by what its clipped count weighs."""
    usual = learned([20, 22, 18, 20] * 50).learner
    expected = usual.expect(200)
    before = expected.mean
    burst = learned([20, 22, 18, 20] * 50 + [20_000]).learner
    clipped = before + 4 * spread(before, expected.kappa)
    assert burst.expect(220).mean - usual.expect(220).mean < (clipped - before) * 0.02


def test_large_chunks_are_learned_although_they_pass_four_sigmas() -> None:
    """A brand with a chunk of 30 twice a day comes to expect one; 30 mentions of their own remain an alarm."""
    sparse = [0] * PANES_PER_DAY + ([0] * 47 + [30]) * 28 + [0] * 47
    scores = {chunk: next(learned(sparse, chunk).glance([30])).stretch.score for chunk in (30, 1)}
    assert scores[30] < OPEN_SCORE < scores[1]


@given(st.lists(st.integers(0, 10**12), max_size=300))
def test_expectations_are_finite_whatever_was_seen(counts: list[int]) -> None:
    """Any counts leave means above zero and scatter at or above it."""
    expected = learned(counts).learner.expect(5)
    assert 0 < expected.mean < math.inf
    assert 0 <= expected.kappa < math.inf
    assert 0 <= expected.sum_kappa < math.inf


def test_expect_of_nothing_is_small_but_positive() -> None:
    """A brand without a past expects next to nothing, and judges nothing."""
    expected = Learner().expect(0)
    assert 0 < expected.mean < 1
    assert not expected.warm
