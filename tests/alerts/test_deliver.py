"""Alerts: what is said, how it is signed, when it is tried again, and that nobody waits for it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime

import httpx
import pytest
import trio
from quart import Response

from orchestrator.alerts import deliver as alerts_module
from orchestrator.alerts.deliver import (
    Alert,
    Alerts,
    Cooldown,
    Endpoint,
    Kind,
    message_body,
    message_text,
)
from orchestrator.contract.summary import SpikeEpisode
from orchestrator.process.metrics import Metrics
from tests.polling import until
from tests.webhook_receiver import Receiver, receiving

EPISODE = SpikeEpisode("2026-03-01T12:00:00Z", 52.4, 400, 40.0, 80.25, 130, 900)
KEY = bytes(range(24))
WALL_S = 1_772_366_400.9


def alert(kind: Kind = "opened", number: int = 1, brand: str = "nike") -> Alert:
    """News about an episode."""
    return Alert(brand, kind, number, EPISODE)


def count(metrics: Metrics, outcome: str) -> float | None:
    """How many alerts had this outcome."""
    return metrics.registry.get_sample_value("orchestrator_alerts_total", {"outcome": outcome})


def test_id_names_the_news_and_not_the_telling() -> None:
    """The same news has the same id for ever; any other news has another."""
    assert alert().id == alert().id
    assert re.fullmatch(r"spike_[0-9a-f]{30}", alert().id)
    others = [alert("closed"), alert(number=2), alert(brand="nik"), alert(brand="nike ")]
    assert len({alert().id, *(other.id for other in others)}) == 5


def test_message_has_the_standards_fields_and_a_text() -> None:
    """Type, time and data for programs, a sentence for people."""
    body = json.loads(message_body(alert(), datetime(2026, 3, 1, 12, 10, tzinfo=UTC)))
    assert (body["type"], body["timestamp"]) == ("spike.opened", "2026-03-01T12:10:00Z")
    assert body["data"]["episode"]["mentionCount"] == 400
    assert body["text"] == (
        "Spike of nike: 400 mentions in 15 minutes where 80 were expected (score 52), since 2026-03-01T12:00:00Z."
    )


@pytest.mark.parametrize("kind", ["opened", "closed"])
def test_message_text_rings_nobody(kind: Kind) -> None:
    """Markup of the chat in a brand's name is escaped."""
    text = message_text(alert(kind, brand="<!channel> & <@U1>"))
    assert "&lt;!channel&gt; &amp; &lt;@U1&gt;" in text
    assert not {"<", ">"} & set(text)


def test_cooldown_tells_one_opening_per_brand_and_time() -> None:
    """A second opening within the time is withheld, for this brand only."""
    cooldown = Cooldown(900)
    answers = [
        cooldown.lets_pass(alert(number=1), 0),
        cooldown.lets_pass(alert(number=2), 899),
        cooldown.lets_pass(alert(brand="adidas"), 899),
        cooldown.lets_pass(alert(number=3), 900),
    ]
    assert answers == [True, False, True, True]


def test_cooldown_tells_the_closing_of_what_was_told() -> None:
    """The end of a withheld episode is withheld; one that another process told is not."""
    cooldown = Cooldown(900)
    cooldown.lets_pass(alert(number=1), 0)
    cooldown.lets_pass(alert(number=2), 1)
    closings = [cooldown.lets_pass(alert("closed", number), 2) for number in (1, 2, 7)]
    assert closings == [True, False, True]


def test_cooldown_forgets_the_oldest_brand(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its memory is bounded."""
    monkeypatch.setattr(alerts_module, "COOLDOWN_BRANDS", 2)
    cooldown = Cooldown(900)
    for brand in ("a", "b", "c"):
        cooldown.lets_pass(alert(brand=brand), 0)
    assert [cooldown.lets_pass(alert(brand=brand), 1) for brand in ("c", "a")] == [False, True]


def settled(metrics: Metrics) -> float:
    """How many alerts have come to their end."""
    return sum(count(metrics, outcome) or 0 for outcome in ("delivered", "failed", "suppressed"))


@pytest.fixture
def metrics() -> Metrics:
    """Metrics with a registry of their own."""
    return Metrics()


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits that a test can afford on the real clock that sockets need."""
    monkeypatch.setattr(alerts_module, "WAIT_INITIAL_S", 0.0)
    monkeypatch.setattr(alerts_module, "WAIT_MAX_S", 0.0)


async def run_alerts(
    receiver: Receiver, metrics: Metrics, *news: Alert, key: bytes | None = KEY, cooldown_s: float = 0
) -> None:
    """Deliver *news* to *receiver* until each has its outcome."""
    async with receiving(receiver) as url, trio.open_nursery() as nursery:
        alerts = Alerts(Endpoint(url, key, cooldown_s), metrics, wall_clock=lambda: WALL_S)
        await nursery.start(alerts.deliver)
        for one in news:
            alerts.offer(one)
        with trio.fail_after(60):
            await until(lambda: settled(metrics) == len(news))
        nursery.cancel_scope.cancel()


async def test_deliver_sends_a_signed_message(metrics: Metrics) -> None:
    """The receiver can check id, time and signature."""
    receiver = Receiver()
    await run_alerts(receiver, metrics, alert())
    headers, body = receiver.requests[0]
    assert (headers["webhook-id"], headers["webhook-timestamp"]) == (alert().id, "1772366400")
    signed = f"{alert().id}.1772366400.".encode() + body
    expected = base64.b64encode(hmac.new(KEY, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    assert headers["content-type"] == "application/json"
    assert count(metrics, "delivered") == 1


async def test_deliver_without_a_key_does_not_sign(metrics: Metrics) -> None:
    """Chats need no signature."""
    receiver = Receiver()
    await run_alerts(receiver, metrics, alert(), key=None)
    assert "webhook-signature" not in receiver.requests[0][0]


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("status", [408, 409, 429, 500, 503])
async def test_deliver_tries_again_what_may_pass(metrics: Metrics, status: int) -> None:
    """A busy endpoint gets the same message with the same id again."""
    receiver = Receiver(Response(status=status), Response(status=status))
    await run_alerts(receiver, metrics, alert())
    assert len({(headers["webhook-id"], body) for headers, body in receiver.requests}) == 1
    assert (count(metrics, "delivered"), count(metrics, "retried"), count(metrics, "failed")) == (1, 2, 0)


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("status", [301, 400, 401, 404, 410])
async def test_deliver_gives_up_what_is_refused(metrics: Metrics, status: int) -> None:
    """An answer that stays is not asked for again, redirects are not followed, and the next alert goes out."""
    receiver = Receiver(Response(status=status, headers={"Location": "/hook"}))
    await run_alerts(receiver, metrics, alert(), alert(number=2))
    assert (count(metrics, "failed"), count(metrics, "delivered"), count(metrics, "retried")) == (1, 1, 0)


@pytest.mark.usefixtures("patient")
async def test_deliver_gives_up_after_its_attempts(metrics: Metrics) -> None:
    """A broken endpoint costs eight attempts, then the next alert has its turn."""
    receiver = Receiver(*[Response(status=500) for _ in range(alerts_module.ATTEMPTS)])
    await run_alerts(receiver, metrics, alert(), alert(number=2))
    assert (count(metrics, "failed"), count(metrics, "delivered")) == (1, 1)


async def test_deliver_withholds_within_the_cooldown(metrics: Metrics) -> None:
    """The second opening of a brand is counted and not sent."""
    receiver = Receiver()
    await run_alerts(receiver, metrics, alert(), alert(number=2), alert(brand="adidas"), cooldown_s=900)
    assert [json.loads(body)["data"]["brand"] for _, body in receiver.requests] == ["nike", "adidas"]
    assert count(metrics, "suppressed") == 1


class Transport(httpx.AsyncBaseTransport):
    """An endpoint in virtual time: no sockets, each answer from a function."""

    def __init__(self, answer: Callable[[int], httpx.Response]) -> None:
        self.answer = answer
        self.times_s: list[float] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:  # noqa: ARG002 - httpx's signature
        """Note the time and answer."""
        self.times_s.append(trio.current_time())
        return self.answer(len(self.times_s))


async def deliver_virtually(monkeypatch: pytest.MonkeyPatch, metrics: Metrics, transport: Transport) -> None:
    """Deliver one alert through *transport*, at most an hour of virtual time."""
    client = httpx.AsyncClient
    monkeypatch.setattr(httpx, "AsyncClient", lambda **options: client(transport=transport, **options))
    alerts = Alerts(Endpoint("http://endpoint.test/secret-path", KEY), metrics)
    alerts.offer(alert())
    with trio.move_on_after(3600):
        await alerts.deliver()


async def test_deliver_waits_longer_each_time(
    monkeypatch: pytest.MonkeyPatch,
    metrics: Metrics,
    autojump_clock: trio.testing.MockClock,  # noqa: ARG001 - being requested is its effect
) -> None:
    """Waits double from one second, each with up to a second of jitter: 1, 2, 4, 8, 16, 32, 64."""
    transport = Transport(lambda _: httpx.Response(500))
    await deliver_virtually(monkeypatch, metrics, transport)
    waits_s = [later - sooner for sooner, later in zip(transport.times_s, transport.times_s[1:], strict=False)]
    assert len(waits_s) == alerts_module.ATTEMPTS - 1
    for number, wait_s in enumerate(waits_s):
        assert 2**number <= wait_s <= 2**number + 1.001
    assert count(metrics, "failed") == 1


@pytest.mark.parametrize(("asked", "waited_s"), [("30", 30), ("99999", alerts_module.RETRY_AFTER_MAX_S)])
async def test_deliver_honours_retry_after(
    monkeypatch: pytest.MonkeyPatch,
    metrics: Metrics,
    autojump_clock: trio.testing.MockClock,  # noqa: ARG001 - being requested is its effect
    asked: str,
    waited_s: float,
) -> None:
    """The endpoint's wish counts, within five minutes."""
    transport = Transport(
        lambda number: httpx.Response(204) if number > 1 else httpx.Response(429, headers={"Retry-After": asked})
    )
    await deliver_virtually(monkeypatch, metrics, transport)
    assert transport.times_s[1] - transport.times_s[0] == pytest.approx(waited_s)
    assert count(metrics, "delivered") == 1


async def test_deliver_tries_again_without_an_answer(
    monkeypatch: pytest.MonkeyPatch,
    metrics: Metrics,
    autojump_clock: trio.testing.MockClock,  # noqa: ARG001 - being requested is its effect
) -> None:
    """A refused connection is as good as a broken endpoint."""

    def answer(number: int) -> httpx.Response:
        if number == 1:
            raise httpx.ConnectError("http://endpoint.test/secret-path refused")
        return httpx.Response(204)

    await deliver_virtually(monkeypatch, metrics, Transport(answer))
    assert (count(metrics, "retried"), count(metrics, "delivered")) == (1, 1)


async def test_finish_delivers_what_was_offered(metrics: Metrics) -> None:
    """A stop waits for the queue; what is offered later is dropped and counted."""
    receiver = Receiver()
    async with receiving(receiver) as url, trio.open_nursery() as nursery:
        alerts = Alerts(Endpoint(url, KEY, 0), metrics)
        await nursery.start(alerts.deliver)
        alerts.offer(alert(number=1))
        alerts.offer(alert(number=2))
        await alerts.finish()
        alerts.offer(alert(number=3))
    assert [json.loads(body)["data"]["number"] for _, body in receiver.requests] == [1, 2]
    assert (count(metrics, "delivered"), count(metrics, "dropped")) == (2, 1)


async def test_finish_without_an_endpoint_is_immediate(metrics: Metrics, nursery: trio.Nursery) -> None:
    """Nothing to tell, nothing to wait for."""
    alerts = Alerts(None, metrics)
    await nursery.start(alerts.deliver)
    await alerts.finish()


async def test_offer_never_waits(metrics: Metrics) -> None:
    """With the queue full and nobody delivering, an alert is dropped and counted."""
    alerts = Alerts(Endpoint("http://endpoint.test/"), metrics)
    for number in range(alerts_module.QUEUE_ALERTS + 3):
        alerts.offer(alert(number=number))
    assert count(metrics, "dropped") == 3


async def test_without_an_endpoint_nothing_happens(metrics: Metrics) -> None:
    """Offering is free and the task ends."""
    alerts = Alerts(None, metrics)
    for number in range(alerts_module.QUEUE_ALERTS + 3):
        alerts.offer(alert(number=number))
    await alerts.deliver()
    assert count(metrics, "dropped") == 0
