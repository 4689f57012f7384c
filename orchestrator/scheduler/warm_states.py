"""States kept in memory between two leases of a brand, so that the next visit need not load them again.

Owns the bound: all of them together take so many bytes at most, and the least recently used brands leave first. How
much a state takes it says itself (:attr:`~orchestrator.lane.session.Warm.held_bytes`), once, when it is put here:
nobody changes it meanwhile. A kept state only saves work and is never trusted: the next lease compares its commit id,
and loads from Redis if that differs. Source: ``docs/decisions/0049-warm-states-within-bytes.md``.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestrator.lane.session import Warm
    from orchestrator.process.metrics import Metrics


class WarmStates:
    """A least-recently-used cache of :class:`~orchestrator.lane.session.Warm`.

    Args:
        most_bytes: that all may take together.
        metrics: are told how many there are and what they take.
    """

    def __init__(self, most_bytes: int, metrics: Metrics) -> None:
        self._most_bytes = most_bytes
        self._metrics = metrics
        self._kept: OrderedDict[str, tuple[Warm, int]] = OrderedDict()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def held_bytes(self) -> int:
        """What all of them take."""
        return self._bytes

    def take(self, brand: str) -> Warm | None:
        """What is kept of *brand*, for one session's sole use."""
        warm, size = self._kept.pop(brand, (None, 0))
        self._bytes -= size
        self._tell()
        return warm

    def put(self, brand: str, warm: Warm) -> None:
        """Keep *warm*; the least recently used brands make room for it.

        One that is larger than all may be loses its state, and nobody makes room for that.
        """
        self.take(brand)
        size = warm.held_bytes
        if size > self._most_bytes and warm.state is not None:
            warm.state = None
            size = warm.held_bytes
            self._metrics.warm_states_dropped.labels("size").inc()
        self._kept[brand] = warm, size
        self._bytes += size
        while self._bytes > self._most_bytes:
            leaving, _ = next(iter(self._kept.items()))
            gone = self.take(leaving)
            if gone is not None and gone.state is not None:
                self._metrics.warm_states_dropped.labels("room").inc()
        self._tell()

    def _tell(self) -> None:
        self._metrics.warm_state_bytes.set(self._bytes)
        self._metrics.warm_state_brands.set(len(self._kept))
