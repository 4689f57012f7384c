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


def test_the_ceiling_is_that_of_the_highest_hour_nearby() -> None:
    """Before a steep hour and after it a pane is judged by what that hour is used to; two hours off it is not."""
    day = [4] * 36 + [40] * 32 + [4] * 28  # from nine to five
    learner = learned(day * 10).learner
    expected = {hour: learner.expect(10 * PANES_PER_DAY + 4 * hour) for hour in (6, 8, 9, 17, 19)}
    assert expected[8].ceiling == pytest.approx(expected[9].mean, rel=0.2)
    assert expected[17].ceiling == pytest.approx(expected[9].mean, rel=0.2)
    assert expected[8].mean < 8
    for hour in (6, 19):
        assert expected[hour].ceiling < 8


def test_the_ceiling_remembers_working_days_on_days_off() -> None:
    """Two days off bring the mean down, and Monday is still judged by what Friday was."""
    week = [20] * 5 * PANES_PER_DAY + [1] * 2 * PANES_PER_DAY
    learner = learned(week * 3).learner
    monday = learner.expect(21 * PANES_PER_DAY)
    assert monday.mean < 10
    assert 14 < monday.ceiling < 22


def test_the_ceiling_forgets_a_level_of_long_ago() -> None:
    """What a brand once had is no excuse for ever: the highest level fades with a half-life of seven days."""
    learner = learned([200] * 3 * PANES_PER_DAY + [20] * 40 * PANES_PER_DAY).learner
    assert learner.expect(43 * PANES_PER_DAY).ceiling < 25


@given(st.lists(st.integers(0, 10**12), max_size=300))
def test_expectations_are_finite_whatever_was_seen(counts: list[int]) -> None:
    """Any counts leave means above zero and scatter at or above it."""
    expected = learned(counts).learner.expect(5)
    assert 0 < expected.mean < math.inf
    assert 0 <= expected.kappa < math.inf
    assert 0 <= expected.sum_kappa < math.inf
    assert expected.mean <= expected.ceiling < math.inf
    assert 0 <= expected.sigma < math.inf
    assert 0 <= expected.sum_sigma < math.inf


def test_expect_of_nothing_is_small_but_positive() -> None:
    """A brand without a past expects next to nothing, and judges nothing."""
    expected = Learner().expect(0)
    assert 0 < expected.mean < 1
    assert not expected.warm
