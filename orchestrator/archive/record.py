"""A record: one commit as an archive holds it, everything from which the fold of the same chunks can be made again.

Owns the format and its bounds. Written as lines of JSON, so that any tool reads it: one of the record, then one of each
item in the queue's order. A payload that is no UTF-8 stands there in base64; both give the same bytes again.

What is read is foreign: each line is bounded and typed, and what the record says of its items has to be so.
Source: ``docs/decisions/0093-what-an-archive-holds.md``.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Final
from urllib.parse import quote

import msgspec
from isal import isal_zlib
from msgspec import UNSET, Struct, UnsetType

from orchestrator.contract.consumed import Fate, Head
from orchestrator.errors import ArchiveError

__all__ = [
    "FORMAT",
    "MAX_HEAD_BYTES",
    "MAX_ITEMS",
    "MAX_ITEM_BYTES",
    "MAX_OBJECT_BYTES",
    "Fate",
    "Item",
    "Link",
    "Record",
    "check_of",
    "decode",
    "encode",
    "folder_of",
    "lines_of",
    "links",
    "object_of",
    "pack",
    "plain",
    "record_of",
    "unpack",
    "utc_day",
]

FORMAT: Final = 1
"""Of records. A reader takes records of its own format and of older ones; fields that it does not know say nothing."""

MAX_ITEMS: Final = 1_000_000
MAX_HEAD_BYTES: Final = 64 << 10
MAX_ITEM_BYTES: Final = (512 << 20) + MAX_HEAD_BYTES
"""Of a line: the largest ``MAX_CHUNK_BYTES``, each character escaped by another one."""

MAX_OBJECT_BYTES: Final = 1 << 30
"""Of an object, unpacked."""

_FOLDER_BYTES: Final = 200
"""Of a brand's part in a name: file systems end at 255."""
_PIECE_BYTES: Final = 1 << 20
"""Of an object, unpacked at once."""

_LAST_S: Final = 253_402_300_799
"""The end of the year 9999."""

_LEVEL: Final = 1
"""Of gzip: a chunk of 70 KB with centroids costs a fifth of what level 6 takes, and is a fourteenth larger."""

_LONG_ESCAPES: Final = bytes(set(range(0x20)) - set(b"\t\n\r"))
"""Bytes that JSON writes with six, and two that no text has."""
_GZIP: Final = 31
"""``wbits`` of zlib for a gzip stream."""


@dataclass(frozen=True, slots=True)
class Item:
    """One item of the queue.

    Attributes:
        payload: as the worker pushed it, byte for byte.
        fate: what became of it; a conflict is a duplicate whose numbers are not those that were counted.
        reason: of a dead letter.
        path: of a dead letter, in its JSON.
    """

    payload: bytes
    fate: Fate = Fate.FOLDED
    reason: str = ""
    path: str = ""


@dataclass(frozen=True, slots=True)
class Record:
    """One commit.

    Attributes:
        brand: whose.
        cid: id of the commit.
        previous: id of the commit that it stands on, empty for a brand's first.
        epoch: of its lease.
        version: commits so far, this one included.
        now_ms: with which the batch was folded, Unix ms of Redis: duplicates and letters know this time.
        clock_ms: of the state after the fold: chunks were stamped with this time. It is later than *now_ms* only after
            a clock went back.
        summary_ms: as of when the commit's summary is; 0 = it carried none.
        settings: of the rules, by name, the rules' version among them.
        items: what it took from the queue, in its order; none for a refresh.
        replaces: it put another state in place of the one before (an import, a rebuild): no refold goes through it.
    """

    brand: str
    cid: str
    previous: str
    epoch: int
    version: int
    now_ms: int
    clock_ms: int
    summary_ms: int
    settings: Mapping[str, int | float]
    items: Sequence[Item] = ()
    replaces: bool = False


@dataclass(frozen=True, slots=True)
class Link:
    """What a record says of its place in a chain.

    Attributes:
        cid: id of the commit.
        previous: id of the one that it stands on.
        epoch: of its lease.
        version: commits so far.
        now_ms: when it was folded, Unix ms.
        items: how many it took.
        replaces: as of a record.
    """

    cid: str
    previous: str
    epoch: int
    version: int
    now_ms: int
    items: int
    replaces: bool = False


class _Head(Struct, rename="camel", omit_defaults=False):
    record: int
    brand: str
    cid: str
    previous: str
    epoch: int
    version: int
    now_ms: int
    clock_ms: int
    summary_ms: int
    settings: dict[str, int | float]
    items: int
    check: int
    replaces: bool = False


class _Line(Struct, rename="camel", omit_defaults=True):
    fate: Fate
    payload: str | UnsetType = UNSET
    base64: str | UnsetType = UNSET
    reason: str = ""
    path: str = ""


_encode = msgspec.json.Encoder().encode
_head_decoder = msgspec.json.Decoder(_Head)
_line_decoder = msgspec.json.Decoder(_Line)


def encode(record: Record) -> bytes:
    """*record* as lines, each with its end."""
    head = _Head(
        record=FORMAT,
        brand=record.brand,
        cid=record.cid,
        previous=record.previous,
        epoch=record.epoch,
        version=record.version,
        now_ms=record.now_ms,
        clock_ms=record.clock_ms,
        summary_ms=record.summary_ms,
        settings=dict(record.settings),
        items=len(record.items),
        check=check_of(record),
        replaces=record.replaces,
    )
    return b"".join(_encode(line) + b"\n" for line in (head, *map(_line, record.items)))


def decode(lines: Iterable[bytes], brand: str) -> Iterator[Record]:
    """The records of *brand* in *lines*, of which each may have its end.

    Raises:
        ArchiveError: they are none, of a newer format, of another brand, or not what was written.
    """
    numbered = enumerate(lines, 1)
    for number, line in numbered:
        head = _head(line, number, brand)
        items: list[Item] = []
        while len(items) < head.items:
            number, line = next(numbered, (number, b""))  # noqa: PLW2901 - the items follow their record
            if not line:
                raise ArchiveError(f"the record of commit {head.cid!r} ends after {len(items)} of {head.items} items")
            items.append(_item(line, number))
        times = (head.now_ms, head.clock_ms, head.summary_ms)
        record = Record(
            brand, head.cid, head.previous, head.epoch, head.version, *times, head.settings, items, head.replaces
        )
        if check_of(record) != head.check:
            raise ArchiveError(f"the record of commit {head.cid!r} is not what was written: another checksum")
        yield record


def record_of(brand: str, head: Head, payloads: Sequence[bytes]) -> Record:
    """The record of *brand* that waited for the archive as *head* and its *payloads*."""
    return Record(
        brand=brand,
        cid=head.cid,
        previous=head.previous,
        epoch=head.epoch,
        version=head.version,
        now_ms=head.now_ms,
        clock_ms=head.clock_ms,
        summary_ms=head.summary_ms,
        settings=head.settings,
        items=[Item(payload, *told) for payload, told in zip(payloads, head.each(), strict=True)],
        replaces=head.replaces,
    )


def pack(records: Iterable[Record]) -> bytes:
    """*records* as one object: gzip, which unpacks to the same bytes for the same records.

    So writing it twice is no harm. The packed bytes are the same on processors of one kind only.
    """
    packer = isal_zlib.compressobj(_LEVEL, isal_zlib.DEFLATED, _GZIP)
    return b"".join(map(packer.compress, map(encode, records))) + packer.flush()


def unpack(data: bytes, brand: str) -> Iterator[Record]:
    """The records of an object of *brand*, one after the other; raises as :func:`decode`."""
    return decode(lines_of(data), brand)


def links(data: bytes, brand: str) -> Iterator[Link]:
    """What the records of an object of *brand* say of their place in a chain; items are passed over unread.

    Raises:
        ArchiveError: as :func:`decode`, but for items, and what the checksums tell.
    """
    numbered = enumerate(lines_of(data), 1)
    for number, line in numbered:
        head = _head(line, number, brand)
        passed = sum(1 for _ in islice(numbered, head.items))
        if passed < head.items:
            raise ArchiveError(f"the record of commit {head.cid!r} ends after {passed} of {head.items} items")
        yield Link(head.cid, head.previous, head.epoch, head.version, head.now_ms, head.items, head.replaces)


def lines_of(data: bytes) -> Iterator[bytes]:
    """The lines of an object without their ends; a line, not the object, is what is held unpacked.

    Raises:
        ArchiveError: it is no gzip, is cut off, or has more than an object may have.
    """
    unpacker = zlib.decompressobj(_GZIP)
    size, open_line, rest = 0, bytearray(), data
    while not unpacker.eof:
        try:
            text = unpacker.decompress(rest, _PIECE_BYTES)
        except zlib.error as error:
            raise ArchiveError(f"an object of {len(data)} bytes cannot be unpacked: {error}") from None
        rest = unpacker.unconsumed_tail
        size += len(text)
        if size > MAX_OBJECT_BYTES:
            raise ArchiveError(f"an object of {len(data)} bytes has more than {MAX_OBJECT_BYTES} when unpacked")
        if not text and not unpacker.eof:
            raise ArchiveError(f"an object of {len(data)} bytes is cut off")
        *whole, last = text.split(b"\n")
        for line in whole:
            yield bytes(open_line + line)
            open_line = bytearray()
        open_line += last
        if len(open_line) > MAX_ITEM_BYTES:
            raise ArchiveError(f"an object of {len(data)} bytes has a line of more than {MAX_ITEM_BYTES}")
    if unpacker.unused_data:
        raise ArchiveError(f"an object of {len(data)} bytes has {len(unpacker.unused_data)} behind its end")
    if open_line:
        yield bytes(open_line)


def folder_of(brand: str) -> str:
    """The folder of a brand: escaped, so that every file system and store takes it, and its own for each."""
    name = quote(brand, safe="")
    if set(name) == {"."}:
        name = name.replace(".", "%2E")
    if len(name) > _FOLDER_BYTES:
        name = f"{name[:_FOLDER_BYTES]}~{hashlib.blake2b(brand.encode(), digest_size=12).hexdigest()}"
    return f"brand={name}"


def utc_day(at_ms: int) -> str:
    """The UTC day of a time, Unix ms: ``2026-11-28``; the last one that there is for what is beyond it."""
    return datetime.fromtimestamp(min(at_ms // 1000, _LAST_S), UTC).date().isoformat()


def object_of(first: Record, last: Record) -> str:
    """The name of the object from *first* to *last*: by brand and day, in the order of commits, one for each range.

    It holds the commit that the first stands on and the last one's id. So it says which records they are, for the chain
    leads from the one to the other; no two objects of one name say different things, and whoever puts one late, after a
    failover even, puts it over nothing else. And a chain can be followed by names, without a look into the objects.
    """
    day = utc_day(first.now_ms)
    name = f"{first.epoch:016d}-{first.version:012d}-{first.previous}-{last.cid}.ndjson.gz"
    return f"{folder_of(first.brand)}/day={day}/{name}"


def _line(item: Item) -> _Line:
    line = _Line(item.fate, reason=plain(item.reason), path=plain(item.path))
    try:
        text = item.payload.decode()
    except UnicodeDecodeError:
        text = None
    # Not a regular expression: it took 27 of the 30 µs of a payload of 5 KB.
    if text is None or len(item.payload.translate(None, _LONG_ESCAPES)) < len(item.payload):
        line.base64 = base64.b64encode(item.payload).decode()
    else:
        line.payload = text
    return line


def plain(text: str) -> str:
    """*text* without halves of characters, which a worker's JSON can hold and a file cannot."""
    return text.encode(errors="backslashreplace").decode()


def _head(line: bytes, number: int, brand: str) -> _Head:
    if len(line) > MAX_HEAD_BYTES:
        raise ArchiveError(f"line {number} has {len(line)} bytes and is no record")
    try:
        head = _head_decoder.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ArchiveError(f"line {number} is no record: {error}") from None
    if not 1 <= head.record <= FORMAT:
        raise ArchiveError(f"line {number} has a record of format {head.record}, and this version knows {FORMAT}")
    if head.brand != brand:
        raise ArchiveError(f"line {number} has a record of brand {head.brand!r}, not of {brand!r}")
    if not 0 <= head.items <= MAX_ITEMS:
        raise ArchiveError(f"line {number} tells of {head.items} items")
    if min(head.epoch, head.version, head.now_ms, head.clock_ms, head.summary_ms) < 0 or not head.cid:
        raise ArchiveError(f"line {number} has a number below 0, or no cid")
    return head


def _item(line: bytes, number: int) -> Item:
    if len(line) > MAX_ITEM_BYTES:
        raise ArchiveError(f"line {number} has {len(line)} bytes and is no item")
    try:
        found = _line_decoder.decode(line)
        if isinstance(found.payload, str) is isinstance(found.base64, str):
            raise ArchiveError(f"line {number} must have one of payload and base64")
        if isinstance(found.payload, str):
            payload = found.payload.encode()
        else:
            payload = base64.b64decode(str(found.base64), validate=True)
    except (msgspec.MsgspecError, UnicodeError, binascii.Error, RecursionError) as error:
        raise ArchiveError(f"line {number} is no item: {error}") from None
    return Item(payload, found.fate, found.reason, found.path)


def check_of(record: Record) -> int:
    """CRC-32 over all that a record says, so that nothing of it can change or move."""
    times = (record.epoch, record.version, record.now_ms, record.clock_ms, record.summary_ms)
    told = (
        record.brand,
        record.cid,
        record.previous,
        times,
        sorted(record.settings.items()),
        len(record.items),
        record.replaces,
    )
    check = isal_zlib.crc32(_encode(told))
    for item in record.items:
        said = (len(item.payload), item.fate, plain(item.reason), plain(item.path))
        check = isal_zlib.crc32(item.payload, isal_zlib.crc32(_encode(said), check))
    return check
