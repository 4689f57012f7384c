"""Echoes of our own commits cost no visit, and no push is lost among them."""

# ruff: noqa: ARG001 - the clock's effect is being requested

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from orchestrator.lane.step import Step
from orchestrator.scheduler.echoes import DOUBT_S, ECHO_S, Echoes
from tests.lane.fakes import Takes
from tests.scheduler.fakes import AWAY, FakeRedis, make_scheduler, running

KEY = "result:brand:a:chunks"
WORK = Step(items=1)


def test_echo_is_the_first_hint_soon_after_a_visit() -> None:
    """The next one is none, nor is one that comes late, or is for another brand."""
    echoes = Echoes()
    echoes.drained("a", 1.0)
    echoes.drained("b", 1.0)
    assert not echoes.is_echo("c", 1.0)
    assert echoes.is_echo("a", 1.0 + ECHO_S / 2)
    assert not echoes.is_echo("a", 1.0 + ECHO_S / 2)
    assert not echoes.is_echo("b", 1.0 + ECHO_S)


def test_echoes_that_never_came_are_forgotten() -> None:
    """Where the server tells of a key once for many changes, some do not come."""
    echoes = Echoes()
    for number in range(1000):
        echoes.drained(f"b-{number}", number * ECHO_S)
        echoes.drained("again", number * ECHO_S)
    assert len(echoes._until_s) == 2


def test_doubts_are_asked_about_at_once_and_then_together() -> None:
    """One alone waits for nothing; those that come soon after it wait for each other."""
    echoes = Echoes()
    assert echoes.due_s == float("inf")
    echoes.doubt("a")
    assert echoes.due_s <= 1.0
    assert echoes.take(1.0) == ["a"]
    for brand in "bcb":
        echoes.doubt(brand)
    assert echoes.due_s == 1.0 + DOUBT_S
    assert echoes.take(2.0) == ["b", "c"]
    assert echoes.due_s == float("inf")


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> FakeRedis:
    """Brand "a", whose every visit ends with its commit where it may; claims of all brands come every second sharp."""
    monkeypatch.setattr("orchestrator.scheduler.discovery.random.uniform", lambda _least, _most: 1.0)
    world = FakeRedis("a")
    world.scripts["a"].ends = True
    return world


def visits(world: FakeRedis) -> int:
    """How often "a" was visited."""
    return len(world.scripts["a"].warm_given)


async def test_echo_costs_a_question_and_no_visit(
    world: FakeRedis, monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    """The server tells of the commit 10 ms after the visit."""
    async with running(make_scheduler(world, monkeypatch, fetch_timeout_s=0.0)):
        world.push("a", WORK)
        await trio.sleep(0.01)
        before, claims = visits(world), len(world.claims)
        world.changed(KEY)
        await trio.sleep(0.1)
        assert (visits(world) - before, len(world.claims) - claims) == (0, 1)


async def test_hint_that_came_during_a_visit_costs_a_question(
    world: FakeRedis, monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    """The answer to the commit and the hint of it race each other. "b" waits for the lane, which so lets go of "a"."""
    world.register("a", "b")
    async with running(make_scheduler(world, monkeypatch, concurrency=1)):
        world.push("a", WORK, Takes(0.05))
        world.push("b", Takes(1.0, WORK))
        await trio.sleep(0.01)
        before, claims = visits(world), len(world.claims)
        world.changed(KEY)
        await trio.sleep(0.1)
        assert (visits(world) - before, len(world.claims) - claims) == (0, 1)


async def test_push_among_echoes_is_found_by_the_question(
    world: FakeRedis, monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    """The server tells of a commit and a push in one message."""
    async with running(make_scheduler(world, monkeypatch, fetch_timeout_s=0.0)):
        world.push("a", WORK)
        await trio.sleep(0.01)
        before = visits(world)
        world.push("a", WORK)
        await trio.sleep(DOUBT_S + 0.01)
        assert visits(world) == before + 1


async def test_hint_after_the_echo_is_followed_at_once(
    world: FakeRedis, monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    """Without a question."""
    async with running(make_scheduler(world, monkeypatch, fetch_timeout_s=0.0)):
        world.push("a", WORK)
        await trio.sleep(0.001)
        world.changed(KEY)
        await trio.sleep(0.001)
        before, claims = visits(world), len(world.claims)
        world.push("a", WORK)
        await trio.sleep(0.001)
        assert (visits(world) - before, len(world.claims) - claims) == (1, 0)


async def test_doubt_that_cannot_be_settled_is_left_to_claims(
    world: FakeRedis, monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    """They ask about all brands as soon as Redis is back."""
    async with running(make_scheduler(world, monkeypatch, fetch_timeout_s=0.0)):
        world.push("a", WORK)
        await trio.sleep(0.01)
        before = visits(world)
        world.down = AWAY
        world.push("a", WORK)
        await trio.sleep(0.5)
        assert visits(world) == before
        world.down = None
        await trio.sleep(5.0)
        assert visits(world) == before + 1
