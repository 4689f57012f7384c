"""One brand's turn, beyond what the schedules try: its bounds, and what is not as it was believed to be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
import trio

from orchestrator.archivist import writer as module
from orchestrator.archivist.known import DAY_MS, Position
from orchestrator.archivist.writer import OBJECTS_A_TURN
from orchestrator.contract.consumed import Kept, Note, note_of
from orchestrator.errors import InvalidStateError
from tests.archivist.support import HOLD_S, NOON_MS, MemoryConsumed, MemoryShelf, Process, record


async def test_a_turn_makes_so_many_objects(autojump_clock: trio.testing.MockClock) -> None:
    """Then the next brand comes."""
    assert autojump_clock
    consumed = MemoryConsumed(*(record(version) for version in range(1, 20)))
    shelf = MemoryShelf(consumed)
    done = await Process(consumed, shelf).writer(1).turn("nike")
    assert (done.objects, len(shelf.records)) == (OBJECTS_A_TURN, OBJECTS_A_TURN)


async def test_a_right_that_is_lost_ends_the_turn(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While it is still putting: another one does the same by now."""
    assert autojump_clock
    consumed = MemoryConsumed(record(1))
    shelf = MemoryShelf(consumed)

    async def hangs(*_: object) -> None:
        consumed.line().token = "another one"  # noqa: S105 - no secret
        await trio.sleep_forever()

    monkeypatch.setattr(shelf, "put", hangs)
    with trio.fail_after(HOLD_S):
        done = await Process(consumed, shelf).writer().turn("nike")
    assert done.objects == 0
    assert consumed.line().records


async def test_one_state_at_a_time_is_in_memory(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are large, and at midnight all brands need one."""
    assert autojump_clock
    brands = ("nike", "puma", "asics")
    consumed = MemoryConsumed(record(7), brands=brands)
    shelf, at_once, most = MemoryShelf(consumed), 0, 0

    async def slow(brand: str) -> tuple[Position, str]:
        nonlocal at_once, most
        at_once, most = at_once + 1, max(most, at_once + 1)
        await trio.sleep(1)
        at_once -= 1
        return (1, 7), f"c7 of {brand}"

    monkeypatch.setattr(shelf, "put_base", slow)
    writer = Process(consumed, shelf).writer()
    async with trio.open_nursery() as nursery:
        for brand in brands:
            nursery.start_soon(writer.turn, brand)
    assert (most, len(shelf.records)) == (1, 3)


async def test_a_state_that_cannot_be_read_keeps_no_record_back(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is told and counted, and tried again with what comes next."""
    assert autojump_clock
    consumed = MemoryConsumed(record(7))
    shelf = MemoryShelf(consumed)
    put_base = shelf.put_base

    async def damaged(_: str) -> tuple[Position, str]:
        raise InvalidStateError("a field is damaged")

    monkeypatch.setattr(shelf, "put_base", damaged)
    process = Process(consumed, shelf)
    writer = process.writer()
    assert (await writer.turn("nike")).objects == 1
    assert "no base could be put" in capsys.readouterr().out
    assert writer.metrics.registry.get_sample_value("orchestrator_archive_failures_total", {"reason": "base"}) == 2
    monkeypatch.setattr(shelf, "put_base", put_base)
    consumed.line().records.append(record(8))
    shelf.live["nike"] = record(8).head
    await writer.turn("nike")
    assert shelf.bases == [((1, 8), "c8")]


async def test_of_brands_beyond_a_number_nothing_is_remembered(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The archive is asked again: memory is bounded, whatever brands there are."""
    assert autojump_clock
    monkeypatch.setattr(module, "MOST_KNOWN", 2)
    brands = [f"brand {number}" for number in range(5)]
    consumed = MemoryConsumed(record(1), brands=brands)
    writer = Process(consumed, MemoryShelf(consumed)).writer()
    for brand in brands:
        await writer.turn(brand)
    assert list(writer._known) == brands[-2:]


async def test_a_note_of_what_does_not_wait_is_passed_over(
    autojump_clock: trio.testing.MockClock, capsys: pytest.CaptureFixture[str]
) -> None:
    """A failover brought it back; what waits is read anew, and put."""
    assert autojump_clock
    consumed = MemoryConsumed(record(4), record(5))
    consumed.line().note = Note("c1", "c3", 3, 3, 300)
    shelf = MemoryShelf(consumed)
    await Process(consumed, shelf).writer().turn("nike")
    assert shelf.records == [record(4), record(5)]
    assert "a note is of other records than wait" in capsys.readouterr().out


async def test_a_days_first_object_that_somebody_else_had_noted_has_its_base(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Who noted it died before it was put: nobody else knows that the day begins with it."""
    assert autojump_clock
    consumed = MemoryConsumed(record(1))
    shelf = MemoryShelf(consumed)
    await Process(consumed, shelf).writer().turn("nike")
    second = record(2, at_ms=NOON_MS + DAY_MS)
    consumed.line().records.append(second)
    consumed.line().note, shelf.live["nike"] = note_of([second]), second.head
    await Process(consumed, shelf).writer().turn("nike")
    assert shelf.records == [record(1), second]
    assert shelf.bases == [((1, 2), "c2")]


async def test_what_a_failover_brings_back_is_put_again_and_nothing_else_is_changed(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Redis forgot a removal, and goes on in another lineage: both are there, the one of before as it was."""
    assert autojump_clock
    first, tomorrow = [record(1), record(2), record(3)], NOON_MS + DAY_MS
    consumed = MemoryConsumed(*first)
    shelf = MemoryShelf(consumed)
    process = Process(consumed, shelf)
    writer = process.writer(3)
    await writer.turn("nike")
    other = record(3, at_ms=NOON_MS + 5)
    lineage: Sequence[Kept] = [
        record(1),
        record(2),
        other._replace(head=replace(other.head, cid="d3")),
        record(4, previous="d3", at_ms=tomorrow),
    ]
    consumed.line().records = list(lineage)  # the note and the last commit are gone
    await writer.turn("nike")
    assert shelf.objects["nike", "", "c3"] == first
    assert shelf.objects["nike", "", "d3"] == list(lineage[:3])
    assert shelf.objects["nike", "d3", "c4"] == list(lineage[3:])


async def test_a_brand_that_somebody_else_puts_is_left_alone(autojump_clock: trio.testing.MockClock) -> None:
    """Nothing of it is read, and the right of the other one stays."""
    assert autojump_clock
    consumed = MemoryConsumed(record(1))
    process = Process(consumed, MemoryShelf(consumed))
    assert await consumed.take("nike", "another one", HOLD_S) is not None
    done = await process.writer().turn("nike")
    assert (done.had, done.objects, process.named) == (False, 0, ["take", "leave"])
    assert consumed.line().holds("another one")
