"""The archivist's sides as they are: Redis, a folder, what names there say of a brand's end; and the start."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import redis

from orchestrator.archive.record import Record
from orchestrator.archivist.known import DAY_MS, NOWHERE, Tail
from orchestrator.contract.consumed import Head, Waiting, note_of
from orchestrator.contract.consumed import encode as encode_head
from orchestrator.contract.keys import LEFT_TURN_KEY, BrandKeys
from orchestrator.errors import ArchiveError, SettingsError
from orchestrator.objects.brand_archive import BrandArchive
from orchestrator.objects.objects import Objects
from orchestrator.service import probe_archive
from orchestrator.service.archiving import ThreadedConsumed, ThreadedShelf, open_archive, tail_of
from orchestrator.settings import Settings
from orchestrator.store.consumed import MAX_SWEEP, Consumed
from tests.archivist.support import NOON_MS

BRAND = "nike archived"


def head(version: int, at_ms: int = NOON_MS) -> Head:
    """Of the commit of that version."""
    before = f"c{version - 1}" if version > 1 else ""
    return Head(f"c{version}", before, 1, version, at_ms, at_ms, 0, {}, items=1, size=2)


def record(version: int, at_ms: int = NOON_MS) -> Record:
    """The same commit as a record."""
    one = head(version, at_ms)
    return Record(BRAND, one.cid, one.previous, 1, version, at_ms, at_ms, 0, {})


@pytest.fixture
def objects(tmp_path: Path) -> Objects:
    """An archive in a folder that is not there yet."""
    return open_archive(f"file://{tmp_path}/archive")


@pytest.mark.parametrize(
    ("there", "first", "tail"),
    [
        ([], 1, Tail(has_previous=True)),
        ([], 7, Tail(has_previous=False)),
        ([(5, 0), (6, 0)], 7, Tail(has_previous=True, day=(1, 5))),
        ([(5, 0)], 7, Tail(has_previous=False, day=(1, 5))),
        ([(5, -1), (6, -1)], 7, Tail(has_previous=True)),
        ([(3, -2), (6, -1)], 7, Tail(has_previous=True)),
        ([(6, -2), (9, -1)], 7, Tail(has_previous=False)),
        ([(5, 0), (6, 0), (9, 1)], 7, Tail(has_previous=True, day=(1, 5))),
    ],
    ids=[
        "first commit",
        "nothing",
        "goes on",
        "gap",
        "yesterday",
        "days before",
        "not its newest day",
        "clock went back",
    ],
)
def test_names_say_where_a_chain_ends(objects: Objects, there: list[tuple[int, int]], first: int, tail: Tail) -> None:
    """Of today and of the newest day, without a look into any object."""
    BrandArchive(objects, BRAND).put([record(version, NOON_MS + days * DAY_MS) for version, days in there])
    assert tail_of(BrandArchive(objects, BRAND), head(first)) == tail


def test_a_time_beyond_all_days_is_of_the_last_one(objects: Objects) -> None:
    """Heads are anybody's: an error that is none of ours would end the process, and every one after it."""
    beyond = head(7, 10**15 - 1)
    BrandArchive(objects, BRAND).put([record(6, beyond.now_ms)])
    assert tail_of(BrandArchive(objects, BRAND), beyond) == Tail(has_previous=True, day=(1, 6))


async def test_a_base_is_of_the_live_commit(redis_client: redis.Redis, objects: Objects) -> None:
    """Where it stands is what the archivist is told; a chain may begin at it."""
    shelf = ThreadedShelf(objects, redis_client, Settings())
    redis_client.hset(BrandKeys.of(BRAND).meta, mapping={"cid": "c6", "epoch": 1, "version": 6, "format": 5})
    try:
        assert await shelf.put_base(BRAND) == ((1, 6), "c6")
        assert await shelf.tail(BRAND, head(7)) == Tail(has_previous=True, base=(1, 6), day=NOWHERE)
    finally:
        redis_client.delete(BrandKeys.of(BRAND).meta)


async def test_what_waits_goes_into_an_object_and_out_of_redis(redis_client: redis.Redis, objects: Objects) -> None:
    """Through both sides, as a turn does; brands of which nothing waits are told of, too."""
    keys, consumed = BrandKeys.of(BRAND), ThreadedConsumed(Consumed(redis_client), redis_client)
    shelf = ThreadedShelf(objects, redis_client, Settings())
    for version in (1, 2):
        redis_client.rpush(keys.records, encode_head(head(version)))
        redis_client.rpush(keys.consumed(f"c{version}"), b"{}")
    redis_client.hset(keys.archiving, mapping={"bytes": 500, "since": NOON_MS})
    try:
        others = [f"none {number}" for number in range(MAX_SWEEP)]
        waiting = await consumed.waiting([*others, BRAND])
        assert (len(waiting), waiting[BRAND].records) == (MAX_SWEEP + 1, 2)
        assert waiting[others[0]] == Waiting(0, 0, 0, 0, 0, "")
        assert await consumed.take(BRAND, "one", 30.0) is not None
        run = await consumed.read(BRAND, "one", 1 << 20)
        assert [one.head.cid for one in run] == ["c1", "c2"]
        assert await consumed.note(BRAND, "one", note_of(run))
        assert await consumed.read(BRAND, "one", 1, note_of(run)) == run
        assert await consumed.hold(BRAND, "one", 30.0)
        await shelf.put(BRAND, run)
        assert await consumed.remove(BRAND, "one", note_of(run))
        await consumed.leave(BRAND, "one")
        assert not redis_client.exists(keys.records, keys.consumed("c1"))
    finally:
        redis_client.delete(keys.records, keys.consumed("c1"), keys.consumed("c2"), keys.archiving)
    archive = BrandArchive(objects, BRAND)
    (ref,) = archive.day(archive.days()[0])
    assert [bytes(item.payload) for one in archive.records(ref) for item in one.items] == [b"{}", b"{}"]


def test_the_start_is_refused_where_a_package_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """In one sentence that says how it is installed; later nobody would look."""
    monkeypatch.setitem(sys.modules, "s3fs", None)
    with pytest.raises(SettingsError, match=r"ARCHIVE_URL: .*pip install 'service3-orchestrator\[archive\]'"):
        open_archive("s3://bucket/folder")


def test_a_probe_says_at_which_step_it_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of put, read and remove; and a store that gives something else back is none."""
    url = f"file://{tmp_path}/archive"
    assert "an object was put, read and removed" in probe_archive(url)

    def refuses(*_: object) -> None:
        raise ArchiveError("no rights")

    for step, name in (("put", "put"), ("read", "get"), ("removed", "remove")):
        with monkeypatch.context() as patch:
            patch.setattr(Objects, name, refuses)
            with pytest.raises(ArchiveError, match=f"an object could not be {step}: no rights"):
                probe_archive(url)
    monkeypatch.setattr(Objects, "get", lambda *_: b"other")
    with pytest.raises(ArchiveError, match="something else is there than was put"):
        probe_archive(url)


async def test_records_that_a_brand_left_behind_are_found_by_one_process(redis_client: redis.Redis) -> None:
    """By whoever has the turn; the others hear of nothing."""
    keys, consumed = BrandKeys.of(BRAND), ThreadedConsumed(Consumed(redis_client), redis_client)
    redis_client.delete(LEFT_TURN_KEY)
    redis_client.rpush(keys.records, encode_head(head(1)))
    try:
        assert BRAND in await consumed.left(["puma"])
        assert await consumed.left(["puma"]) == ()
        redis_client.delete(LEFT_TURN_KEY)
        assert BRAND not in await consumed.left([BRAND])
    finally:
        redis_client.delete(keys.records, LEFT_TURN_KEY)
