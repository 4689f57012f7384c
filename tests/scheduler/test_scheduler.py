"""The scheduler in virtual time: who gets a lane when, and what failures of one brand mean for others."""

# ruff: noqa: ARG001 - the clock's effect is being requested

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from math import isnan

import pytest
import trio
from structlog.testing import capture_logs
from trio.testing import MockClock

from orchestrator.errors import (
    BrandBusyError,
    ClockSkewError,
    DeadLetterFullError,
    LeaseLostError,
    NewerStateError,
    StoreUnavailableError,
    WrongTypeError,
)
from orchestrator.fleet.parking import Code
from orchestrator.lane.lane import Lane
from orchestrator.lane.lifecycle import LaneState
from orchestrator.lane.step import Step
from orchestrator.process.metrics import Metrics
from orchestrator.scheduler import discovery as discovery_module
from orchestrator.scheduler.discovery import HINTED_CLAIM_S, LETTERS_S, OPERATOR_LOOK_S, SLOWEST_CLAIM_S
from orchestrator.scheduler.letters_only import WINDOW_S
from orchestrator.scheduler.roster import CLAIM_SLICE
from orchestrator.store.types import Lease
from tests.lane.fakes import LEASE, Takes
from tests.scheduler.fakes import REGISTRY_INTERVAL_S, FakeRedis, lanes_of, make_scheduler, running

_STEP_S = 0.03
"""A neighbour's, for which a lane that wants to compute may have to wait."""

WORK = Step(items=1)

EARLIER = "token of an earlier visit"


# -- noticing work


async def test_scheduler_follows_a_hint_at_once(autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """A push to an idle brand is folded at the very moment of its hint."""
    world = FakeRedis("nike", "acme")
    async with running(make_scheduler(world, monkeypatch)):
        pushed_s = trio.current_time()
        world.push("nike", WORK)
        await trio.sleep(5.0)
    assert world.scripts["nike"].times("step")[0] == pushed_s
    assert world.scripts["acme"].calls == []


async def test_scheduler_finds_what_hints_did_not_tell(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A missed hint costs at most the time between two claims, 1.2 s."""
    world = FakeRedis("nike")
    async with running(make_scheduler(world, monkeypatch)):
        pushed_s = trio.current_time()
        world.push("nike", WORK, hint=False)
        await trio.sleep(5.0)
    assert world.scripts["nike"].times("step")[0] - pushed_s <= 1.2 * HINTED_CLAIM_S


async def test_scheduler_polls_a_server_without_hints(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Claims alone find work within a quarter of a second, and the server is not asked for hints again."""
    world = FakeRedis("nike")
    world.hints = False
    scheduler = make_scheduler(world, monkeypatch)
    async with running(scheduler):
        await trio.sleep(60.0)
        pushed_s = trio.current_time()
        world.push("nike", WORK)
        await trio.sleep(5.0)
        assert not scheduler.statistics().hinted
    assert world.scripts["nike"].times("step")[0] - pushed_s <= SLOWEST_CLAIM_S
    assert world.subscriptions == 1


async def test_scheduler_polls_while_hints_are_interrupted(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the connection for hints breaks, claims take over until it is back, and then look at everything once."""
    world = FakeRedis("nike")
    scheduler = make_scheduler(world, monkeypatch)
    async with running(scheduler):
        assert scheduler.statistics().hinted
        world.hints = True
        world.break_hints()
        broken_s = trio.current_time()
        world.push("nike", WORK, hint=False)
        await trio.sleep(5.0)
        assert scheduler.statistics().hinted
    assert world.scripts["nike"].times("step")[0] - broken_s <= SLOWEST_CLAIM_S
    assert world.subscriptions == 2


async def test_scheduler_asks_rarely_when_nothing_happens(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With hints, an idle minute costs about a claim a second, not a busy loop."""
    world = FakeRedis("nike")
    async with running(make_scheduler(world, monkeypatch)):
        before = len(world.glances)
        await trio.sleep(60.0)
        assert 45 <= len(world.glances) - before <= 80


async def test_scheduler_follows_a_hint_that_comes_during_the_release(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A push between the last peek and the release, which takes 0.5 s, begins a new visit right after it."""
    world = FakeRedis("nike")
    world.scripts["nike"].release = Takes(0.5, then=True)
    async with running(make_scheduler(world, monkeypatch, fetch_timeout_s=2.0)):
        begun_s = trio.current_time()
        world.push("nike", WORK)
        await trio.sleep(2.25)
        world.push("nike", WORK)
        await trio.sleep(1.0)
    assert world.scripts["nike"].times("open") == [begun_s, begun_s + 2.5]


# -- sharing lanes


async def test_scheduler_runs_no_more_lanes_than_allowed(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With two lanes the third brand waits for a turn to end: steps of 10 s, so it begins at 10 s."""
    world = FakeRedis("a", "b", "c")
    scheduler = make_scheduler(world, monkeypatch, concurrency=2)
    async with running(scheduler):
        begun_s = trio.current_time()
        for brand in "abc":
            world.push(brand, *[Takes(10.0, WORK)] * 2)
        await trio.sleep(9.0)
        assert set(lanes_of(scheduler)) == {"a", "b"}
        await trio.sleep(2.0)
        assert "c" in lanes_of(scheduler)
    assert world.scripts["c"].times("step")[0] - begun_s == pytest.approx(10.0)


@pytest.mark.parametrize("concurrency", [2, 3, 5])
async def test_a_flood_of_new_brands_does_not_make_a_known_one_wait(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch, *, concurrency: int
) -> None:
    """1,000 brands come with a chunk each, 10 ms of work: a known brand waits for the visits under way and one more.

    With five lanes these are six, 60 ms. First come, first served it would wait for the rest of the flood, which lasts
    for two seconds and more, twice as long as there are pushes.
    """
    flood = [f"new{number}" for number in range(1_000)]
    world = FakeRedis("known")
    async with running(make_scheduler(world, monkeypatch, concurrency=concurrency)):
        for brand in flood:
            world.scripts[brand].steps.append(Takes(0.01, WORK))
        world.register("known", *flood)
        pushed = []
        for _ in range(10):
            await trio.sleep(0.1)
            pushed.append(trio.current_time())
            world.push("known", WORK)
        await trio.sleep(30.0)
    begun = world.scripts["known"].times("open")
    waits_s = [min(at_s for at_s in begun if at_s >= since_s) - since_s for since_s in pushed]
    assert max(waits_s) <= (concurrency + 1) * 0.01 + 1e-9
    assert all(world.scripts[brand].times("step") for brand in flood)


async def test_scheduler_takes_the_lane_of_an_idle_brand(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A drained brand that waits for more gives way at once when another one has work."""
    world = FakeRedis("idle", "busy")
    scheduler = make_scheduler(world, monkeypatch, concurrency=1)
    async with running(scheduler):
        world.push("idle", WORK)
        await trio.sleep(0.5)
        assert lanes_of(scheduler) == {"idle": LaneState.WAITING}
        pushed_s = trio.current_time()
        world.push("busy", WORK)
        await trio.sleep(0.5)
        assert lanes_of(scheduler) == {"busy": LaneState.WAITING}
    assert world.scripts["busy"].times("step")[0] == pushed_s


async def test_scheduler_disturbs_no_busy_brand_while_another_one_idles(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of an idle and a busy lane, only the idle one gives way; the busy brand keeps its visit."""
    world = FakeRedis("idle", "busy", "new")
    async with running(make_scheduler(world, monkeypatch, concurrency=2)):
        world.push("busy", *[Takes(0.2, WORK)] * 99)
        world.push("idle", WORK)
        await trio.sleep(0.5)
        world.push("new", WORK)
        await trio.sleep(5.0)
    assert len(world.scripts["busy"].times("open")) == 1
    assert world.scripts["new"].times("step")
    assert world.scripts["idle"].times("release")


async def test_scheduler_shares_one_lane_among_busy_brands(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Brands that always have work take turns: in 12 s each of three gets about a third of the steps of 0.1 s."""
    world = FakeRedis("a", "b", "c")
    async with running(make_scheduler(world, monkeypatch, concurrency=1)):
        for brand in "abc":
            world.push(brand, *[Takes(0.1, WORK)] * 999)
        await trio.sleep(12.0)
    steps = [len(world.scripts[brand].times("step")) for brand in "abc"]
    assert all(30 <= count <= 50 for count in steps), steps


async def test_scheduler_keeps_what_a_visit_leaves_for_the_next(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A brand that yields gets its warm state back, and nobody else does."""
    world = FakeRedis("a", "b")
    async with running(make_scheduler(world, monkeypatch, concurrency=1)):
        for brand in "ab":
            world.push(brand, *[Takes(0.4, WORK)] * 4)
        await trio.sleep(20.0)
    for brand in "ab":
        first, second = world.scripts[brand].warm_given[:2]
        assert first is None
        assert second is not None
    assert world.scripts["a"].warm_given[1] is not world.scripts["b"].warm_given[1]


async def test_scheduler_lets_one_lane_compute_at_a_time(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lanes that share an interpreter step one after the other."""
    world = FakeRedis("a", "b")
    async with running(make_scheduler(world, monkeypatch)):
        for brand in "ab":
            world.push(brand, *[Takes(0.01, WORK)] * 4)
        await trio.sleep(2.0)
    begun = sorted(at_s for brand in "ab" for at_s in world.scripts[brand].times("step")[:4])
    assert len(begun) == 8
    assert all(later - earlier >= 0.0099 for earlier, later in itertools.pairwise(begun))


async def test_scheduler_lets_a_neighbour_go_on_beside_long_steps(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first of the long steps is not known to be one, and may keep the neighbour; the others do not.

    The neighbour's steps of 0.01 s come at 1.0 s, 1.1 s and so on, whatever else is computed at those moments.
    """
    world = FakeRedis("dear", "puma")
    async with running(make_scheduler(world, monkeypatch)):
        pushed_s = trio.current_time()
        world.push("dear", *[Takes(0.7, WORK)] * 4)
        await trio.sleep(1.0)
        for _ in range(10):
            world.push("puma", Takes(0.01, WORK))
            await trio.sleep(0.1)
    dear, puma = (world.scripts[brand].times("step") for brand in ("dear", "puma"))
    assert [round(at_s - pushed_s, 6) for at_s in dear[:3]] == [0.0, 0.7, 1.4]
    moments = {round(at_s - pushed_s, 6) for at_s in puma}
    assert {round(1.0 + 0.1 * number, 6) for number in range(10)} <= moments


# -- what waits


async def test_scheduler_counts_what_waits_for_lanes(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also brands that are ready already, and that others hold: no lane of ours knows of them."""
    world = FakeRedis("held", "ready", "elsewhere")
    metrics = Metrics(merge_implementation="python")
    scheduler = make_scheduler(world, monkeypatch, concurrency=1, metrics=metrics, quantum_s=100.0)
    async with running(scheduler):
        world.push("held", *[Takes(50.0, WORK)] * 2)
        await trio.sleep(0.1)
        world.push("ready", *[WORK] * 3)
        world.scripts["elsewhere"].opens.extend([BrandBusyError("leased")] * 999)
        world.push("elsewhere", *[WORK] * 4, hint=False)
        await trio.sleep(10.0)
        backlog = scheduler.backlog()
        assert backlog is not None
        assert (backlog.chunks, backlog.brands) == (1 + 3 + 4, 3)
        assert 8.0 <= backlog.oldest_s <= 10.1
        assert f"orchestrator_oldest_waiting_seconds {backlog.oldest_s}" in metrics.render()[0].decode()
        world.down = StoreUnavailableError("no answer")
        await trio.sleep(30.0)
        assert scheduler.backlog() is None
        assert "orchestrator_backlog_chunks NaN" in metrics.render()[0].decode()


async def test_scheduler_counts_dead_letters(autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of all registered brands, in slices; while Redis is away nobody knows."""
    world = FakeRedis(*(f"b{number}" for number in range(CLAIM_SLICE + 1)))
    metrics = Metrics(merge_implementation="python")
    async with running(make_scheduler(world, monkeypatch, metrics=metrics)):
        assert metrics.registry.get_sample_value("orchestrator_dead_letters") == 2 * (CLAIM_SLICE + 1)
        world.down = StoreUnavailableError("no answer")
        await trio.sleep(LETTERS_S)
        assert isnan(metrics.registry.get_sample_value("orchestrator_dead_letters") or 0)
        world.down = None
        await trio.sleep(LETTERS_S)
        assert metrics.registry.get_sample_value("orchestrator_dead_letters") == 2 * (CLAIM_SLICE + 1)


async def test_scheduler_tells_of_brands_that_bring_dead_letters_only(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once each, after an hour of them; what nobody can count is no zero."""
    world = FakeRedis("acme", "nike")
    world.letters_only = {"acme"}
    metrics = Metrics(merge_implementation="python")

    def letters_only() -> float:
        return metrics.registry.get_sample_value("orchestrator_brands_dead_letters_only") or 0.0

    assert isnan(letters_only())
    with capture_logs() as logs:
        async with running(make_scheduler(world, monkeypatch, metrics=metrics)):
            await trio.sleep(WINDOW_S / 2)
            assert letters_only() == 0
            await trio.sleep(WINDOW_S)
            assert letters_only() == 1
            world.letters_only = set()
            world.down = StoreUnavailableError("no answer")
            await trio.sleep(LETTERS_S)
            assert isnan(letters_only())
            world.down = None
            await trio.sleep(WINDOW_S + LETTERS_S)
            assert letters_only() == 0
    told = [line for line in logs if line["event"] == "brands bring dead letters only"]
    assert [(line["brands"], line["new"]) for line in told] == [(1, ["acme"])]


async def test_scheduler_measures_lag_from_readiness(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A brand that waits 4 s for the only lane has lagged 4 s, however fast the lane is then."""
    world = FakeRedis("first", "second")
    metrics = Metrics(merge_implementation="python")
    async with running(make_scheduler(world, monkeypatch, concurrency=1, metrics=metrics)):
        world.push("first", Takes(4.0, WORK))
        await trio.sleep(0.01)
        world.push("second", WORK)
        await trio.sleep(6.0)
        assert world.scripts["second"].times("step")
    assert metrics.registry.get_sample_value("orchestrator_queue_lag_seconds_sum") == pytest.approx(8.0, abs=0.05)


async def test_scheduler_counts_once_a_second_without_hints(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a brand is ready, polling asks about it to count it and no more often."""
    world = FakeRedis("held", "ready")
    world.hints = False
    async with running(make_scheduler(world, monkeypatch, concurrency=1, quantum_s=100.0)):
        for brand in world.brands:
            world.push(brand, Takes(50.0, WORK))
        await trio.sleep(2.0)
        before = len(world.claims)
        await trio.sleep(20.0)
        assert 18 <= len(world.claims) - before <= 27


# -- failures


async def test_scheduler_keeps_one_brands_bug_from_the_others(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fold that raises is tried again after a growing pause, and the neighbour never notices."""
    world = FakeRedis("bad", "good")
    scheduler = make_scheduler(world, monkeypatch)
    async with running(scheduler):
        world.push("bad", ZeroDivisionError(), ZeroDivisionError(), WORK)
        world.push("good", *[Takes(_STEP_S, WORK)] * 100)
        await trio.sleep(0.25)
        assert scheduler.statistics().failed == 1
        await trio.sleep(5.0)
        assert scheduler.statistics().failed == 0
        assert scheduler.statistics().successful == 2
    assert len(world.scripts["good"].times("open")) == 1
    first, second, third = world.scripts["bad"].times("open")[:3]
    # Between two visits are the pause, and two waits for the neighbour: of the step that fails and of the next opening.
    assert 0.5 <= second - first <= 1.0 + 2 * _STEP_S
    assert 1.0 <= third - second <= 2.0 + 2 * _STEP_S


async def test_scheduler_parks_a_brand_that_needs_a_human(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Health says which brand and why; it is looked at again at every reading of the registry, and others go on."""
    world = FakeRedis("bad", "good")
    scheduler = make_scheduler(world, monkeypatch)
    async with running(scheduler):
        world.scripts["bad"].opens.extend([WrongTypeError("queue", "set", "list")] * 2)
        world.push("bad", WORK)
        world.push("good", WORK)
        await trio.sleep(1.0)
        (trouble,) = scheduler.statistics().parked.values()
        assert (trouble.code, trouble.reason) == (Code.TYPE, "key 'queue' is a set, expected a list")
        assert "good" in lanes_of(scheduler)
        await trio.sleep(3 * REGISTRY_INTERVAL_S)
        assert scheduler.statistics().parked == {}
    first, second, third = world.scripts["bad"].times("open")[:3]
    assert second - first == pytest.approx(REGISTRY_INTERVAL_S)
    assert third - second == pytest.approx(REGISTRY_INTERVAL_S)


async def test_a_full_brand_goes_on_within_a_second_of_room(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Removing a dead letter gives no hint: 0.6 s between two looks, and a lane at once."""
    world = FakeRedis("full")
    async with running(make_scheduler(world, monkeypatch)):
        world.scripts["full"].opens.append(DeadLetterFullError("why"))
        world.push("full", WORK)
        await trio.sleep(3.0)
        assert world.scripts["full"].times("step") == []
        assert all(later - look <= 1.2 * OPERATOR_LOOK_S + _STEP_S for look, later in itertools.pairwise(world.looks))
        assert len(world.looks) > 3
        world.room.add("full")
        roomy_s = trio.current_time()
        await trio.sleep(3.0)
    assert world.scripts["full"].times("step")[0] - roomy_s <= 1.2 * OPERATOR_LOOK_S + _STEP_S


async def test_scheduler_leaves_a_brand_to_a_newer_version(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told once, asked about as rarely as the registry, and none of this one's troubles; others go on."""
    world = FakeRedis("newer", "good")
    scheduler = make_scheduler(world, monkeypatch)
    with capture_logs() as logs:
        async with running(scheduler):
            world.scripts["newer"].opens.extend([NewerStateError("format 4")] * 3)
            world.push("newer", WORK)
            world.push("good", WORK)
            await trio.sleep(1.0)
            statistics = scheduler.statistics()
            assert (statistics.left, statistics.parked, statistics.failed) == (["newer"], {}, 0)
            assert "good" in lanes_of(scheduler)
            await trio.sleep(4 * REGISTRY_INTERVAL_S)
            assert scheduler.statistics().left == []
    times = world.scripts["newer"].times("open")[:4]
    assert [later - earlier for earlier, later in itertools.pairwise(times)] == pytest.approx([REGISTRY_INTERVAL_S] * 3)
    told = [line for line in logs if line["event"] == "brand left to a newer version" and line["log_level"] != "debug"]
    assert [(line["brand"], line["reason"]) for line in told] == [("newer", "format 4")]


async def test_scheduler_claims_nothing_while_clocks_differ(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No lane starts whatever the hints say, one line says why, and work goes on as soon as the clocks agree."""
    world = FakeRedis("nike")
    scheduler = make_scheduler(world, monkeypatch)
    with capture_logs() as logs:
        async with running(scheduler):
            world.clock_ahead_s = 90
            await trio.sleep(2 * HINTED_CLAIM_S)
            world.push("nike", WORK)
            await trio.sleep(60.0)
            stopped = scheduler.statistics()
            assert world.scripts["nike"].calls == []
            world.clock_ahead_s = 0
            await trio.sleep(2 * HINTED_CLAIM_S)
            assert world.scripts["nike"].times("step")
            going_on = scheduler.statistics()
    assert "here and 2" in stopped.clock_problem
    assert stopped.redis_up
    assert going_on.clock_problem == ""
    told = [entry["event"] for entry in logs if "clocks" in entry["event"]]
    assert told == ["clocks differ, nothing is claimed", "clocks agree again"]


async def test_scheduler_starts_no_lane_again_that_found_the_clocks_apart(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a lane finds is known at once, not with the next claim: else it would start over and over until then."""
    monkeypatch.setattr(discovery_module, "HINTED_CLAIM_S", 100.0)  # no claim while the clocks differ
    world = FakeRedis("nike")

    async with running(make_scheduler(world, monkeypatch)):
        world.push("nike", Takes(_STEP_S, ClockSkewError("an hour apart")), WORK)
        await trio.sleep(_STEP_S / 2)
        world.clock_ahead_s = 90
        with pytest.raises(ClockSkewError):  # as the lane's own answer does
            world.ping()
        with capture_logs() as logs:
            await trio.sleep(HINTED_CLAIM_S)
        assert [entry["event"] for entry in logs].count("clocks differ, nothing is claimed") == 1
        assert len(world.scripts["nike"].times("open")) == 1
        assert world.scripts["nike"].ended == "settled"
        world.clock_ahead_s = 0
        await trio.sleep(250.0)
        assert len(world.scripts["nike"].times("open")) == 2


async def test_scheduler_leaves_a_busy_brand_to_its_holder(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hints for a brand that another orchestrator folds come with each of its commits; few of them are followed."""
    world = FakeRedis("nike")
    async with running(make_scheduler(world, monkeypatch)):
        world.scripts["nike"].opens.extend([BrandBusyError("leased")] * 999)
        for _ in range(100):
            world.changed("result:brand:nike:chunks")
            await trio.sleep(0.1)
    assert 5 <= len(world.scripts["nike"].times("open")) <= 21


async def test_scheduler_ends_a_lane_whose_lease_is_lost(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The renewal finds out within a third of the ttl; the brand is visited again, its neighbour is not disturbed."""
    world = FakeRedis("nike", "acme")
    async with running(make_scheduler(world, monkeypatch)):
        for brand in world.brands:
            world.push(brand, Takes(50.0, WORK))
        world.lost.add("nike")
        await trio.sleep(6.0)
        assert len(world.scripts["nike"].times("open")) == 2
        assert len(world.scripts["acme"].times("open")) == 1
    assert world.scripts["nike"].halved == 1


async def test_scheduler_keeps_a_lane_whose_former_lease_is_lost(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A renewal that comes back late may speak of the visit before; the one under way is not ended for it."""
    world = FakeRedis("nike", "puma")
    async with running(make_scheduler(world, monkeypatch)):
        for brand in world.brands:
            world.push(brand, Takes(9.0, WORK))
        world.lost_before = [replace(LEASE, token=EARLIER), replace(LEASE, brand="acme")]
        await trio.sleep(6.0)  # past the renewal 5 s after the start
    assert world.lost_before == []
    assert [len(world.scripts[brand].times("open")) for brand in world.brands] == [1, 1]


async def test_scheduler_keeps_a_lane_that_got_a_newer_lease_meanwhile(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was asked about is lost; when the answer comes the brand has been released and acquired anew."""
    world, asked = FakeRedis("nike", "puma"), list[Lease]()

    def lease(lane: Lane) -> Lease:
        return replace(LEASE, brand=lane.brand, token="newer" if asked else EARLIER)

    def renew(leases: Sequence[Lease]) -> list[Lease]:
        asked.extend(leases)
        return list(leases)

    monkeypatch.setattr(Lane, "lease", property(lease))
    monkeypatch.setattr(world, "renew", renew)
    async with running(make_scheduler(world, monkeypatch)):
        for brand in world.brands:
            world.push(brand, Takes(9.0, WORK))
        await trio.sleep(6.0)  # past the renewal 5 s after the start
    assert len(asked) == 2
    assert [len(world.scripts[brand].times("open")) for brand in world.brands] == [1, 1]


async def test_a_lease_that_is_renewed_and_then_taken_was_not_lost(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Renewals go out at 5 and 10 s of the run; the second one finds the lease gone, 5 s after the first.

    By then a ttl of 8 s is over since the visit began, but not since the first renewal.
    """
    world, metrics = FakeRedis("nike"), Metrics()
    async with running(make_scheduler(world, monkeypatch, metrics=metrics, lease_ttl_s=8.0)):
        world.push("nike", Takes(60.0, WORK))
        await trio.sleep(6.0)
        world.lost = {"nike"}
        await trio.sleep(6.0)
    events = {
        event: metrics.registry.get_sample_value("orchestrator_lease_events_total", {"event": event})
        for event in ("taken", "lost")
    }
    assert events == {"taken": 1, "lost": 0}


async def test_scheduler_starts_over_after_a_lost_lease_at_once(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first loss is nobody's failure."""
    world = FakeRedis("nike")
    async with running(make_scheduler(world, monkeypatch)):
        world.push("nike", LeaseLostError("fenced"), WORK)
        await trio.sleep(1.0)
    first, second = world.scripts["nike"].times("open")[:2]
    assert first == second


async def test_scheduler_survives_renewals_that_fail(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No answer is no loss: lanes go on, and the lock's ttl decides."""
    world = FakeRedis("nike")
    world.renewals_fail = True
    scheduler = make_scheduler(world, monkeypatch)
    async with running(scheduler):
        world.push("nike", Takes(20.0, WORK))
        await trio.sleep(15.0)
        assert lanes_of(scheduler) == {"nike": LaneState.FOLDING}


# -- stopping


async def test_scheduler_stops_after_the_steps_under_way(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every lane commits what it has begun and releases; what waits for a lane is not started."""
    world = FakeRedis("a", "b", "c")
    scheduler = make_scheduler(world, monkeypatch)
    async with trio.open_nursery() as nursery:
        await nursery.start(scheduler.run)
        for brand in "abc":
            world.push(brand, *[Takes(3.0, WORK)] * 9)
        await trio.sleep(4.0)
        asked_s = trio.current_time()
        await scheduler.stop()
        assert trio.current_time() - asked_s <= 3.0
    assert scheduler.statistics().lanes == ()
    assert all(script.ended == "settled" for script in world.scripts.values() if script.calls)
    assert all(script.calls[-1][1] == "release" for script in world.scripts.values() if script.calls)


async def test_scheduler_stops_at_once_when_idle(autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lanes that wait for work have nothing to finish."""
    world = FakeRedis("nike")
    scheduler = make_scheduler(world, monkeypatch)
    async with trio.open_nursery() as nursery:
        await nursery.start(scheduler.run)
        world.push("nike", WORK)
        await trio.sleep(2.0)
        asked_s = trio.current_time()
        await scheduler.stop()
        assert trio.current_time() == asked_s


async def test_scheduler_statistics_count_visits_that_committed(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An empty visit is no processed brand; the time of the last commit is known."""
    world = FakeRedis("full", "empty")
    scheduler = make_scheduler(world, monkeypatch)
    async with running(scheduler):
        assert scheduler.statistics().last_commit_ms is None
        world.push("full", WORK)
        world.push("empty", Step(idle=True))
        await trio.sleep(1.0)
        assert scheduler.statistics().processed == 1  # a lane still waits on the brand; steady traffic would keep it
        await trio.sleep(60.0)
        statistics = scheduler.statistics()
    assert (statistics.registered, statistics.processed, statistics.successful) == (2, 1, 2)
    assert statistics.last_commit_ms is not None
