"""The task: what is committed is in the archive within a minute, whoever did; what waits is counted and told."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio

from orchestrator.archivist.archivist import FORGOTTEN_S, LOOK_S, SEEK_S, STALE_S, SWEEP_S, WRITERS, Archivist
from orchestrator.archivist.plan import Terms
from orchestrator.contract.consumed import Kept, Waiting
from orchestrator.errors import (
    ArchiveError,
    ArchiveMisplacedError,
    ArchiveRefusedError,
    ArchiveUnavailableError,
    StoreUnavailableError,
)
from orchestrator.process.metrics import Metrics
from tests.archivist.support import NOON_MS, RECORD_BYTES, MemoryConsumed, MemoryShelf, record

OBJECT = 100 * RECORD_BYTES
HOLD_S = 30.0
BRANDS = ("nike", "puma")


class World:
    """One process, perhaps *on* what another one leaves; its wall clock goes with the virtual one, from noon on."""

    def __init__(
        self,
        *records: Kept,
        of: Sequence[str] = ("nike",),
        brands: Sequence[str] = ("nike", "puma"),
        on: World | None = None,
    ) -> None:
        self.consumed: MemoryConsumed = MemoryConsumed(*records, brands=of) if on is None else on.consumed
        self.shelf: MemoryShelf = MemoryShelf(self.consumed) if on is None else on.shelf
        self.brands: list[str] | None = list(brands)
        self.metrics = Metrics()
        self.started_s = trio.current_time()
        self.archivist = Archivist(
            self.consumed,
            self.shelf,
            self.metrics,
            terms=Terms(OBJECT, 30.0, HOLD_S),
            outbox_bytes=4 * OBJECT,
            brands=lambda: self.brands,
            wall_clock=lambda: NOON_MS / 1000 + trio.current_time() - self.started_s,
            monotonic=trio.current_time,
        )

    def commit(self, *records: Kept) -> None:
        """A lane of this process commits."""
        for one in records:
            self.consumed.line().records.append(one)
            self.shelf.live["nike"] = one.head
            self.archivist.tell("nike")

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """The task runs, and is finished at the end."""
        async with trio.open_nursery() as nursery:
            await nursery.start(self.archivist.run)
            yield
            with trio.fail_after(600):  # of virtual time
                await self.archivist.finish()

    def value(self, name: str, **labels: str) -> float:
        """Of a metric, as it is scraped."""
        self.metrics.render()
        found = self.metrics.registry.get_sample_value(f"orchestrator_{name}", labels)
        assert found is not None
        return found


async def test_what_is_committed_here_is_in_the_archive_within_a_minute(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Together with what came meanwhile; an object's worth at once."""
    assert autojump_clock
    world = World()
    async with world.running():
        await trio.sleep(5)
        world.commit(record(1, at_ms=NOON_MS + 5_000))
        await trio.sleep(10)
        world.commit(record(2, at_ms=NOON_MS + 15_000))
        assert world.shelf.records == []
        await trio.sleep(25)
        assert [[one.head.version for one in found] for found in world.shelf.objects.values()] == [[1, 2]]
        world.commit(*(record(version, at_ms=NOON_MS + 40_000) for version in range(3, 103)))
        await trio.sleep(3)
        assert [len(found) for found in world.shelf.objects.values()] == [2, 100]
    assert world.value("archive_objects_total") == 2
    assert world.value("archive_records_total") == 102
    assert world.value("archive_bytes_total") == 102 * RECORD_BYTES


async def test_what_a_dead_process_left_is_found(autojump_clock: trio.testing.MockClock) -> None:
    """By a sweep over all registered brands."""
    assert autojump_clock
    world = World(record(1), of=BRANDS)
    async with world.running():
        await trio.sleep(60)
    assert len(world.shelf.records) == 2


async def test_a_brand_that_left_the_registry_is_brought_to_its_end(autojump_clock: trio.testing.MockClock) -> None:
    """It was committed to here, so here it is remembered."""
    assert autojump_clock
    world = World(brands=["puma"])
    async with world.running():
        world.commit(record(1))
        await trio.sleep(60)
    assert len(world.shelf.records) == 1


@pytest.mark.parametrize("fails", [False, True])
async def test_what_was_told_is_looked_at_whatever_comes_between(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch, *, fails: bool
) -> None:
    """A look at all brands, of which this one is none, and a look that gets no answer."""
    assert autojump_clock
    world = World(brands=["puma"])
    waiting = world.consumed.waiting

    async def away(_: Sequence[str]) -> Mapping[str, Waiting]:
        monkeypatch.setattr(world.consumed, "waiting", waiting)
        raise StoreUnavailableError("away")

    if not fails:
        world.commit(record(1))
    async with world.running():
        await trio.sleep(1.5)
        if fails:
            monkeypatch.setattr(world.consumed, "waiting", away)
            world.commit(record(1))
        await trio.sleep(60)
    assert len(world.shelf.records) == 1


async def test_what_waits_has_an_age_where_the_clock_of_redis_is_ahead(autojump_clock: trio.testing.MockClock) -> None:
    """By some seconds: less than nothing is none."""
    assert autojump_clock
    world = World(record(1, at_ms=NOON_MS + 10_000))
    async with world.running():
        await trio.sleep(1)
        assert world.archivist.statistics().oldest_s == 0.001


async def test_so_many_brands_are_put_at_once(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And no more: each has an object in memory."""
    assert autojump_clock
    brands = [f"brand {number}" for number in range(3 * WRITERS)]
    world = World(record(1), of=brands, brands=brands)
    at_once, most, put = 0, 0, world.shelf.put

    async def slow(brand: str, run: Sequence[Kept]) -> None:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        await trio.sleep(1)
        at_once -= 1
        await put(brand, run)

    monkeypatch.setattr(world.shelf, "put", slow)
    async with world.running():
        await trio.sleep(90)
    assert most == WRITERS
    assert len(world.shelf.records) == len(brands)


async def test_a_put_that_takes_long_keeps_its_right(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else two processes would put it in turns, and neither could take it out."""
    assert autojump_clock
    world = World(record(1))
    put = world.shelf.put

    async def slow(brand: str, run: Sequence[Kept]) -> None:
        await trio.sleep(5 * HOLD_S)
        await put(brand, run)

    monkeypatch.setattr(world.shelf, "put", slow)
    async with world.running():
        for _ in range(100):
            await trio.sleep(2)
            if world.consumed.line().token and world.consumed.line().note and world.consumed.line().records:
                assert await world.consumed.take("nike", "other", HOLD_S) is None
    assert world.shelf.puts == 1
    assert world.consumed.line().records == []


async def test_an_archive_that_is_away_is_told_once_and_then_caught_up_with(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is lost; what waits is counted all the time."""
    assert autojump_clock
    world, tries = World(record(1), of=BRANDS), 0
    put = world.shelf.put

    async def away(*_: object) -> None:
        nonlocal tries
        tries += 1
        raise ArchiveUnavailableError(f"'object {tries}': no answer")

    monkeypatch.setattr(world.shelf, "put", away)
    async with world.running():
        await trio.sleep(300)
        assert 8 <= tries <= 25  # 1, 2, 4, 8, 16, 30 s, half of it by chance
        found = world.archivist.statistics()
        assert (found.counted, found.brands, found.bytes, found.trouble) == (
            True,
            2,
            2 * RECORD_BYTES,
            f"'object {tries}': no answer",
        )
        assert found.trouble_s > 200
        assert found.oldest_s > 290
        assert world.value("archive_waiting_bytes") == 2 * RECORD_BYTES
        assert world.value("archive_oldest_seconds") > 290
        assert world.value("archive_late_seconds") == world.value("archive_oldest_seconds") - 30
        assert world.value("archive_failing") == 1
        assert world.value("archive_failures_total", reason="unavailable") == tries
        monkeypatch.setattr(world.shelf, "put", put)
        await trio.sleep(60)
        assert world.value("archive_failing") == 0
        assert world.value("archive_oldest_seconds") == 0
        assert world.archivist.statistics().trouble == ""
    assert len(world.shelf.records) == 2
    said = capsys.readouterr().out
    assert said.count("records cannot be archived") == 1
    assert said.count("the archive takes records again") == 1


async def test_a_place_that_is_not_the_archive_is_told_before_there_is_anything_to_put(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Once each time, until it is the archive again; what comes meanwhile waits, and is put then."""
    assert autojump_clock
    world = World()
    right = True

    async def check() -> None:
        if not right:
            raise ArchiveMisplacedError("file:///archive has no marker: mount the volume")

    async def put(brand: str, run: Sequence[Kept]) -> None:
        await check()
        await MemoryShelf.put(world.shelf, brand, run)

    monkeypatch.setattr(world.shelf, "check", check)
    monkeypatch.setattr(world.shelf, "put", put)
    async with world.running():
        await trio.sleep(30)
        assert (world.value("archive_misplaced"), world.archivist.statistics().misplaced) == (0, False)
        right = False
        await trio.sleep(SWEEP_S * 1.25 + LOOK_S)
        found = world.archivist.statistics()
        assert (found.misplaced, found.trouble) == (True, "file:///archive has no marker: mount the volume")
        assert (world.value("archive_misplaced"), world.value("archive_failing")) == (1, 1)
        right = True
        await trio.sleep(SWEEP_S * 1.25 + LOOK_S)
        assert (world.value("archive_misplaced"), world.value("archive_failing")) == (0, 0)
        right = False
        world.consumed.line().records.append(record(1))
        world.archivist.tell("nike")
        await trio.sleep(120)
        assert world.shelf.records == []
        assert world.value("archive_failures_total", reason="misplaced") > 0
        right = True
        await trio.sleep(60)
        assert (world.value("archive_misplaced"), world.value("archive_failing")) == (0, 0)
        assert len(world.shelf.records) == 1
    said = capsys.readouterr().out
    assert (said.count("records cannot be archived"), said.count("the archive takes records again")) == (2, 2)


async def test_a_place_that_refuses_all_is_told_once_and_asked_by_one_brand(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Read-only, or without rights: it has nothing to do with a brand, of which there may be thousands."""
    assert autojump_clock
    names = [f"brand {number}" for number in range(50)]
    world = World(record(1), of=names, brands=names)
    put, tries = world.shelf.put, 0

    async def refuse(*_: object) -> None:
        nonlocal tries
        tries += 1
        raise ArchiveRefusedError("/archive takes nothing: Read-only file system")

    monkeypatch.setattr(world.shelf, "put", refuse)
    async with world.running():
        await trio.sleep(300)
        assert 8 <= tries <= 25  # 1, 2, 4, 8, 16, 30 s, half of it by chance, for all of them together
        found = world.archivist.statistics()
        assert (found.trouble, found.troubled, found.misplaced) == (
            "/archive takes nothing: Read-only file system",
            0,
            False,
        )
        assert world.value("archive_failures_total", reason="refused") == tries
        monkeypatch.setattr(world.shelf, "put", put)
        await trio.sleep(60)
        assert (world.value("archive_failing"), len(world.shelf.records)) == (0, 50)
    said = capsys.readouterr().out
    assert (said.count("records cannot be archived"), said.count("takes records again")) == (1, 1)


async def test_what_a_brand_left_behind_is_archived(autojump_clock: trio.testing.MockClock) -> None:
    """It was removed while records of it waited, and nobody who knew of it lives any more."""
    assert autojump_clock
    world = World(record(1), of=("gone",), brands=("nike",))
    async with world.running():
        await trio.sleep(300)
        assert world.shelf.records == []
        world.consumed.left_ones.append("gone")
        await trio.sleep(SEEK_S * 1.25)
        assert len(world.shelf.records) == 1
        assert world.archivist.statistics().brands == 0


async def test_nobody_left_a_registry_that_was_not_read(
    autojump_clock: trio.testing.MockClock, capsys: pytest.CaptureFixture[str]
) -> None:
    """At a start all that wait would be of brands that left it; and the one search of the hour would be over."""
    assert autojump_clock
    world = World(record(1), of=("gone", "nike"))
    world.brands, world.consumed.left_ones = None, ["gone", "nike"]
    async with world.running():
        await trio.sleep(60)
        assert (world.shelf.records, math.isnan(world.value("archive_waiting_bytes"))) == ([], True)
        world.brands = ["nike"]
        await trio.sleep(60)
        assert len(world.shelf.records) == 2
    assert "are archived brands=1" in " ".join(capsys.readouterr().out.split())


async def test_registry_of_nobody_has_nothing_that_waits(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That is a count, and trouble with a brand that left it ends; but no place is marked for nobody."""
    assert autojump_clock
    world, looks = World(record(1)), 0

    async def look() -> None:
        nonlocal looks
        looks += 1

    async def away(*_: object) -> None:
        raise ArchiveUnavailableError("no answer")

    monkeypatch.setattr(world.shelf, "put", away)
    monkeypatch.setattr(world.shelf, "check", look)
    async with world.running():
        await trio.sleep(60)
        assert (world.value("archive_failing"), looks > 0) == (1, True)
        world.brands, looks = [], 0
        world.consumed.line().records.clear()
        world.consumed.line().note = None
        await trio.sleep(FORGOTTEN_S + 60)
        assert (world.value("archive_failing"), world.value("archive_waiting_bytes"), looks) == (0, 0, 0)


class Counted(list[str]):
    """Brands of which it is counted how often all of them are gone through."""

    times = 0

    def __iter__(self) -> Iterator[str]:
        self.times += 1
        return super().__iter__()

    def __contains__(self, brand: object) -> bool:
        self.times += 1
        return super().__contains__(brand)


async def test_sweep_goes_through_the_brands_no_oftener_where_many_were_told(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Once for each of ten thousand it held the event loop for more than a second."""
    assert autojump_clock
    world = World()
    brands = world.brands = Counted(world.brands or ())
    for number in range(500):
        world.archivist.tell(f"brand {number}")
    async with world.running():
        await trio.sleep(0.5)
        assert 0 < brands.times < 20


async def test_brand_that_alone_is_refused_is_told_once_and_holds_up_nobody(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A policy of its folder, or an object that may not be put again: trouble would begin and end with each try."""
    assert autojump_clock
    world = World(record(1))
    put = world.shelf.put

    async def refuse(brand: str, run: Sequence[Kept]) -> None:
        if brand == "nike":
            raise ArchiveRefusedError("s3://bucket takes nothing: PermissionError")
        await put(brand, run)

    monkeypatch.setattr(world.shelf, "put", refuse)
    async with world.running():
        for version in range(1, 40):
            world.consumed.line("puma").records.append(record(version))
            world.shelf.live["puma"] = record(version).head
            await trio.sleep(40)
        assert len(world.shelf.records) >= 38
        found = world.archivist.statistics()
        assert (found.troubled, found.trouble) == (1, "s3://bucket takes nothing: PermissionError")
        monkeypatch.setattr(world.shelf, "put", put)
        await trio.sleep(60)
        assert world.value("archive_failing") == 0
    said = capsys.readouterr().out
    assert (said.count("records cannot be archived"), said.count("takes records again")) == (2, 2)


async def test_brand_that_leaves_meanwhile_is_counted_until_nothing_of_it_waits(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process puts what waits, and this one says so no longer."""
    assert autojump_clock
    world = World(record(1))

    async def away(*_: object) -> None:
        raise ArchiveUnavailableError("no answer")

    monkeypatch.setattr(world.shelf, "put", away)
    async with world.running():
        await trio.sleep(60)
        world.brands = ["puma"]
        await trio.sleep(60)
        assert world.archivist.statistics().brands == 1
        world.consumed.line().records.clear()
        await trio.sleep(60)
        assert world.archivist.statistics().brands == 0


async def test_search_holds_up_no_end(autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of many keys it takes minutes."""
    assert autojump_clock
    world = World()

    async def hang(_: object) -> None:
        await trio.sleep_forever()

    monkeypatch.setattr(world.consumed, "left", hang)
    async with trio.open_nursery() as nursery:
        await nursery.start(world.archivist.run)
        await trio.sleep(30)
        with trio.fail_after(2):
            await world.archivist.finish()


async def test_search_that_redis_does_not_answer_is_made_again(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is no reason to end, and told once: where Redis refuses this alone nobody else says so."""
    assert autojump_clock
    world = World()
    asked = 0

    async def away(_: object) -> Sequence[str]:
        nonlocal asked
        asked += 1
        raise StoreUnavailableError("no answer")

    monkeypatch.setattr(world.consumed, "left", away)
    async with world.running():
        await trio.sleep(3 * SEEK_S)
        assert 3 <= asked <= 4
    assert capsys.readouterr().out.count("cannot be looked for") == 1


async def test_a_place_that_hangs_keeps_nobody_from_counting(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor does one that gives no answer: who has something to put says so."""
    assert autojump_clock
    world = World(record(1))
    monkeypatch.setattr(world.shelf, "check", trio.sleep_forever)
    async with world.running():
        await trio.sleep(60)
        assert world.archivist.statistics().counted
        assert len(world.shelf.records) == 1

        async def away() -> None:
            raise ArchiveUnavailableError("no answer")

        monkeypatch.setattr(world.shelf, "check", away)
        await trio.sleep(60)
        assert (world.archivist.statistics().counted, world.archivist.statistics().trouble) == (True, "")


async def test_trouble_that_nobody_meets_any_more_is_told_no_more(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process put what this one could not, and it has nothing to put itself: an alert would have no end."""
    assert autojump_clock
    world = World(record(1))

    async def away(*_: object) -> None:
        raise ArchiveUnavailableError("no answer")

    monkeypatch.setattr(world.shelf, "put", away)
    async with world.running():
        await trio.sleep(FORGOTTEN_S + 120)
        assert world.value("archive_failing") == 1
        world.consumed.line().records.clear()
        world.consumed.line().note = None
        await trio.sleep(FORGOTTEN_S - 60)
        assert (world.value("archive_failing"), world.archivist.statistics().trouble) == (1, "no answer")
        await trio.sleep(120)
        assert (world.value("archive_failing"), world.archivist.statistics().trouble) == (0, "")


async def test_a_brand_whose_records_are_damaged_keeps_no_other_one(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told until it is mended."""
    assert autojump_clock
    world = World(record(1), of=BRANDS)
    read = world.consumed.read

    async def damaged(brand: str, token: str, max_bytes: int) -> Sequence[Kept]:
        if brand == "nike":
            raise ArchiveError("this is no head of a record")
        return await read(brand, token, max_bytes)

    monkeypatch.setattr(world.consumed, "read", damaged)
    async with world.running():
        await trio.sleep(120)
        assert [brand for brand, *_ in world.shelf.objects] == ["puma"]
        assert world.archivist.statistics().trouble == "this is no head of a record"
        assert world.value("archive_failing") == 1


async def test_where_nobody_can_count_nobody_says_that_nothing_waits(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither before the first count nor when it is old."""
    assert autojump_clock
    world = World()
    names = ["archive_waiting_bytes", "archive_oldest_seconds", "archive_late_seconds"]
    names += ["archive_brands_full", "archive_skipped_records", "archive_gaps"]
    assert all(math.isnan(world.value(name)) for name in names)
    async with world.running():
        await trio.sleep(1)
        assert [world.value(name) for name in names] == [0] * len(names)

        async def away(_: object) -> None:
            raise StoreUnavailableError("away")

        monkeypatch.setattr(world.consumed, "waiting", away)
        await trio.sleep(STALE_S + 15)
        assert all(math.isnan(world.value(name)) for name in names)
    assert capsys.readouterr().out.count("could not be counted") == 1


async def test_a_brand_of_which_nobody_says_anything_keeps_no_other_one(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its node of a cluster is away: what waited there still does, and is put once the node is back."""
    assert autojump_clock
    world = World(record(1), of=BRANDS)
    waiting, away = world.consumed.waiting, {"puma"}

    async def of_others(brands: Sequence[str]) -> Mapping[str, Waiting]:
        return {brand: one for brand, one in (await waiting(brands)).items() if brand not in away}

    monkeypatch.setattr(world.consumed, "waiting", of_others)
    async with world.running():
        await trio.sleep(60)
        assert [brand for brand, *_ in world.shelf.objects] == ["nike"]
        assert world.value("archive_waiting_bytes") == 0
        away.clear()
        await trio.sleep(40)
        assert sorted(brand for brand, *_ in world.shelf.objects) == ["nike", "puma"]


async def test_full_brands_and_skipped_records_are_told(
    autojump_clock: trio.testing.MockClock, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bound that was reached, and what the archive will never have."""
    assert autojump_clock
    world = World(*(record(version) for version in range(1, 401)))
    world.consumed.line("puma").skipped = 3
    world.consumed.line("puma").gaps = 2

    async def refuses(*_: object) -> None:
        raise ArchiveError("no rights")

    monkeypatch.setattr(world.shelf, "put", refuses)
    async with world.running():
        await trio.sleep(5)
        assert world.archivist.statistics().full == ["nike"]
        assert world.value("archive_brands_full") == 1
        assert world.value("archive_skipped_records") == 3
        assert world.value("archive_gaps") == 2
        await trio.sleep(60)
        world.consumed.line("puma").gaps = 3
        await trio.sleep(60)
        # Behind a purge they count from nothing.
        world.consumed.line("puma").skipped = world.consumed.line("puma").gaps = 0
        await trio.sleep(60)
        world.consumed.line("puma").skipped = world.consumed.line("puma").gaps = 2
        await trio.sleep(60)
    told = capsys.readouterr().out
    assert (told.count("records skipped"), told.count("the archive has gaps")) == (2, 3)
    assert "c-7" in told


async def test_finish_brings_to_its_end_what_is_in_hand(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And leaves the rest: it waits in Redis."""
    assert autojump_clock
    world = World(*(record(version) for version in range(1, 301)))
    putting, put = trio.Event(), world.shelf.put

    async def slow(brand: str, run: Sequence[Kept]) -> None:
        putting.set()
        await trio.sleep(3)
        await put(brand, run)

    monkeypatch.setattr(world.shelf, "put", slow)
    async with trio.open_nursery() as nursery:
        await nursery.start(world.archivist.run)
        await putting.wait()
        with trio.fail_after(3.5):
            await world.archivist.finish()
    line: Any = world.consumed.line()
    assert [len(found) for found in world.shelf.objects.values()] == [100]
    assert (len(line.records), line.note) == (200, None)
    assert await world.consumed.take("nike", "next", HOLD_S) is not None


async def test_cancelled_it_leaves_its_note_for_the_next_one(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An archive that hangs holds up no end: the range is noted, and the right is given back."""
    assert autojump_clock
    world = World(record(1))
    putting, put = trio.Event(), world.shelf.put

    async def hangs(*_: object) -> None:
        putting.set()
        await trio.sleep_forever()

    monkeypatch.setattr(world.shelf, "put", hangs)
    async with trio.open_nursery() as nursery:
        await nursery.start(world.archivist.run)
        await putting.wait()
        nursery.cancel_scope.cancel()
    with trio.fail_after(1):
        await world.archivist.finish()  # does not wait for what is gone
    assert world.consumed.line().note is not None
    monkeypatch.setattr(world.shelf, "put", put)
    async with World(on=world).running():
        await trio.sleep(60)
    assert len(world.shelf.records) == 1
