"""States kept in memory between two leases of a brand, so that the next visit need not load them again.

Owns the bounds: least recently used brands leave first. A kept state only saves work and is never trusted: the
next lease compares its commit id, and loads from Redis if that differs.
"""

from __future__ import annotations

from collections import OrderedDict

from orchestrator.lane.session import Warm

MAX_BRANDS = 256
MAX_STORIES = 50_000
"""Most stories of all kept brands together; at about 5 KB a story with a centroid they take 250 MB."""


class WarmStates:
    """A least-recently-used cache of :class:`~orchestrator.lane.session.Warm`."""

    def __init__(self, *, max_brands: int = MAX_BRANDS, max_stories: int = MAX_STORIES) -> None:
        self._max_brands = max_brands
        self._max_stories = max_stories
        self._kept: OrderedDict[str, Warm] = OrderedDict()
        self._stories = 0

    def __len__(self) -> int:
        return len(self._kept)

    def take(self, brand: str) -> Warm | None:
        """What is kept of *brand*, for one session's sole use."""
        warm = self._kept.pop(brand, None)
        if warm is not None:
            self._stories -= warm.stories
        return warm

    def put(self, brand: str, warm: Warm) -> None:
        """Keep *warm*; the least recently used brands make room for it."""
        self.take(brand)
        self._kept[brand] = warm
        self._stories += warm.stories
        while len(self._kept) > self._max_brands or (self._stories > self._max_stories and len(self._kept) > 1):
            self.take(next(iter(self._kept)))
