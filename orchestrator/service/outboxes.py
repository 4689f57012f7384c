"""The outboxes of alerts as the task that tells them sees them: the store's calls, made on threads."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import TypeVar

import trio

from orchestrator.contract.outbox import Box, Swept
from orchestrator.store.outbox import MAX_LOOK, MAX_SWEEP, Outbox

T = TypeVar("T")

OUTBOX_THREADS = 2
"""Calls at the same time; more wait, so that alerts never starve lanes of connections."""


class ThreadedOutboxes:
    """Implements :class:`orchestrator.alerts.outboxes.Outboxes` over the store."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._limiter = trio.CapacityLimiter(OUTBOX_THREADS)

    async def waiting(self, brands: Sequence[str]) -> Swept:
        """Which of *brands* have alerts, which of them nobody tells, and how many all have."""
        found = Swept()
        for start in range(0, len(brands), MAX_SWEEP):
            found += await self._call(partial(self._outbox.waiting, brands[start : start + MAX_SWEEP]))
        return found

    async def look(self, brands: Sequence[str]) -> dict[str, Box]:
        """What is in the outboxes of *brands* and beside them."""
        found: dict[str, Box] = {}
        for start in range(0, len(brands), MAX_LOOK):
            found |= await self._call(partial(self._outbox.look, brands[start : start + MAX_LOOK]))
        return found

    async def take(self, brand: str, token: str, hold_s: float) -> Box | None:
        """The brand's alerts, and the right to tell them."""
        return await self._call(lambda: self._outbox.take(brand, token, hold_s))

    async def hold(self, brand: str, token: str, hold_s: float) -> bool:
        """Keep the right."""
        return await self._call(lambda: self._outbox.hold(brand, token, hold_s))

    async def leave(self, brand: str, token: str) -> None:
        """Give the right back."""
        await self._call(lambda: self._outbox.leave(brand, token))

    async def mark(self, brand: str, mark: str, others: Collection[str]) -> bool:
        """Note that a route is done with an alert; whether the others are."""
        return await self._call(lambda: self._outbox.mark(brand, mark, others))

    async def remove(self, brand: str, entry: bytes, marks: Collection[str]) -> bool:
        """Take *entry* out."""
        return await self._call(lambda: self._outbox.remove(brand, entry, marks))

    async def forget(self, brand: str, marks: Collection[str]) -> None:
        """Take *marks* out."""
        await self._call(lambda: self._outbox.forget(brand, marks))

    async def take_turn(self, route: str, token: str, hold_s: float) -> bool:
        """The right to tell digests of *route*."""
        return await self._call(lambda: self._outbox.take_turn(route, token, hold_s))

    async def keep_turn(self, route: str, token: str, hold_s: float) -> bool:
        """Keep that right."""
        return await self._call(lambda: self._outbox.keep_turn(route, token, hold_s))

    async def leave_turn(self, route: str, token: str) -> None:
        """Give that right back."""
        await self._call(lambda: self._outbox.leave_turn(route, token))

    async def _call(self, call: Callable[[], T]) -> T:
        # Abandoned when cancelled: every one of them may be repeated, and the hold runs out by itself.
        return await trio.to_thread.run_sync(call, limiter=self._limiter, abandon_on_cancel=True)
