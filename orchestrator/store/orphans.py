"""Queues of brands that nobody registered: chunks that wait for ever.

No claim asks about them, so they are looked for: one process of all goes through the names of keys, in slices that
take the server a fraction of a millisecond, once an hour, and writes down what it found. All others read that, every
minute. What stands there is untrusted when it is read, and bounded.

Why a name is nobody's is decided by :mod:`orchestrator.contract.neighbours`. Source: ``orchestrator:orphans`` in
``docs/redis-protocol.md``.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final, cast

import msgspec

from orchestrator.contract.keys import ORPHANS_KEY, ORPHANS_TURN_KEY, QUEUE_PREFIX, QUEUE_SUFFIX
from orchestrator.contract.neighbours import Neighbours
from orchestrator.store.client import translated
from orchestrator.store.key_names import SLICE_KEYS, look_through

if TYPE_CHECKING:
    import redis

INTERVAL_S: Final = 3600.0
"""Between two searches of the whole fleet."""

MAX_KEYS: Final = 20_000_000
"""Names after which a search ends, and says so: such a server is not ours alone."""

MAX_NAMED: Final = 100
"""Queues that are named, those with the most chunks first; the others are counted."""

MAX_WEIGHED: Final = 1_000
"""Queues whose bytes are asked for; the others are taken to hold as much a chunk."""

MAX_FOUND: Final = 100_000
"""Queues after which a search ends: it remembers each, because a name may come twice."""

TURN_S: Final = 60.0
"""Without a slice for so long, who searches is gone."""

_SAMPLES: Final = 5
"""Nodes of a list that are weighed for its bytes, of each queue."""

_MAX_REPORT_BYTES: Final = 1024 * 1024
_MATCH: Final = f"{QUEUE_PREFIX}*{QUEUE_SUFFIX}"

# What is read may be anybody's: counts that a JSON number holds exactly, and times before the year 10000.
_Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
_Time = Annotated[int, msgspec.Meta(ge=0, le=253_402_300_799_999)]


class Found(msgspec.Struct, frozen=True):
    """One queue of nobody's.

    Attributes:
        name: of the brand, as it stands in the key.
        chunks: in the queue.
        size: that it takes in the server's memory, None where that cannot be asked for.
    """

    name: bytes
    chunks: _Count
    size: _Count | None = msgspec.field(default=None, name="bytes")


class Report(msgspec.Struct, frozen=True, rename="camel"):
    """What one search found.

    Attributes:
        at_ms: when it ended, Unix ms of the server.
        named: those with the most chunks.
        queues: how many others there were.
        chunks: in those others.
        size: of those others.
        complete: whether all names were looked through.
    """

    at_ms: _Time
    named: tuple[Found, ...] = ()
    queues: _Count = 0
    chunks: _Count = 0
    size: _Count | None = msgspec.field(default=0, name="bytes")
    complete: bool = True


@dataclass(frozen=True, slots=True)
class Orphan:
    """A queue of nobody's, as it is told; ``why`` is a sentence about its name."""

    name: str
    chunks: int
    size: int | None
    why: str


@dataclass(frozen=True, slots=True)
class Orphans:
    """All queues of nobody's.

    Attributes:
        queues: how many.
        chunks: in them.
        size: that they take in the server's memory, None where that cannot be asked for.
        found_ms: when they were searched for, Unix ms of the server.
        complete: whether the search looked through all names of keys.
        named: those with the most chunks.
    """

    queues: int
    chunks: int
    size: int | None
    found_ms: int
    complete: bool
    named: tuple[Orphan, ...]


class Search:
    """Goes through the names of all keys; each :meth:`step` is one look of bounded work.

    Args:
        client: of which server.
        registered: brands whose queues somebody reads.
    """

    def __init__(self, client: redis.Redis, registered: Collection[str]) -> None:
        self._client = client
        self._registered = registered
        self._cursor = 0
        self._looked = 0
        self._chunks: dict[bytes, int] = {}
        self._bytes: dict[bytes, int] = {}
        self._weighs = True

    def step(self) -> bool:
        """Look through one slice; True if there is more to look through.

        Raises:
            StoreError: Redis did not answer or refused.
        """
        self._cursor, keys = look_through(self._client, self._cursor, _MATCH, SLICE_KEYS)
        self._looked += SLICE_KEYS
        self._count([name for key in keys if self._is_new(name := _name(key))])
        return not self._done()

    def _is_new(self, name: bytes) -> bool:
        return name not in self._chunks and not _is_registered(name, self._registered)

    def _count(self, names: Sequence[bytes]) -> None:
        counted = _lengths(self._client, names)
        self._chunks.update(counted)
        if self._weighs:
            self._weigh(list(counted)[: MAX_WEIGHED - len(self._bytes)])

    def _weigh(self, names: Sequence[bytes]) -> None:
        sizes = _each(self._client, [("MEMORY", "USAGE", _key(name), "SAMPLES", _SAMPLES) for name in names])
        self._bytes.update((name, size) for name, size in zip(names, sizes, strict=True) if isinstance(size, int))
        # Many servers of others do not allow it, and an access list need not. Chunks are counted all the same.
        self._weighs = not any(isinstance(size, Exception) for size in sizes)

    def _done(self) -> bool:
        return self._cursor == 0 or self._looked >= MAX_KEYS or len(self._chunks) >= MAX_FOUND

    def report(self, now_ms: int) -> Report:
        """What was found."""
        weighed = sum(self._chunks[name] for name in self._bytes)
        each = sum(self._bytes.values()) / weighed if weighed and self._weighs else None
        found = [
            Found(name, chunks, None if each is None else self._bytes.get(name, round(each * chunks)))
            for name, chunks in sorted(self._chunks.items(), key=lambda entry: (-entry[1], entry[0]))
        ]
        rest = found[MAX_NAMED:]
        return Report(
            at_ms=now_ms,
            named=tuple(found[:MAX_NAMED]),
            queues=len(rest),
            chunks=sum(one.chunks for one in rest),
            size=_total([one.size for one in rest]),
            complete=self._cursor == 0,
        )


def _name(key: bytes) -> bytes:
    return key[len(QUEUE_PREFIX) : -len(QUEUE_SUFFIX)]


def _key(name: bytes) -> bytes:
    return QUEUE_PREFIX.encode() + name + QUEUE_SUFFIX.encode()


def _each(client: redis.Redis, commands: Sequence[tuple[object, ...]]) -> list[object]:
    """The replies to *commands*, errors among them, in one round trip; without commands in none."""
    if not commands:
        return []
    with translated(), client.pipeline(transaction=False) as pipe:
        for command in commands:
            pipe.execute_command(*command)  # type: ignore[no-untyped-call]
        return cast("list[object]", pipe.execute(raise_on_error=False))


def _lengths(client: redis.Redis, names: Sequence[bytes]) -> dict[bytes, int]:
    """How many chunks the queues of *names* hold, where there is one: a key of a foreign type is none."""
    lengths = _each(client, [("LLEN", _key(name)) for name in names])
    return {name: length for name, length in zip(names, lengths, strict=True) if isinstance(length, int) and length}


def _total(sizes: Sequence[int | None]) -> int | None:
    known = [size for size in sizes if size is not None]
    return sum(known) if len(known) == len(sizes) else None


class Turn:
    """The right to search, which one process at a time has; the others read what it finds."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client
        self._token = secrets.token_hex(8)

    def take(self) -> bool:
        """Whether it is ours now."""
        with translated():
            return bool(self._client.set(ORPHANS_TURN_KEY, self._token, nx=True, px=round(TURN_S * 1000)))

    def keep(self) -> None:
        """Have it for longer. If somebody else has it by now, two search: twice the work, and nothing worse."""
        with translated():
            self._client.pexpire(ORPHANS_TURN_KEY, round(TURN_S * 1000))

    def end(self, report: Report) -> None:
        """Write down what was found, for twice the time until the next search."""
        with translated(), self._client.pipeline(transaction=False) as pipe:
            pipe.set(ORPHANS_KEY, msgspec.json.encode(report), px=round(2 * INTERVAL_S * 1000))
            pipe.delete(ORPHANS_TURN_KEY)
            pipe.execute()


def search(client: redis.Redis, registered: Collection[str]) -> Orphans:
    """Search now, tell all processes, and return what there is; for a person who waits for it.

    Raises:
        StoreError: Redis did not answer or refused.
    """
    going = Search(client, registered)
    while going.step():
        pass
    report = going.report(now_ms(client))
    Turn(client).end(report)
    return tell(client, report, registered)


def read_report(client: redis.Redis) -> Report | None:
    """What the last search found, None if there was none.

    Raises:
        StoreError: Redis did not answer or refused.
    """
    with translated():
        document = cast("bytes", client.getrange(ORPHANS_KEY, 0, _MAX_REPORT_BYTES))
    if not document or len(document) > _MAX_REPORT_BYTES:
        return None
    try:
        report: Report = _decode(document)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return report if len(report.named) <= MAX_NAMED else None


def now_ms(client: redis.Redis) -> int:
    """The server's time."""
    with translated():
        seconds, microseconds = client.time()
    return seconds * 1000 + microseconds // 1000


def tell(client: redis.Redis, report: Report, registered: Collection[str]) -> Orphans:
    """What *report* comes to now: brands that were registered since are left out, and the named queues counted anew.

    Raises:
        StoreError: Redis did not answer or refused.
    """
    names = [one.name for one in report.named if not _is_registered(one.name, registered)]
    return told(report, registered, _lengths(client, names))


def told(report: Report, registered: Collection[str], chunks: Mapping[bytes, int]) -> Orphans:
    """What *report* comes to if its named queues hold so many *chunks* by now; pure."""
    now = [one for one in report.named if one.name in chunks]
    neighbours = Neighbours(registered) if now else Neighbours(())
    named = tuple(
        Orphan(
            name=one.name.decode(errors="backslashreplace"),
            chunks=chunks[one.name],
            size=None if one.size is None else round(one.size * chunks[one.name] / max(1, one.chunks)),
            why=neighbours.explain(one.name),
        )
        for one in now
    )
    return Orphans(
        queues=len(named) + report.queues,
        chunks=sum(one.chunks for one in named) + report.chunks,
        size=_total([report.size, *(one.size for one in named)]),
        found_ms=report.at_ms,
        complete=report.complete,
        named=named,
    )


def _is_registered(name: bytes, registered: Collection[str]) -> bool:
    try:
        return name.decode() in registered
    except UnicodeDecodeError:
        return False


_decode: Any = msgspec.json.Decoder(Report).decode
