"""Several routes: each gets what it wants, none holds up another one, and an alert leaves once all are done with it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import msgspec
import pytest
import trio
from quart import Response

from orchestrator.alerts import courier as courier_module
from orchestrator.alerts import deliver as alerts_module
from orchestrator.alerts.deliver import Alerts
from orchestrator.alerts.quiet import Quiet
from orchestrator.alerts.routes import Address, Route
from orchestrator.alerts.source import Routes
from orchestrator.errors import SettingsError
from orchestrator.process.metrics import Metrics
from tests.alerts.support import AT_MS, MemoryOutboxes, alert
from tests.alerts.test_deliver import BRANDS, Transport, Virtually, virtually  # noqa: F401 - a fixture
from tests.alerts.test_quiet import NIGHT, ms
from tests.polling import until
from tests.webhook_receiver import Receiver, receiving

MORNING_MS = ms("2026-03-02T07:00:00+00:00")
NIGHT_MS = ms("2026-03-01T23:30:00+00:00")


@pytest.fixture
def metrics() -> Metrics:
    """Metrics with a registry of their own."""
    return Metrics()


class Clock:
    """Unix time that goes with trio's."""

    def __init__(self, at_ms: int) -> None:
        self._at_s = at_ms / 1000
        self._begun_s: float | None = None

    def __call__(self) -> float:
        """Seconds."""
        if self._begun_s is None:
            self._begun_s = trio.current_time()
        return self._at_s + trio.current_time() - self._begun_s


def count(metrics: Metrics, route: str, outcome: str) -> float | None:
    """How many alerts of the route had this outcome."""
    labels = {"route": route, "outcome": outcome}
    return metrics.registry.get_sample_value("orchestrator_route_alerts_total", labels)


def gauge(metrics: Metrics, name: str, route: str) -> float | None:
    """What a gauge of the route says."""
    return metrics.registry.get_sample_value(f"orchestrator_route_{name}", {"route": route})


def route(name: str, url: str = "", **fields: object) -> Route:
    """A route without a cooldown, to an endpoint of its own."""
    return Route(name, Address(url or f"http://{name}.test/"), **({"cooldown_s": 0.0} | fields))  # type: ignore[arg-type]


def alerts_of(
    outboxes: MemoryOutboxes, metrics: Metrics, *routes: Route, now_ms: int = AT_MS, brands: Sequence[str] = BRANDS
) -> Alerts:
    """Alerts of a service with some brands and these routes."""
    return Alerts(Routes(routes), outboxes, metrics, brands=lambda: brands, wall_clock=Clock(now_ms))


def told(receiver: Receiver) -> list[str]:
    """Which alerts came there, in order."""
    return [headers["webhook-id"] for headers, _ in receiver.requests]


@asynccontextmanager
async def delivering(alerts: Alerts) -> AsyncIterator[None]:
    """Deliver meanwhile."""
    async with trio.open_nursery() as nursery:
        await nursery.start(alerts.deliver)
        yield
        nursery.cancel_scope.cancel()


async def test_each_route_gets_what_it_wants_and_all_leave(metrics: Metrics) -> None:
    """By kind and by brand; what no route wants leaves as well, and is counted."""
    one, other = Receiver(), Receiver()
    mood = msgspec.structs.replace(alert(number=2).entry(AT_MS), kind="mood", id="mood_2")
    outboxes = MemoryOutboxes(alert(), alert(brand="adidas"), alert(brand="puma"))
    outboxes.lists["nike"].append(mood.encode())
    async with receiving(one) as first, receiving(other) as second:
        routes = (
            route("volume", first, kinds=frozenset({"volume"}), brands=("nike", "adidas")),
            route("nike", second, brands=("ni*",)),
        )
        async with delivering(alerts_of(outboxes, metrics, *routes)):
            await until(lambda: not outboxes.left)
    assert set(told(one)) == {alert().id, alert(brand="adidas").id}
    assert told(other) == [alert().id, "mood_2"]
    assert metrics.registry.get_sample_value("orchestrator_alerts_total", {"outcome": "unrouted"}) == 1
    assert (count(metrics, "volume", "delivered"), count(metrics, "nike", "delivered")) == (2, 2)
    assert not any(outboxes.marks.values())


async def test_a_chat_gets_the_text_alone(metrics: Metrics) -> None:
    """The same text that the whole message has."""
    receiver, outboxes = Receiver(), MemoryOutboxes(alert())
    async with (
        receiving(receiver) as url,
        delivering(alerts_of(outboxes, metrics, route("chat", url, format="slack"))),
    ):
        await until(lambda: not outboxes.left)
    ((_, body),) = receiver.requests
    assert list(json.loads(body)) == ["text"]


async def hang() -> httpx2.Response:
    """An endpoint that takes connections and says nothing."""
    await trio.sleep_forever()


class Hosts(Transport):
    """Endpoints by host; one without an answer hangs."""

    def __init__(self, **answers: int) -> None:
        super().__init__(lambda _: httpx2.Response(500))
        self.answers = answers
        self.seen: list[tuple[str, str]] = []

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Note who is told what."""
        host = request.url.host.partition(".")[0]
        self.seen.append((host, request.headers["webhook-id"]))
        return httpx2.Response(self.answers[host]) if host in self.answers else await hang()

    def told(self, host: str) -> list[str]:
        """What was sent there."""
        return [message for to, message in self.seen if to == host]


async def test_an_endpoint_that_hangs_holds_up_no_other(
    virtually: Virtually,  # noqa: F811
    autojump_clock: trio.testing.MockClock,
    metrics: Metrics,
) -> None:
    """Not for its own brand, nor for those that come while it hangs, however many brands it has in hand."""
    brands = [f"brand-{number}" for number in range(3 * courier_module.WORKERS)]
    transport, outboxes = Hosts(good=204), MemoryOutboxes(*(alert(brand=brand) for brand in brands))
    virtually(transport, autojump_clock)
    alerts = alerts_of(outboxes, metrics, route("hangs"), route("good"), brands=brands)
    async with delivering(alerts):
        await trio.testing.wait_all_tasks_blocked(0.01)
        assert set(transport.told("good")) == {alert(brand=brand).id for brand in brands}
        assert len(transport.told("hangs")) == courier_module.WORKERS
        outboxes.put(alert("closed", brand="brand-0"))
        alerts.wake("brand-0")
        await trio.testing.wait_all_tasks_blocked(0.01)
        assert transport.told("good")[-1] == alert("closed", brand="brand-0").id
        assert outboxes.left == len(brands) + 1
        assert sorted(outboxes.marks["brand-0"]) == sorted(
            f"good:{one.id}" for one in (alert(brand="brand-0"), alert("closed", brand="brand-0"))
        )


async def test_another_process_tells_what_one_route_of_a_dead_one_did_not(
    virtually: Virtually,  # noqa: F811
    autojump_clock: trio.testing.MockClock,
    metrics: Metrics,
) -> None:
    """What is marked is not told again there."""
    transport, outboxes = Hosts(good=204), MemoryOutboxes(alert())
    virtually(transport, autojump_clock)
    routes = (route("bad"), route("good"))
    async with delivering(alerts_of(outboxes, metrics, *routes)):
        await trio.testing.wait_all_tasks_blocked(0.01)
    transport.answers["bad"] = 204
    async with delivering(alerts_of(outboxes, Metrics(), *routes)):
        await trio.testing.wait_all_tasks_blocked(0.01)
    assert (transport.told("good"), outboxes.left, len(transport.told("bad"))) == ([alert().id], 0, 2)
    assert not any(outboxes.marks.values())


@pytest.mark.parametrize("fails_at", range(1, 12))
async def test_no_route_loses_an_alert_in_an_outage_of_redis(
    virtually: Virtually,  # noqa: F811
    autojump_clock: trio.testing.MockClock,
    metrics: Metrics,
    fails_at: int,
) -> None:
    """Whatever call fails; and a process that told it does not tell it again."""
    transport, outboxes = Hosts(one=204, two=204), MemoryOutboxes(alert())
    outboxes.fails_at = fails_at
    virtually(transport, autojump_clock)
    async with delivering(alerts_of(outboxes, metrics, route("one"), route("two"))):
        await trio.sleep(300)  # virtual: ten sweeps
    assert (transport.told("one"), transport.told("two")) == ([alert().id], [alert().id])
    assert (outboxes.left, outboxes.held) == (0, {})


async def test_what_is_told_is_taken_out_at_once(
    virtually: Virtually,  # noqa: F811
    autojump_clock: trio.testing.MockClock,
    metrics: Metrics,
) -> None:
    """Not by the next sweep, half a minute later: until then it would count as waiting."""
    transport, outboxes = Hosts(desk=204), MemoryOutboxes(alert())
    virtually(transport, autojump_clock)
    async with delivering(alerts_of(outboxes, metrics, route("desk"))):
        await trio.sleep(2)
        assert (transport.told("desk"), outboxes.left) == ([alert().id], 0)


async def test_quiet_hours_end_with_one_message_of_all_brands(
    virtually: Virtually,  # noqa: F811
    autojump_clock: trio.testing.MockClock,
    metrics: Metrics,
) -> None:
    """Within a second of their end, and what is kept is shown as kept and not as waiting."""
    transport, outboxes = Hosts(night=204, day=204), MemoryOutboxes()
    outboxes.lists = {brand: [alert(brand=brand).entry(NIGHT_MS).encode()] for brand in BRANDS}
    virtually(transport, autojump_clock)
    night = route("night", quiet=Quiet((NIGHT,)))
    alerts = alerts_of(outboxes, metrics, night, route("day"), now_ms=NIGHT_MS)
    async with delivering(alerts):
        await trio.sleep(60)
        assert (transport.told("night"), len(transport.told("day"))) == ([], 3)
        assert (gauge(metrics, "kept", "night"), gauge(metrics, "waiting", "night")) == (3, 0)
        states = alerts.states()
        assert states is not None
        night_state, day_state = states.routes
        assert (night_state.kept, night_state.next_ms, night_state.quiet_until_ms) == (3, MORNING_MS, MORNING_MS)
        assert (night_state.delivered_ms, day_state.quiet_until_ms) == (None, None)
        assert NIGHT_MS <= (day_state.delivered_ms or 0) <= NIGHT_MS + 60_000
        await trio.sleep((MORNING_MS - NIGHT_MS) / 1000 - 60 - 0.5)
        assert transport.told("night") == []
        await trio.sleep(2)
        assert [message[:7] for message in transport.told("night")] == ["digest_"]
    assert (outboxes.left, outboxes.turns) == (0, {})
    assert count(metrics, "night", "delivered") == 3


async def test_quiet_hours_that_drop_drop(
    virtually: Virtually,  # noqa: F811
    autojump_clock: trio.testing.MockClock,
    metrics: Metrics,
) -> None:
    """At once, and counted."""
    transport, outboxes = Hosts(night=204), MemoryOutboxes()
    outboxes.lists = {"nike": [alert().entry(NIGHT_MS).encode()]}
    virtually(transport, autojump_clock)
    night = route("night", quiet=Quiet((NIGHT,)), quiet_then="drop")
    async with delivering(alerts_of(outboxes, metrics, night, now_ms=NIGHT_MS)):
        await trio.sleep(1)
    assert (transport.seen, outboxes.left, count(metrics, "night", "suppressed")) == ([], 0, 1)


@pytest.mark.parametrize("collected_at_once", [1, 64])
async def test_a_digest_is_bounded_and_the_rest_comes_in_the_next_one(
    virtually: Virtually,  # noqa: F811
    autojump_clock: trio.testing.MockClock,
    metrics: Metrics,
    monkeypatch: pytest.MonkeyPatch,
    collected_at_once: int,
) -> None:
    """At once, and another process that has the turn is left alone until it gives it back."""
    monkeypatch.setattr(courier_module, "MAX_DIGEST", 2)
    monkeypatch.setattr(courier_module, "COLLECTED_AT_ONCE", collected_at_once)
    transport = Hosts(desk=204)
    outboxes = MemoryOutboxes(*(alert(number=number, brand=brand) for number in (1, 2) for brand in BRANDS[:2]))
    outboxes.put(alert(brand="puma"))
    outboxes.turns["desk"] = "another process"
    virtually(transport, autojump_clock)
    desk = route("desk", digest_ms=60_000)
    async with delivering(alerts_of(outboxes, metrics, desk, now_ms=AT_MS + 60_000)):
        await trio.sleep(1)
        assert (transport.seen, outboxes.holds_s) == ([], [])
        del outboxes.turns["desk"]
        await trio.sleep(alerts_module.SWEEP_S)
    assert (len(transport.seen), outboxes.left, outboxes.turns) == (3, 0, {})
    assert count(metrics, "desk", "delivered") == 5


async def test_a_digest_that_is_not_taken_stays(
    virtually: Virtually,  # noqa: F811
    autojump_clock: trio.testing.MockClock,
    metrics: Metrics,
) -> None:
    """While the endpoint is away it is tried, and told under the same id; the route says that it fails."""
    transport, outboxes = Hosts(desk=503), MemoryOutboxes(alert(), alert(brand="puma"))
    virtually(transport, autojump_clock)
    alerts = alerts_of(outboxes, metrics, route("desk", digest_ms=60_000), now_ms=AT_MS + 60_000)
    async with delivering(alerts):
        await trio.sleep(2.5)
        assert (outboxes.left, gauge(metrics, "failing", "desk")) == (2, 1)
        states = alerts.states()
        assert states is not None
        assert (states.routes[0].trouble, states.routes[0].delivered_ms) == ("status 503", None)
        assert states.routes[0].digest_ms == 60_000
        transport.answers["desk"] = 204
        await trio.sleep(10)
    assert (len(set(transport.told("desk"))), outboxes.left, gauge(metrics, "failing", "desk")) == (1, 0, 0)


async def test_a_mark_that_comes_after_its_alert_was_taken_out_does_not_stay(
    virtually: Virtually,  # noqa: F811
    autojump_clock: trio.testing.MockClock,
    metrics: Metrics,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The other route of the process knows already that this one is done; nobody else would come for the mark."""
    transport, outboxes = Hosts(one=204, two=204), MemoryOutboxes(alert())
    kept = outboxes.mark

    async def mark(brand: str, mark: str, others: Sequence[str]) -> bool:
        await trio.sleep(5)
        return await kept(brand, mark, others)

    monkeypatch.setattr(outboxes, "mark", mark)
    virtually(transport, autojump_clock)
    async with delivering(alerts_of(outboxes, metrics, route("one"), route("two"))):
        await trio.sleep(60)
    assert (transport.told("one"), transport.told("two")) == ([alert().id], [alert().id])
    assert (outboxes.left, set().union(*outboxes.marks.values())) == (0, set())


async def test_marks_that_cannot_be_kept_lose_nothing(
    virtually: Virtually,  # noqa: F811
    autojump_clock: trio.testing.MockClock,
    metrics: Metrics,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Somebody else's key is in their place: this process remembers what it told, tells nothing twice and all."""
    transport, outboxes = Hosts(one=204, two=503), MemoryOutboxes(alert())

    async def mark(*_: object) -> bool:
        await trio.lowlevel.checkpoint()
        return False

    monkeypatch.setattr(outboxes, "mark", mark)
    virtually(transport, autojump_clock)
    async with delivering(alerts_of(outboxes, metrics, route("one"), route("two"))):
        await trio.sleep(90)
        assert (len(transport.told("one")), outboxes.left) == (1, 1)
        transport.answers["two"] = 204
        await trio.sleep(120)
    assert (len(transport.told("one")), outboxes.left) == (1, 0)


async def test_marks_of_alerts_that_are_gone_are_swept(
    virtually: Virtually,  # noqa: F811
    autojump_clock: trio.testing.MockClock,
    metrics: Metrics,
) -> None:
    """A full outbox drops its oldest, and their marks with them."""
    outboxes = MemoryOutboxes(alert())
    outboxes.marks["nike"] = {"slow:gone"}
    virtually(Hosts(), autojump_clock)
    async with delivering(alerts_of(outboxes, metrics, route("slow"))):
        await trio.sleep(1)
    assert outboxes.marks["nike"] == set()


FILE = """
[[route]]
name = "{name}"
url = "http://{name}.test/"
cooldown_minutes = 0
brands = {brands}
"""


def from_file(path: Path, outboxes: MemoryOutboxes, metrics: Metrics) -> Alerts:
    """Alerts whose routes are in that file."""
    return Alerts(Routes(file=str(path)), outboxes, metrics, brands=lambda: BRANDS, wall_clock=lambda: AT_MS / 1000)


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sweeps that a test can wait for on the real clock that threads need."""
    monkeypatch.setattr(alerts_module, "SWEEP_S", 0.01)


@pytest.mark.usefixtures("hurried")
async def test_a_new_file_is_taken_over(metrics: Metrics, tmp_path: Path) -> None:
    """A route that went holds no alert any more, and has no metrics; a new one gets what waits."""
    path, outboxes = tmp_path / "routes.toml", MemoryOutboxes(alert())
    receiver = Receiver()
    path.write_text(FILE.format(name="old", brands='["nike"]').replace("http://old.test/", "http://127.0.0.1:9/"))
    async with receiving(receiver) as url, delivering(from_file(path, outboxes, metrics)):
        await until(lambda: gauge(metrics, "failing", "old") == 1)
        path.write_text(FILE.format(name="new", brands='["*"]').replace("http://new.test/", url))
        await until(lambda: not outboxes.left)
        await until(lambda: gauge(metrics, "failing", "old") is None)
    assert told(receiver) == [alert().id]
    assert (count(metrics, "new", "delivered"), count(metrics, "old", "failed")) == (1, None)


@pytest.mark.usefixtures("hurried")
async def test_a_bad_file_leaves_the_routes_as_they_were(metrics: Metrics, tmp_path: Path) -> None:
    """It is told in log, health and metrics until it is mended; alerts go on meanwhile."""
    path, outboxes, receiver = tmp_path / "routes.toml", MemoryOutboxes(), Receiver()

    def invalid() -> float | None:
        return metrics.registry.get_sample_value("orchestrator_alert_routes_invalid")

    async with receiving(receiver) as url:
        good = FILE.format(name="desk", brands='["nike"]').replace("http://desk.test/", url)
        path.write_text(good)
        alerts = from_file(path, outboxes, metrics)
        async with delivering(alerts):
            path.write_text(good.replace("brands", "brand"))
            await until(lambda: invalid() == 1)
            outboxes.put(alert())
            await until(lambda: not outboxes.left)
            states = alerts.states()
            assert states is not None
            assert states.problem.startswith(f"ALERT_ROUTES_FILE={path}: route 'desk': 'brand' is no field of a route")
            path.unlink()
            await until(lambda: "cannot be read" in (alerts.states() or pytest.fail("no routes")).problem)
            path.write_text(good)
            await until(lambda: invalid() == 0)
    assert told(receiver) == [alert().id]


async def test_a_bad_file_stops_the_start(metrics: Metrics, tmp_path: Path) -> None:
    """With the same words, before anything is told."""
    path = tmp_path / "routes.toml"
    path.write_text("[[route]]")
    with pytest.raises(SettingsError, match=r"ALERT_ROUTES_FILE=.*routes\.toml: route 1: it has neither url"):
        await from_file(path, MemoryOutboxes(), metrics).deliver()


@pytest.mark.usefixtures("hurried")
async def test_a_changed_route_ends_before_the_new_one_begins(metrics: Metrics, tmp_path: Path) -> None:
    """What it is sending arrives and is marked, so that it is not told twice."""
    path, outboxes = tmp_path / "routes.toml", MemoryOutboxes(alert())
    entered, leave = trio.Event(), trio.Event()

    class Slow(Receiver):
        async def take(self) -> Response:
            answer = await super().take()
            entered.set()
            await leave.wait()
            return answer

    receiver = Slow()
    async with receiving(receiver) as url:
        text = FILE.format(name="desk", brands='["nike"]').replace("http://desk.test/", url)
        path.write_text(text)
        alerts = from_file(path, outboxes, metrics)
        async with delivering(alerts):
            await entered.wait()
            path.write_text(text.replace("nike", "n*"))
            await until(lambda: "brands n*" in (alerts.states() or pytest.fail("no routes")).routes[0].chooses)
            leave.set()
            await until(lambda: not outboxes.left)
            outboxes.put(alert(number=2))
            await until(lambda: not outboxes.left)
    assert told(receiver) == [alert().id, alert(number=2).id]


async def test_a_test_goes_to_one_route_and_into_no_outbox(metrics: Metrics) -> None:
    """It says what the endpoint answered; nothing of it is counted or kept."""
    receiver, outboxes = Receiver(Response(status=404)), MemoryOutboxes()
    alerts = alerts_of(outboxes, metrics)
    assert await alerts.test("desk") is None  # nobody delivers yet
    async with receiving(receiver) as url:
        alerts = alerts_of(outboxes, metrics, route("desk", url))
        async with delivering(alerts):
            assert await alerts.test("desk") == "status 404"
            assert await alerts.test("other") is None
    ((_, body),) = receiver.requests
    assert json.loads(body)["test"] is True
    assert (outboxes.left, count(metrics, "desk", "failed")) == (0, 0)
