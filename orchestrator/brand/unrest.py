"""How far a brand strays from what is expected of it, its bursts included.

What :mod:`orchestrator.brand.expectation` learns of scatter is clipped, so that a burst does not become normal. So it
never learns that *this brand bursts often*: counts of real mentions have heavy tails, and their everyday bursts are as
improbable by the clipped model as the one a month that matters. Here the squared errors are summed as they are. A brand
whose errors are about as large as the model says is *calm*, and judged by the model alone; of any other a stretch must
stand out against its own usual errors, too.

Source: measured on labelled counts of real mentions (``docs/decisions/0068-restless-brands.md``,
``python -m bench spikes --counts``).
"""

from __future__ import annotations

import math

from msgspec import Struct, field

CALM_RATIO = 1.1
"""Up to so many times the variance of the model, a brand is calm."""

MIN_VARIANCE = 1.0
"""Of errors; a brand that nobody mentions has none, and its first mention would be endlessly far out."""

_DECAY = 2 ** (-1 / (7 * 96))
"""Half-life seven days, in panes."""

_ENOUGH = 48.0
"""Panes to learn from before a brand can be restless: half a day."""


class Errors(Struct, array_like=True):
    """Decayed sums over settled panes, or over stretches of four: squared errors, and the variances of the model."""

    squares: float = 0.0
    variances: float = 0.0

    def add(self, error: float, variance: float) -> None:
        """Take in one more *error*, where the model has that *variance*."""
        self.squares = _DECAY * self.squares + error * error
        self.variances = _DECAY * self.variances + variance

    def sigma(self, weight: float) -> float:
        """The usual error of a restless brand; 0 for a calm one. *weight* is the decayed number of panes."""
        if weight < _ENOUGH or self.squares <= CALM_RATIO * self.variances:
            return 0.0
        return math.sqrt(max(MIN_VARIANCE, self.squares / weight))


class Unrest(Struct, array_like=True):
    """What was learned of the errors of one pane and of four together."""

    weight: float = 0.0
    alone: Errors = field(default_factory=Errors)
    summed: Errors = field(default_factory=Errors)

    def learn(self, alone: tuple[float, float], summed: tuple[float, float]) -> None:
        """Learn one settled pane: the error and the variance of the model, alone and with the three panes before."""
        self.weight = _DECAY * self.weight + 1
        self.alone.add(*alone)
        self.summed.add(*summed)
