"""Whose turn it is to compute, among lanes on one interpreter.

Threads that all want the interpreter hand it over hundreds of times a second, each time with cold caches: five lanes
on small chunks were two thirds as fast as one. So lanes compute one after the other, some batches at a time;
what waits for Redis meanwhile is little, since batches are folded ahead. Nothing depends on turns but speed.

Source: ``docs/decisions/0031-lanes-take-turns.md``.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio

LONGEST_S = 0.25
"""Whoever holds a turn longer hangs, or has a slow fold or server; the others go on without him."""


class Turns:
    """One turn, handed on in the order in which it was asked for."""

    def __init__(self) -> None:
        self._holder: trio.Event | None = None
        self._until_s = 0.0
        self._waiting: deque[trio.Event] = deque()

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for the turn and hold it; cancelling the wait gives it up."""
        mine = trio.Event()
        if self._holder is None:
            self._hand_to(mine)
        else:
            self._waiting.append(mine)
        try:
            while not mine.is_set():
                with trio.move_on_at(self._until_s):
                    await mine.wait()
                if not mine.is_set() and trio.current_time() >= self._until_s:
                    self._hand_on()
            yield
        finally:
            if self._holder is mine:
                self._hand_on()
            elif not mine.is_set():
                self._waiting.remove(mine)

    def _hand_on(self) -> None:
        if self._waiting:
            self._hand_to(self._waiting.popleft())
        else:
            self._holder = None

    def _hand_to(self, event: trio.Event) -> None:
        self._holder = event
        self._until_s = trio.current_time() + LONGEST_S
        event.set()
