"""More hostile connections than there are places, and probes that are answered all the same.

In every round a part of the hostile clients comes back or asks again. When the limit closed new connections, none of
these probes was answered.
"""

from __future__ import annotations

import contextlib
from functools import partial
from typing import TYPE_CHECKING

import httpx2
import trio

from tests.polling import until
from tests.redis_server import RedisServer
from tests.service_process import running_service

if TYPE_CHECKING:
    from pathlib import Path

CROWD = 600
PROBES = 100
ROUND = 10  # probes
HURRY_S = 60.0  # no promise: it only ends a test that would hang
SILENT = b""
HEAD = b"HEAD /health HTTP/1.1\r\nHost: x\r\n\r\n"
TAKES_NOTHING = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
WINDOW_0 = (
    b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\n"
    b"Upgrade: h2c\r\nHTTP2-Settings: AAQAAAAA\r\n\r\n"
)


class Crowd:
    """Hostile connections to one port; each does the same again in every round."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.opened = 0
        self._next = trio.Event()

    def next_round(self) -> None:
        """Let everybody do it again."""
        self._next.set()
        self._next = trio.Event()

    async def member(self, habit: bytes, *, reads: bool) -> None:
        """One hostile client: sends its *habit* in every round, on a new connection when the old one is gone."""
        while True:
            with contextlib.suppress(OSError, trio.BrokenResourceError):
                async with await trio.open_tcp_stream("127.0.0.1", self.port) as stream:
                    self.opened += 1
                    while True:
                        if habit:
                            await stream.send_all(habit)
                        if reads and not await stream.receive_some():
                            break
                        await self._next.wait()
                        if not reads:
                            break  # nothing tells it that it lost its connection
            await self._next.wait()


async def test_every_probe_is_answered_in_a_hostile_crowd(tmp_path: Path) -> None:
    """600 connections that are idle, keep themselves alive, or send and take nothing: 100 of 100 probes answered."""
    answered = 0
    with RedisServer() as server, trio.fail_after(2 * HURRY_S):
        async with running_service(tmp_path, server.url) as service:
            port = (await service.logged("serving"))["http_port"]
            await service.logged("redis answers")
            async with trio.open_nursery() as nursery:
                crowd = Crowd(port)
                for number in range(CROWD):
                    habit = (SILENT, HEAD, TAKES_NOTHING, WINDOW_0)[number % 4]
                    nursery.start_soon(partial(crowd.member, habit, reads=habit == HEAD))
                for number in range(PROBES):
                    if number % ROUND == 0:
                        crowd.next_round()
                        await until(lambda: crowd.opened > CROWD * 0.9)
                    path = ("/livez", "/readyz")[number % 2]
                    async with httpx2.AsyncClient(timeout=HURRY_S) as client:
                        with contextlib.suppress(httpx2.TransportError):
                            answered += (await client.get(f"http://127.0.0.1:{port}{path}")).status_code == 200
                assert crowd.opened > CROWD
                nursery.cancel_scope.cancel()
    assert answered == PROBES
