"""Looks for chunks in queues of brands that nobody registered, and tells of them.

Owns when: one process of all searches, once an hour; each reads every minute what was found, so that all say the same,
and a queue that was registered or emptied since is told of no more.
"""

from __future__ import annotations

from collections.abc import Callable
from math import nan
from typing import TYPE_CHECKING, Final, TypeVar

import structlog
import trio

from orchestrator.errors import StoreError
from orchestrator.store.orphans import INTERVAL_S, Orphans, Report, Search, Turn, now_ms, read_report, tell

if TYPE_CHECKING:
    from collections.abc import Collection

    import redis

    from orchestrator.process.metrics import Metrics

T = TypeVar("T")

LOOK_S: Final = 60.0
"""Between two readings of what was found."""

SLICE_PAUSE_S: Final = 0.02
"""Between two slices of a search: the server looks through names for less than a fiftieth of the time."""

STALE_S: Final = 300.0
"""What was read so long ago is no longer told."""

_SHOWN: Final = 5
"""Queues that a line of the log explains."""


class OrphanWatch:
    """What waits in queues of nobody's.

    Args:
        client: of which server.
        registered: says which brands are registered, None before that is known.
    """

    def __init__(
        self, client: redis.Redis, metrics: Metrics, *, registered: Callable[[], Collection[str] | None]
    ) -> None:
        self._client = client
        self._metrics = metrics
        self._registered = registered
        self._found: Orphans | None = None
        self._read_s = float("-inf")
        self._told: frozenset[str] = frozenset()
        self._failure = ""
        self._limiter = trio.CapacityLimiter(1)
        self._log = structlog.get_logger("orchestrator.orphans")

    def orphans(self) -> Orphans | None:
        """What was found, None before the first search and where nobody can search."""
        return self._found

    async def watch(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Read every minute what was found, and search when that is due; for ever."""
        task_status.started()
        while True:
            registered = self._registered()
            if registered is None:
                await trio.sleep(1.0)  # else every queue were nobody's
                continue
            await self._look(frozenset(registered))
            await trio.sleep(LOOK_S)

    async def _look(self, registered: frozenset[str]) -> None:
        try:
            report = await self._call(lambda: read_report(self._client))
            now = await self._call(lambda: now_ms(self._client))
            # One of the future is from before a clock was set, or somebody else's: it would stay for as long.
            if report is None or not 0 <= now - report.at_ms <= INTERVAL_S * 1000:
                report = await self._search(registered) or report
            if report is not None:
                found = report
                self._take_over(await self._call(lambda: tell(self._client, found, registered)))
            self._failure = ""
        except StoreError as error:
            # Nothing depends on it. That Redis is away is told by others; a refusal of this alone is told once.
            if str(error) != self._failure:
                self._log.warning("queues of unregistered brands cannot be looked for", reason=str(error))
            self._failure = str(error)
            if trio.current_time() - self._read_s > STALE_S:
                self._found = None
                self._metrics.set_orphans(nan, nan, nan)

    async def _search(self, registered: frozenset[str]) -> Report | None:
        """What there is, None if another process is searching."""
        turn, going = Turn(self._client), Search(self._client, registered)
        if not await self._call(turn.take):
            return None
        while await self._call(going.step):
            await self._call(turn.keep)
            await trio.sleep(SLICE_PAUSE_S)
        report = await self._call(lambda: going.report(now_ms(self._client)))
        await self._call(lambda: turn.end(report))
        return report

    def _take_over(self, found: Orphans) -> None:
        self._found, self._read_s = found, trio.current_time()
        self._metrics.set_orphans(found.queues, found.chunks, nan if found.size is None else found.size)
        names = frozenset(one.name for one in found.named)
        if names - self._told:
            why = [f"{one.chunks} in {one.name!r}: {one.why}" for one in found.named[:_SHOWN]]
            self._log.warning(
                "chunks wait in queues of unregistered brands", queues=found.queues, chunks=found.chunks, why=why
            )
        elif self._told and not names:
            self._log.info("no chunk waits in a queue of an unregistered brand any more")
        self._told = names

    async def _call(self, call: Callable[[], T]) -> T:
        return await trio.to_thread.run_sync(call, limiter=self._limiter, abandon_on_cancel=True)
