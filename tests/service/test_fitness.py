"""A server whose configuration changes while the service runs is told of, and told of again when it is right."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest
import trio
from structlog.testing import capture_logs

from orchestrator.process.metrics import Metrics
from orchestrator.service import fitness as fitness_module
from orchestrator.service.fitness import Fitness
from orchestrator.store.preflight import Finding, Verdict
from tests.polling import until
from tests.redis_server import RedisServer

if TYPE_CHECKING:
    import redis

NOBODY = cast("redis.Redis", None)


def verdict_of(fitness: Fitness, check: str) -> Verdict | None:
    """What the last look said of *check*; None before the first."""
    return next((finding.verdict for finding in fitness.findings() if finding.check == check), None)


async def test_watch_tells_what_changes_and_keeps_it_during_an_outage(monkeypatch: pytest.MonkeyPatch) -> None:
    """A policy that evicts is an error with its remedy; a server that is away takes nothing back."""
    monkeypatch.setattr(fitness_module, "INTERVAL_S", 0.01)
    metrics = Metrics(merge_implementation="python")

    def gauge() -> float | None:
        return metrics.registry.get_sample_value("orchestrator_redis_fitness", {"check": "eviction"})

    with RedisServer() as server, server.client() as client, capture_logs() as logs:
        fitness = Fitness(client, metrics, max_clock_skew_s=60.0)
        assert fitness.findings() == []
        async with trio.open_nursery() as nursery:
            await nursery.start(fitness.watch)
            await until(lambda: verdict_of(fitness, "eviction") is Verdict.OK)
            assert (gauge(), logs) == (0, [])
            client.config_set("maxmemory", "100mb")
            client.config_set("maxmemory-policy", "allkeys-random")
            await until(lambda: verdict_of(fitness, "eviction") is Verdict.REFUSE)
            assert gauge() == 2
            server.kill()
            await until(lambda: any(line["event"] == "server not looked at" for line in logs))
            assert verdict_of(fitness, "eviction") is Verdict.REFUSE
            server.start()
            await until(lambda: verdict_of(fitness, "eviction") is Verdict.OK)
            assert gauge() == 0
            nursery.cancel_scope.cancel()
    told = [(line["log_level"], line["event"], line["check"]) for line in logs if "check" in line]
    assert told == [("error", "redis is not fit any more", "eviction"), ("info", "redis is fit again", "eviction")]


@pytest.mark.parametrize("check", ["eviction", "clock"])
def test_a_change_is_told_once_and_the_clock_by_those_whom_it_stops(check: str) -> None:
    """The first look repeats what the start said; only what differs from the look before is news."""
    metrics = Metrics()
    fitness = Fitness(NOBODY, metrics, max_clock_skew_s=60)
    with capture_logs() as logs:
        for verdict in (Verdict.OK, Verdict.REFUSE, Verdict.REFUSE):
            fitness._take_over([Finding(check, verdict, "found", "remedy")])
    assert [line["log_level"] for line in logs] == ([] if check == "clock" else ["error"])
    assert metrics.registry.get_sample_value("orchestrator_redis_fitness", {"check": check}) == 2
