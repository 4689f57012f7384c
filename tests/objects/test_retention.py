"""Days go from the oldest on, and never one that a chain of a kept day leads through."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.archive.record import Record
from orchestrator.errors import ArchiveError, ArchiveUnavailableError
from orchestrator.objects.brand_archive import BrandArchive
from orchestrator.objects.compaction import compact_day
from orchestrator.objects.objects import Objects
from orchestrator.objects.retention import Pruning, first_kept, plan_pruning, prune
from tests.objects.test_way import BEGUN_MS, base_at, chain, cids

DAY_MS = 86_400_000
DAYS = [(date(2025, 11, 28) + timedelta(days=number)).isoformat() for number in range(6)]
KEEP = DAYS[3]
_NUMBERS = itertools.count(1)


def days_of_records() -> list[Record]:
    """Four records on each of six days, ``a0`` to ``f3``."""
    return chain(*(f"{day}{number}" for day in "abcdef" for number in range(4)), step_ms=DAY_MS // 4)


RECORDS = days_of_records()


def archived(*bases: str, records: list[Record] = RECORDS) -> BrandArchive:
    """An archive of those records, with bases at these commits."""
    archive = BrandArchive(Objects.open(f"memory://retention-{next(_NUMBERS)}"), "nike")
    archive.put(records[: len(records) // 2])
    archive.put(records[len(records) // 2 :])
    for record in records:
        if record.cid in bases:
            archive.put_base(base_at(record))
    return archive


def pruned(archive: BrandArchive, cid: str = "f3", keep_from: str = KEEP) -> Pruning:
    """What went."""
    planned = plan_pruning(archive, cid, keep_from)
    prune(archive, planned)
    return planned


def test_first_kept_day_leaves_so_many_whole_ones() -> None:
    """Beside today's."""
    assert first_kept(BEGUN_MS, 1) == "2025-11-27"
    assert first_kept(BEGUN_MS - 1, 30) == "2025-10-28"


def test_days_go_up_to_the_base_of_the_first_kept_one() -> None:
    """And earlier bases with them; from there on everything is as it was."""
    archive = archived("a0", "c1", "d0", "e0")
    archive.put_base(base_at(replace(RECORDS[20], epoch=6, cid="before")))  # of an earlier life, which was longer
    done = pruned(archive)
    assert (done.days, done.stays, done.begins and done.begins.cid) == (tuple(DAYS[:3]), "", "d0")
    assert archive.days() == DAYS[3:]
    assert [base.cid for base in archive.bases()] == ["d0", "e0"]
    assert done.size > 0
    way = archive.way_to("f3", oldest=True)
    assert (way.base is not None, cids(list(way.records))) == (True, cids(RECORDS)[13:])
    assert plan_pruning(archive, "f3", KEEP) == Pruning(KEEP)


def test_base_of_the_last_old_commit_will_do() -> None:
    """The way behind it has kept days alone."""
    archive = archived("c3")
    assert pruned(archive).days == tuple(DAYS[:3])
    assert cids(list(archive.way_to("f3").records)) == cids(RECORDS)[12:]


def test_days_behind_the_last_base_stay() -> None:
    """Where the first kept day has none, all from the last one before it on; it is told which and why."""
    archive = archived("a2", "b2")
    done = pruned(archive)
    assert (done.days, done.keep_from) == ((DAYS[0],), KEEP)
    assert done.stays == f"chains of kept days begin on {DAYS[1]}: no later base is on the way"
    assert cids(list(archive.way_to("f3", oldest=True).records)) == cids(RECORDS)[7:]


def test_nothing_goes_without_a_base() -> None:
    """Chains begin at the brand's first commit."""
    archive = archived()
    done = pruned(archive)
    assert (done.days, done.objects) == ((), ())
    assert done.stays.startswith("no base is on the way")
    assert archive.days() == DAYS


def test_base_of_a_dead_branch_is_none() -> None:
    """Nor one of a commit that never came: on neither the live way stands."""
    archive = archived("b0")
    dead = chain("x", "y", after=RECORDS[11], step_ms=DAY_MS // 4)
    archive.put(dead)
    archive.put_base(base_at(dead[0]))
    archive.put_base(base_at(replace(RECORDS[14], cid="never")))
    done = pruned(archive)
    assert (done.days, done.begins and done.begins.cid) == ((DAYS[0],), "b0")
    assert cids(list(archive.way_to("f3").records)) == cids(RECORDS)[5:]


def test_dead_branches_go_with_their_days() -> None:
    """Whatever their versions are."""
    archive = archived("d0")
    archive.put(chain(*(f"x{number}" for number in range(40)), after=RECORDS[1], step_ms=1_000))
    assert pruned(archive).days == tuple(DAYS[:3])
    assert archive.days() == DAYS[3:]


def test_quiet_brand_wants_a_base_of_its_last_commit() -> None:
    """With it all days may go; the state can be made without any record."""
    archive = archived("a0", records=RECORDS[:8])
    planned = plan_pruning(archive, "b3", KEEP)
    assert (planned.days, planned.needs_base) == ((), True)
    assert "not committed to since 2025-12-01" in planned.stays
    archive.put_base(base_at(RECORDS[7]))
    assert pruned(archive, "b3").days == tuple(DAYS[:2])
    assert (archive.days(), [base.cid for base in archive.bases()]) == ([], ["b3"])
    way = archive.way_to("b3")
    assert (way.base is not None, list(way.records)) == (True, [])


def test_chain_that_begins_in_kept_days_needs_no_base() -> None:
    """An earlier life of the brand, whose state is gone, holds nothing back."""
    archive = archived(records=RECORDS[:8])
    archive.put_base(base_at(RECORDS[3]))
    again = [replace(record, epoch=9) for record in chain("y", "z")]
    again = [replace(record, now_ms=record.now_ms + 4 * DAY_MS) for record in again]
    archive.put(again)
    assert pruned(archive, "z").days == tuple(DAYS[:2])
    assert cids(list(archive.way_to("z").records)) == ["y", "z"]


def test_brand_without_a_state_keeps_its_days() -> None:
    """Older ones go, whatever stands on them; bases with the last of them."""
    archive = archived("a0", "e0")
    assert pruned(archive, "").days == tuple(DAYS[:3])
    assert (archive.days(), len(archive.bases())) == (DAYS[3:], 2)
    pruned(archive, "", "2026-01-01")
    assert (archive.days(), archive.bases()) == ([], [])


def test_broken_chain_keeps_everything() -> None:
    """What cannot be followed is told, and nothing goes."""
    archive = archived()
    archive.objects.remove([archive.day(DAYS[4])[0].name])
    done = pruned(archive)
    assert (done.days, done.objects) == ((), ())
    assert "the chain of what is live cannot be followed: there is no record of commit" in done.stays


def test_archive_that_is_away_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not taken for a chain that is broken."""
    archive = archived("d0")

    def away(*_: object, **__: object) -> None:
        raise ArchiveUnavailableError("away")

    monkeypatch.setattr(BrandArchive, "way_to", away)
    with pytest.raises(ArchiveUnavailableError):
        plan_pruning(archive, "f3", KEEP)


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_what_is_kept_can_be_made_again(data: st.DataObject) -> None:
    """Whatever bases there are, days that are Parquet, and wherever the removal ends early: kept days stay whole."""
    bases = data.draw(st.sets(st.sampled_from(cids(RECORDS)), max_size=6))
    archive = archived(*bases)
    for day in data.draw(st.sets(st.sampled_from(DAYS))):
        compact_day(archive, day)
    keep_from = data.draw(st.sampled_from([*DAYS, "2026-01-01"]))
    planned = plan_pruning(archive, "f3", keep_from)
    cut = data.draw(st.integers(0, len(planned.objects)))
    archive.objects.remove([ref.name for ref in planned.objects[:cut]])
    prune(archive, plan_pruning(archive, "f3", keep_from))
    assert all(day < keep_from for day in planned.days)
    begun = planned.begins and planned.begins.version
    for record in RECORDS:
        if record.version >= (begun or 0) and (not planned.days or begun is not None):
            way = archive.way_to(record.cid)
            found = list(way.records)
            assert (way.base.version if way.base else 0) + len(found) == record.version
            assert way.base is not None or not planned.days
    if planned.begins is None and planned.days:
        raise ArchiveError("days went without a base")
    if planned.stays == "":
        assert not [day for day in archive.days() if day < keep_from]
