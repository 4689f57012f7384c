"""One brand folded again: the same as a fold of its records, whoever does it, and done once."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.archive.record import Item
from orchestrator.archive.snapshot import Snapshot, encode
from orchestrator.contract.fingerprint import RULES_VERSION
from orchestrator.errors import ArchiveError
from orchestrator.objects.brand_archive import BrandArchive
from orchestrator.objects.objects import Objects
from orchestrator.rebuild.cluster import Dask
from orchestrator.rebuild.engines import Engine, Here, Processes
from orchestrator.rebuild.task import Task, rebuild, state_of
from tests.rebuild.support import KEY, LOOSER, START_MS, archived, based, chunk, folded, following, history, url_of

HOUR_MS = 3_600_000


@pytest.fixture
def archive(tmp_path: Path) -> str:
    """An archive of nobody yet."""
    return url_of(tmp_path / "archive")


@pytest.fixture
def place(tmp_path: Path) -> str:
    """Where results go."""
    return url_of(tmp_path / "place")


def result(task: Task) -> Snapshot:
    """The state that is there; what goes along for explanations is none of a fold's."""
    with Objects.open(task.place) as place:
        return replace(state_of(place, task), earlier=None)


def test_state_is_that_of_its_records_folded_one_after_the_other(archive: str, place: str) -> None:
    """Byte for byte, with what came of each item; nothing parts from what the records say."""
    records = history("nike")
    archived(archive, records)
    task = Task(archive, place, "nike", records[-1].cid, hash_key=KEY)
    done = rebuild(task)
    assert encode(result(task)) == encode(folded(records).snapshot())
    assert (done.commits, done.items, done.parted, done.dead, done.base_cid) == (7, 20, 0, 0, "")
    assert done.fates == {"folded": 18, "duplicate": 1, "dead_letter": 1}
    assert done.at_ms == records[-1].now_ms


def test_other_settings_count_from_the_first_chunk_on(archive: str, place: str) -> None:
    """As a fold from scratch under them; and other stories come of it, or the test would show nothing."""
    records = history("nike")
    archived(archive, records)
    task = Task(archive, place, "nike", records[-1].cid, LOOSER, hash_key=KEY)
    rebuild(task)
    assert encode(result(task)) == encode(folded(records, LOOSER).snapshot())
    assert result(task).stored.fields != folded(records).result.fields


def test_records_of_older_rules_are_folded_by_those_of_this_version(archive: str, place: str) -> None:
    """A rebuild is how a state comes under new rules; a verification refuses them."""
    records = [replace(record, settings={**record.settings, "RULES_VERSION": 0}) for record in history("nike")]
    archived(archive, records)
    task = Task(archive, place, "nike", records[-1].cid, hash_key=KEY)
    rebuild(task)
    assert result(task).stored == folded(history("nike")).result


def test_what_was_committed_later_than_asked_for_is_left_out(archive: str, place: str) -> None:
    """The last commit no later than the time is the last one folded."""
    records = history("nike")
    archived(archive, records)
    task = Task(archive, place, "nike", records[-1].cid, until_ms=START_MS + 2 * HOUR_MS + 1, hash_key=KEY)
    assert (rebuild(task).commits, result(task).cid) == (3, records[2].cid)
    with pytest.raises(ArchiveError, match="brand 'nike' had no commit then"):
        rebuild(replace(task, until_ms=START_MS - 1))


def test_fold_begins_at_the_oldest_base_where_the_beginning_is_gone(archive: str, place: str) -> None:
    """And says so: what lies before it stays as it was folded."""
    records = history("nike")
    base, newer = folded(records[:2]).snapshot(), folded(records[:4]).snapshot()
    archived(archive, records[2:])
    based(archive, base)
    based(archive, newer)
    task = Task(archive, place, "nike", records[-1].cid, hash_key=b"of another state")
    done = rebuild(task)
    assert (done.base_cid, done.base_ms, done.commits) == (base.cid, base.taken_ms, 5)
    assert encode(result(task)) == encode(folded(records).snapshot())


def test_base_without_a_record_after_it_is_the_state(archive: str, place: str) -> None:
    """Archiving has just begun."""
    base = folded(history("nike")).snapshot()
    based(archive, base)
    task = Task(archive, place, "nike", base.cid)
    assert rebuild(task).commits == 0
    assert result(task) == base


def test_another_state_in_place_is_gone_on_with(archive: str, place: str) -> None:
    """After an import what was folded before it counts no more, under whatever settings."""
    records = [*history("nike")]
    records.append(following("nike", records, [Item(chunk("nike", 0))]))  # which it was told before: there they part
    other = folded(history("nike", commits=2))
    swap = following("nike", records, [], replaces=True)
    imported = replace(other.snapshot(), cid=swap.cid, version=swap.version, taken_ms=swap.now_ms)
    last = following("nike", [swap], [Item(chunk("nike", 90))])
    archived(archive, records, [swap, last])
    task = Task(archive, place, "nike", last.cid, LOOSER, hash_key=KEY)
    with pytest.raises(ArchiveError, match=f"commit '{swap.cid}' put another state in place, and the archive has no"):
        rebuild(task)
    based(archive, imported)
    done = rebuild(task)
    assert (done.base_cid, done.commits, done.items, done.parted, done.shown) == (swap.cid, 1, 1, 0, [])


def test_second_rebuild_begins_with_the_first_chunk_as_well(archive: str, place: str) -> None:
    """The state that the first one put there is of the same chunks: only folded otherwise."""
    records = history("nike")
    swap = following("nike", records, [], replaces=True)
    first = replace(folded(records, LOOSER).snapshot(), cid=swap.cid, version=swap.version, taken_ms=swap.now_ms)
    last = following("nike", [swap], [Item(chunk("nike", 90))])
    archived(archive, records, [swap, last])
    based(archive, first)
    back = (("MERGE_SIMILARITY_THRESHOLD", 0.75),)
    task = Task(archive, place, "nike", last.cid, back, hash_key=KEY)
    done = rebuild(task)
    assert (done.base_cid, done.commits) == ("", 9)
    assert result(task).stored == folded([*records, swap, last], back).result
    as_it_was = replace(task, own=())
    assert rebuild(as_it_was).base_cid == swap.cid, "without settings that count instead it is what readers see"


@pytest.mark.parametrize("engine", [Here(), Processes(2), Dask("dask", 2)], ids=lambda engine: engine.told)
def test_every_engine_gives_the_same_bytes(archive: str, place: str, engine: Engine) -> None:
    """Of twelve brands, one of which has no archive: it is named, and the others are there."""
    histories = [history(f"brand {number}", each=number + 1) for number in range(12)]
    archived(archive, *histories)
    tasks = [Task(archive, place, records[0].brand, records[-1].cid, LOOSER, hash_key=KEY) for records in histories]
    lost = Task(archive, place, "nobody", "c1")
    found = dict(engine.run(rebuild, [lost, *tasks]))
    assert "nothing of this brand is in the archive" in found.pop(lost).told  # type: ignore[union-attr]
    assert set(found) == set(tasks)
    for task, records in zip(tasks, histories, strict=True):
        assert encode(result(task)) == encode(folded(records, LOOSER).snapshot())


def test_what_is_done_is_not_done_again(archive: str, place: str) -> None:
    """It is found by what it was made of; other inputs have another name."""
    records = history("nike")
    archived(archive, records)
    task = Task(archive, place, "nike", records[-1].cid, hash_key=KEY)
    done = rebuild(task)
    gone = replace(task, archive="file:///nowhere/at/all")
    assert rebuild(gone) == done
    inside = replace(task, place=archive)
    rebuild(inside)
    with Objects.open(archive) as objects:
        there = BrandArchive(objects, "nike")
        assert there.days() == ["2025-11-28"]
        assert there.strange == [], "an archive may have results in it"
    others = [
        replace(task, brand="puma"),
        replace(task, cid=records[0].cid),
        replace(task, own=LOOSER),
        replace(task, until_ms=1),
        replace(task, hash_key=b"l" * 16),
        replace(task, version="0"),
    ]
    assert len({each.name for each in (task, *others)}) == 7


def test_result_of_other_rules_has_another_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the version of the program is the same, as while it is worked on."""
    task = Task("", "", "nike", "c1")
    name = task.name
    monkeypatch.setattr("orchestrator.rebuild.task.RULES_VERSION", RULES_VERSION + 1)
    assert task.name != name


def test_half_a_result_is_none(archive: str, place: str) -> None:
    """Killed between its two objects, or told by another version: it is folded again."""
    records = history("nike")
    archived(archive, records)
    task = Task(archive, place, "nike", records[-1].cid, hash_key=KEY)
    done = rebuild(task)
    with Objects.open(place) as objects:
        for half in (None, b"{}"):
            objects.remove([task.facts_name, task.state_name])
            if half:
                objects.put(task.facts_name, half)
            again = rebuild(task)
            assert replace_times(again) == replace_times(done)
            assert state_of(objects, task).cid == records[-1].cid


def replace_times(done: object) -> object:
    """Without what a clock says."""
    told = {name: getattr(done, name) for name in done.__struct_fields__}  # type: ignore[attr-defined]
    return told | {"seconds": 0, "processor_s": 0}


def test_worker_of_another_version_is_refused(archive: str, place: str) -> None:
    """It may fold otherwise."""
    with pytest.raises(ArchiveError, match=r"version 0 is to fold, and the worker has version"):
        rebuild(Task(archive, place, "nike", "c1", version="0"))


def test_state_of_another_brand_is_refused(archive: str, place: str) -> None:
    """Whoever put it there."""
    records = history("nike")
    archived(archive, records)
    task = Task(archive, place, "nike", records[-1].cid, hash_key=KEY)
    with Objects.open(place) as objects:
        objects.put(task.state_name, encode(folded(history("puma")).snapshot()))
        with pytest.raises(ArchiveError, match="holds the state of 'puma'"):
            state_of(objects, task)


def test_task_is_a_value_that_shows_no_key() -> None:
    """It goes to other processes, and into logs."""
    task = Task("file:///a", "file:///b", "nike", "c1", LOOSER, 5, b"secret key bytes")
    assert pickle.loads(pickle.dumps(task)) == task  # noqa: S301 - our own
    assert "secret" not in repr(task)


def test_item_at_which_fold_and_records_part_is_told(archive: str, place: str) -> None:
    """By its commit and place; of many the first twenty, and how many there are."""
    records = history("nike", commits=2)
    wrong = [Item(chunk("nike", 0)) for _ in range(30)]
    last = following("nike", records, wrong)
    archived(archive, [*records, last])
    done = rebuild(Task(archive, place, "nike", last.cid, hash_key=KEY))
    assert (done.parted, len(done.shown)) == (30, 20)
    first = done.shown[0]
    assert (first.cid, first.place, first.told, first.found) == (last.cid, 0, "folded", "duplicate")
