"""The consumed lists and the archive as the archivist sees them: blocking calls, made on threads."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final, TypeVar

import trio

from orchestrator.archive.record import record_of, utc_day
from orchestrator.archivist.archivist import WRITERS, Archivist
from orchestrator.archivist.known import NOWHERE, Position, Tail
from orchestrator.archivist.plan import Terms
from orchestrator.contract.archive_url import parse_archive_url
from orchestrator.errors import ArchiveError, SettingsError
from orchestrator.objects.brand_archive import BrandArchive
from orchestrator.objects.bucket import check_installed
from orchestrator.objects.objects import Objects
from orchestrator.service.placing import Placing
from orchestrator.service.snapshots import take_snapshot
from orchestrator.store.consumed import MAX_SWEEP, Consumed
from orchestrator.store.left_records import Search, take_turn

if TYPE_CHECKING:
    import redis

    from orchestrator.contract.consumed import Head, Held, Kept, Note, Waiting
    from orchestrator.process.metrics import Metrics
    from orchestrator.settings import Settings

T = TypeVar("T")

Registered = Callable[[], Sequence[str] | None]
"""The registered brands; None before the registry was read."""

CONSUMED_THREADS: Final = WRITERS + 1
"""Calls of Redis at the same time: of each writer one, and a look at what waits."""


SLICE_PAUSE_S: Final = 0.02
"""Between two slices of a search: the server looks through names for less than a fiftieth of the time."""

_HOLDS: Final = 2.0
"""The right to put a brand is held for as many times LOCK_TTL_SEC: an object takes longer than a commit."""


class ThreadedConsumed:
    """Implements :class:`orchestrator.archivist.ports.Consumed` over the store."""

    def __init__(self, consumed: Consumed, client: redis.Redis) -> None:
        self._consumed = consumed
        self._client = client
        self._limiter = trio.CapacityLimiter(CONSUMED_THREADS)

    async def waiting(self, brands: Sequence[str]) -> Mapping[str, Waiting]:
        """What waits of each of *brands*, but for those whose node of a cluster is away."""
        found: dict[str, Waiting] = {}
        for start in range(0, len(brands), MAX_SWEEP):
            some = brands[start : start + MAX_SWEEP]
            found |= await self._call(lambda some=some: self._consumed.waiting(some))  # type: ignore[misc]
        return found

    async def left(self, brands: Sequence[str]) -> Sequence[str]:
        """Others than *brands* of which records wait; it takes long where there are many keys."""
        if not await self._call(lambda: take_turn(self._client)):
            return ()
        going, more = Search(self._client, brands), True
        while more:
            more = await self._call(going.step)
            await trio.sleep(SLICE_PAUSE_S)
        return sorted(going.found)

    async def take(self, brand: str, token: str, hold_s: float) -> Held | None:
        """The right to put."""
        return await self._call(lambda: self._consumed.take(brand, token, hold_s))

    async def hold(self, brand: str, token: str, hold_s: float) -> bool:
        """Keep it."""
        return await self._call(lambda: self._consumed.hold(brand, token, hold_s))

    async def read(self, brand: str, token: str, max_bytes: int, note: Note | None = None) -> Sequence[Kept]:
        """Whole records from the oldest on, or that range."""
        return await self._call(lambda: self._consumed.read(brand, token, max_bytes, note))

    async def note(self, brand: str, token: str, note: Note) -> bool:
        """Note what is put next."""
        return await self._call(lambda: self._consumed.note(brand, token, note))

    async def remove(self, brand: str, token: str, note: Note) -> bool:
        """Take out what was put."""
        return await self._call(lambda: self._consumed.remove(brand, token, note))

    async def leave(self, brand: str, token: str) -> None:
        """Give the right back."""
        await self._call(lambda: self._consumed.leave(brand, token))

    async def _call(self, call: Callable[[], T]) -> T:
        # Abandoned when cancelled: every one of them may be repeated, and the right runs out by itself.
        return await trio.to_thread.run_sync(call, limiter=self._limiter, abandon_on_cancel=True)


class ThreadedShelf:
    """Implements :class:`orchestrator.archivist.ports.Shelf` over the objects of an archive.

    Args:
        objects: of the archive.
        client: of the Redis from which states are read.
        settings: of this process.
        brands: the registered ones; asked on threads.
    """

    def __init__(
        self,
        objects: Objects,
        client: redis.Redis,
        settings: Settings,
        brands: Callable[[], Sequence[str]] = tuple,
    ) -> None:
        self._objects = objects
        self._placing = Placing(client, objects, brands)
        self._client = client
        self._settings = settings
        self._limiter = trio.CapacityLimiter(WRITERS)
        self._looker = trio.CapacityLimiter(1)

    async def put(self, brand: str, run: Sequence[Kept]) -> None:
        """Put it as one object."""
        await self._call(lambda: self._put(brand, run))

    async def check(self) -> None:
        """That this is the archive that Redis knows."""
        # One at a time, and none of those with which objects are put: an archive that hangs would use them all up.
        await trio.to_thread.run_sync(self._placing.check, limiter=self._looker, abandon_on_cancel=True)

    async def tail(self, brand: str, first: Head) -> Tail:
        """What is there of *brand*."""
        return await self._call(lambda: self._tail(brand, first))

    async def put_base(self, brand: str) -> tuple[Position, str]:
        """Put the state of *brand* as it is now."""
        return await self._call(lambda: self._put_base(brand))

    def _tail(self, brand: str, first: Head) -> Tail:
        # Of another place it would say that a chain ends there, or that none does.
        self._placing.check()
        return tail_of(BrandArchive(self._objects, brand), first)

    def _put(self, brand: str, run: Sequence[Kept]) -> None:
        self._placing.check()
        BrandArchive(self._objects, brand).put(record_of(brand, one.head, one.payloads) for one in run)

    def _put_base(self, brand: str) -> tuple[Position, str]:
        self._placing.check()
        snapshot = take_snapshot(self._client, self._settings, brand)
        BrandArchive(self._objects, brand).put_base(snapshot)
        return (snapshot.epoch, snapshot.version), snapshot.cid

    async def _call(self, call: Callable[[], T]) -> T:
        # Abandoned when cancelled: to put the same again is no harm, and an archive that hangs holds up no end.
        return await trio.to_thread.run_sync(call, limiter=self._limiter, abandon_on_cancel=True)


def tail_of(archive: BrandArchive, first: Head) -> Tail:
    """What *archive* has, as far as it matters for *first*, which comes next: its names say it all.

    The commit before may be of an earlier day, so the newest day that has objects is looked at, too. One of a day that
    was packed together since is not found, and then there is a base too many.
    """
    bases = archive.bases()
    days = archive.days()
    today = utc_day(first.now_ms)
    ends = {base.cid for base in bases}
    of_today = NOWHERE
    for day in {today, *days[-1:]} & set(days):
        refs = archive.day(day)
        ends |= {ref.last for ref in refs}
        if day == today:
            of_today = min(((ref.epoch, ref.version) for ref in refs), default=NOWHERE)
    newest = max(((base.epoch, base.version) for base in bases), default=NOWHERE)
    return Tail(not first.previous or first.previous in ends, newest, of_today)


def open_archive(url: str) -> Objects:
    """The archive at *url*; it need not answer.

    Raises:
        SettingsError: it is no address of one, or what it needs is not installed.
    """
    try:
        check_installed(parse_archive_url(url))
        return Objects.open(url)
    except (ArchiveError, ValueError) as error:
        raise SettingsError(f"ARCHIVE_URL: {error}") from None


def make_archivist(
    client: redis.Redis, shelf: ThreadedShelf, settings: Settings, metrics: Metrics, brands: Registered
) -> Archivist:
    """The archivist of a process with these *settings*; *brands* is asked on the event loop."""
    return Archivist(
        ThreadedConsumed(Consumed(client), client),
        shelf,
        metrics,
        terms=Terms(settings.archive_object_mb << 20, settings.archive_interval_sec, _HOLDS * settings.lock_ttl_sec),
        outbox_bytes=settings.archive_outbox_mb << 20,
        brands=brands,
    )
