"""The last word on Redis: told once, and recovery is noticed."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from orchestrator.errors import StoreUnavailableError
from orchestrator.process.metrics import Metrics
from orchestrator.scheduler.redis_health import RedisWatch


class Watched:
    """A watch and how often it noticed a recovery."""

    def __init__(self) -> None:
        self.recoveries = 0
        self.metrics = Metrics(merge_implementation="python")
        self.watch = RedisWatch(self.metrics, self._recovered)

    def _recovered(self) -> None:
        self.recoveries += 1

    def gauge(self) -> float | None:
        """What boards see."""
        return self.metrics.registry.get_sample_value("orchestrator_redis_up")


@pytest.fixture
def watched() -> Watched:
    """A watch that was told nothing yet."""
    return Watched()


def test_watch_trusts_nobody_at_first(watched: Watched) -> None:
    """Before the first answer the service is not ready, and can say why."""
    assert (watched.watch.up, watched.watch.reason) == (False, "not reached yet")


def test_watch_notices_each_recovery_once(watched: Watched) -> None:
    """Only the first answer after a silence is a recovery; the very first one counts too."""
    for _ in range(3):
        watched.watch.answered()
    assert (watched.recoveries, watched.watch.up, watched.watch.reason, watched.gauge()) == (1, True, "", 1)
    watched.watch.failed(StoreUnavailableError("gone"))
    assert (watched.watch.up, watched.watch.reason, watched.gauge()) == (False, "gone", 0)
    watched.watch.answered()
    assert watched.recoveries == 2


def test_watch_logs_an_outage_once_for_each_reason(watched: Watched) -> None:
    """A thousand failures with one reason are one line; a new reason is a new line."""
    with capture_logs() as lines:
        watched.watch.answered()
        for reason in ["refused"] * 1_000 + ["loading"]:
            watched.watch.failed(StoreUnavailableError(reason))
        watched.watch.answered()
    assert [(line["log_level"], line.get("reason")) for line in lines] == [
        ("info", None),
        ("warning", "refused"),
        ("warning", "loading"),
        ("info", None),
    ]
