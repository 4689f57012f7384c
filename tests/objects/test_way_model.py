"""The way to a commit is that of the records themselves, whatever failovers, clocks and writers did."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.archive.chain import chain_to
from orchestrator.archive.record import Item, Record
from orchestrator.archive.snapshot import Snapshot
from orchestrator.errors import ArchiveError, ObjectMissingError
from orchestrator.objects.brand_archive import BrandArchive
from orchestrator.objects.objects import Objects
from orchestrator.objects.place import Entry, in_order
from orchestrator.objects.verify import Kind, verify_brand
from orchestrator.store.types import NO_DIGESTS, Stored

BEGUN_MS = 1_764_288_000_000


@dataclass
class Memory:
    """A place in this process."""

    there: dict[str, bytes] = field(default_factory=dict)

    def put(self, name: str, data: bytes) -> None:
        """As any place."""
        assert self.there.get(name, data) == data, "an object is never changed"
        self.there[name] = data

    def put_new(self, name: str, data: bytes) -> None:
        """As any place."""
        self.there.setdefault(name, data)

    def get(self, name: str, max_bytes: int) -> bytes:
        """As any place."""
        if name not in self.there:
            raise ObjectMissingError(name)
        return self.there[name][:max_bytes]

    def entries(self, folder: str, after: str) -> Iterator[Entry]:
        """As any place."""
        for name in sorted(self.there, key=in_order):
            if name.startswith(f"{folder}/" if folder else "") and name > after:
                yield Entry(name, len(self.there[name]))

    def folders(self, folder: str) -> Iterator[str]:
        """As any place."""
        below = f"{folder}/" if folder else ""
        found = {name[len(below) :] for name in self.there if name.startswith(below)}
        yield from sorted({name.partition("/")[0] for name in found if "/" in name})

    def remove(self, names: Sequence[str]) -> None:
        """As any place."""
        for name in names:
            self.there.pop(name, None)

    def close(self) -> None:
        """As any place."""


@dataclass
class History:
    """A brand whose records wait in a Redis that may forget, and go into an archive that does not."""

    archive: BrandArchive
    waiting: list[Record] = field(default_factory=list)
    tip: Record | None = None
    kept: list[tuple[list[Record], Record | None]] = field(default_factory=list)
    records: dict[str, Record] = field(default_factory=dict)
    bases: dict[str, Snapshot] = field(default_factory=dict)
    epoch: int = 1

    def commit(self, step_ms: int) -> None:
        """Another commit, that much later; a clock may go back."""
        self.keep()
        last = self.tip
        at_ms = max(0, (last.now_ms if last else BEGUN_MS) + step_ms)
        version, previous = (last.version + 1, last.cid) if last else (1, "")
        cid = f"c{len(self.records)}"
        record = Record("nike", cid, previous, self.epoch, version, at_ms, at_ms, at_ms, {}, [Item(cid.encode())])
        self.records[cid] = self.tip = record
        self.waiting = [*self.waiting, record]

    def put(self, count: int) -> None:
        """A writer puts the oldest ones and takes them out of Redis, or dies before that."""
        self.archive.put(self.waiting[:count])
        self.keep()
        self.waiting = self.waiting[count:]

    def die(self, count: int) -> None:
        """A writer puts the oldest ones, and dies."""
        self.archive.put(self.waiting[:count])

    def forget(self, back: int) -> None:
        """A failover: Redis is what it was some steps before."""
        if self.kept:
            at = max(0, len(self.kept) - 1 - back)
            self.waiting, self.tip = self.kept[at]
            del self.kept[at:]
        self.epoch += 1

    def base(self, _: int) -> None:
        """A base of the last commit."""
        if self.tip is not None:
            last = self.tip
            stored = Stored({}, NO_DIGESTS)
            found = Snapshot("nike", last.cid, last.epoch, last.version, 5, b"", last.now_ms, stored, {}, [])
            self.archive.put_base(found)
            self.bases[last.cid] = found

    def keep(self) -> None:
        """What Redis is now, for a failover."""
        self.kept.append((self.waiting, self.tip))


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("commit"), st.sampled_from([0, 1_000, 3_600_000, 40_000_000, 90_000_000, -50_000_000])),
        st.tuples(st.sampled_from(["put", "die", "forget"]), st.integers(0, 6)),
        st.tuples(st.just("base"), st.just(0)),
    ),
    min_size=1,
    max_size=40,
)


def lived(steps: list[tuple[str, int]]) -> tuple[History, list[Record]]:
    """A brand's history, all of it in the archive, and the records that led to its state."""
    place = Memory()
    history = History(BrandArchive(Objects(place, "memory://"), "nike"))
    for name, number in steps:
        getattr(history, name)(number)
    history.commit(0)
    history.put(len(history.waiting))
    assert history.tip is not None
    live = chain_to(history.tip.cid, history.records.values()).live
    return history, [history.records[cid] for cid in live]


@given(STEPS)
def test_way_is_that_of_the_records(steps: list[tuple[str, int]]) -> None:
    """To the live commit and to each before it: from the nearest base, from the beginning, and at a time."""
    history, live = lived(steps)
    archive, last = history.archive, live[-1]
    for place, record in enumerate(live):
        way = archive.way_to(record.cid)
        begins = max((at + 1 for at in range(place + 1) if live[at].cid in history.bases), default=0)
        assert [way.base and way.base.cid, list(way.records)] == [
            live[begins - 1].cid if begins else None,
            live[begins : place + 1],
        ]
        early = [at for at, one in enumerate(live) if one.now_ms <= record.now_ms]
        then = archive.way_to(last.cid, at_ms=record.now_ms)
        assert then.cid == live[early[-1]].cid
        begins = max((at + 1 for at in range(early[-1] + 1) if live[at].cid in history.bases), default=0)
        assert list(then.records) == live[begins : early[-1] + 1]
    oldest = archive.way_to(last.cid, oldest=True)
    assert (oldest.base, list(oldest.records)) == (None, live)


@given(STEPS, st.data())
def test_all_that_is_missing_is_told(steps: list[tuple[str, int]], data: st.DataObject) -> None:
    """What an archive lost is found out, unless all of it was said again or led to no state."""
    history, live = lived(steps)
    archive, last = history.archive, live[-1]
    whole = verify_brand(archive, last.cid, last.version)
    assert whole.sound
    assert (whole.records, whole.items) == (len(live), len(live))
    told = {finding.where for finding in whole.findings if finding.kind is Kind.DEAD}
    refs = [ref for day in archive.days() for ref in archive.day(day)]
    cids = {record.cid for record in live}
    assert told == {ref.name for ref in refs if not {link.cid for link in archive.links(ref)} <= cids}
    gone = data.draw(st.sampled_from(refs))
    archive.objects.remove([gone.name])
    left = {link.cid for ref in refs if ref != gone for link in archive.links(ref)}
    missing = [record for record in live if record.cid not in left]
    found = verify_brand(archive, last.cid, last.version)
    assert found.sound is (not missing or _behind_all(history, live, missing)), (found.findings, missing)


def _behind_all(history: History, live: list[Record], missing: list[Record]) -> bool:
    """Whether only the beginning is missing, and a base stands where it ends or behind that."""
    count = len(missing)
    based = any(record.cid in history.bases for record in live[count - 1 :])
    return live[:count] == missing and based and not _older(history, missing)


def _older(history: History, missing: list[Record]) -> bool:
    refs = [ref for day in history.archive.days() for ref in history.archive.day(day)]
    return any(ref.version <= missing[-1].version for ref in refs)


@given(STEPS, st.data())
def test_way_through_what_is_left_is_right_or_refused(steps: list[tuple[str, int]], data: st.DataObject) -> None:
    """Whatever object or base is taken away: never another way."""
    history, live = lived(steps)
    archive, last = history.archive, live[-1]
    names = [entry.name for entry in archive.objects.list()]
    archive.objects.remove([data.draw(st.sampled_from(names))])
    try:
        way = archive.way_to(last.cid)
        records = list(way.records)
    except ArchiveError:
        return
    begins = len(live) - len(records)
    assert records == live[begins:]
    assert (way.base.cid if way.base else "") == (live[begins - 1].cid if begins else "")


def test_object_of_a_time_that_cannot_be_has_a_day() -> None:
    """A clock far ahead stops nobody from archiving."""
    archive = BrandArchive(Objects(Memory(), "memory://"), "nike")
    record = Record("nike", "a", "", 1, 1, 10**15, 0, 0, {})
    archive.put([record, replace(record, cid="b", previous="a", version=2, now_ms=0)])
    assert archive.days() == ["1970-01-01", "9999-12-31"]
    assert [one.cid for one in archive.way_to("b").records] == ["a", "b"]
