"""The way from a base to a commit, found from behind by the names of objects.

Each object is a run of records, and its name says which commit the first stands on and which one the last is. So names
are a chain, as records are, and a way is found without a look into objects, but for the two at its ends: a base, or the
commit that was asked for, may lie in the middle of a run. Days are listed from the newest back, as far as the way
leads: memory is that of the names of these days.

What a failover made Redis forget stands beside the way, as do objects that say again what others say.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from orchestrator.archive.record import Link, Record, utc_day
from orchestrator.archive.snapshot import Snapshot
from orchestrator.errors import ArchiveError
from orchestrator.objects.names import PARQUET, BaseRef, ObjectRef


class Reader(Protocol):
    """What finding a way wants of a brand's archive."""

    def bases(self) -> list[BaseRef]:
        """All bases, by epoch and version."""

    def base(self, ref: BaseRef) -> Snapshot:
        """The state that a base holds."""

    def days(self) -> list[str]:
        """The days with objects, oldest first."""

    def day(self, day: str) -> list[ObjectRef]:
        """The objects of a day."""

    def records(self, ref: ObjectRef) -> Iterator[Record]:
        """The records of an object."""

    def links(self, ref: ObjectRef) -> Iterator[Link]:
        """What its records say of their places."""


@dataclass(frozen=True, slots=True)
class Step:
    """A stretch of the way: of an object, the records behind commit *after* (empty: all) up to commit *upto*."""

    ref: ObjectRef
    after: str
    upto: str


@dataclass(frozen=True, slots=True)
class Way:
    """How a state came about.

    Attributes:
        cid: of the last commit; empty where there is none as early as was asked for.
        base_ref: the base at which it begins; None: at the brand's first commit.
        steps: the objects on it, oldest first.
        dead: names of the objects beside it, in the days that it leads through: Redis forgot their commits, or they say
            again what others say.
    """

    reader: Reader = field(repr=False)
    cid: str
    base_ref: BaseRef | None
    steps: tuple[Step, ...]
    dead: tuple[str, ...]

    @property
    def base(self) -> Snapshot | None:
        """The state at which it begins, read anew each time; None: nothing. Raises as the reading of objects."""
        return self.reader.base(self.base_ref) if self.base_ref else None

    @property
    def records(self) -> Iterator[Record]:
        """The records behind the base, each on the one before, read object by object; raises as that."""
        return (record for record, _ in self.placed)

    @property
    def placed(self) -> Iterator[tuple[Record, str]]:
        """The same, each with the name of its object."""
        for step in self.steps:
            behind = not step.after
            for record in self.reader.records(step.ref):
                if behind:
                    yield record, step.ref.name
                behind = behind or record.cid == step.after
                if record.cid == step.upto:
                    break


@dataclass
class Names:
    """The objects of a brand by their last commit, from the newest day back as far as somebody asked."""

    reader: Reader
    days: list[str]
    by_last: dict[str, ObjectRef] = field(default_factory=dict)
    known: dict[str, ObjectRef] = field(default_factory=dict)

    @classmethod
    def of(cls, reader: Reader, refs: Iterable[ObjectRef]) -> Names:
        """All *refs*, and no other."""
        found = cls(reader, [])
        found._add(refs)
        return found

    def ending_with(self, cid: str) -> ObjectRef | None:
        """The longest object whose last commit is *cid*."""
        while cid not in self.by_last and self._load():
            pass
        return self.by_last.get(cid)

    def around(self, cid: str, version: int | None) -> ObjectRef | None:
        """The object in whose middle commit *cid* lies; its version tells where not to look."""
        seen: set[str] = set()
        while True:
            refs = [ref for ref in self.known.values() if ref.name not in seen]
            for ref in sorted(refs, key=lambda ref: (ref.epoch, ref.version), reverse=True):
                seen.add(ref.name)
                if (version is None or ref.version <= version) and self.holds(ref, cid):
                    return ref
            if not self._load():
                return None

    def newest(self, version: int) -> ObjectRef | None:
        """The newest object that begins at that version or before, of all that were looked at."""
        found = (ref for ref in self.known.values() if ref.version <= version)
        return max(found, key=lambda ref: (ref.epoch, ref.version, _length(ref)), default=None)

    def holds(self, ref: ObjectRef, cid: str) -> bool:
        """Whether a record of *ref* is of commit *cid*."""
        return any(link.cid == cid for link in self.reader.links(ref))

    def _load(self) -> bool:
        """One day more; False: there is none."""
        if not self.days:
            return False
        self._add(self.reader.day(self.days.pop()))
        return True

    def _add(self, refs: Iterable[ObjectRef]) -> None:
        for ref in refs:
            self.known[ref.name] = ref
            other = self.by_last.get(ref.last)
            if other is None or _length(ref) > _length(other):
                self.by_last[ref.last] = ref


def _length(ref: ObjectRef) -> tuple[int, bool]:
    return -ref.version, ref.form == PARQUET


def find_way(reader: Reader, cid: str, *, since: BaseRef | None, oldest: bool, at_ms: int | None) -> Way:
    """The way to *cid*; see :meth:`orchestrator.objects.brand_archive.BrandArchive.way_to`."""
    bases = {base.cid: base for base in (reader.bases() if since is None else [since])}
    way = _Search(Names(reader, reader.days()), bases, oldest, at_ms).search(cid)
    if since is not None and way.cid and way.base_ref is None:
        raise ArchiveError(f"commit {since.cid!r} is not on the way to {cid!r}")
    return way


class _Start(NamedTuple):
    """Where a way begins to be gone backwards.

    Attributes:
        cid: the commit.
        version: no object on the way begins at a later one; None: it is not known yet.
        ref: the object with its record; None: it is not looked for yet.
    """

    cid: str
    version: int | None
    ref: ObjectRef | None


@dataclass
class _Search:
    """First, where a time is asked for, back to the last commit of it; from there to where the way begins."""

    names: Names
    bases: Mapping[str, BaseRef]
    oldest: bool
    at_ms: int | None
    steps: list[Step] = field(default_factory=list)
    best: tuple[BaseRef, int, Step | None] | None = None

    def search(self, cid: str) -> Way:
        """The way to *cid*, or to the last commit before it that is no later than the time."""
        start = _Start(cid, None, None) if self.at_ms is None else self._early_enough(cid)
        if start is None:
            return self._way("")
        self._go_back(start)
        return self._way(start.cid)

    def _early_enough(self, cid: str) -> _Start | None:
        """The last commit on the way to *cid* that is no later than the time; None: there is none."""
        want, version = cid, None
        while want:
            ref = self._object_with(want, version)
            if ref is None:
                if version is None:
                    raise self._broken(want)
                # The chain begins here, or there is a gap. The time may be that of the base, or before the gap.
                base = self.bases.get(want)
                if base is not None and self._no_later(base):
                    return _Start(want, version, None)
                ref = self.names.newest(version)
                if ref is None:
                    return None
                want = ref.last
            early = self._early(ref, want)
            if early:
                return _Start(early, version, ref)
            want, version = ref.previous, ref.version - 1
        return None

    def _go_back(self, start: _Start) -> None:
        """Note the steps from there back to a base, or to the brand's first commit."""
        want, version, ref = start
        while want:
            base = self.bases.get(want) if ref is None else None  # in an object that is known it is found below
            if base is not None and self._ends(base, None):
                return
            ref = ref or self._object_with(want, version)
            if ref is None:
                if self.best is not None:
                    return
                raise self._broken(want)
            inner = self._inner_base(ref, want, version)
            if inner is not None and self._ends(inner, Step(ref, inner.cid, want)):
                return
            self.steps.append(Step(ref, "", want))
            want, version, ref = ref.previous, ref.version - 1, None
        # The brand's first commit, which no base can be before.
        self.best = None

    def _object_with(self, cid: str, version: int | None) -> ObjectRef | None:
        """The object with the record of commit *cid*, which is of that version at most; None: there is none."""
        ref = self.names.ending_with(cid) or self.names.around(cid, version)
        if ref is not None and version is not None and ref.version > version:
            raise ArchiveError(f"the records go in a circle at commit {cid!r}, in {ref.name!r}")
        return ref

    def _inner_base(self, ref: ObjectRef, upto: str, version: int | None) -> BaseRef | None:
        """The base of a commit of *ref* up to *upto*: the newest, or the oldest. *version* is that of its last one."""
        last = version or sys.maxsize
        inside = {base.cid: base for base in self.bases.values() if ref.version <= base.version <= last}
        if not inside:
            return None
        found: list[BaseRef] = []
        for link in self.names.reader.links(ref):
            if link.cid in inside:
                found.append(inside[link.cid])
            if link.cid == upto:
                break
        return (found[0] if self.oldest else found[-1]) if found else None

    def _no_later(self, base: BaseRef) -> bool:
        """Whether *base* is of a commit no later than the time asked for."""
        assert self.at_ms is not None  # noqa: S101 - only then
        return self.names.reader.base(base).taken_ms <= self.at_ms

    def _ends(self, base: BaseRef, step: Step | None) -> bool:
        """Note that the way may begin at *base*; whether it does."""
        self.best = (base, len(self.steps), step)
        return not self.oldest

    def _early(self, ref: ObjectRef, upto: str) -> str:
        """The last commit of *ref* up to *upto* that is no later than the time asked for; empty: there is none."""
        assert self.at_ms is not None  # noqa: S101 - only then
        day = utc_day(self.at_ms)
        if ref.day > day:
            return ""
        if ref.day < day:
            return upto
        found = ""
        for link in self.names.reader.links(ref):
            found = link.cid if link.now_ms <= self.at_ms else found
            if link.cid == upto:
                break
        return found

    def _way(self, end: str) -> Way:
        base, steps = None, self.steps
        if self.best is not None:
            base, count, first = self.best
            steps = self.steps[:count] + ([first] if first else [])
        used = {step.ref.name for step in self.steps} | {step.ref.name for step in steps}
        dead = tuple(sorted(name for name in self.names.known if name not in used))
        return Way(self.names.reader, end, base, tuple(steps[::-1]), dead)

    def _broken(self, want: str) -> ArchiveError:
        missing = f"there is no record of commit {want!r}"
        if not self.names.known and not self.bases:  # switched on a moment ago: nothing is broken
            return ArchiveError(f"{missing}: nothing of this brand is in the archive")
        after = f" before {self.steps[-1].ref.name!r}" if self.steps else ""
        return ArchiveError(f"{missing}{after}: the chain is broken there")
