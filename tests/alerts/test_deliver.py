"""Delivery: when an alert leaves its outbox, how it is signed, when it is tried again, and that nobody waits for it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Awaitable, Callable
from math import isnan
from pathlib import Path

import httpx2
import pytest
import trio
from quart import Response

from orchestrator.alerts import courier as courier_module
from orchestrator.alerts import deliver as alerts_module
from orchestrator.alerts import post as post_module
from orchestrator.alerts import routes as routes_module
from orchestrator.alerts.deliver import Alerts
from orchestrator.alerts.routes import Address, Route
from orchestrator.alerts.signing import UNSIGNED, SigningSecret
from orchestrator.alerts.source import Routes
from orchestrator.process.metrics import Metrics
from tests.alerts.support import AT_MS, WALL_S, MemoryOutboxes, alert
from tests.polling import until
from tests.webhook_receiver import Receiver, receiving

KEY = bytes(range(24))
SECRET = SigningSecret("whsec_" + base64.b64encode(KEY).decode())
BRANDS = ("nike", "adidas", "puma")


def count(metrics: Metrics, outcome: str) -> float | None:
    """How many alerts had this outcome."""
    return metrics.registry.get_sample_value("orchestrator_alerts_total", {"outcome": outcome})


@pytest.fixture
def metrics() -> Metrics:
    """Metrics with a registry of their own."""
    return Metrics()


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits that a test can afford on the real clock that sockets need."""
    monkeypatch.setattr(courier_module, "WAIT_INITIAL_S", 0.0)
    monkeypatch.setattr(courier_module, "WAIT_MAX_S", 0.0)


def endpoint(url: str, secret: SigningSecret = SECRET, cooldown_s: float = 900.0) -> Routes:
    """One route to *url*."""
    return Routes((Route("webhook", Address(url), secret, cooldown_s=cooldown_s),))


def alerts_of(outboxes: MemoryOutboxes, metrics: Metrics, source: Routes | None) -> Alerts:
    """Alerts of a service with some brands."""
    return Alerts(source, outboxes, metrics, brands=lambda: BRANDS, wall_clock=lambda: WALL_S)


async def run_alerts(
    receiver: Receiver,
    metrics: Metrics,
    outboxes: MemoryOutboxes,
    *,
    secret: SigningSecret = SECRET,
    cooldown_s: float = 0,
) -> None:
    """Tell *receiver* what is in *outboxes* until they are empty."""
    async with receiving(receiver) as url, trio.open_nursery() as nursery:
        await nursery.start(alerts_of(outboxes, metrics, endpoint(url, secret, cooldown_s)).deliver)
        await until(lambda: not outboxes.left)
        nursery.cancel_scope.cancel()


async def test_deliver_sends_a_signed_message(metrics: Metrics) -> None:
    """The receiver can check id, time and signature."""
    receiver = Receiver()
    await run_alerts(receiver, metrics, MemoryOutboxes(alert()))
    headers, body = receiver.requests[0]
    assert (headers["webhook-id"], headers["webhook-timestamp"]) == (alert().id, "1772366400")
    assert json.loads(body)["data"]["id"] == alert().id
    signed = f"{alert().id}.1772366400.".encode() + body
    expected = base64.b64encode(hmac.new(KEY, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    assert headers["content-type"] == "application/json"
    assert count(metrics, "delivered") == 1


@pytest.mark.usefixtures("patient")
async def test_deliver_signs_with_what_the_file_holds_now(
    metrics: Metrics, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a secret is being replaced nothing leaves unsigned: the attempt counts as one that may pass."""
    file = tmp_path / "secret"
    looks: list[bytes | None] = []

    def key(secret: SigningSecret) -> bytes | None:
        looks.append(None)
        if len(looks) == 2:  # the file is there at the second look
            file.write_text(SECRET.text + "\n")
        return read_key(secret)

    read_key = SigningSecret.key
    monkeypatch.setattr(SigningSecret, "key", key)
    receiver = Receiver()
    await run_alerts(receiver, metrics, MemoryOutboxes(alert()), secret=SigningSecret(file=str(file)))
    ((headers, body),) = receiver.requests
    expected = base64.b64encode(hmac.digest(KEY, f"{alert().id}.1772366400.".encode() + body, "sha256")).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    assert (count(metrics, "retried"), count(metrics, "delivered")) == (1, 1)


async def test_deliver_without_a_key_does_not_sign(metrics: Metrics) -> None:
    """Chats need no signature."""
    receiver = Receiver()
    await run_alerts(receiver, metrics, MemoryOutboxes(alert()), secret=UNSIGNED)
    assert "webhook-signature" not in receiver.requests[0][0]


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("status", [408, 409, 429, 500, 503])
async def test_deliver_tries_again_what_may_pass(metrics: Metrics, status: int) -> None:
    """A busy endpoint gets the same message with the same id again."""
    receiver = Receiver(Response(status=status), Response(status=status))
    await run_alerts(receiver, metrics, MemoryOutboxes(alert()))
    assert len({(headers["webhook-id"], body) for headers, body in receiver.requests}) == 1
    assert (count(metrics, "delivered"), count(metrics, "retried"), count(metrics, "failed")) == (1, 2, 0)


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("status", [301, 400, 401, 404, 410])
async def test_deliver_gives_up_what_is_refused(metrics: Metrics, status: int) -> None:
    """An answer that stays is not asked for again, redirects are not followed, and the next alert goes out."""
    receiver = Receiver(Response(status=status, headers={"Location": "/hook"}))
    await run_alerts(receiver, metrics, MemoryOutboxes(alert(), alert(number=2)))
    assert (count(metrics, "failed"), count(metrics, "delivered"), count(metrics, "retried")) == (1, 1, 0)


@pytest.mark.usefixtures("patient")
async def test_deliver_gives_up_after_its_attempts(metrics: Metrics) -> None:
    """A broken endpoint costs eight attempts, then the next alert has its turn."""
    receiver = Receiver(*[Response(status=500) for _ in range(courier_module.ATTEMPTS)])
    await run_alerts(receiver, metrics, MemoryOutboxes(alert(), alert(number=2)))
    assert (count(metrics, "failed"), count(metrics, "delivered")) == (1, 1)


async def test_deliver_withholds_within_the_cooldown(metrics: Metrics) -> None:
    """The second opening of a brand is counted and not sent."""
    receiver = Receiver()
    outboxes = MemoryOutboxes(alert(), alert(number=2), alert(brand="adidas"))
    await run_alerts(receiver, metrics, outboxes, cooldown_s=900)
    assert {json.loads(body)["data"]["brand"] for _, body in receiver.requests} == {"nike", "adidas"}
    assert count(metrics, "suppressed") == 1


async def test_deliver_keeps_the_order_of_a_brand(metrics: Metrics) -> None:
    """A closing does not overtake its opening, however many workers there are."""
    receiver = Receiver()
    news = [alert(kind, number) for number in range(1, 6) for kind in ("opened", "closed")]
    await run_alerts(receiver, metrics, MemoryOutboxes(*news))
    assert [headers["webhook-id"] for headers, _ in receiver.requests] == [one.id for one in news]


async def test_deliver_takes_out_what_it_does_not_know(metrics: Metrics) -> None:
    """It is counted, and does not stand before the next one for ever."""
    receiver, outboxes = Receiver(), MemoryOutboxes()
    outboxes.lists["nike"] = [b"nonsense"]
    outboxes.put(alert())
    await run_alerts(receiver, metrics, outboxes)
    assert (count(metrics, "dropped"), count(metrics, "delivered")) == (1, 1)


async def test_deliver_drops_what_is_too_old(monkeypatch: pytest.MonkeyPatch, metrics: Metrics) -> None:
    """It would be no news; it is counted."""
    monkeypatch.setattr(routes_module, "EXPIRY_MS", int(WALL_S * 1000) - AT_MS - 1)
    receiver = Receiver()
    await run_alerts(receiver, metrics, MemoryOutboxes(alert()))
    assert (count(metrics, "expired"), receiver.requests) == (1, [])


class Transport(httpx2.AsyncBaseTransport):
    """An endpoint in virtual time: no sockets, each answer from a function."""

    def __init__(self, answer: Callable[[int], httpx2.Response | Awaitable[httpx2.Response]]) -> None:
        self.answer = answer
        self.times_s: list[float] = []

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:  # noqa: ARG002 - httpx2's signature
        """Note the time and answer."""
        self.times_s.append(trio.current_time())
        answer = self.answer(len(self.times_s))
        return answer if isinstance(answer, httpx2.Response) else await answer


Virtually = Callable[[Transport, trio.testing.MockClock], None]


@pytest.fixture
def virtually(monkeypatch: pytest.MonkeyPatch) -> Virtually:
    """Lets alerts go through a transport, in a test that asks for virtual time."""
    client = httpx2.AsyncClient

    def use(transport: Transport, clock: trio.testing.MockClock) -> None:
        assert clock.autojump_threshold == 0
        monkeypatch.setattr(httpx2, "AsyncClient", lambda **options: client(transport=transport, **options))

    return use


async def run_virtually(outboxes: MemoryOutboxes, metrics: Metrics, seconds: float = 3600) -> None:
    """Deliver for so many virtual seconds."""
    alerts = alerts_of(outboxes, metrics, endpoint("http://endpoint.test/secret-path", SECRET))
    with trio.move_on_after(seconds):
        await alerts.deliver()


async def test_deliver_waits_longer_each_time(
    virtually: Virtually, autojump_clock: trio.testing.MockClock, metrics: Metrics
) -> None:
    """Waits double from one second, each with up to a second of jitter: 1, 2, 4, 8, 16, 32, 64."""
    transport = Transport(lambda _: httpx2.Response(500))
    virtually(transport, autojump_clock)
    await run_virtually(MemoryOutboxes(alert()), metrics)
    waits_s = [later - sooner for sooner, later in zip(transport.times_s, transport.times_s[1:], strict=False)]
    assert len(waits_s) == courier_module.ATTEMPTS - 1
    for number, wait_s in enumerate(waits_s):
        assert 2**number <= wait_s <= 2**number + 1.001
    assert count(metrics, "failed") == 1


@pytest.mark.parametrize("host", ["xn--", "[::1"])
async def test_deliver_survives_an_address_that_is_none(
    autojump_clock: trio.testing.MockClock, metrics: Metrics, host: str
) -> None:
    """The alert is given up and counted; nobody else ends for it."""
    assert autojump_clock.autojump_threshold == 0
    alerts = alerts_of(MemoryOutboxes(alert()), metrics, endpoint(f"http://{host}/", SECRET))
    with trio.move_on_after(3600):
        await alerts.deliver()
    assert count(metrics, "failed") == 1


@pytest.mark.parametrize(("asked", "waited_s"), [("30", 30), ("99999", post_module.RETRY_AFTER_MAX_S)])
async def test_deliver_honours_retry_after(
    virtually: Virtually, autojump_clock: trio.testing.MockClock, metrics: Metrics, asked: str, waited_s: float
) -> None:
    """The endpoint's wish counts, within five minutes."""
    transport = Transport(
        lambda number: httpx2.Response(204) if number > 1 else httpx2.Response(429, headers={"Retry-After": asked})
    )
    virtually(transport, autojump_clock)
    outboxes = MemoryOutboxes(alert())
    await run_virtually(outboxes, metrics)
    assert transport.times_s[1] - transport.times_s[0] == pytest.approx(waited_s)
    assert max(outboxes.holds_s) > waited_s  # nobody else tells it meanwhile
    assert count(metrics, "delivered") == 1


async def test_deliver_tries_again_without_an_answer(
    virtually: Virtually, autojump_clock: trio.testing.MockClock, metrics: Metrics
) -> None:
    """A refused connection is as good as a broken endpoint."""

    def answer(number: int) -> httpx2.Response:
        if number == 1:
            raise httpx2.ConnectError("http://endpoint.test/secret-path refused")
        return httpx2.Response(204)

    virtually(Transport(answer), autojump_clock)
    await run_virtually(MemoryOutboxes(alert()), metrics)
    assert (count(metrics, "retried"), count(metrics, "delivered")) == (1, 1)


async def test_an_attempt_has_one_deadline_however_the_answer_drips(
    virtually: Virtually, autojump_clock: trio.testing.MockClock, metrics: Metrics
) -> None:
    """A byte every three seconds keeps every timeout of a single read away, and holds nobody longer than ten."""

    async def drip() -> httpx2.Response:
        for _ in range(1_000):
            await trio.sleep(3)  # a byte
        raise AssertionError("nobody ended it")

    transport = Transport(lambda number: drip() if number == 1 else httpx2.Response(204))
    virtually(transport, autojump_clock)
    await run_virtually(MemoryOutboxes(alert()), metrics)
    first_s, second_s = transport.times_s
    assert post_module.ATTEMPT_TIMEOUT_S <= second_s - first_s <= post_module.ATTEMPT_TIMEOUT_S + 2.001
    assert count(metrics, "delivered") == 1


async def test_a_slow_endpoint_delays_one_brand_and_not_the_others(
    virtually: Virtually, autojump_clock: trio.testing.MockClock, metrics: Metrics
) -> None:
    """While one brand waits for its retry, the others are told: all within the first second."""
    transport = Transport(lambda number: httpx2.Response(503 if number == 1 else 204))
    virtually(transport, autojump_clock)
    await run_virtually(MemoryOutboxes(*(alert(brand=brand) for brand in BRANDS)), metrics, seconds=0.9)
    assert (count(metrics, "delivered"), len(transport.times_s)) == (2, 3)


async def test_sweep_finds_what_nobody_tells(
    virtually: Virtually, autojump_clock: trio.testing.MockClock, metrics: Metrics
) -> None:
    """Committed by a process that is gone: told at the next sweep, and not while somebody else holds it."""
    outboxes, transport = MemoryOutboxes(), Transport(lambda _: httpx2.Response(204))
    virtually(transport, autojump_clock)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(run_virtually, outboxes, metrics)
        await trio.sleep(1)  # virtual, after the first sweep
        outboxes.put(alert(), alert(brand="adidas"))
        outboxes.held["adidas"] = "another process"
        await trio.sleep(alerts_module.SWEEP_S)
        assert (count(metrics, "delivered"), outboxes.left) == (1, 1)
        del outboxes.held["adidas"]
        await trio.sleep(alerts_module.SWEEP_S)
        assert (count(metrics, "delivered"), outboxes.left, outboxes.held) == (2, 0, {})
        nursery.cancel_scope.cancel()


async def test_wake_tells_at_once(
    virtually: Virtually, autojump_clock: trio.testing.MockClock, metrics: Metrics
) -> None:
    """Whoever committed an alert does not wait for the sweep."""
    outboxes, transport = MemoryOutboxes(), Transport(lambda _: httpx2.Response(204))
    virtually(transport, autojump_clock)
    alerts = alerts_of(outboxes, metrics, endpoint("http://endpoint.test"))
    async with trio.open_nursery() as nursery:
        await nursery.start(alerts.deliver)
        await trio.testing.wait_all_tasks_blocked()
        outboxes.put(alert())
        alerts.wake("nike")
        await trio.testing.wait_all_tasks_blocked()
        assert outboxes.left == 0
        nursery.cancel_scope.cancel()


async def test_a_lost_hold_leaves_the_alert_to_whoever_has_it(
    virtually: Virtually, autojump_clock: trio.testing.MockClock, metrics: Metrics
) -> None:
    """It is tried no more here, and stays where it is."""
    outboxes = MemoryOutboxes(alert())

    def answer(_: int) -> httpx2.Response:
        outboxes.held["nike"] = "another process"
        return httpx2.Response(503)

    transport = Transport(answer)
    virtually(transport, autojump_clock)
    await run_virtually(outboxes, metrics)
    assert (len(transport.times_s), outboxes.left) == (1, 1)
    assert (count(metrics, "failed"), count(metrics, "delivered")) == (0, 0)


async def test_what_comes_after_a_lost_hold_is_not_begun(
    virtually: Virtually, autojump_clock: trio.testing.MockClock, metrics: Metrics
) -> None:
    """The one under way was told; the next one is told by whoever has the hold now."""
    outboxes = MemoryOutboxes(alert(), alert("closed"))

    def answer(_: int) -> httpx2.Response:
        outboxes.held["nike"] = "another process"
        return httpx2.Response(204)

    transport = Transport(answer)
    virtually(transport, autojump_clock)
    await run_virtually(outboxes, metrics)
    assert (len(transport.times_s), outboxes.left, count(metrics, "delivered")) == (1, 1, 1)


@pytest.mark.parametrize("fails_at", range(1, 6))
async def test_alerts_outlast_an_outage_of_redis(
    virtually: Virtually, autojump_clock: trio.testing.MockClock, metrics: Metrics, fails_at: int
) -> None:
    """Whatever call fails, the alert is told in the end and leaves: at least once."""
    outboxes, transport = MemoryOutboxes(alert()), Transport(lambda _: httpx2.Response(204))
    outboxes.fails_at = fails_at
    virtually(transport, autojump_clock)
    await run_virtually(outboxes, metrics)
    assert (outboxes.left, outboxes.held) == (0, {})
    assert transport.times_s


async def test_finish_tells_what_is_ready(metrics: Metrics) -> None:
    """A stop tells what was woken for, each once; the rest stays for whoever comes."""
    receiver, outboxes = Receiver(Response(status=204), Response(status=503)), MemoryOutboxes()
    async with receiving(receiver) as url, trio.open_nursery() as nursery:
        alerts = alerts_of(outboxes, metrics, endpoint(url, SECRET, 0))
        await nursery.start(alerts.deliver)
        await trio.testing.wait_all_tasks_blocked()
        outboxes.put(alert(), alert(number=2), alert(number=3))
        alerts.wake("nike")
        await alerts.finish()
    assert [json.loads(body)["data"]["number"] for _, body in receiver.requests] == [1, 2]
    assert (count(metrics, "delivered"), outboxes.left, outboxes.held) == (1, 2, {})


async def test_cancelled_it_gives_the_right_back(
    virtually: Virtually, autojump_clock: trio.testing.MockClock, metrics: Metrics
) -> None:
    """Whoever comes next does not have to wait until it runs out."""

    async def never() -> httpx2.Response:
        await trio.sleep_forever()

    outboxes = MemoryOutboxes(alert())
    virtually(Transport(lambda _: never()), autojump_clock)
    await run_virtually(outboxes, metrics, seconds=5)
    assert (outboxes.left, outboxes.held) == (1, {})


async def test_finish_without_an_endpoint_is_immediate(metrics: Metrics, nursery: trio.Nursery) -> None:
    """Nothing to tell, nothing to wait for, and what is in an outbox is left alone."""
    outboxes = MemoryOutboxes(alert())
    alerts = alerts_of(outboxes, metrics, None)
    await nursery.start(alerts.deliver)
    alerts.wake("nike")
    await alerts.finish()
    assert outboxes.left == 1


def waiting(metrics: Metrics) -> float:
    """What the gauge says."""
    value = metrics.registry.get_sample_value("orchestrator_alerts_waiting")
    assert value is not None
    return value


async def test_sweep_tells_how_many_alerts_wait(
    virtually: Virtually, autojump_clock: trio.testing.MockClock, metrics: Metrics
) -> None:
    """Those that another process tells count as well; without an answer nobody knows."""
    outboxes = MemoryOutboxes(alert(), alert(number=2), alert(brand="adidas"))
    outboxes.held |= {"nike": "another process", "adidas": "another process"}
    assert isnan(waiting(metrics))
    virtually(Transport(lambda _: httpx2.Response(204)), autojump_clock)
    await run_virtually(outboxes, metrics, seconds=1)
    assert waiting(metrics) == 3
    outboxes.fails_at = outboxes.calls + 1
    await run_virtually(outboxes, metrics, seconds=1)
    assert isnan(waiting(metrics))


async def test_sweep_names_a_right_that_nobody_can_have(
    virtually: Virtually, autojump_clock: trio.testing.MockClock, metrics: Metrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once, although every sweep finds it."""
    told: list[str] = []
    outboxes = MemoryOutboxes()
    outboxes.odd["nike"] = "'telling' is a list"
    virtually(Transport(lambda _: httpx2.Response(204)), autojump_clock)
    async with trio.open_nursery() as nursery:
        alerts = alerts_of(outboxes, metrics, endpoint("http://hook.example"))
        monkeypatch.setattr(alerts, "_log", FakeLog(told))
        await nursery.start(alerts.deliver)
        await trio.sleep(5 * alerts_module.SWEEP_S)
        nursery.cancel_scope.cancel()
    assert outboxes.calls > 4
    assert told == ["nike: 'telling' is a list"]


class FakeLog:
    """Notes errors; anything else fails the test."""

    def __init__(self, told: list[str]) -> None:
        self._told = told

    def error(self, _event: str, *, brand: str, reason: str) -> None:
        """One line."""
        self._told.append(f"{brand}: {reason}")
