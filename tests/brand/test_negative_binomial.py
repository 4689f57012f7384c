"""Tests of the negative binomial tail against slow and independent ways to compute it."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import nbinom, poisson

from orchestrator.brand.negative_binomial import MAX_SCORE, tail_score

means = st.floats(0.001, 1e6)
kappas = st.floats(1e-5, 50)


def by_summing(count: int, mean: float, kappa: float) -> float:
    """The score by adding up every count below, in exact terms of the recurrence."""
    size = 1 / kappa
    p = mean / (mean + size)
    term = math.exp(size * math.log1p(-p))
    below = []
    for number in range(count):
        below.append(term)
        term *= (number + size) / (number + 1) * p
    return -10 * math.log10(1 - math.fsum(below))


@pytest.mark.parametrize(
    ("count", "mean", "kappa"), [(5, 1.0, 0.1), (30, 20.0, 0.1), (45, 20.0, 0.3), (3, 5.0, 1.0), (7, 0.5, 4.0)]
)
def test_tail_score_equals_the_sum_over_counts(count: int, mean: float, kappa: float) -> None:
    """The continued fraction gives what adding up probabilities gives."""
    assert tail_score(count, mean, kappa) == pytest.approx(by_summing(count, mean, kappa), abs=1e-6)


@given(means, kappas, st.floats(0.01, 30))
def test_tail_score_agrees_with_scipy(mean: float, kappa: float, factor: float) -> None:
    """Over nine orders of magnitude of the mean and six of the scatter."""
    count = max(1, int(mean * factor))
    size = 1 / kappa
    expected = -10 / math.log(10) * float(nbinom.logsf(count - 1, size, size / (size + mean)))
    if expected < MAX_SCORE:  # beyond it scipy's own tail underflows
        assert tail_score(count, mean, kappa) == pytest.approx(max(0.0, expected), rel=1e-3, abs=1e-3)


@given(st.floats(0.1, 1000), st.floats(1, 4))
def test_tail_score_without_scatter_is_poisson(mean: float, factor: float) -> None:
    """With kappa zero the tail is that of pure chance."""
    count = max(1, int(mean * factor))
    expected = -10 / math.log(10) * float(poisson.logsf(count - 1, mean))
    if expected < MAX_SCORE:
        assert tail_score(count, mean, 0.0) == pytest.approx(expected, rel=0.02, abs=0.02)


@given(means, kappas, st.integers(0, 10**7))
def test_tail_score_is_monotone_in_the_count(mean: float, kappa: float, count: int) -> None:
    """One mention more is never less improbable, but for rounding."""
    assert tail_score(count + 1, mean, kappa) >= tail_score(count, mean, kappa) - 1e-4


@given(st.floats(1e-9, 1e12), st.floats(0, 1e6), st.integers(-1, 10**15))
def test_tail_score_is_always_a_finite_score(mean: float, kappa: float, count: int) -> None:
    """No input within reach of the state makes anything but a number from 0 to the maximum."""
    assert 0 <= tail_score(count, mean, kappa) <= MAX_SCORE
