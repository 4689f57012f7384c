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
from orchestrator.errors import InvalidBrandError
from orchestrator.fleet.parking import Code, Parked
from orchestrator.store.client import translated

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import redis

MAX_PARKED: Final = 10_000
"""Brands that are told of; more are parked all the same, and each process's log has all of its own."""

MAX_ENTRY_BYTES: Final = 1_024
MAX_REASON_CHARS: Final = 300
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
    return parked_of(scan(client))


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


def scan(client: redis.Redis) -> dict[bytes, bytes]:
    """The entries as they stand there, within the bound.

    Raises:
        StoreError: Redis did not answer or refused.
    """
    with translated():
        try:
            if not client.hlen(PARKED_KEY):  # nearly always
                return {}
            return dict(islice(client.hscan_iter(PARKED_KEY, count=_PAGE), MAX_PARKED))
        except ResponseError as error:
            if str(error).startswith("WRONGTYPE"):
                return {}
            raise


def parked_of(entries: Mapping[bytes, bytes]) -> dict[str, Parked]:
    """Those of *entries* that are ours, by brand."""
    return dict(_parked(entries.items()))


def _parked(entries: Iterable[tuple[bytes, bytes]]) -> Iterable[tuple[str, Parked]]:
    for field, entry in entries:
        try:
            brand = field.decode()
            if check_brand(brand) != brand:
                continue
        except (UnicodeDecodeError, InvalidBrandError):
            continue
        parked = decode(entry)
        if parked is not None:
            yield brand, parked


_decode: Any = msgspec.json.Decoder(Entry).decode
