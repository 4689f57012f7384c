"""Spike episodes: from a score for each pane to one entry for each stretch out of the ordinary.

An episode opens at a score of :data:`OPEN_SCORE`, is updated while it is open, and closes after :data:`QUIET_PANES`
panes below :data:`CLOSE_SCORE`. There are two thresholds, or one burst would become many episodes.
"""

from __future__ import annotations

from msgspec import UNSET, Struct, structs

from orchestrator.brand.expectation import SUM_PANES, Expectation, Observation
from orchestrator.brand.negative_binomial import tail_score
from orchestrator.brand.panes import PANE_MS, PANES_PER_HOUR
from orchestrator.contract.summary import Drivers, SpikeEpisode
from orchestrator.contract.times import iso_utc

OPEN_SCORE = 34.0
"""One count in 10,000: enough for a calm brand."""

RESTLESS_SCORE, RESTLESS_SIGMAS = 25.0, 7.0
"""What a stretch of a restless brand needs, both: the tail of the model, and so many of its usual errors."""

CLOSE_HEIGHT = 0.5
QUIET_PANES = 2

REST_PANES = 96
"""For a day after an episode only what is higher opens another one: aftershocks are no news."""

MIN_MENTIONS = 5
"""Fewer are no spike, however quiet the brand is."""

TWO_LOOKS = 3.0103
"""Taken off every score, because each pane is judged twice, alone and with the three before it: 10 log10(2)."""

_DECIMALS = 2


class Stretch(Struct, frozen=True, array_like=True):
    """One or four panes with their score, and what it was computed from.

    Attributes:
        score: how improbable the count is by the model, in decibels.
        count: mentions.
        mean: what was expected.
        kappa: the model's scatter beyond chance.
        panes: how many.
        sigma: usual error of the brand; 0 for a calm one.
    """

    score: float
    count: int
    mean: float
    kappa: float
    panes: int
    sigma: float = 0.0

    @property
    def threshold(self) -> float:
        """The score that an episode needs here."""
        return RESTLESS_SCORE if self.sigma else OPEN_SCORE

    @property
    def height(self) -> float:
        """How high it stands; an episode opens at 1."""
        return self.height_at(self.sigma)

    def height_at(self, sigma: float) -> float:
        """How high it stands where *sigma* is the usual error of the brand."""
        if not sigma:
            return self.score / OPEN_SCORE
        return min(self.score / RESTLESS_SCORE, (self.count - self.mean) / (sigma * RESTLESS_SIGMAS))

    def upper_bound(self) -> int:
        """The fewest mentions that would have opened an episode in this stretch."""
        high = MIN_MENTIONS
        while self._with(high).height < 1:
            high *= 2
        low = max(MIN_MENTIONS, high // 2)
        while low < high:
            middle = (low + high) // 2
            if self._with(middle).height < 1:
                low = middle + 1
            else:
                high = middle
        return low

    def _with(self, count: int) -> Stretch:
        return stretch_of(count, self.mean, self.kappa, self.panes, self.sigma)


class HourAhead(Struct, frozen=True):
    """What is expected of an hour as a whole.

    Attributes:
        mean: mentions that are likely.
        judged: the hour as the detector looks at it, which is by the largest mean that habit explains.
    """

    mean: float
    judged: Stretch

    @classmethod
    def of(cls, pane: Expectation) -> HourAhead:
        """The hour whose first pane has this expectation: four of them, because an hour has one course of the day."""
        ceiling = max(pane.mean, pane.ceiling)
        judged = Stretch(0.0, 0, PANES_PER_HOUR * ceiling, pane.sum_kappa, SUM_PANES, pane.sum_sigma)
        return cls(PANES_PER_HOUR * pane.mean, judged)

    def upper_bound(self) -> int:
        """The fewest mentions that would have opened an episode in the hour as a whole."""
        return self.judged.upper_bound()


class Rest(Struct, frozen=True, array_like=True):
    """What an episode leaves: until which pane only something higher than its peak opens another one."""

    until: int
    peak: Stretch

    def bar(self, pane: int, expected: Expectation) -> float:
        """The height that is to be exceeded in *pane*; 0 after the rest.

        The peak is measured by what is known now: its own burst may have shown that the brand is restless, and heights
        by other measures do not compare.
        """
        if pane >= self.until:
            return 0.0
        return self.peak.height_at(expected.sigma if self.peak.panes == 1 else expected.sum_sigma)


class OpenEpisode(Struct, frozen=True, array_like=True):
    """An open episode.

    Attributes:
        since: the pane that opened it.
        peak: its highest stretch.
        quiet: the last quiet panes in a row.
        at: the pane that ends the peak; 0 in a state that does not tell, for the one that opened it.
    """

    since: int
    peak: Stretch
    quiet: int = 0
    at: int = 0

    def then(self, stretch: Stretch, pane: int) -> OpenEpisode:
        """The episode after one more settled *pane*, which ends the *stretch*."""
        quiet = self.quiet + 1 if stretch.height < CLOSE_HEIGHT else 0
        return structs.replace(self.higher(stretch, pane), quiet=quiet)

    def higher(self, stretch: Stretch, pane: int) -> OpenEpisode:
        """The episode with the *stretch* that *pane* ends as its peak if it stands higher."""
        return self if stretch.height <= self.peak.height else OpenEpisode(self.since, stretch, self.quiet, pane)

    def panes(self) -> range:
        """The panes of its highest stretch."""
        last = max(self.since, self.at)
        return range(last + 1 - self.peak.panes, last + 1)

    def rest(self, end_pane: int) -> Rest:
        """The rest after it; *end_pane* is the first pane after it."""
        return Rest(end_pane + REST_PANES, self.peak)

    @property
    def over(self) -> bool:
        """Whether enough quiet panes have followed."""
        return self.quiet >= QUIET_PANES

    def entry(self, end_pane: int | None = None, drivers: Drivers | None = None) -> SpikeEpisode:
        """The episode as readers see it; *end_pane* is the first pane after it, None while it is open."""
        peak = self.peak
        return SpikeEpisode(
            timestamp=iso_utc(self.since * PANE_MS),
            spike_score=round(peak.score, _DECIMALS),
            mention_count=peak.count,
            threshold=peak.threshold,
            expected=round(peak.mean, _DECIMALS),
            upper_bound=peak.upper_bound(),
            window_sec=peak.panes * PANE_MS // 1000,
            ended_at=UNSET if end_pane is None else iso_utc(end_pane * PANE_MS),
            drivers=UNSET if drivers is None else drivers,
        )


def judge(seen: Observation, expected: Expectation) -> Stretch:
    """The less probable of two stretches: a pane alone, or the pane with the three before it.

    During the warm-up nothing scores.
    """
    if not expected.warm:
        return Stretch(0.0, seen.count, seen.ceiling, expected.kappa, 1)
    alone = stretch_of(seen.count, seen.ceiling, expected.kappa, 1, expected.sigma)
    summed = stretch_of(seen.sum_count, seen.sum_ceiling, expected.sum_kappa, SUM_PANES, expected.sum_sigma)
    return max(alone, summed, key=lambda stretch: stretch.height)


def opens(seen: Observation, stretch: Stretch, bar: float = 0.0) -> bool:
    """Whether a pane opens an episode; it must hold more than expected itself, not only the panes before it.

    In the rest after an episode, *bar* is to be exceeded.
    """
    return stretch.height >= 1 and stretch.height > bar and seen.count > seen.ceiling


def stretch_of(count: int, mean: float, kappa: float, panes: int, sigma: float = 0.0) -> Stretch:
    """The stretch of that *count*, with its score."""
    # As much as expected is no spike, however rare it is for the brand to be mentioned at all.
    score = max(0.0, tail_score(count, mean, kappa) - TWO_LOOKS) if count > mean and count >= MIN_MENTIONS else 0.0
    return Stretch(score, count, mean, kappa, panes, sigma)
