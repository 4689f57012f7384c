"""Whether this machine and Redis agree about the time, and who is told when they do not.

Asks nothing itself: every answer that a lane or discovery gets from Redis is compared on its way, and after each claim
it is looked at what came out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from orchestrator.process.metrics import Metrics
    from orchestrator.store.clock import ServerClock


class ClockHealth:
    """What the last answer said about the two clocks.

    Args:
        clock: compares them.
        metrics: get the difference.
        on_recovery: called when they agree again.
    """

    def __init__(self, clock: ServerClock, metrics: Metrics, on_recovery: Callable[[], None]) -> None:
        self._clock = clock
        self._metrics = metrics
        self._on_recovery = on_recovery
        self._differed = False
        self._withheld = False
        self._log = structlog.get_logger("orchestrator.clock")

    @property
    def problem(self) -> str:
        """Why nothing may be claimed; empty while the clocks agree.

        Whoever is told of one waits until they agree again, even if that is so before the next look.
        """
        problem = self._clock.statistics().problem
        self._withheld = self._withheld or bool(problem)
        return problem

    def look(self) -> None:
        """Tell what has changed since the last look, once."""
        seen = self._clock.statistics()
        self._metrics.clock_skew.set(seen.skew_s)
        if seen.problem:
            if not self._differed:
                self._log.error("clocks differ, nothing is claimed", reason=seen.problem)
            self._differed = self._withheld = True
            return
        if self._differed:
            self._log.info("clocks agree again")
        withheld, self._differed, self._withheld = self._withheld, False, False
        if withheld:
            self._on_recovery()
