"""Buffers go out from where they lie: no joining of large ones, and a time limit for all of them together.

Owns what ``socket.sendall`` is for one buffer. Not the connection, nor what its errors mean
(:mod:`orchestrator.store.line`). Source: ``sendmsg(2)``, and sendall in CPython, whose timeout is for the whole;
``docs/decisions/0079-large-arguments-from-where-they-lie.md``.
"""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import socket
    from collections.abc import Sequence

AT_ONCE: Final = 64
"""Buffers that one call takes; systems take 1,024 at most, some fewer, and 64 large ones fill any socket."""


def send_all(sock: socket.socket, buffers: Sequence[bytes]) -> None:
    """Send *buffers* one after the other, within the timeout of *sock* for all together.

    What was sent when it raises is unknown, and the timeout of *sock* may be another: it is good for closing only.

    Raises:
        TimeoutError: the time is up.
        OSError: as ``socket.sendmsg``; of a socket that another thread closed, too.
    """
    timeout_s = sock.gettimeout()
    deadline_s = None if timeout_s is None else monotonic() + timeout_s
    left = [memoryview(buffer) for buffer in buffers]
    while left:
        _take_off(left, sock.sendmsg(left[:AT_ONCE]))
        if left and deadline_s is not None:  # a socket counts its timeout for each call anew
            remaining_s = deadline_s - monotonic()
            if remaining_s <= 0:
                raise TimeoutError("timed out")
            sock.settimeout(remaining_s)
    if sock.gettimeout() != timeout_s:
        sock.settimeout(timeout_s)


def _take_off(left: list[memoryview], sent: int) -> None:
    """Take the first *sent* bytes off *left*."""
    whole = 0
    for buffer in left:
        if sent < len(buffer):
            break
        sent -= len(buffer)
        whole += 1
    del left[:whole]
    if sent:
        left[0] = left[0][sent:]
