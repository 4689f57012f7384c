"""The scheduler in virtual time while Redis and the registry change."""

# ruff: noqa: ARG001 - the clock's effect is being requested

from __future__ import annotations

import pytest
import trio
from structlog.testing import capture_logs
from trio.testing import MockClock

from orchestrator.lane.step import Step
from orchestrator.process.metrics import Metrics
from orchestrator.scheduler.discovery import FAILURES_BEFORE_RENEWAL, RECOVERY_CAP_S, REFUSED_TOLD
from tests.lane.fakes import Takes
from tests.scheduler.fakes import AWAY, REGISTRY_INTERVAL_S, FakeRedis, lanes_of, make_scheduler, running

WORK = Step(items=1)


# -- Redis comes and goes


async def test_scheduler_starts_no_lane_while_redis_is_away(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Work that is known waits; when Redis answers again it is begun within the longest pause of the watchers."""
    world = FakeRedis("nike")
    scheduler = make_scheduler(world, monkeypatch)
    async with running(scheduler):
        world.down = AWAY
        await trio.sleep(10.0)
        assert (scheduler.statistics().redis_up, scheduler.statistics().redis_reason) == (False, "no answer")
        world.push("nike", WORK)
        await trio.sleep(30.0)
        assert world.scripts["nike"].calls == []
        world.down = None
        back_s = trio.current_time()
        await trio.sleep(10.0)
        assert scheduler.statistics().redis_up
    assert world.scripts["nike"].times("step")[0] - back_s <= RECOVERY_CAP_S


async def test_scheduler_forgives_failures_when_redis_is_back(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A brand that failed again and again while Redis went away does not wait out its pause afterwards."""
    world = FakeRedis("nike")
    async with running(make_scheduler(world, monkeypatch, backoff_base=10.0)):
        world.push("nike", *[ZeroDivisionError()] * 4)
        await trio.sleep(20.0)
        failed = len(world.scripts["nike"].times("open"))
        world.down = AWAY
        await trio.sleep(3.0)
        world.down = None
        back_s = trio.current_time()
        await trio.sleep(2 * RECOVERY_CAP_S)
    assert failed == 3  # at 0 s, at most 1 s, at most 11 s; the next pause is 15 s at the least
    assert world.scripts["nike"].times("open")[failed] - back_s <= RECOVERY_CAP_S


async def test_scheduler_can_start_before_redis(autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """A service that comes up first waits, not ready, and needs no restart."""
    world = FakeRedis("nike")
    world.down = AWAY
    scheduler = make_scheduler(world, monkeypatch)
    async with running(scheduler):
        assert not scheduler.statistics().registry_read
        world.down = None
        world.push("nike", WORK)
        await trio.sleep(10.0)
        assert scheduler.statistics().registry_read
        assert world.scripts["nike"].times("step")


async def test_scheduler_has_the_name_resolved_again_after_failures_in_a_row(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The host that the name meant may be up and serve nobody; a single failure is no reason to think so."""
    world = FakeRedis("nike")
    async with running(make_scheduler(world, monkeypatch)):
        for _ in range(3):
            world.down = AWAY
            await trio.sleep(1.3)  # a claim a second, and another half a second after it
            world.down = None
            await trio.sleep(10.0)
        assert world.renewals == 0
        world.down = AWAY
        await trio.sleep(60.0)
        assert world.renewals >= 60 / RECOVERY_CAP_S / FAILURES_BEFORE_RENEWAL / 2


async def test_scheduler_listens_where_its_calls_go(autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """A demoted server goes on giving hints, about what its primary tells it."""
    world = FakeRedis("nike")
    async with running(make_scheduler(world, monkeypatch)):
        await trio.sleep(10.0)
        assert world.subscriptions == 1
        world.renewals += 1
        await trio.sleep(10.0)
        assert world.subscriptions == 2
        world.push("nike", WORK)
        await trio.sleep(0.001)
        assert world.scripts["nike"].times("step")


# -- the registry


async def test_scheduler_learns_of_a_new_brand_by_a_hint(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A brand is registered and its first chunk folded without waiting for the next reading."""
    world = FakeRedis()
    async with running(make_scheduler(world, monkeypatch)):
        registered_s = trio.current_time()
        world.push("nike", WORK)
        world.register("nike")
        await trio.sleep(5.0)
    assert world.scripts["nike"].times("step")[0] - registered_s < 0.1


async def test_scheduler_learns_of_a_new_brand_without_hints(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The registry is read at every interval."""
    world = FakeRedis()
    world.hints = False
    async with running(make_scheduler(world, monkeypatch)):
        registered_s = trio.current_time()
        world.push("nike", WORK)
        world.register("nike")
        await trio.sleep(2 * REGISTRY_INTERVAL_S)
    assert world.scripts["nike"].times("step")[0] - registered_s <= REGISTRY_INTERVAL_S + 0.1


async def test_scheduler_reads_the_registry_when_redis_is_back(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another server may answer now: what is registered there is asked at once, not at the next interval."""
    world = FakeRedis("nike")
    world.hints = False
    scheduler = make_scheduler(world, monkeypatch)
    async with running(scheduler):
        world.down = AWAY
        await trio.sleep(5.0)
        world.register("nike", "acme")
        world.down = None
        await trio.sleep(RECOVERY_CAP_S + 0.1)
        assert scheduler.brands() == ("nike", "acme")


async def test_scheduler_lets_go_of_a_brand_that_left(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A brand taken off the registry is released after its step, and its work is left alone."""
    world = FakeRedis("nike")
    scheduler = make_scheduler(world, monkeypatch)
    async with running(scheduler):
        world.push("nike", *[Takes(2.0, WORK)] * 9)
        await trio.sleep(1.0)
        world.register()
        await trio.sleep(10.0)
        assert lanes_of(scheduler) == {}
        assert scheduler.brands() == ()
    assert len(world.scripts["nike"].times("step")) == 1
    assert world.scripts["nike"].times("release")


async def test_scheduler_counts_refused_names(autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be a brand is counted and does not keep the others from work."""
    world = FakeRedis("nike")
    world.refused = (("b'\\x00'", "holds a control character"),)
    metrics = Metrics(merge_implementation="python")
    scheduler = make_scheduler(world, monkeypatch, metrics=metrics)
    async with running(scheduler):
        assert scheduler.brands() == ("nike",)
        assert metrics.registry.get_sample_value("orchestrator_brands_refused") == 1


async def test_scheduler_logs_refused_names_once_and_not_without_end(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full registry cannot fill the log: a name is told once, and of very many only some."""
    world = FakeRedis("nike")
    world.refused = (("'old'", "is too long"),)
    scheduler = make_scheduler(world, monkeypatch)
    with capture_logs() as lines:
        async with running(scheduler):
            world.refused += tuple((f"'{number}'", "is too long") for number in range(1000))
            await trio.sleep(3 * REGISTRY_INTERVAL_S)
    told = [line for line in lines if "refused" in line["event"]]
    assert [line.get("name") for line in told[:2]] == ["'old'", "'0'"]
    assert [line.get("names") for line in told[2:]] == [None] * (REFUSED_TOLD - 1) + [1000 - REFUSED_TOLD]
