"""Which brands are left alone or cannot be got done, as the processes say, in one key that all surfaces read.

Nothing is decided by it: each process knows for itself whom it leaves alone. What stands in the key is untrusted when
it is read, and bounded. Source: ``orchestrator:parked`` in ``docs/redis-protocol.md``.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, Final, cast

import msgspec
from redis.exceptions import ResponseError

from orchestrator.contract.brands import check_brand
from orchestrator.contract.keys import PARKED_KEY
from orchestrator.errors import InvalidBrandError, WrongTypeError
from orchestrator.fleet.noticing import Seen
from orchestrator.fleet.parking import Code, Parked
from orchestrator.store import scripts
from orchestrator.store.client import checked, translated
from orchestrator.store.codes import Code as ReplyCode
from orchestrator.store.runner import ScriptRunner, evalsha

if TYPE_CHECKING:
    from collections.abc import Sequence

    import redis

    from orchestrator.fleet.noticing import Change

MAX_PARKED: Final = 10_000
"""Brands that are told of; more are parked all the same, and each process's log has all of its own."""

MAX_ENTRY_BYTES: Final = 1_024
MAX_REASON_CHARS: Final = 300
TTL_S: Final = 60.0
"""The key lives so long after the last process has looked at it."""

_SLICE: Final = 500
_PAGE: Final = 500
_MAX_TIME: Final = 10**15
_MAX_NAME_CHARS: Final = 64


class Entry(msgspec.Struct, frozen=True, rename="camel"):
    """What stands in a field of the key; the next version may say more.

    Attributes:
        code: why, the key of a remedy.
        reason: what was found.
        since_ms: since when, Unix ms of the server.
        by: name of the process that says so.
    """

    code: str
    reason: str
    since_ms: int
    by: str


def encode(parked: Parked) -> bytes:
    """*parked* as it stands in Redis."""
    # A reason may quote what was found, and every character of it may take six bytes in JSON.
    reason, most = parked.reason[:MAX_REASON_CHARS], MAX_REASON_CHARS
    while len(entry := msgspec.json.encode(Entry(parked.code, reason, parked.since_ms, parked.by))) > MAX_ENTRY_BYTES:
        most //= 2
        reason = reason[:most]
    return entry


def decode(entry: bytes | None) -> Parked | None:
    """What *entry* says; None if it is none of ours."""
    if entry is None or len(entry) > MAX_ENTRY_BYTES:
        return None
    try:
        told = _decode(entry)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    name = told.by if told.by.isascii() and told.by.isalnum() and len(told.by) <= _MAX_NAME_CHARS else ""
    if not name or not 0 <= told.since_ms < _MAX_TIME:
        return None
    code = Code(told.code) if told.code in set(Code) else Code.OTHER
    return Parked(code, told.reason[:MAX_REASON_CHARS], told.since_ms, name)


def read_parked(client: redis.Redis) -> dict[str, Parked]:
    """The brands that some process leaves alone or cannot get done; none if the key has a foreign type.

    Raises:
        StoreError: Redis did not answer or refused.
    """
    return {brand: seen.parked for brand, seen in scan(client).items() if seen.parked is not None}


def read_parked_of(client: redis.Redis, brand: str) -> Parked | None:
    """The same for one brand.

    Raises:
        StoreError: Redis did not answer or refused.
    """
    with translated():
        try:
            return decode(cast("bytes | None", client.hget(PARKED_KEY, brand)))
        except ResponseError as error:
            if str(error).startswith("WRONGTYPE"):
                return None
            raise


def scan(client: redis.Redis) -> dict[str, Seen]:
    """The entries as they stand there, within the bound; fields that are no brands are left out.

    Raises:
        StoreError: Redis did not answer or refused.
    """
    with translated():
        try:
            if not client.hlen(PARKED_KEY):  # nearly always
                return {}
            found = dict(islice(client.hscan_iter(PARKED_KEY, count=_PAGE), MAX_PARKED))
        except ResponseError as error:
            if str(error).startswith("WRONGTYPE"):
                return {}
            raise
    return {brand: Seen(raw, decode(raw)) for field, raw in found.items() if (brand := _brand(field)) is not None}


def publish(client: redis.Redis, changes: Sequence[Change]) -> set[str]:
    """Make *changes*, in slices; also without any the key lives on for :data:`TTL_S`.

    Returns:
        the brands whose entries were as they had been seen, and are now as they are to be.

    Raises:
        WrongTypeError: the key has a foreign type.
        StoreError: Redis did not answer or refused; some of the changes may be made.
    """
    done: set[str] = set()
    for start in range(0, max(1, len(changes)), _SLICE):
        part = changes[start : start + _SLICE]
        flat = [text for one in part for text in (one.brand, one.seen or b"", _entry(one.parked))]
        command = evalsha(scripts.PARK, [PARKED_KEY], round(TTL_S * 1000), MAX_PARKED, *flat)
        code, *made = checked(ScriptRunner(client).run([command])[0])
        if ReplyCode(code.decode()) is ReplyCode.TYPE:
            raise WrongTypeError(PARKED_KEY, made[1].decode(), "hash")
        done.update(one.brand for one, is_done in zip(part, made, strict=True) if is_done)
    return done


def _entry(parked: Parked | None) -> bytes:
    return b"" if parked is None else encode(parked)


def _brand(field: bytes) -> str | None:
    try:
        brand = field.decode()
        return brand if check_brand(brand) == brand else None
    except (UnicodeDecodeError, InvalidBrandError):
        return None


_decode: Any = msgspec.json.Decoder(Entry).decode
