"""Outboxes in memory, and news for them."""

from __future__ import annotations

from collections.abc import Sequence

import trio

from orchestrator.alerts.message import Alert, Kind
from orchestrator.contract.outbox import Swept
from orchestrator.contract.summary import SpikeEpisode
from orchestrator.errors import StoreUnavailableError

EPISODE = SpikeEpisode("2026-03-01T12:00:00Z", 52.4, 400, 40.0, 80.25, 130, 900)
WALL_S = 1_772_366_400.9
AT_MS = 1_772_366_000_000


def alert(kind: Kind = "opened", number: int = 1, brand: str = "nike") -> Alert:
    """News about an episode."""
    return Alert(brand, kind, number, EPISODE)


class MemoryOutboxes:
    """Outboxes that one process uses; ``held`` can be taken away from it, and one call fails, 1 is the first."""

    def __init__(self, *news: Alert) -> None:
        self.lists: dict[str, list[bytes]] = {}
        self.held: dict[str, str] = {}
        self.holds_s: list[float] = []
        self.calls = 0
        self.fails_at = 0
        self.odd: dict[str, str] = {}
        self.put(*news)

    def put(self, *news: Alert) -> None:
        """Commit *news*."""
        for one in news:
            self.lists.setdefault(one.brand, []).append(one.entry(AT_MS).encode())

    @property
    def left(self) -> int:
        """Alerts that are in any outbox."""
        return sum(map(len, self.lists.values()))

    def _check(self) -> None:
        self.calls += 1
        if self.calls == self.fails_at:
            raise StoreUnavailableError("away")

    async def waiting(self, brands: Sequence[str]) -> Swept:
        """Those with something that nobody tells."""
        self._check()
        untold = tuple(brand for brand in brands if self.lists.get(brand) and brand not in self.held)
        return Swept(untold, self.left, self.odd)

    async def take(self, brand: str, token: str, hold_s: float) -> list[bytes] | None:
        """What is there."""
        assert hold_s > 0
        self._check()
        if brand in self.held:
            return None
        self.held[brand] = token
        return list(self.lists.get(brand, []))

    async def hold(self, brand: str, token: str, hold_s: float) -> bool:
        """Whether it is still held."""
        self.holds_s.append(hold_s)
        self._check()
        return self.held.get(brand) == token

    async def remove(self, brand: str, entry: bytes) -> None:
        """Take it out if it is there."""
        self._check()
        if entry in self.lists.get(brand, []):
            self.lists[brand].remove(entry)

    async def leave(self, brand: str, token: str) -> None:
        """Give it back."""
        await trio.lowlevel.checkpoint()
        if self.held.get(brand) == token:
            del self.held[brand]
