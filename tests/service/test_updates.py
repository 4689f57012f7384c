"""Passing on announcements: to everybody who listens, from a subscription that is held only then."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import redis
import trio

from orchestrator.http.service_view import SummaryUpdate
from orchestrator.process.metrics import Metrics
from orchestrator.service import updates
from orchestrator.service.updates import BACKLOG_UPDATES, UpdateFeed
from tests.polling import until
from tests.redis_server import RedisServer

CHANNEL = "summary:updates"
DEADLINE_S = 30.0


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """How often the subscription looks whether anybody still listens."""
    monkeypatch.setattr(updates, "_POLL_S", 0.02)
    monkeypatch.setattr(updates, "_RECONNECT_CAP_S", 0.02)


@pytest.fixture
def metrics() -> Metrics:
    """Metrics of the test's own."""
    return Metrics(merge_implementation="python")


@asynccontextmanager
async def relaying(client: redis.Redis, metrics: Metrics) -> AsyncIterator[UpdateFeed]:
    """A feed whose relay runs."""
    feed = UpdateFeed(client, metrics)
    with trio.fail_after(DEADLINE_S):
        async with trio.open_nursery() as nursery:
            await nursery.start(feed.relay)
            yield feed
            nursery.cancel_scope.cancel()


def _message(brand: str, version: int = 1) -> str:
    return json.dumps({"brand": brand, "epoch": 7, "version": version})


async def announce(client: redis.Redis, *messages: str | bytes) -> None:
    """Publish *messages* once the relay has subscribed: PUBLISH itself says how many heard it."""
    await until(lambda: client.publish(CHANNEL, "probe: not an update"))
    for message in messages:
        assert client.publish(CHANNEL, message) == 1


async def test_feed_passes_updates_on_to_everybody(redis_client: redis.Redis, metrics: Metrics, brand: str) -> None:
    """All listeners of the process share one subscription and get the same."""
    async with relaying(redis_client, metrics) as feed, feed.listen() as one, feed.listen() as other:
        await announce(redis_client, _message(brand))
        assert await one.receive() == await other.receive() == SummaryUpdate(brand, 7, 1)


@pytest.mark.parametrize(
    "foreign",
    [
        "",
        "text",
        "[]",
        '{"brand":"x"}',
        '{"brand":1,"epoch":1,"version":1}',
        b"\xff",
        "9" * 5_000,
        b'{"brand":"\xff"}',
        '{"x":' + "[" * 3_000,
        '{"brand":"orchestrator preflight 1","epoch":1,"version":1}',
    ],
)
async def test_feed_ignores_what_is_no_update(
    redis_client: redis.Redis, metrics: Metrics, brand: str, foreign: str | bytes
) -> None:
    """Anybody may publish there; what is not of our making is skipped, and the next update arrives."""
    async with relaying(redis_client, metrics) as feed, feed.listen() as listener:
        await announce(redis_client, foreign, _message(brand))
        assert (await listener.receive()).brand == brand


async def test_feed_drops_updates_for_a_slow_listener_only(
    redis_client: redis.Redis, metrics: Metrics, brand: str
) -> None:
    """A listener that does not read loses the newest, which is counted; one that reads gets everything."""
    received = 0
    async with relaying(redis_client, metrics) as feed, feed.listen() as slow, feed.listen() as quick:
        await announce(redis_client)
        for version in range(BACKLOG_UPDATES + 10):
            redis_client.publish(CHANNEL, _message(brand, version))
            received += (await quick.receive()).version == version
        assert slow.statistics().current_buffer_used == BACKLOG_UPDATES
    assert received == BACKLOG_UPDATES + 10
    assert metrics.registry.get_sample_value("orchestrator_updates_dropped_total") == 10


async def test_feed_holds_no_subscription_without_listeners(
    redis_client: redis.Redis, metrics: Metrics, brand: str
) -> None:
    """The first listener subscribes, the last one ends it, and a later one begins anew."""
    async with relaying(redis_client, metrics) as feed:
        assert redis_client.publish(CHANNEL, _message(brand)) == 0
        for _ in range(2):
            async with feed.listen() as listener:
                await announce(redis_client, _message(brand))
                assert (await listener.receive()).brand == brand
            await until(lambda: not redis_client.publish(CHANNEL, "is anybody there?"))


async def test_feed_subscribes_again_after_an_outage(metrics: Metrics) -> None:
    """A restarted Redis costs listeners what was announced meanwhile, and nothing else."""
    with RedisServer() as server, server.client() as client:
        async with relaying(client, metrics) as feed, feed.listen() as listener:
            await announce(client, _message("before"))
            assert (await listener.receive()).brand == "before"
            server.restart()
            with server.client() as fresh:
                # Several times: the library connects anew before it raises, and that subscription ends at once.
                await until(
                    lambda: fresh.publish(CHANNEL, _message("after")) and listener.statistics().current_buffer_used
                )
            assert (await listener.receive()).brand == "after"


async def test_feed_forgets_a_listener_that_left(redis_client: redis.Redis, metrics: Metrics, brand: str) -> None:
    """One reader's end is no matter to the others."""
    async with relaying(redis_client, metrics) as feed, feed.listen() as staying:
        async with feed.listen():
            await announce(redis_client)
        redis_client.publish(CHANNEL, _message(brand))
        assert (await staying.receive()).brand == brand


async def test_feed_subscribes_anew_when_connections_are_made_anew(
    redis_client: redis.Redis, metrics: Metrics, brand: str
) -> None:
    """The server may be elsewhere by then, and a subscription to the old one never breaks by itself."""
    pool: Any = redis_client.connection_pool
    async with relaying(redis_client, metrics) as feed, feed.listen() as listener:
        await announce(redis_client)
        (before,) = subscribers(redis_client)
        pool.renew()
        await until(lambda: subscribers(redis_client) - {before})
        await until(lambda: before not in subscribers(redis_client))
        await announce(redis_client, _message(brand))
        assert (await listener.receive()).brand == brand


def subscribers(client: redis.Redis) -> set[str]:
    """The ids of connections that listen."""
    return {entry["id"] for entry in client.client_list(_type="pubsub")}
