"""What is spoken over raw connections: HTTP/1 alone, with one framing, and nothing after a doubtful request."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio

if TYPE_CHECKING:
    from tests.http.conftest import Served

NEXT = b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"
BOTH = b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n"


async def conversation(port: int, data: bytes) -> bytes:
    """All that is answered to *data*, until the server closes."""
    async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
        await stream.send_all(data)
        with trio.fail_after(60):
            return b"".join([piece async for piece in stream])


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"POST /health HTTP/1.1\r\nHost: x\r\n" + BOTH + b"\r\n0\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n" + BOTH + b"\r\n0\r\n\r\n",
    ],
)
async def test_a_request_framed_twice_is_answered_and_nothing_follows(served: Served, request_bytes: bytes) -> None:
    """What comes behind it on the connection may be a part of its body to whoever stands in front."""
    answered = await conversation(served.port, request_bytes + NEXT)
    assert answered.startswith(b"HTTP/1.1 400 ")
    assert b"connection: close" in answered.lower()
    assert answered.count(b"HTTP/1.1 ") == 1


async def test_chunks_in_an_old_version_are_a_fault(served: Served) -> None:
    """HTTP/1.0 knows no chunks, so whoever stands in front of us may have passed them on as something else."""
    old = b"GET /livez HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    assert (await conversation(served.port, old)).startswith(b"HTTP/1.1 400 ")


async def test_a_body_in_chunks_alone_is_no_fault(served: Served) -> None:
    """The other framings are answered as ever, and the connection goes on."""
    chunked = b"GET /livez HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    length = b"GET /livez HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\na"
    last = NEXT.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    assert (await conversation(served.port, chunked + length + last)).count(b"HTTP/1.1 200 ") == 3


async def test_an_upgrade_to_http2_is_answered_in_http1(served: Served) -> None:
    """There are no streams inside a connection, so the connections are all that has to be bounded."""
    upgrade = b"Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings, close\r\nHTTP2-Settings: AAMAAABk\r\n"
    answered = await conversation(served.port, b"GET /livez HTTP/1.1\r\nHost: x\r\n" + upgrade + b"\r\n")
    assert answered.startswith(b"HTTP/1.1 200 ")
    assert answered.endswith(b'{"status":"ok"}')


@pytest.mark.parametrize(
    "opening", [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9), b"GET /livez HTTP/3.0\r\nHost: x\r\n\r\n"]
)
async def test_other_versions_are_refused(served: Served, opening: bytes) -> None:
    """Also for who begins in HTTP/2 without asking."""
    answered = await conversation(served.port, opening)
    assert answered.startswith((b"HTTP/1.1 505 ", b"HTTP/1.1 400 "))
    assert answered.count(b"HTTP/1.1 ") == 1
