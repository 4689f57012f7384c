"""Which processes live: each says so every few seconds in one key, and hears who else does and what it is ordered.

Decides nothing and holds nothing: it says who hurries, and leases decide who works. What stands in the key is untrusted
when it is read, and bounded. Source: ``orchestrator:members`` and ``orchestrator:orders`` in
``docs/redis-protocol.md``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, cast

import msgspec

from orchestrator.contract.brands import check_brand
from orchestrator.contract.fingerprint import Fingerprint
from orchestrator.contract.keys import MEMBERS_KEY
from orchestrator.contract.process_orders import MAX_BY_CHARS, MAX_LANES, fields
from orchestrator.errors import InvalidBrandError, WrongTypeError
from orchestrator.fleet.members import TTL_S, Load, Member, Obedience, Rates, Share
from orchestrator.store import scripts
from orchestrator.store.client import checked, translated
from orchestrator.store.codes import Code
from orchestrator.store.layouts import layout_of
from orchestrator.store.process_orders import read_orders
from orchestrator.store.runner import ScriptRunner, evalsha

if TYPE_CHECKING:
    import redis

BEAT_S: Final = 5.0
"""Longest time between two beats of a process."""

ALONE_BEAT_S: Final = 1.0
"""Between two beats of a process that is alone: so late it may hear of another one."""

SHARED_BEAT_S: Final = 0.5
"""Between two beats of a process that is not: so old what others tell of their brands may be."""

CROWD: Final = 10
"""So many processes beat at that pace. More beat more slowly, because each hears all the others with each beat."""

LATE_S: Final = 3.0
"""A process that stands still for so long, because its machine is busy, is not taken to be gone."""

MAX_MEMBERS: Final = 256
MAX_ENTRY_BYTES: Final = 4_096
MAX_HOLDS_BYTES: Final = 1_024
"""Of names of brands in an entry, which has to stay within :data:`MAX_ENTRY_BYTES` whatever the names are."""

NO_ORDERS: Final = (b"", b"")

_MAX_NAME_CHARS: Final = 128
_MOST: Final = 1e15
"""No number that a process tells is larger; and none is below zero, or no number."""


class ToldLoad(msgspec.Struct, frozen=True, rename="camel"):
    """How busy a process says it is; see :class:`~orchestrator.fleet.members.Load`."""

    lanes: float
    cpu: float
    memory_bytes: int

    @classmethod
    def of(cls, load: Load) -> ToldLoad:
        """*load* as it is told."""
        return cls(load.lanes, load.cpu, load.memory_bytes)


class ToldRates(msgspec.Struct, frozen=True, rename="camel"):
    """What a process says it does a second; see :class:`~orchestrator.fleet.members.Rates`."""

    chunks: float
    mentions: float
    brands: float
    duplicates: float
    dead_letters: float

    @classmethod
    def of(cls, rates: Rates) -> ToldRates:
        """*rates* as they are told."""
        return cls(rates.chunks, rates.mentions, rates.brands, rates.duplicates, rates.dead_letters)


class ToldObedience(msgspec.Struct, frozen=True, rename="camel"):
    """How a process says it stands to orders; see :class:`~orchestrator.fleet.members.Obedience`."""

    setting: int
    quiet_since_ms: int | None = None
    stopping: bool = False
    by: str = ""

    @classmethod
    def of(cls, obedience: Obedience) -> ToldObedience:
        """*obedience* as it is told."""
        return cls(obedience.setting, obedience.quiet_since_ms, obedience.stopping, obedience.by)


class ToldShare(msgspec.Struct, frozen=True, rename="camel"):
    """What a process says of the brands that it comes first for; see :class:`~orchestrator.fleet.members.Share`."""

    registry: str
    view: str
    chunks: int
    brands: int
    paused_chunks: int
    oldest: float
    age: float
    strained: bool

    @classmethod
    def of(cls, share: Share) -> ToldShare:
        """*share* as it is told."""
        counts = share.chunks, share.brands, share.paused_chunks
        ages = round(share.oldest_s, 3), round(share.age_s, 3)
        return cls(share.registry, share.view, *counts, *ages, share.strained)


class Told(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a process says of itself; the next version may say more.

    Attributes:
        id: ``ORCHESTRATOR_ID``; several processes may have the same one.
        version: of the package.
        format: number of the state's format that it writes.
        settings: the fingerprint of its settings, as JSON.
        lanes: most brands that it works on at the same time.
        active: brands that it works on now.
        load: since the beat before; None from a version before this one, like what follows.
        rates: likewise.
        oldest: for so many seconds the brand that waits longest has seen no commit, as far as it knows.
        holds: some of the brands that it works on, at most :data:`MAX_HOLDS_BYTES` of names together.
        orders: how it stands to orders; None from a version that takes none.
        share: of the work; None: it takes no part in sharing it.
        archive: stands for the place of its archive; empty: it has none. None: its version does not tell.
    """

    id: str
    version: str
    format: int
    settings: msgspec.Raw
    lanes: int
    active: int
    load: ToldLoad | None = None
    rates: ToldRates | None = None
    oldest: float | None = None
    holds: tuple[str, ...] = ()
    orders: ToldObedience | None = None
    share: ToldShare | None = None
    archive: str | None = None


@dataclass(frozen=True, slots=True)
class Heard:
    """What a beat brought.

    Attributes:
        since_ms: when the process of the beat was first heard of.
        members: all that live, the oldest first.
        now_ms: the server's time.
        orders: that the process has not said to have heard, one for each of its two places; empty = none.
    """

    since_ms: int
    members: tuple[Member, ...]
    now_ms: int = 0
    orders: tuple[bytes, bytes] = NO_ORDERS


def pause_s(members: int) -> float:
    """Seconds between two beats of each of so many processes."""
    return ALONE_BEAT_S if members <= 1 else min(BEAT_S, SHARED_BEAT_S * max(1.0, members / CROWD))


def gone_s(members: int) -> float:
    """After so many seconds without a beat, one of so many processes shares the work no more: it can miss some beats.

    It is not forgotten before :data:`TTL_S`, because what it holds may be its own.
    """
    return min(TTL_S, LATE_S + 4 * pause_s(members))


def fitting(brands: Sequence[str]) -> tuple[str, ...]:
    """The first of *brands* that fit into an entry."""
    found: list[str] = []
    left = MAX_HOLDS_BYTES
    for brand in brands:
        left -= len(msgspec.json.encode(brand)) + 1
        if left < 0:
            break
        found.append(brand)
    return tuple(found)


def beat(client: redis.Redis, name: str, since_ms: int, told: Told, heard: tuple[bytes, bytes] = NO_ORDERS) -> Heard:
    """Say that the process *name* lives, since *since_ms* (0: since now), and has *heard* those orders.

    Returns:
        who else lives, and orders that it has not heard yet.

    Raises:
        WrongTypeError: the key has a foreign type.
        StoreError: Redis did not answer or refused.
    """
    bounds = (round(TTL_S * 1000), MAX_MEMBERS, MAX_ENTRY_BYTES)
    arguments = (name, since_ms, msgspec.json.encode(told), *bounds, *heard, *fields(name))
    keys = [MEMBERS_KEY, layout_of(client).orders]
    reply = checked(ScriptRunner(client).run([evalsha(scripts.BEAT, keys, *arguments)])[0])
    if Code(reply[0].decode()) is Code.TYPE:
        raise WrongTypeError(MEMBERS_KEY, reply[2].decode(), "hash")
    _, now_ms, since, state, lanes, *entries = reply
    return Heard(since, _members(zip(entries[::2], entries[1::2], strict=True), now_ms), now_ms, (state, lanes))


def leave(client: redis.Redis, name: str) -> None:
    """Say that the process *name* ends; without it the others notice after :data:`TTL_S`.

    Raises:
        StoreError: Redis did not answer or refused.
    """
    with translated():
        client.hdel(MEMBERS_KEY, name)


def read_members(client: redis.Redis) -> tuple[Member, ...]:
    """The processes that live, as :func:`look_at_members` finds them."""
    return look_at_members(client)[1]


def look_at_members(client: redis.Redis) -> tuple[int, tuple[Member, ...]]:
    """The server's time, and the processes that live, the oldest first, with what each is ordered.

    For those who only want to know.

    Raises:
        StoreError: Redis did not answer or refused, also because the key has a foreign type.
    """
    with translated(), client.pipeline(transaction=False) as pipe:
        pipe.time()
        pipe.hlen(MEMBERS_KEY)
        (seconds, microseconds), size = pipe.execute()
        # What somebody else filled is not read; the next beat empties it.
        entries = cast("dict[bytes, bytes]", client.hgetall(MEMBERS_KEY)) if size <= 2 * MAX_MEMBERS else {}
    now_ms = seconds * 1000 + microseconds // 1000
    members = _members(entries.items(), now_ms)
    orders = read_orders(client)
    return now_ms, tuple(replace(member, asked=orders.get(member.name, ())) for member in members)


def _members(entries: Iterable[tuple[bytes, bytes]], now_ms: int) -> tuple[Member, ...]:
    found = [member for name, entry in entries if (member := _member(name, entry, now_ms)) is not None]
    return tuple(sorted(found, key=lambda member: (member.since_ms, member.name))[:MAX_MEMBERS])


def _member(name: bytes, entry: bytes, now_ms: int) -> Member | None:
    """What *entry* says; None if it is not one of ours, or of a process that is gone."""
    if len(entry) > MAX_ENTRY_BYTES or len(name) > _MAX_NAME_CHARS:
        return None
    since, seen, document = _split(entry)
    if since is None or seen is None or abs(now_ms - seen) > TTL_S * 1000:
        return None
    try:
        told = _decode(document)
        fingerprint = Fingerprint.read(bytes(told.settings))
        own_name = name.decode("ascii")
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    return Member(
        name=own_name,
        id=_shown(told.id),
        version=_shown(told.version),
        format=told.format,
        fingerprint=fingerprint,
        lanes=told.lanes,
        active=told.active,
        since_ms=since,
        age_ms=max(0, now_ms - seen),
        load=_load(told.load),
        rates=_rates(told.rates),
        oldest_s=told.oldest if told.oldest is not None and _plausible(told.oldest) else None,
        holds=tuple(brand for brand in told.holds if _is_brand(brand)),
        obedience=_obedience(told.orders),
        share=_share(told.share),
        archive=None if told.archive is None else _shown(told.archive),
    )


def _obedience(told: ToldObedience | None) -> Obedience | None:
    if told is None:
        return None
    setting = min(max(1, told.setting), MAX_LANES)
    quiet_since_ms = told.quiet_since_ms if _plausible(told.quiet_since_ms or 0) else None
    return Obedience(setting, quiet_since_ms, told.stopping, told.by[:MAX_BY_CHARS])


def _load(told: ToldLoad | None) -> Load | None:
    if told is None or not _plausible(told.lanes, told.cpu, told.memory_bytes):
        return None
    return Load(min(1.0, told.lanes), told.cpu, told.memory_bytes)


def _rates(told: ToldRates | None) -> Rates | None:
    if told is None:
        return None
    numbers = (told.chunks, told.mentions, told.brands, told.duplicates, told.dead_letters)
    return Rates(*numbers) if _plausible(*numbers) else None


def _share(told: ToldShare | None) -> Share | None:
    if told is None:
        return None
    counts, times = (told.chunks, told.brands, told.paused_chunks), (told.oldest, told.age)
    if not _plausible(*counts, *times):
        return None
    return Share(_shown(told.registry), _shown(told.view), *counts, *times, told.strained)


def _plausible(*numbers: float) -> bool:
    return all(0 <= number <= _MOST for number in numbers)


def _is_brand(name: str) -> bool:
    try:
        return check_brand(name) == name
    except InvalidBrandError:
        return False


def _split(entry: bytes) -> tuple[int | None, int | None, bytes]:
    since, _, rest = entry.partition(b" ")
    seen, _, document = rest.partition(b" ")
    return _time(since), _time(seen), document


def _time(text: bytes) -> int | None:
    return int(text) if text.isdigit() and len(text) <= len("9999999999999") + 2 else None


def _shown(text: str) -> str:
    """*text* of somebody unknown, fit for a log, a page and a terminal."""
    return "".join(char if char.isascii() and char.isprintable() else "?" for char in text[:_MAX_NAME_CHARS])


def earlier(members: Sequence[Member], name: str) -> tuple[Member, ...]:
    """Those of *members* (the oldest first) that were there before the process *name*."""
    return tuple(members[: next((at for at, member in enumerate(members) if member.name == name), len(members))])


_decode: Any = msgspec.json.Decoder(Told).decode
