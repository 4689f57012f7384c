"""An open episode of a kind that is judged when panes are settled, with its number and what it is about."""

from __future__ import annotations

from msgspec import Struct, structs

from orchestrator.brand.episodes import OpenEpisode, Stretch
from orchestrator.contract.summary import Drivers, SpikeEpisode

SETTLING_PANES = 2
"""Panes that are not settled: the current one and the one before."""


class Tracked(Struct, array_like=True):
    """An open episode.

    Attributes:
        number: counts the brand's episodes of this kind.
        open: since when, and its highest stretch.
        of: the mentions of all kinds in that stretch.
        drivers: what it is about.
    """

    number: int
    open: OpenEpisode
    of: int
    drivers: Drivers

    def then(self, stretch: Stretch, pane: int) -> bool:
        """One more settled *pane*, which ends the *stretch*; whether that is its highest."""
        before, self.open = self.open, self.open.then(stretch, pane)
        return self.open.at != before.at

    def end_pane(self, pane: int) -> int | None:
        """The first pane after it, when *pane* was settled; None while it is open."""
        return pane + 1 - self.open.quiet if self.open.over else None

    def entry(self, end_pane: int | None = None) -> SpikeEpisode:
        """The episode as readers see it, but for its kind."""
        return structs.replace(self.open.entry(end_pane, self.drivers), of_mentions=self.of)
