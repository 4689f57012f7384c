"""The loop around a beat: who disagrees with whom, what is told once, and that nothing depends on it."""

# ruff: noqa: ARG001 - the clock's effect is being requested

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
import trio
from structlog.testing import capture_logs
from trio.testing import MockClock

from orchestrator.contract.fingerprint import RULES_NAME, Fingerprint
from orchestrator.contract.process_orders import ProcessOrder, Wanted
from orchestrator.errors import StoreUnavailableError
from orchestrator.fleet.members import TTL_S, Load, Member, Obedience, Rates, Share
from orchestrator.process.metrics import Metrics
from orchestrator.service import heartbeat as module
from orchestrator.service.heartbeat import Heartbeat, Identity, Work, disputes
from orchestrator.service.obedience import Orders
from orchestrator.store.members import (
    ALONE_BEAT_S,
    NO_ORDERS,
    SHARED_BEAT_S,
    Heard,
    Told,
    ToldLoad,
    ToldObedience,
    ToldShare,
    gone_s,
)
from tests.lane.fakes import in_place
from tests.service.test_obedience import Obedient

WIDE = Fingerprint({"SUMMARY_WINDOW_SEC": 86_400, "MAX_STORIES": 5_000, RULES_NAME: 1})
NARROW = Fingerprint({**WIDE.values, "SUMMARY_WINDOW_SEC": 900})
WORK = Work(("a", "b", "c"), 7.0004)
AWAY = StoreUnavailableError("no answer")


def member(name: str, since_ms: int, fingerprint: Fingerprint = WIDE) -> Member:
    """A process that lives."""
    return Member(name, f"o-{name}", "1", 4, fingerprint, 5, 0, since_ms, 0)


class Others:
    """In place of Redis: who else lives, and what this process said.

    Attributes:
        members: those who live, the oldest first.
        error: what a beat raises while it is set.
        beats: (virtual time, since, what was said).
        orders: that lie there for this process.
        heard: those that it said to have heard last.
    """

    def __init__(self) -> None:
        self.members: list[Member] = []
        self.error: Exception | None = None
        self.beats: list[tuple[float, int, Told]] = []
        self.left: list[str] = []
        self.orders = self.heard = NO_ORDERS

    def beat(
        self, _client: object, name: str, since_ms: int, told: Told, heard: tuple[bytes, bytes] = NO_ORDERS
    ) -> Heard:
        """A beat at the server's time 1,000; what was heard is ordered no more."""
        self.beats.append((trio.current_time(), since_ms, told))
        self.heard = heard
        if self.error is not None:
            raise self.error
        since = since_ms or 1_000
        mine = replace(member(name, since), fingerprint=Fingerprint.read(bytes(told.settings)))
        state, lanes = (b"" if one == known else one for one, known in zip(self.orders, heard, strict=True))
        members = tuple(sorted([*self.members, mine], key=lambda one: (one.since_ms, one.name)))
        return Heard(since, members, 1_000, (state, lanes))

    def leave(self, _client: object, name: str) -> None:
        """The end of a process."""
        if self.error is not None:
            raise self.error
        self.left.append(name)


@pytest.fixture
def others(monkeypatch: pytest.MonkeyPatch) -> Others:
    """Nobody else yet, and calls carried out in place."""
    world = Others()
    monkeypatch.setattr(module, "beat", world.beat)
    monkeypatch.setattr(module, "leave", world.leave)
    monkeypatch.setattr(trio.to_thread, "run_sync", in_place)
    return world


def heartbeat_of(
    fingerprint: Fingerprint, metrics: Metrics | None = None, orders: Orders | None = None, **options: Any
) -> Heartbeat:
    """A process with those settings."""
    client: Any = None
    identity = Identity("me", "o-me", fingerprint, "here")
    options = {"work": lambda _cpu: WORK, "orders": orders or Orders(Obedient(), 5), **options}
    return Heartbeat(client, identity, metrics or Metrics(), **options)


async def run_for(heartbeat: Heartbeat, seconds: float) -> list[str]:
    """Beat for some virtual time; the warnings told."""
    with capture_logs() as logs:
        with trio.move_on_after(seconds):
            await heartbeat.run()
    return [line.get("process") or line.get("reason", "") for line in logs if line["log_level"] == "warning"]


def test_the_later_one_disputes() -> None:
    """Who was there before it, with which values; who came later says so itself."""
    members = [member("a", 1), member("b", 2, NARROW), member("c", 3), member("d", 4, NARROW)]
    assert disputes(members, "a", WIDE) == ()
    (dispute,) = disputes(members, "b", NARROW)
    assert str(dispute) == "'o-a': SUMMARY_WINDOW_SEC is 900 here and 86400 there"
    assert [one.member.name for one in disputes(members, "c", WIDE)] == ["b"]
    assert [one.member.name for one in disputes(members, "d", NARROW)] == ["a", "c"]


def test_another_archive_is_disputed() -> None:
    """Each place would have some of what was consumed; an older version does not say where."""
    here, elsewhere = (replace(member("a", 1), archive=archive) for archive in ("x", "y"))
    mine = member("b", 2)
    assert disputes([here, mine], "b", WIDE, "x") == disputes([member("a", 1), mine], "b", WIDE, "x") == ()
    told = [disputes([one, mine], "b", WIDE, archive) for one, archive in ((elsewhere, "x"), (here, ""))]
    told.append(disputes([replace(here, archive=""), mine], "b", WIDE, "x"))
    assert [str(dispute) for (dispute,) in told] == [
        "'o-a': ARCHIVE_URL names another place there",
        "'o-a': ARCHIVE_URL is set there and not here",
        "'o-a': ARCHIVE_URL is set here and not there",
    ]


def test_other_rules_are_no_dispute() -> None:
    """Two versions run side by side during an upgrade, and a newer one may tell of settings that we do not have."""
    theirs = Fingerprint({**WIDE.values, RULES_NAME: 2})
    assert disputes([member("a", 1, theirs), member("b", 2)], "b", WIDE) == ()
    missing = Fingerprint({"SUMMARY_WINDOW_SEC": 86_400})
    (dispute,) = disputes([member("a", 1, missing), member("b", 2)], "b", WIDE)
    assert str(dispute) == "'o-a': MAX_STORIES is 5000 here and not told there"


async def test_heartbeat_says_who_this_is(others: Others, autojump_clock: MockClock) -> None:
    """At once, then every few seconds, with the time of the first one."""
    begun_s = trio.current_time()
    await run_for(heartbeat_of(NARROW), 2.5 * ALONE_BEAT_S)
    assert [(round(at_s - begun_s, 6), since_ms) for at_s, since_ms, _ in others.beats] == [
        (0, 0),
        (ALONE_BEAT_S, 1_000),
        (2 * ALONE_BEAT_S, 1_000),
    ]
    told = others.beats[0][2]
    assert (told.id, told.lanes, told.active, told.holds, told.oldest) == ("o-me", 5, 3, ("a", "b", "c"), 7.0)
    assert Fingerprint.read(bytes(told.settings)) == NARROW
    assert told.archive == ""


async def test_heartbeat_tells_a_dispute_once_and_before_it_is_started(
    others: Others, autojump_clock: MockClock
) -> None:
    """The first lease comes later; who joins with a third set of settings later is not this one's business."""
    others.members = [member("a", 1)]
    metrics = Metrics()
    heartbeat = heartbeat_of(NARROW, metrics)
    with capture_logs() as logs:
        async with trio.open_nursery() as nursery:
            await nursery.start(heartbeat.run)
            assert [line["process"] for line in logs] == ["'o-a': SUMMARY_WINDOW_SEC is 900 here and 86400 there"]
            others.members.append(member("late", 9_999))
            await trio.sleep(3 * SHARED_BEAT_S)
            assert len(logs) == 1
            assert [one.member.name for one in heartbeat.disputes()] == ["a"]
            assert len(heartbeat.members()) == 3
            sample = metrics.registry.get_sample_value
            assert (sample("orchestrator_members"), sample("orchestrator_members_disputed")) == (3, 1)
            others.members = [member("a", 1, NARROW)]
            await trio.sleep(SHARED_BEAT_S)
            assert heartbeat.disputes() == ()
            assert sample("orchestrator_members_disputed") == 0
            nursery.cancel_scope.cancel()


async def test_heartbeat_without_redis_goes_on(others: Others, autojump_clock: MockClock) -> None:
    """One line while it is away, nobody known once that is too old to be true, and all known when it is back."""
    others.members = [member("a", 1)]
    heard: list[list[Member]] = []
    heartbeat = heartbeat_of(NARROW, heard=lambda members: heard.append(list(members)))
    warnings = []

    async def listen() -> None:
        warnings.extend(await run_for(heartbeat, 1_000))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(listen)
        await trio.sleep(1)
        others.error = AWAY
        await trio.sleep(TTL_S - 2 * SHARED_BEAT_S)
        assert len(heartbeat.disputes()) == 1
        assert heard[-1] != []
        await trio.sleep(3 * SHARED_BEAT_S)
        assert (heartbeat.members(), heartbeat.disputes(), heard[-1]) == ((), (), [])
        others.error = None
        await trio.sleep(ALONE_BEAT_S)
        assert len(heartbeat.members()) == 2
    assert warnings == ["'o-a': SUMMARY_WINDOW_SEC is 900 here and 86400 there", "no answer"]


async def test_heartbeat_starts_without_an_answer(others: Others, autojump_clock: MockClock) -> None:
    """A silent Redis delays the start by a second at most."""
    others.error = AWAY
    async with trio.open_nursery() as nursery:
        begun_s = trio.current_time()
        await nursery.start(heartbeat_of(WIDE).run)
        assert trio.current_time() - begun_s <= 1
        nursery.cancel_scope.cancel()


async def test_heartbeat_says_goodbye_if_it_can(others: Others, autojump_clock: MockClock) -> None:
    """Else the others notice that it says nothing any more."""
    heartbeat = heartbeat_of(WIDE)
    await heartbeat.leave()
    assert others.left == [heartbeat.name]
    others.error = AWAY
    await heartbeat.leave()


async def test_an_order_is_done_and_said_to_be_heard_at_once(others: Others, autojump_clock: MockClock) -> None:
    """Not with the beat after: whoever looks sees within moments what became of it."""
    worker = Obedient()
    orders = Orders(worker, 5)
    begun_s = trio.current_time()

    async def give() -> None:
        await trio.sleep(ALONE_BEAT_S / 2)
        quiet = ProcessOrder(wanted=Wanted.QUIET, at_ms=1, by="ann")
        others.orders = (quiet.entry(), ProcessOrder(wanted=Wanted.LANES, at_ms=1, lanes=2).entry())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(give)
        await run_for(heartbeat_of(WIDE, orders=orders), 3.5 * ALONE_BEAT_S)
    beats = [(round(at_s - begun_s, 6), told.lanes, told.orders) for at_s, _, told in others.beats]
    free, quiet = ToldObedience(5), ToldObedience(5, quiet_since_ms=1_000, by="ann")
    assert beats == [
        (0, 5, free),
        (ALONE_BEAT_S, 5, free),
        (ALONE_BEAT_S, 2, quiet),
        (2 * ALONE_BEAT_S, 2, quiet),
        (3 * ALONE_BEAT_S, 2, quiet),
    ]
    assert worker.done == ["quiet", "2 lanes"]
    assert others.heard == others.orders


async def test_quiet_processes_are_counted(others: Others, autojump_clock: MockClock) -> None:
    """Among those that live."""
    others.members = [
        replace(member("a", 1), obedience=Obedience(5, 7)),
        replace(member("b", 2), obedience=Obedience(5)),
    ]
    metrics = Metrics()
    await run_for(heartbeat_of(WIDE, metrics), 1)
    assert metrics.registry.get_sample_value("orchestrator_members_quiet") == 1


def share(registry: str = "here") -> Share:
    """What a process says of the brands that it comes first for."""
    return Share(registry, "v", strained=False, chunks=7, brands=3, paused_chunks=1, oldest_s=2.5, age_s=0.25)


async def test_heartbeat_passes_on_who_shares_the_work(others: Others, autojump_clock: MockClock) -> None:
    """Not who reads another registry, says nothing of it, or has been silent for some beats: that one may be gone."""
    late_ms = round(1000 * gone_s(4)) + 1
    others.members = [
        replace(member("a", 1), share=share(), age_ms=late_ms // 2),
        replace(member("b", 2), share=share("elsewhere")),
        member("c", 3),
        replace(member("d", 4), share=share(), age_ms=2 * late_ms),
    ]
    heard: list[tuple[str, bool]] = []

    def note(members: Sequence[Member]) -> None:
        heard[:] = [(one.name, one.share is not None) for one in members]

    await run_for(heartbeat_of(WIDE, heard=note), SHARED_BEAT_S / 2)
    assert heard == [("a", True), ("b", False), ("c", False), ("d", False), ("me", False)]


async def test_heartbeat_tells_our_share(others: Others, autojump_clock: MockClock) -> None:
    """As it is at each beat, with the processors in use as last measured."""
    asked: list[float] = []

    def work(cpu: float) -> Work:
        asked.append(cpu)
        return replace(WORK, share=share())

    others.members = [member("a", 1)]
    await run_for(heartbeat_of(WIDE, work=work), 2.5 * SHARED_BEAT_S)
    assert [told.share for _, _, told in others.beats] == [
        ToldShare("here", "v", 7, 3, 1, 2.5, 0.25, strained=False)
    ] * 3
    assert len(asked) == 3
    assert all(cpu >= 0 for cpu in asked)


async def test_heartbeat_measures_now_and_then(
    others: Others, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reading all counters costs more than a beat; what was measured last, hardly any real time ago, is told again."""
    read: list[object] = []

    def measure(*readings: object) -> tuple[Load, Rates]:
        read.append(readings)
        return Load(0.5, 0.25, 1), Rates(chunks=2.0)

    monkeypatch.setattr(module, "measured", measure)
    await run_for(heartbeat_of(WIDE), 3.5 * ALONE_BEAT_S)
    assert [told.load for _, _, told in others.beats] == [ToldLoad(0.5, 0.25, 1)] * 4
    assert len(read) == 1
