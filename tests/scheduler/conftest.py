"""Fixtures of the scheduler's tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from structlog.testing import capture_logs


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Keep log lines instead of rendering them: tracebacks of scripted defects take half a second each."""
    with capture_logs():
        yield
