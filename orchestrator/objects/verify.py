"""Whether an archive has all of a brand: each object whole, the chain without a gap, each commit on it once.

Everything is read, one object at a time. The chain is followed from the live state's commit back: first through what
still waits in Redis, then from object to object by names, each of which was compared with what is in it. What is not on
the chain is told apart: what Redis forgot in a failover, and what other objects say, too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from orchestrator.archive.record import Record
from orchestrator.errors import ArchiveError, ArchiveUnavailableError, ObjectMissingError
from orchestrator.objects.brand_archive import BrandArchive
from orchestrator.objects.names import BaseRef, ObjectRef
from orchestrator.objects.survey import Survey
from orchestrator.objects.way import Names

_ATTEMPTS: Final = 3


class Kind(StrEnum):
    """What is found; the first ones are no fault."""

    DEAD = "dead branch"
    AGAIN = "said again"
    STRANGE = "strange"
    GAP = "gap"
    NO_BASE = "no base"
    DAMAGED = "damaged"
    NO_STATE = "no state"

    @property
    def fault(self) -> bool:
        """Whether something cannot be read or made again."""
        return self in {Kind.GAP, Kind.NO_BASE, Kind.DAMAGED, Kind.NO_STATE}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that somebody may want to know of an archive.

    Attributes:
        kind: of it.
        where: the object, or the commit.
        told: in a sentence.
    """

    kind: Kind
    where: str
    told: str


@dataclass(slots=True)
class Verified:
    """What an archive has of a brand.

    Attributes:
        brand: whose.
        cid: the live state's last commit; empty: Redis has no state.
        version: its number.
        waiting: commits that wait in Redis for the archive.
        objects: that were read whole.
        bytes: of these and of bases.
        bases: that were read whole.
        records: on the chain.
        items: in them.
        fates: of these items.
        begins: where the chain begins: a base's commit; empty: at the brand's first commit.
        findings: what is not as it should be, or worth a word.
    """

    brand: str
    cid: str
    version: int
    waiting: int = 0
    objects: int = 0
    bytes: int = 0
    bases: int = 0
    records: int = 0
    items: int = 0
    fates: Counter[str] = field(default_factory=Counter)
    begins: str = ""
    findings: list[Finding] = field(default_factory=list)

    @property
    def sound(self) -> bool:
        """Whether all that led to the live state is there, whole, from a place on from which it can be made again."""
        return not any(finding.kind.fault for finding in self.findings)


@dataclass(slots=True)
class _Read:
    """What was read: whether whole, how many records and items, their fates, and which put another state in place."""

    sound: bool
    records: int = 0
    items: int = 0
    fates: Counter[str] = field(default_factory=Counter)
    replaced: list[str] = field(default_factory=list)

    def add(self, record: Record) -> None:
        """Count a record."""
        self.records += 1
        self.items += len(record.items)
        self.fates.update(item.fate.value for item in record.items)
        if record.replaces:
            self.replaced.append(record.cid)


def verify_brand(
    archive: BrandArchive,
    cid: str,
    version: int,
    waiting: Iterable[Record] = (),
    *,
    told: Callable[[int], object] = int,
) -> Verified:
    """Read all that there is of a brand.

    Args:
        archive: of the brand.
        cid: its live state's last commit; read before *waiting* is, and that before this. Empty: Redis has none.
        version: its number.
        waiting: what waits in Redis.
        told: is given the bytes of each object that was read.

    Raises:
        ArchiveUnavailableError: no answer.
        ArchiveError: the archive as a whole cannot be read.
    """
    waiting = list(waiting)
    for attempt in range(_ATTEMPTS):
        found = Verified(archive.brand, cid, version)
        check = _Check(archive, found, told, patient=attempt < _ATTEMPTS - 1)
        try:
            check.read()
            if cid:
                check.follow(check.through(waiting))
                check.beside()
            else:
                check.without_state(waiting)
        except ObjectMissingError as error:  # compaction put it into another one, or retention took it away: look anew
            if check.patient:
                continue
            told_last = f"objects are taken away all the time: verify again ({error})"
            found.findings.append(Finding(Kind.DAMAGED, archive.brand, told_last))
        break
    found.findings += [Finding(Kind.STRANGE, entry.name, f"{entry.odd}: passed over") for entry in archive.strange]
    return found


def verify_nameless(survey: Survey) -> Verified:
    """What is told of a folder of which nobody can tell whose it is: nothing of it can be followed."""
    found = Verified(survey.name, "", 0, bytes=survey.bytes)
    kind = Kind.DAMAGED if survey.objects or survey.bases else Kind.STRANGE
    told = f"whose its {survey.objects} objects and {survey.bases} bases are cannot be read from them"
    found.findings.append(Finding(kind, survey.name, told))
    return found


@dataclass(slots=True)
class _Check:
    archive: BrandArchive
    found: Verified
    told: Callable[[int], object]
    patient: bool
    refs: dict[str, ObjectRef] = field(default_factory=dict)
    read_: dict[str, _Read] = field(default_factory=dict)
    bases: dict[str, BaseRef] = field(default_factory=dict)
    used: dict[str, int] = field(default_factory=dict)

    def read(self) -> None:
        """Each base and object, as a whole."""
        for base in self.archive.bases():
            if self._tried(base.name, lambda base=base: self.archive.base(base)):  # type: ignore[misc]
                self.bases[base.cid] = base
                self.found.bases += 1
            self._count(base.size)
        for day in self.archive.days():
            for ref in self.archive.day(day):
                self.refs[ref.name] = ref
                one = self.read_[ref.name] = _Read(sound=True)
                one.sound = self._tried(ref.name, lambda ref=ref, one=one: self._records(ref, one))  # type: ignore[misc]
                self.found.objects += one.sound
                self._count(ref.size)

    def through(self, waiting: Iterable[Record]) -> tuple[str, int]:
        """The commit up to which the archive must have everything, and its number; counts what waits."""
        by_cid = {record.cid: record for record in waiting}
        cid, version, tail = self.found.cid, self.found.version, _Read(sound=True)
        while cid in by_cid:
            record = by_cid.pop(cid)
            self.found.waiting += 1
            tail.add(record)
            cid, version = record.previous, record.version - 1
        self._add(tail)
        return cid, version

    def follow(self, end: tuple[str, int]) -> None:
        """The chain, as far back as there is something."""
        want, version = end
        names = Names.of(self.archive, self.refs.values())
        while want:
            ref = names.ending_with(want) or self._around(want, version)
            if ref is None or ref.name in self.used:
                after = self._gap(want, version)
                if after is None:
                    return
                want, version = after.last, version - 1
                continue
            one = self.read_[ref.name]
            upto = one.records if want == ref.last else version - ref.version + 1
            if one.sound and ref.version + upto - 1 != version:
                told = f"commit {want!r} should be version {version}, and is {ref.version + upto - 1}"
                self._find(Kind.GAP, ref.name, told)
            self.used[ref.name] = upto
            self._take(ref, one, upto)
            want, version = ref.previous, ref.version - 1

    def without_state(self, waiting: Sequence[Record]) -> None:
        """Nothing leads anywhere: whether this is everything nobody can tell."""
        if self.read_ or self.found.bases or waiting:
            told = (
                "this Redis has no state of it, so what is here belongs to nothing alive: it was purged there, or lost,"
                " or this is another Redis"
            )
            self._find(Kind.NO_STATE, self.archive.brand, told)

    def beside(self) -> None:
        """What is not on the chain: forgotten, or said again."""
        for name, ref in self.refs.items():
            if name in self.used or not self.read_[name].sound:
                continue
            cids = {link.cid for link in self.archive.links(ref)}
            beside = [
                other
                for other in map(self.refs.__getitem__, self.used)
                if other.version < ref.version + self.read_[name].records
                and other.version + self.read_[other.name].records > ref.version
            ]
            for other in beside:
                if self.read_[other.name].sound:
                    cids -= {link.cid for link in self.archive.links(other)}
            if cids:
                told = (
                    f"Redis forgot {len(cids)} of its {self.read_[name].records} commits, the last of them {ref.last!r}"
                )
                self._find(Kind.DEAD, name, told)
            else:
                self._find(Kind.AGAIN, name, "all of its commits are in other objects")

    def _around(self, want: str, version: int) -> ObjectRef | None:
        """The object in whose middle commit *want* lies; of one that is damaged nobody knows."""
        for ref in self.refs.values():
            one = self.read_[ref.name]
            inside = one.sound and ref.version <= version < ref.version + one.records
            if inside and any(link.cid == want for link in self.archive.links(ref)):
                return ref
        return None

    def _gap(self, want: str, version: int) -> ObjectRef | None:
        """Nothing is there of commit *want*; returns where the chain goes on behind it, None: nowhere."""
        base = self.bases.get(want)
        rest = [ref for ref in self.refs.values() if ref.name not in self.used and ref.version <= version]
        # Of two that begin alike the one that can be read.
        before = max(rest, key=lambda ref: (ref.epoch, ref.version, self.read_[ref.name].sound), default=None)
        if not self.found.begins and base is not None:
            self.found.begins = want
        if base is None and before is None and not self.found.begins:
            # Retention ends inside a day: what stands before its base there is of no use, and no harm.
            self.found.begins = self._base_behind(version)
        if base is None and not self.found.begins:
            told = f"the state cannot be made again from before commit {want!r}, version {version}: there is no base"
            self._find(Kind.NO_BASE, want, told)
        if before is not None:
            behind = "; a base stands behind it" if base else ""
            told = f"no record of commit {want!r}, version {version}, and before it, down to {before.last!r}{behind}"
            self._find(Kind.GAP, want, told)
        return before

    def _base_behind(self, version: int) -> str:
        """The commit of the oldest base on the way that was gone, behind *version*; empty: there is none."""
        for base in sorted(self.bases.values(), key=lambda base: base.version):
            for name, upto in self.used.items():
                ref = self.refs[name]
                inside = version < base.version and ref.version <= base.version < ref.version + upto
                if inside and self.read_[name].sound and any(link.cid == base.cid for link in self.archive.links(ref)):
                    return base.cid
        return ""

    def _take(self, ref: ObjectRef, one: _Read, upto: int) -> None:
        part = one if upto == one.records else _Read(sound=True)
        if part is one or self._tried(ref.name, lambda: self._records(ref, part, upto)):
            self._add(part)

    def _add(self, part: _Read) -> None:
        """What is on the chain."""
        self.found.records += part.records
        self.found.items += part.items
        self.found.fates += part.fates
        for cid in part.replaced:
            if cid not in self.bases:
                told = f"commit {cid!r} put another state in place, of which there is no base: none goes on from it"
                self._find(Kind.NO_BASE, cid, told)

    def _records(self, ref: ObjectRef, one: _Read, most: int | None = None) -> None:
        for record in self.archive.records(ref):
            if one.records == most:
                return
            one.add(record)

    def _tried(self, name: str, call: Callable[[], object]) -> bool:
        try:
            call()
        except ArchiveUnavailableError:
            raise
        except ObjectMissingError:
            if self.patient:
                raise
            self._find(Kind.DAMAGED, name, "it was taken away while it was read: verify again")
        except ArchiveError as error:
            self._find(Kind.DAMAGED, name, str(error))
        else:
            return True
        return False

    def _count(self, size: int) -> None:
        self.found.bytes += size
        self.told(size)

    def _find(self, kind: Kind, where: str, told: str) -> None:
        self.found.findings.append(Finding(kind, where, told))


__all__ = ["Finding", "Kind", "Verified", "verify_brand", "verify_nameless"]
