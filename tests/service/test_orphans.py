"""Chunks in queues of nobody's are told of once, by every process, and no more once they are gone."""

from __future__ import annotations

from math import isnan
from typing import TYPE_CHECKING

import msgspec
import pytest
import trio
from structlog.testing import capture_logs

from orchestrator.contract.keys import ORPHANS_KEY, ORPHANS_TURN_KEY, queue_key
from orchestrator.process.metrics import Metrics
from orchestrator.service import orphans as orphans_module
from orchestrator.service.orphans import OrphanWatch
from orchestrator.store.orphans import Report, now_ms, read_report
from tests.polling import until
from tests.redis_server import RedisServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    import redis


@pytest.fixture
def server() -> Iterator[RedisServer]:
    """A server of its own: a search looks through all names."""
    with RedisServer() as started:
        yield started


@pytest.fixture
def client(server: RedisServer) -> Iterator[redis.Redis]:
    """A client of it."""
    with server.client() as connected:
        yield connected


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(orphans_module, "LOOK_S", 0.01)


def gauges(metrics: Metrics) -> list[float]:
    """Queues, chunks and bytes, as exposed."""
    names = ("queues", "chunks", "bytes")
    return [metrics.registry.get_sample_value(f"orchestrator_orphan_{name}") or 0.0 for name in names]


async def test_watch_tells_what_comes_once_and_what_goes(client: redis.Redis) -> None:
    """Every process reads what one has found; a line for what is new, and one when all is gone."""
    client.rpush(queue_key("acme "), "x", "y")
    first, second = Metrics(), Metrics()
    with capture_logs() as logs:
        async with trio.open_nursery() as nursery:
            for metrics in (first, second):
                watch = OrphanWatch(client, metrics, registered=lambda: ["acme"])
                assert watch.orphans() is None
                assert all(map(isnan, gauges(metrics)))
                await nursery.start(watch.watch)
            await until(lambda: gauges(first)[:2] == gauges(second)[:2] == [1, 2])
            assert gauges(first)[2] > 0
            client.delete(queue_key("acme "))
            await until(lambda: gauges(first) == gauges(second) == [0, 0, 0])
            nursery.cancel_scope.cancel()
    warnings = [line for line in logs if line["log_level"] == "warning"]
    assert len(warnings) == 2
    why = "'acme ' differs from the registered brand 'acme' by a trailing blank"
    assert warnings[0]["why"] == [f"2 in 'acme ': {why}"]
    assert [line["event"] for line in logs if line["log_level"] == "info"] == [
        "no chunk waits in a queue of an unregistered brand any more"
    ] * 2


async def test_watch_searches_again_when_that_is_due(client: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    """A queue that came after the last search is found by the next one."""
    metrics = Metrics()
    async with trio.open_nursery() as nursery:
        await nursery.start(OrphanWatch(client, metrics, registered=list).watch)
        await until(lambda: gauges(metrics)[:2] == [0, 0])
        client.rpush(queue_key("late"), "x")
        report = read_report(client)
        await trio.testing.wait_all_tasks_blocked()
        assert gauges(metrics)[:2] == [0, 0]
        monkeypatch.setattr(orphans_module, "INTERVAL_S", -1.0)
        await until(lambda: gauges(metrics)[:2] == [1, 1])
        assert read_report(client) != report
        nursery.cancel_scope.cancel()


async def test_watch_does_not_believe_a_report_of_the_future(client: redis.Redis) -> None:
    """Redis's clock was set back, or somebody else wrote it: it is searched anew, and not once that time has come."""
    ahead_ms = now_ms(client) + 3_600_000
    client.set(ORPHANS_KEY, msgspec.json.encode(Report(ahead_ms, queues=7, chunks=7)))
    metrics = Metrics()
    async with trio.open_nursery() as nursery:
        await nursery.start(OrphanWatch(client, metrics, registered=list).watch)
        await until(lambda: gauges(metrics)[:2] == [0, 0])
        nursery.cancel_scope.cancel()


async def test_watch_waits_for_who_searches_already(client: redis.Redis) -> None:
    """Two would do the same work; one that is gone loses its turn by itself."""
    client.rpush(queue_key("nobody"), "x")
    client.set(ORPHANS_TURN_KEY, "another", px=60_000)
    watch = OrphanWatch(client, Metrics(), registered=list)
    async with trio.open_nursery() as nursery:
        await nursery.start(watch.watch)
        before = client.info("commandstats")["cmdstat_set"]["calls"]
        await until(lambda: client.info("commandstats")["cmdstat_set"]["calls"] > before + 3)
        assert watch.orphans() is None
        assert not client.exists(ORPHANS_KEY)
        client.delete(ORPHANS_TURN_KEY)
        await until(lambda: watch.orphans() is not None)
        nursery.cancel_scope.cancel()


async def test_watch_does_not_search_before_it_knows_who_is_registered(
    client: redis.Redis, autojump_clock: trio.testing.MockClock
) -> None:
    """Else every queue would be nobody's."""
    watch = OrphanWatch(client, Metrics(), registered=lambda: None)
    async with trio.open_nursery() as nursery:
        await nursery.start(watch.watch)
        await trio.sleep(60)
        nursery.cancel_scope.cancel()
    assert autojump_clock.autojump_threshold == 0
    assert not client.exists(ORPHANS_KEY)


async def test_watch_tells_of_a_refusal_once_and_of_old_figures_not_at_all(
    client: redis.Redis, server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While Redis is away nobody knows: NaN, and not the last figure for ever."""
    metrics = Metrics()
    watch = OrphanWatch(client, metrics, registered=list)
    with capture_logs() as logs:
        async with trio.open_nursery() as nursery:
            await nursery.start(watch.watch)
            await until(lambda: gauges(metrics)[:2] == [0, 0])
            server.kill()
            await until(lambda: logs)
            assert gauges(metrics)[:2] == [0, 0]
            monkeypatch.setattr(orphans_module, "STALE_S", 0.0)
            await until(lambda: all(map(isnan, gauges(metrics))))
            assert watch.orphans() is None
            nursery.cancel_scope.cancel()
    reasons = [line["reason"] for line in logs]
    assert len(reasons) == len(set(reasons))
