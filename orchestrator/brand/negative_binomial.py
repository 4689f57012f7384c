"""How improbable a count is: the upper tail of the negative binomial distribution, in decibels.

A score of 10 s points says: one in 10**s such counts is that high or higher. Only ``math`` is used. There are no
tables and no sums over counts, so a million mentions cost as much as five.

Sources: the tail is the regularised incomplete beta function, P[NB >= x] = I_p(x, r) with r = 1/kappa
and p = kappa mu / (1 + kappa mu); its continued fraction is NIST DLMF 8.17.22, evaluated by Lentz's
method (DLMF 3.10(iii)).
"""

from __future__ import annotations

import math

MAX_SCORE = 999.0
"""Readers get a finite number; beyond this one all counts are equally absurd."""

MIN_KAPPA = 1e-6
"""Below it the distribution is as good as Poisson's, and the rounding of lgamma would show."""

_TINY = 1e-300
_PRECISION = 1e-12
_MAX_STEPS = 500

_PER_DECADE = 10 / math.log(10)


def tail_score(count: int, mean: float, kappa: float) -> float:
    """Minus ten times the decimal logarithm of P[NB >= count], from 0 to :data:`MAX_SCORE`.

    Args:
        count: what was observed.
        mean: what is expected, > 0.
        kappa: dispersion, >= 0; the variance is ``mean + kappa * mean**2``.
    """
    if count <= 0:
        return 0.0
    kappa = max(kappa, MIN_KAPPA)
    return min(MAX_SCORE, max(0.0, -_log_tail(float(count), 1 / kappa, kappa * mean) * _PER_DECADE))


def _log_tail(count: float, size: float, odds: float) -> float:
    """Natural logarithm of I_p(count, size), where p / (1 - p) = odds."""
    log_q = -math.log1p(odds)
    log_p = math.log(odds) + log_q
    front = math.lgamma(count + size) - math.lgamma(count) - math.lgamma(size) + count * log_p + size * log_q
    p = odds / (1 + odds)
    # The fraction converges fast only above the mean; below it, compute the complement.
    if p < (count + 1) / (count + size + 2):
        return front + math.log(_fraction(count, size, p) / count)
    below = math.exp(front) * _fraction(size, count, 1 - p) / size
    return math.log1p(-min(below, 1 - _PRECISION))


def _fraction(a: float, b: float, x: float) -> float:
    """The continued fraction of the incomplete beta function."""
    c, d = 1.0, _inverse(1 - (a + b) * x / (a + 1))
    value = d
    for step in range(1, _MAX_STEPS):
        even = step * (b - step) * x / ((a + 2 * step - 1) * (a + 2 * step))
        d = _inverse(1 + even * d)
        c = _nonzero(1 + even / c)
        value *= c * d
        odd = -(a + step) * (a + b + step) * x / ((a + 2 * step) * (a + 2 * step + 1))
        d = _inverse(1 + odd * d)
        c = _nonzero(1 + odd / c)
        change = c * d
        value *= change
        if abs(change - 1) < _PRECISION:
            break
    return value


def _nonzero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY


def _inverse(value: float) -> float:
    return 1 / _nonzero(value)
