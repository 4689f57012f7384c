"""Sees a primary move that sentinels name, and has every connection follow.

Owns when they are asked without need: a connection that breaks asks them by itself, but one to a primary that only we
still reach never breaks, and what is written there is lost. Source: the guidelines for clients of Sentinel, which have
them listen for the same reason; asking needs no subscription that could be lost unseen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

import structlog
import trio

from orchestrator.errors import StoreError
from orchestrator.store.following import SentinelPool

if TYPE_CHECKING:
    import redis

    from orchestrator.contract.address import Node

INTERVAL_S: Final = 2.0
"""So long a primary that was replaced may still get our writes; some small round trips to each sentinel."""


class PrimaryWatch:
    """Where the primary is, by the sentinels of *client*; of any other client it has nothing to say.

    Args:
        client: whose connections follow.
        others: clients of the same sentinels that follow, too: what one of them was told, the others do not know.
    """

    def __init__(self, client: redis.Redis, *others: redis.Redis) -> None:
        pool = client.connection_pool
        self._pool = pool if isinstance(pool, SentinelPool) else None
        self._others = [cast("SentinelPool", other.connection_pool) for other in others]
        self._known: Node | None = None
        self._silent = ""
        self._limiter = trio.CapacityLimiter(1)
        self._log = structlog.get_logger("orchestrator.redis")

    @property
    def said(self) -> str:
        """Which primary connections lead to, and whose word that is; empty without sentinels."""
        if self._pool is None:
            return ""
        sentinels = ", ".join(map(str, self._pool.sentinels.nodes))
        return f"primary {self._pool.primary or 'not reached yet'} by the sentinels {sentinels}"

    async def watch(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Ask every two seconds, for ever; ends at once where there are no sentinels."""
        task_status.started()
        while self._pool is not None:
            await self.look(self._pool)
            await trio.sleep(INTERVAL_S)

    async def look(self, pool: SentinelPool) -> None:
        """Ask once, and tell what is new."""
        try:
            # Abandoned when cancelled: it changes nothing but which connections are made anew.
            await trio.to_thread.run_sync(self._look, pool, limiter=self._limiter, abandon_on_cancel=True)
            self._tell("")
        except StoreError as error:
            self._tell(str(error))
        # What connections lead to and not what was said: a lane may have found out before us.
        if pool.primary != self._known:
            if self._known is not None:
                self._log.warning("primary moved", before=str(self._known), after=str(pool.primary))
            self._known = pool.primary

    def _look(self, pool: SentinelPool) -> None:
        pool.look()
        for other in self._others:
            other.look()

    def _tell(self, silent: str) -> None:
        """Log that the sentinels do not say where the primary is, once, and that they do again."""
        if bool(silent) != bool(self._silent):
            if silent:
                self._log.warning("sentinels do not name the primary", reason=silent)
            else:
                self._log.info("sentinels name the primary again")
        self._silent = silent
