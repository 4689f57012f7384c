"""Hands: the threads in which lanes compute, one for short work and one for long work.

Threads that all want the interpreter hand it over hundreds of times a second, each time with cold caches: five lanes on
small chunks were two thirds as fast as one. So lanes compute one after the other, some batches at a time; little waits
for Redis meanwhile, since batches are folded ahead. Short work does not wait for long work: there is a place for each.

A place is a row of calls and the thread that carries them out. While calls wait the thread goes from one to the next
without a way back to the event loop: a visit of a quiet brand costs not much more than that way. Each call has its own
lane, which waits for it alone: its time runs from its own beginning, it is cancelled alone, and what it raises is its
own. A call that hangs keeps its thread, and another thread goes on with the row. Nothing depends on this but speed.

Source: ``docs/decisions/0031-lanes-pass-a-baton.md``, ``0050-short-work-passes-long-work.md``,
``0062-what-a-quiet-visit-costs.md``.
"""

from __future__ import annotations

import sys
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from contextvars import Context, copy_context
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

import trio
from trio.lowlevel import start_thread_soon

from orchestrator.lane.turn import BURST_S

T = TypeVar("T")

SHORT_S = 2 * BURST_S
"""Short work that holds its place longer is none, and the others go on without it."""

LONG_S = 0.25
"""Long work likewise: it hangs, or has a slow fold or server."""

EAGER_S = 0.001
"""Beside long work an interpreter is handed on so soon: short work asks for it a dozen times, and would wait for 5 ms
each time."""


@dataclass(frozen=True, slots=True)
class HandsStatistics:
    """How many threads compute, how many of them do long work, and how many calls wait."""

    computing: int
    long: int
    waiting: int


@dataclass(slots=True, eq=False)
class _Call:
    """A call of one lane.

    Attributes:
        begun_s: when its thread began with it; None while it waits.
        worker: that thread.
        ended: whether it came to an end, with *value* or *error*.
        done: tells its lane so.
    """

    function: Callable[[], Any]
    context: Context
    begun_s: float | None = None
    worker: _Worker | None = None
    ended: bool = False
    value: Any = None
    error: BaseException | None = None
    done: trio.Event = field(default_factory=trio.Event)

    def carry_out(self) -> None:
        """In its thread; whatever it raises is its lane's."""
        try:
            self.value = self.context.run(self.function)
        except BaseException as error:  # noqa: BLE001 - not swallowed: the lane raises it
            self.error = error
        self.ended = True


@dataclass(slots=True, eq=False)
class _Worker:
    """A thread that carries out the calls of a place, as long as it has that.

    Attributes:
        at_work: whether it runs and has begun with a call. On a busy machine that takes its time.
    """

    place: _Place
    at_work: bool = False


class _Place:
    """Some calls in the order in which they were asked for, and whose turn it is.

    Attributes:
        worker: the thread that goes from call to call.
        until_s: by then it has to be done with its present call, or another one goes on beside it.
    """

    def __init__(self, longest_s: float, *, long: bool) -> None:
        self.longest_s = longest_s
        self.long = long
        self.worker: _Worker | None = None
        self.until_s = 0.0
        self.waiting: deque[_Call] = deque()


class Hands:
    """Carries out one call of short work at a time, and one of long work beside it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # of all that is below: both the event loop and the threads change it
        self._places = {False: _Place(SHORT_S, long=False), True: _Place(LONG_S, long=True)}
        self._computing: dict[_Worker, None] = {}
        self._usual_s = sys.getswitchinterval()

    def statistics(self) -> HandsStatistics:
        """Who computes and who waits."""
        with self._lock:
            long = sum(worker.place.long for worker in self._computing)
            waiting = sum(len(place.waiting) for place in self._places.values())
            return HandsStatistics(len(self._computing), long, waiting)

    async def run(self, call: Callable[[], T], *, timeout_s: float, long: bool = False) -> T:
        """Carry out *call* in the thread for *long* or for short work, in its turn.

        Cancelling this takes the call out of the row, or abandons it with its thread.

        Raises:
            trio.TooSlowError: it was begun and did not end within *timeout_s*; it is abandoned.
        """
        place, waits = self._places[long], _Call(call, copy_context())
        try:
            with self._lock:
                place.waiting.append(waits)
                if place.worker is None:
                    self._begin(place)
            while not waits.done.is_set():
                await self._wait(waits, place, timeout_s)
        except BaseException:
            with self._lock:
                self._withdraw(waits, place)
            raise
        # What is raised refers to its frames, and this one to what is raised: such a ring keeps a batch until the next
        # collection of garbage.
        error, waits.error = waits.error, None
        try:
            if error is not None:
                raise error
            return cast("T", waits.value)
        finally:
            del error

    def withdraw(self, call: Callable[[], Any]) -> bool:
        """Take *call* out of its row, so that no thread begins with it; False if one has. Who waits is to be cancelled.

        A cancel alone comes later: meanwhile the call may be begun, and be abandoned for that.
        """
        with self._lock:
            for place in self._places.values():
                for waits in place.waiting:
                    if waits.function is call:
                        place.waiting.remove(waits)
                        return True
        return False

    async def _wait(self, call: _Call, place: _Place, timeout_s: float) -> None:
        """Until *call* is done, or until there is something to be done about it."""
        begun_s = call.begun_s
        with trio.move_on_at(place.until_s if begun_s is None else begun_s + timeout_s):
            await call.done.wait()
        if call.done.is_set():
            return
        with self._lock:
            now_s = trio.current_time()
            if call.begun_s is None:
                if now_s >= place.until_s:
                    self._go_on_beside(place)
            elif now_s >= call.begun_s + timeout_s and not call.ended:
                raise trio.TooSlowError

    def _withdraw(self, call: _Call, place: _Place) -> None:
        """Nobody waits for *call* any more."""
        if call.worker is None:
            with suppress(ValueError):  # withdrawn before
                place.waiting.remove(call)
            return
        if call.ended:  # its thread went on
            return
        self._leave(call.worker)
        if place.worker is call.worker:
            place.worker = None
            if place.waiting:
                self._go_on_beside(place)

    # -- threads; the lock is held where they come and go

    def _go_on_beside(self, place: _Place) -> None:
        """The thread of *place* keeps what it has, and another one goes on with the row.

        Not instead of one that has come to no call yet: on a machine that lets each thread wait for longer than its
        time, the next one would be followed as well, and none would ever come to a call.
        """
        place.until_s = trio.current_time() + place.longest_s
        if place.worker is None or place.worker.at_work:
            with suppress(RuntimeError):  # no more threads: by then it is tried again, unless the one at work is done
                self._begin(place)

    def _begin(self, place: _Place) -> None:
        """Have a thread go on with the row of *place*.

        Raises:
            RuntimeError: there are no more threads; all is as it was.
        """
        worker = _Worker(place)
        token, clock = trio.lowlevel.current_trio_token(), trio.lowlevel.current_clock()

        def work() -> None:
            while (call := self._next(worker, clock.current_time())) is not None:
                call.carry_out()
                with suppress(trio.RunFinishedError):
                    token.run_sync_soon(call.done.set)

        start_thread_soon(work, lambda ended: ended.unwrap())  # which waits for the lock
        place.worker = worker
        place.until_s = trio.current_time() + place.longest_s
        self._computing[worker] = None
        self._be_eager()

    def _next(self, worker: _Worker, now_s: float) -> _Call | None:
        """What *worker* carries out now; None: its place is another one's, or nothing waits there."""
        place = worker.place
        with self._lock:
            if place.worker is worker and place.waiting:
                call = place.waiting.popleft()
                call.begun_s, call.worker, worker.at_work = now_s, worker, True
                place.until_s = now_s + place.longest_s
                return call
            if place.worker is worker:
                place.worker = None
            self._leave(worker)
            return None

    def _leave(self, worker: _Worker) -> None:
        self._computing.pop(worker, None)
        self._be_eager()

    def _be_eager(self) -> None:
        # One alone, with short work, keeps the interpreter for as long as CPython lets it.
        eager = len(self._computing) > 1 or any(worker.place.long for worker in self._computing)
        sys.setswitchinterval(EAGER_S if eager else self._usual_s)
