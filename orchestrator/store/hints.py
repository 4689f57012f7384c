"""Wake hints: Redis itself tells which keys changed (``CLIENT TRACKING ON BCAST``).

Owns one RESP3 connection to each server. A hint is only a reason to look sooner: hints get lost with the connection, so
the scheduler goes on polling slowly. Unlike keyspace notifications, this needs no configuration of the server.
Source: Redis' documentation of client-side caching.
"""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import trio
from redis.exceptions import ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

from orchestrator.errors import HintsUnsupportedError, StoreUnavailableError
from orchestrator.store.client import translate, translated
from orchestrator.store.connecting import connect

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

    from orchestrator.contract.address import Node
    from orchestrator.store.client import Login
    from orchestrator.store.cluster.topology import Topology

    Changed = Callable[[frozenset[str] | None], None]

Connection = Any  # redis-py's own annotations of its connections are incomplete

LOOK_S: Final = 0.5
"""Between two looks at which nodes of a cluster are masters: a promotion is seen within this."""

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
        connection = client.connection_pool.make_connection()
        await _listen(connection, prefixes, changed, timeout_s=timeout_s, started=task_status.started)
    finally:
        client.close()


async def receive_cluster_hints(
    topology: Topology,
    prefixes: Sequence[str],
    changed: Changed,
    *,
    timeout_s: float,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Like :func:`receive_hints`, from all masters of a cluster and from those that become masters.

    Which those are is looked at every :data:`LOOK_S`. A master that gives no hints costs those about its own keys; it
    is asked again at each look, and as soon as it gives some anything may have changed.

    Args:
        topology: of the cluster.
        prefixes: of the keys to hear about.
        changed: called on the event loop, must not block.
        timeout_s: for connecting, and for the sign of life.
        task_status: started as soon as those masters that answer report changes.

    Raises:
        ExceptionGroup: of HintsUnsupportedError, a master refuses, so only polling is left; or of
            StoreUnavailableError, no master gives hints.
    """
    listeners = _Listeners(topology, partial(_listen, prefixes=prefixes, changed=changed, timeout_s=timeout_s))
    async with trio.open_nursery() as nursery:
        while True:
            masters = await trio.to_thread.run_sync(topology.look_again, abandon_on_cancel=True)
            came = await listeners.follow(masters, nursery)
            task_status.started()
            task_status = trio.TASK_STATUS_IGNORED
            if came:
                changed(None)  # nobody listened to them before
            await trio.sleep(LOOK_S)


class _Listeners:
    """One connection to each master of a cluster.

    Args:
        topology: of the cluster.
        listen: on a connection, and what to call as soon as it is heard.
    """

    def __init__(self, topology: Topology, listen: Callable[..., Awaitable[None]]) -> None:
        self._topology = topology
        self._listen = listen
        self._heard: dict[Node, trio.CancelScope] = {}

    async def follow(self, masters: Sequence[Node], nursery: trio.Nursery) -> bool:
        """Listen to those of *masters* that answer, and to nobody else; whether any are heard that were not before.

        Raises:
            StoreUnavailableError: none of them is heard.
        """
        for node, scope in list(self._heard.items()):
            if node not in masters:
                scope.cancel()
        # Claims find out when one that is away is back: to wait for it here would put off all others.
        silent = [node for node in masters if node not in self._heard and node not in self._topology.away]
        settled = [trio.Event() for _ in silent]
        for node, event in zip(silent, settled, strict=True):
            nursery.start_soon(self._hear, node, event)
        for event in settled:
            await event.wait()
        if not self._heard:
            raise StoreUnavailableError("no master of the cluster gives hints")
        return any(node in self._heard for node in silent)

    async def _hear(self, node: Node, settled: trio.Event) -> None:
        def started() -> None:
            self._heard[node] = scope
            settled.set()

        try:
            with trio.CancelScope() as scope, suppress(StoreUnavailableError):
                await self._listen(self._topology.apart(node), started=started)
        finally:
            self._heard.pop(node, None)
            settled.set()


async def _listen(
    connection: Connection,
    prefixes: Sequence[str],
    changed: Changed,
    *,
    timeout_s: float,
    started: Callable[[], None],
) -> None:
    """Ask for hints on *connection*, and pass them on until it fails."""
    # Only connecting takes a thread. Then the event loop waits for the socket, and a cancel ends that at once.
    await trio.to_thread.run_sync(partial(_subscribe, connection, disjoint(prefixes)), abandon_on_cancel=True)
    try:
        # Called after the server's answer: what changes from here on is reported, so that the caller can look at
        # everything once and then rely on hints.
        started()
        while True:
            await _wait_for_data(connection, timeout_s)
            _drain(connection, changed)
    finally:
        connection.disconnect()


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
