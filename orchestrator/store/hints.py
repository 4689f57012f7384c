"""Wake hints: which keys changed, as Redis itself tells it (``CLIENT TRACKING ON BCAST``).

Owns one RESP3 connection. A hint is only a reason to look sooner: hints get lost
with the connection, so the scheduler goes on polling slowly. Needs no
configuration of the server. Source: DESIGN section 4 and the documentation of
client-side caching.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

import trio
from redis.exceptions import ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

from orchestrator.errors import HintsUnsupportedError, StoreUnavailableError
from orchestrator.store.client import connect, translate, translated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    Changed = Callable[[frozenset[str] | None], None]

Connection = Any  # redis-py's own annotations of its connections are incomplete

PING_INTERVAL_S: Final = 10.0
"""Silence after which the connection is asked for a sign of life; a black hole sends no reset."""


async def receive_hints(
    url: str,
    prefixes: Sequence[str],
    changed: Changed,
    *,
    timeout_s: float,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Call *changed* with the names of keys under *prefixes* as they change, until the connection fails.

    ``changed(None)`` means that anything may have changed. The own commits of this orchestrator are reported too.
    Cancellation closes the connection and leaves nothing behind.

    Args:
        url: of the server.
        prefixes: of the keys to hear about.
        changed: called on the event loop, must not block.
        timeout_s: for connecting, and for the sign of life.
        task_status: started as soon as the server reports changes.

    Raises:
        HintsUnsupportedError: the server refuses; polling is what is left.
        StoreUnavailableError: the connection failed; connect again, and look at everything once.
    """
    client = connect(url, timeout_s=timeout_s, pool_size=1)
    try:
        connection = await trio.to_thread.run_sync(
            partial(_subscribe, client.connection_pool.make_connection(), disjoint(prefixes)), abandon_on_cancel=True
        )
        try:
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
    for prefix in sorted(set(prefixes)):
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
            except ResponseError as error:
                raise HintsUnsupportedError(str(translate(error))) from None
    except BaseException:
        connection.disconnect()
        raise
    # redis-py drops invalidations unless its parser is given a handler; its own cache sets it in the same way.
    connection._parser.set_invalidation_push_handler(lambda message: message)  # noqa: SLF001
    return connection


async def _wait_for_data(connection: Connection, timeout_s: float) -> None:
    """Return when something arrived, asking for it after a long silence."""
    with trio.move_on_after(PING_INTERVAL_S) as silence:
        await trio.lowlevel.wait_readable(_socket(connection))
    if not silence.cancelled_caught:
        return
    with translated():
        connection.send_command("PING")  # a few bytes: the socket's buffer takes them at once
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
    """Report every message that is complete; the rest of one that is not stays in the parser's buffer."""
    names: set[str] = set()
    everything = False
    try:
        while True:
            with translated():
                message = _read_now(connection)
            if message is _NOTHING:
                break
            if isinstance(message, list) and message[0] == b"invalidate":
                everything = everything or message[1] is None  # FLUSHALL, or the server's table overflowed
                names.update(key.decode(errors="replace") for key in message[1] or ())
    finally:
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
