"""Fixtures of the layout's tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orchestrator.contract.layout import CLUSTER
from orchestrator.store import Store
from tests.layout.world import Spread

if TYPE_CHECKING:
    import redis


@pytest.fixture
def spread(redis_client: redis.Redis, brand: str) -> Spread:
    """A brand with braces, colons and accents, on one server that is laid out as a cluster."""
    setattr(redis_client, "layout", CLUSTER)  # noqa: B010 - what a client of a cluster has by itself
    return Spread(redis_client, Store(redis_client), brand)
