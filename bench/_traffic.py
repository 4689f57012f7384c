"""Simulated mentions: counts per pane with a daily course, scatter beyond chance, and bursts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

PANES_PER_DAY = 96

Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Traffic:
    """A kind of brand.

    Attributes:
        mean: mentions a pane, over the day.
        kappa: scatter beyond chance; the variance is mean + kappa mean².
        swing: how far the day's course goes up and down, as a share of the mean.
        chunk: mentions that come together in one chunk.
    """

    mean: float
    kappa: float = 0.1
    swing: float = 0.5
    chunk: int = 1

    def rates(self, days: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """What is to be expected of each pane; the course starts at a random hour."""
        hours = np.arange(days * PANES_PER_DAY) / 4
        return self.mean * (1 + self.swing * np.sin(2 * np.pi * (hours / 24 + rng.uniform())))

    def draw(self, rates: NDArray[np.float64], rng: np.random.Generator) -> Counts:
        """Mentions of each pane."""
        chunks = rates / self.chunk
        mixed = rng.gamma(1 / self.kappa, chunks * self.kappa) if self.kappa else chunks
        drawn: Counts = rng.poisson(mixed) * self.chunk
        return drawn


@dataclass(frozen=True, slots=True)
class Burst:
    """So many panes with so many times the mentions."""

    factor: float = 4.0
    panes: int = 6

    def put(self, traffic: Traffic, days: int, rng: np.random.Generator) -> tuple[Counts, int]:
        """Counts of *days* with one burst on the last, and the pane that it starts with."""
        rates = traffic.rates(days, rng)
        start = int(rng.integers((days - 1) * PANES_PER_DAY, days * PANES_PER_DAY - self.panes))
        rates[start : start + self.panes] *= self.factor
        return traffic.draw(rates, rng), start
