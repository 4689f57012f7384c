"""A writer dies, freezes or loses an answer at every step, and another one takes over: nothing is lost or doubled.

Virtual time: the right runs out after 30 s, and whoever comes then makes what the first one had begun.
"""

from __future__ import annotations

import pytest
import trio

from orchestrator.archive.chain import chain_to
from orchestrator.archivist.known import DAY_MS, Position
from orchestrator.archivist.writer import Done
from orchestrator.errors import OrchestratorError
from tests.archivist.support import HOLD_S, NOON_MS, MemoryConsumed, MemoryShelf, Process, record

TOMORROW_MS = NOON_MS + DAY_MS
RECORDS = [
    *(record(version) for version in range(1, 4)),
    *(record(version, at_ms=TOMORROW_MS) for version in range(4, 6)),
    record(8, at_ms=TOMORROW_MS),  # two commits went on without records
    record(9, at_ms=TOMORROW_MS),
]
STEPS = 25
"""Calls of one who meets with nothing: :func:`test_steps_are_all_of_them`."""


def world() -> tuple[MemoryConsumed, MemoryShelf]:
    """All records wait, and the first base that is made is of the last commit before the gap."""
    consumed = MemoryConsumed(*RECORDS)
    shelf = MemoryShelf(consumed)
    shelf.live["nike"] = RECORDS[4].head
    put_base = shelf.put_base

    async def moving(brand: str) -> tuple[Position, str]:
        found = await put_base(brand)
        shelf.live[brand] = RECORDS[-1].head
        return found

    shelf.put_base = moving  # type: ignore[method-assign]
    return consumed, shelf


async def drained(process: Process) -> None:
    """Turns of *process* until nothing waits, whatever errors there are."""
    writer = process.writer()
    done: Done | None
    for _ in range(60):
        try:
            done = await writer.turn("nike")
        except OrchestratorError:
            done = None
        if process.dead:
            await trio.sleep_forever()
        if done is None:
            continue
        if done.had and not done.objects and not process.consumed.line().records:
            return
        await trio.sleep(1)
    raise AssertionError("it does not come to an end")


def check(consumed: MemoryConsumed, shelf: MemoryShelf) -> None:
    """Every record is there once, and the chain to the live commit is whole behind a base."""
    assert shelf.records == RECORDS
    assert consumed.line().records == []
    assert consumed.line().note is None
    bases = {cid for _, cid in shelf.bases}
    assert "c9" in bases  # behind the gap, and as the first one of the second day
    assert chain_to("c5", [one.head for one in shelf.records[:5]]).live == ["c1", "c2", "c3", "c4", "c5"]


async def test_steps_are_all_of_them(autojump_clock: trio.testing.MockClock) -> None:
    """Take, read, note, put, remove; bases where they are needed; objects end with the day and with the chain."""
    assert autojump_clock
    consumed, shelf = world()
    process = Process(consumed, shelf)
    await drained(process)
    check(consumed, process.shelf)
    assert [[one.head.version for one in run] for run in process.shelf.objects.values()] == [
        [1, 2],
        [3],
        [4, 5],
        [8, 9],
    ]
    assert process.shelf.puts == 4
    assert len(process.named) == STEPS


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("what", ["die", "freeze", "lose"])
@pytest.mark.parametrize("step", range(STEPS))
async def test_whatever_happens_to_a_writer_nothing_is_lost_or_doubled(
    step: int, what: str, autojump_clock: trio.testing.MockClock, *, after: bool
) -> None:
    """Another one brings it to the end; where the first one goes on then, it changes nothing any more."""
    assert autojump_clock
    consumed, shelf = world()
    first, second = Process(consumed, shelf, what, step, after), Process(consumed, shelf)
    over = trio.Event()

    async def whole() -> None:
        await drained(first)
        over.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(whole)
        if what == "lose":
            await over.wait()
        else:
            await first.stuck.wait()
            await trio.sleep(HOLD_S + 1)
            await drained(second)
            check(consumed, shelf)
        if what == "die":
            nursery.cancel_scope.cancel()
        first.thawed.set()
    check(consumed, shelf)
