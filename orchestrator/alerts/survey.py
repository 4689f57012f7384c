"""What routes have to do with the alerts of many brands, counted up. Pure: times are arguments."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from orchestrator.alerts.plan import Pending, pending
from orchestrator.alerts.route_words import chooses
from orchestrator.contract.alert_routes import RouteState

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Sequence

    from orchestrator.alerts.plan import Item
    from orchestrator.alerts.routes import Route


@dataclass(slots=True)
class Tally:
    """What one route has to do.

    Attributes:
        waiting: alerts that it should have told by now.
        kept: alerts that wait for their time.
        oldest_ms: Unix ms at which the oldest of those that wait was due.
        next_ms: Unix ms at which the first of those that are kept is due.
        alone: brands with alerts to be settled one by one.
        together: brands with alerts to be told in one message.
    """

    waiting: int = 0
    kept: int = 0
    oldest_ms: int | None = None
    next_ms: int | None = None
    alone: list[str] = field(default_factory=list)
    together: list[str] = field(default_factory=list)

    def add(self, brand: str, found: Pending) -> None:
        """Count what was *found* of one brand."""
        self.waiting += len(found.due)
        self.kept += found.kept
        self.oldest_ms = _earlier(self.oldest_ms, found.oldest_ms)
        self.next_ms = _earlier(self.next_ms, found.next_ms)
        if found.alone:
            self.alone.append(brand)
        if found.together:
            self.together.append(brand)


@dataclass(slots=True)
class Survey:
    """What all routes have to do; ``due`` counts alerts that any of them should have told."""

    due: int = 0
    _tallies: dict[str, Tally] = field(default_factory=dict)

    def add(
        self, brand: str, routes: Iterable[Route], items: Sequence[Item], marks: Container[str], now_ms: int
    ) -> None:
        """Count the alerts of one brand, as seen at *now_ms*."""
        due = set[str]()
        for route in routes:
            found = pending(route, items, marks, now_ms)
            self._tallies.setdefault(route.name, Tally()).add(brand, found)
            due.update(found.due)
        self.due += len(due)

    def of(self, route: str) -> Tally:
        """What that route has to do."""
        return self._tallies.get(route, Tally())

    @property
    def next_ms(self) -> int | None:
        """Unix ms at which the first of all alerts that are kept is due; None: none is kept."""
        return min((tally.next_ms for tally in self._tallies.values() if tally.next_ms is not None), default=None)

    def state(self, route: Route, now_ms: int) -> RouteState:
        """How *route* stands at *now_ms*, but for what only the process knows that tells its alerts."""
        tally = self.of(route.name)
        return RouteState(
            name=route.name,
            address=route.address.masked(),
            chooses=chooses(route),
            waiting=tally.waiting,
            kept=tally.kept,
            oldest_ms=tally.oldest_ms,
            next_ms=tally.next_ms,
            quiet_until_ms=route.quiet.end_ms(now_ms),
            digest_ms=route.digest_ms,
        )


def _earlier(one: int | None, other: int | None) -> int | None:
    return other if one is None else one if other is None else min(one, other)
