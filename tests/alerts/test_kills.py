"""Alerts and kill -9: a real service dies between commit and delivery, or in the middle of it; another one tells.

Each death is a failpoint, so that it happens exactly there.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
import trio

from orchestrator.contract.keys import BrandKeys, digest_key
from tests.alerts.support import alert
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


ROUTES = """
[[route]]
name = "one"
url = "{one}"

[[route]]
name = "two"
url = "{two}"
{two_more}
"""


@pytest.mark.parametrize(
    ("point", "first", "told_before"),
    [
        # killed with both in hand, before either is told
        ("alerts.taken", "good", 0),
        # killed when one route was answered and nothing was noted yet
        ("alerts.delivered", "good", 1),
        # killed with a mark in place: the second route's endpoint is away, the first one is told and marked
        ("alerts.marked", "away", 1),
    ],
)
async def test_an_alert_survives_a_kill_for_every_route(
    tmp_path: Path, point: str, first: str, told_before: int
) -> None:
    """Each route is told at least once; again at most the one that was answered and not yet marked."""
    one, two = Receiver(), Receiver()
    burst = item("nike", "burst", meta={"mentionCount": 3 * BURST_MENTIONS})
    with RedisServer() as server, server.client() as client, trio.fail_after(DEADLINE_S):
        store_state(client, "nike")
        async with receiving(one) as to_one, receiving(two) as to_two:
            file = tmp_path / "routes.toml"
            away = "http://127.0.0.1:9/" if first == "away" else to_two
            file.write_text(ROUTES.format(one=to_one, two=away, two_more=""))
            async with running_service(
                tmp_path, server.url, ALERT_ROUTES_FILE=str(file), ORCHESTRATOR_FAILPOINTS=f"{point}=kill"
            ) as killed:
                await killed.logged("serving")
                client.rpush(QUEUE, burst)
                client.sadd("brands:set", "nike")
                await killed.ended()
            assert (client.llen(QUEUE), client.llen(KEYS.outbox)) == (0, 1)
            # Another request may have been on its way when the process died: at least so many.
            assert told_before <= len(one.requests) + len(two.requests) <= 2
            marks = client.smembers(KEYS.told)
            file.write_text(ROUTES.format(one=to_one, two=to_two, two_more=""))
            before = len(one.requests)
            client.delete(KEYS.telling, KEYS.lock)  # stands for the time that they live longer than their holder
            async with running_service(tmp_path, server.url, ALERT_ROUTES_FILE=str(file)):
                await until(lambda: not client.llen(KEYS.outbox) and not client.exists(KEYS.telling, KEYS.told))
    assert 1 <= len(one.requests) <= 2
    assert 1 <= len(two.requests) <= 2
    assert len({(headers["webhook-id"], body) for headers, body in one.requests + two.requests}) == 1
    if point == "alerts.marked":
        assert len(marks) == 1
        assert len(one.requests) == before == 1  # it has its mark, so it is not told again


async def test_a_digest_survives_a_kill(tmp_path: Path) -> None:
    """Killed between its answer and the marks: told again, with the same alerts under the same ids."""
    one, two = Receiver(), Receiver()
    with RedisServer() as server, server.client() as client, trio.fail_after(DEADLINE_S):
        brands = [f"brand-{number}" for number in range(5)]
        now_ms = time.time_ns() // 1_000_000
        for brand in brands:
            client.sadd("brands:set", brand)
            client.rpush(BrandKeys.of(brand).outbox, alert(brand=brand).entry(now_ms - 120_000).encode())
        async with receiving(one) as to_one, receiving(two) as to_two:
            file = tmp_path / "routes.toml"
            file.write_text(ROUTES.format(one="http://127.0.0.1:9/", two=to_two, two_more="digest_minutes = 1"))
            async with running_service(
                tmp_path, server.url, ALERT_ROUTES_FILE=str(file), ORCHESTRATOR_FAILPOINTS="alerts.delivered=kill"
            ) as killed:
                await killed.ended()
            assert len(two.requests) == 1
            file.write_text(ROUTES.format(one=to_one, two=to_two, two_more="digest_minutes = 1"))
            client.delete(digest_key("two"), *(BrandKeys.of(brand).telling for brand in brands))
            async with running_service(tmp_path, server.url, ALERT_ROUTES_FILE=str(file)):
                await until(lambda: not any(client.llen(BrandKeys.of(brand).outbox) for brand in brands))
                await until(lambda: not client.exists(*(BrandKeys.of(brand).told for brand in brands)))
    told = [{found["data"]["id"] for found in json.loads(body)["data"]["alerts"]} for _, body in two.requests]
    assert told == [{alert(brand=brand).id for brand in brands}] * 2
    assert len({headers["webhook-id"] for headers, _ in two.requests}) == 1
    assert {headers["webhook-id"] for headers, _ in one.requests} == told[0]
