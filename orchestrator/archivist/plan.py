"""Whose records are put next, and when: by size, by age, in the order in which brands became due. Pure.

A brand is due as soon as an object's worth of it waits, or when the oldest that waits is so old: a busy brand makes few
large objects, and a quiet one is in the archive within a minute. Brands take turns by the time at which they became
due, so that none waits for another one that always has something. Where the archive does not answer, it is asked by one
brand at a time, and more and more rarely; where one brand's Redis does not, the others go on.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from orchestrator.process.backoff import backoff_s

if TYPE_CHECKING:
    from orchestrator.contract.consumed import Waiting

BACKOFF_BASE: Final = 2.0
BEHIND_S: Final = 1.0
"""So much later than any other brand comes the one at which the archive refused: it may be about that one alone."""


@dataclass(frozen=True, slots=True)
class Terms:
    """When an object is made.

    Attributes:
        object_bytes: so much of a brand makes one, as it lies in Redis.
        age_s: so long the oldest waits for more.
        hold_s: so long the right to put a brand is taken for, and lengthened meanwhile: a brand waits so long for
            another process if its own dies.
    """

    object_bytes: int
    age_s: float
    hold_s: float


@dataclass(slots=True)
class Plan:
    """What this process has to put.

    Args:
        terms: when an object is made.
        jitter: a number in [0, 1), so that processes which failed together do not come again together.
    """

    terms: Terms
    jitter: Callable[[], float] = random.random
    _told: set[str] = field(default_factory=set)
    _due_s: dict[str, float] = field(default_factory=dict)
    _order: list[tuple[float, str]] = field(default_factory=list)  # a heap; what is not in _due_s says nothing any more
    _in_hand: set[str] = field(default_factory=set)
    _not_before_s: dict[str, float] = field(default_factory=dict)
    _failures: dict[str, int] = field(default_factory=dict)
    _refused: set[str] = field(default_factory=set)  # since the archive took something last
    _suspect: set[str] = field(default_factory=set)  # refused, and another one was taken after that
    _away: int = 0
    _away_until_s: float = float("-inf")

    def tell(self, brand: str) -> None:
        """*brand* was committed to: it is looked at soon."""
        self._told.add(brand)

    def told(self) -> list[str]:
        """The brands that are to be looked at, each once."""
        found = sorted(self._told)
        self._told.clear()
        return found

    def see(self, found: Mapping[str, Waiting], now_ms: int, now_s: float) -> None:
        """What waits of those brands, as of now."""
        for brand, waiting in found.items():
            if not waiting.there:
                self._forget(brand)
                continue
            due_s = now_s
            if waiting.bytes < self.terms.object_bytes:
                # Redis's clock against ours: however far they are apart, nothing waits longer than this.
                left_s = self.terms.age_s - (now_ms - waiting.oldest_ms) / 1000
                due_s = now_s + min(self.terms.age_s, max(0.0, left_s))
            # What is due keeps its place: it would go behind the others with each look.
            self._put(brand, min(self._due_s.get(brand, due_s), due_s))

    def take(self, now_s: float) -> str | None:
        """The brand whose turn begins; None: nobody's now."""
        if now_s < self._away_until_s or (self._away and self._in_hand):
            return None
        later = []
        taken = None
        while self._order and self._order[0][0] <= now_s and taken is None:
            due_s, brand = heapq.heappop(self._order)
            if self._due_s.get(brand) != due_s:
                continue
            not_before_s = self._not_before_s.get(brand, due_s)
            if brand in self._in_hand or not_before_s > now_s:
                later.append((max(not_before_s, due_s), brand))
                continue
            del self._due_s[brand]
            self._in_hand.add(brand)
            taken = brand
        for due_s, brand in later:
            if brand in self._in_hand:  # its turn ends with a look
                del self._due_s[brand]
            else:
                self._put(brand, due_s)
        return taken

    def done(self, brand: str, *, reached: bool) -> None:
        """The turn of *brand* is over, and the archive took what there was, if it was *reached*."""
        self._end(brand)
        self._suspect.discard(brand)
        self._failures.pop(brand, None)
        self._not_before_s.pop(brand, None)
        if reached:
            self._away, self._away_until_s = 0, float("-inf")
            self._suspect |= self._refused - {brand}
            self._refused.clear()

    def busy(self, brand: str, now_s: float) -> None:
        """Somebody else has the right to it."""
        self._end(brand)
        self._not_before_s[brand] = now_s + self.terms.hold_s / 3

    def failed(self, brand: str, now_s: float) -> None:
        """The turn of *brand* ended with an error that is about this brand alone, or about its server."""
        self._end(brand)
        self._failures[brand] = self._failures.get(brand, 0) + 1
        self._not_before_s[brand] = now_s + backoff_s(self._failures[brand], BACKOFF_BASE, jitter=self.jitter)

    def away(self, brand: str, now_s: float) -> None:
        """The archive did not answer: nobody asks it for a while, then one brand at a time until it does."""
        self._end(brand)
        self._away += 1
        self._away_until_s = now_s + backoff_s(self._away, BACKOFF_BASE, jitter=self.jitter)

    def refused(self, brand: str, now_s: float) -> bool:
        """The archive refuses whatever is put: as :meth:`away`, and the next one who asks is another brand.

        Where it took another brand since it refused this one, it is about this one alone, as :meth:`failed`: the others
        would wait, and trouble begin and end, each time that it comes. Whether it is.
        """
        if brand in self._suspect:
            self.failed(brand, now_s)
            return True
        self.away(brand, now_s)
        self._not_before_s[brand] = self._away_until_s + BEHIND_S
        self._refused.add(brand)
        return False

    def next_s(self) -> float:
        """When :meth:`take` may find somebody without being told or a turn's end; infinite: never."""
        if self._away and self._in_hand:
            return float("inf")
        while self._order and self._due_s.get(self._order[0][1]) != self._order[0][0]:
            heapq.heappop(self._order)
        return max(self._order[0][0], self._away_until_s) if self._order else float("inf")

    def _put(self, brand: str, due_s: float) -> None:
        if self._due_s.get(brand) != due_s:
            self._due_s[brand] = due_s
            heapq.heappush(self._order, (due_s, brand))

    def _end(self, brand: str) -> None:
        self._in_hand.discard(brand)
        self._told.add(brand)

    def _forget(self, brand: str) -> None:
        self._suspect.discard(brand)
        self._due_s.pop(brand, None)
        self._failures.pop(brand, None)
        self._not_before_s.pop(brand, None)
