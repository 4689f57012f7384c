"""Brands that wait for a lane: who is next, in constant time however many they are.

Owns the order. A brand that nobody knows yet must not be able to make a known one wait: ten thousand brands that came
with a chunk each were ten thousand visits ahead of it. So known brands and newcomers wait apart, each group in the
order in which it came; of two groups that wait, :data:`KNOWN_SHARE` visits in a row go to known brands and then one to
a newcomer. Brands that may not start yet wait apart from both, by their time.

A known brand with *k* known ones before it is therefore begun after at most ``k + 1 + k // KNOWN_SHARE`` other visits,
and a newcomer with *n* before it after at most ``n + (n + 1) * KNOWN_SHARE``. Nobody starves, and no lane is idle while
somebody waits.

Pure; time is an argument, in seconds of one monotonic clock. Source: weighted round robin;
``docs/decisions/0045-bounds-in-work-and-bytes.md``.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator

KNOWN_SHARE = 3
"""Visits of known brands for one of a newcomer: known ones hardly notice newcomers, which still get a quarter."""


class Waiting:
    """Brands that want a lane, each once."""

    def __init__(self) -> None:
        # Ordered sets: first come, first served.
        self._known: dict[str, None] = {}
        self._newcomers: dict[str, None] = {}
        self._later: dict[str, tuple[float, bool]] = {}  # not before, whether it is known
        self._by_time: list[tuple[float, str]] = []  # a heap; an entry that _later does not confirm is out of date
        self._known_in_a_row = 0

    def __contains__(self, brand: str) -> bool:
        return brand in self._known or brand in self._newcomers or brand in self._later

    def __iter__(self) -> Iterator[str]:
        yield from self._known
        yield from self._newcomers
        yield from self._later

    def add(self, brand: str, not_before_s: float, *, known: bool) -> None:
        """Let *brand* wait behind the others of its kind, and start at *not_before_s* at the earliest.

        One that waits already keeps its place.
        """
        if brand in self:
            return
        if not_before_s > 0:
            self._later[brand] = not_before_s, known
            heapq.heappush(self._by_time, (not_before_s, brand))
        else:
            self._queue(brand, known=known)

    def remove(self, brand: str) -> None:
        """*brand* wants no lane any more."""
        self._known.pop(brand, None)
        self._newcomers.pop(brand, None)
        self._later.pop(brand, None)

    def hurry(self, brand: str) -> None:
        """If *brand* may not start yet, let it start at once."""
        if brand in self._later:
            _, known = self._later.pop(brand)
            self._queue(brand, known=known)

    def any(self, now_s: float) -> bool:
        """Whether a brand may start at *now_s*."""
        self._let_in(now_s)
        return bool(self._known or self._newcomers)

    def count(self, now_s: float) -> int:
        """How many brands may start at *now_s*."""
        self._let_in(now_s)
        return len(self._known) + len(self._newcomers)

    def next(self, now_s: float) -> str | None:
        """The brand whose turn it is at *now_s*, which waits no more; None if none may start yet."""
        self._let_in(now_s)
        if self._known and (not self._newcomers or self._known_in_a_row < KNOWN_SHARE):
            # Nobody is passed over while no newcomer waits.
            self._known_in_a_row = self._known_in_a_row + 1 if self._newcomers else 0
            return _first(self._known)
        self._known_in_a_row = 0
        return _first(self._newcomers) if self._newcomers else None

    def next_start_s(self) -> float | None:
        """When the first brand may start, 0 if one may already, None if none waits."""
        if self._known or self._newcomers:
            return 0.0
        self._drop_outdated()
        return self._by_time[0][0] if self._by_time else None

    def _let_in(self, now_s: float) -> None:
        """Those whose time has come wait behind the others."""
        while self._by_time and self._by_time[0][0] <= now_s:
            entry = heapq.heappop(self._by_time)
            if self._confirmed(entry):
                self.hurry(entry[1])

    def _drop_outdated(self) -> None:
        while self._by_time and not self._confirmed(self._by_time[0]):
            heapq.heappop(self._by_time)

    def _confirmed(self, entry: tuple[float, str]) -> bool:
        not_before_s, brand = entry
        return brand in self._later and self._later[brand][0] == not_before_s

    def _queue(self, brand: str, *, known: bool) -> None:
        (self._known if known else self._newcomers)[brand] = None


def _first(brands: dict[str, None]) -> str:
    brand = next(iter(brands))
    del brands[brand]
    return brand
