"""Outboxes in memory, and news for them."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import trio

from orchestrator.alerts.message import Alert, Kind
from orchestrator.contract.outbox import Box, Swept
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
        self.marks: dict[str, set[str]] = {}
        self.turns: dict[str, str] = {}
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
        """Those with something, by whether somebody tells it."""
        self._check()
        there = [brand for brand in brands if self.lists.get(brand)]
        untold = tuple(brand for brand in there if brand not in self.held)
        telling = tuple(brand for brand in there if brand in self.held)
        return Swept(untold, self.left, self.odd, telling)

    def _box(self, brand: str) -> Box:
        return Box(tuple(self.lists.get(brand, [])), frozenset(self.marks.get(brand, ())))

    async def look(self, brands: Sequence[str]) -> dict[str, Box]:
        """What is there."""
        self._check()
        return {brand: self._box(brand) for brand in brands}

    async def take(self, brand: str, token: str, hold_s: float) -> Box | None:
        """What is there."""
        assert hold_s > 0
        self._check()
        if brand in self.held:
            return None
        self.held[brand] = token
        return self._box(brand)

    async def hold(self, brand: str, token: str, hold_s: float) -> bool:
        """Whether it is still held."""
        self.holds_s.append(hold_s)
        self._check()
        return self.held.get(brand) == token

    async def mark(self, brand: str, mark: str, others: Collection[str]) -> bool:
        """Note it; whether the others are there."""
        self._check()
        self.marks.setdefault(brand, set()).add(mark)
        return self.marks[brand] >= set(others)

    async def remove(self, brand: str, entry: bytes, marks: Collection[str]) -> bool:
        """Take it out if it is there."""
        self._check()
        there = entry in self.lists.get(brand, [])
        if there:
            self.lists[brand].remove(entry)
        self.marks.get(brand, set()).difference_update(marks)
        return there

    async def forget(self, brand: str, marks: Collection[str]) -> None:
        """Take marks out."""
        self._check()
        self.marks.get(brand, set()).difference_update(marks)

    async def leave(self, brand: str, token: str) -> None:
        """Give it back."""
        await trio.lowlevel.checkpoint()
        if self.held.get(brand) == token:
            del self.held[brand]

    async def take_turn(self, route: str, token: str, hold_s: float) -> bool:
        """Whether nobody has it."""
        assert hold_s > 0
        self._check()
        return self.turns.setdefault(route, token) == token

    async def keep_turn(self, route: str, token: str, hold_s: float) -> bool:
        """Whether it is still held."""
        self.holds_s.append(hold_s)
        self._check()
        return self.turns.get(route) == token

    async def leave_turn(self, route: str, token: str) -> None:
        """Give it back."""
        await trio.lowlevel.checkpoint()
        if self.turns.get(route) == token:
            del self.turns[route]
