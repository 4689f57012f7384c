"""The episodes of one kind that a brand had, and which of them somebody is still to be told of.

For kinds that are judged once, when a pane is settled: what opens stays open until it closes. What is to be told is
taken with the changes, and belongs to the commit that stores them.
"""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec import Struct

from orchestrator.brand.codec import FieldDecoder, pack
from orchestrator.brand.spikes import MAX_EPISODES, EpisodeChange
from orchestrator.contract.summary import SpikeEpisode

_ENTRY_BYTES = 3_500  # in memory


class _Fields(Struct, array_like=True):
    opened: int
    closed: list[SpikeEpisode]


_decoder = FieldDecoder(_Fields)


class EpisodeList:
    """The newest closed episodes, and how many were ever opened."""

    def __init__(self) -> None:
        self.opened = 0
        self._closed: list[SpikeEpisode] = []
        self._news: list[EpisodeChange] = []
        self._published: list[SpikeEpisode] = []
        self.dirty = False

    @classmethod
    def load(cls, name: bytes, value: bytes) -> EpisodeList:
        """The list in the field *name*; :meth:`publish` what was open then before anything else."""
        fields, found = _decoder.read(name, value), cls()
        found.opened, found._closed = fields.opened, fields.closed
        return found

    def encode(self) -> bytes:
        """As a field holds it."""
        return pack(_Fields(self.opened, self._closed))

    def open(self) -> int:
        """The number of an episode that opens."""
        self.opened += 1
        self.dirty = True
        return self.opened

    def tell(self, kind: Literal["opened", "closed"], number: int, episode: SpikeEpisode) -> None:
        """The episode of that number opened or closed; one that closed is kept."""
        self._news.append(EpisodeChange(kind, number, episode))
        if kind == "closed":
            self._closed = [*self._closed, episode][-MAX_EPISODES:]
            self.dirty = True

    def drop_after(self, latest: str) -> int:
        """Forget closed episodes that began after *latest*; how many."""
        kept = [one for one in self._closed if one.timestamp <= latest]
        left = len(self._closed) - len(kept)
        self._closed, self.dirty = kept, True
        return left

    def publish(self, current: list[SpikeEpisode]) -> list[bytes] | None:
        """The whole list with what is open, oldest first, as JSON; None: it is what it was."""
        episodes = [*self._closed, *current][-MAX_EPISODES:]
        if episodes == self._published:
            return None
        self._published = episodes
        return [msgspec.json.encode(episode) for episode in episodes]

    def take_news(self) -> list[EpisodeChange]:
        """What opened and closed since this was last asked; of one that did both only the newest forty are told."""
        news, self._news = self._news, []
        return news

    def held_bytes(self) -> int:
        """Bytes in memory."""
        return (len(self._closed) + len(self._published)) * _ENTRY_BYTES
