"""Where one brand's chain ends in the archive, and whether it needs a base. Pure.

A chain begins at a brand's first commit or at a base. So one is needed where the archive begins on a brand that has a
state, behind a gap, and once a day, so that nobody has to go further back than to the day's. It may be of any commit
from there on: the live one is the cheapest. What Redis forgets in a failover may be just that commit, and then the base
is of no use: one that did not turn up among the records is made again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from orchestrator.contract.consumed import Head

DAY_MS: Final = 86_400_000

Position = tuple[int, int]
"""Epoch and version of a commit: later commits have later ones."""

NOWHERE: Final[Position] = (-1, -1)


def day_of(record: Head) -> int:
    """The UTC day of *record*, in days since 1970."""
    return record.now_ms // DAY_MS


def position(record: Head) -> Position:
    """Where *record* stands."""
    return record.epoch, record.version


def run_of(records: Sequence[Head]) -> int:
    """How many of *records*, from the first one, make one object.

    Each stands on the one before, all are of one day, and none but the first put another state in place: as
    :func:`orchestrator.objects.brand_archive.runs` cuts them.
    """
    count = 1
    for before, record in pairwise(records):
        if record.previous != before.cid or record.replaces or day_of(record) != day_of(before):
            break
        count += 1
    return min(count, len(records))


@dataclass(frozen=True, slots=True)
class Tail:
    """What the archive has of a brand, as far as it matters for what follows.

    Attributes:
        has_previous: whether the commit that was asked for ends an object or is that of a base.
        base: where the newest base stands; :data:`NOWHERE`: there is none.
        day: where the first record of the day that was asked for stands; :data:`NOWHERE`: it has none yet.
    """

    has_previous: bool
    base: Position = NOWHERE
    day: Position = NOWHERE


@dataclass(slots=True)
class Known:
    """What this process knows of the end of one brand's chain.

    Attributes:
        end: id of the last record's commit.
        day: of the last record.
        base: where the newest base stands.
        since: a base is needed that stands here or later; :data:`NOWHERE`: none is.
        gap: whether it is because the chain would be broken without.
        awaited: a base that closed a gap, whose commit has yet to turn up among the records: its place and cid.
    """

    end: str = ""
    day: int = -1
    base: Position = NOWHERE
    since: Position = NOWHERE
    gap: bool = False
    awaited: tuple[Position, str] | None = None

    @classmethod
    def of(cls, tail: Tail, first: Head) -> Known:
        """What *tail* says, of which *first* is to follow."""
        known = cls(base=tail.base)
        if tail.has_previous:
            known.end = first.previous
        if tail.day != NOWHERE:
            known.day = day_of(first)
            if tail.base < tail.day:
                known.since = tail.day
        return known

    def follows(self, first: Head) -> bool:
        """Whether *first* stands on what the archive has, on nothing at all, or on a state that has its own base."""
        return not first.previous or first.replaces or first.previous == self.end

    def expect(self, first: Head) -> bool:
        """*first* is put next; whether a base has to be there before it."""
        if not self.follows(first) and self.base < position(first):
            self.since, self.gap = position(first), True
            return True
        if self.day != day_of(first) and self.base < position(first) and first.previous:
            # The brand's very first commit needs none: its chain begins there.
            self.since = max(self.since, position(first))
        return False

    def took(self, records: Sequence[Head]) -> None:
        """*records* are in the archive."""
        self.end, self.day = records[-1].cid, day_of(records[-1])
        if self.awaited is None:
            return
        place, cid = self.awaited
        if any(record.cid == cid for record in records):
            self.awaited = None
        elif position(records[-1]) >= place:  # Redis forgot the commit that it is of
            self.awaited = None
            self.since, self.gap, self.base = position(records[-1]), True, NOWHERE

    def based(self, place: Position, cid: str) -> None:
        """A base of commit *cid* is in the archive."""
        self.base = place
        if self.gap:
            self.awaited = place, cid
        if place >= self.since:
            self.since, self.gap = NOWHERE, False

    def wants_base(self) -> bool:
        """Whether one is needed."""
        return self.since != NOWHERE
