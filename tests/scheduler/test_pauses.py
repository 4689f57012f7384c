"""Paused brands: nobody looks at them hot, everything that tells of them does, and they go on within a second."""

# ruff: noqa: ARG001 - the clock's effect is being requested

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import pytest
import trio
from structlog.testing import capture_logs
from trio.testing import MockClock

from orchestrator.contract.pauses import Pause
from orchestrator.errors import BrandPausedError, LeaseLostError, WrongTypeError
from orchestrator.lane.outcome import LaneOutcome
from orchestrator.lane.step import Step
from orchestrator.process.metrics import Metrics
from orchestrator.scheduler.backlog import Backlog
from orchestrator.scheduler.discovery import OPERATOR_LOOK_S, PAUSES_TOLD
from orchestrator.scheduler.pauses import Pauses
from orchestrator.scheduler.roster import Roster
from orchestrator.store.types import Queued
from tests.lane.fakes import Takes
from tests.scheduler.fakes import FakeRedis, lanes_of, make_scheduler, running

WORK = Step(items=1)
FOR_EVER = Pause("why", "who", 1, None)


# -- what is known


def test_pauses_are_read_again_when_their_stamp_is_another_one() -> None:
    """Or when what is known may be wrong; no stamp at all is one, too."""
    pauses = Pauses()
    assert pauses.outdated((b"1", 2))
    pauses.take_over({}, (b"1", 2))
    assert not pauses.outdated((b"1", 2))
    assert pauses.outdated((None, 0))
    pauses.forget()
    assert pauses.outdated((b"1", 2))
    pauses.take_over({}, (b"1", 2))
    assert not pauses.outdated((b"1", 2))


def test_a_change_after_pauses_were_forgotten_is_one() -> None:
    """Somebody may have purged a brand before they were read again; the first reading is no change."""
    pauses = Pauses()
    assert not pauses.changed((b"1", 2))
    pauses.take_over({}, (b"1", 2))
    pauses.forget()
    assert not pauses.changed((b"1", 2))
    assert pauses.changed((b"2", 2))


def test_pauses_end_by_the_time_of_the_server() -> None:
    """Without being read again."""
    pauses = Pauses()
    pauses.take_over({"a": Pause("", "", 1, 100), "b": FOR_EVER}, 1)
    assert pauses.look(99)
    assert set(pauses.holding) == {"a", "b"}
    assert not pauses.look(99)
    assert pauses.look(100)
    assert set(pauses.holding) == {"b"}


def test_another_pause_of_the_same_brand_is_a_change() -> None:
    """Its reason is to be told."""
    pauses = Pauses()
    pauses.take_over({"a": FOR_EVER}, 1)
    pauses.look(1)
    pauses.take_over({"a": Pause("another", "who", 1, None)}, 2)
    assert pauses.look(1)


# -- the roster


def test_a_paused_brand_is_never_ready() -> None:
    """Neither by a hint, nor by a claim, nor because it was; the others are."""
    roster = Roster(backoff_base=2.0, park_s=30.0)
    roster.register(["a", "b"])
    roster.mark_ready("a")
    assert roster.pause(["a"]) == []
    assert not roster.hint("a", 0.0)
    assert not roster.claimed("a")
    assert roster.claimed("b")
    assert [roster.take(0.0), roster.take(0.0)] == ["b", None]
    roster.pause([])
    assert roster.claimed("a")
    assert roster.take(0.0) == "a"


@pytest.mark.parametrize("outcome", LaneOutcome)
def test_a_visit_that_a_pause_ended_is_nobodys_failure(outcome: LaneOutcome) -> None:
    """However it ended; the brand waits without being looked at, and starts at once when it may go on."""
    roster = Roster(backoff_base=2.0, park_s=30.0)
    roster.register(["a"])
    roster.mark_ready("a")
    roster.take(0.0)
    assert roster.pause(["a"]) == ["a"]
    roster.finish("a", outcome, 0.0, reason="x")
    assert (roster.failed(), roster.parked(), roster.next_start_s()) == (0, {}, None)
    roster.pause([])
    roster.claimed("a")
    assert roster.take(0.0) == "a"


@pytest.mark.parametrize("outcome", [LaneOutcome.PARKED, LaneOutcome.FULL, LaneOutcome.LEFT, LaneOutcome.FAILED])
def test_a_pause_forgives_what_was_found_before(outcome: LaneOutcome) -> None:
    """Who mends a brand pauses it first: it stands in one way only, and starts at once when it may go on."""
    roster = Roster(backoff_base=2.0, park_s=30.0)
    roster.register(["a"])
    roster.mark_ready("a")
    roster.take(0.0)
    roster.finish("a", outcome, 0.0, reason="x")
    roster.pause(["a"])
    assert (roster.failed(), roster.parked(), roster.left(), roster.troubles()) == (0, {}, [], {})
    roster.pause([])
    roster.claimed("a")
    assert roster.take(0.0) == "a"


def test_a_brand_that_was_found_paused_waits_for_a_claim() -> None:
    """This process did not know it yet."""
    roster = Roster(backoff_base=2.0, park_s=30.0)
    roster.register(["a"])
    roster.mark_ready("a")
    roster.take(0.0)
    roster.finish("a", LaneOutcome.PAUSED, 0.0)
    assert roster.next_start_s() is None


# -- the backlog


def test_paused_chunks_are_in_the_sums_and_in_one_of_their_own() -> None:
    """An operator sees what waits; alerts take off what waits because somebody said so."""
    backlog = Backlog()
    backlog.pause({"a", "gone"})
    backlog.counted({"a": Queued(3, b"1"), "b": Queued(4, b"1")}, 0.0, 0.0, 0)
    statistics = backlog.statistics(0.0)
    assert statistics is not None
    assert (statistics.chunks, statistics.brands, statistics.paused_chunks) == (7, 2, 3)


def test_a_paused_brand_is_not_the_one_that_waits_longest() -> None:
    """When it may go on it begins anew: the time of the pause was nobody's delay."""
    backlog = Backlog()
    queues = {"a": Queued(3, b"1"), "b": Queued(4, b"1")}

    def oldest_s(now_s: float) -> float:
        backlog.counted(queues, now_s, now_s, 0)
        statistics = backlog.statistics(now_s)
        assert statistics is not None
        return statistics.oldest_s

    oldest_s(0.0)
    backlog.committed("b", 4, 50.0)
    assert oldest_s(60.0) == 60.0
    backlog.pause({"a"})
    assert oldest_s(100.0) == 50.0
    backlog.pause(set())
    backlog.drained("b")
    assert oldest_s(110.0) == 0.0
    assert oldest_s(112.0) == 2.0


# -- the service


async def test_a_pause_is_followed_at_once(autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lane that holds the brand lets go, and no push brings the brand back; it is told everywhere."""
    world, metrics = FakeRedis("a", "b"), Metrics(merge_implementation="python")
    scheduler = make_scheduler(world, monkeypatch, metrics=metrics)
    async with running(scheduler):
        world.push("a", WORK)
        await trio.sleep(0.1)
        assert "a" in lanes_of(scheduler)
        world.pause("a")
        await trio.sleep(0.1)
        assert lanes_of(scheduler) == {}
        steps = len(world.scripts["a"].calls)
        for _ in range(10):
            world.push("a", WORK)
            await trio.sleep(1.0)
        assert len(world.scripts["a"].calls) == steps
        assert str(scheduler.statistics().paused["a"]).startswith("paused by who since ")
        assert scheduler.statistics().failed == 0
        assert metrics.registry.get_sample_value("orchestrator_brands_paused") == 1
        await trio.sleep(2.0)  # two counts
        metrics.render()
        assert metrics.registry.get_sample_value("orchestrator_backlog_paused_chunks") == 10
        assert metrics.registry.get_sample_value("orchestrator_oldest_waiting_seconds") == 0


async def test_a_pause_is_known_at_once_though_lanes_hold_all_brands(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then a claim that counts no queues has nobody to ask about, and of two in a row one counts none."""
    world = FakeRedis("a")
    scheduler = make_scheduler(world, monkeypatch)
    async with running(scheduler):
        world.push("a", Takes(5.0, WORK))
        await trio.sleep(1.0)
        world.pause("a")
        await trio.sleep(0.1)
        assert set(scheduler.statistics().paused) == {"a"}
        world.resume("a")
        await trio.sleep(0.1)
        assert scheduler.statistics().paused == {}


@pytest.mark.parametrize("hint", [True, False])
async def test_a_resumed_brand_goes_on_within_a_second(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch, *, hint: bool
) -> None:
    """At once with a hint, and without one within 0.6 s: claims come more often while a brand is paused."""
    world = FakeRedis("a")
    world.pause("a")
    async with running(make_scheduler(world, monkeypatch)):
        world.push("a", WORK)
        await trio.sleep(5.0)
        assert world.scripts["a"].times("open") == []
        resumed_s = trio.current_time()
        world.resume("a", hint=hint)
        await trio.sleep(5.0)
    assert world.scripts["a"].times("step")[0] - resumed_s <= (0.05 if hint else 0.65)


async def test_claims_come_often_enough_while_a_brand_is_paused(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """0.6 s at most between two, so that a second is enough for an end of which nobody tells; rarer once it is over."""
    world = FakeRedis("a")
    async with running(make_scheduler(world, monkeypatch)):
        world.pause("a")
        await trio.sleep(1.0)
        world.glances.clear()
        await trio.sleep(20.0)
        assert max(later - claim for claim, later in itertools.pairwise(world.glances)) <= 1.2 * OPERATOR_LOOK_S + 0.01
        world.resume("a")
        await trio.sleep(1.0)
        world.glances.clear()
        await trio.sleep(20.0)
        assert len(world.glances) < 20 / OPERATOR_LOOK_S / 1.2


async def test_a_pause_that_ends_lets_the_brand_go_on_within_a_second(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the server's clock; nobody says so, and the pauses are not read again for it."""
    world = FakeRedis("a")
    async with running(make_scheduler(world, monkeypatch)):
        world.pause("a", for_s=20.0)
        paused_s = trio.current_time()
        await trio.sleep(0.1)  # before that it would be for acquire to refuse the brand, which no script here does
        world.push("a", WORK)
        await trio.sleep(60.0)
    assert 20.0 <= world.scripts["a"].times("step")[0] - paused_s <= 20.65
    assert len(world.pauses_read) <= 3


async def test_pauses_are_not_read_while_none_changes(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once at the start, once for the brands that came, and once for each change."""
    world = FakeRedis("a")
    async with running(make_scheduler(world, monkeypatch)):
        await trio.sleep(100.0)
        read = len(world.pauses_read)
        assert read <= 2
        world.pause("a")
        await trio.sleep(100.0)
        assert len(world.pauses_read) == read + 1


async def test_the_registry_is_read_again_when_somebody_may_have_purged_a_brand(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hint that the registry changed was lost; a brand that is gone must not be begun anew."""
    world = FakeRedis("a", "gone")
    scheduler = make_scheduler(world, monkeypatch)
    async with running(scheduler):
        world.register("a", hint=False)
        world.pause(hint=False)  # what a purge changes
        await trio.sleep(2.0)
        assert scheduler.brands() == ("a",)


async def test_a_brand_that_comes_paused_is_known_as_such(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its pause did not change; that it is registered did."""
    world = FakeRedis("a")
    world.pause("late")
    scheduler = make_scheduler(world, monkeypatch)
    async with running(scheduler):
        await trio.sleep(5.0)
        assert scheduler.statistics().paused == {}
        world.register("a", "late")
        await trio.sleep(1.0)
        assert set(scheduler.statistics().paused) == {"late"}


async def test_a_brand_that_comes_while_pauses_are_read_is_asked_about(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is on its way is about the brands of before; their stamp alone would never have them read again."""

    class Slow(FakeRedis):
        def paused(self, brands: Sequence[str]) -> Any:
            return Takes(1.0, super().paused(brands))

    world = Slow("a")
    scheduler = make_scheduler(world, monkeypatch)
    async with running(scheduler):
        await trio.sleep(5.0)
        world.pause("late")
        await trio.sleep(0.5)
        world.register("a", "late")
        await trio.sleep(3.0)
        assert set(scheduler.statistics().paused) == {"late"}


async def test_a_lane_that_finds_its_brand_paused_has_the_pauses_read(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody wrote a mark over another one by hand: no stamp tells of that."""
    world = FakeRedis("a")
    scheduler = make_scheduler(world, monkeypatch)
    async with running(scheduler):
        world.pauses["a"] = FOR_EVER
        world.scripts["a"].opens.append(BrandPausedError("paused"))
        world.push("a", WORK)
        await trio.sleep(3.0)
        assert set(scheduler.statistics().paused) == {"a"}
    assert len(world.scripts["a"].times("open")) == 1


@pytest.mark.parametrize("how", ["paused", "removed"])
async def test_a_parked_brand_is_counted_until_it_is_paused_or_removed(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """Also where nothing else happens: the alert for parked brands rests on the number."""
    world, metrics = FakeRedis("a", "b"), Metrics(merge_implementation="python")
    scheduler = make_scheduler(world, monkeypatch, metrics=metrics)
    async with running(scheduler):
        world.scripts["a"].opens.append(WrongTypeError("queue", "set", "list"))
        world.push("a", WORK)
        await trio.sleep(1.0)
        assert metrics.registry.get_sample_value("orchestrator_brands_parked") == 1
        if how == "paused":
            world.pause("a")
        else:
            world.register("b")
        await trio.sleep(OPERATOR_LOOK_S + 1.0)
        assert scheduler.statistics().parked == {}
        assert metrics.registry.get_sample_value("orchestrator_brands_parked") == 0


async def test_a_step_that_a_pause_fences_is_no_failure(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lane is in a step when the hint comes; its commit is refused."""
    world = FakeRedis("a")
    scheduler = make_scheduler(world, monkeypatch)
    async with running(scheduler):
        world.push("a", Takes(2.0, LeaseLostError("fenced")))
        await trio.sleep(1.0)
        world.pause("a")
        await trio.sleep(5.0)
        assert scheduler.statistics().failed == 0
        assert len(world.scripts["a"].times("open")) == 1


async def test_many_pauses_do_not_fill_the_log(autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some are named with their remedy, all are counted."""
    names = [f"b{number}" for number in range(100)]
    world = FakeRedis(*names)
    with capture_logs() as logs:
        async with running(make_scheduler(world, monkeypatch)):
            world.pause(*names)
            await trio.sleep(5.0)
            world.resume(*names)
            await trio.sleep(5.0)
    told = [entry for entry in logs if entry["event"] == "brand is paused"]
    assert len(told) == PAUSES_TOLD
    assert told[0]["remedy"] == f"orchestrator brands resume {told[0]['brand']}"
    counts = [(entry["paused"], entry["ended"]) for entry in logs if entry["event"] == "pauses changed"]
    assert counts == [(100, 0), (0, 100)]
