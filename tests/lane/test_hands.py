"""One call computes at a time, in order; short work waits for no long one, and what hangs or fails is its lane's alone.

The calls are in real threads, and end when the test says so; virtual time stands still but where it is set forward.
"""

# ruff: noqa: ARG001 - the clock's effect is being requested

from __future__ import annotations

import contextvars
import gc
import sys
import threading
import weakref
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from orchestrator.lane.hands import EAGER_S, LONG_S, SHORT_S, Hands

TIMEOUT_S = 30.0
PATIENCE_S = 30.0
"""Of the test itself, for a thread that should have begun by now."""


class Row:
    """Calls that note when they begin, and end when they are told to."""

    def __init__(self) -> None:
        self.hands = Hands()
        self.began: list[str] = []
        self.threads: dict[str, int] = {}
        self.results: dict[str, object] = {}
        self._begun = threading.Semaphore(0)
        self._ends: dict[str, threading.Event] = {}
        self._scopes: dict[str, trio.CancelScope] = {}
        self._nursery: trio.Nursery | None = None

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Whatever still hangs or waits at the end is let go."""
        try:
            async with trio.open_nursery() as self._nursery:
                yield
                self._nursery.cancel_scope.cancel()
        finally:
            for end in self._ends.values():
                end.set()

    async def ask(self, *names: str, long: bool = False, raises: Exception | None = None) -> None:
        """Lanes ask for a call each, in this order."""
        assert self._nursery is not None
        for name in names:
            self._ends[name], self._scopes[name] = threading.Event(), trio.CancelScope()
            self._nursery.start_soon(partial(self._lane, name, long=long, raises=raises))
            await trio.lowlevel.checkpoint()
            await trio.lowlevel.checkpoint()

    async def _lane(self, name: str, *, long: bool, raises: Exception | None) -> None:
        with self._scopes[name]:
            try:
                result = await self.hands.run(partial(self._call, name, raises), timeout_s=TIMEOUT_S, long=long)
                self.results[name] = result
            except (trio.TooSlowError, ZeroDivisionError, RuntimeError) as error:
                self.results[name] = type(error)

    def _call(self, name: str, raises: Exception | None) -> str:
        self.began.append(name)
        self.threads[name] = threading.get_ident()
        self._begun.release()
        self._ends[name].wait()
        if raises is not None:
            raise raises
        return name

    async def next(self) -> str:
        """The call that begins next; it may have begun already."""
        assert await trio.to_thread.run_sync(partial(self._begun.acquire, timeout=PATIENCE_S)), "nothing begins"
        return self.began[-1]

    def end(self, name: str) -> None:
        """Let a call end."""
        self._ends[name].set()

    def cancel(self, name: str) -> None:
        """Its lane is stopped."""
        self._scopes[name].cancel()

    async def ended(self, name: str) -> object:
        """What became of it."""
        while name not in self.results:
            await trio.lowlevel.checkpoint()
        return self.results[name]


@pytest.fixture
async def row() -> AsyncIterator[Row]:
    """A row of calls; each test asks for the clock that stands still itself, or it would not be its clock."""
    row = Row()
    async with row.open():
        yield row
        for name in row._ends:
            row.end(name)


async def test_calls_are_carried_out_in_the_order_of_asking(row: Row, mock_clock: MockClock) -> None:
    """One after the other, by one thread, which goes from call to call while there are some."""
    await row.ask("a", "b", "c")
    for name in "abc":
        assert await row.next() == name
        row.end(name)
        assert await row.ended(name) == name
    assert len(set(row.threads.values())) == 1
    assert row.hands.statistics().waiting == 0


async def test_call_after_the_row_was_empty_is_begun_at_once(row: Row, mock_clock: MockClock) -> None:
    """The thread has gone by then."""
    for name in "ab":
        await row.ask(name)
        assert await row.next() == name
        row.end(name)
        assert await row.ended(name) == name
    while row.hands.statistics().computing:
        await trio.lowlevel.checkpoint()


async def test_short_work_passes_long_work(row: Row, mock_clock: MockClock) -> None:
    """And long work waits for no short one: so neither starves, however much there is of the other."""
    await row.ask("long", "longer", long=True)
    assert await row.next() == "long"
    await row.ask("a", "b")
    assert await row.next() == "a"
    told = row.hands.statistics()
    assert (told.computing, told.long, told.waiting) == (2, 1, 2)
    row.end("long")
    assert await row.next() == "longer"
    row.end("a")
    assert await row.next() == "b"


@pytest.mark.parametrize(("long", "most_s"), [(False, SHORT_S), (True, LONG_S)])
async def test_others_go_on_beside_one_that_takes_too_long(
    row: Row, mock_clock: MockClock, *, long: bool, most_s: float
) -> None:
    """One at a time among themselves, and the late one's end begins nothing."""
    await row.ask("hangs", "b", "c", long=long)
    assert await row.next() == "hangs"
    mock_clock.jump(0.99 * most_s)
    await wait_all_tasks_blocked()
    assert row.began == ["hangs"]
    mock_clock.jump(0.02 * most_s)
    assert await row.next() == "b"
    row.end("hangs")
    assert await row.ended("hangs") == "hangs"
    assert row.began == ["hangs", "b"]
    row.end("b")
    assert await row.next() == "c"


async def test_each_call_may_hold_its_place_for_as_long(row: Row, mock_clock: MockClock) -> None:
    """What those before it took is not its fault."""
    await row.ask("a", "b", "c")
    for name in "ab":
        assert await row.next() == name
        mock_clock.jump(0.7 * SHORT_S)
        await wait_all_tasks_blocked()
        row.end(name)
    assert await row.next() == "c"
    assert len(set(row.threads.values())) == 1


async def test_time_runs_from_the_beginning_of_each_call(row: Row, mock_clock: MockClock) -> None:
    """A call that waited for another one has all of its own; then it is abandoned, and the next one begins."""
    await row.ask("a")
    assert await row.next() == "a"
    mock_clock.jump(0.5 * SHORT_S)
    await row.ask("b", "c")
    row.end("a")
    assert await row.next() == "b"
    mock_clock.jump(TIMEOUT_S - 0.1 * SHORT_S)
    assert await row.next() == "c"  # beside it, since it takes too long
    assert "b" not in row.results
    mock_clock.jump(0.2 * SHORT_S)
    assert await row.ended("b") is trio.TooSlowError


async def test_hanging_call_that_is_given_up_makes_room(row: Row, mock_clock: MockClock) -> None:
    """Its thread is nobody's any more: the next call needs no look at the clock."""
    await row.ask("hangs")
    assert await row.next() == "hangs"
    mock_clock.jump(TIMEOUT_S)
    assert await row.ended("hangs") is trio.TooSlowError
    assert row.hands.statistics().computing == 0
    await row.ask("b")
    assert await row.next() == "b"


async def test_cancelled_calls_leave_no_gap(row: Row, mock_clock: MockClock) -> None:
    """One that waits is never begun; one that was begun is abandoned, and the next one goes on at once."""
    await row.ask("a", "b", "c")
    assert await row.next() == "a"
    row.cancel("b")
    await wait_all_tasks_blocked()
    row.cancel("a")
    assert await row.next() == "c"
    row.end("a")
    row.end("c")
    assert await row.ended("c") == "c"
    assert row.began == ["a", "c"]


async def test_what_a_call_raises_is_its_lanes_alone(row: Row, mock_clock: MockClock) -> None:
    """Those after it are carried out by the same thread."""
    await row.ask("bad", raises=ZeroDivisionError())
    await row.ask("good")
    assert await row.next() == "bad"
    row.end("bad")
    assert await row.ended("bad") is ZeroDivisionError
    assert await row.next() == "good"
    row.end("good")
    assert await row.ended("good") == "good"
    assert row.threads["bad"] == row.threads["good"]


async def test_what_a_call_raised_keeps_no_batch(row: Row, mock_clock: MockClock) -> None:
    """It goes with the error, at once: batches have megabytes, and garbage is collected now and then."""
    batches = list["weakref.ref[Row]"]()

    def fails() -> None:
        batch = Row()
        batches.append(weakref.ref(batch))
        raise ZeroDivisionError

    gc.collect()
    gc.disable()
    try:
        with suppress(ZeroDivisionError):
            await row.hands.run(fails, timeout_s=TIMEOUT_S)
        assert [batch() for batch in batches] == [None]
    finally:
        gc.enable()


async def test_withdrawn_call_is_never_begun(row: Row, mock_clock: MockClock) -> None:
    """Whether it was is certain: of one that a thread has, its lane is told so, and it goes on."""
    calls = {name: partial(row._call, name, None) for name in "ab"}
    await row.ask("hangs")
    assert await row.next() == "hangs"
    async with trio.open_nursery() as nursery:
        for name, call in calls.items():
            row._ends[name] = threading.Event()
            nursery.start_soon(partial(row.hands.run, call, timeout_s=TIMEOUT_S))
        await wait_all_tasks_blocked()
        assert row.hands.withdraw(calls["a"])
        assert not row.hands.withdraw(calls["a"])
        row.end("hangs")
        assert await row.next() == "b"
        assert not row.hands.withdraw(calls["b"])
        row.end("b")
        nursery.cancel_scope.cancel()
    assert row.began == ["hangs", "b"]
    assert row.hands.statistics().waiting == 0


async def test_cancel_after_the_end_leaves_the_thread_its_place(row: Row, mock_clock: MockClock) -> None:
    """It has gone on to the next call: nobody is to go on beside that."""
    await row.ask("a", "b", "c")
    assert await row.next() == "a"
    row.end("a")
    # Without a way back to the event loop, which does not know that it ended.
    assert row._begun.acquire(timeout=PATIENCE_S)
    row.cancel("a")
    await wait_all_tasks_blocked()
    assert row.began == ["a", "b"]
    assert row.hands.statistics().computing == 1


# -- threads that do not come


async def test_thread_that_comes_late_is_not_followed(
    row: Row, mock_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a busy machine it may take longer than a call may: if another one took its place, none would ever begin."""
    late: list[Callable[[], None]] = []
    with monkeypatch.context() as patch:
        patch.setattr("orchestrator.lane.hands.start_thread_soon", lambda work, _deliver: late.append(work))
        await row.ask("a", "b")
        for _ in range(3):
            mock_clock.jump(1.1 * SHORT_S)
            await wait_all_tasks_blocked()
    assert len(late) == 1
    trio.lowlevel.start_thread_soon(late[0], lambda ended: ended.unwrap())
    assert await row.next() == "a"
    mock_clock.jump(1.1 * SHORT_S)
    assert await row.next() == "b"


def _no_thread(*_: object) -> None:
    raise RuntimeError("can't start new thread")


async def test_call_without_a_thread_fails_and_is_not_carried_out_later(
    row: Row, mock_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody waits for it any more, and what it leased nobody would give back."""
    with monkeypatch.context() as patch:
        patch.setattr("orchestrator.lane.hands.start_thread_soon", _no_thread)
        await row.ask("a")
        assert await row.ended("a") is RuntimeError
    told = row.hands.statistics()
    assert (told.computing, told.waiting) == (0, 0)
    await row.ask("b")
    assert await row.next() == "b"


@pytest.mark.parametrize("given_up", [False, True])
async def test_row_goes_on_as_soon_as_there_is_a_thread(
    row: Row, mock_clock: MockClock, monkeypatch: pytest.MonkeyPatch, *, given_up: bool
) -> None:
    """Those who wait fail for nothing that is not theirs; the thread that takes too long keeps its place meanwhile."""
    await row.ask("hangs", "b", "c")
    assert await row.next() == "hangs"
    with monkeypatch.context() as patch:
        patch.setattr("orchestrator.lane.hands.start_thread_soon", _no_thread)
        mock_clock.jump(1.1 * SHORT_S)
        await wait_all_tasks_blocked()
        if given_up:
            row.cancel("hangs")
            await wait_all_tasks_blocked()
    assert not row.results
    if given_up:
        mock_clock.jump(1.1 * SHORT_S)
    else:
        row.end("hangs")
    assert await row.next() == "b"


async def test_calls_see_the_context_of_their_lane() -> None:
    """Log lines of a thread name the brand that it works for."""
    brand: contextvars.ContextVar[str] = contextvars.ContextVar("brand")
    hands, seen = Hands(), list[str]()

    async def lane(name: str) -> None:
        brand.set(name)
        await hands.run(lambda: seen.append(brand.get()), timeout_s=TIMEOUT_S)

    async with trio.open_nursery() as nursery:
        for name in "abc":
            nursery.start_soon(lane, name)
    assert sorted(seen) == ["a", "b", "c"]


async def test_interpreter_is_handed_on_sooner_beside_long_work(row: Row, mock_clock: MockClock) -> None:
    """From its beginning to its end; and while somebody with short work is past its time, until that is given up."""
    usual_s = sys.getswitchinterval()
    await row.ask("short")
    assert await row.next() == "short"
    assert sys.getswitchinterval() == usual_s
    await row.ask("long", long=True)
    assert await row.next() == "long"
    assert sys.getswitchinterval() == pytest.approx(EAGER_S)
    row.end("long")
    await _until(lambda: sys.getswitchinterval() == usual_s)
    mock_clock.jump(SHORT_S)
    await row.ask("beside")
    assert await row.next() == "beside"
    assert sys.getswitchinterval() == pytest.approx(EAGER_S)
    row.cancel("short")
    await _until(lambda: sys.getswitchinterval() == usual_s)


async def _until(true: Callable[[], bool]) -> None:
    while not true():
        await trio.lowlevel.checkpoint()
