"""Tests of how far a brand strays: who is calm, who is restless, and what its usual error is."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.brand.unrest import Errors, Unrest

DAY = 96


def learned(errors: list[float], variance: float = 100.0) -> Unrest:
    """After panes of these *errors*, where the model has one *variance* throughout."""
    unrest = Unrest()
    for error in errors:
        unrest.learn((error, variance), (2 * error, 4 * variance))
    return unrest


def sigmas(unrest: Unrest) -> tuple[float, float]:
    """Of one pane and of four."""
    return unrest.alone.sigma(unrest.weight), unrest.summed.sigma(unrest.weight)


def test_errors_as_large_as_the_model_says_are_calm() -> None:
    """A brand that scatters as it is believed to is judged by the model alone."""
    drawn = np.random.default_rng(1).normal(0, 10, 7 * DAY)
    assert sigmas(learned(drawn.tolist())) == (0.0, 0.0)


def test_bursts_make_restless() -> None:
    """An hour of twenty usual errors a day is more than the model explains, and the usual error says how much."""
    alone, summed = sigmas(learned(([10.0] * (DAY - 4) + [200.0] * 4) * 7))
    assert math.isclose(alone, math.sqrt((92 * 10**2 + 4 * 200**2) / DAY), rel_tol=0.05)
    assert math.isclose(summed, 2 * alone)


def test_a_burst_is_forgotten_in_weeks() -> None:
    """One burst makes restless for weeks and not for ever: errors lose half their weight in seven days."""
    burst = [10.0] * 3 * DAY + [500.0] * 4
    assert sigmas(learned(burst + [10.0] * 14 * DAY))[0] > 0
    assert sigmas(learned(burst + [10.0] * 56 * DAY))[0] == 0


def test_half_a_day_is_needed_to_be_restless() -> None:
    """Of a brand of which nothing was learned, also of a state from before, nothing is claimed."""
    assert sigmas(Unrest()) == (0.0, 0.0)
    assert sigmas(learned([1000.0] * 40))[0] == 0
    assert sigmas(learned([1000.0] * 60))[0] > 0


def test_the_usual_error_is_at_least_one_mention() -> None:
    """Nearly no errors, and yet more than the model has: the first mention must not be endlessly far out."""
    assert sigmas(learned([0.1] * DAY, variance=1e-6)) == (1.0, 1.0)


@given(st.lists(st.tuples(st.floats(-1e15, 1e15), st.floats(0, 1e30)), max_size=80))
def test_sigma_is_finite_whatever_was_seen(learnings: list[tuple[float, float]]) -> None:
    """Any errors leave a number that a score can be divided by."""
    errors, weight = Errors(), 0.0
    for error, variance in learnings:
        errors.add(error, variance)
        weight += 1
    assert 0 <= errors.sigma(weight) < math.inf
