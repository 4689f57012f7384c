"""The baton: the one lane that computes, among those that share an interpreter.

Threads that all want the interpreter hand it over hundreds of times a second, each time with cold caches: five lanes
on small chunks were two thirds as fast as one. So lanes compute one after the other, some batches at a time;
what waits for Redis meanwhile is little, since batches are folded ahead. Nothing depends on the baton but speed.

Source: ``docs/decisions/0031-lanes-pass-a-baton.md``.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio

LONGEST_S = 0.25
"""Whoever holds the baton longer hangs, or has a slow fold or server; the others go on without him."""


class Baton:
    """Held by one lane at a time, and passed on in the order in which it was asked for."""

    def __init__(self) -> None:
        self._holder: trio.Event | None = None
        self._until_s = 0.0
        self._waiting: deque[trio.Event] = deque()

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
                if not mine.is_set() and trio.current_time() >= self._until_s:
                    self._pass_on()
            yield
        finally:
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
