"""What waits in the queues of all registered brands, and since when.

Owns the readiness clock: since when each brand has had chunks that nobody took. It begins when work of a brand is first
known, by a hint or by a count, and anew with each commit, whichever process made it: a count sees that by the version.
So a brand with steady traffic is young, and one whose chunks lie is as old as they are.

A paused brand waits because somebody said so. Its chunks are in all sums and in a sum of their own; it is not among
those whose age counts, and begins anew when it may go on.

The figures are those of the last whole count, about a second old, and the same from every process. Figures that are too
old to be true are none.

Pure; time is an argument, in seconds of one monotonic clock. Source: ``docs/decisions/0047-the-true-backlog.md``.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from orchestrator.store.types import Queued

STALE_S = 10.0
"""Age at which a count is no longer told: several times the pause between two, shorter than any alert waits."""


@dataclass(frozen=True, slots=True)
class BacklogStatistics:
    """A count of all queues.

    Attributes:
        chunks: that wait in the queues of registered brands.
        brands: whose queues are not empty.
        oldest_s: for so long the brand that waits longest, and is not paused, has seen no commit; 0 if none waits.
        counted_ms: Unix milliseconds of this machine at the count.
        paused_chunks: of the chunks, those of paused brands.
    """

    chunks: int
    brands: int
    oldest_s: float
    counted_ms: int
    paused_chunks: int = 0


class Backlog:
    """The last count, and since when each brand waits."""

    def __init__(self) -> None:
        self._since_s: dict[str, float] = {}
        self._versions: dict[str, bytes] = {}
        self._queues: Mapping[str, Queued] = {}
        self._paused: Collection[str] = ()
        self._counted: tuple[float, int] | None = None

    def ready(self, brand: str, now_s: float) -> None:
        """Work of *brand* is known; if it was before, it has waited since then."""
        self._since_s.setdefault(brand, now_s)

    def since_s(self, brand: str, now_s: float) -> float:
        """Since when *brand* waits, *now_s* if nothing is known of it."""
        return self._since_s.get(brand, now_s)

    def committed(self, brand: str, queued: int, now_s: float) -> None:
        """A lane of this process committed; *queued* chunks are left."""
        # Of which version, the next count says: this commit must not look like somebody else's.
        self._versions.pop(brand, None)
        if queued:
            self._since_s[brand] = now_s
        else:
            self._since_s.pop(brand, None)

    def drained(self, brand: str) -> None:
        """A lane of this process found the queue empty."""
        self._since_s.pop(brand, None)

    def pause(self, brands: Collection[str]) -> None:
        """From now on *brands* are paused, and no others."""
        for brand in {*self._paused, *brands}:
            self._since_s.pop(brand, None)
        self._paused = brands

    def counted(self, queues: Mapping[str, Queued], began_s: float, now_s: float, now_ms: int) -> None:
        """Take over a whole count, from *began_s* to *now_s*: the queues of registered brands that are not empty."""
        for brand, queue in queues.items():
            if self._versions.get(brand, queue.version) != queue.version:
                self._since_s[brand] = now_s  # another process committed
            else:
                self._since_s.setdefault(brand, now_s)
        self._versions = {brand: queue.version for brand, queue in queues.items()}
        # A brand that became ready during the count may have been looked at before.
        self._since_s = {
            brand: since_s for brand, since_s in self._since_s.items() if brand in queues or since_s >= began_s
        }
        self._queues = queues
        self._counted = now_s, now_ms

    def statistics(self, now_s: float) -> BacklogStatistics | None:
        """The last count, None before the first and when it is too old to be true."""
        if self._counted is None or now_s - self._counted[0] > STALE_S:
            return None
        waiting = (
            self._since_s[brand] for brand in self._queues if brand in self._since_s and brand not in self._paused
        )
        return BacklogStatistics(
            chunks=sum(queue.chunks for queue in self._queues.values()),
            brands=len(self._queues),
            oldest_s=max(0.0, now_s - min(waiting, default=now_s)),
            counted_ms=self._counted[1],
            paused_chunks=sum(self._queues[brand].chunks for brand in self._paused if brand in self._queues),
        )
