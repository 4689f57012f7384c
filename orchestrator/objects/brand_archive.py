"""One brand's part of an archive: records and bases in, and out again in the order of the chain.

Objects are runs: records of one day, each on the one before. What is found is foreign: what has no name of ours is
passed over and told (:attr:`BrandArchive.strange`), and what an object holds must be what its name says. Blocking; at
most one object is held at a time, and of an object of lines one record is unpacked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from importlib import import_module
from typing import Final, TypeVar

from orchestrator.archive.record import Link, Record, folder_of, links, object_of, pack, unpack, utc_day
from orchestrator.archive.snapshot import Snapshot
from orchestrator.archive.snapshot import decode as decode_snapshot
from orchestrator.archive.snapshot import encode as encode_snapshot
from orchestrator.errors import ArchiveError
from orchestrator.objects.names import (
    BASES,
    DAY,
    NDJSON,
    REBUILT,
    BaseRef,
    ObjectRef,
    base_name,
    base_ref,
    day_of,
    object_ref,
)
from orchestrator.objects.objects import Objects
from orchestrator.objects.place import Entry
from orchestrator.objects.way import Way, find_way

_MAX_STRANGE: Final = 1_000
_T = TypeVar("_T", Link, Record)


@dataclass(slots=True)
class BrandArchive:
    """What *objects* have of *brand*.

    Attributes:
        objects: of the archive.
        brand: whose.
        strange: what was found in the brand's folder and is none of an archive's, the first thousand.
    """

    objects: Objects
    brand: str
    strange: list[Entry] = field(default_factory=list)

    def put(self, records: Iterable[Record]) -> list[str]:
        """Put *records*, in the order of commits, as one object for each run of them; returns the names.

        Twice is no harm: the same records have the same names. Where it fails, some of the objects may be there.

        Raises:
            ArchiveUnavailableError: try again.
            ArchiveError: refused, or a record is another brand's.
        """
        names: list[str] = []
        for run in runs(records):
            if run[0].brand != self.brand:
                raise ArchiveError(f"a record of {run[0].brand!r} is none of {self.brand!r}")
            name = object_of(run[0], run[-1])
            if object_ref(Entry(name, 0)) is None:
                raise ArchiveError(f"no object can be named by commit {run[0].cid!r}: {name!r}")
            self.objects.put(name, pack(run))
            names.append(name)
        return names

    def put_base(self, snapshot: Snapshot) -> str:
        """Put *snapshot* as a base; returns its name. Raises as :meth:`put`."""
        if snapshot.brand != self.brand:
            raise ArchiveError(f"a state of {snapshot.brand!r} is none of {self.brand!r}")
        name = base_name(snapshot)
        self.objects.put(name, encode_snapshot(snapshot))
        return name

    def bases(self) -> list[BaseRef]:
        """All bases, by epoch and version.

        Raises:
            ArchiveUnavailableError: try again.
            ArchiveError: refused, or there is no such archive.
        """
        found: list[BaseRef] = []
        for entry in self.objects.list(f"{self._folder}/{BASES}"):
            ref = base_ref(entry)
            if ref is None:
                self._pass_over(entry)
            else:
                found.append(ref)
        return found

    def base(self, ref: BaseRef) -> Snapshot:
        """The state that a base holds.

        Raises:
            ObjectMissingError: it was taken away meanwhile.
            ArchiveUnavailableError: try again.
            ArchiveError: damaged, or not the state that its name says.
        """
        data = self.objects.get(ref.name)
        try:
            snapshot = decode_snapshot(data)
        except ArchiveError as error:
            raise ArchiveError(f"{ref.name!r}: {error}") from None
        told = (snapshot.brand, snapshot.epoch, snapshot.version, snapshot.cid)
        if told != (self.brand, ref.epoch, ref.version, ref.cid):
            raise ArchiveError(f"{ref.name!r} holds another state than its name says: {told}")
        return snapshot

    def days(self) -> list[str]:
        """The days with objects of records, like ``2026-11-28``, oldest first; raises as :meth:`bases`."""
        found = []
        for folder in self.objects.folders(self._folder):
            if day := day_of(folder):
                found.append(day)
            elif folder not in {BASES, REBUILT}:
                self._pass_over(Entry(f"{self._folder}/{folder}", 0, "it is no folder of an archive"))
        return found

    def day(self, day: str) -> list[ObjectRef]:
        """The objects of *day*, by epoch and version of their first records; raises as :meth:`bases`."""
        found: list[ObjectRef] = []
        for entry in self.objects.list(f"{self._folder}/{DAY}{day}"):
            ref = object_ref(entry)
            if ref is None:
                self._pass_over(entry)
            else:
                found.append(ref)
        return found

    def by_day(self) -> Iterator[tuple[str, list[ObjectRef]]]:
        """All days with their objects, oldest first, by one listing of the brand: a bucket asks money for each.

        Raises as :meth:`bases`.
        """
        found: list[ObjectRef] = []
        for entry in self.objects.list(self._folder):
            ref = object_ref(entry)
            if ref is None:
                continue
            if found and found[-1].day != ref.day:
                yield found[0].day, found
                found = []
            found.append(ref)
        if found:
            yield found[0].day, found

    def records(self, ref: ObjectRef) -> Iterator[Record]:
        """The records of an object, one after the other.

        Raises:
            ObjectMissingError: compaction or retention took it away meanwhile: look anew.
            ArchiveUnavailableError: try again.
            ArchiveError: damaged, of a newer format, or not the records that its name says.
        """
        data = self.objects.get(ref.name)
        return _as_named(ref, _decoded(ref, data, self.brand))

    def links(self, ref: ObjectRef) -> Iterator[Link]:
        """Of each record of an object what it says of its place, much quicker; raises as :meth:`records`."""
        data = self.objects.get(ref.name)
        if ref.form == NDJSON:
            return _as_named(ref, links(data, self.brand))
        return (
            Link(one.cid, one.previous, one.epoch, one.version, one.now_ms, len(one.items), one.replaces)
            for one in _as_named(ref, _decoded(ref, data, self.brand))
        )

    def way_to(self, cid: str, *, since: BaseRef | None = None, oldest: bool = False, at_ms: int | None = None) -> Way:
        """How the state of commit *cid* came about: a base, and the records from there to it.

        Args:
            cid: a commit on which the brand's state stands, as ``meta`` names it.
            since: the base to begin at. None: the nearest.
            oldest: begin as far back as the archive leads: at the brand's first commit, or at the oldest base.
            at_ms: not to *cid*, but to the last commit before it that was folded no later than this, Unix ms.

        Raises:
            ArchiveUnavailableError: try again.
            ArchiveError: a record is missing, they go in a circle, or the base is not on the way.
        """
        return find_way(self, cid, since=since, oldest=oldest, at_ms=at_ms)

    def _pass_over(self, entry: Entry) -> None:
        told = entry._replace(odd=entry.odd or "its name is none that an archive gives")
        if len(self.strange) < _MAX_STRANGE and told not in self.strange:
            self.strange.append(told)

    @property
    def _folder(self) -> str:
        return folder_of(self.brand)


def runs(records: Iterable[Record]) -> Iterator[list[Record]]:
    """*records* cut into runs: each record of one stands on the one before, and all are of one day.

    A commit that put another state in place of the one before begins one: no refold goes through it.
    """
    run: list[Record] = []
    for record in records:
        if run and (
            record.previous != run[-1].cid or record.replaces or utc_day(record.now_ms) != utc_day(run[-1].now_ms)
        ):
            yield run
            run = []
        run.append(record)
    if run:
        yield run


def _decoded(ref: ObjectRef, data: bytes, brand: str) -> Iterator[Record]:
    if ref.form == NDJSON:
        return unpack(data, brand)
    # Only where there is one: pyarrow takes a second to import.
    decoded: Iterator[Record] = import_module("orchestrator.objects.parquet").decode(data, brand)
    return decoded


def _as_named(ref: ObjectRef, found: Iterator[_T]) -> Iterator[_T]:
    """*found*, which must be the run that its name says."""
    last, version = ref.previous, ref.version
    try:
        for one in found:
            _must_be(one, last, version)
            last, version = one.cid, version + 1
            yield one
    except ArchiveError as error:
        raise ArchiveError(f"{ref.name!r}: {error}") from None
    if last != ref.last:
        raise ArchiveError(f"{ref.name!r} ends with commit {last!r}")


def _must_be(one: Link | Record, last: str, version: int) -> None:
    if (one.previous, one.version) != (last, version):
        raise ArchiveError(
            f"commit {one.cid!r}, version {one.version}, stands on {one.previous!r}: there belongs version {version}"
            f" on {last!r}"
        )
