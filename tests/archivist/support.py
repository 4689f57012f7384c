"""Consumed lists and an archive in memory, and processes on them that die, freeze or lose answers at a step."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TypeVar

import trio

from orchestrator.archivist.known import DAY_MS, NOWHERE, Position, Tail, day_of, position
from orchestrator.archivist.plan import Terms
from orchestrator.archivist.writer import Writer
from orchestrator.contract.consumed import Head, Held, Kept, Note, Waiting
from orchestrator.errors import ArchiveUnavailableError, StoreUnavailableError
from orchestrator.process.metrics import Metrics

T = TypeVar("T")

BRAND = "nike"
DAY = 20_000
NOON_MS = DAY * DAY_MS + DAY_MS // 2
RECORD_BYTES = 100
HOLD_S = 30.0


def record(version: int, *, previous: str | None = None, at_ms: int = NOON_MS) -> Kept:
    """The commit of that version; it stands on the one before unless another one is named."""
    before = previous if previous is not None else f"c{version - 1}" if version > 1 else ""
    times = (at_ms + version, at_ms + version, 0)
    head = Head(f"c{version}", before, 1, version, *times, {}, items=1, size=RECORD_BYTES)
    return Kept(head, [b'{"chunkId":"%d"}' % version], RECORD_BYTES)


@dataclass
class Line:
    """What Redis has of a brand."""

    records: list[Kept] = field(default_factory=list)
    note: Note | None = None
    token: str = ""
    until_s: float = float("-inf")
    skipped: int = 0
    gaps: int = 0

    def holds(self, token: str) -> bool:
        """Whether *token* has the right."""
        return self.token == token and trio.current_time() < self.until_s


class MemoryConsumed:
    """The consumed lists of all brands."""

    def __init__(self, *records: Kept, brands: Sequence[str] = (BRAND,)) -> None:
        self.lines = {brand: Line(list(records)) for brand in brands}
        self.left_ones: list[str] = []

    def line(self, brand: str = BRAND) -> Line:
        """That brand's."""
        return self.lines.setdefault(brand, Line())

    async def waiting(self, brands: Sequence[str]) -> Mapping[str, Waiting]:
        """By the times of the records."""
        return {
            brand: Waiting(
                bytes=len(line.records) * RECORD_BYTES,
                oldest_ms=line.records[0].head.now_ms if line.records else 0,
                records=len(line.records),
                skipped=line.skipped,
                gaps=line.gaps,
                gap="c-7" if line.gaps else "",
            )
            for brand, line in ((brand, self.line(brand)) for brand in brands)
        }

    async def left(self, brands: Sequence[str]) -> Sequence[str]:
        """Those that a test names."""
        return [brand for brand in self.left_ones if brand not in brands]

    async def take(self, brand: str, token: str, hold_s: float) -> Held | None:
        """For one at a time."""
        line = self.line(brand)
        if trio.current_time() < line.until_s:
            return None
        line.token, line.until_s = token, trio.current_time() + hold_s
        return Held(line.note)

    async def hold(self, brand: str, token: str, hold_s: float) -> bool:
        """As long as nobody else has it."""
        line = self.line(brand)
        if not line.holds(token):
            return False
        line.until_s = trio.current_time() + hold_s
        return True

    async def read(self, brand: str, token: str, max_bytes: int, note: Note | None = None) -> Sequence[Kept]:
        """From the head, or that range."""
        assert token
        if note is not None:
            found = self.line(brand).records[: note.records]
            return found if _is(note, found) else []
        return self.line(brand).records[: max(1, max_bytes // RECORD_BYTES)]

    async def note(self, brand: str, token: str, note: Note) -> bool:
        """Of what waits, for who has the right."""
        line = self.line(brand)
        if not line.holds(token) or not _is(note, line.records[: note.records]):
            return False
        line.note = note
        return True

    async def remove(self, brand: str, token: str, note: Note) -> bool:
        """What was put was put, whoever says so."""
        assert token
        line = self.line(brand)
        if line.note != note or not _is(note, line.records[: note.records]):
            return False
        del line.records[: note.records]
        line.note = None
        return True

    async def leave(self, brand: str, token: str) -> None:
        """Does nothing if it was lost."""
        line = self.line(brand)
        if line.token == token:
            line.until_s = float("-inf")


def _is(note: Note, found: Sequence[Kept]) -> bool:
    return [one.head.cid for one in found][:: max(1, len(found) - 1)] == list(dict.fromkeys((note.first, note.last)))


class MemoryShelf:
    """An archive; what is there is never changed, and a test that tries to fails."""

    def __init__(self, consumed: MemoryConsumed) -> None:
        self.objects: dict[tuple[str, ...], list[Kept]] = {}
        self.bases: list[tuple[Position, str]] = []
        self.live = {brand: line.records[-1].head for brand, line in consumed.lines.items() if line.records}
        self.puts = 0

    async def check(self) -> None:
        """It is."""

    async def put(self, brand: str, run: Sequence[Kept]) -> None:
        """One object, named by its brand, what it stands on and its last commit."""
        self.puts += 1
        heads = [one.head for one in run]
        name = (brand, heads[0].previous, heads[-1].cid)
        assert self.objects.setdefault(name, list(run)) == list(run), f"{name} was changed"
        assert len({day_of(head) for head in heads}) == 1
        assert all(head.previous == before.cid for before, head in pairwise(heads))

    async def tail(self, brand: str, first: Head) -> Tail:
        """By what is there."""
        runs = [[one.head for one in run] for (of, *_), run in self.objects.items() if of == brand]
        ends = {run[-1].cid for run in runs} | {cid for _, cid in self.bases}
        today = [position(run[0]) for run in runs if day_of(run[0]) == day_of(first)]
        newest = max([NOWHERE, *(place for place, _ in self.bases)])
        return Tail(first.previous in ends, newest, min(today, default=NOWHERE))

    async def put_base(self, brand: str) -> tuple[Position, str]:
        """Of the newest commit."""
        await trio.lowlevel.checkpoint()
        live = self.live[brand]
        self.bases.append((position(live), live.cid))
        return self.bases[-1]

    @property
    def records(self) -> list[Kept]:
        """All there are, each as often as it is there."""
        found = [one for run in self.objects.values() for one in run]
        return sorted(found, key=lambda one: position(one.head))


@dataclass
class Process:
    """What one process sees of both; at its *at*-th call, 0 is the first, something happens to it.

    Attributes:
        what: ``die``, ``freeze`` or ``lose`` (the answer).
        after: not before the call but after it.
    """

    consumed: MemoryConsumed
    shelf: MemoryShelf
    what: str = ""
    at: int = -1
    after: bool = False
    calls: int = 0
    named: list[str] = field(default_factory=list)
    stuck: trio.Event = field(default_factory=trio.Event)
    thawed: trio.Event = field(default_factory=trio.Event)
    dead: bool = False

    def __getattr__(self, name: str) -> Callable[..., Awaitable[object]]:
        """Every call of both goes through :meth:`_call`."""
        if name not in {"waiting", "take", "hold", "read", "note", "remove", "leave", "put", "tail", "put_base"}:
            raise AttributeError(name)
        target = self.shelf if name in {"put", "tail", "put_base"} else self.consumed
        call = getattr(target, name)

        async def through(*arguments: object) -> object:
            return await self._call(name, lambda: call(*arguments))

        return through

    async def _call(self, name: str, call: Callable[[], Awaitable[T]]) -> T:
        await trio.lowlevel.checkpoint()
        if self.stuck.is_set():  # frozen: all of it is, not only the task that was
            await self.thawed.wait()
        if self.dead:
            raise StoreUnavailableError("dead")
        mine = self.calls == self.at
        self.calls += 1
        self.named.append(name)
        if mine and not self.after:
            await self._befall(name)
        found = await call()
        if mine and self.after:
            await self._befall(name)
        return found

    async def _befall(self, name: str) -> None:
        if self.what == "lose":
            raise (
                ArchiveUnavailableError("lost")
                if name in {"put", "tail", "put_base"}
                else StoreUnavailableError("lost")
            )
        self.dead = self.what == "die"
        self.stuck.set()
        if self.dead:
            self.thawed.set()
            await trio.sleep_forever()
        await self.thawed.wait()

    def writer(self, object_records: int = 2) -> Writer:
        """A writer of this process."""
        return Writer(self, self, Metrics(), Terms(object_records * RECORD_BYTES, 30.0, HOLD_S))  # type: ignore[arg-type]
