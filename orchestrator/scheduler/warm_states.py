"""What is kept of brands between two leases, so that the next visit need not load their states again.

Owns the bounds. All states together take so many bytes at most, and the least recently used brands lose theirs first.
How much a state takes it says itself (:attr:`~orchestrator.lane.session.Warm.held_bytes`), once, when it is put here:
nobody changes it meanwhile. A kept state only saves work and is never trusted: the next lease compares its commit id,
and loads from Redis if that differs.

What else is known of a brand is no matter of that budget, and stays where there is none: without the token of a release
that got no answer the brand would wait until its lock expires, and without the last epoch readers might see a smaller
one. It is bounded in brands. Source: ``docs/decisions/0049-warm-states-within-bytes.md``.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from orchestrator.lane.session import Warm
    from orchestrator.process.metrics import Metrics

MOST_BRANDS: Final = 10_000
"""Brands of which something is kept; without its state one takes less than a kilobyte."""


class WarmStates:
    """Two least-recently-used bounds around :class:`~orchestrator.lane.session.Warm`: one of bytes, one of brands.

    Args:
        most_bytes: that all states may take together.
        metrics: are told how many there are and what they take.
    """

    def __init__(self, most_bytes: int, metrics: Metrics) -> None:
        self._most_bytes = most_bytes
        self._metrics = metrics
        self._kept: OrderedDict[str, Warm] = OrderedDict()
        self._sizes: OrderedDict[str, int] = OrderedDict()
        self._bytes = 0

    def __len__(self) -> int:
        """How many states are kept."""
        return len(self._sizes)

    @property
    def held_bytes(self) -> int:
        """What all of them take."""
        return self._bytes

    def take(self, brand: str) -> Warm | None:
        """What is kept of *brand*, for one session's sole use."""
        warm = self._remove(brand)
        self._tell()
        return warm

    def put(self, brand: str, warm: Warm) -> None:
        """Keep *warm*; the states of the least recently used brands make room for its own.

        One that is larger than all may be loses its state, and nobody makes room for that.
        """
        self._remove(brand)
        self._kept[brand] = warm
        if warm.state is not None:
            self._sizes[brand] = held_bytes = warm.held_bytes
            self._bytes += held_bytes
            self._make_room(brand)
        if len(self._kept) > MOST_BRANDS:
            self._remove(next(iter(self._kept)))
        self._tell()

    def _make_room(self, brand: str) -> None:
        if self._sizes[brand] > self._most_bytes:
            self._drop_state(brand, "size")
        while self._bytes > self._most_bytes:
            self._drop_state(next(iter(self._sizes)), "room")

    def _drop_state(self, brand: str, reason: str) -> None:
        self._bytes -= self._sizes.pop(brand)
        self._kept[brand].cool()
        self._metrics.warm_states_dropped.labels(reason).inc()

    def _remove(self, brand: str) -> Warm | None:
        self._bytes -= self._sizes.pop(brand, 0)
        return self._kept.pop(brand, None)

    def _tell(self) -> None:
        self._metrics.warm_state_bytes.set(self._bytes)
        self._metrics.warm_state_brands.set(len(self._sizes))
