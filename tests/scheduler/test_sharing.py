"""What a process does for brands of its own, and for those of others, in virtual time."""

# ruff: noqa: ARG001 - the clock's effect is being requested

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from orchestrator.contract.fingerprint import Fingerprint
from orchestrator.contract.pauses import Pause
from orchestrator.errors import StoreUnavailableError
from orchestrator.fleet.members import Member, Share
from orchestrator.lane.outcome import LaneOutcome
from orchestrator.lane.step import Step
from orchestrator.process.metrics import Metrics
from orchestrator.scheduler.later import LATEST_S, LENT_S, RANK_S, WATCH_S
from orchestrator.scheduler.roster import Roster
from orchestrator.scheduler.scheduler import Scheduler
from orchestrator.scheduler.sharing import Sharing
from orchestrator.store.glance import Glance, Part
from orchestrator.store.types import Claim, Queued
from tests.lane.fakes import Takes
from tests.scheduler.fakes import FakeRedis, make_scheduler, running

BRANDS = [f"brand-{number}" for number in range(60)]
WORK = Step(items=1)


def member(name: str, *holds: str, strained: bool = False, view: str = "", chunks: int = 0) -> Member:
    """A process that shares the work."""
    share = Share("r", view, chunks, chunks, 0, 0.0, 0.0, strained)
    return Member(name, name, "1", 4, Fingerprint({}), 5, 0, 0, 0, holds=holds, share=share)


class World:
    """Redis and the lanes, for one process that shares the work with others.

    Attributes:
        free: brands with chunks and no lock; locked: those with chunks and a lock.
        asked: the brands of each claim, and when.
        room: lanes to spare.
    """

    def __init__(self) -> None:
        self.free: set[str] = set()
        self.locked: set[str] = set()
        self.asked: list[tuple[float, list[str]]] = []
        self.down = False
        self.room = 1
        self.roster = Roster(backoff_base=2.0, park_s=30.0)
        self.roster.register(BRANDS)
        self.sharing = Sharing("me", 6.0, self.roster, self, self.claim)
        self.sharing.divide()

    async def claim(self, brands: Sequence[str]) -> Claim:
        """What Redis says of *brands*."""
        await trio.lowlevel.checkpoint()
        self.asked.append((trio.current_time(), list(brands)))
        if self.down:
            raise StoreUnavailableError("no answer")
        queues = {brand: Queued(1, b"") for brand in brands if brand in self.free | self.locked}
        return Claim([brand for brand in brands if brand in self.free], queues)

    def ready(self) -> list[str]:
        """The brands that would be given a lane, which they are."""
        found = []
        while (brand := self.roster.take(trio.current_time())) is not None:
            found.append(brand)
        return found

    def ranked(self, rank: int) -> str:
        """A brand for which so many others come first."""
        return next(brand for brand in BRANDS if self.sharing.ownership.rank(brand) == rank)

    # -- lanes

    def notice(self) -> None:
        """A brand may be ready."""

    def wake(self, _brand: str) -> bool:
        """No lane has it."""
        return False

    def working(self) -> tuple[str, ...]:
        """No lane has any."""
        return ()

    def show_anew(self, _brand: str) -> None:
        """Nobody is shown anything."""

    def dismiss(self, _brand: str) -> None:
        """No lane has it."""

    def spare(self) -> int:
        """Lanes to spare."""
        return self.room - self.roster.waiting(trio.current_time())


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """A process beside two others, which asks about their brands."""
    world = World()
    world.sharing.heard([member("me"), member("b"), member("c")])
    async with trio.open_nursery() as nursery:
        await nursery.start(world.sharing.ask_later)
        yield world
        nursery.cancel_scope.cancel()


async def test_the_first_acts_on_a_hint_at_once(autojump_clock: MockClock, world: World) -> None:
    """Without asking anybody."""
    brand = world.ranked(0)
    world.sharing.hint(brand)
    assert (world.ready(), world.asked) == ([brand], [])


@pytest.mark.parametrize("rank", [1, 2])
async def test_the_others_ask_later_whether_somebody_did(autojump_clock: MockClock, world: World, rank: int) -> None:
    """With one claim, which finds nothing in most of them; what nobody took is taken."""
    brands = [brand for brand in BRANDS if world.sharing.ownership.rank(brand) == rank]
    began_s = trio.current_time()
    world.free = {brands[0]}
    for brand in brands:
        world.sharing.hint(brand)
        world.sharing.hint(brand)
    assert world.ready() == []
    await trio.sleep(5 * RANK_S)
    assert [(round(at_s - began_s, 6), sorted(asked)) for at_s, asked in world.asked] == [
        (rank * RANK_S, sorted(brands))
    ]
    assert world.ready() == [brands[0]]
    assert world.sharing.backlog.since_s(brands[0], 99.0) == began_s


async def test_a_brand_under_a_lock_is_watched_until_it_is_free(autojump_clock: MockClock, world: World) -> None:
    """Who has it may have died: it is taken over within a second of the end of its lease."""
    brand = world.ranked(1)
    world.locked = {brand}
    world.sharing.hint(brand)
    await trio.sleep(6.0)
    assert world.ready() == []
    world.locked, world.free = set(), {brand}
    await trio.sleep(WATCH_S)
    assert world.ready() == [brand]
    world.free = set()
    asked = len(world.asked)
    await trio.sleep(60.0)
    assert len(world.asked) == asked


async def test_brands_of_others_wait_for_a_lane_to_spare(autojump_clock: MockClock, world: World) -> None:
    """Whoever has more to do than lanes takes nothing from others, but what they have left for long."""
    brand, own = world.ranked(1), world.ranked(0)
    world.free, world.room = {brand, own}, 0
    began_s = trio.current_time()
    world.sharing.hint(brand)
    await trio.sleep(LATEST_S - 0.1)
    assert world.asked == []
    await trio.sleep(3 * RANK_S)
    assert world.ready() == [brand]
    assert world.asked[0][0] - began_s >= LATEST_S


async def test_no_more_is_taken_from_others_than_lanes_are_to_spare(autojump_clock: MockClock, world: World) -> None:
    """All are asked about in one claim, because nothing waits in most of them; the rest is left for the next time."""
    brands = [brand for brand in BRANDS if world.sharing.ownership.rank(brand) == 1][:3]
    world.free, world.room = set(brands), 2
    for brand in brands:
        world.sharing.hint(brand)
    await trio.sleep(1.1 * RANK_S)
    assert [len(asked) for _, asked in world.asked] == [3]
    assert len(world.ready()) == 2
    await trio.sleep(RANK_S)
    assert [len(asked) for _, asked in world.asked] == [3, 1]


async def test_brands_of_others_wait_where_all_wait(autojump_clock: MockClock, world: World) -> None:
    """Else they would wander to whoever is as busy, and their states be loaded again."""
    brand, own = world.ranked(1), world.ranked(0)
    world.free, world.room = {brand}, 0
    world.sharing.hint(brand)
    world.sharing.backlog.ready(own, trio.current_time())
    for _ in range(20):
        now_s = trio.current_time()
        world.sharing.backlog.counted({own: Queued(1, b"")}, now_s, now_s, 0)
        await trio.sleep(1.0)
    assert world.asked == []
    world.sharing.backlog.counted({}, trio.current_time(), trio.current_time(), 0)
    await trio.sleep(1.5)
    assert world.ready() == [brand]


async def test_a_parked_brand_of_ours_keeps_nobody_waiting(autojump_clock: MockClock, world: World) -> None:
    """It may have waited for days, and for an operator; those whose first cannot work on them would wait as long."""
    brand, own = world.ranked(1), world.ranked(0)
    world.free, world.room = {brand}, 0
    world.sharing.backlog.ready(own, trio.current_time())
    await trio.sleep(1000.0)
    now_s = trio.current_time()
    world.sharing.backlog.counted({own: Queued(1, b"")}, now_s, now_s, 0)
    world.roster.mark_ready(own)
    assert world.ready() == [own]
    world.roster.finish(own, LaneOutcome.PARKED, now_s)
    world.sharing.hint(brand)
    await trio.sleep(LATEST_S + 2 * RANK_S)
    assert world.ready() == [brand]


async def test_a_strained_first_lets_others_come_before_it(autojump_clock: MockClock, world: World) -> None:
    """They act at once; it asks when they had their time, and then takes its brand, lanes to spare or not."""
    own, others = world.ranked(0), world.ranked(1)
    world.room, world.free = 0, {own}
    first = world.sharing.ownership.order(others)[0]
    rest = "c" if first == "b" else "b"
    world.sharing.heard([member("me"), member(first, strained=True), member(rest)])
    world.sharing.hint(others)
    assert world.ready() == [others]
    world.sharing.heard([member("me", strained=True), member("b"), member("c")])
    world.sharing.hint(own)
    assert world.ready() == []
    await trio.sleep(2.1 * RANK_S)
    assert world.ready() == [own]


async def test_a_brand_that_another_holds_is_left_to_it(autojump_clock: MockClock, world: World) -> None:
    """As long as its heartbeat says so, or an acquire found out: whoever holds it hears its hints."""
    brand = world.ranked(0)
    world.sharing.heard([member("me"), member("b", brand), member("c")])
    world.sharing.hint(brand)
    assert world.ready() == []
    world.sharing.heard([member("me"), member("b"), member("c")])
    await trio.sleep(1.0)
    world.sharing.ended(brand, lent=True)
    world.sharing.hint(brand)
    assert world.ready() == []
    world.free = {brand}
    began_s = trio.current_time()
    world.sharing.hint(brand)
    await trio.sleep(1.1 * LENT_S)
    assert world.ready() == [brand]
    world.roster.finish(brand, LaneOutcome.DRAINED, began_s)
    world.free = set()
    world.sharing.hint(brand)
    assert world.ready() == [brand]  # ours again


async def test_a_claim_offers_what_is_ours(autojump_clock: MockClock, world: World) -> None:
    """What is not, is asked about later; of what has a lock, the own ones are seen by the next round."""
    own, theirs, locked = world.ranked(0), world.ranked(1), world.ranked(2)
    queues = {brand: Queued(1, b"") for brand in (own, theirs, locked)}
    began_s = trio.current_time()
    assert world.sharing.offer(Claim([own, theirs], queues))
    assert world.ready() == [own]
    world.free, world.room = {theirs}, 2
    await trio.sleep(5.0)
    assert [(round(at_s - began_s, 6), sorted(asked)) for at_s, asked in world.asked] == [
        (RANK_S, sorted([theirs, locked])),
    ]
    assert RANK_S == WATCH_S
    assert world.ready() == [theirs]


async def test_what_got_no_answer_is_asked_again(autojump_clock: MockClock, world: World) -> None:
    """Redis may be away for longer than a brand is worth a look."""
    brand = world.ranked(1)
    world.down, world.free = True, {brand}
    world.sharing.hint(brand)
    await trio.sleep(10.0)
    world.down = False
    await trio.sleep(WATCH_S)
    assert world.ready() == [brand]


async def test_a_brand_that_a_lane_has_is_not_asked_about(autojump_clock: MockClock, world: World) -> None:
    """Nor is one that is unknown."""
    brand = world.ranked(1)
    world.sharing.hint(brand)
    world.sharing.hint("unknown")
    assert "unknown" not in world.sharing._later
    world.roster.mark_ready(brand)
    assert world.ready() == [brand]
    await trio.sleep(5.0)
    assert world.asked == []


async def test_when_a_process_dies_its_brands_are_shared_out(autojump_clock: MockClock, world: World) -> None:
    """Those that are ours now are in doubt, and asked about in the next round."""
    before = set(world.sharing.looks.own)
    for _ in world.sharing.looks.glances(0.0):
        pass
    world.sharing.looks.asked([], 0, world.roster.idle)
    assert not world.sharing.heard([member("me", strained=True), member("c"), member("b")])
    assert world.sharing.heard([member("me"), member("b")])
    gained = world.sharing.looks.own - before
    assert gained
    assert {brand for part in world.sharing.looks.asked([], 0, world.roster.idle) for brand in part} == gained


async def test_a_process_that_does_not_tell_gets_no_brands(autojump_clock: MockClock, world: World) -> None:
    """One of an older version works on all brands, and one that stops on none."""
    silent = Member("z", "z", "1", 4, Fingerprint({}), 5, 0, 0, 0, holds=(world.ranked(0),))
    assert world.sharing.heard([member("me"), silent])
    assert world.sharing.looks.own == set(BRANDS)
    assert not world.sharing.comes_first(silent.holds[0])
    me = Member("me", "me", "1", 4, Fingerprint({}), 5, 0, 0, 0)
    assert world.sharing.heard([me, member("b")])
    assert (world.sharing.looks.own, world.sharing.ownership.rank(BRANDS[0])) == (set(), 1)
    assert world.sharing.heard([])
    assert world.sharing.looks.own == set(BRANDS)


# -- the scheduler with all of it


@asynccontextmanager
async def beside(scheduler: Scheduler, *others: str) -> AsyncIterator[None]:
    """Run *scheduler* beside *others*."""
    async with running(scheduler):
        scheduler.heard([member(name) for name in ("me", *others)])
        await trio.sleep(3.0)
        yield


def first_of(world: FakeRedis, scheduler: Scheduler, *, own: bool) -> str:
    """A brand that is ours, or is not."""
    return next(brand for brand in world.brands if scheduler._discovery.sharing.comes_first(brand) == own)


async def test_scheduler_takes_what_an_owner_leaves(autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """An owner that does nothing costs the brand its time, and no more; a lost hint the time between two glances."""
    world = FakeRedis(*BRANDS)
    scheduler = make_scheduler(world, monkeypatch)
    async with beside(scheduler, "b", "c"):
        brand = first_of(world, scheduler, own=False)
        pushed_s = trio.current_time()
        world.push(brand, WORK)
        await trio.sleep(3 * RANK_S)
        assert RANK_S <= world.scripts[brand].times("step")[0] - pushed_s <= 3 * RANK_S
        world.push(brand, WORK, hint=False)
        pushed_s = trio.current_time()
        await trio.sleep(60.0)
        assert world.scripts[brand].times("step")[1] - pushed_s <= 2 * 15.0


async def test_scheduler_finds_what_no_hint_told_of_its_own_brands(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within a second and a bit; brands of which nothing is known are not claimed again and again."""
    world = FakeRedis(*BRANDS)
    scheduler = make_scheduler(world, monkeypatch)
    async with beside(scheduler, "b", "c"):
        brand = first_of(world, scheduler, own=True)
        world.claimed.clear()
        await trio.sleep(30.0)
        assert world.claimed == []
        world.push(brand, WORK, hint=False)
        pushed_s = trio.current_time()
        await trio.sleep(5.0)
        assert world.scripts[brand].times("step")[0] - pushed_s <= 1.3


async def test_scheduler_refreshes_what_is_due(autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Within a second and a bit of its time, though another process set that a little before and nobody told us."""
    world = FakeRedis("nike")
    async with running(make_scheduler(world, monkeypatch)):
        await trio.sleep(60.0)
        assert world.scripts["nike"].times("open") == []
        due_s = trio.current_time() + 25.0
        world.dues["nike"] = 1 + round(due_s * 1000)
        await trio.sleep(24.0)
        assert world.scripts["nike"].times("open") == []
        await trio.sleep(6.0)
    assert 0.0 <= world.scripts["nike"].times("open")[0] - due_s <= 1.5


async def test_scheduler_tells_its_share(autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits in its own brands, and whether it has more to do than lanes; nothing once it stops, or cannot work."""
    world = FakeRedis(*BRANDS)
    metrics = Metrics(merge_implementation="python")
    scheduler = make_scheduler(world, monkeypatch, concurrency=1, metrics=metrics)
    async with beside(scheduler, "b", "c"):
        share = scheduler.share(busy=False)
        assert share is not None
        assert (share.chunks, share.brands, share.strained, share.registry) == (0, 0, False, scheduler.registry_name)
        own = [brand for brand in BRANDS if scheduler._discovery.sharing.comes_first(brand)][:3]
        theirs = first_of(world, scheduler, own=False)
        for brand in (*own, theirs):
            world.push(brand, *[Takes(20.0, WORK)] * 4)
        await trio.sleep(2.0)
        share = scheduler.share(busy=False)
        assert share is not None
        assert (share.brands, share.strained) == (3, True)
        assert 11 <= share.chunks <= 12
        assert scheduler.backlog() is None  # the others have not shared the brands out as we have
        busy = [member(name, view=share.view, chunks=5) for name in "bc"]
        scheduler.heard([member("me"), *busy])
        backlog = scheduler.backlog()
        assert backlog is not None
        assert (backlog.chunks, backlog.brands) == (share.chunks + 10, 13)
        scheduler.be_quiet()
        assert (scheduler.share(busy=False), scheduler.spare()) == (None, 0)
        scheduler.resume()
        assert scheduler.share(busy=False) is not None
        world.down = StoreUnavailableError("no answer")
        await trio.sleep(3.0)
        assert scheduler.share(busy=False) is None
    assert scheduler.working() == ()


async def test_what_has_chunks_stays_in_doubt(autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also after a claim without an answer: it alone is asked about again, and not all that it is glanced at with."""
    world = FakeRedis(*BRANDS)
    scheduler = make_scheduler(world, monkeypatch)
    claim, failures = world.claim, [1]

    def failing(brands: Sequence[str]) -> Claim:
        if failures:
            failures.pop()
            raise StoreUnavailableError("no answer")
        return claim(brands)

    async with beside(scheduler, "b", "c"):
        brand = first_of(world, scheduler, own=True)
        world.pause(brand)
        await trio.sleep(1.0)
        world.push(brand, WORK)
        failures.append(1)
        monkeypatch.setattr(world, "claim", failing)
        world.claimed.clear()
        await trio.sleep(10.0)
        assert set(world.claimed) == {brand}
        assert len(world.claimed) > 5


@pytest.mark.parametrize("unanswered", ["glance", "paused"])
async def test_a_due_that_could_not_be_read_is_read_again(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch, unanswered: str
) -> None:
    """It comes sooner than its turn; also where the pauses, which a glance has to be read with, got no answer."""
    world = FakeRedis(*BRANDS)
    scheduler = make_scheduler(world, monkeypatch, fetch_timeout_s=0.1)
    glance, paused = world.glance, world.paused

    def failing(parts: Sequence[Part], dues: Sequence[str] = ()) -> Glance:
        if dues:
            monkeypatch.setattr(world, "glance", glance)
            if unanswered == "glance":
                raise StoreUnavailableError("no answer")
            monkeypatch.setattr(world, "paused", silent)
            world._revision += 1
        return glance(parts, dues)

    def silent(_brands: Sequence[str]) -> dict[str, Pause]:
        monkeypatch.setattr(world, "paused", paused)
        raise StoreUnavailableError("no answer")

    async with beside(scheduler, "b", "c"):
        brand = first_of(world, scheduler, own=True)
        monkeypatch.setattr(world, "glance", failing)
        world.push(brand, WORK)
        world.dues[brand] = world.now_ms() + 4_000
        await trio.sleep(8.0)
        assert len(world.scripts[brand].times("open")) > 1


async def test_a_count_of_another_view_is_none(autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who comes first for what has changed while it was under way."""
    world = FakeRedis(*BRANDS)
    scheduler = make_scheduler(world, monkeypatch)
    sharing = scheduler._discovery.sharing
    glance, counted, views = world.glance, sharing.backlog.counted, list[tuple[str, str]]()

    def changing(parts: Sequence[Part], dues: Sequence[str] = ()) -> Glance:
        monkeypatch.setattr(world, "glance", glance)
        scheduler.heard([member("me"), member("d")])
        return glance(parts, dues)

    def count(*arguments: Any, view: str, **options: Any) -> None:
        views.append((view, sharing.ownership.view))
        counted(*arguments, view=view, **options)

    async with beside(scheduler, "b", "c"):
        monkeypatch.setattr(sharing.backlog, "counted", count)
        monkeypatch.setattr(world, "glance", changing)
        await trio.sleep(5.0)
    assert len(views) > 2
    assert all(counted_view == view for counted_view, view in views)
