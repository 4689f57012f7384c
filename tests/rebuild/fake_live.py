"""A brand that goes on while it is rebuilt, without a Redis."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from orchestrator.archive.record import Record
from orchestrator.archive.snapshot import Snapshot
from orchestrator.errors import BrandBusyError, StaleStateError
from tests.rebuild.support import KEY, folded, following


@dataclass
class FakeLive:
    """Some brands, each with all of its records; the last ones of each may still wait for the archive.

    Attributes:
        records: by brand.
        waits: of each brand how many of the last ones still wait.
        meanwhile: called before each swap is tried, with the brand: what somebody else does.
        busy: how often a brand is being worked on when somebody wants to swap.
        does: what was done.
    """

    records: dict[str, list[Record]]
    waits: dict[str, int] = field(default_factory=dict)
    meanwhile: Callable[[str], None] = lambda _: None
    busy: int = 0
    own: dict[str, Mapping[str, int | float]] = field(default_factory=dict)
    states: dict[str, Snapshot] = field(default_factory=dict)
    does: list[str] = field(default_factory=list)

    def look(self, brand: str) -> tuple[Snapshot, Mapping[str, int | float]]:
        """What the records left."""
        records = self.records[brand]
        own = self.own.get(brand, {})
        if brand in self.states:
            return self.states[brand], own
        if not records:
            return replace(folded([following(brand, [], [])]).snapshot(), cid=""), own
        return folded(records, tuple(own.items()), KEY).snapshot(), own

    def cid(self, brand: str) -> str:
        """Of the last record."""
        return self.records[brand][-1].cid

    def waiting(self, brand: str) -> Sequence[Record]:
        """The last ones."""
        return self.records[brand][-self.waits[brand] :] if self.waits.get(brand) else []

    def swap_in(self, snapshot: Snapshot, *, over: str, own: Mapping[str, int | float]) -> int:
        """A commit that nobody else can come before, if it is on top of the last one."""
        self.does.append("try")
        self.meanwhile(snapshot.brand)
        if self.busy:
            self.busy -= 1
            raise BrandBusyError(snapshot.brand)
        return self.put(snapshot, over, own)

    def put(self, snapshot: Snapshot, over: str, own: Mapping[str, int | float]) -> int:
        """The commit."""
        brand = snapshot.brand
        if over != self.cid(brand):
            raise StaleStateError(f"{over!r} is not the last commit")
        assert snapshot.cid == over, "the state holds all that was committed"
        swapped = following(brand, self.records[brand], [], replaces=True)
        self.records[brand].append(swapped)
        self.waits[brand] = self.waits.get(brand, 0) + 1
        self.own[brand] = own
        self.states[brand] = replace(snapshot, cid=swapped.cid)
        return swapped.version

    @contextmanager
    def held(self, brand: str) -> Iterator[FakeHeld]:
        """Nobody else does anything."""
        self.does.append(f"hold {brand}")
        try:
            yield FakeHeld(self, self.cid(brand))
        finally:
            self.does.append("let go")


@dataclass
class FakeHeld:
    """Nobody else commits."""

    live: FakeLive
    cid: str

    def put(self, snapshot: Snapshot, *, own: Mapping[str, int | float]) -> int:
        """On top of the last commit."""
        self.live.does.append("put")
        return self.live.put(snapshot, self.cid, own)
