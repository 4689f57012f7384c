"""Tells the other processes and all commands which brands this process leaves alone or cannot get done.

Owns when the common list is looked at; what is changed in it is decided by :mod:`orchestrator.fleet.noticing`. Nothing
depends on it but what people see.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, Protocol

import structlog
import trio

from orchestrator.errors import StoreError
from orchestrator.fleet.noticing import Trouble, changes
from orchestrator.fleet.parking import Parked
from orchestrator.store.members import read_members
from orchestrator.store.parked import publish, scan

if TYPE_CHECKING:
    import redis

INTERVAL_S: Final = 5.0
"""Between two looks without news: so long the entry of a process that died may stay."""

_PAUSE_S: Final = 0.2
"""Between two looks, however many brands are parked one after the other."""

_LEAVE_S: Final = 0.5


class Source(Protocol):
    """Who knows which brands are in trouble; the scheduler does."""

    def troubles(self) -> Mapping[str, Trouble]:
        """Brands that this process leaves alone or cannot get done, and why."""
        ...

    def take_committed(self) -> set[str]:
        """Brands for which this process has committed since the last call."""
        ...


class Notices:
    """Keeps the entries of this process in the common list true.

    Args:
        name: of this process, as in its heartbeat.
        source: what is to be told.
    """

    def __init__(self, client: redis.Redis, name: str, source: Source) -> None:
        self._client = client
        self._name = name
        self._source = source
        self._told: dict[str, float] = {}
        self._committed: set[str] = set()
        self._news = trio.Event()
        self._failure = ""
        self._limiter = trio.CapacityLimiter(1)
        self._log = structlog.get_logger("orchestrator.notices")

    def wake(self) -> None:
        """Something may have changed."""
        self._news.set()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Keep the list true, for ever."""
        task_status.started()
        while True:
            self._news = trio.Event()  # before the look: what comes during it needs another one
            await self._look(self._source.troubles())
            await trio.sleep(_PAUSE_S)
            with trio.move_on_after(INTERVAL_S - _PAUSE_S):
                await self._news.wait()

    async def leave(self) -> None:
        """Take the entries of this process out, because it ends; if that fails the others do it."""
        with trio.move_on_after(_LEAVE_S):
            await self._look({})

    async def _look(self, troubles: Mapping[str, Trouble]) -> None:
        self._committed |= self._source.take_committed()
        committed = frozenset(self._committed)
        found = {brand: trouble.found_s for brand, trouble in troubles.items()}
        news = frozenset(brand for brand, at_s in found.items() if self._told.get(brand) != at_s)
        mine = self._mine(troubles)
        try:
            # Abandoned if it hangs: it holds nothing, and whatever it still does is undone by the next look.
            await trio.to_thread.run_sync(
                lambda: self._change(mine, news, committed), limiter=self._limiter, abandon_on_cancel=True
            )
        except StoreError as error:
            if str(error) != self._failure:  # that Redis is away is told by others; a refusal of this is told once
                self._log.warning("parked brands not told to others", reason=str(error))
            self._failure = str(error)
            return
        self._failure, self._told = "", found
        self._committed -= committed

    def _mine(self, troubles: Mapping[str, Trouble]) -> dict[str, Parked]:
        now_s, now_ms = trio.current_time(), time.time_ns() // 1_000_000
        return {
            brand: Parked(one.code, one.reason, now_ms - round(1000 * (now_s - one.since_s)), self._name)
            for brand, one in troubles.items()
        }

    def _change(self, mine: dict[str, Parked], found: frozenset[str], committed: frozenset[str]) -> None:
        entries = scan(self._client)
        if not entries and not found:
            return
        # After the entries: who wrote one of them was heard of before, so only one that is gone is missing here.
        living = {self._name, *(member.name for member in read_members(self._client))}
        publish(
            self._client,
            changes(entries, mine, name=self._name, found=found, committed=committed, living=living),
        )
