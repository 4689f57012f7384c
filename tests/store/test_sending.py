"""Buffers go out in their order and once, however little a socket takes at a time, and within one time limit."""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.store import sending
from orchestrator.store.sending import AT_ONCE, send_all

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

SIZES = st.lists(st.sampled_from([0, 1, 2, 700, 9000, 40_000]), max_size=12)


def unix_pair() -> tuple[socket.socket, socket.socket]:
    """Two ends with the smallest buffers that the system has."""
    here, there = socket.socketpair()
    there.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
    return _tiny(here, there)


def tcp_pair() -> tuple[socket.socket, socket.socket]:
    """As :func:`unix_pair`, over the loopback, where a small buffer for reading would have TCP wait by the clock."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        here = socket.create_connection(server.getsockname())
        there, _ = server.accept()
    return _tiny(here, there)


def _tiny(here: socket.socket, there: socket.socket) -> tuple[socket.socket, socket.socket]:
    here.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
    here.settimeout(30.0)
    there.settimeout(30.0)
    return here, there


class Reader(threading.Thread):
    """Reads everything until the other end is closed."""

    def __init__(self, end: socket.socket) -> None:
        super().__init__()
        self._end = end
        self.heard = b""

    def run(self) -> None:
        """Some bytes at a time."""
        while some := self._end.recv(333):
            self.heard += some


def arrived(pair: Callable[[], tuple[socket.socket, socket.socket]], buffers: Sequence[bytes]) -> bytes:
    """What the other end has of *buffers*; the sending end is as it was."""
    here, there = pair()
    reader = Reader(there)
    with here, there:
        reader.start()
        send_all(here, buffers)
        assert here.gettimeout() == 30.0
        here.shutdown(socket.SHUT_WR)
        reader.join()
    return reader.heard


class Trickle:
    """A socket that takes one byte a second of the time that *monotonic* tells."""

    def __init__(self, timeout_s: float | None) -> None:
        self.timeout_s = timeout_s
        self.now_s = 1000.0
        self.allowed_s: list[float | None] = []

    def gettimeout(self) -> float | None:
        """Seconds."""
        return self.timeout_s

    def settimeout(self, timeout_s: float | None) -> None:
        """As of a socket, which takes no negative one, and waits for nothing with zero."""
        assert timeout_s is None or timeout_s > 0
        self.timeout_s = timeout_s

    def sendmsg(self, buffers: Sequence[memoryview]) -> int:
        """One byte, a second later."""
        assert buffers
        self.allowed_s.append(self.timeout_s)
        self.now_s += 1.0
        return 1


@pytest.mark.parametrize("pair", [unix_pair, tcp_pair])
@settings(deadline=None, max_examples=25)
@given(sizes=SIZES)
def test_send_all_sends_every_byte_once_and_in_order(pair: Any, sizes: list[int]) -> None:
    """The system takes some of a buffer, a whole one, or several and a part, and empty ones are nothing."""
    buffers = [bytes([index]) * size for index, size in enumerate(sizes)]
    assert arrived(pair, buffers) == b"".join(buffers)


def test_send_all_takes_more_buffers_than_a_call_does() -> None:
    """Systems refuse a call with too many of them."""
    buffers = [b"%d," % index for index in range(30 * AT_ONCE + 1)]
    assert arrived(unix_pair, buffers) == b"".join(buffers)


def test_send_all_has_one_time_limit_for_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    """A peer that takes a byte now and then does not hold the sender for longer than one that takes none."""
    peer: Any = Trickle(3.5)
    monkeypatch.setattr(sending, "monotonic", lambda: peer.now_s)
    with pytest.raises(TimeoutError):
        send_all(peer, [b"123", b"456"])
    assert peer.allowed_s == [3.5, 2.5, 1.5, 0.5]


def test_send_all_without_a_time_limit_waits_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the socket says."""
    peer: Any = Trickle(None)
    monkeypatch.setattr(sending, "monotonic", lambda: peer.now_s)
    send_all(peer, [b"123", b"456"])
    assert peer.allowed_s == [None] * 6


def test_send_all_to_nobody_who_reads_is_out_of_time() -> None:
    """The system's own error, of a real socket."""
    here, there = unix_pair()
    with here, there:
        here.settimeout(0.02)
        with pytest.raises(TimeoutError):
            send_all(here, [b"x" * 500_000] * 3)


def test_send_all_on_a_closed_socket_is_an_error() -> None:
    """Closed here by another thread, or over there."""
    here, there = unix_pair()
    there.close()
    with pytest.raises(OSError, match="Broken pipe"):
        send_all(here, [b"1", b"2"])
    here.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        send_all(here, [b"1", b"2"])
