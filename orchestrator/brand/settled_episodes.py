"""What the kinds of episodes share that are judged when a pane is settled: what was learned and the list, in the state.

A kind is a subclass: it names its two state fields, says how what was learned is read, and judges.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Generic, Self, TypeVar

from msgspec import Struct

from orchestrator.brand.codec import FieldDecoder, pack
from orchestrator.brand.episode_list import EpisodeList
from orchestrator.brand.expectation import SUM_PANES
from orchestrator.brand.spikes import EpisodeChange
from orchestrator.brand.tracked import SETTLING_PANES
from orchestrator.contract.summary import SpikeEpisode

Learned = TypeVar("Learned", bound=Struct)


class SettledEpisodes(Generic[Learned]):
    """The episodes of one kind of one brand.

    Attributes:
        learned_field: state field of what was learned, with the open episodes.
        closed_field: state field of the closed ones.
    """

    learned_field: ClassVar[bytes]
    closed_field: ClassVar[bytes]
    _decoder: FieldDecoder[Learned]  # one a kind: a class variable, which a type of the class's own cannot be in

    def __init__(self) -> None:
        self._learned: Learned | None = None
        self._list = EpisodeList()
        self._dirty = False

    @classmethod
    def load(cls, fields: Mapping[bytes, bytes]) -> Self:
        """What *fields* hold; without them, nothing was learned yet."""
        found = cls()
        if cls.learned_field in fields:
            found._learned = cls._decoder.read(cls.learned_field, fields[cls.learned_field])
        if cls.closed_field in fields:
            found._list = EpisodeList.load(cls.closed_field, fields[cls.closed_field])
        found._list.publish(found.open_episodes())
        return found

    def open_episodes(self) -> list[SpikeEpisode]:
        """Those that are open, oldest first."""
        raise NotImplementedError

    def following(self) -> int | None:
        """The pane that is settled next; None as long as nothing is learned."""
        raise NotImplementedError

    def due_pane(self, newest: int | None) -> int | None:
        """The pane with which an episode may open, grow or close next without chunks; None: none will.

        Args:
            newest: the last pane with mentions; as long as a sum of panes may hold it, an episode may open.
        """
        following = self.following()
        waiting = newest is not None and following is not None and following < newest + SUM_PANES
        return following + SETTLING_PANES if following is not None and (waiting or self.open_episodes()) else None

    def take_changes(
        self, put: dict[bytes, bytes], remove: list[bytes]
    ) -> tuple[list[bytes] | None, list[EpisodeChange]]:
        """Add the fields that changed to *put* and *remove*; returns the published list if it changed, and the news."""
        if self._dirty:
            if self._learned is None:
                remove.append(self.learned_field)
            else:
                put[self.learned_field] = pack(self._learned)
        if self._list.dirty:
            put[self.closed_field] = self._list.encode()
        self._dirty = self._list.dirty = False
        return self._list.publish(self.open_episodes()), self._list.take_news()

    def rewrite(self) -> None:
        """Write every field with the next changes; one that is to be removed still is."""
        self._dirty |= self._learned is not None
        self._list.dirty |= self._list.opened > 0

    def held_bytes(self) -> int:
        """Bytes in memory."""
        return self._list.held_bytes()
