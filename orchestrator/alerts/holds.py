"""The right to tell a brand's alerts, shared by the routes of this process.

One process tells a brand at a time. Within it every route tells for itself, so that a route whose endpoint hangs holds
the brand and none of the other routes: the right is taken by the first, lengthened by each and given back by the last.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Final

import trio

from orchestrator.errors import StoreError

if TYPE_CHECKING:
    from orchestrator.alerts.outboxes import Outboxes
    from orchestrator.contract.outbox import Box

HOLD_S: Final = 30.0
"""How long the right to tell is taken for: an attempt and two calls of Redis. So long an alert waits for another
process if its own is killed, and the wait for a retry longer."""

LEAVE_S: Final = 0.5


class Hold:
    """The right to tell one brand, as long as it lasts."""

    def __init__(self, outboxes: Outboxes, brand: str) -> None:
        self._outboxes = outboxes
        self._brand = brand
        self._until_s = 0.0
        self.token = ""
        self.users = 0
        self.lock = trio.Lock()

    async def begin(self) -> Box | None:
        """Take the right if this process has none yet; the brand's alerts, or None: somebody else tells them."""
        if self.token:
            return (await self._outboxes.look([self._brand])).get(self._brand)
        token = secrets.token_hex(16)
        box = await self._outboxes.take(self._brand, token, HOLD_S)
        if box is not None:
            self.token, self._until_s = token, trio.current_time() + HOLD_S
        return box

    async def keep(self, for_s: float) -> bool:
        """Keep the right for at least *for_s* from now, and for as long as another route needs; False if it is lost."""
        now_s = trio.current_time()
        self._until_s = max(self._until_s, now_s + for_s)
        kept = await self._outboxes.hold(self._brand, self.token, self._until_s - now_s)
        if not kept:
            self.token = ""  # nor is it anybody's here: who comes next has to take it
        return kept

    async def end(self) -> None:
        """Give the right back, if it was had."""
        token, self.token = self.token, ""
        if token:
            with suppress(StoreError):
                await self._outboxes.leave(self._brand, token)


class Holds:
    """The rights that this process has."""

    def __init__(self, outboxes: Outboxes) -> None:
        self._outboxes = outboxes
        self._holds: dict[str, Hold] = {}

    def has(self, brand: str) -> bool:
        """Whether a route of this process tells *brand* at the moment."""
        return brand in self._holds

    @asynccontextmanager
    async def of(self, brand: str) -> AsyncIterator[tuple[Hold, Box | None]]:
        """The right to tell *brand* and its alerts; None where somebody else tells them.

        Raises:
            StoreError: Redis did not answer; the right may be taken for a while without a use.
        """
        hold = self._holds.setdefault(brand, Hold(self._outboxes, brand))
        hold.users += 1
        try:
            async with hold.lock:
                box = await hold.begin()
            yield hold, box
        finally:
            hold.users -= 1
            # Shielded, or a stop would leave the rest to wait until the hold runs out.
            with trio.move_on_after(LEAVE_S, shield=True):
                async with hold.lock:  # who comes meanwhile waits, and takes it anew
                    if not hold.users:
                        await hold.end()
            if not hold.users and self._holds.get(brand) is hold:
                del self._holds[brand]
