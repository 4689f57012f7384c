"""Whether Redis serves: told once, and recovery is noticed."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from orchestrator.errors import StoreError, StoreRefusedError, StoreUnavailableError
from orchestrator.process.metrics import Metrics
from orchestrator.scheduler.redis_health import AWAY, REFUSED, RedisHealth


class Reported:
    """The health of Redis, and how often a recovery was noticed."""

    def __init__(self) -> None:
        self.recoveries = 0
        self.metrics = Metrics(merge_implementation="python")
        self.health = RedisHealth(self.metrics, self._recovered)

    def _recovered(self) -> None:
        self.recoveries += 1

    def gauge(self) -> float | None:
        """What boards see."""
        return self.metrics.registry.get_sample_value("orchestrator_redis_up")


@pytest.fixture
def reported() -> Reported:
    """Nothing is reported yet."""
    return Reported()


def test_health_trusts_nobody_at_first(reported: Reported) -> None:
    """Before the first answer the service is not ready, and can say why."""
    assert (reported.health.up, reported.health.reason) == (False, "not reached yet")


def test_health_notices_each_recovery_once(reported: Reported) -> None:
    """Only the first answer after a silence is a recovery; the very first one counts too."""
    for _ in range(3):
        reported.health.answered()
    assert (reported.recoveries, reported.health.up, reported.health.reason, reported.gauge()) == (1, True, "", 1)
    reported.health.failed(StoreUnavailableError("gone"))
    assert (reported.health.up, reported.health.reason, reported.gauge()) == (False, "gone", 0)
    reported.health.answered()
    assert reported.recoveries == 2


@pytest.mark.parametrize(
    ("error", "summary"), [(StoreUnavailableError, AWAY), (StoreRefusedError, REFUSED), (StoreError, REFUSED)]
)
def test_health_has_a_sentence_for_strangers(reported: Reported, error: type[StoreError], summary: str) -> None:
    """It names no host and no user, whatever the server says."""
    reported.health.failed(error("user bob at redis-7.internal"))
    assert (reported.health.reason, reported.health.summary) == ("user bob at redis-7.internal", summary)
    reported.health.answered()
    assert reported.health.summary == ""


def test_health_logs_an_outage_once_for_each_reason(reported: Reported) -> None:
    """A thousand failures with one reason are one line; a new reason is a new line."""
    with capture_logs() as lines:
        reported.health.answered()
        for reason in ["refused"] * 1_000 + ["loading"]:
            reported.health.failed(StoreUnavailableError(reason))
        reported.health.answered()
    assert [(line["log_level"], line.get("reason")) for line in lines] == [
        ("info", None),
        ("warning", "refused"),
        ("warning", "loading"),
        ("info", None),
    ]
