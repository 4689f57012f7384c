"""Alerts and kill -9: a real service dies between commit and delivery, or in the middle of it; another one tells.

Each death is a failpoint, so that it happens exactly there.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import trio

from orchestrator.contract.keys import BrandKeys
from tests.alerts.test_service import BURST_MENTIONS, QUEUE, store_state
from tests.lane.support import item
from tests.polling import until
from tests.redis_server import RedisServer
from tests.service_process import running_service
from tests.webhook_receiver import Receiver, receiving

DEADLINE_S = 120.0  # for defects only
KEYS = BrandKeys.of("nike")


@pytest.mark.parametrize(
    ("point", "told_before"),
    [("session.committed", 0), ("alerts.taken", 0), ("alerts.delivered", 1)],
)
async def test_an_alert_survives_a_kill(tmp_path: Path, point: str, told_before: int) -> None:
    """It is in the outbox as soon as its commit is in, whoever finds it tells it, and the id shows repetitions."""
    receiver = Receiver()
    burst = item("nike", "burst", meta={"mentionCount": 3 * BURST_MENTIONS})
    with RedisServer() as server, server.client() as client, trio.fail_after(DEADLINE_S):
        store_state(client, "nike")
        async with receiving(receiver) as url:
            async with running_service(
                tmp_path, server.url, ALERT_WEBHOOK_URL=url, ORCHESTRATOR_FAILPOINTS=f"{point}=kill"
            ) as first:
                await first.logged("serving")
                client.rpush(QUEUE, burst)
                client.sadd("brands:set", "nike")
                await first.ended()
            assert (client.llen(QUEUE), client.llen(KEYS.outbox)) == (0, 1)
            assert len(receiver.requests) == told_before
            client.delete(KEYS.telling, KEYS.lock)  # stands for the time that they live longer than their holder
            async with running_service(tmp_path, server.url, ALERT_WEBHOOK_URL=url):
                await until(lambda: not client.llen(KEYS.outbox) and not client.exists(KEYS.telling))
    assert len(receiver.requests) == told_before + 1
    assert {json.loads(body)["type"] for _, body in receiver.requests} == {"spike.opened"}
    assert len({(headers["webhook-id"], body) for headers, body in receiver.requests}) == 1
