"""The baton: one lane computes at a time, in order, and nobody waits for one that hangs."""

from __future__ import annotations

import pytest
import trio

from orchestrator.lane.baton import LONGEST_S, Baton

pytestmark = pytest.mark.usefixtures("autojump_clock")


class Log(list[tuple[str, float]]):
    """Who got the baton, and how many seconds after the beginning."""

    def __init__(self) -> None:
        super().__init__()
        self._begun_s = trio.current_time()

    def note(self, name: str) -> None:
        """*name* got it now."""
        self.append((name, round(trio.current_time() - self._begun_s, 2)))


async def _work(baton: Baton, log: Log, name: str, seconds: float) -> None:
    async with baton.held():
        log.note(name)
        await trio.sleep(seconds)


async def _started(nursery: trio.Nursery, baton: Baton, log: Log, *jobs: tuple[str, float]) -> None:
    """Have each of *jobs* ask for the baton, in this order."""
    for name, seconds in jobs:
        nursery.start_soon(_work, baton, log, name, seconds)
        await trio.testing.wait_all_tasks_blocked()


async def test_baton_is_passed_on_in_the_order_of_asking() -> None:
    """Whoever asks again waits behind those who asked before."""
    baton, log = Baton(), Log()
    async with trio.open_nursery() as nursery:
        await _started(nursery, baton, log, ("a", 0.1), ("b", 0.1), ("c", 0.1))
        await trio.sleep(0.05)
        nursery.start_soon(_work, baton, log, "a", 0.1)
    assert log == [("a", 0.0), ("b", 0.1), ("c", 0.2), ("a", 0.3)]


async def test_baton_without_others_is_no_wait() -> None:
    """Not even a checkpoint: the only lane goes on at once."""
    baton, log = Baton(), Log()
    for _ in range(3):
        await _work(baton, log, "a", 0.0)
    assert [at_s for _, at_s in log] == [0.0] * 3


async def test_others_go_on_without_one_that_holds_the_baton_too_long() -> None:
    """They pass it among themselves, and the late one's end takes it from nobody."""
    baton, log = Baton(), Log()
    async with trio.open_nursery() as nursery:
        await _started(nursery, baton, log, ("hangs", 0.3), ("b", 0.1), ("c", 0.1), ("d", 0.1))
    assert log == [
        ("hangs", 0.0),
        ("b", LONGEST_S),
        ("c", LONGEST_S + 0.1),
        ("d", LONGEST_S + 0.2),
    ]
    assert baton._holder is None


async def test_who_asks_after_the_baton_was_held_too_long_waits_no_more() -> None:
    """It is his at once."""
    baton, log = Baton(), Log()
    async with trio.open_nursery() as nursery:
        await _started(nursery, baton, log, ("hangs", 5.0))
        await trio.sleep(1.0)
        await _work(baton, log, "b", 0.1)
        await _work(baton, log, "b", 0.1)
    assert log == [("hangs", 0.0), ("b", 1.0), ("b", 1.1)]


async def test_cancelling_the_wait_or_the_holder_passes_it_on() -> None:
    """A lane that is stopped leaves no gap in the row."""
    baton, log = Baton(), Log()
    async with trio.open_nursery() as nursery:
        scopes = [trio.CancelScope(), trio.CancelScope()]
        for name, scope in zip(("holds", "waits"), scopes, strict=True):
            nursery.start_soon(_work_in, scope, baton, log, name)
            await trio.testing.wait_all_tasks_blocked()
        await _started(nursery, baton, log, ("c", 0.1))
        scopes[1].cancel()
        await trio.testing.wait_all_tasks_blocked()
        scopes[0].cancel()
    assert log == [("holds", 0.0), ("c", 0.0)]
    assert baton._holder is None


async def _work_in(scope: trio.CancelScope, baton: Baton, log: Log, name: str) -> None:
    with scope:
        await _work(baton, log, name, 0.2)


async def test_baton_passed_to_someone_who_is_cancelled_goes_to_the_next() -> None:
    """The event was set, and the one it was set for will not come."""
    baton, log = Baton(), Log()
    async with trio.open_nursery() as nursery:
        await _started(nursery, baton, log, ("a", 0.1))
        scope = trio.CancelScope()
        nursery.start_soon(_work_in, scope, baton, log, "doomed")
        await trio.testing.wait_all_tasks_blocked()
        await _started(nursery, baton, log, ("c", 0.1))
        await trio.sleep(0.1)
        scope.cancel()
    assert [name for name, _ in log if name != "doomed"] == ["a", "c"]
    assert baton._holder is None
