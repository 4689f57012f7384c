"""From chunks to the messages at two endpoints on a real cluster, for brands with and without braces."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING

import pytest
import trio

from orchestrator.contract.layout import CLUSTER
from orchestrator.service import app
from orchestrator.settings import Settings
from orchestrator.store import connect
from tests.alerts.test_service import BURST_CHUNKS, BURST_MENTIONS, DEADLINE_S, SECRET, _own_collector, store_state
from tests.lane.support import item
from tests.polling import until
from tests.webhook_receiver import Receiver, receiving

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cluster_servers import ClusterServers

__all__ = ["_own_collector"]

BRANDS = ("bursting one", "bursting {two}")
REGISTRY = "brands:of alerts"


@pytest.mark.usefixtures("_own_collector")
async def test_a_burst_rings_each_route_once(cluster_servers: ClusterServers, tmp_path: Path) -> None:
    """Each brand's episode is told to both routes, once, and nothing of it waits anywhere afterwards."""
    receivers = {"first": Receiver(), "second": Receiver()}
    client = connect(cluster_servers.url, timeout_s=10.0, pool_size=4)
    async with receiving(receivers["first"]) as first, receiving(receivers["second"]) as second:
        routes = tmp_path / "routes.toml"
        routes.write_text(
            "".join(
                f'[[route]]\nname = "{name}"\nurl = "{url}"\nsecret = "{SECRET}"\n'
                for name, url in (("first", first), ("second", second))
            )
        )
        settings = Settings(
            http_host="127.0.0.1",
            http_port=0,
            prometheus_port=0,
            brand_list_key=REGISTRY,
            alert_routes_file=str(routes),
        )
        with trio.fail_after(DEADLINE_S):
            for brand in BRANDS:
                store_state(client, brand)
                client.sadd(REGISTRY, brand)
            async with trio.open_nursery() as nursery:
                await nursery.start(partial(app.serve, settings, redis_url=cluster_servers.url))
                for brand in BRANDS:
                    for number in range(BURST_CHUNKS):
                        burst = item(brand, f"burst-{number}", meta={"mentionCount": BURST_MENTIONS})
                        client.rpush(CLUSTER.keys(brand).queue, burst)
                keys = [CLUSTER.keys(brand) for brand in BRANDS]
                await until(
                    lambda: (
                        all(len(receiver.requests) >= len(BRANDS) for receiver in receivers.values())
                        and not any(client.exists(name) for own in keys for name in (own.queue, own.outbox, own.told))
                    )
                )
                nursery.cancel_scope.cancel()
    client.delete(REGISTRY)
    client.close()
    for receiver in receivers.values():
        told = [json.loads(body) for _, body in receiver.requests]
        assert sorted((one["type"], one["data"]["brand"]) for one in told) == [
            ("spike.opened", brand) for brand in sorted(BRANDS)
        ]
        assert all(headers["webhook-signature"].startswith("v1,") for headers, _ in receiver.requests)
