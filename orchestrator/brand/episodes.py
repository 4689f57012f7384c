"""Spike episodes: from a score for each pane to one entry for each stretch out of the ordinary.

An episode opens at a score of :data:`OPEN_SCORE`, is updated while it is open, and closes after :data:`QUIET_PANES`
panes below :data:`CLOSE_SCORE`. There are two thresholds, or one burst would become many episodes.
"""

from __future__ import annotations

from msgspec import UNSET, Struct

from orchestrator.brand.expectation import SUM_PANES, Expectation, Observation
from orchestrator.brand.negative_binomial import tail_score
from orchestrator.brand.panes import PANE_MS
from orchestrator.contract.summary import SpikeEpisode
from orchestrator.contract.times import iso_utc

OPEN_SCORE = 40.0
"""One count in 10,000."""

CLOSE_SCORE = 20.0
QUIET_PANES = 2

MIN_MENTIONS = 5
"""Fewer are no spike, however quiet the brand is."""

TWO_LOOKS = 3.0103
"""Taken off every score, because each pane is judged twice, alone and with the three before it: 10 log10(2)."""

_DECIMALS = 2


class Stretch(Struct, frozen=True, array_like=True):
    """One or four panes with their score, and what it was computed from."""

    score: float
    count: int
    mean: float
    kappa: float
    panes: int

    def upper_bound(self) -> int:
        """The fewest mentions that would have opened an episode in this stretch."""
        high = MIN_MENTIONS
        while _score(high, self.mean, self.kappa) < OPEN_SCORE:
            high *= 2
        low = max(MIN_MENTIONS, high // 2)
        while low < high:
            middle = (low + high) // 2
            if _score(middle, self.mean, self.kappa) < OPEN_SCORE:
                low = middle + 1
            else:
                high = middle
        return low


class OpenEpisode(Struct, frozen=True, array_like=True):
    """An open episode: the pane that opened it, its highest stretch, and the last quiet panes in a row."""

    since: int
    peak: Stretch
    quiet: int = 0

    def then(self, stretch: Stretch) -> OpenEpisode:
        """The episode after one more settled pane, which ends the *stretch*."""
        return OpenEpisode(self.since, self.higher(stretch).peak, self.quiet + 1 if stretch.score < CLOSE_SCORE else 0)

    def higher(self, stretch: Stretch) -> OpenEpisode:
        """The episode with the *stretch* as its peak if it scores more."""
        return self if stretch.score <= self.peak.score else OpenEpisode(self.since, stretch, self.quiet)

    @property
    def over(self) -> bool:
        """Whether enough quiet panes have followed."""
        return self.quiet >= QUIET_PANES

    def entry(self, end_pane: int | None = None) -> SpikeEpisode:
        """The episode as readers see it; *end_pane* is the first pane after it, None while it is open."""
        peak = self.peak
        return SpikeEpisode(
            timestamp=iso_utc(self.since * PANE_MS),
            spike_score=round(peak.score, _DECIMALS),
            mention_count=peak.count,
            threshold=OPEN_SCORE,
            expected=round(peak.mean, _DECIMALS),
            upper_bound=peak.upper_bound(),
            window_sec=peak.panes * PANE_MS // 1000,
            ended_at=UNSET if end_pane is None else iso_utc(end_pane * PANE_MS),
        )


def judge(seen: Observation, expected: Expectation) -> Stretch:
    """The less probable of two stretches: a pane alone, or the pane with the three before it.

    During the warm-up nothing scores.
    """
    if not expected.warm:
        return Stretch(0.0, seen.count, seen.mean, expected.kappa, 1)
    alone = _stretch(seen.count, seen.mean, expected.kappa, 1)
    summed = _stretch(seen.sum_count, seen.sum_mean, expected.sum_kappa, SUM_PANES)
    return max(alone, summed, key=lambda stretch: stretch.score)


def opens(seen: Observation, stretch: Stretch) -> bool:
    """Whether a pane opens an episode; it must hold more than expected itself, not only the panes before it."""
    return stretch.score >= OPEN_SCORE and seen.count > seen.mean


def _stretch(count: int, mean: float, kappa: float, panes: int) -> Stretch:
    # As much as expected is no spike, however rare it is for the brand to be mentioned at all.
    score = _score(count, mean, kappa) if count > mean and count >= MIN_MENTIONS else 0.0
    return Stretch(score, count, mean, kappa, panes)


def _score(count: int, mean: float, kappa: float) -> float:
    return max(0.0, tail_score(count, mean, kappa) - TWO_LOOKS)
