"""Fixtures of the lane's tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis
from structlog.testing import capture_logs

from orchestrator.process import failpoints
from orchestrator.process.metrics import Metrics
from orchestrator.store import Store
from tests.lane.fakes import LaneUnderTest, Script
from tests.lane.support import Brand


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Keep log lines instead of rendering them: tracebacks of scripted defects take half a second each."""
    with capture_logs():
        yield


@pytest.fixture
def queue(redis_client: redis.Redis, store: Store, brand: str) -> Brand:
    """A fresh brand on the session's server."""
    return Brand(redis_client, store, brand)


@pytest.fixture
def armed() -> Iterator[None]:
    """The test arms failpoints; whatever it armed is disarmed when it ends."""
    yield
    failpoints.arm("")


@pytest.fixture
def visit(monkeypatch: pytest.MonkeyPatch) -> LaneUnderTest:
    """A lane on a scripted session, with metrics of its own."""
    return LaneUnderTest(Script(), Metrics(merge_implementation="python"), monkeypatch)
