"""Small objects of a day become Parquet, and no record is lost or there twice, whoever dies or works beside."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.archive.record import Item, Record
from orchestrator.errors import ArchiveError, ArchiveUnavailableError
from orchestrator.objects import compaction
from orchestrator.objects.brand_archive import BrandArchive
from orchestrator.objects.compaction import Compacted, compact_day, paths, plan_day
from orchestrator.objects.names import PARQUET, ObjectRef
from orchestrator.objects.objects import Objects
from orchestrator.objects.place import Entry
from tests.objects.test_way import cids

DAY = "2025-11-28"
BEGUN_MS = 1_764_288_000_000
_NUMBERS = itertools.count(1)


def chain(*names: str, after: Record | None = None) -> list[Record]:
    """Records of those commits, each on the one before, a minute apart."""
    found: list[Record] = []
    for cid in names:
        last = found[-1] if found else after
        version, at_ms = (last.version + 1, last.now_ms + 60_000) if last else (1, BEGUN_MS)
        items = [Item(cid.encode() * 9)] * (version % 3)
        times = (at_ms, at_ms, at_ms)
        found.append(Record("nike", cid, last.cid if last else "", 7, version, *times, {}, items))
    return found


def put(archive: BrandArchive, records: Sequence[Record], size: int = 2) -> None:
    """As a writer puts them, so many in an object."""
    for start in range(0, len(records), size):
        archive.put(records[start : start + size])


def there(archive: BrandArchive, form: str = "") -> list[str]:
    """The commits of all records of the day, of objects that end so."""
    return [record.cid for ref in archive.day(DAY) if ref.name.endswith(form) for record in archive.records(ref)]


@pytest.fixture
def archive(objects: Objects) -> BrandArchive:
    """That of a brand."""
    return BrandArchive(objects, "nike")


def memory_archive() -> BrandArchive:
    """One of its own, which needs nothing."""
    return BrandArchive(Objects.open(f"memory://compaction-{next(_NUMBERS)}"), "nike")


def test_day_becomes_a_file(archive: BrandArchive) -> None:
    """In a folder, in a bucket: with all records and nothing else, and the way is as it was."""
    records = chain(*(f"c{number}" for number in range(20)))
    put(archive, records)
    planned = plan_day(DAY, archive.day(DAY))
    assert planned is not None
    assert planned.objects == 10
    done = compact_day(archive, DAY)
    (ref,) = archive.day(DAY)
    assert done == Compacted(DAY, 20, [ref.name], ref.size, 10, planned.size)
    assert ref.form == PARQUET
    way = archive.way_to("c19")
    assert list(way.records) == records
    assert way.dead == ()
    assert plan_day(DAY, archive.day(DAY)) is None
    assert compact_day(archive, DAY) == Compacted(DAY)


def test_what_comes_later_becomes_a_file_of_its_own() -> None:
    """A writer that was away puts what it still has of a closed day; an object that lies in a file goes again."""
    archive = memory_archive()
    records = chain(*"abcdef")
    put(archive, records[:4])
    compact_day(archive, DAY)
    put(archive, records)
    done = compact_day(archive, DAY)
    assert (done.records, len(done.files), done.removed) == (2, 1, 3)
    assert there(archive) == list("abcdef")
    assert list(archive.way_to("f").records) == records


def test_dead_branches_and_replaced_states_have_files_of_their_own() -> None:
    """A file is a run: what a failover made Redis forget is beside it, and a new state begins one."""
    archive = memory_archive()
    live = chain(*"abcd")
    dead = chain("x", "y", after=live[1])
    new = [replace(record, replaces=record.cid == "e") for record in chain("e", "f", after=live[-1])]
    for records in (live, dead, new):
        put(archive, records, 1)
    done = compact_day(archive, DAY)
    assert sorted(cids(list(archive.records(ref))) for ref in archive.day(DAY)) == [
        *(["a", "b", "c", "d"], ["e", "f"], ["x", "y"]),
    ]
    assert (done.records, done.removed, done.left) == (8, 8, [])
    assert cids(list(archive.way_to("f").records)) == list("abcdef")
    assert cids(list(archive.way_to("y").records)) == list("abxy")


def test_file_ends_at_its_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """In payloads and in rows; the day then has several."""
    archive = memory_archive()
    put(archive, chain(*(f"c{number}" for number in range(10))))
    monkeypatch.setattr(compaction, "PART_ROWS", 3)
    assert len(compact_day(archive, DAY).files) > 2
    empty = memory_archive()
    put(empty, [replace(record, items=[]) for record in chain(*(f"c{number}" for number in range(10)))])
    assert len(compact_day(empty, DAY).files) > 2
    other = memory_archive()
    put(other, chain(*(f"c{number}" for number in range(10))))
    monkeypatch.setattr(compaction, "PART_ROWS", 100)
    monkeypatch.setattr(compaction, "PART_BYTES", 40)
    assert len(compact_day(other, DAY).files) > 2
    for one in (archive, empty, other):
        assert len(list(one.way_to("c9").records)) == 10


def test_what_cannot_be_read_stays() -> None:
    """It is told, with its name; what stands before and behind it becomes files all the same."""
    archive = memory_archive()
    put(archive, chain(*"abcdef"), 1)
    bad = archive.day(DAY)[3].name
    archive.objects.put(bad, b"damaged")
    for _ in range(2):
        (told,) = compact_day(archive, DAY).left
        assert told.startswith(f"{bad!r}: an object of 7 bytes cannot be unpacked")
        files = [ref for ref in archive.day(DAY) if ref.form == PARQUET]
        assert [cids(list(archive.records(ref))) for ref in files] == [["a", "b", "c"], ["e", "f"]]
        assert {ref.name for ref in archive.day(DAY)} - {ref.name for ref in files} == {bad}


def test_damaged_file_takes_nothing_with_it() -> None:
    """Objects whose records are in a file that cannot be read stay, and become another one."""
    archive = memory_archive()
    records = chain(*"abc")
    put(archive, records)
    compact_day(archive, DAY)
    (file,) = archive.day(DAY)
    archive.objects.put(file.name, archive.objects.get(file.name)[:-9])
    put(archive, records)
    done = compact_day(archive, DAY)
    assert any(told.startswith(f"{file.name!r}: ") for told in done.left)
    assert list(archive.way_to("c").records) == records


class DiedError(Exception):
    """The process died there."""


class Mortal(Objects):
    """Objects of a process that dies before a step, or after it."""

    steps = -1
    before: Callable[[str], None] = staticmethod(lambda _: None)

    def put(self, name: str, data: bytes) -> None:
        """Or die."""
        self._step("put")
        super().put(name, data)
        self._step("was put")

    def remove(self, names: Sequence[str]) -> None:
        """One by one, as a folder does."""
        for name in names:
            self._step("remove")
            super().remove([name])

    def get(self, name: str, max_bytes: int | None = None) -> bytes:
        """Or die."""
        self._step("get")
        return super().get(name, max_bytes)

    def list(self, folder: str = "", after: str = "") -> Iterator[Entry]:
        """Or die."""
        self._step("list")
        return super().list(folder, after)

    def _step(self, what: str) -> None:
        self.before(what)
        if self.steps == 0:
            raise DiedError
        self.steps -= 1


def mortal() -> tuple[Mortal, BrandArchive]:
    """An archive in memory, and what its brand has there."""
    objects = Mortal.open(f"memory://compaction-{next(_NUMBERS)}")
    assert isinstance(objects, Mortal)
    return objects, BrandArchive(objects, "nike")


def test_killed_at_any_step_it_has_lost_nothing() -> None:
    """Before or after any of them, and again while the next one cleans up: each record is on the way, once."""
    records = chain(*"abcdefg")
    for steps in itertools.count():
        objects, archive = mortal()
        put(archive, records)
        objects.steps = steps
        try:
            compact_day(archive, DAY)
        except DiedError:
            pass
        else:
            assert steps > 12
            return
        objects.steps = -1
        assert list(archive.way_to("g").records) == records
        objects.steps = steps % 7
        with suppress(DiedError):
            compact_day(archive, DAY)
        objects.steps = -1
        assert list(archive.way_to("g").records) == records
        assert compact_day(archive, DAY).left == []
        assert (there(archive), there(archive, PARQUET)) == (list("abcdefg"), list("abcdefg"))


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_two_at_once_lose_nothing(data: st.DataObject) -> None:
    """At any step of one another one does all of its work, a writer puts more, or both: nothing lost, at last once."""
    records = chain(*"abcdefgh")
    objects, archive = mortal()
    put(archive, records[:6])
    deeds: list[Callable[[], object]] = [lambda: compact_day(archive, DAY), lambda: put(archive, records[6:])]
    at = data.draw(st.lists(st.tuples(st.integers(0, 20), st.sampled_from([0, 1])), min_size=1, max_size=3))
    passed = itertools.count()

    def before(_: str) -> None:
        number = next(passed)
        for when, which in at:
            if when == number:
                objects.before = lambda _: None
                deeds[which]()
                objects.before = before

    objects.before = before
    compact_day(archive, DAY)
    objects.before = lambda _: None
    put(archive, records)
    assert list(archive.way_to("h").records) == records
    assert compact_day(archive, DAY).left == []
    assert list(archive.way_to("h").records) == records
    assert sorted(there(archive, PARQUET)) == there(archive) == list("abcdefgh")


def test_file_whose_records_are_in_a_larger_one_goes() -> None:
    """Two saw different days: the larger file stays. What only looks like it, since it parts later, stays."""
    archive = memory_archive()
    records = chain(*"abcd")
    other = chain("x", after=records[1])
    for last in (2, 4):
        archive.put(records[:last])
        compact_day(archive, DAY)
        if last == 2:
            (small,) = archive.day(DAY)
            data = archive.objects.get(small.name)
            archive.objects.remove([small.name])
    archive.objects.put(small.name, data)
    archive.put([*records[:2], *other])
    planned = plan_day(DAY, archive.day(DAY))
    assert planned is not None
    assert planned.objects == 2
    done = compact_day(archive, DAY)
    assert small.name not in {ref.name for ref in archive.day(DAY)}
    assert (done.records, done.removed) == (3, 2)
    assert sorted(cids(list(archive.records(ref))) for ref in archive.day(DAY)) == [
        ["a", "b", "c", "d"],
        ["a", "b", "x"],
    ]


def test_double_that_cannot_be_read_stays() -> None:
    """Whether its records are in the larger file nobody knows."""
    archive = memory_archive()
    records = chain(*"abcd")
    archive.put(records[:2])
    compact_day(archive, DAY)
    (small,) = archive.day(DAY)
    damaged = archive.objects.get(small.name)[:-9]
    archive.objects.remove([small.name])
    archive.put(records)
    compact_day(archive, DAY)
    archive.objects.put(small.name, damaged)
    (told,) = compact_day(archive, DAY).left
    assert told.startswith(f"{small.name!r}: ")
    assert len(archive.day(DAY)) == 2


def test_only_what_stays_in_the_end_is_told() -> None:
    """An object that could not be read was taken away meanwhile, and the day is begun anew."""
    objects, archive = mortal()
    put(archive, chain(*"abcdef"), 1)
    bad = archive.day(DAY)[5].name
    objects.put(bad, b"damaged")

    @contextmanager
    def fence() -> Iterator[bool]:
        objects.remove([bad])
        yield True

    assert compact_day(archive, DAY, fence=fence).left == []


def test_day_from_which_an_object_goes_meanwhile_is_begun_anew() -> None:
    """Another one packed it, or retention took it away."""
    objects, archive = mortal()
    put(archive, chain(*"abcd"), 1)
    last = archive.day(DAY)[3].name

    def before(what: str) -> None:
        if what == "get":
            objects.before = lambda _: None
            objects.remove([last])

    objects.before = before
    done = compact_day(archive, DAY)
    assert (done.records, done.left) == (3, [])


def test_nothing_is_put_behind_a_purge() -> None:
    """What was read before it is not there again after it; nor where the fence is somebody else's."""
    objects, archive = mortal()
    put(archive, chain(*"abcd"))
    purged = False

    @contextmanager
    def fence() -> Iterator[bool]:
        nonlocal purged
        if not purged:
            purged = True
            objects.remove([entry.name for entry in objects.list()])
        yield True

    assert compact_day(archive, DAY, fence=fence) == Compacted(DAY)
    assert list(objects.list()) == []

    @contextmanager
    def taken() -> Iterator[bool]:
        yield False

    put(archive, chain(*"abcd"))
    (told,) = compact_day(archive, DAY, fence=taken).left
    assert told.endswith("not put, since somebody else works on the brand")
    assert there(archive) == list("abcd")


def test_others_that_never_rest_are_told_of() -> None:
    """The day changes at each look."""
    objects, archive = mortal()
    records = chain(*(f"c{number}" for number in range(40)))
    put(archive, records[:4])
    more = iter(range(4, 40))

    def before(what: str) -> None:
        objects.before = lambda _: None
        if what == "get":
            number = next(more)
            archive.put(records[number : number + 1])
        objects.before = before

    objects.before = before
    assert compact_day(archive, DAY).left == [f"day {DAY}: others are at work there"]


def test_what_is_not_given_back_takes_nothing_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither what the archive gives back otherwise, nor a file out of which other records come."""
    archive = memory_archive()
    put(archive, chain(*"abcd"))
    archive_get = archive.objects.get
    monkeypatch.setattr(archive.objects, "get", lambda name: archive_get(name)[: -1 if PARQUET in name else None])
    with pytest.raises(ArchiveError, match="is not what was put there; what it was made of stays"):
        compact_day(archive, DAY)
    monkeypatch.undo()
    assert there(archive, "ndjson.gz") == list("abcd")
    archive.objects.remove([ref.name for ref in archive.day(DAY) if ref.form == PARQUET])
    monkeypatch.setattr(compaction, "decode", lambda *_: chain(*"abc"))
    with pytest.raises(ArchiveError, match="do not come out as they went in"):
        compact_day(archive, DAY)
    assert there(archive) == list("abcd")


def test_archive_that_is_away_is_told() -> None:
    """It is not taken for an object that is damaged."""
    objects, archive = mortal()
    put(archive, chain(*"abcd"))

    def away(what: str) -> None:
        if what == "get":
            raise ArchiveUnavailableError("away")

    objects.before = away
    with pytest.raises(ArchiveUnavailableError):
        compact_day(archive, DAY)


def test_paths_follow_commits() -> None:
    """Whatever the order and the forks; a circle, which nobody writes, ends."""

    def ref(previous: str, last: str, version: int) -> ObjectRef:
        return ObjectRef(f"{previous}-{last}", 1, DAY, 7, version, previous, last, "")

    refs = [ref("c", "d", 4), ref("", "a", 1), ref("a", "c", 2), ref("a", "b", 2), ref("b", "x", 3), ref("q", "r", 1)]
    assert sorted([one.last for one in path] for path in paths(refs)) == [["a", "b", "x"], ["c", "d"], ["r"]]
    circle = [ref("a", "b", 1), ref("b", "a", 2)]
    assert [[one.last for one in path] for path in paths(circle)] == [["b", "a"]]
