"""Measuring what a commit costs the server leaves the history as it was."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.history import brand_with_history, commit_medians
from orchestrator.contract.keys import BrandKeys

if TYPE_CHECKING:
    import redis

    from orchestrator.store import Store


def test_history_keeps_its_size(redis_client: redis.Redis, store: Store) -> None:
    """However many commits are measured, each of them finds as many fields as the first one did."""
    lease = brand_with_history(redis_client, store, 30)
    (medians,) = commit_medians(redis_client, store, [lease], 3)
    assert min(medians) > 0
    assert redis_client.hlen(BrandKeys.of(lease.brand).state) == 30
