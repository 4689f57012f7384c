"""Serving on a real port: limits, and a stop that nobody can hold up.

Where a test says that something ends by itself, the grace period is far longer than the
test may take, so that it cannot be what ended it.
"""

from __future__ import annotations

import socket
from contextlib import AsyncExitStack
from functools import partial
from typing import TYPE_CHECKING

import httpx2
import pytest
import trio
from quart import Response

from orchestrator.http import PortOptions, build_app, serve
from orchestrator.http import server as server_module
from orchestrator.http.health import PROBES
from orchestrator.http.places import RESERVE, Limits

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from quart_trio import QuartTrio

    from orchestrator.process.metrics import Metrics, TurnedAway
    from tests.http.conftest import MemoryService, Served

    Connect = Callable[[int], Awaitable[trio.SocketStream]]

HANG_S = 30.0  # no promise: it only ends a test that would hang
REQUEST = b"GET %b HTTP/1.1\r\nHost: test\r\n\r\n"


class Running:
    """A server in a nursery of its own, so that a test can see it end."""

    def __init__(self, app: QuartTrio) -> None:
        self.app = app
        self.stop = trio.Event()
        self.ended = trio.Event()
        self.port = 0
        self.turned_away: list[TurnedAway] = []

    async def start(self, nursery: trio.Nursery, served: int = 10, per_address: int = 0) -> None:
        """Serve until stopped."""
        self.port = await nursery.start(partial(self._run, Limits(served, per_address)))

    async def _run(self, limits: Limits, *, task_status: trio.TaskStatus[int]) -> None:
        await serve(
            self.app,
            "127.0.0.1",
            0,
            shutdown=self.stop,
            options=PortOptions(limits, PROBES, self.turned_away.append),
            task_status=task_status,
        )
        self.ended.set()

    async def stop_within(self, seconds: float) -> None:
        """Stop, and fail if it takes longer."""
        self.stop.set()
        with trio.fail_after(seconds):
            await self.ended.wait()


@pytest.fixture
def endless_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stop that waits longer for answers under way than any test may take."""
    monkeypatch.setattr(server_module, "STOP_GRACE_S", 10 * HANG_S)


@pytest.fixture
async def running(service: MemoryService, metrics: Metrics, nursery: trio.Nursery) -> Running:
    """A server whose streams know the stop event."""
    stop = trio.Event()
    server = Running(build_app(service, metrics, stop=stop))
    server.stop = stop
    await server.start(nursery)
    return server


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    """Opens raw connections, which are closed when the test ends."""
    async with AsyncExitStack() as streams:

        async def open_one(port: int) -> trio.SocketStream:
            stream = await trio.open_tcp_stream("127.0.0.1", port)
            return await streams.enter_async_context(stream)

        yield open_one


async def read_until(stream: trio.SocketStream, marker: bytes) -> bytes:
    """Receive until *marker* has arrived."""
    data = b""
    while marker not in data:
        part = await stream.receive_some()
        assert part, f"closed before {marker!r}: {data!r}"
        data += part
    return data


def test_grace_leaves_time_for_the_rest_of_a_stop() -> None:
    """The whole process has two seconds."""
    assert server_module.STOP_GRACE_S + server_module.HOUSEKEEPING_S < 1.5


async def test_serve_reports_the_bound_port(served: Served) -> None:
    """Port 0 becomes a real one, and it answers."""
    async with httpx2.AsyncClient() as client:
        assert (await client.get(f"{served.url}/livez")).json() == {"status": "ok"}


async def test_serve_raises_when_the_port_is_taken(app: QuartTrio) -> None:
    """A second server on the same port fails at its start."""
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(ExceptionGroup) as caught:
        await serve(app, "127.0.0.1", taken.getsockname()[1], shutdown=trio.Event())
    assert caught.group_contains(OSError)


@pytest.mark.usefixtures("endless_grace")
async def test_stop_closes_idle_connections(running: Running, connect: Connect) -> None:
    """A connection kept alive after its answer does not hold up the stop."""
    stream = await connect(running.port)
    await stream.send_all(REQUEST % b"/livez")
    await read_until(stream, b'"ok"}')
    await trio.testing.wait_all_tasks_blocked()
    await running.stop_within(HANG_S)
    assert await stream.receive_some() == b""


async def test_idle_connections_are_closed_after_the_keep_alive_time(
    monkeypatch: pytest.MonkeyPatch, nursery: trio.Nursery, app: QuartTrio, connect: Connect
) -> None:
    """A connection that is kept alive after an answer has an idle timer again."""
    monkeypatch.setattr(server_module, "KEEP_ALIVE_S", 0.05)
    server = Running(app)
    await server.start(nursery)
    stream = await connect(server.port)
    await stream.send_all(REQUEST % b"/livez")
    await read_until(stream, b'"ok"}')
    with trio.fail_after(HANG_S):
        assert await stream.receive_some() == b""
    server.stop.set()


@pytest.mark.usefixtures("endless_grace")
async def test_stop_closes_half_sent_requests(running: Running, connect: Connect) -> None:
    """A client that never finishes its request does not either."""
    stream = await connect(running.port)
    await stream.send_all(b"GET /livez HT")
    await trio.testing.wait_all_tasks_blocked()
    await running.stop_within(HANG_S)


@pytest.mark.usefixtures("endless_grace")
async def test_stop_ends_event_streams(running: Running, connect: Connect) -> None:
    """An open stream of events ends properly, with the last chunk of its answer."""
    stream = await connect(running.port)
    await stream.send_all(REQUEST % b"/v1/events")
    await read_until(stream, b"event: beat\n")
    await running.stop_within(HANG_S)
    await read_until(stream, b"0\r\n\r\n")


async def test_stop_abandons_a_reader_that_stopped_reading(
    nursery: trio.Nursery, app: QuartTrio, connect: Connect
) -> None:
    """With its buffers full of an endless answer, a client that takes nothing cannot hold up the stop."""
    sending = trio.Event()

    @app.get("/endless")
    async def endless() -> Response:
        async def body() -> AsyncIterator[bytes]:
            sending.set()
            while True:
                yield bytes(65536)

        response = Response(body())
        response.timeout = None
        return response

    server = Running(app)
    await server.start(nursery)
    stream = await connect(server.port)
    await stream.send_all(REQUEST % b"/endless")
    await sending.wait()
    await trio.testing.wait_all_tasks_blocked(0.01)
    await server.stop_within(HANG_S)


async def test_send_deadline_closes_a_reader_that_stopped_reading(
    monkeypatch: pytest.MonkeyPatch, nursery: trio.Nursery, app: QuartTrio, connect: Connect
) -> None:
    """Without any stop, such a connection is closed after the send deadline and its handler ends."""
    monkeypatch.setattr(server_module, "SEND_TIMEOUT_S", 0.05)
    closed = trio.Event()

    @app.get("/endless")
    async def endless() -> Response:
        async def body() -> AsyncIterator[bytes]:
            try:
                while True:
                    yield bytes(65536)
            finally:
                closed.set()

        return Response(body())

    server = Running(app)
    await server.start(nursery)
    stream = await connect(server.port)
    await stream.send_all(REQUEST % b"/endless")
    with trio.fail_after(5):
        await closed.wait()
    await server.stop_within(HANG_S)


async def waiting_connections(port: int, count: int, connect: Connect) -> list[trio.SocketStream]:
    """Connections that had an answer and wait for nothing."""
    streams = []
    for _ in range(count):
        stream = await connect(port)
        await stream.send_all(REQUEST % b"/v1/none")
        await read_until(stream, b"detail")
        streams.append(stream)
    return streams


async def test_serve_ends_the_connection_that_waited_longest_for_a_new_one(
    monkeypatch: pytest.MonkeyPatch, nursery: trio.Nursery, app: QuartTrio, connect: Connect
) -> None:
    """With all places taken, the new one is served, the oldest of the others is closed, and the next one lives."""
    monkeypatch.setattr(server_module, "KEEP_ALIVE_S", 10 * HANG_S)  # so that it is no idle timer that ends it
    server = Running(app)
    await server.start(nursery, served=2)
    streams = await waiting_connections(server.port, 2 + RESERVE, connect)
    newest = await connect(server.port)
    await newest.send_all(REQUEST % b"/health")
    await read_until(newest, b"orchestratorId")
    with trio.fail_after(HANG_S):
        assert await streams[0].receive_some() == b""
    await streams[1].send_all(REQUEST % b"/livez")
    await read_until(streams[1], b'"ok"}')
    assert server.turned_away == ["evicted"]
    server.stop.set()


async def test_serve_answers_probes_while_all_are_busy(nursery: trio.Nursery, app: QuartTrio, connect: Connect) -> None:
    """With as many open streams as may be served, an ordinary request gets a 503 and a probe its answer."""
    server = Running(app)
    await server.start(nursery, served=2)
    for _ in range(2):
        stream = await connect(server.port)
        await stream.send_all(REQUEST % b"/v1/events")
        await read_until(stream, b"event: beat\n")
    ordinary, probe = await connect(server.port), await connect(server.port)
    await ordinary.send_all(REQUEST % b"/v1/brands")
    answer = await read_until(ordinary, b"\r\n\r\n")
    assert b" 503 " in answer
    assert b"retry-after: 2" in answer
    assert await ordinary.receive_some() == b""
    await probe.send_all(REQUEST % b"/readyz?full")
    await read_until(probe, b'"ok"}')
    assert server.turned_away == ["busy"]
    server.stop.set()


async def test_serve_bounds_the_connections_of_one_address(
    nursery: trio.Nursery, app: QuartTrio, connect: Connect
) -> None:
    """Where a setting asks for it; probes of that address are answered all the same."""
    server = Running(app)
    await server.start(nursery, per_address=1)
    stream = await connect(server.port)
    await stream.send_all(REQUEST % b"/v1/events")
    await read_until(stream, b"event: beat\n")
    other, probe = await connect(server.port), await connect(server.port)
    await other.send_all(REQUEST % b"/v1/brands")
    assert b" 429 " in await read_until(other, b"\r\n\r\n")
    await probe.send_all(REQUEST % b"/livez")
    await read_until(probe, b'"ok"}')
    assert server.turned_away == ["address"]
    server.stop.set()


async def test_serve_survives_what_is_no_http(running: Running, connect: Connect) -> None:
    """Garbage gets a 400 and the next client is served."""
    stream = await connect(running.port)
    await stream.send_all(b"\x16\x03\x01 hello\r\n\r\n")
    assert b" 400 " in await read_until(stream, b"\r\n\r\n")
    other = await connect(running.port)
    await other.send_all(REQUEST % b"/livez")
    await read_until(other, b'"ok"}')
    running.stop.set()


async def test_serve_refuses_endless_headers(running: Running, connect: Connect) -> None:
    """Headers that do not end get a 431, they do not pile up."""
    stream = await connect(running.port)
    await stream.send_all(b"GET /livez HTTP/1.1\r\nHost: test\r\nX: " + b"x" * 17_000)  # beyond h11's 16 KiB
    assert b" 431 " in await read_until(stream, b"\r\n\r\n")
    running.stop.set()


async def test_serve_refuses_websockets(running: Running, connect: Connect) -> None:
    """Nothing here speaks websocket; an upgrade is answered with a client error."""
    stream = await connect(running.port)
    await stream.send_all(
        b"GET /livez HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
    assert b" 403 " in await read_until(stream, b"\r\n\r\n")
    running.stop.set()
