"""What can be expected of a brand's next quarter of an hour, by its own past.

Learns from settled panes, one after the other: a level (half-life 24 hours), the course of the day (half-life seven
days) and how much counts scatter beyond chance (half-life 48 hours). Every estimate is a ratio of two decayed sums, so
an early one is a plain mean and needs no special case.

Source: the design's rule on spikes. What it leaves open was chosen by simulation
(``docs/decisions/0018-spike-detector.md``, ``python -m bench spikes``): how strongly each hour is pulled towards the
level, the scatter of four panes together, and how far clipping goes when mentions come in large chunks.
"""

from __future__ import annotations

import math

from msgspec import Struct, field

from orchestrator.brand.panes import PANES_PER_HOUR
from orchestrator.brand.unrest import Unrest

PANES_PER_DAY = 24 * PANES_PER_HOUR
WARM_UP_PANES = PANES_PER_DAY
"""Panes to learn from before anything can be out of the ordinary."""

SUM_PANES = 4
"""A slow growth shows in the sum of this many panes before it shows in one."""

CLIP_SIGMAS = 4.0
"""At most the mean and so many standard deviations are learned from a pane: a burst must not become normal."""

_CLIP_CHUNKS = 2.0
"""But always up to two usual chunks, or the scatter of a brand with a chunk every few hours would never be learned."""

_HOUR_VARIANCE = 0.15
"""How much hours are assumed to differ, as a squared share of the level; the smaller, the stronger the pull to it."""

_LEVEL_DECAY = 2 ** (-1 / PANES_PER_DAY)
_SCATTER_DECAY = 2 ** (-1 / (2 * PANES_PER_DAY))
_HOUR_DECAY = 2 ** (-1 / (7 * PANES_PER_HOUR))  # an hour of the day learns from four panes a day
_HIGH_DECAY = 2 ** (-1 / (7 * PANES_PER_DAY))
_SIZE_DECAY = 2 ** (-1 / (7 * PANES_PER_DAY))

_PRIOR_LEVEL = 0.25
_PRIOR_KAPPA = 0.1
_PRIOR_WEIGHT = 24.0
_SMALLEST = 1e-9


class Expectation(Struct, frozen=True, array_like=True):
    """What is expected of one pane.

    Attributes:
        mean: mentions; errors are learned against it.
        kappa: scatter of one pane beyond chance; the variance is ``mean + kappa * mean**2``.
        sum_kappa: the same for the sum of four panes.
        warm: whether enough was learned to judge by it.
        ceiling: the largest mean that habit explains, which a pane is judged by. It is that of this hour of the day or
            its neighbours, because an hour's first and last quarter are not like its middle and a change of clocks
            moves the whole day; and at the highest level of the past days, because a working day follows days off.
        sigma: usual error of a pane, bursts included; 0 for a calm brand.
        sum_sigma: the same for the sum of four panes.
    """

    mean: float
    kappa: float
    sum_kappa: float
    warm: bool
    ceiling: float = 0.0  # of a state that has none: the mean
    sigma: float = 0.0
    sum_sigma: float = 0.0


class Observation(Struct, frozen=True, array_like=True):
    """What was seen in one pane and what had been expected, for the pane alone and for four panes together.

    ``mean`` is what errors are learned against, ``ceiling`` what the pane is judged by.
    """

    count: int
    mean: float
    sum_count: int
    sum_mean: float
    ceiling: float
    sum_ceiling: float


def variance(mean: float, kappa: float) -> float:
    """The variance of a count."""
    return mean + kappa * mean * mean


def spread(mean: float, kappa: float) -> float:
    """The standard deviation of a count."""
    return math.sqrt(variance(mean, kappa))


def hour_of_day(pane: int) -> int:
    """The hour of the UTC day that *pane* lies in."""
    return pane // PANES_PER_HOUR % 24


class Learner(Struct, array_like=True):
    """Decayed sums over the panes learned so far; a numerator and a denominator for each estimate."""

    panes: int = 0
    level: float = _PRIOR_LEVEL
    level_weight: float = 1.0
    hours: list[float] = field(default_factory=lambda: [0.0] * 24)
    hour_weights: list[float] = field(default_factory=lambda: [0.0] * 24)
    scatter: float = _PRIOR_KAPPA * _PRIOR_WEIGHT
    scatter_weight: float = _PRIOR_WEIGHT
    sum_scatter: float = _PRIOR_KAPPA * _PRIOR_WEIGHT
    sum_scatter_weight: float = _PRIOR_WEIGHT
    sizes: float = 0.0
    size_weight: float = 0.0
    unrest: Unrest = field(default_factory=Unrest)
    high: float = 0.0  # the highest level of the past days, fading with a half-life of seven days

    @property
    def warm(self) -> bool:
        """Whether the warm-up is over."""
        return self.panes >= WARM_UP_PANES

    def expect(self, pane: int) -> Expectation:
        """What is expected of *pane* by what was learned so far."""
        level, hour = self._level(), hour_of_day(pane)
        share = self._share(hour)
        mean = max(_SMALLEST, level * share)
        largest = max(share, self._share((hour - 1) % 24), self._share((hour + 1) % 24))
        ceiling = max(mean, self.high * largest, level * largest)
        sum_kappa = max(0.0, self.sum_scatter / self.sum_scatter_weight)
        unrest = self.unrest
        sigma, sum_sigma = unrest.alone.sigma(unrest.weight), unrest.summed.sigma(unrest.weight)
        return Expectation(mean, self._kappa(), sum_kappa, self.warm, ceiling, sigma, sum_sigma)

    def learn(self, pane: int, seen: Observation, expected: Expectation, squares: int) -> None:
        """Learn from *pane*, which is settled; *squares* is the sum of the squared sizes of its chunks."""
        count, sum_count = float(seen.count), float(seen.sum_count)
        if expected.warm:
            count = self._clipped(count, seen.mean, expected.kappa)
            sum_count = self._clipped(sum_count, seen.sum_mean, expected.sum_kappa)
        if seen.count:
            self._learn_size(count, squares / seen.count)
        if self.panes >= SUM_PANES:  # the first panes' means are guesses and say nothing of scatter
            self._learn_scatter(count, sum_count, seen)
            self._learn_unrest(seen, expected)
        hour = hour_of_day(pane)
        # Both before either sum changes: each estimate is measured by what was known of the other before this pane.
        share, level = self._share(hour), self._level()
        self.level = _LEVEL_DECAY * self.level + count
        self.level_weight = _LEVEL_DECAY * self.level_weight + share
        decay, weight = (_HOUR_DECAY, level) if self.warm else (1.0, 1.0)
        self.hours[hour] = decay * self.hours[hour] + count
        self.hour_weights[hour] = decay * self.hour_weights[hour] + weight
        self.panes += 1
        if self.panes == WARM_UP_PANES:
            self._end_warm_up()
        if self.warm:
            self.high = max(self._level(), _HIGH_DECAY * self.high)

    def _level(self) -> float:
        return self.level / self.level_weight

    def _kappa(self) -> float:
        return max(0.0, self.scatter / self.scatter_weight)

    def _share(self, hour: int) -> float:
        """This hour's factor on the level; 1 is average. The fewer panes are known, the nearer to 1 it is."""
        if not self.warm:
            return 1.0
        level = max(_SMALLEST, self._level())
        # Shrinkage: add so many average panes as are needed to tell a difference between hours from scatter.
        pull = (1 / level + self._kappa()) / _HOUR_VARIANCE * level
        return (self.hours[hour] + pull) / (self.hour_weights[hour] + pull)

    def _clipped(self, count: float, mean: float, kappa: float) -> float:
        return min(count, max(mean + CLIP_SIGMAS * spread(mean, kappa), _CLIP_CHUNKS * self._usual_chunk()))

    def _usual_chunk(self) -> float:
        return self.sizes / self.size_weight if self.size_weight else 0.0

    def _learn_size(self, count: float, size: float) -> None:
        """Learn that the mentions of this pane, *count* of them, came in chunks of this *size*."""
        if self.warm and self.size_weight:  # one huge chunk must not raise the bound that clips it
            size = min(size, _CLIP_CHUNKS * self._usual_chunk())
        self.sizes = _SIZE_DECAY * self.sizes + size * count
        self.size_weight = _SIZE_DECAY * self.size_weight + count

    def _learn_scatter(self, count: float, sum_count: float, seen: Observation) -> None:
        """The method of moments: squared errors exceed the mean by kappa times the squared mean."""
        self.scatter = _SCATTER_DECAY * self.scatter + (count - seen.mean) ** 2 - seen.mean
        self.scatter_weight = _SCATTER_DECAY * self.scatter_weight + seen.mean**2
        self.sum_scatter = _SCATTER_DECAY * self.sum_scatter + (sum_count - seen.sum_mean) ** 2 - seen.sum_mean
        self.sum_scatter_weight = _SCATTER_DECAY * self.sum_scatter_weight + seen.sum_mean**2

    def _learn_unrest(self, seen: Observation, expected: Expectation) -> None:
        """The errors as they are: nothing is clipped here."""
        self.unrest.learn(
            (seen.count - seen.mean, variance(seen.mean, expected.kappa)),
            (seen.sum_count - seen.sum_mean, variance(seen.sum_mean, expected.sum_kappa)),
        )

    def _end_warm_up(self) -> None:
        """Express level and hours of the first day by that day's mean, which is known only now."""
        mean = max(_SMALLEST, sum(self.hours) / WARM_UP_PANES)
        self.level = mean * self.level_weight
        self.hour_weights = [panes * mean for panes in self.hour_weights]
