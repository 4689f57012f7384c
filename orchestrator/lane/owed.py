"""What readers of a brand have not seen yet, where what they read is in other slots than the state.

Changes of several commits add up to one; what nobody knows, because the lease is new, a projection found another base
or there is too much of it, is owed whole. Pure: what is sent, and when, is the business of
:mod:`orchestrator.lane.projector`. Source: ``docs/redis-protocol.md``, section 14.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from orchestrator.store.codes import Code
from orchestrator.store.projections import NOWHERE, Part, Position, Projection, Shown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from orchestrator.store.projections import Answer
    from orchestrator.store.types import Commit

MOST_BYTES: Final = 2**20
"""Of changes that add up; beyond it the parts are read again from where the commits left them."""

_LISTS: Final = {Part.SPIKE: "spikes", Part.MOOD: "moods", Part.STORIES: "stories"}
"""Parts that a commit replaces, and the attribute of a commit that holds each."""

_READ: Final = (*_LISTS, Part.TREND, Part.RECENT)
"""Parts whose whole lies in a shadow; that of the summary does not, because it follows from the state."""


class Owed:
    """What is owed to the readers of one brand.

    Args:
        recent_max: entries that are kept in the list of recent chunks.

    Attributes:
        shown: which commit each part shows, as far as it is known here.
        position: of the last commit.
        whole: parts that have to be read as a whole from where the last commit left them.
        due_ms: when the last commit wants to be refreshed; None: nobody here knows.
        outrun: the greatest epoch that readers were found to see, if none of ours.
    """

    def __init__(self, recent_max: int) -> None:
        self.shown: dict[Part, Shown] = {}
        self.position = NOWHERE
        self.whole: set[Part] = set(_READ)
        self.due_ms: int | None = None
        self.outrun = 0
        self._at_ms = 0
        self._summary: tuple[bytes, Shown] | None = None
        self._lists: dict[Part, Sequence[bytes]] = {}
        self._put: dict[bytes, bytes] = {}
        self._removed: dict[bytes, None] = {}
        self._recent: deque[bytes] = deque(maxlen=recent_max)

    @property
    def held_bytes(self) -> int:
        """What it takes in memory, roughly."""
        return self._changed_bytes() + (len(self._summary[0]) if self._summary is not None else 0)

    @property
    def summarised(self) -> bool:
        """Whether a summary is at hand that readers have not seen."""
        return self._summary is not None

    @property
    def pending(self) -> bool:
        """Whether anything is owed."""
        return bool(self.whole or self._summary or self._lists or self._put or self._removed or self._recent)

    @property
    def complete(self) -> bool:
        """Whether it is known of each part which commit it shows."""
        return len(self.shown) == len(Part)

    def committed(self, commit: Commit, epoch: int, now_ms: int) -> None:
        """*commit*, which was peeked at *now_ms* under the lease of that *epoch*, is in."""
        self.position, self._at_ms = Position(epoch, commit.version), now_ms
        self.due_ms = commit.due_ms
        if commit.summary is not None:
            self._summary = commit.summary, Shown(self.position, now_ms)
        for part, name in _LISTS.items():
            if part not in self.whole and (entries := getattr(commit, name)) is not None:
                self._lists[part] = entries
        if Part.TREND not in self.whole:
            # As in commit.lua: what goes, goes before the rest is written.
            for field in commit.trend_remove:
                self._put.pop(field, None)
                self._removed[field] = None
            for field, value in commit.trend_put.items():
                self._removed.pop(field, None)
                self._put[field] = value
        if Part.RECENT not in self.whole:
            self._recent.extend(commit.recent)
        if self._changed_bytes() > MOST_BYTES:
            self.forget()

    def forget(self) -> None:
        """Owe all parts whole; the summary is written anew by the next commit that carries one."""
        for part in _READ:
            self._owe_whole(part)

    def projections(self, found: Mapping[Part, Sequence[bytes]]) -> list[Projection]:
        """What is to be sent; of parts that are owed whole those that were *found*."""
        due: list[Projection] = []
        if self._summary is not None:
            document, shown = self._summary
            due.append(Projection(Part.SUMMARY, shown.position, [document]))
        due += [Projection(part, self.position, found[part]) for part in _READ if part in self.whole and part in found]
        due += [Projection(part, self.position, entries) for part, entries in self._lists.items()]
        if self._put or self._removed:
            flat = [text for pair in self._put.items() for text in pair]
            due.append(Projection(Part.TREND, self.position, flat, list(self._removed), self._base(Part.TREND)))
        if self._recent:
            due.append(Projection(Part.RECENT, self.position, list(self._recent), (), self._base(Part.RECENT)))
        return due

    def answered(self, one: Projection, answer: Answer) -> None:
        """*one* was sent, and got that *answer*; without one it is owed as before."""
        if answer.code is Code.BEHIND:
            self._owe_whole(one.part)
        elif answer.code is Code.OK or (answer.code is Code.OLD and answer.position == one.position):
            self._settled(one.part, one.position)
        elif answer.code is Code.OLD:
            # Readers see what a later lease left, or one that this server has forgotten: this lease shows them nothing.
            self.outrun = max(self.outrun, answer.position.epoch)

    def _settled(self, part: Part, position: Position) -> None:
        at_ms = self._summary[1].at_ms if part is Part.SUMMARY and self._summary is not None else self._at_ms
        self.shown[part] = Shown(position, at_ms)
        self._drop(part)

    def _owe_whole(self, part: Part) -> None:
        self._drop(part)
        self.whole.add(part)

    def _drop(self, part: Part) -> None:
        """What is known of *part* is owed no more."""
        self.whole.discard(part)
        self._lists.pop(part, None)
        if part is Part.SUMMARY:
            self._summary = None
        elif part is Part.TREND:
            self._put, self._removed = {}, {}
        elif part is Part.RECENT:
            self._recent.clear()

    def _base(self, part: Part) -> Position:
        return self.shown[part].position

    def _changed_bytes(self) -> int:
        put = sum(len(field) + len(value) for field, value in self._put.items())
        lists = sum(len(entry) for entries in (*self._lists.values(), self._recent) for entry in entries)
        return put + lists + sum(map(len, self._removed))
