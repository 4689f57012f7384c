"""Which brands brought nothing but dead letters for an hour.

Found by what every process sees alike: how many dead letters a brand has, and how many digests of chunks that were
counted. Letters that grow while the digests stay as they are mean that chunks come and none of them counts. A process
knows it once it has watched for an hour. Duplicates leave no digest: who brings only those and letters is told of, too.
Such a brand does not fail (:mod:`orchestrator.fleet.parking`): there no visit gets through, here each does.

Pure; time is an argument, in seconds of one monotonic clock. Source: ``docs/decisions/0052-what-waits-in-vain.md``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from orchestrator.store.types import Letters

WINDOW_S = 3600.0
"""For so long nothing else came."""


@dataclass(slots=True)
class _Watched:
    """A brand with dead letters: as last seen, when its letters last grew, and since when no chunk counted."""

    seen: Letters
    grown_s: float
    since_s: float


class LettersOnly:
    """Watches the brands that have dead letters."""

    def __init__(self) -> None:
        self._watched: dict[str, _Watched] = {}

    def seen(self, letters: Mapping[str, Letters], now_s: float) -> None:
        """Take over how all brands stand that have dead letters."""
        self._watched = {brand: self._next(brand, found, now_s) for brand, found in letters.items()}

    def _next(self, brand: str, found: Letters, now_s: float) -> _Watched:
        known = self._watched.get(brand)
        if known is None:  # whether its letters are new is not known, and since when nothing counts, neither
            return _Watched(found, float("-inf"), now_s)
        grown = found.entries > known.seen.entries
        counted = found.digests != known.seen.digests
        return _Watched(found, now_s if grown else known.grown_s, now_s if counted else known.since_s)

    def brands(self, now_s: float) -> list[str]:
        """Those that brought dead letters within the last hour and nothing else, in order."""
        return sorted(
            brand
            for brand, watched in self._watched.items()
            if now_s - watched.since_s >= WINDOW_S > now_s - watched.grown_s
        )
