"""The outboxes of alerts as the task that tells them sees them: the store's calls, made on threads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

import trio

from orchestrator.contract.outbox import Swept
from orchestrator.store.outbox import MAX_SWEEP, Outbox

T = TypeVar("T")

OUTBOX_THREADS = 2
"""Calls at the same time; more wait, so that alerts never starve lanes of connections."""


class ThreadedOutboxes:
    """Implements :class:`orchestrator.alerts.deliver.Outboxes` over the store."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._limiter = trio.CapacityLimiter(OUTBOX_THREADS)

    async def waiting(self, brands: Sequence[str]) -> Swept:
        """Which of *brands* have alerts that nobody tells, and how many all have."""
        found = Swept()
        for start in range(0, len(brands), MAX_SWEEP):
            found += await self._call(partial(self._outbox.waiting, brands[start : start + MAX_SWEEP]))
        return found

    async def take(self, brand: str, token: str, hold_s: float) -> list[bytes] | None:
        """The brand's alerts, and the right to tell them."""
        return await self._call(lambda: self._outbox.take(brand, token, hold_s))

    async def hold(self, brand: str, token: str, hold_s: float) -> bool:
        """Keep the right."""
        return await self._call(lambda: self._outbox.hold(brand, token, hold_s))

    async def remove(self, brand: str, entry: bytes) -> None:
        """Take *entry* out."""
        await self._call(lambda: self._outbox.remove(brand, entry))

    async def leave(self, brand: str, token: str) -> None:
        """Give the right back."""
        await self._call(lambda: self._outbox.leave(brand, token))

    async def _call(self, call: Callable[[], T]) -> T:
        # Abandoned when cancelled: every one of them may be repeated, and the hold runs out by itself.
        return await trio.to_thread.run_sync(call, limiter=self._limiter, abandon_on_cancel=True)
