"""Closed days of a brand: many small objects become a Parquet file for each run of commits.

Owns what may be removed, and when. A file is put once it was read again and says what the objects say; these go once it
lies in the archive as it was put. So whoever is killed, at whatever step, has lost nothing: what is there twice goes
the next time, and readers follow the chain, in which each commit is once.

Two at once do no harm, whatever the one sees of the other: an object goes only because its records are in a *larger*
one (a Parquet file rather than lines; of two files the one with more records), and the largest one never goes. Before a
file is put the day is looked at again, behind the caller's fence: where others were at work meanwhile, or a purge,
nothing is put, and the day is begun anew.

Blocking. Memory: a file, packed, and a row group of it. Source: ``docs/decisions/0101-closed-days-as-parquet.md``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Final

from orchestrator.archive.record import Record
from orchestrator.archive.record import encode as encode_record
from orchestrator.errors import ArchiveError, ArchiveUnavailableError, ObjectMissingError
from orchestrator.objects.brand_archive import BrandArchive
from orchestrator.objects.names import NDJSON, PARQUET, ObjectRef
from orchestrator.objects.parquet import Packer, decode

PART_BYTES: Final = 128 << 20
"""Of payloads in a file: after so many it ends, and the day has another one."""

PART_ROWS: Final = 1_000_000

_ATTEMPTS: Final = 3
_DIGEST_BYTES: Final = 16

Fence = Callable[[], AbstractContextManager[bool]]
"""What is held while a file is put, so that no purge comes between; False: somebody else works on the brand."""


@dataclass(frozen=True, slots=True)
class Planned:
    """What a day has that could become Parquet.

    Attributes:
        day: UTC.
        objects: small ones, and files whose records another one has too.
        size: their bytes.
    """

    day: str
    objects: int
    size: int


@dataclass(slots=True)
class Compacted:
    """What became of a day.

    Attributes:
        day: UTC.
        records: in the files that were put.
        files: names of these.
        size: their bytes.
        removed: objects that went.
        removed_size: their bytes.
        left: what stays as it is, each with the reason.
    """

    day: str
    records: int = 0
    files: list[str] = field(default_factory=list)
    size: int = 0
    removed: int = 0
    removed_size: int = 0
    left: list[str] = field(default_factory=list)


class _ChangedError(Exception):
    """Raised when the day is not what it was: somebody else is at work there."""


@dataclass(slots=True)
class _File:
    """A file before it is put.

    Attributes:
        name: in the archive.
        data: all of it.
        sources: what is in it.
        records: how many.
    """

    name: str
    data: bytes
    sources: Sequence[ObjectRef]
    records: int


def plan_day(day: str, refs: Sequence[ObjectRef]) -> Planned | None:
    """What could become Parquet of *day*, by the names of its objects; None: nothing."""
    found = [ref for ref in refs if ref.form == NDJSON]
    found += [ref for same in _same_beginning(refs) for ref in same[1:]]
    return Planned(day, len(found), sum(ref.size for ref in found)) if found else None


def compact_day(archive: BrandArchive, day: str, *, fence: Fence = lambda: nullcontext(enter_result=True)) -> Compacted:
    """Make Parquet of the small objects of *day*, and remove what is there twice.

    Args:
        archive: of the brand.
        day: a closed one; what still comes there becomes a file of its own the next time.
        fence: held while a file is put.

    Raises:
        ArchiveUnavailableError: try again; nothing is lost.
        ArchiveError: refused, pyarrow is missing, or the archive does not give back what was put.
    """
    done = Compacted(day)
    for _ in range(_ATTEMPTS):
        done.left.clear()
        try:
            _Day(archive, done, fence).compact()
        except (_ChangedError, ObjectMissingError):
            continue
        return done
    done.left.append(f"day {day}: others are at work there")
    return done


def paths(refs: Iterable[ObjectRef]) -> Iterator[list[ObjectRef]]:
    """*Refs* as runs: each begins at the commit with which the one before it ends; of two that could, the first."""
    left = sorted(refs, key=lambda ref: (ref.epoch, ref.version, ref.name))
    following: dict[str, list[ObjectRef]] = {}
    for ref in left:
        following.setdefault(ref.previous, []).append(ref)
    used = set[str]()
    for begin in left:  # what stands before it has an earlier version
        path: list[ObjectRef] = []
        step = begin if begin.name not in used else None
        while step is not None:
            used.add(step.name)
            path.append(step)
            step = next((one for one in following.get(step.last, ()) if one.name not in used), None)
        if path:
            yield path


class _Day:
    """A day as it was when it was looked at, and what was done there since."""

    def __init__(self, archive: BrandArchive, done: Compacted, fence: Fence) -> None:
        self._archive = archive
        self._done = done
        self._fence = fence
        self._refs = {ref.name: ref for ref in archive.day(done.day)}

    def compact(self) -> None:
        """All of it; raises as :func:`compact_day`, and _ChangedError."""
        small = [ref for ref in self._refs.values() if ref.form == NDJSON]
        files = [ref for ref in self._refs.values() if ref.form == PARQUET]
        if small and files:
            known = set[bytes]()
            for ref in files:
                known |= self._digests(ref) or set()
            small = [ref for ref in small if not self._is_known(ref, known)]
        for path in paths(small):
            self._compact_path(path)
        for same in _same_beginning(self._refs.values()):
            self._drop_doubles(same)

    def _is_known(self, ref: ObjectRef, known: set[bytes]) -> bool:
        """Whether all that *ref* says is in files that were read; then it goes."""
        found = self._digests(ref)
        if found is None or not found <= known:
            return False
        self._remove([ref])
        return True

    def _compact_path(self, path: Sequence[ObjectRef]) -> None:
        """Objects of which each begins where the one before it ends."""
        while path:
            packing = _Packing(self._archive)
            for ref in path:
                try:
                    if not packing.take(ref):
                        break
                except (ArchiveUnavailableError, ObjectMissingError):
                    raise
                except ArchiveError as error:
                    self._leave(error)
                    # Half of it is packed: once more, up to it, and then behind it.
                    at = path.index(ref)
                    self._compact_path(path[:at])
                    packing, path = _Packing(self._archive), path[at + 1 :]
                    break
            if packing.sources:
                self._put(packing.finish())
                path = path[len(packing.sources) :]

    def _put(self, file: _File) -> None:
        """Have *file* there, then none of what is in it."""
        with self._fence() as held:
            if not held:
                self._done.left.append(f"{file.name!r}: not put, since somebody else works on the brand")
                return
            if {ref.name for ref in self._archive.day(self._done.day)} != self._refs.keys():
                raise _ChangedError
            self._archive.objects.put(file.name, file.data)
        if self._archive.objects.get(file.name) != file.data:
            raise ArchiveError(f"{file.name!r} is not what was put there; what it was made of stays")
        (ref,) = [one for one in self._archive.day(self._done.day) if one.name == file.name]
        self._refs[ref.name] = ref
        self._done.files.append(file.name)
        self._done.size += len(file.data)
        self._done.records += file.records
        self._remove(file.sources)

    def _drop_doubles(self, same: Sequence[ObjectRef]) -> None:
        """Of files that begin with the same commit those go whose records are all in a larger one."""
        digests = {ref.name: self._digests(ref) for ref in same}
        larger: list[set[bytes]] = []
        for ref in sorted(same, key=lambda ref: len(digests[ref.name] or ()), reverse=True):
            mine = digests[ref.name]
            if mine is None:
                continue
            if any(mine < other for other in larger):
                self._remove([ref])
            else:
                larger.append(mine)

    def _digests(self, ref: ObjectRef) -> set[bytes] | None:
        """Of each record of *ref* what it says; None where it cannot be read, which is told."""
        try:
            return {_digest(record) for record in self._archive.records(ref)}
        except (ArchiveUnavailableError, ObjectMissingError):
            raise
        except ArchiveError as error:
            self._leave(error)
            return None

    def _leave(self, error: ArchiveError) -> None:
        if str(error) not in self._done.left:
            self._done.left.append(str(error))

    def _remove(self, refs: Sequence[ObjectRef]) -> None:
        self._archive.objects.remove([ref.name for ref in refs])
        for ref in refs:
            del self._refs[ref.name]
            self._done.removed += 1
            self._done.removed_size += ref.size


class _Packing:
    """A file that is being made."""

    def __init__(self, archive: BrandArchive) -> None:
        self._archive = archive
        self._packer = Packer(archive.brand)
        self._all = hashlib.blake2b()
        self._rows = self._records = 0
        self.sources: list[ObjectRef] = []

    def take(self, ref: ObjectRef) -> bool:
        """Take the records of *ref* in, if there is room; False: this file ends before it.

        Raises:
            ArchiveError: it cannot be read; the file is of no use any more.
        """
        if self._packer.unpacked >= PART_BYTES or self._rows >= PART_ROWS:
            return False
        for number, record in enumerate(self._archive.records(ref)):
            if not number and self.sources and record.replaces:
                return False  # no refold goes through it: a run begins with it
            self._packer.add(record)
            self._all.update(_digest(record))
            self._rows += max(1, len(record.items))
            self._records += 1
        self.sources.append(ref)
        return True

    def finish(self) -> _File:
        """The file, which was read again and says what the objects say.

        Raises:
            ArchiveError: it does not.
        """
        data, found = self._packer.finish(), hashlib.blake2b()
        for record in decode(data, self._archive.brand):
            found.update(_digest(record))
        first, last = self.sources[0], self.sources[-1]
        if found.digest() != self._all.digest():
            raise ArchiveError(f"the records from {first.name!r} to {last.name!r} do not come out as they went in")
        folder = first.name.rpartition("/")[0]
        name = f"{folder}/{first.epoch:016d}-{first.version:012d}-{first.previous}-{last.last}{PARQUET}"
        return _File(name, data, self.sources, self._records)


def _digest(record: Record) -> bytes:
    return hashlib.blake2b(encode_record(record), digest_size=_DIGEST_BYTES).digest()


def _same_beginning(refs: Iterable[ObjectRef]) -> list[list[ObjectRef]]:
    """Files that begin with the same commit, where there are several."""
    same: dict[tuple[int, int, str], list[ObjectRef]] = {}
    for ref in refs:
        if ref.form == PARQUET:
            same.setdefault((ref.epoch, ref.version, ref.previous), []).append(ref)
    return [found for found in same.values() if len(found) > 1]
