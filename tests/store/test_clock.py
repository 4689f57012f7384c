"""Two clocks are compared fairly, by every answer that brings the server's time; nothing is done while they differ."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.errors import BrandBusyError, ClockSkewError
from orchestrator.settings import Settings
from orchestrator.store import Commit, Lease, ReadOn, Store, StoreOptions
from orchestrator.store.clock import Comparison, ServerClock
from orchestrator.store.store import MOST_LOCK_TTL_MS
from tests.store.world import World

HOUR_S = 3_600.0

moments = st.integers(0, 10**13)


@given(
    asked_ms=moments,
    there_ms=st.integers(0, 10**6),
    back_ms=st.integers(0, 10**6),
    ahead_ms=st.integers(-(10**9), 10**9),
)
def test_a_slow_answer_is_no_wrong_clock(asked_ms: int, there_ms: int, back_ms: int, ahead_ms: int) -> None:
    """Whatever part of a round trip an answer took: never more is seen than there is, and at most a round trip less."""
    server_ms = asked_ms + there_ms + ahead_ms
    seen_ms = Comparison(asked_ms, server_ms, asked_ms + there_ms + back_ms).skew_ms
    assert abs(seen_ms) <= abs(ahead_ms)
    assert seen_ms * ahead_ms >= 0
    assert abs(ahead_ms) - abs(seen_ms) <= there_ms + back_ms


@pytest.mark.parametrize(("ahead_s", "agrees"), [(0, True), (59, True), (-59, True), (61, False), (-61, False)])
def test_the_bound_is_in_both_directions(ahead_s: int, *, agrees: bool) -> None:
    """A server that is behind is as wrong as one that is ahead; both times are named, and the setting."""
    clock = ServerClock(60.0, wall=lambda: 1_795_435_200.0)
    server_ms = clock.now_ms() + ahead_s * 1000
    if agrees:
        clock.compare(clock.now_ms(), server_ms)
        assert (clock.statistics().problem, clock.statistics().skew_s) == ("", ahead_s)
        return
    with pytest.raises(ClockSkewError, match=r"it is 2026-11-23T12:00:00Z here and .*MAX_CLOCK_SKEW_SEC=60"):
        clock.compare(clock.now_ms(), server_ms)
    assert clock.statistics().problem
    assert clock.statistics().skew_s == ahead_s
    clock.compare(clock.now_ms(), clock.now_ms())
    assert clock.statistics().problem == ""


def test_clocks_that_are_not_compared_agree() -> None:
    """Zero switches it off; how far they are apart is told all the same."""
    clock = ServerClock(0.0, wall=lambda: 0.0)
    clock.compare(0, 10**12)
    assert (clock.statistics().problem, clock.statistics().skew_s) == ("", 10**9)


@pytest.mark.parametrize(
    ("max_skew_s", "follows"),
    [
        (30.0, "MAX_CLOCK_SKEW_SEC=30 apart: nothing is claimed"),
        (0.0, "60 s apart; with MAX_CLOCK_SKEW_SEC=0 brands are claimed"),
    ],
)
def test_who_looks_at_a_server_is_told_what_follows(max_skew_s: float, follows: str) -> None:
    """Where clocks are not compared a wrong one is told as well, and not as if it stopped anybody."""
    clock = ServerClock.told(max_skew_s)
    with pytest.raises(ClockSkewError, match=follows):
        clock.compare(clock.now_ms(), 0)


class Wrong:
    """A clock of this machine that the test sets."""

    def __init__(self, client: redis.Redis) -> None:
        self.behind_s = 0.0
        self._client = client

    def __call__(self) -> float:
        """Seconds, by the server's own clock."""
        told: Any = self._client.time()
        return float(told[0] + told[1] / 1e6) - self.behind_s


@pytest.fixture
def wrong(redis_client: redis.Redis) -> Wrong:
    """This machine's clock, right until the test sets it."""
    return Wrong(redis_client)


@pytest.fixture
def wary(redis_client: redis.Redis, brand: str, wrong: Wrong) -> World:
    """A brand seen through a store that compares."""
    store = Store(redis_client, StoreOptions(max_clock_skew_s=60.0))
    store.clock = ServerClock(60.0, wall=wrong)
    return World(redis_client, store, brand)


ASKING: dict[str, Callable[[World, Lease], object]] = {
    "ping": lambda world, _: world.store.ping(),
    "claim": lambda world, _: world.store.claim([world.brand]),
    "acquire": lambda world, _: world.store.acquire(world.brand, "token"),
    "visit": lambda world, _: world.store.visit(world.brand, "token", "", 1),
    "peek": lambda world, lease: world.store.peek(lease, 1),
    "time": lambda world, _: world.store.ask_time(world.store.line(world.brand)).read(),
}


@pytest.mark.parametrize("asking", list(ASKING))
def test_every_answer_with_a_time_is_compared(wary: World, wrong: Wrong, asking: str) -> None:
    """Not at the start alone: a clock may go wrong at any time, and be mended at any time."""
    lease = wary.store.acquire(wary.brand, "token")
    ASKING[asking](wary, lease)
    wrong.behind_s = HOUR_S
    with pytest.raises(ClockSkewError):
        ASKING[asking](wary, lease)
    wrong.behind_s = 0.0
    ASKING[asking](wary, lease)


def test_a_commit_is_in_and_the_peek_that_came_with_it_is_not_used(wary: World, wrong: Wrong) -> None:
    """Its time was right when it was built; the time that came back is not, so it is as if nothing had come."""
    lease, peek = wary.holding(b"a", b"b")
    wrong.behind_s = HOUR_S
    commit = Commit("cid-1", "", peek.version + 1, consumed=1, head=b"a", tail=b"a")
    reply, _ = wary.store.send(wary.store.line(lease.brand), lease, commit, ReadOn(1))
    answer = reply.read()
    assert (answer.version, answer.next) == (1, None)


# -- locks that outlive their ttl


@pytest.fixture
def told() -> list[tuple[str, int]]:
    """What was told of shortened locks."""
    return []


@pytest.fixture
def other(redis_client: redis.Redis, brand: str, told: list[tuple[str, int]]) -> World:
    """A brand whose lock is somebody else's, seen through a store with a ttl of 15 s."""
    store = Store(redis_client, shortened=lambda name, left_ms: told.append((name, left_ms)))
    world = World(redis_client, store, brand)
    world.push(b"a")
    return world


@pytest.mark.parametrize("by", ["claim", "acquire"])
@pytest.mark.parametrize("left_ms", [None, 3_600_000, 15_500])
def test_a_lock_that_outlives_its_ttl_is_shortened(
    other: World, told: list[tuple[str, int]], by: str, left_ms: int | None
) -> None:
    """One that a failover left there with an hour, or one without an end; and it is told what it had."""
    other.client.set(other.keys.lock, "somebody's", px=left_ms)
    _ask(other, by)
    assert 14_000 < int(other.client.pttl(other.keys.lock)) <= 15_000
    ((name, had_ms),) = told
    assert name == other.brand
    assert had_ms == -1 if left_ms is None else left_ms - 1_000 < had_ms <= left_ms
    _ask(other, by)
    assert len(told) == 1


@pytest.mark.parametrize("by", ["claim", "acquire"])
def test_a_lock_within_its_ttl_is_left_alone(other: World, told: list[tuple[str, int]], by: str) -> None:
    """Somebody renews it, or it ends by itself."""
    other.client.set(other.keys.lock, "somebody's", px=9_000)
    _ask(other, by)
    assert int(other.client.pttl(other.keys.lock)) <= 9_000
    assert told == []


@pytest.mark.parametrize("by", ["claim", "acquire"])
def test_a_lock_of_a_longer_ttl_is_left_alone(other: World, told: list[tuple[str, int]], by: str) -> None:
    """A colleague's LOCK_TTL_SEC may be larger: its token says so, and it renews in its own time."""
    colleague = Store(other.client, StoreOptions(lock_ttl_s=60.0))
    lease = colleague.acquire(other.brand, colleague.new_token())
    _ask(other, by)
    assert int(other.client.pttl(other.keys.lock)) > 59_000
    assert told == []
    other.client.persist(other.keys.lock)
    _ask(other, by)
    assert 59_000 < int(other.client.pttl(other.keys.lock)) <= 60_000
    assert len(told) == 1
    assert colleague.renew([lease]) == []


@pytest.mark.parametrize("by", ["claim", "acquire"])
@pytest.mark.parametrize(("token", "most_ms"), [("t:3600000", 600_000), (f"t:{'9' * 400}", 600_000), ("t:1", 15_000)])
def test_a_token_that_tells_an_odd_ttl_holds_no_brand_for_long(
    other: World, told: list[tuple[str, int]], by: str, token: str, most_ms: int
) -> None:
    """No more than LOCK_TTL_SEC may be, and no less than the reader's own."""
    other.client.set(other.keys.lock, token, px=3_600_000)
    _ask(other, by)
    assert most_ms - 1_000 < int(other.client.pttl(other.keys.lock)) <= most_ms
    assert len(told) == 1


def test_a_token_tells_no_longer_ttl_than_the_setting_may_have() -> None:
    """Both bounds are one."""
    (bound,) = (each.le for each in Settings.model_fields["lock_ttl_sec"].metadata if hasattr(each, "le"))
    assert bound * 1000 == MOST_LOCK_TTL_MS


def test_claim_leaves_a_lock_of_a_foreign_type_to_acquire(other: World, told: list[tuple[str, int]]) -> None:
    """It used to expire before anybody was told of it; now the brand is looked at, and acquire says what is wrong."""
    other.client.rpush(other.keys.lock, "somebody's")
    assert other.store.claim([other.brand]).ready == [other.brand]
    assert (other.client.pttl(other.keys.lock), told) == (-1, [])


def _ask(world: World, by: str) -> None:
    if by == "claim":
        assert world.store.claim([world.brand]).ready == []
        return
    with pytest.raises(BrandBusyError, match=r"at most [0-9]+ ms"):
        world.store.acquire(world.brand, "mine")


# -- epochs


def test_an_epoch_is_greater_than_what_readers_have_seen(other: World) -> None:
    """A failover may lose the lease under which a summary was written, and the new server's clock may be behind."""
    seen = other.store.acquire(other.brand, "t1").epoch + 10**9
    other.client.delete(other.keys.lock, other.keys.meta)
    assert other.store.acquire(other.brand, "t2", least_epoch=seen).epoch == seen + 1
