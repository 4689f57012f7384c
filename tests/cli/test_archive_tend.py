"""Closed days become Parquet that anybody's tool reads, and old ones go, from the command line."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
import redis

from orchestrator.archive.record import Record
from orchestrator.archive.snapshot import Snapshot
from orchestrator.errors import (
    ArchiveUnavailableError,
    OrchestratorError,
    StaleStateError,
    StoreUnavailableError,
)
from orchestrator.objects.brand_archive import BrandArchive
from orchestrator.objects.objects import Objects
from orchestrator.objects.place import Entry
from orchestrator.objects.survey import brands_of
from orchestrator.service import live_commit, tending
from orchestrator.service.snapshots import take_snapshot
from orchestrator.settings import Settings
from orchestrator.store.audit import read_audit
from tests.archive.recorder import recorder
from tests.cli.conftest import Invoke
from tests.cli.test_archive import Archived, archived
from tests.objects.test_way import base_at, chain
from tests.store.world import World

__all__ = ["archived", "recorder"]

DAY_MS = 86_400_000


@pytest.fixture
def old(brand: str, redis_client: redis.Redis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> BrandArchive:
    """Five days of a brand, the last one two days ago, four records each; its state stands on the last."""
    monkeypatch.setenv("ARCHIVE_URL", f"file://{tmp_path}/archive")
    archive = BrandArchive(Objects.open(f"file://{tmp_path}/archive"), brand)
    begun_ms = tending.server_ms(redis_client) // DAY_MS * DAY_MS - 6 * DAY_MS
    records = chain(*(f"{day}{number}" for day in "abcde" for number in range(4)), step_ms=DAY_MS // 4)
    records = [replace(one, brand=brand, now_ms=begun_ms + place * DAY_MS // 4) for place, one in enumerate(records)]
    for record in records:
        archive.put([record])
    _live(redis_client, brand, records[-1])
    return archive


def _live(client: redis.Redis, brand: str, record: Record) -> None:
    """As if that had been the last commit."""
    client.hset(World(client, None, brand).keys.meta, mapping={"cid": record.cid, "version": record.version})  # type: ignore[arg-type]


def day(back: int) -> str:
    """So many days ago."""
    return (datetime.now(UTC).date() - timedelta(days=back)).isoformat()


def test_closed_days_become_parquet(invoke: Invoke, old: BrandArchive) -> None:
    """Told before and after; the archive is whole as before; again there is nothing to do."""
    dry = invoke("archive", "compact", "--all", "--dry-run")
    assert dry.stdout.splitlines()[0] == f"{old.brand!r}, {day(6)}: would pack 4 objects"
    assert (len(dry.stdout.splitlines()), "already" in dry.stderr) == (5, False)
    assert invoke("archive", "compact", old.brand, old.brand, "--dry-run").stdout == dry.stdout, "twice is once"
    assert invoke("archive", "verify", old.brand).exit_code == 0
    some = invoke("archive", "compact", old.brand, "--before", day(5))
    assert some.stdout.startswith(f"{old.brand!r}, {day(6)}: 4 commits in 1 file of ")
    told = json.loads(invoke("archive", "compact", "--all", "--json").stdout)
    assert [(one["day"], one["records"], one["removed"], one["left"]) for one in told] == [
        (day(back), 4, 4, []) for back in (5, 4, 3, 2)
    ]
    verified = invoke("archive", "verify", old.brand)
    assert "is whole: 5 objects" in verified.stdout, verified.output
    assert "Every closed day is Parquet already." in invoke("archive", "compact", "--all").stderr


def test_open_days_stay(invoke: Invoke, archived: Archived) -> None:
    """Today's, and yesterday's unless it is asked for."""
    assert "Every closed day is Parquet already." in invoke("archive", "compact", "--all").stderr
    assert invoke("archive", "compact", "--all", "--before", day(0)).exit_code == 0
    refused = invoke("archive", "compact", "--all", "--before", day(-1))
    assert (refused.exit_code, "days are closed before" in refused.stderr) == (2, True)
    for wrong in ("2026-1-1", "yesterday", ""):
        assert invoke("archive", "compact", "--all", "--before", wrong).exit_code == 2
    assert invoke("archive", "compact").exit_code == 2
    assert list(archived.folder.rglob("*.parquet")) == []


def test_what_stays_is_told(invoke: Invoke, old: BrandArchive) -> None:
    """With exit code 1."""
    old.objects.put(old.day(day(4))[1].name, b"damaged")
    done = invoke("archive", "compact", old.brand)
    assert done.exit_code == 1
    assert "left as it is: 'brand=" in done.stdout
    assert "cannot be unpacked" in done.stdout
    again = invoke("archive", "compact", old.brand)
    assert (again.exit_code, "left as it is" in again.stdout, "already" in again.stderr) == (1, True, False)


def test_old_days_go(invoke: Invoke, old: BrandArchive, redis_client: redis.Redis) -> None:
    """Up to a base; it is asked for, told, written down, and what is kept is whole."""
    asked = invoke("archive", "prune", "--all", "--days", "4")
    assert (asked.exit_code, "say --yes, or --dry-run" in asked.stderr) == (2, True)
    none = invoke("archive", "prune", "--all", "--days", "4", "--yes")
    assert (none.exit_code, "no base is on the way" in none.stdout) == (1, True)
    assert "Nothing is as old" not in none.stderr
    assert invoke("archive", "prune", "--days", "4", "--yes").exit_code == 2, "no brand is named"
    for record in old.way_to("e3").records:
        if record.cid in {"c0", "d0"}:
            old.put_base(replace(base_at(record), brand=old.brand))
    dry = invoke("archive", "prune", old.brand, "--days", "4", "--dry-run")
    assert dry.stdout.startswith(f"{old.brand!r}: {day(6)} to {day(5)} would go (8 objects, 0 bases, ")
    (told,) = json.loads(invoke("archive", "prune", "--all", "--days", "4", "--yes", "--json").stdout)
    assert (told["days"], told["objects"], told["begins"], told["stays"]) == ([day(6), day(5)], 8, "c0", "")
    assert [(act.action, act.details["days"]) for act in read_audit(redis_client, 1)] == [("archive prune", 4)]
    assert old.days() == [day(4), day(3), day(2)]
    verified = invoke("archive", "verify", old.brand)
    assert (verified.exit_code, "from the base of commit c0" in verified.stdout) == (0, True), verified.output
    nothing = invoke("archive", "prune", "--all", "--days", "4", "--yes")
    assert ("Nothing is as old as that." in nothing.stderr, nothing.stdout) == (True, "")


def test_days_to_keep_are_a_setting(invoke: Invoke, old: BrandArchive, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without one nothing goes unasked."""
    refused = invoke("archive", "prune", "--all", "--yes")
    assert (refused.exit_code, "which is for ever" in refused.stderr) == (2, True)
    monkeypatch.setenv("ARCHIVE_RETENTION_DAYS", "30")
    assert invoke("archive", "prune", old.brand, "--yes").exit_code == 0


@contextmanager
def _nobodys(*_: object, **__: object) -> Iterator[bool]:
    """Somebody else has the right to put records."""
    yield False


def test_quiet_brand_has_a_base_put(invoke: Invoke, archived: Archived, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its last commit is older than what is kept: with a base of it the records can go, and its state stays known."""
    later_ms = tending.server_ms(archived.queue.client) + 40 * DAY_MS
    monkeypatch.setattr(tending, "server_ms", lambda _: later_ms)
    kept = invoke("archive", "prune", archived.queue.name, "--days", "30", "--yes")
    assert "Nothing is as old as that." in kept.stderr  # a clock of Redis that is ahead lets nothing go
    monkeypatch.setattr(tending, "agreed_ms", lambda _: later_ms)
    with monkeypatch.context() as patch:
        patch.setattr(tending, "the_right", _nobodys)  # or a base would come back behind a purge
        stays = invoke("archive", "prune", archived.queue.name, "--days", "30", "--yes")
    assert "no base of its last commit" in stays.stdout
    done = invoke("archive", "prune", archived.queue.name, "--days", "30", "--yes")
    assert done.exit_code == 0, done.output
    (base,) = archived.archive.bases()
    assert base.cid == live_commit(archived.queue.client, archived.queue.name)[0]
    assert archived.archive.days() == []
    assert invoke("archive", "verify", archived.queue.name).exit_code == 0
    assert invoke("state", "verify", archived.queue.name).exit_code == 0


def test_analyst_finds_what_the_service_tells(archived: Archived) -> None:
    """DuckDB on the files, without a line of ours: mentions, sentiment, refusals by reason, mentions a day."""
    queue, folder = archived.queue, archived.folder
    now_ms = tending.server_ms(queue.client)
    for number in range(40):
        shares = {"positive": 0.5, "neutral": 0.25, "negative": 0.25, "score": 0.5}
        queue.push(
            queue.item(
                f"d{number}",
                processedAt=datetime.fromtimestamp((now_ms - number * 900_000) / 1000, UTC).isoformat(),
                sentiment=shares if number % 3 else {"positive": 2, "neutral": 1, "score": 1.5},
                topics=["launch", {"topic": "price", "mentions": 1}][: number % 3],
                meta={"mentionCount": number},
            )
        )
    queue.push(b"\xff", b"[1]", queue.item("", clusters=1), queue.item("d3"))
    archived.visit("d99")
    for one in archived.archive.days():
        assert tending.compact(queue.client, archived.archive, one).left == []
    assert list(folder.rglob("*.gz")) == []
    summary: dict[str, Any] = json.loads(queue.client.get(queue.keys.summary))  # type: ignore[arg-type]
    table = duckdb.connect().read_parquet(f"{folder}/*/*/*.parquet")
    folded = table.filter("fate = 'folded' AND NOT late")
    ((mentions, chunks, positive, neutral, negative),) = folded.aggregate(
        "sum(mentions), count(*), sum(positive), sum(neutral), sum(negative)"
    ).fetchall()
    assert (mentions, chunks) == (summary["totalMentions"], summary["totalChunks"])
    found = summary["sentiment"]
    assert [positive, neutral, negative] == pytest.approx([found["positive"], found["neutral"], found["negative"]])
    reasons = table.filter("fate = 'dead_letter'").aggregate("reason, count(*)").fetchall()
    assert sum(count for _, count in reasons) == queue.client.llen(queue.keys.failed) == 4
    assert table.filter("fate = 'duplicate' OR fate = 'conflict'").aggregate("count(*)").fetchall() == [(3,)]
    days = folded.aggregate("strftime(counted_at AT TIME ZONE 'UTC', '%Y-%m-%d') AS day, sum(mentions)").fetchall()
    trend = _mentions_of_trend(queue.client, queue.keys.trend)
    assert {one: int(count) for one, count in days} == trend


def _mentions_of_trend(client: redis.Redis, key: str) -> dict[str, int]:
    """What the days of the service's trend have."""
    found: dict[bytes, bytes] = client.hgetall(key)  # type: ignore[assignment]
    points = [json.loads(value) for name, value in found.items() if name.startswith(b"day:")]
    return {point["start"][:10]: point["mentions"] for point in points if point["mentions"]}


def test_brand_that_cannot_be_tended_keeps_no_other_one(
    invoke: Invoke, old: BrandArchive, redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is wrong with it: here somebody commits all the time while its state is read for a base."""
    other = f" {old.brand}"
    records = [replace(one, brand=other) for one in old.way_to("e3").records]
    BrandArchive(old.objects, other).put(records)
    _live(redis_client, other, records[-1])

    def busy(client: redis.Redis, settings: Settings, brand: str) -> Snapshot:
        if brand == other:
            raise StaleStateError("it is committed to all the time")
        return take_snapshot(client, settings, brand)

    monkeypatch.setattr(tending, "take_snapshot", busy)
    monkeypatch.setattr(os, "nice", lambda _: 0)  # this process would have a low priority from here on
    monkeypatch.setenv("ARCHIVE_RETENTION_DAYS", "1")
    monkeypatch.setattr(tending, "agreed_ms", lambda _: tending.server_ms(redis_client) + 30 * DAY_MS)
    done = json.loads(invoke("archive", "tend", "--compact").stdout)
    redis_client.delete(World(redis_client, None, other).keys.meta)  # type: ignore[arg-type]
    assert done["left"] == [f"{other!r}: it is committed to all the time"]
    assert (done["pruned"], done["open"], old.days()) == (5, 0, [])


def test_round_in_background_tells_what_came_of_it(
    invoke: Invoke, old: BrandArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it was asked for and no more, with a low priority where it may have one; what stays is told with why."""
    niced: list[int] = []

    def may_not(by: int) -> None:
        niced.append(by)
        raise PermissionError

    monkeypatch.setattr(os, "nice", may_not)
    nothing = json.loads(invoke("archive", "tend").stdout)
    assert (nothing, niced) == ({"compacted": 0, "pruned": 0, "open": 0, "left": []}, [15])
    monkeypatch.setenv("ARCHIVE_RETENTION_DAYS", "4")
    old.objects.put(old.day(day(4))[1].name, b"damaged")
    done = json.loads(invoke("archive", "tend", "--compact").stdout)
    assert (done["compacted"], done["pruned"], done["open"]) == (5, 0, 1)
    stays, left = done["left"]
    assert stays.startswith(f"{old.brand!r}: ")
    assert "cannot be unpacked" in left


@pytest.mark.parametrize("error", [ArchiveUnavailableError, StoreUnavailableError])
def test_round_ends_where_archive_or_redis_is_away(
    invoke: Invoke, old: BrandArchive, monkeypatch: pytest.MonkeyPatch, error: type[OrchestratorError]
) -> None:
    """It is no fault of the brand, and the next one would meet with the same."""

    def away(*_: object) -> None:
        raise error("nobody answers")

    monkeypatch.setattr(os, "nice", lambda _: 0)
    monkeypatch.setattr(tending, "closed_days", away)
    ended = invoke("archive", "tend", "--compact")
    assert (ended.exit_code != 0, ended.stdout, "nobody answers" in ended.stderr) == (True, "", True), old.brand


def test_brands_are_found_by_one_listing_each(old: BrandArchive, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bucket asks money for each: what has become Parquet is not listed day by day for ever."""
    long = "b" * 250
    BrandArchive(old.objects, long).put(replace(one, brand=long) for one in old.way_to("e3").records)
    assert set(brands_of(old.objects)) == {old.brand, long}
    asked: list[str] = []
    real = Objects.list

    def counted(objects: Objects, folder: str = "") -> Iterator[Entry]:
        asked.append(folder)
        return real(objects, folder)

    monkeypatch.setattr(Objects, "list", counted)
    assert [planned.day for planned in tending.closed_days(old, day(3))] == [day(6), day(5), day(4)]
    assert len(asked) == 1
