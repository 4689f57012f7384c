"""What share of something can be expected of a brand's next quarter of an hour, by its own past.

A part is judged *given* the whole: negative mentions, given all that have a sentiment. So more of everything is no more
of the part. The share is a ratio of two decayed sums (half-life two days), judged at the highest of the past days,
which fades with a half-life of seven. Scatter and unrest are learned as of counts (:mod:`~orchestrator.brand.unrest`),
errors measured by what the model has for so large a whole.

Source: ``docs/decisions/0076-mood-and-stories.md``, measured by ``python -m bench spikes``.
"""

from __future__ import annotations

from msgspec import Struct, field

from orchestrator.brand.detector import Look
from orchestrator.brand.episodes import judge
from orchestrator.brand.expectation import (
    CLIP_SIGMAS,
    PANES_PER_DAY,
    SUM_PANES,
    WARM_UP_PANES,
    Expectation,
    Observation,
    spread,
    variance,
)
from orchestrator.brand.unrest import Unrest

_DECAY = 2 ** (-1 / (2 * PANES_PER_DAY))
_HIGH_DECAY = 2 ** (-1 / (7 * PANES_PER_DAY))
_PRIOR_PART, _PRIOR_WHOLE = 1.0, 5.0
_PRIOR_KAPPA, _PRIOR_WEIGHT = 0.1, 24.0
_SMALLEST = 1e-9


class Part(Struct, frozen=True, array_like=True):
    """A pane: the part, the whole, the part that was expected, and the most that habit explains."""

    part: int
    whole: int
    mean: float
    ceiling: float


class ShareLearner(Struct, array_like=True):
    """Decayed sums over the panes learned so far, and the newest panes, as many as a sum has."""

    panes: int = 0
    parts: float = _PRIOR_PART
    wholes: float = _PRIOR_WHOLE
    high: float = 0.0
    scatter: float = _PRIOR_KAPPA * _PRIOR_WEIGHT
    scatter_weight: float = _PRIOR_WEIGHT
    sum_scatter: float = _PRIOR_KAPPA * _PRIOR_WEIGHT
    sum_scatter_weight: float = _PRIOR_WEIGHT
    unrest: Unrest = field(default_factory=Unrest)
    past: list[Part] = field(default_factory=list)

    @property
    def warm(self) -> bool:
        """Whether enough was learned to judge by it."""
        return self.panes >= WARM_UP_PANES

    @property
    def share(self) -> float:
        """The share that is expected."""
        return self.parts / self.wholes

    def settle(self, pane: int, part: int, whole: int) -> Look:
        """Look at the next *pane* by what was known before it, and learn from it."""
        seen, expected = self._observe(part, whole), self._expectation()
        # The usual error of a restless brand is told in standard deviations of the model, which depend on the whole.
        sigma = expected.sigma * spread(max(_SMALLEST, seen.ceiling), expected.kappa)
        sum_sigma = expected.sum_sigma * spread(max(_SMALLEST, seen.sum_ceiling), expected.sum_kappa)
        fitted = Expectation(
            seen.mean, expected.kappa, expected.sum_kappa, expected.warm, seen.ceiling, sigma, sum_sigma
        )
        stretch = judge(seen, fitted)
        self._learn(part, whole, seen, expected)
        self.past = [*self.past, Part(part, whole, seen.mean, seen.ceiling)][-SUM_PANES:]
        return Look(pane, seen, fitted, stretch)

    def wholes_of(self, panes: int) -> int:
        """The whole of the newest *panes*; ask after :meth:`settle` of the last of them, and of no more than four."""
        return sum([one.whole for one in self.past[-panes:]])

    def _observe(self, part: int, whole: int) -> Observation:
        before = self.past[1 - SUM_PANES :]
        mean = max(_SMALLEST, self.share * whole)
        ceiling = max(mean, self.high * whole)
        return Observation(
            part,
            mean,
            part + sum([one.part for one in before]),
            mean + sum([one.mean for one in before]),
            ceiling,
            ceiling + sum([one.ceiling for one in before]),
        )

    def _expectation(self) -> Expectation:
        unrest = self.unrest
        kappas = self.scatter / self.scatter_weight, self.sum_scatter / self.sum_scatter_weight
        sigmas = unrest.alone.sigma(unrest.weight), unrest.summed.sigma(unrest.weight)
        return Expectation(0.0, max(0.0, kappas[0]), max(0.0, kappas[1]), self.warm, 0.0, *sigmas)

    def _learn(self, part: int, whole: int, seen: Observation, expected: Expectation) -> None:
        if whole:
            learned = float(part)
            summed = float(seen.sum_count)
            if expected.warm:  # a jump must not become normal at once
                learned = min(learned, seen.mean + CLIP_SIGMAS * spread(seen.mean, expected.kappa))
                summed = min(summed, seen.sum_mean + CLIP_SIGMAS * spread(seen.sum_mean, expected.sum_kappa))
            if self.panes >= SUM_PANES:
                self._learn_scatter(learned, summed, seen, expected)
            self.parts = _DECAY * self.parts + learned
            self.wholes = _DECAY * self.wholes + whole
        self.high = self.share if self.panes < WARM_UP_PANES else max(self.share, _HIGH_DECAY * self.high)
        self.panes += 1

    def _learn_scatter(self, part: float, summed: float, seen: Observation, expected: Expectation) -> None:
        self.scatter = _DECAY * self.scatter + (part - seen.mean) ** 2 - seen.mean
        self.scatter_weight = _DECAY * self.scatter_weight + seen.mean**2
        self.sum_scatter = _DECAY * self.sum_scatter + (summed - seen.sum_mean) ** 2 - seen.sum_mean
        self.sum_scatter_weight = _DECAY * self.sum_scatter_weight + seen.sum_mean**2
        alone = (seen.count - seen.mean) / variance(seen.mean, expected.kappa) ** 0.5
        together = (seen.sum_count - seen.sum_mean) / variance(seen.sum_mean, expected.sum_kappa) ** 0.5
        self.unrest.learn((alone, 1.0), (together, 1.0))
