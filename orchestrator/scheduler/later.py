"""Brands that somebody else is expected to work on: when to ask whether somebody does.

Owns the waiting. A hint for a brand that another process comes first for says that work has come, not that we should
take it: after a while that grows with the rank one claim asks about all such brands. Nothing waits in most of them any
more. One whose chunks lie under a lock is asked about every second, so that it is taken over when that lock is gone.
And one that is free is taken, if there is a lane to spare, or nobody took it for long.

A brand that another process was found to hold is *lent*: its hints are for that process, whoever comes first. It is
ours again once it was found free with chunks in its queue.

Pure; time is an argument, in seconds of one monotonic clock.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from typing import Final, NamedTuple

RANK_S: Final = 1.0
"""For so long each process that comes before this one may take the brand. Whoever needs longer is strained and says so,
and then comes last; below it, brands wander on a busy machine, and each time their states are loaded."""

LENT_S: Final = 0.125
"""For so long who holds a lent brand may take its chunks before its first process asks, long before others do."""

WATCH_S: Final = 1.0
"""Between two looks at a brand that has chunks and a lock."""

LATEST_S: Final = 5.0
"""A brand that nobody took for so long, and for twice as long as any of our own waits, is taken, lanes to spare or not:
whoever comes first may be wrong or unable. While all have much to do brands wait for long everywhere."""


class Asked(NamedTuple):
    """A brand to ask about, and since when it has waited for that."""

    brand: str
    since_s: float


class Later:
    """Brands to ask about, each once.

    Attributes:
        lent: brands that another process was found to hold.
    """

    def __init__(self) -> None:
        self.lent: set[str] = set()
        self._waiting: dict[str, tuple[float, Asked]] = {}  # and when to ask about it
        self._by_time: list[tuple[float, str]] = []  # a heap; an entry that _waiting does not confirm is out of date

    def __contains__(self, brand: str) -> bool:
        return brand in self._waiting

    def defer(self, brand: str, now_s: float, for_s: float) -> None:
        """Ask about *brand* after so long; one that waits already keeps its time."""
        if brand not in self._waiting:
            self._put(Asked(brand, now_s), now_s + for_s)

    def again(self, asked: Asked, at_s: float) -> None:
        """Ask about a brand that was asked about, or could not be, once more."""
        if asked.brand not in self._waiting:
            self._put(asked, at_s)

    def next_s(self) -> float:
        """When somebody is to be asked about next; never: infinity."""
        while self._by_time and not self._confirmed(*self._by_time[0]):
            heapq.heappop(self._by_time)
        return self._by_time[0][0] if self._by_time else float("inf")

    def take(self, now_s: float) -> Iterator[Asked]:
        """Those whose time has come."""
        while self.next_s() <= now_s:
            _, brand = heapq.heappop(self._by_time)
            yield self._waiting.pop(brand)[1]

    def forget(self, brand: str) -> None:
        """*brand* is nobody's any more."""
        self.lent.discard(brand)
        self._waiting.pop(brand, None)

    def _put(self, asked: Asked, at_s: float) -> None:
        self._waiting[asked.brand] = at_s, asked
        heapq.heappush(self._by_time, (at_s, asked.brand))

    def _confirmed(self, at_s: float, brand: str) -> bool:
        return brand in self._waiting and self._waiting[brand][0] == at_s
