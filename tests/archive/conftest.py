"""Fixtures of the archive's tests."""

from tests.archive.recorder import recorder
from tests.lane.conftest import armed, queue

__all__ = ["armed", "queue", "recorder"]
