"""What is to be done with the alerts of one brand's outbox, for each route and as a whole. Pure."""

from __future__ import annotations

from collections.abc import Container, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TYPE_CHECKING

from orchestrator.contract.outbox import OutboxEntry, read_entry

if TYPE_CHECKING:
    from orchestrator.alerts.routes import Route
    from orchestrator.contract.outbox import Box


@dataclass(frozen=True, slots=True)
class Item:
    """One alert of an outbox: as it is stored, and as it is read; None: it is no entry that this version knows."""

    raw: bytes
    entry: OutboxEntry | None


class Fate(Enum):
    """What a route does with an alert that it wants and is not done with."""

    EXPIRED = auto()
    DROPPED = auto()  # it fell into quiet hours
    ALONE = auto()  # it is told now, by itself
    TOGETHER = auto()  # it is told now, with others
    KEPT = auto()  # its time has not come


@dataclass(frozen=True, slots=True)
class Pending:
    """What a route has to do with one brand's alerts.

    Attributes:
        alone: alerts to be settled one by one, in their order.
        together: alerts to be told in one message.
        kept: how many wait for their time.
        due: ids of those that should have been told by now.
        oldest_ms: Unix ms at which the oldest of those that wait was due; None: none waits.
        next_ms: when the next one is due; None: none is kept.
    """

    alone: Sequence[tuple[Item, Fate]] = ()
    together: Sequence[Item] = ()
    kept: int = 0
    due: Sequence[str] = ()
    oldest_ms: int | None = None
    next_ms: int | None = None


def items_of(box: Box) -> list[Item]:
    """The alerts of *box*, oldest first."""
    return [Item(raw, read_entry(raw)) for raw in box.entries]


def fate(route: Route, entry: OutboxEntry, now_ms: int) -> tuple[Fate, int]:
    """What *route* does with *entry* at *now_ms*, and the time, Unix ms, at which that is due."""
    timing = route.timing(entry.at, now_ms)
    if timing is None:
        return Fate.DROPPED, now_ms
    if now_ms > route.expires_ms(entry.at, now_ms):
        return Fate.EXPIRED, timing.due_ms
    if timing.due_ms > now_ms:
        return Fate.KEPT, timing.due_ms
    return Fate.TOGETHER if timing.together else Fate.ALONE, timing.due_ms


@dataclass(slots=True)
class _Sorting:
    """The alerts of a brand as one route sees them; the first that is told otherwise ends what is told one way."""

    alone: list[tuple[Item, Fate]] = field(default_factory=list)
    together: list[Item] = field(default_factory=list)
    due: dict[str, int] = field(default_factory=dict)
    kept: list[int] = field(default_factory=list)

    def take(self, item: Item, entry_id: str, what: Fate, due_ms: int) -> None:
        # A closing must not overtake its opening, whichever way either is told.
        if what is Fate.KEPT:
            self.kept.append(due_ms)
            return
        if what is Fate.TOGETHER:
            if not self.alone and not self.kept:
                self.together.append(item)
        elif not self.together and not self.kept:
            self.alone.append((item, what))
        if what is not Fate.DROPPED:  # nobody is to be told of it
            self.due[entry_id] = due_ms


def pending(route: Route, items: Sequence[Item], marks: Container[str], now_ms: int) -> Pending:
    """What *route* has to do with *items* of one brand, given the *marks* of what routes are done with."""
    sorting = _Sorting()
    for item in items:
        entry = item.entry
        if entry is not None and route.mark(entry.id) not in marks and not route.refusal(entry):
            sorting.take(item, entry.id, *fate(route, entry, now_ms))
    return Pending(
        alone=sorting.alone,
        together=sorting.together,
        kept=len(sorting.kept),
        due=tuple(sorting.due),
        oldest_ms=min(sorting.due.values(), default=None),
        next_ms=min(sorting.kept, default=None),
    )


def wanted_by(routes: Sequence[Route], entry: OutboxEntry) -> frozenset[str]:
    """The marks that *entry* has when all of *routes* that want it are done with it."""
    return frozenset(route.mark(entry.id) for route in routes if not route.refusal(entry))


def strays(items: Sequence[Item], marks: AbstractSet[str]) -> frozenset[str]:
    """Those of *marks* whose alert is not there any more."""
    ids = {item.entry.id for item in items if item.entry is not None}
    return frozenset(mark for mark in marks if mark.partition(":")[2] not in ids)
