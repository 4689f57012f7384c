"""What is to be asked of Redis next while hints come: own brands every second, those of others now and then.

Of most brands nothing is expected: no hint came, and their queue was empty when it was last looked at. They are
glanced at in parts of 512, which costs next to nothing. A claim asks about the rest: own brands whose queue is in
*doubt*, those that owe a refresh, and the brands of a part that is not as expected. So an owner sees all queues of its
brands every second, whatever became of a hint.

A summary owes a refresh when its ``due`` has come, which nobody announces. The times that are near are kept in a heap.
They are read when a visit of this process ends, when a brand becomes one's own, and in turn.

A brand whose due has come is asked about once a second until it moves on, but for one that a lane has, or that is put
off: its due is read when that visit ends.

Pure; time is an argument, in seconds of one monotonic clock, or in the server's Unix milliseconds. Source:
``docs/decisions/0066-a-first-process-for-each-brand.md``.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Final

from orchestrator.scheduler.roster import CLAIM_SLICE
from orchestrator.store.glance import MAX_PARTS, STRANGE, Part

OWN_S: Final = 0.7
"""Least time between two glances at all own brands; a round comes every second at least."""

OTHERS_S: Final = 20.0
"""Longest time between two glances at a brand of others; a lease that is shorter makes it shorter."""

OWN_DUES_S: Final = 20.0
OTHERS_DUES_S: Final = 120.0
"""Time in which the dues of all own brands, and of all others, are read in turn: for those that others' commits set."""

NEAR_MS: Final = 3 * 1000 * round(OWN_DUES_S)
"""A due that is further away is read again before it comes."""

MAX_DUES: Final = 4 * CLAIM_SLICE
"""Dues that one glance reads."""


class _Parts:
    """Brands in parts.

    Attributes:
        brands: all of them.
        all: the parts.
    """

    def __init__(self) -> None:
        self.brands: set[str] = set()
        self.all: list[Part] = []

    def become(self, brands: set[str]) -> None:
        """Hold these brands from now on; parts that are as they were are kept, because encoding names takes time."""
        gone, loose = self.brands - brands, list(brands - self.brands)
        kept: list[Part] = []
        for part in self.all:
            if part.brands.isdisjoint(gone):
                kept.append(part)
            else:
                loose += part.brands - gone
        if loose and kept and len(kept[-1].brands) < CLAIM_SLICE:
            loose += kept.pop().brands
        self.all = kept + [Part.of(loose[at : at + CLAIM_SLICE]) for at in range(0, len(loose), CLAIM_SLICE)]
        self.brands = brands


class _Turn:
    """Takes parts in turn, all of them within a time."""

    def __init__(self, parts: _Parts, within_s: float) -> None:
        self._parts = parts
        self._within_s = within_s
        self._at = 0
        self._owed = 0.0

    def next(self, past_s: float) -> list[Part]:
        """Those whose turn it is after so long; what is no whole part is owed."""
        all_ = self._parts.all
        self._owed = min(float(len(all_)), self._owed + len(all_) * past_s / self._within_s)
        count = int(self._owed + 1e-9)  # ten times a tenth is less than one
        self._owed -= count
        found = [all_[(self._at + step) % len(all_)] for step in range(count)]
        self._at += count
        return found


class Looks:
    """What to ask about own brands, and about those of others.

    Attributes:
        own: brands whose first is this process.

    Args:
        ttl_s: life of a lease without renewal.
    """

    def __init__(self, ttl_s: float) -> None:
        self.own: set[str] = set()
        self._mine, self._theirs = _Parts(), _Parts()
        self._their_turn = _Turn(self._theirs, min(OTHERS_S, ttl_s))
        self._due_turns = _Turn(self._mine, OWN_DUES_S), _Turn(self._theirs, OTHERS_DUES_S)
        self._doubtful: set[str] = set()
        self._all = True
        self._unread: dict[str, None] = {}  # an ordered set of brands whose due is to be read
        self._dues: dict[str, int] = {}
        self._by_time: list[tuple[int, str]] = []  # a heap; an entry that _dues does not confirm is out of date
        self._round_s: float | None = None
        self._own_s = float("-inf")
        self._cursor = 0

    def divide(self, brands: Iterable[str], own: set[str]) -> None:
        """*brands* are registered, and of them those of *own* are ours; what was not before is asked about."""
        theirs = set(brands) - own
        gained = own - self.own
        self.own = own
        self._mine.become(own)
        self._theirs.become(theirs)
        self._doubtful &= own
        for brand in self._dues.keys() - own - theirs:
            del self._dues[brand]
        self.doubt(gained)
        self.ended(gained)

    def doubt(self, brands: Iterable[str]) -> None:
        """Something may wait in the queues of *brands*; of those of others their owner takes care."""
        self._doubtful.update(brand for brand in brands if brand in self.own)

    def doubt_all(self) -> None:
        """Hints may have been missed: ask about all own brands, and have a glance at all others, in the next round."""
        self._doubtful |= self.own
        self._all = True
        self._own_s = float("-inf")

    def missed(self, dues: Iterable[str]) -> None:
        """A glance got no answer, and neither will those that were to come after it."""
        self.ended(dues)
        self._all = True
        self._own_s = float("-inf")

    def ended(self, brands: Iterable[str]) -> None:
        """Somebody worked on *brands*, or nobody knows: their dues are to be read."""
        self._unread.update(dict.fromkeys(brands))

    @property
    def waiting(self) -> bool:
        """Whether there is something to count."""
        return bool(self._doubtful)

    def glances(self, now_s: float) -> Iterator[tuple[list[Part], list[str]]]:
        """What one glance after the other asks: parts, and brands whose dues are to be read; one at least."""
        past_s = 0.0 if self._round_s is None else now_s - self._round_s
        self._round_s = now_s
        parts = self._theirs.all if self._all else self._their_turn.next(past_s)
        if now_s - self._own_s >= OWN_S:
            self._own_s = now_s
            parts = [quiet for part in self._mine.all if (quiet := self._quiet(part)).brands] + parts
        self._all = False
        for turn in self._due_turns:
            for part in turn.next(past_s):
                self.ended(part.brands)
        # As many as it takes for what is to be asked now, and one at least: it says whether Redis serves.
        for at in range(max(1, -(-len(parts) // MAX_PARTS), -(-len(self._unread) // MAX_DUES))):
            dues = list(islice(self._unread, MAX_DUES))
            for brand in dues:
                del self._unread[brand]
            yield parts[at * MAX_PARTS : (at + 1) * MAX_PARTS], dues

    def _quiet(self, part: Part) -> Part:
        """*part* without the brands in doubt, which a claim asks about anyway."""
        if self._doubtful.isdisjoint(part.brands):
            return part
        return Part.of(list(part.brands - self._doubtful))

    def saw(self, dues: Mapping[str, int], now_ms: int) -> None:
        """Remember when brands are due, if that is near; what is no time is looked at at once."""
        for brand, told_ms in dues.items():
            due_ms = now_ms if told_ms == STRANGE else told_ms
            if 0 < due_ms <= now_ms + NEAR_MS:
                self._dues[brand] = due_ms
                heapq.heappush(self._by_time, (due_ms, brand))
            else:
                self._dues.pop(brand, None)

    def asked(self, stirred: Iterable[Part], now_ms: int, idle: Callable[[str], bool]) -> list[list[str]]:
        """The brands that claims are to ask about now, in slices; :meth:`counted` or :meth:`doubt` says what came.

        Args:
            stirred: parts that are not as expected.
            now_ms: server time.
            idle: whether nobody here has the brand, or has put it off.
        """
        asked = self._doubtful.union(*(part.brands for part in stirred))
        self._doubtful = set()
        due = [brand for brand in self._due(now_ms) if idle(brand)]
        self.ended(due)  # nobody may get to it, or it is not due after all
        asked.update(due)
        # With a fixed start the same brands would always come last.
        found, start = list(asked), self._cursor % max(1, len(asked))
        self._cursor = start + CLAIM_SLICE
        turned = found[start:] + found[:start]
        return [turned[at : at + CLAIM_SLICE] for at in range(0, len(turned), CLAIM_SLICE)]

    def _due(self, now_ms: int) -> Iterator[str]:
        while self._by_time and self._by_time[0][0] <= now_ms:
            due_ms, brand = heapq.heappop(self._by_time)
            if self._dues.get(brand) == due_ms:
                del self._dues[brand]
                yield brand
