"""A TCP proxy between an orchestrator and its Redis that counts answers and, if asked to, breaks things.

Runs on a trio loop in a thread of its own, so that campaigns can be written as plain sequences. Faults are drawn
from a seeded generator, one draw for each request. What was done to which connection is kept in :attr:`Proxy.log`.
"""

from __future__ import annotations

import random
import re
import socket
import struct
import threading
from collections import Counter
from contextlib import suppress
from enum import Enum
from typing import TYPE_CHECKING, Self

import trio

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

READ_BYTES = 1 << 16
TRICKLED_BYTES = 48
_CODES = re.compile(rb"\$\d+\r\n(OK|DUP|FENCED|STALE|HEAD|BUSY|TYPE|FULL)\r\n")
_TAIL_BYTES = 16
_CLOSED = (trio.BrokenResourceError, trio.ClosedResourceError, OSError)


class Fault(Enum):
    """What can happen to one request or its reply."""

    DROP = "reply dropped"  # swallowed, and the connection closed
    RESET = "reset"  # instead of the reply
    BLACK_HOLE = "black hole"  # neither reply nor end, for longer than a client waits
    TRICKLE = "trickle"  # byte by byte
    CUT = "cut in the frame"  # half of the reply, then the end
    LATE = "late request"  # it arrives after the client gave up
    LOST = "request lost"  # reset before it arrives


class Proxy:
    """One listening port in front of one server.

    Attributes:
        port: on 127.0.0.1.
        codes: answers of scripts seen so far, by code.
        faults: faults so far, by kind.
        log: what was done, in order.
    """

    def __init__(self, upstream: Path, *, seed: int = 0, hold_s: float = 1.0) -> None:
        self.codes: Counter[str] = Counter()
        self.faults: Counter[Fault] = Counter()
        self.log: list[str] = []
        self.port = 0
        self._upstream = str(upstream)
        self._random = random.Random(seed)  # noqa: S311 - reproducible faults, no secrets
        self._hold_s = hold_s
        self._rate = 0.0
        self._kinds: tuple[Fault, ...] = ()
        self._severed = False
        self._connections = 0
        self._token: trio.lowlevel.TrioToken | None = None
        self._scope = trio.CancelScope()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=trio.run, args=(self._serve,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._token is not None:
            with suppress(trio.RunFinishedError):
                self._token.run_sync_soon(self._scope.cancel)
        self._thread.join()

    @property
    def url(self) -> str:
        """Address for a client."""
        return f"redis://127.0.0.1:{self.port}/0"

    def inject(self, rate: float, kinds: tuple[Fault, ...] = tuple(Fault)) -> None:
        """From now on break a share *rate* of all requests in one of *kinds*; 0 heals."""
        self._kinds = kinds
        self._rate = rate

    def sever(self, *, severed: bool) -> None:
        """Refuse all data, as a partition does, or let it pass again."""
        self._severed = severed

    def redirect(self, upstream: Path) -> None:
        """Send new connections to another server, as a failover does."""
        self._upstream = str(upstream)

    async def _serve(self) -> None:
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        self.port = listeners[0].socket.getsockname()[1]
        self._token = trio.lowlevel.current_trio_token()
        with self._scope:
            self._ready.set()
            await trio.serve_listeners(self._connect, listeners)

    async def _connect(self, client: trio.SocketStream) -> None:
        self._connections += 1
        number = self._connections
        with suppress(*_CLOSED):
            server = await trio.open_unix_socket(self._upstream)
            link = _Link(self, number, client, server)
            async with client, server, trio.open_nursery() as nursery:
                nursery.start_soon(link.forward_requests, nursery.cancel_scope)
                nursery.start_soon(link.forward_replies, nursery.cancel_scope)

    def draw(self) -> Fault | None:
        """The fault for one request, usually none."""
        if not self._rate or self._random.random() >= self._rate:
            return None
        return self._random.choice(self._kinds)

    def note(self, number: int, fault: Fault, data: bytes) -> None:
        """Keep account of a fault."""
        self.faults[fault] += 1
        self.log.append(f"connection {number}: {fault.name} on {data[:24]!r} ({len(data)} bytes)")

    async def pass_partition(self) -> None:
        """Wait until data may pass."""
        while self._severed:  # noqa: ASYNC110 - set from another thread, which a trio event does not allow
            await trio.sleep(0.01)

    @property
    def hold_s(self) -> float:
        """How long a black hole lasts; longer than a client waits."""
        return self._hold_s


class _Link:
    """One client connection and its counterpart."""

    def __init__(self, proxy: Proxy, number: int, client: trio.SocketStream, server: trio.SocketStream) -> None:
        self._proxy = proxy
        self._number = number
        self._client = client
        self._server = server
        self._pending: Fault | None = None
        self._tail = b""

    async def forward_requests(self, scope: trio.CancelScope) -> None:
        with suppress(*_CLOSED):
            while data := await self._client.receive_some(READ_BYTES):
                await self._proxy.pass_partition()
                fault = self._proxy.draw()
                if fault is Fault.LOST:
                    self._proxy.note(self._number, fault, data)
                    self._reset()
                    break
                if fault is Fault.LATE:
                    self._proxy.note(self._number, fault, data)
                    await trio.sleep(self._proxy.hold_s)
                self._pending = fault or self._pending
                await self._server.send_all(data)
            else:
                if self._pending is Fault.LATE:
                    await trio.sleep(self._proxy.hold_s)  # let the server carry out what came late
        scope.cancel()

    async def forward_replies(self, scope: trio.CancelScope) -> None:
        with suppress(*_CLOSED):
            while data := await self._server.receive_some(READ_BYTES):
                await self._proxy.pass_partition()
                self._count(data)
                fault, self._pending = self._pending, None
                if fault in (None, Fault.LATE):
                    with suppress(*_CLOSED):
                        await self._client.send_all(data)
                elif not await self._break(fault, data):
                    break
        scope.cancel()

    async def _break(self, fault: Fault | None, data: bytes) -> bool:
        """Carry out *fault* on a reply; False if the connection is over."""
        assert fault is not None
        self._proxy.note(self._number, fault, data)
        if fault is Fault.TRICKLE:
            for index in range(min(TRICKLED_BYTES, len(data))):
                await self._client.send_all(data[index : index + 1])
                await trio.sleep(0.001)
            await self._client.send_all(data[TRICKLED_BYTES:])
            return True
        if fault is Fault.RESET:
            self._reset()
        elif fault is Fault.BLACK_HOLE:
            await trio.sleep(self._proxy.hold_s)
        elif fault is Fault.CUT:
            await self._client.send_all(data[: len(data) // 2])
        return False

    def _reset(self) -> None:
        """Close with RST: the peer sees an error, not an end."""
        self._client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._client.socket.close()

    def _count(self, data: bytes) -> None:
        """Count the codes in a reply, also those that two reads cut in half."""
        seen = self._tail + data
        self._proxy.codes.update(match.group(1).decode() for match in _CODES.finditer(seen))
        end = max((match.end() for match in _CODES.finditer(seen)), default=0)
        self._tail = seen[max(end, len(seen) - _TAIL_BYTES) :]
