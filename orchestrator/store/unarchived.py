"""What waits for the archive, of all brands at once, for those who look from outside; reads Redis alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from orchestrator.store.consumed import MAX_SWEEP, Consumed

if TYPE_CHECKING:
    import redis

    from orchestrator.contract.consumed import Waiting

LATE_S: Final = 120.0
"""What waits for so long beyond its interval should be in the archive."""

_NAMED: Final = 5
_MB: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Unarchived:
    """What waits for the archive.

    Attributes:
        bytes: of all brands, as they lie in Redis.
        brands: with something that waits.
        most: the brands of which most waits, with their bytes, at most five.
        full: how many have as much as may, or more.
        oldest_ms: time of the oldest record, Unix ms; 0: nothing waits.
        skipped: records that the archive does not have because there was no room for them.
        gaps: records that do not stand on the one before: somebody committed without.
        gap: brand and commit of one of the newest of them; None: there is none.
        away: brands of which nobody said anything: their node of a cluster is away.
    """

    bytes: int = 0
    brands: int = 0
    most: Sequence[tuple[str, int]] = ()
    full: int = 0
    oldest_ms: int = 0
    skipped: int = 0
    gaps: int = 0
    gap: tuple[str, str] | None = None
    away: int = 0

    def age_s(self, now_ms: int) -> float:
        """For how long the oldest waits; 0: nothing does."""
        return max(0.001, (now_ms - self.oldest_ms) / 1000) if self.brands else 0.0

    def said(self, now_ms: int) -> str:
        """In a line; empty: nothing waits, and nothing is missing."""
        parts = []
        if self.brands:
            most = ", ".join(f"{brand!r} {size / _MB:.1f} MB" for brand, size in self.most)
            brands = "1 brand" if self.brands == 1 else f"{self.brands:,} brands"
            parts.append(
                f"{self.bytes / _MB:.1f} MB of {brands} wait, the oldest for {self.age_s(now_ms):,.0f} s; most: {most}"
            )
        if self.full:
            parts.append(f"{self.full:,} at ARCHIVE_OUTBOX_MB")
        if self.skipped:
            parts.append(f"{self.skipped:,} records skipped")
        if self.gap is not None:
            brand, cid = self.gap
            parts.append(f"{self.gaps:,} gaps, one of {brand!r} before commit {cid!r}")
        if self.away:
            parts.append(f"{self.away:,} brands not counted, their node of the cluster is away")
        return "; ".join(parts)


def unarchived(client: redis.Redis, brands: Sequence[str], outbox_bytes: int) -> Unarchived:
    """What waits of *brands*, of each of which *outbox_bytes* may.

    Raises:
        StoreError: Redis did not answer.
    """
    consumed = Consumed(client)
    found: dict[str, Waiting] = {}
    for start in range(0, len(brands), MAX_SWEEP):
        found |= consumed.waiting(brands[start : start + MAX_SWEEP])
    sizes = {brand: waiting.bytes for brand, waiting in found.items() if waiting.bytes}
    return Unarchived(
        bytes=sum(sizes.values()),
        brands=len(sizes),
        most=sorted(sizes.items(), key=lambda one: (-one[1], one[0]))[:_NAMED],
        full=sum(1 for size in sizes.values() if size >= outbox_bytes),
        oldest_ms=min((found[brand].oldest_ms for brand in sizes), default=0),
        skipped=sum(waiting.skipped for waiting in found.values()),
        gaps=sum(waiting.gaps for waiting in found.values()),
        away=sum(1 for brand in brands if brand not in found),
        gap=next(((brand, waiting.gap) for brand, waiting in sorted(found.items()) if waiting.gaps), None),
    )
