"""What the names of a brand's objects say: their day, where they stand in the chain, and how they are written.

Owns the reading of names; objects of records are named by :func:`orchestrator.archive.record.object_of`. A name is
foreign: one that does not say all of it is none. Pure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import Final

from orchestrator.archive.record import folder_of
from orchestrator.archive.snapshot import Snapshot
from orchestrator.errors import ArchiveError
from orchestrator.objects.place import Entry

NDJSON: Final = ".ndjson.gz"
PARQUET: Final = ".parquet"
DAY: Final = "day="
BASES: Final = "bases"
REBUILT: Final = "rebuilt"
"""States on their way from workers of a rebuild; none of an archive's."""

_CID: Final = "[0-9A-Za-z]{1,64}"
_OBJECT: Final = re.compile(rf"(\d{{16}})-(\d{{12,16}})-({_CID})?-({_CID})(\.ndjson\.gz|\.parquet)", re.ASCII)
_BASE: Final = re.compile(rf"(\d{{16}})-(\d{{12,16}})-({_CID})\.state", re.ASCII)


@dataclass(frozen=True, slots=True)
class ObjectRef:
    """An object of records, each of which stands on the one before, all of one day.

    Attributes:
        name: in the archive.
        size: in bytes.
        day: UTC, like ``2026-11-28``.
        epoch: of the first record.
        version: of the first record.
        previous: the commit that the first record stands on; empty: none.
        last: id of the last record's commit.
        form: :data:`NDJSON` or :data:`PARQUET`.
    """

    name: str
    size: int
    day: str
    epoch: int
    version: int
    previous: str
    last: str
    form: str


@dataclass(frozen=True, slots=True)
class BaseRef:
    """A base: the state at one commit.

    Attributes:
        name: in the archive.
        size: in bytes.
        epoch: of the commit.
        version: of the commit.
        cid: its id.
    """

    name: str
    size: int
    epoch: int
    version: int
    cid: str


def object_ref(entry: Entry) -> ObjectRef | None:
    """What the name of *entry* says; None for one that is no object of records."""
    _, _, rest = entry.name.partition("/")
    folder, _, last = rest.partition("/")
    found, day = _OBJECT.fullmatch(last), day_of(folder)
    if entry.odd or found is None or not day:
        return None
    epoch, version, previous, cid, form = found.groups(default="")
    return ObjectRef(entry.name, entry.size, day, int(epoch), int(version), previous, cid, form)


def base_ref(entry: Entry) -> BaseRef | None:
    """What the name of *entry* says; None for one that is no base."""
    found = _BASE.fullmatch(entry.name.rpartition("/")[2])
    if entry.odd or found is None:
        return None
    return BaseRef(entry.name, entry.size, int(found[1]), int(found[2]), found[3])


def base_name(snapshot: Snapshot) -> str:
    """Where *snapshot* lies as a base.

    Raises:
        ArchiveError: it is of no commit.
    """
    name = f"{snapshot.epoch:016d}-{snapshot.version:012d}-{snapshot.cid}.state"
    if not _BASE.fullmatch(name):
        raise ArchiveError(f"the state of brand {snapshot.brand!r} is of no commit that could have a base: {name!r}")
    return f"{folder_of(snapshot.brand)}/{BASES}/{name}"


def day_of(folder: str) -> str:
    """The day that a folder ``day=2026-11-28`` is of; empty for another folder."""
    day = folder.removeprefix(DAY)
    try:
        return day if folder.startswith(DAY) and date.fromisoformat(day).isoformat() == day else ""
    except ValueError:
        return ""
