"""The service as the HTTP layer sees it: what "ready" means, and documents from a real Redis."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
import redis
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from orchestrator.archivist.archivist import ArchivistStatistics
from orchestrator.contract.alert_routes import RouteState, RouteStates
from orchestrator.contract.conflict import Conflict
from orchestrator.contract.fingerprint import Fingerprint
from orchestrator.contract.keys import MEMBERS_KEY, PARKED_KEY, BrandKeys
from orchestrator.contract.pauses import Pause
from orchestrator.contract.process_orders import ProcessOrder, Wanted
from orchestrator.errors import StoreUnavailableError
from orchestrator.fleet.members import Member
from orchestrator.fleet.noticing import Trouble
from orchestrator.fleet.parking import REMEDIES, Code, Parked, remedy
from orchestrator.fleet.view import FleetView
from orchestrator.http.service_view import Check, Lag, Notice, Status
from orchestrator.kernels import choice
from orchestrator.lane.lifecycle import LaneState
from orchestrator.process.metrics import Metrics
from orchestrator.scheduler.backlog import BacklogStatistics
from orchestrator.scheduler.scheduler import LaneStatistics, SchedulerStatistics
from orchestrator.service.fitness import Fitness
from orchestrator.service.heartbeat import Heartbeat, Identity, Work
from orchestrator.service.obedience import Orders
from orchestrator.service.primary import PrimaryWatch
from orchestrator.service.updates import UpdateFeed
from orchestrator.service.view import FLEET_AGE_S, FLEET_KEPT_S, Service
from orchestrator.store.connecting import connect
from orchestrator.store.documents import Documents
from orchestrator.store.members import Told, beat
from orchestrator.store.parked import encode
from orchestrator.store.pauses import pause, resume
from orchestrator.store.preflight import Finding, Verdict
from tests.service.test_obedience import Obedient

HEALTHY = SchedulerStatistics(
    lanes=(LaneStatistics("nike", LaneState.WAITING, 1.0), LaneStatistics("acme", LaneState.FOLDING, 0.1)),
    registered=4,
    processed=9,
    last_commit_ms=1_795_435_200_000,
    successful=3,
    failed=1,
    parked={},
    left=[],
    redis_up=True,
    redis_reason="",
    redis_summary="",
    clock_problem="",
    registry_read=True,
    hinted=True,
)


SET = Trouble(Code.TYPE, "a set", 0.0, 0.0)
REMEDY = REMEDIES[Code.TYPE]
MINE = Fingerprint({"SUMMARY_WINDOW_SEC": 900})


class FixedScheduler:
    """A scheduler that says what a test wants it to say."""

    def __init__(self, statistics: SchedulerStatistics) -> None:
        self._statistics = statistics

    def statistics(self) -> SchedulerStatistics:
        """The fixed snapshot."""
        return self._statistics

    def backlog(self) -> BacklogStatistics | None:
        """What waits."""
        return self._statistics.backlog

    def brands(self) -> tuple[str, ...]:
        """Two brands."""
        return ("nike", "acme")


def _service(client: redis.Redis, *, orders: Orders | None = None, **changes: Any) -> Service:
    scheduler: Any = FixedScheduler(replace(HEALTHY, **changes))
    feed = UpdateFeed(client, Metrics(merge_implementation="python"))
    heartbeat = Heartbeat(
        client, Identity("a", "o-1", MINE), Metrics(), work=lambda _cpu: Work(), orders=orders or Orders(Obedient(), 5)
    )
    return Service("o-1", scheduler, heartbeat, Documents(client), feed, redis_address="unix:///there")


@pytest.fixture(autouse=True)
def _no_fallback(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether this machine has the compiled kernel is not the question here."""
    monkeypatch.setattr(choice, "FALLBACK_REASON", None)


def test_statistics_pass_on_what_the_scheduler_knows(redis_client: redis.Redis) -> None:
    """Every number of health comes from one snapshot."""
    statistics = _service(redis_client).statistics()
    assert statistics.orchestrator_id == "o-1"
    assert (statistics.registered_brands, statistics.processed_brands, statistics.active_brands) == (4, 9, 2)
    assert (statistics.successful_brands, statistics.failed_brands) == (3, 1)
    assert statistics.last_processed_at_ms == 1_795_435_200_000
    assert statistics.redis_address == "unix:///there"
    assert statistics.uptime_s >= 0


def test_lag_is_what_the_scheduler_counted(redis_client: redis.Redis) -> None:
    """And nothing at all, which is not 0, where it could not count."""
    assert _service(redis_client).lag() == Lag()
    assert Lag().chunks is None
    counted = BacklogStatistics(chunks=7, brands=2, oldest_s=1.5, counted_ms=1_795_435_200_000)
    found = _service(redis_client, backlog=counted).lag()
    assert found == Lag(chunks=7, brands=2, oldest_s=1.5, counted_ms=1_795_435_200_000)


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({}, Status.OK),
        ({"hinted": False}, Status.OK),
        ({"failed": 3}, Status.OK),
        ({"registry_read": False}, Status.STARTING),
        ({"redis_up": False, "registry_read": False}, Status.UNAVAILABLE),
        ({"redis_up": False, "parked": {"x": SET}}, Status.UNAVAILABLE),
        ({"clock_problem": "an hour apart"}, Status.UNAVAILABLE),
        ({"parked": {"x": SET}}, Status.DEGRADED),
        ({"left": ["x"]}, Status.OK),
        ({"left": ["x"], "parked": {"y": SET}}, Status.DEGRADED),
    ],
)
def test_status_names_the_worst_that_is_the_case(
    redis_client: redis.Redis, changes: dict[str, Any], status: Status
) -> None:
    """No answer beats a start, a start beats a parked brand; failures of single brands do not make it unready."""
    assert _service(redis_client, **changes).statistics().status is status


def test_status_is_stopping_whatever_else_is_the_case(redis_client: redis.Redis) -> None:
    """During a stop no more readers should come."""
    service = _service(redis_client, redis_up=False)
    service.stopping = True
    assert service.statistics().status is Status.STOPPING


def test_status_is_degraded_on_the_pure_twin(redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel that should be there and is not gets noticed."""
    monkeypatch.setattr(choice, "FALLBACK_REASON", "no compiler")
    statistics = _service(redis_client).statistics()
    assert statistics.status is Status.DEGRADED
    check = statistics.checks["merge"]
    assert ("no compiler" in check.detail, "no compiler" in check.inner) == (False, True)


def test_checks_say_what_is_going_on(redis_client: redis.Redis) -> None:
    """One sentence each, for people."""
    checks = _service(redis_client).statistics().checks
    assert {name: (check.status, check.detail) for name, check in checks.items()} == {
        "redis": ("ok", "wake hints"),
        "clock": ("ok", ""),
        "server": ("ok", ""),
        "lanes": ("ok", "folding, waiting"),
        "paused": ("ok", ""),
        "orders": ("ok", ""),
        "settings": ("ok", ""),
        "alerts": ("ok", "nobody is told"),
        "merge": ("ok", choice.IMPLEMENTATION),
    }
    assert _service(redis_client, hinted=False, lanes=()).statistics().checks["redis"].detail == "polling"
    assert _service(redis_client, lanes=()).statistics().checks["lanes"].detail == "idle"


def test_checks_name_processes_that_have_other_settings(
    redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The service goes on serving, and says with both values who runs with others; some of many."""
    service = _service(redis_client)
    wide = Fingerprint({"SUMMARY_WINDOW_SEC": 86_400})
    members = tuple(Member(f"m{at}", f"o-{at}", "1", 4, wide, 5, 0, at, 0) for at in range(9))
    monkeypatch.setattr(Heartbeat, "members", lambda _: members)
    statistics = service.statistics()
    assert statistics.status is Status.DEGRADED
    detail = statistics.checks["settings"].detail
    assert "'o-0': SUMMARY_WINDOW_SEC is 900 here and 86400 there; 'o-1'" in detail
    assert detail.count("'o-") == 5
    monkeypatch.setattr(Heartbeat, "disputes", lambda _: ())
    assert service.statistics().checks["settings"].detail == "those of 8 other processes"


def test_statistics_tell_why_brands_are_parked(redis_client: redis.Redis) -> None:
    """For the pages, which name the remedy beside the brand."""
    assert _service(redis_client, parked={"nike": SET}).statistics().parked == {"nike": f"a set: {REMEDY}"}


def test_checks_name_some_brands_that_are_left_to_a_newer_version(redis_client: redis.Redis) -> None:
    """With what they need. That is in order during an upgrade, and is told beside what needs somebody."""
    left = [f"b{number}" for number in range(1_000)]
    check = _service(redis_client, left=left[:2]).statistics().checks["lanes"]
    told = f"2 left to a newer version, 'b0', 'b1': {REMEDIES[Code.NEWER]}"
    assert (check.status, check.detail) == ("ok", f"folding, waiting; {told}")
    assert _service(redis_client, left=left, lanes=()).statistics().checks["lanes"].detail.count("'b4', ...") == 1
    check = _service(redis_client, left=left[:2], parked={"x": SET}).statistics().checks["lanes"]
    assert (check.status, check.detail) == ("degraded", f"1 parked: 'x': a set: {REMEDY}; {told}")


def test_redis_check_keeps_the_servers_words_for_operators(redis_client: redis.Redis) -> None:
    """Strangers get a sentence of ours."""
    down: dict[str, Any] = {
        "redis_up": False,
        "redis_reason": "user bob at redis-7",
        "redis_summary": "Redis does not answer",
    }
    check = _service(redis_client, **down).statistics().checks["redis"]
    assert (check.status, check.detail, check.inner) == ("failing", "Redis does not answer", "user bob at redis-7")


def test_operators_are_told_which_primary_is_in_use(redis_client: redis.Redis) -> None:
    """Up or not; hosts are for them alone."""
    watched = PrimaryWatch(connect("redis+sentinel://s1:1/mymaster", timeout_s=1.0, pool_size=1))
    for up, inner in ((True, "wake hints"), (False, "")):
        service = _service(redis_client, redis_up=up, redis_summary="")
        service.primary = watched
        check = service.statistics().checks["redis"]
        assert "s1" not in check.detail
        assert check.inner == f"{inner}; primary not reached yet by the sentinels s1:1"


def test_checks_name_some_parked_brands(redis_client: redis.Redis) -> None:
    """The first ones with their reasons and the number of all, however many there are."""
    parked = {f"b{number}": SET for number in range(1_000)}
    check = _service(redis_client, parked=parked).statistics().checks["lanes"]
    assert check.status == "degraded"
    assert check.detail.startswith(f"1000 parked: 'b0': a set: {REMEDY}; ")
    assert len(check.detail) < 1_000


def test_a_check_tells_what_this_process_was_ordered(redis_client: redis.Redis) -> None:
    """That is in order, and it serves as before; who ordered it is for operators."""
    orders = Orders(Obedient(), 5)
    service = _service(redis_client, orders=orders)
    assert service.statistics().checks["orders"] == Check("ok")
    quiet = ProcessOrder(wanted=Wanted.QUIET, at_ms=1, by="ann@host").entry()
    orders.take((quiet, ProcessOrder(wanted=Wanted.LANES, at_ms=1, lanes=2).entry()), 1_735_689_600_000)
    statistics = service.statistics()
    check = statistics.checks["orders"]
    told = "quiet since 2025-01-01T00:00:00Z: takes no more brands; orchestrator processes resume a"
    assert check.detail == f"{told}; 2 lanes by order, 5 by setting"
    assert "00:00Z by ann@host: takes" in check.inner
    assert (check.status, statistics.status) == ("ok", Status.OK)
    orders.take((ProcessOrder(wanted=Wanted.STOP, at_ms=1, by="ann@host").entry(), b""), 2)
    check = service.statistics().checks["orders"]
    assert (check.detail[:15], check.inner[:27]) == ("ordered to stop", "ordered to stop by ann@host")


def test_checks_name_some_paused_brands(redis_client: redis.Redis) -> None:
    """That is in order; who paused them is for operators, and what lets them go on for everybody."""
    pause = Pause("a bad deploy", "ops@host", 1_735_689_600_000, 1_735_693_200_000)
    paused = {f"b{number}": pause for number in range(1_000)}
    statistics = _service(redis_client, paused=paused).statistics()
    check = statistics.checks["paused"]
    told = "paused since 2025-01-01T00:00:00Z until 2025-01-01T01:00:00Z: a bad deploy; orchestrator brands resume b0"
    assert check.detail.startswith(f"1000 paused: 'b0': {told}; 'b1'")
    assert check.detail.endswith("b4; ...")
    assert "ops@host" not in check.detail
    assert "paused by ops@host since" in check.inner
    assert (statistics.status, check.status) == (Status.OK, "ok")
    assert statistics.paused == paused
    assert _service(redis_client).statistics().checks["paused"].detail == ""


@pytest.mark.parametrize(
    ("verdicts", "status", "detail"),
    [
        ([], "ok", ""),
        ([Verdict.OK, Verdict.WARN], "ok", "check 1: found"),
        ([Verdict.WARN, Verdict.REFUSE], "degraded", "check 0: found; check 1: found"),
    ],
)
def test_checks_say_what_the_last_look_at_the_server_found(
    redis_client: redis.Redis, verdicts: list[Verdict], status: str, detail: str
) -> None:
    """What would keep a service from starting degrades one that runs."""
    service, fitness = _service(redis_client), Fitness(redis_client, Metrics(), max_clock_skew_s=60.0)
    found = [Finding(f"check {number}", verdict, "found") for number, verdict in enumerate(verdicts)]
    fitness._take_over(found)
    service.fitness = fitness
    check = service.statistics().checks["server"]
    assert (check.status, check.detail) == (status, detail)


@pytest.mark.parametrize("verdict", [Verdict.OK, Verdict.REFUSE])
def test_checks_say_which_server_it_is(redis_client: redis.Redis, verdict: Verdict) -> None:
    """Whether it is content with it or not, once."""
    service, fitness = _service(redis_client), Fitness(redis_client, Metrics(), max_clock_skew_s=60.0)
    fitness._take_over([Finding("version", verdict, "Valkey 9.1.2"), Finding("role", Verdict.OK, "master")])
    service.fitness = fitness
    said = "Valkey 9.1.2" if verdict is Verdict.OK else "version: Valkey 9.1.2"
    assert service.statistics().checks["server"].detail == said


async def test_documents_come_from_redis(redis_client: redis.Redis, brand: str) -> None:
    """Summary, trend and spikes as they are stored; absent ones are empty."""
    service, keys = _service(redis_client), BrandKeys.of(brand)
    assert (await service.summary(brand), await service.trend(brand), await service.spikes(brand)) == (None, {}, [])
    redis_client.set(keys.summary, "{}")
    redis_client.hset(keys.trend, "h:1", "{}")
    redis_client.rpush(keys.spike, "1", "2")
    assert await service.summary(brand) == b"{}"
    assert await service.trend(brand) == {b"h:1": b"{}"}
    assert await service.spikes(brand) == [b"1", b"2"]
    assert await service.brands() == ("nike", "acme")


async def test_documents_without_redis_raise_what_the_http_layer_knows() -> None:
    """A reader gets an answer about the outage, not a defect."""
    client = connect("unix:///nowhere/redis.sock", timeout_s=1.0, pool_size=1)
    with pytest.raises(StoreUnavailableError):
        await _service(client).summary("nike")


async def test_notice_tells_what_any_process_or_operator_says_of_a_brand(redis_client: redis.Redis, brand: str) -> None:
    """A page says the same as the command line, whichever process serves it."""
    service = _service(redis_client)
    assert await service.notice(brand) == Notice("", "", 0)
    redis_client.rpush(BrandKeys.of(brand).queue, "x")
    assert await service.notice(brand) == Notice("", "", 1)
    meta = BrandKeys.of(brand).meta
    now_ms = time.time_ns() // 1_000_000
    for ago_ms, expected in ((0, "'c-1'"), (90_000_000, "")):
        redis_client.hset(meta, mapping={"conflicts": 2, "conflict": Conflict(now_ms - ago_ms, "c-1").encode()})
        conflicts = (await service.notice(brand)).conflicts
        assert conflicts.endswith(expected)
        assert bool(conflicts) == bool(expected)
    redis_client.delete(meta)
    told = Told("o-2", "1", 4, msgspec.Raw(b"{}"), 1, 0)
    beat(redis_client, "00000000000000aa", 0, told)
    redis_client.hset(PARKED_KEY, brand, encode(Parked(Code.META, "its epoch is b'inf'", 1, "00000000000000aa")))
    parked = await service.notice(brand)
    pause(redis_client, [brand], by="ann", reason="a look")
    paused = await service.notice(brand)
    resume(redis_client, [brand])
    redis_client.delete(PARKED_KEY, MEMBERS_KEY, BrandKeys.of(brand).queue)
    assert parked == Notice(
        "Parked until somebody acts; its chunks wait.", f"its epoch is b'inf': {remedy(Code.META, brand)}", 1
    )
    assert paused == Notice("", "", 1)  # who paused it is for operators alone, and told elsewhere


async def test_fleet_is_looked_at_once_a_second(
    redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch, mock_clock: MockClock
) -> None:
    """Whoever asks meanwhile gets the same picture, also those who come together."""
    looks = 0

    def look(_self: Documents) -> FleetView:
        nonlocal looks
        looks += 1
        return FleetView(looks)

    monkeypatch.setattr(Documents, "fleet", look)
    service = _service(redis_client)
    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(service.fleet)
    assert (await service.fleet()).as_of_ms == 1
    mock_clock.jump(FLEET_AGE_S + 0.01)
    assert (await service.fleet()).as_of_ms == 2


async def test_who_cannot_wait_is_shown_what_was_seen_last(
    redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch, mock_clock: MockClock
) -> None:
    """A look that takes long goes on for who asks next, and nobody begins another one meanwhile; old news are none."""
    looks: list[int] = []
    began, go = threading.Event(), threading.Event()

    def look(_self: Documents) -> FleetView:
        looks.append(0)
        if len(looks) == 2:
            began.set()
            go.wait()
        return FleetView(len(looks))

    monkeypatch.setattr(Documents, "fleet", look)
    service = _service(redis_client)
    found: list[int] = []

    async def ask() -> None:
        found.append((await service.fleet(0.25)).as_of_ms)

    await ask()
    try:
        async with trio.open_nursery() as nursery:
            for later_s in (FLEET_AGE_S + 0.01, 1.0, FLEET_KEPT_S):
                mock_clock.jump(later_s)
                nursery.start_soon(ask)
                await trio.to_thread.run_sync(began.wait)
                await wait_all_tasks_blocked()
                mock_clock.jump(0.3)
                await wait_all_tasks_blocked()
            assert (found, len(looks)) == ([1, 1, 1], 2)  # the last one waits
            go.set()
    finally:
        go.set()
    assert found == [1, 1, 1, 3]
    assert (await service.fleet()).as_of_ms == 3


async def test_who_come_during_a_look_share_the_next_one(
    redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch, mock_clock: MockClock
) -> None:
    """A look for each of them would make those who wait more and more, where looks take longer than they take."""
    looks: list[int] = []
    began, go = threading.Event(), threading.Event()

    def look(_self: Documents) -> FleetView:
        looks.append(0)
        began.set()
        go.wait()
        return FleetView(len(looks))

    monkeypatch.setattr(Documents, "fleet", look)
    service = _service(redis_client)
    found: list[int] = []

    async def ask() -> None:
        found.append((await service.fleet()).as_of_ms)

    try:
        async with trio.open_nursery() as nursery:
            for _ in range(4):
                nursery.start_soon(ask)
                await trio.to_thread.run_sync(began.wait)
                await wait_all_tasks_blocked()
                mock_clock.jump(2 * FLEET_AGE_S)
            go.set()
    finally:
        go.set()
    assert found == [1, 2, 2, 2]


async def test_summaries_are_taken_in_the_thread_that_reads(redis_client: redis.Redis, brand: str) -> None:
    """The event loop decodes nothing."""
    redis_client.set(BrandKeys.of(brand).summary, b"{}")
    loop, seen = threading.get_ident(), []

    def take(raw: bytes | None) -> bytes | None:
        seen.append(threading.get_ident())
        return raw

    assert await _service(redis_client).summaries([brand, f"{brand}-2"], take) == [b"{}", None]
    assert loop not in seen


class FixedAlerts:
    """Alerts as a test sets them."""

    def __init__(self, states: RouteStates | None) -> None:
        self._states = states

    def states(self) -> RouteStates | None:
        """As they were set."""
        return self._states


def test_routes_of_alerts_are_a_check(redis_client: redis.Redis) -> None:
    """Strangers learn which route fails and what helps, operators why."""
    desk = RouteState(name="desk", address="https://h.example/…", chooses="all")
    late = replace(desk, waiting=2, oldest_ms=1_000, trouble="status 404", trouble_since_ms=1_000)
    service = _service(redis_client)

    def check(states: RouteStates | None) -> Check:
        alerts: Any = FixedAlerts(states)
        service.alerts = alerts
        return service.statistics().checks["alerts"]

    assert check(None) == Check("ok", "nobody is told")
    assert check(RouteStates([desk])) == Check("ok", "1 route")
    assert check(RouteStates([desk, replace(desk, kept=3)])) == Check("ok", "2 routes, 3 kept for their time")
    failing = check(RouteStates([desk, late]))
    assert failing.status == "degraded"
    assert failing.detail == (
        "desk does not get its alerts; see what its endpoint answers: orchestrator alerts test desk"
    )
    assert "its endpoint takes none: status 404" in failing.inner
    broken = check(RouteStates([desk], "ALERT_ROUTES_FILE=/secret/path: route 1: x\nroute 2: y"))
    assert broken.status == "degraded"
    assert "secret" not in broken.detail
    assert "route 1: x; route 2: y" in broken.inner
    assert service.statistics().alert_routes == RouteStates(
        [desk], "ALERT_ROUTES_FILE=/secret/path: route 1: x\nroute 2: y"
    )


class FixedArchivist:
    """One that says what a test wants it to say."""

    def __init__(self, **told: Any) -> None:
        self._told = told

    def statistics(self) -> ArchivistStatistics:
        """The fixed snapshot."""
        return ArchivistStatistics(**self._told)


@pytest.mark.parametrize(
    ("told", "status", "detail", "inner"),
    [
        ({}, "ok", "what waits was not counted yet", ""),
        ({"counted": True}, "ok", "nothing waits", "nothing waits"),
        (
            {"counted": True, "bytes": 2_500_000, "brands": 2, "oldest_s": 12.3},
            "ok",
            "2.5 MB of 2 brands wait, the oldest for 12 s",
            "2.5 MB of 2 brands wait, the oldest for 12 s",
        ),
        (
            {"counted": True, "full": ["nike"], "trouble": "no answer of host", "trouble_s": 40.0, "skipped": 3},
            "degraded",
            "nothing waits; 1 brands have as much waiting as may; nothing is taken, for 40 s; 3 records skipped",
            (
                "nothing waits; 1 brands have as much waiting as may: 'nike'; see docs/runbooks/archive-full.md;"
                " nothing is taken, for 40 s: no answer of host; see docs/runbooks/archive-unreachable.md; 3 records"
                " skipped; see docs/runbooks/archive-skipped.md"
            ),
        ),
        (
            {"counted": True, "bytes": 2_500_000, "brands": 2, "oldest_s": 190.0, "late_s": 160.0},
            "degraded",
            "2.5 MB of 2 brands wait, the oldest for 190 s; it should be there for 160 s",
            (
                "2.5 MB of 2 brands wait, the oldest for 190 s; it should be there for 160 s; see"
                " docs/runbooks/archive-late.md"
            ),
        ),
        (
            {"counted": True, "trouble": "'nike' is damaged", "troubled": 1, "trouble_s": 40.0},
            "degraded",
            "nothing waits; records of 1 brands are not taken, for 40 s",
            (
                "nothing waits; records of 1 brands are not taken, for 40 s: 'nike' is damaged; see"
                " docs/runbooks/archive-unreachable.md"
            ),
        ),
        (
            {"counted": True, "trouble": "/archive has no marker", "misplaced": True, "trouble_s": 40.0},
            "degraded",
            "nothing waits; it is not where it was, its volume may not be mounted: nothing is taken, for 40 s",
            (
                "nothing waits; it is not where it was, its volume may not be mounted: nothing is taken, for 40 s:"
                " /archive has no marker; see docs/runbooks/archive-misplaced.md"
            ),
        ),
        ({"trouble": "no answer"}, "degraded", "what waits was not counted yet", "no answer"),
    ],
    ids=["not yet", "nothing", "some", "everything", "late", "one brand", "misplaced", "no count"],
)
def test_the_archive_is_a_check_where_there_is_one(
    redis_client: redis.Redis, told: dict[str, Any], status: str, detail: str, inner: str
) -> None:
    """Hosts and brands are for operators alone."""
    service: Any = _service(redis_client)
    assert "archive" not in service.statistics().checks
    service.archivist = FixedArchivist(**told)
    assert service.statistics().checks["archive"] == Check(status, detail, inner)


def test_days_that_are_not_tended_are_told(redis_client: redis.Redis) -> None:
    """By the process that tends them, with what helps; why is for operators."""
    service: Any = _service(redis_client)
    service.archivist, service.tender = FixedArchivist(counted=True), SimpleNamespace(trouble="")
    assert service.statistics().checks["archive"].status == "ok"
    service.tender.trouble = "'nike': no base"
    assert service.statistics().checks["archive"] == Check(
        "degraded",
        "nothing waits; its days are not all tended",
        "nothing waits; its days are not all tended: 'nike': no base; see docs/runbooks/archive-untended.md",
    )
