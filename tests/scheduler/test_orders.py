"""What operators order of a running scheduler: to take no more brands, to go on, to have more or fewer lanes."""

# ruff: noqa: ARG001 - the clock's effect is being requested

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from orchestrator.lane.lifecycle import LaneState
from orchestrator.lane.step import Step
from orchestrator.process.metrics import Metrics
from tests.lane.fakes import Takes
from tests.scheduler.fakes import FakeRedis, lanes_of, make_scheduler, running

WORK = Step(items=1)


async def test_a_quiet_process_ends_what_is_in_work_and_takes_nothing_more(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The step under way is committed and its brand released, for others to go on with; one that only waits as well."""
    world = FakeRedis("busy", "waiting", "new")
    metrics = Metrics()
    scheduler = make_scheduler(world, monkeypatch, concurrency=3, metrics=metrics)
    async with running(scheduler):
        world.push("waiting", WORK)
        world.push("busy", *[Takes(1.0, WORK)] * 99)
        await trio.sleep(0.5)
        assert lanes_of(scheduler) == {"busy": LaneState.FOLDING, "waiting": LaneState.WAITING}
        scheduler.be_quiet()
        await trio.sleep(0.6)
        assert lanes_of(scheduler) == {}
        world.push("new", WORK)
        await trio.sleep(60.0)
        assert metrics.registry.get_sample_value("orchestrator_quiet") == 1
        backlog = scheduler.backlog()
        assert backlog is not None
        assert backlog.chunks == 99  # and it says what waits all the same
    assert len(world.scripts["busy"].times("step")) == 1
    assert world.scripts["busy"].times("release")
    assert world.scripts["waiting"].times("release")
    assert not world.scripts["new"].calls


async def test_a_process_that_resumes_takes_at_once_what_waits(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What came while it was quiet, and what it had let go."""
    world = FakeRedis("old", "new")
    metrics = Metrics()
    scheduler = make_scheduler(world, monkeypatch, metrics=metrics)
    async with running(scheduler):
        world.push("old", *[Takes(1.0, WORK)] * 5)
        await trio.sleep(0.5)
        scheduler.be_quiet()
        world.push("new", WORK)
        await trio.sleep(30.0)
        scheduler.resume()
        resumed_s = trio.current_time()
        await trio.sleep(10.0)
        assert metrics.registry.get_sample_value("orchestrator_quiet") == 0
    assert world.scripts["new"].times("step")[0] - resumed_s < 0.1
    assert len(world.scripts["old"].times("step")) >= 5


async def test_lanes_that_are_added_start_at_once(autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Brands that waited for one of few lanes do not wait for a claim."""
    world = FakeRedis("a", "b", "c")
    metrics = Metrics()
    scheduler = make_scheduler(world, monkeypatch, concurrency=1, metrics=metrics)
    async with running(scheduler):
        for brand in "abc":
            world.push(brand, *[Takes(0.1, WORK)] * 99)
        await trio.sleep(0.05)
        assert len(lanes_of(scheduler)) == 1
        scheduler.set_lanes(3)
        await trio.sleep(0.01)
        assert len(lanes_of(scheduler)) == 3
        assert metrics.registry.get_sample_value("orchestrator_lanes") == 3


async def test_lanes_that_are_taken_away_end_their_turns(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that only wait go first, so that the busy one keeps its visit; from then on there are no more than ordered.

    A turn lasts 0.5 s, so two busy brands share one lane soon after.
    """
    world = FakeRedis("idle", "busy", "other")
    metrics = Metrics()
    scheduler = make_scheduler(world, monkeypatch, concurrency=3, metrics=metrics)
    async with running(scheduler):
        world.push("busy", *[Takes(0.1, WORK)] * 99)
        world.push("idle", WORK)
        await trio.sleep(1.0)
        scheduler.set_lanes(1)
        await trio.sleep(0.3)
        assert list(lanes_of(scheduler)) == ["busy"]
        assert len(world.scripts["busy"].times("open")) == 1
        world.push("other", *[Takes(0.1, WORK)] * 99)
        for _ in range(20):
            await trio.sleep(0.1)
            assert len(lanes_of(scheduler)) <= 1
        assert metrics.registry.get_sample_value("orchestrator_lanes") == 1
    assert world.scripts["other"].times("step")


async def test_a_quiet_process_stops_as_any_other(autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """At once, because nothing is in work."""
    scheduler = make_scheduler(FakeRedis("a"), monkeypatch)
    async with trio.open_nursery() as nursery:
        await nursery.start(scheduler.run)
        scheduler.be_quiet()
        begun_s = trio.current_time()
        await scheduler.stop()
        assert trio.current_time() == begun_s
