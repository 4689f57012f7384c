"""Turns: when a brand's turn is over, and whose lane computes now.

A :class:`Turn` is one lane's, and one rule on one clock says when it is over, for the event loop and for the lane's
thread alike. The :class:`Baton` is shared by all lanes of an interpreter. Threads that all want the interpreter hand it
over hundreds of times a second, each time with cold caches: five lanes on small chunks were two thirds as fast as one.
So lanes compute one after the other, some batches at a time; little waits for Redis meanwhile, since batches are folded
ahead. Nothing depends on the baton but speed.

Source: ``docs/decisions/0031-lanes-pass-a-baton.md``.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import trio

LONGEST_S = 0.25
"""A lane that holds the baton longer hangs, or has a slow fold or server; the others go on without it."""

Clock = Callable[[], float]
"""Seconds on a monotonic clock that any thread can read."""


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
        self._given_up = False
        self.stopping = False

    def ask_to_yield(self) -> None:
        """Another brand waits for a lane: this one's turn ends with its quantum."""
        self._yield_asked = True

    def stop(self) -> None:
        """The service stops: the turn is over."""
        self.stopping = True

    def give_up(self) -> None:
        """Nobody waits any more for the lane's thread: it is not to begin anything."""
        self._given_up = True

    @property
    def contested(self) -> bool:
        """Whether there is a better use for a lane than to wait for work."""
        return self._yield_asked or self.stopping

    @property
    def over(self) -> bool:
        """Whether no further step is to be begun."""
        past_quantum = self._clock() - self._started_s >= self._quantum_s
        return self.stopping or self._given_up or (self._yield_asked and past_quantum)

    def burst(self, longest_s: float) -> Callable[[], bool]:
        """Says whether a burst that begins now may go on: for *longest_s* at most, and while the turn is not over."""
        until_s = self._clock() + longest_s
        return lambda: self._clock() < until_s and not self.over


@dataclass(frozen=True, slots=True)
class BatonStatistics:
    """Whether somebody holds the baton, and how many wait for it."""

    held: bool
    waiting: int


class Baton:
    """Held by one lane at a time, and passed on in the order in which it was asked for."""

    def __init__(self) -> None:
        self._holder: trio.Event | None = None
        self._until_s = 0.0
        self._waiting: deque[trio.Event] = deque()

    def statistics(self) -> BatonStatistics:
        """Who has it and who waits."""
        return BatonStatistics(self._holder is not None, len(self._waiting))

    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        """Wait for the baton and hold it; cancelling the wait gives it up."""
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
            # The holder may be another one by now: then this one's end takes the baton from nobody.
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
        self._until_s = trio.current_time() + LONGEST_S
        event.set()
