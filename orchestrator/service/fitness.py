"""Is the Redis of the start still fit? A server's role, its eviction policy and its log can change while we run.

Owns when it is looked again, and what the last look found; what is looked at is the preflight's. Source:
``docs/redis-protocol.md``, section "The server".
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Final

import structlog
import trio

from orchestrator.errors import StoreError
from orchestrator.store.preflight import Finding, Verdict, look

if TYPE_CHECKING:
    import redis

    from orchestrator.process.metrics import Metrics

INTERVAL_S: Final = 60.0
"""Two round trips a minute cost nothing, and nobody who changes a server waits for longer to be told."""

_GRAVITY: Final = {Verdict.OK: 0, Verdict.WARN: 1, Verdict.REFUSE: 2}


class Fitness:
    """What the last look at the server found.

    Args:
        client: of which server.
        metrics: get one number a check.
        max_clock_skew_s: by which the server's clock may differ from this machine's.
    """

    def __init__(self, client: redis.Redis, metrics: Metrics, *, max_clock_skew_s: float) -> None:
        self._look = partial(look, client, max_clock_skew_s=max_clock_skew_s)
        self._metrics = metrics
        self._found: dict[str, Finding] = {}
        self._log = structlog.get_logger("orchestrator.redis")

    def findings(self) -> Sequence[Finding]:
        """Those of the last look; none before the first."""
        return list(self._found.values())

    async def watch(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Look every minute, for ever; while the server gives no answer, what was found last stays."""
        limiter = trio.CapacityLimiter(1)
        task_status.started()
        while True:
            try:
                self._take_over(await trio.to_thread.run_sync(self._look, limiter=limiter, abandon_on_cancel=True))
            except StoreError as error:
                self._log.debug("server not looked at", reason=str(error))
            await trio.sleep(INTERVAL_S)

    def _take_over(self, findings: Sequence[Finding]) -> None:
        before, self._found = self._found, {finding.check: finding for finding in findings}
        for finding in findings:
            self._metrics.redis_fitness.labels(finding.check).set(_GRAVITY[finding.verdict])
            known = before.get(finding.check)
            # The first look repeats the start's; the clock is told of by those who are stopped by it.
            if known is not None and known.verdict is not finding.verdict and finding.check != "clock":
                self._tell(finding)

    def _tell(self, finding: Finding) -> None:
        log = self._log.bind(check=finding.check, found=finding.detail)
        if finding.verdict is Verdict.OK:
            log.info("redis is fit again")
        elif finding.verdict is Verdict.WARN:
            log.warning("redis could be fitter", remedy=finding.remedy)
        else:
            log.error("redis is not fit any more", remedy=finding.remedy)
