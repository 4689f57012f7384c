"""The stream of events: format, filter, limit, heartbeat, end."""

from __future__ import annotations

import gc
import json
from typing import TYPE_CHECKING

import httpx2
import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from orchestrator.http import events as events_module
from orchestrator.http.events import EventStream, OpenStreams, encode_event
from orchestrator.http.service_view import Status, SummaryUpdate
from tests.polling import until

if TYPE_CHECKING:
    from quart.typing import TestClientProtocol

    from orchestrator.process.metrics import Metrics
    from tests.http.conftest import MemoryService, Served


@pytest.fixture
def streams(service: MemoryService, metrics: Metrics) -> OpenStreams:
    """What the streams of one application share, not stopped."""
    return OpenStreams(service, metrics, trio.Event())


def open_streams(metrics: Metrics) -> float | None:
    """The exposed number of open streams."""
    return metrics.registry.get_sample_value("orchestrator_event_subscribers")


@pytest.mark.parametrize("brand", ["nike", "a\u2028b", "data: x", "ünï"])
def test_encode_event_is_one_event(brand: str) -> None:
    """Whatever the brand, the data is one line that decodes to the update."""
    event = encode_event(SummaryUpdate(brand, 3, 41)).decode()
    assert event.endswith("\n\n")
    kind, number, data = event.removesuffix("\n\n").split("\n")
    assert (kind, number) == ("event: summary", "id: 3-41")
    assert json.loads(data.removeprefix("data: ")) == {"brand": brand, "epoch": 3, "version": 41}


async def test_stream_passes_updates_on(streams: OpenStreams, service: MemoryService) -> None:
    """After the greeting each update is an event."""
    async with EventStream(streams, None) as stream:
        assert b"retry: 3000" in await anext(stream)
        service.publish("nike", 1, 2)
        assert b'"brand":"nike"' in await anext(stream)


async def test_stream_of_a_brand_skips_others(streams: OpenStreams, service: MemoryService) -> None:
    """With a brand asked for, the others' updates are not sent."""
    async with EventStream(streams, "nike") as stream:
        await anext(stream)
        service.publish("adidas")
        service.publish("nike")
        told = await anext(stream)
    assert b'"brand":"nike"' in told
    assert b"adidas" not in told


async def test_stream_tells_the_newest_of_a_burst(
    streams: OpenStreams,
    service: MemoryService,
    autojump_clock: trio.testing.MockClock,  # noqa: ARG001 - being requested is its effect
) -> None:
    """The first update goes out at once; those of the pause after it are told together, each brand once."""
    async with EventStream(streams, None) as stream:
        await anext(stream)
        service.publish("nike", 1, 1)
        started_s = trio.current_time()
        assert b'"version":1}' in await anext(stream)
        assert trio.current_time() == started_s
        for version in (2, 3):
            service.publish("nike", 1, version)
            service.publish("adidas", 1, version)
        told = await anext(stream)
        assert trio.current_time() - started_s == pytest.approx(events_module.PAUSE_S)
    assert [told.count(brand) for brand in (b"nike", b"adidas")] == [1, 1]
    assert told.count(b'"version":3}') == 2


async def test_stream_sends_a_heartbeat_after_silence(
    streams: OpenStreams,
    service: MemoryService,
    autojump_clock: trio.testing.MockClock,  # noqa: ARG001 - being requested is its effect
) -> None:
    """Five virtual seconds without an update give a beat, which says how the service is now."""
    async with EventStream(streams, None) as stream:
        assert (await anext(stream)).endswith(b'event: beat\ndata: {"status":"ok"}\n\n')
        started_s = trio.current_time()
        service.status = Status.UNAVAILABLE
        assert await anext(stream) == b'event: beat\ndata: {"status":"unavailable"}\n\n'
        assert trio.current_time() - started_s == pytest.approx(events_module.HEARTBEAT_S)


async def test_stream_ends_when_the_service_stops(streams: OpenStreams, nursery: trio.Nursery) -> None:
    """A waiting stream ends at once."""
    async with EventStream(streams, None) as stream:
        await anext(stream)
        ended = trio.Event()

        async def wait() -> None:
            with pytest.raises(StopAsyncIteration):
                await anext(stream)
            ended.set()

        nursery.start_soon(wait)
        await wait_all_tasks_blocked()
        streams.stop.set()
        with trio.fail_after(30):
            await ended.wait()


async def test_stream_is_counted_while_it_is_open(
    streams: OpenStreams, metrics: Metrics, service: MemoryService
) -> None:
    """Opening subscribes, leaving unsubscribes, and the gauge follows."""
    async with EventStream(streams, None):
        assert (len(service.subscribers), open_streams(metrics)) == (1, 1)
    assert (len(service.subscribers), open_streams(metrics)) == (0, 0)


def test_stream_that_is_never_sent_gives_its_place_back(streams: OpenStreams) -> None:
    """A reader that is gone before its answer begins does not count for ever."""
    stream = EventStream(streams, None)
    assert streams.open == 1
    del stream
    gc.collect()
    assert streams.open == 0


async def test_events_keeps_to_the_limit_when_many_come_at_once(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of ten readers at the same time exactly the limit gets a stream."""
    monkeypatch.setattr(events_module, "MAX_SUBSCRIBERS", 4)
    statuses: list[int] = []
    async with httpx2.AsyncClient() as client, trio.open_nursery() as nursery:

        async def read() -> None:
            async with client.stream("GET", f"{served.url}/v1/events") as response:
                statuses.append(response.status_code)
                await trio.sleep_forever()

        for _ in range(10):
            nursery.start_soon(read)
        await until(lambda: len(statuses) == 10)
        nursery.cancel_scope.cancel()
    assert sorted(statuses) == [200] * 4 + [503] * 6


async def test_events_refuses_streams_beyond_the_limit(
    client: TestClientProtocol, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With all places taken the answer is 503 and says when to come back."""
    monkeypatch.setattr(events_module, "MAX_SUBSCRIBERS", 0)
    response = await client.get("/v1/events")
    assert (response.status_code, response.headers["Retry-After"]) == (503, "2")


async def test_events_refuses_impossible_brands(client: TestClientProtocol) -> None:
    """A name that no brand can have would wait for ever."""
    assert (await client.get("/v1/events", query_string={"brand": "a\nb"})).status_code == 404


async def test_events_answers_head_without_a_stream(client: TestClientProtocol, service: MemoryService) -> None:
    """HEAD ends at once and subscribes nobody."""
    with trio.fail_after(30):
        response = await client.head("/v1/events")
    assert (response.content_type, service.subscribers) == ("text/event-stream", [])
