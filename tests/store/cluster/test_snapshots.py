"""A brand's state leaves a cluster as a file and comes back: the commit is made, and the next visit shows it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from orchestrator.service import decode_snapshot, encode_snapshot, put_back, state_differences, take_snapshot
from orchestrator.settings import Settings
from tests.lane.support import Brand

if TYPE_CHECKING:
    from orchestrator.store import Store
    from orchestrator.store.cluster.client import ClusterClient


def test_state_comes_back_on_a_cluster(client: ClusterClient, cluster_store: Store) -> None:
    """Whatever slots the brand's keys are in; readers see it at once, before anybody visits the brand."""
    settings = Settings()
    queue = Brand(client, cluster_store, "state on a cluster")
    queue.push_ids("c1", "c2")
    queue.visit()
    kept = decode_snapshot(encode_snapshot(take_snapshot(queue.client, settings, queue.name)))
    assert kept.trend
    assert kept.recent
    queue.push_ids("c3")
    queue.visit()
    over = take_snapshot(queue.client, settings, queue.name).cid
    put_back(queue.client, settings, kept, over=over)
    assert state_differences(settings, kept, take_snapshot(queue.client, settings, queue.name)) == []
    assert queue.summary()["totalChunks"] == 2
    trend: Any = queue.client.hgetall(queue.keys.trend)
    days = {name: json.loads(value)["chunks"] for name, value in trend.items() if name.startswith(b"day:")}
    assert sum(days.values()) == 2
