"""TLS to a server that hangs up before the handshake."""

from __future__ import annotations

import select
import socket
import struct
from typing import TYPE_CHECKING

import pytest
from redis.connection import Connection

from orchestrator.errors import StoreUnavailableError
from orchestrator.store import Store, connect

if TYPE_CHECKING:
    from collections.abc import Callable

_RESET = struct.pack("ii", 1, 0)
"""What SO_LINGER is set to: closing resets the connection instead of ending it."""


def _ended(peer: socket.socket) -> None:
    peer.close()


def _ended_after_a_word(peer: socket.socket) -> None:
    peer.sendall(b"-ERR no TLS here\r\n")
    peer.close()


def _reset(peer: socket.socket) -> None:
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    peer.close()


@pytest.mark.parametrize("hang_up", [_ended, _ended_after_a_word, _reset])
def test_socket_is_closed_where_the_peer_is_gone_before_the_handshake(
    hang_up: Callable[[socket.socket], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that is left to the collector warns, which fails this test."""
    made: list[socket.socket] = []

    def gone(_: Connection) -> socket.socket:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            made.append(socket.create_connection(listener.getsockname()))
            peer, _ = listener.accept()
        hang_up(peer)
        select.select([made[-1]], [], [])  # until that has arrived
        return made[-1]

    monkeypatch.setattr(Connection, "_connect", gone)
    store = Store(connect("rediss://127.0.0.1", timeout_s=1.0, pool_size=1))
    with pytest.raises(StoreUnavailableError):
        store.ping()
    store.close()
    assert len(made) == 1
