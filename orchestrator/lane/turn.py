"""Turns: when a brand's turn is over, and whose lane computes now.

A :class:`Turn` is one lane's, and one rule on one clock says when it is over, for the event loop and for the lane's
thread alike. The :class:`Baton` is shared by all lanes of an interpreter. Threads that all want the interpreter hand it
over hundreds of times a second, each time with cold caches: five lanes on small chunks were two thirds as fast as one.
So lanes compute one after the other, some batches at a time; little waits for Redis meanwhile, since batches are folded
ahead. Short work does not wait for long work: there is a place for each. Nothing depends on the baton but speed.

Source: ``docs/decisions/0031-lanes-pass-a-baton.md``, ``0050-short-work-passes-long-work.md``.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from time import perf_counter, thread_time
from typing import TypeVar

import trio

T = TypeVar("T")

BURST_S = 0.03
"""A lane goes on so long, while there is work: to the thread and back costs as much as 50 small chunks."""

SHORT_S = 2 * BURST_S
"""Short work that holds its place longer is none, and the others go on without it."""

LONG_S = 0.25
"""Long work likewise: it hangs, or has a slow fold or server."""

EAGER_S = 0.001
"""Beside long work an interpreter is handed on so soon: short work asks for it a dozen times, and would wait for 5 ms
each time."""

LONG_STEP_S = 0.015
"""Steps that compute longer are long work. A usual batch takes 5 ms, a chunk of 7.6 MB takes 30 to 200."""

Clock = Callable[[], float]
"""Seconds on a monotonic clock that any thread can read."""


@dataclass(frozen=True, slots=True)
class Clocks:
    """What lanes read.

    Attributes:
        wall: tells when turns are over, the same in every thread.
        cpu: processor time of the thread that asks.
    """

    wall: Clock = perf_counter
    cpu: Clock = thread_time


class Turn:
    """The time that a brand has its lane for.

    What one thread writes here another one reads without a lock: single attributes, each changed once.

    Args:
        quantum_s: how long a brand with work keeps its lane while another brand waits.
        clock: tells both threads the same time.
    """

    def __init__(self, quantum_s: float, clock: Clock) -> None:
        self._quantum_s = quantum_s
        self._clock = clock
        self._started_s = clock()
        self._yield_asked = False
        self.given_up = False
        self.stopping = False

    def ask_to_yield(self) -> None:
        """Another brand waits for a lane: this one's turn ends with its quantum."""
        self._yield_asked = True

    def stop(self) -> None:
        """The service stops: the turn is over."""
        self.stopping = True

    def give_up(self) -> None:
        """Nobody waits any more for the lane's thread: it is not to begin anything."""
        self.given_up = True

    @property
    def contested(self) -> bool:
        """Whether there is a better use for a lane than to wait for work."""
        return self._yield_asked or self.stopping

    @property
    def over(self) -> bool:
        """Whether no further step is to be begun."""
        past_quantum = self._clock() - self._started_s >= self._quantum_s
        return self.stopping or self.given_up or (self._yield_asked and past_quantum)

    def burst(self, longest_s: float) -> Burst:
        """A burst that begins now and takes *longest_s* at most."""
        return Burst(self, self._clock() + longest_s)

    def past(self, at_s: float) -> bool:
        """Whether it is *at_s* by the turn's clock."""
        return self._clock() >= at_s


@dataclass(frozen=True, slots=True)
class Burst:
    """Some steps on end within a turn: what the lane's thread asks between two of them."""

    turn: Turn
    until_s: float

    def go_on(self) -> bool:
        """Whether another step may follow at once."""
        return not self.turn.past(self.until_s) and not self.turn.over

    def fold_ahead(self) -> bool:
        """Whether the next batch may be folded while Redis works: it has to be committed before the turn ends."""
        return not self.turn.over

    def end(self) -> bool:
        """Whether the lease of a drained brand is given back at once, because there is a better use for the lane."""
        return self.turn.contested and not self.turn.given_up


class Work:
    """Whether a lane's work is long: its last call computed for long, as the next one then will.

    By processor time, because who waits for Redis or for the interpreter keeps nobody else from computing, and would be
    taken for long itself on a busy machine.

    Args:
        cpu: processor time of the thread that asks, in seconds.
        long: what is known from before.
    """

    def __init__(self, cpu: Clock, *, long: bool = False) -> None:
        self.long = long
        self._cpu = cpu

    def measured(self, call: Callable[[], T]) -> Callable[[], T]:
        """*Call*, which tells how long its steps compute."""

        def timed() -> T:
            begun_s, steps = self._cpu(), 1
            try:
                done = call()
                steps = len(done) if isinstance(done, list) else 1
                return done
            finally:
                self.long = self._cpu() - begun_s > steps * LONG_STEP_S

        return timed


@dataclass(frozen=True, slots=True)
class BatonStatistics:
    """How many lanes compute, how many of them do long work, and how many wait."""

    computing: int
    long: int
    waiting: int


class Baton:
    """Lets one lane compute at a time, and one with long work beside it."""

    def __init__(self) -> None:
        self._places = {False: _Place(SHORT_S), True: _Place(LONG_S)}
        self._computing = {False: 0, True: 0}
        self._usual_s = sys.getswitchinterval()

    def statistics(self) -> BatonStatistics:
        """Who computes and who waits."""
        waiting = sum(place.waiting for place in self._places.values())
        return BatonStatistics(sum(self._computing.values()), self._computing[True], waiting)

    @asynccontextmanager
    async def held(self, *, long: bool = False) -> AsyncIterator[None]:
        """Wait for the place for *long* or for short work and hold it; cancelling the wait gives it up."""
        async with self._places[long].held():
            self._count(long=long, change=1)
            try:
                yield
            finally:
                self._count(long=long, change=-1)

    def _count(self, *, long: bool, change: int) -> None:
        self._computing[long] += change
        # One alone, with short work, keeps the interpreter for as long as CPython lets it.
        eager = self._computing[True] or self._computing[False] > 1
        sys.setswitchinterval(EAGER_S if eager else self._usual_s)


class _Place:
    """Held by one lane at a time, for *longest_s* at most, and passed on in the order in which it was asked for."""

    def __init__(self, longest_s: float) -> None:
        self._longest_s = longest_s
        self._holder: trio.Event | None = None
        self._until_s = 0.0
        self._waiting: deque[trio.Event] = deque()

    @property
    def waiting(self) -> int:
        """How many wait for it."""
        return len(self._waiting)

    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        """Wait for it and hold it; cancelling the wait gives it up."""
        mine = trio.Event()
        if self._holder is None:
            self._pass_to(mine)
        else:
            self._waiting.append(mine)
        try:
            while not mine.is_set():
                with trio.move_on_at(self._until_s):
                    await mine.wait()
                # Past its time the holder keeps what it has, and the first of those who wait goes on beside it.
                if not mine.is_set() and trio.current_time() >= self._until_s:
                    self._pass_on()
            yield
        finally:
            # The holder may be another one by now: then this one's end takes it from nobody.
            if self._holder is mine:
                self._pass_on()
            elif not mine.is_set():
                self._waiting.remove(mine)

    def _pass_on(self) -> None:
        if self._waiting:
            self._pass_to(self._waiting.popleft())
        else:
            self._holder = None

    def _pass_to(self, event: trio.Event) -> None:
        self._holder = event
        self._until_s = trio.current_time() + self._longest_s
        event.set()
