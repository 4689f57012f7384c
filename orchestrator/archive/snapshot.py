"""A brand's state as one file: what its last commit left, to be kept, compared, and put back.

Owns the format: a line that says what it is, then gzip around msgpack. The file holds the key of the brand's mention
ids and pieces of what people wrote, so it is as private as the Redis that it comes from. What is read is foreign:
bounded, typed, and checked down to the seal of every field before anything is done with it.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import msgspec
from msgspec import UNSET, Struct, UnsetType

from orchestrator.brand.outputs import FoldConfig
from orchestrator.brand.seals import SEAL_BYTES, is_sealed, seal_all
from orchestrator.brand.segments import in_order
from orchestrator.brand.state import BrandState
from orchestrator.contract.brands import check_brand
from orchestrator.contract.fingerprint import Fingerprint
from orchestrator.contract.insights import MAX_RECENT
from orchestrator.contract.segments import MENTION_IDS, STORIES
from orchestrator.contract.state_format import FORMATS
from orchestrator.errors import ArchiveError, InvalidBrandError, OrchestratorError
from orchestrator.lane.duplicates import Ledger
from orchestrator.store.types import Commit, Lease, Remember, Stored, StoredDigests

VERSION: Final = 1
"""Of the file."""

MAX_BYTES: Final = 1 << 30
"""Of a file, unpacked."""

SEGMENTS: Final = (STORIES, MENTION_IDS)
"""Prefixes of fields that are segments."""

_MAGIC: Final = b"orchestrator state "
_MAX_LINE: Final = 40
_LEVEL: Final = 6
_GZIP: Final = 31


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What the last commit of a brand left.

    Attributes:
        brand: whose.
        cid: id of that commit, empty if there was none.
        epoch: of its lease.
        version: commits so far.
        format: of the state; 0 for none.
        settings: those that the state was folded with, as they stand in ``meta``.
        taken_ms: when it was read, Unix ms of Redis.
        stored: fields of the state and digests of chunks.
        trend: the fields that readers see, of which days before the last eight are nowhere else.
        recent: the newest chunks, oldest first, which are nowhere else.
        earlier: of a state that a rebuild folded, the same fold a window before, with trend and recent chunks left out
            and, as the brand's own in its settings, what counted instead of those of the records. From there on the
            chunks behind a number are found, which the live records would lead to other stories.
    """

    brand: str
    cid: str
    epoch: int
    version: int
    format: int
    settings: bytes
    taken_ms: int
    stored: Stored
    trend: Mapping[bytes, bytes]
    recent: Sequence[bytes]
    earlier: Snapshot | None = None


class _File(Struct, rename="camel"):
    brand: str
    cid: str
    epoch: int
    version: int
    format: int
    settings: bytes
    taken_ms: int
    fields: dict[bytes, bytes]
    younger: bytes
    older: bytes
    begun_ms: int
    younger_check: int | None
    older_check: int | None
    conflicts: int
    trend: dict[bytes, bytes]
    recent: list[bytes]
    earlier: _File | UnsetType = UNSET


_decoder = msgspec.msgpack.Decoder(_File)


def encode(snapshot: Snapshot) -> bytes:
    """*snapshot* as a file.

    Raises:
        ArchiveError: its digests lie as a version before format 5 left them; the brand's next commit writes them anew.
    """
    told = _file(snapshot)
    if snapshot.earlier is not None:
        told.earlier = _file(snapshot.earlier)
    packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP)
    packed = packer.compress(msgspec.msgpack.encode(told)) + packer.flush()
    return b"%s%d\n%s" % (_MAGIC, VERSION, packed)


def _file(snapshot: Snapshot) -> _File:
    digests = snapshot.stored.digests
    if digests.younger_set or digests.older_set:
        raise ArchiveError(
            f"brand {snapshot.brand!r}: its digests are of a version before format 5. Let an orchestrator commit first"
        )
    return _File(
        brand=snapshot.brand,
        cid=snapshot.cid,
        epoch=snapshot.epoch,
        version=snapshot.version,
        format=snapshot.format,
        settings=snapshot.settings,
        taken_ms=snapshot.taken_ms,
        fields=snapshot.stored.fields,
        younger=digests.younger,
        older=digests.older,
        begun_ms=digests.begun_ms,
        younger_check=digests.younger_check,
        older_check=digests.older_check,
        conflicts=digests.conflicts,
        trend=dict(snapshot.trend),
        recent=list(snapshot.recent),
    )


def decode(data: bytes) -> Snapshot:
    """The snapshot that a file holds.

    Raises:
        ArchiveError: it is none, of a newer version, or damaged.
    """
    line, found, packed = data[:_MAX_LINE].partition(b"\n")
    number = line.removeprefix(_MAGIC)
    if not found or number == line or not number.isdigit():
        raise ArchiveError("this is no state that `orchestrator state export` wrote")
    if int(number) != VERSION:
        raise ArchiveError(f"this state is in version {int(number)} of the format, this program knows {VERSION}")
    try:
        file = _decoder.decode(_unpacked(packed + data[_MAX_LINE:]))
        check_brand(file.brand)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, InvalidBrandError) as error:
        raise ArchiveError(f"the file of the state is damaged: {error}") from None
    found_earlier = file.earlier
    earlier = None if isinstance(found_earlier, UnsetType) else _snapshot(found_earlier)
    if earlier is not None and earlier.brand != file.brand:
        raise ArchiveError(f"the file of the state is damaged: it holds one of {earlier.brand!r} as well")
    return replace(_snapshot(file), earlier=earlier)


def _snapshot(file: _File) -> Snapshot:
    if min(file.epoch, file.version, file.format, file.taken_ms, file.begun_ms, file.conflicts) < 0:
        raise ArchiveError("the file of the state is damaged: a number is below 0")
    digests = StoredDigests(
        file.younger, file.older, file.begun_ms, file.younger_check, file.older_check, conflicts=file.conflicts
    )
    return Snapshot(
        brand=file.brand,
        cid=file.cid,
        epoch=file.epoch,
        version=file.version,
        format=file.format,
        settings=file.settings,
        taken_ms=file.taken_ms,
        stored=Stored(file.fields, digests),
        trend=file.trend,
        recent=file.recent,
    )


def folded_with(snapshot: Snapshot, config: FoldConfig) -> FoldConfig:
    """*config* with what the brand of *snapshot* has of its own; what cannot be read says nothing."""
    try:
        return config.under(Fingerprint.read(snapshot.settings).own) if snapshot.settings else config
    except ValueError:
        return config


def opened(snapshot: Snapshot, config: FoldConfig) -> tuple[BrandState, Ledger]:
    """State and ledger that *snapshot* holds, each field's seal and the digests' checksums compared.

    Raises:
        ArchiveError: they are not what a commit left.
        NewerStateError, OldStateError: this version does not read the state's format.
    """
    try:
        ledger = Ledger(snapshot.stored.digests)
    except OrchestratorError as error:
        raise ArchiveError(f"the state of brand {snapshot.brand!r} is damaged: {error}") from None
    return BrandState.load(config, snapshot.stored.fields), ledger


def left_by(commit: Commit, lease: Lease, settings: bytes, before: Snapshot) -> Snapshot:
    """What *commit*, for which nothing is folded, leaves under *lease* where *before* was, with *settings* in ``meta``.

    As ``commit.lua`` does it: fields are written and then removed, days removed and then written.
    """
    gone, days_gone, stored = set(commit.remove), set(commit.trend_remove), before.stored
    fields = {name: value for name, value in (stored.fields | dict(commit.put)).items() if name not in gone}
    trend = {name: value for name, value in before.trend.items() if name not in days_gone} | dict(commit.trend_put)
    digests, change = stored.digests, commit.digests
    if change is not None:
        if change.how is not Remember.REPLACE:
            raise ValueError("a commit for which nothing is folded writes all digests, or none")
        checks = change.younger_check, change.older_check
        conflicts = change.conflicts or digests.conflicts
        digests = StoredDigests(change.entries, change.older, change.begun_ms, *checks, conflicts=conflicts)
    return Snapshot(
        brand=before.brand,
        cid=commit.cid,
        epoch=lease.epoch,
        version=commit.version,
        format=FORMATS.written,
        settings=settings,
        taken_ms=lease.now_ms,
        stored=Stored(fields, digests),
        trend=trend,
        recent=[*before.recent, *commit.recent][-MAX_RECENT:],
        earlier=before.earlier,
    )


def numbered(fields: Mapping[bytes, bytes], first: Mapping[bytes, int]) -> dict[bytes, bytes]:
    """*fields* with the segments of each kind in *first* numbered from there on; their order is what counts.

    A commit writes each segment once and removes it once (:mod:`orchestrator.contract.segments`). So the segments of a
    state that takes another one's place must not have the names of those that go.

    Raises:
        InvalidStateError: a segment is missing among them, or has no number.
    """
    found = dict(fields)
    for prefix, start in first.items():
        mine = in_order(list(fields), prefix)
        values = [(name, found.pop(name)) for _, name in mine]
        for number, (name, value) in enumerate(values, start):
            renamed = {b"%b%d" % (prefix, number): value}
            if is_sealed(name, value):  # those of before format 4 are not
                renamed = dict.fromkeys(renamed, value[:-SEAL_BYTES])
                seal_all(renamed)
            found.update(renamed)
    return found


def after(fields: Iterable[bytes]) -> dict[bytes, int]:
    """The first numbers that no segment among the names of *fields* has, for :func:`numbered`."""
    numbers = dict.fromkeys(SEGMENTS, -1)
    for name in fields:
        number = name[2:]
        if name[:2] in numbers and number.isdigit():
            numbers[name[:2]] = max(numbers[name[:2]], int(number))
    return {prefix: number + 1 for prefix, number in numbers.items()}


def _unpacked(packed: bytes) -> bytes:
    unpacker = zlib.decompressobj(_GZIP)
    try:
        data = unpacker.decompress(packed, MAX_BYTES)
    except zlib.error as error:
        raise ArchiveError(f"the file of the state is damaged: {error}") from None
    if unpacker.unconsumed_tail:
        raise ArchiveError(f"the file of the state has more than {MAX_BYTES} bytes when unpacked")
    if not unpacker.eof or unpacker.unused_data:
        raise ArchiveError("the file of the state is cut off, or something follows it")
    return data
