"""Peers that break the protocol: the service lives on, and nothing of theirs stays.

The pieces are sent in random orders from a seeded generator, cut short at random, and
many connections are reset. Before a connection was closed off from the rest, orders
like these ended the whole service, or left tasks that waited for ever.
"""

from __future__ import annotations

import contextlib
import random
import socket
import struct
from typing import TYPE_CHECKING

import httpx2
import pytest
import trio

from tests.polling import until

if TYPE_CHECKING:
    from tests.http.conftest import Served

CONNECTIONS = 60
HURRY_S = 0.005  # a peer that does not wait for its answer

UPGRADE = b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "
PIECES = [
    b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /livez HTTP/1.1\r\nHost: x\r\n" + UPGRADE + b"AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
    b"GET /livez HTTP/1.1\r\nHost: x\r\nUpgrade: h2c\r\nConnection: Upgrade\r\nHTTP2-Settings: AAMAAABk\r\n\r\n",
    b"POST /health HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"HEAD / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n",
    b"GET /livez HTTP/1.0\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
    b"CONNECT a:1 HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET http://a/b HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /v1/brands/%ff%00/summary HTTP/1.1\r\nHost: x\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"\x00\x00\x00\x04\x00\x00\x00\x00\x00",
    b"\x00\x00\x05\x01\x05\x00\x00\x00\x01\x82\x84\x86\x41\x00",
    b"5\r\nhello\r\n",
    b"0\r\n\r\n",
    b"zz\r\n",
    b"hello",
    bytes(30),
]


async def misbehave(port: int, chance: random.Random) -> None:
    """One connection: some pieces, answers read or not, closed in one way or another."""
    stream = await trio.open_tcp_stream("127.0.0.1", port)
    with contextlib.suppress(trio.BrokenResourceError):
        for _ in range(chance.randint(1, 5)):
            piece = chance.choice(PIECES)
            await stream.send_all(piece if chance.random() < 0.8 else piece[: chance.randint(0, len(piece))])
            if chance.random() < 0.5:
                with trio.move_on_after(HURRY_S):
                    await stream.receive_some()
    if chance.random() < 0.5:
        close_by_reset(stream)
    await trio.aclose_forcefully(stream)


def close_by_reset(stream: trio.SocketStream) -> None:
    """Let the peer be gone without a goodbye when *stream* is closed."""
    stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def living_tasks() -> int:
    """How many tasks there are in this run."""
    return trio.lowlevel.current_statistics().tasks_living


@pytest.mark.parametrize("seed", range(4))
async def test_service_outlives_hostile_peers(served: Served, seed: int, caplog: pytest.LogCaptureFixture) -> None:
    """Afterwards the next client is served, no task of a hostile connection is left, and no traceback was logged."""
    chance = random.Random(seed)  # noqa: S311 - a repeatable order, no secret
    tasks_before = living_tasks()
    async with trio.open_nursery() as nursery:
        for _ in range(CONNECTIONS):
            nursery.start_soon(misbehave, served.port, chance)
    async with httpx2.AsyncClient() as client:
        assert (await client.get(f"{served.url}/livez")).status_code == 200
    with trio.fail_after(60):
        await until(lambda: living_tasks() <= tasks_before)
    assert not [record for record in caplog.records if record.exc_info]


async def test_pipelined_request_of_a_vanished_peer_leaves_nothing(served: Served) -> None:
    """A peer that is gone is noticed when it is written to, and nobody waits for its next request's turn."""
    tasks_before = living_tasks()
    stream = await trio.open_tcp_stream("127.0.0.1", served.port)
    await stream.send_all(b"GET /v1/events HTTP/1.1\r\nHost: x\r\n\r\n" + PIECES[0])
    await until(lambda: served.service.subscribers)
    close_by_reset(stream)
    await trio.aclose_forcefully(stream)
    served.service.publish("nike")
    with trio.fail_after(60):
        await until(lambda: living_tasks() <= tasks_before)
