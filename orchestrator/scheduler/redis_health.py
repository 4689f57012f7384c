"""The health of Redis: whether it answers, accepts us and takes writes.

Owns no connection and asks nothing itself: it is told how the calls went that are made anyway.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import structlog

from orchestrator.errors import StoreError, StoreUnavailableError
from orchestrator.process.metrics import Metrics

AWAY: Final = "Redis does not answer; the log says more"
REFUSED: Final = "Redis answers and refuses what this service asks of it; the log says more"


class RedisHealth:
    """What the last call said about Redis.

    Attributes:
        up: whether Redis serves.
        reason: why it does not, in the server's words, which may name hosts and users; empty while it does.
        summary: the same in one of few sentences of ours.

    Args:
        metrics: get the gauge that tells the same.
        on_recovery: called when Redis serves again, and when it does for the first time.
    """

    def __init__(self, metrics: Metrics, on_recovery: Callable[[], None]) -> None:
        self.up = False
        self.reason = self.summary = "not reached yet"
        self._metrics = metrics
        self._on_recovery = on_recovery
        self._log = structlog.get_logger("orchestrator.redis")

    def answered(self) -> None:
        """A call succeeded."""
        if self.up:
            return
        self.up = True
        self.reason = self.summary = ""
        self._metrics.redis_up.set(1)
        self._log.info("redis answers")
        self._on_recovery()

    def failed(self, error: StoreError) -> None:
        """A call failed because of Redis."""
        reason = str(error)
        if self.up or reason != self.reason:
            self._log.warning("redis does not serve", reason=reason)
        self.up = False
        self.reason = reason
        self.summary = AWAY if isinstance(error, StoreUnavailableError) else REFUSED
        self._metrics.redis_up.set(0)
