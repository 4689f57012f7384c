"""Wake hints: Redis itself tells which keys changed (``CLIENT TRACKING ON BCAST``).

Owns one RESP3 connection. A hint is only a reason to look sooner: hints get lost with the connection, so the
scheduler goes on polling slowly. Unlike keyspace notifications, this needs no configuration of the server.
Source: Redis' documentation of client-side caching.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

import trio
from redis.exceptions import ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

from orchestrator.errors import HintsUnsupportedError, StoreUnavailableError
from orchestrator.store.client import translate, translated
from orchestrator.store.connecting import connect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from orchestrator.store.client import Login

    Changed = Callable[[frozenset[str] | None], None]

Connection = Any  # redis-py's own annotations of its connections are incomplete

PING_INTERVAL_S: Final = 10.0
"""Silence after which the connection is asked for a sign of life: a network that loses everything sends no reset."""


async def receive_hints(
    url: str,
    prefixes: Sequence[str],
    changed: Changed,
    *,
    timeout_s: float,
    login: Login | None = None,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Call *changed* with the names of keys under *prefixes* as they change, until the connection fails.

    ``changed(None)`` means that anything may have changed. The commits of this orchestrator are reported too.
    Cancellation closes the connection; nothing of it stays.

    Args:
        url: of the server.
        prefixes: of the keys to hear about.
        changed: called on the event loop, must not block.
        timeout_s: for connecting, and for the sign of life.
        login: who we are there.
        task_status: started as soon as the server reports changes.

    Raises:
        HintsUnsupportedError: the server refuses, so only polling is left.
        StoreUnavailableError: the connection failed; connect again, and look at everything once.
    """
    # A client of its own: tracking belongs to a connection, and one of a pool would be lent to others.
    client = connect(url, timeout_s=timeout_s, pool_size=1, login=login)
    try:
        # Only connecting takes a thread. Then the event loop waits for the socket, and a cancel ends that at once.
        connection = await trio.to_thread.run_sync(
            partial(_subscribe, client.connection_pool.make_connection(), disjoint(prefixes)), abandon_on_cancel=True
        )
        try:
            # Started after the server's answer: what changes from here on is reported, so that the caller can look at
            # everything once and then rely on hints.
            task_status.started()
            while True:
                await _wait_for_data(connection, timeout_s)
                _drain(connection, changed)
        finally:
            connection.disconnect()
    finally:
        client.close()


def disjoint(prefixes: Iterable[str]) -> list[str]:
    """*prefixes* without those that another one covers: Redis refuses overlapping ones."""
    kept: list[str] = []
    for prefix in sorted(set(prefixes)):  # sorted, a prefix comes right before those that it covers
        if not (kept and prefix.startswith(kept[-1])):
            kept.append(prefix)
    return kept


def _subscribe(connection: Connection, prefixes: Sequence[str]) -> Connection:
    """Connect and ask for hints; runs in a thread."""
    arguments = [argument for prefix in prefixes for argument in ("PREFIX", prefix)]
    try:
        with translated():
            connection.connect()
            connection.send_command("CLIENT", "TRACKING", "ON", "BCAST", *arguments)
            try:
                connection.read_response()
            # Inside of translated(), which would call it a refusal like any other: the caller polls on this one alone.
            except ResponseError as error:
                raise HintsUnsupportedError(str(translate(error))) from None
    except BaseException:  # whatever it is: nobody else knows of this connection yet, so nobody else would close it
        connection.disconnect()
        raise
    # redis-py drops invalidations unless its parser has a handler; its own cache sets one in the same way.
    connection._parser.set_invalidation_push_handler(lambda message: message)  # noqa: SLF001
    return connection


async def _wait_for_data(connection: Connection, timeout_s: float) -> None:
    """Return when something arrived; after a long silence, ask for an answer."""
    # The parser's buffer needs no look: _drain took every complete message out of it. What came with the answer to the
    # subscription is older than the caller's look at everything.
    with trio.move_on_after(PING_INTERVAL_S) as silence:
        await trio.lowlevel.wait_readable(_socket(connection))
    if not silence.cancelled_caught:
        return
    with translated():
        connection.send_command("PING")  # blocks, but not for a few bytes: the socket's buffer takes them at once
    try:
        with trio.fail_after(timeout_s):
            await trio.lowlevel.wait_readable(_socket(connection))
    except trio.TooSlowError:
        raise StoreUnavailableError("no sign of life on the connection for hints") from None


def _socket(connection: Connection) -> Any:
    sock = connection._sock  # noqa: SLF001 - the library has no public way to wait for its socket
    if sock is None:
        raise StoreUnavailableError("the connection for hints was closed")
    return sock


def _drain(connection: Connection, changed: Changed) -> None:
    """Report every message that is complete; an incomplete one stays in the parser's buffer."""
    names: set[str] = set()
    everything = False
    try:
        while True:
            with translated():
                message = _read_now(connection)
            if message is _NOTHING:
                break
            # Anything else is the answer to a PING, whose arrival was its whole use.
            if isinstance(message, list) and message[0] == b"invalidate":
                everything = everything or message[1] is None  # FLUSHALL, or the server's table overflowed
                names.update(key.decode(errors="replace") for key in message[1] or ())
    finally:
        # Also if the connection broke: what was heard before is still true.
        if everything:
            changed(None)
        elif names:
            changed(frozenset(names))


_NOTHING: Final = object()


def _read_now(connection: Connection) -> Any:
    """The next message, or ``_NOTHING`` if it has not arrived in full."""
    try:
        return connection.read_response(push_request=True, timeout=0, disconnect_on_error=False)
    except RedisTimeoutError:
        return _NOTHING
