"""The way to a commit, through whatever lies beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from orchestrator.archive.record import Item, Record, pack
from orchestrator.archive.snapshot import Snapshot
from orchestrator.errors import ArchiveError
from orchestrator.objects.brand_archive import BrandArchive, runs
from orchestrator.objects.objects import Objects
from orchestrator.objects.way import _Search
from orchestrator.store.types import NO_DIGESTS, Stored
from tests.bounds import at_most

BEGUN_MS = 1_764_288_000_000
"""2025-11-28T00:00Z."""


def chain(*cids: str, after: Record | None = None, step_ms: int = 3_600_000) -> list[Record]:
    """Records of those commits, each on the one before, an hour apart."""
    found: list[Record] = []
    for cid in cids:
        last = found[-1] if found else after
        version, at_ms = (last.version + 1, last.now_ms + step_ms) if last else (1, BEGUN_MS)
        times = (at_ms, at_ms, at_ms)
        found.append(Record("nike", cid, last.cid if last else "", 7, version, *times, {}, [Item(cid.encode())]))
    return found


def base_at(record: Record) -> Snapshot:
    """A state at that commit."""
    stored = Stored({b"f:" + record.cid.encode(): b"1"}, NO_DIGESTS)
    return Snapshot("nike", record.cid, record.epoch, record.version, 5, b"", record.now_ms, stored, {}, [])


def cids(records: Sequence[Record]) -> list[str]:
    """Of which commits they are."""
    return [record.cid for record in records]


@pytest.fixture
def archive(objects: Objects) -> BrandArchive:
    """That of a brand."""
    return BrandArchive(objects, "nike")


def test_way_leads_from_the_first_commit(archive: BrandArchive) -> None:
    """Through objects of several days, whatever the order in which they were put."""
    records = chain(*(f"c{number}" for number in range(60)))
    names = [archive.put(records[start : start + 7]) for start in range(0, 60, 7)][::-1]
    assert sum(map(len, names)) > len(names), "an object has records of one day"
    way = archive.way_to("c59")
    assert (way.base, way.dead, way.cid) == (None, (), "c59")
    assert list(way.records) == records
    assert cids(list(archive.way_to("c30").records)) == cids(records[:31])
    assert archive.days() == ["2025-11-28", "2025-11-29", "2025-11-30"]
    assert archive.strange == []


def test_way_begins_at_the_nearest_base(archive: BrandArchive) -> None:
    """At one between two objects, in the middle of one, at the commit itself, or at the one that is asked for."""
    records = chain(*"abcdefgh")
    archive.put(records[:4])
    archive.put(records[4:])
    for record in (records[1], records[3], records[5]):
        archive.put_base(base_at(record))
    for cid, begun, found in (("h", "f", "gh"), ("e", "d", "e"), ("d", "d", ""), ("c", "b", "c"), ("a", "", "a")):
        way = archive.way_to(cid)
        assert (way.base.cid if way.base else "", "".join(cids(list(way.records)))) == (begun, found)
    oldest = archive.way_to("h", oldest=True)
    assert (oldest.base, cids(list(oldest.records))) == (None, list("abcdefgh"))
    second = archive.bases()[1]
    assert cids(list(archive.way_to("h", since=second).records)) == list("efgh")
    with pytest.raises(ArchiveError, match="commit 'z' is not on the way to 'h'"):
        archive.way_to("h", since=replace(second, cid="z"))


def test_way_leads_as_far_back_as_the_archive_does(archive: BrandArchive) -> None:
    """Retention took the first objects away; the oldest base that is left is the beginning."""
    records = chain(*"abcdefgh")
    archive.put(records[2:5])
    archive.put(records[5:])
    for record in (records[3], records[6]):
        archive.put_base(base_at(record))
    way = archive.way_to("h", oldest=True)
    assert (way.base and way.base.cid, cids(list(way.records))) == ("d", list("efgh"))


def test_of_several_bases_in_an_object_the_nearest_counts_or_the_oldest(archive: BrandArchive) -> None:
    """What stands before it is gone."""
    records = chain(*"abcdef")
    archive.put(records[1:])
    for record in (records[2], records[3], records[4]):
        archive.put_base(base_at(record))
    for oldest, begun, found in ((False, "e", "f"), (True, "c", "def")):
        way = archive.way_to("f", oldest=oldest)
        assert (way.base and way.base.cid, "".join(cids(list(way.records)))) == (begun, found)


def test_what_redis_forgot_lies_beside_the_way(archive: BrandArchive) -> None:
    """A branch with the same numbers; one that begins in the middle of an object; an object that says it again."""
    records = chain(*"abcde")
    (first,) = archive.put(records[:3])
    forgotten = archive.put(chain("x", "y", after=records[1]))
    beyond = archive.put(chain("z", after=records[4]))
    again = archive.put(records[:2])
    archive.put(records[3:])
    way = archive.way_to("e")
    assert cids(list(way.records)) == list("abcde")
    assert way.dead == tuple(sorted(forgotten + beyond + again))
    assert cids(list(archive.way_to("y").records)) == list("abxy")
    assert first not in way.dead


def test_way_at_a_time_ends_with_the_last_commit_before_it(archive: BrandArchive) -> None:
    """Within an object, at its end, a day before; before the first commit there is none."""
    records = chain(*(f"c{number}" for number in range(60)))
    for start in range(0, 60, 7):
        archive.put(records[start : start + 7])
    archive.put_base(base_at(records[40]))
    for number in (0, 3, 6, 23, 24, 39, 59):
        for later_ms in (0, 3_599_999):
            way = archive.way_to("c59", at_ms=records[number].now_ms + later_ms)
            begun = 41 if number > 40 else 0
            assert (way.cid, cids(list(way.records))) == (f"c{number}", [f"c{at}" for at in range(begun, number + 1)])
    way = archive.way_to("c59", at_ms=BEGUN_MS - 1)
    assert (way.cid, way.base, list(way.records)) == ("", None, [])


def test_way_at_a_time_before_a_gap_leads_from_the_commits_before_it(archive: BrandArchive) -> None:
    """Nothing was archived of two commits; a base stands behind the gap."""
    records = chain(*"abcdefgh")
    archive.put(records[:3])
    archive.put(records[5:])
    archive.put_base(base_at(records[4]))
    for number, cid, found in ((7, "h", "fgh"), (4, "e", ""), (3, "c", "abc"), (2, "c", "abc"), (0, "a", "a")):
        way = archive.way_to("h", at_ms=records[number].now_ms)
        assert (way.cid, "".join(cids(list(way.records)))) == (cid, found)
    with pytest.raises(ArchiveError, match="no record of commit 'nowhere'"):
        archive.way_to("nowhere", at_ms=records[0].now_ms)


def test_way_at_a_time_ends_before_what_redis_forgot(archive: BrandArchive) -> None:
    """It was committed in time, and lies in the same object as what the live commit stands on."""
    records = chain(*"abc")
    archive.put(records)
    archive.put(chain("x", after=replace(records[1], now_ms=records[2].now_ms)))
    way = archive.way_to("x", at_ms=records[2].now_ms)
    assert (way.cid, cids(list(way.records))) == ("b", ["a", "b"])


def test_base_in_the_middle_of_an_object_is_where_a_time_ends(archive: BrandArchive) -> None:
    """Retention took all before it; the commit at that time is the base's own."""
    records = chain(*"abcdef")
    archive.put(records[2:])
    archive.put_base(base_at(records[3]))
    way = archive.way_to("f", at_ms=records[3].now_ms)
    assert (way.cid, way.base and way.base.cid, list(way.records)) == ("d", "d", [])


def test_way_that_is_broken_is_refused(archive: BrandArchive, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the commit of which there is no record; a base beyond the gap makes a new beginning."""
    with pytest.raises(ArchiveError, match="no record of commit 'nowhere'"):
        archive.way_to("nowhere", at_ms=BEGUN_MS)
    records = chain(*"abcdef")
    archive.put(records[:2])
    archive.put(records[3:])
    with pytest.raises(ArchiveError, match="no record of commit 'c' before"):
        archive.way_to("f")
    with pytest.raises(ArchiveError, match="no record of commit 'nowhere'"):
        archive.way_to("nowhere")
    archive.put_base(base_at(records[2]))
    assert cids(list(archive.way_to("f").records)) == list("def")
    archive.put(chain("q", after=replace(records[5], cid="w")))
    archive.put([replace(records[0], cid="w", previous="q", version=9)])
    at_most(monkeypatch, _Search, "_object_with", 20)
    with pytest.raises(ArchiveError, match="in a circle at commit"):
        archive.way_to("w")


def test_archive_that_has_nothing_of_the_brand_is_not_called_broken(archive: BrandArchive) -> None:
    """It was switched on a moment ago, and what was consumed waits yet."""
    with pytest.raises(ArchiveError, match="'c': nothing of this brand is in the archive"):
        archive.way_to("c")


def test_object_is_what_its_name_says(archive: BrandArchive) -> None:
    """Whoever renames one, cuts records off, or puts a brand's into another one's folder, is found out."""
    records = chain(*"abcd")
    (name,) = archive.put(records[:3])
    (ref,) = archive.day("2025-11-28")
    archive.objects.put(name, pack(records[:2]))
    with pytest.raises(ArchiveError, match="ends with commit 'b'"):
        list(archive.records(ref))
    archive.objects.put(name, pack(records[1:3]))
    for read in (archive.records, archive.links):
        with pytest.raises(ArchiveError, match="there belongs version 1 on ''"):
            list(read(ref))
    archive.objects.put(name, pack([replace(record, brand="puma") for record in records]))
    with pytest.raises(ArchiveError, match="of brand 'puma', not of 'nike'"):
        list(archive.records(ref))
    archive.put_base(base_at(records[1]))
    (base,) = archive.bases()
    archive.objects.put(base.name, archive.objects.get(archive.put_base(base_at(records[2]))))
    with pytest.raises(ArchiveError, match="another state than its name says"):
        archive.base(base)
    with pytest.raises(ArchiveError, match="'puma' is none of 'nike'"):
        archive.put([replace(records[0], brand="puma")])
    with pytest.raises(ArchiveError, match=r"no object can be named by commit '\.\./x'"):
        archive.put([replace(records[0], cid="../x")])


def test_commit_that_replaces_a_state_begins_at_its_base(archive: BrandArchive) -> None:
    """No refold goes through it."""
    records = chain(*"abcde")
    records[2] = replace(records[2], replaces=True)
    assert [cids(run) for run in runs(records)] == [["a", "b"], ["c", "d", "e"]]
    archive.put(records)
    archive.put_base(base_at(records[2]))
    assert cids(list(archive.way_to("e").records)) == list("de")
