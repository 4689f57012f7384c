"""How commands travel: pipelines on the client's connections, forgotten scripts, replies that are read later.

Owns which connection a pipeline takes and who reads its replies; nothing here is retried but what a server did not know.
Everything is thread-safe.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoScriptError, ResponseError

from orchestrator.errors import StoreUnavailableError
from orchestrator.store import scripts
from orchestrator.store.client import checked, translated
from orchestrator.store.wire import pack

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import redis
    from redis.connection import Connection

    from orchestrator.store.wire import Command

    Meanwhile = Callable[[], "Following"]

SCRIPT_ATTEMPTS: Final = 3
"""Times that a pipeline is sent when the server has forgotten a script: once, and again after each reload."""


class Following(NamedTuple):
    """Commands that go behind others on their way; the reply of the last one may be left for later."""

    commands: Sequence[Command] = ()
    leave_last: bool = False


def _nothing() -> Following:
    return Following()


class Late:
    """A reply that was asked for and is left on its way; its connection is reserved until the next exchange on it.

    Thread-safe: one thread may read while another one sends on the same connection, or drops the reply.
    """

    def __init__(self, pool: redis.ConnectionPool, connection: Connection) -> None:
        self.connection = connection
        self._pool = pool
        self._lock = threading.Lock()
        self._reserved = self._unread = True
        self._reading = False

    def read(self) -> Any:
        """The reply, once.

        Raises:
            StoreError: there is none, or it is an error reply.
        """
        with self._lock:
            if not (self._reserved and self._unread):
                raise StoreUnavailableError("the reply was dropped")
            self._unread, self._reading = False, True
        try:
            with translated():
                return checked(_reply(self.connection))
        finally:
            with self._lock:
                self._reading = False
                abandoned = not self._reserved
            if abandoned:
                self._give_back()

    def drop(self) -> None:
        """Do without the reply, and give the connection back; whoever reads at this moment does that in the end."""
        with self._lock:
            reserved, self._reserved = self._reserved, False
            reading = self._reading
        if reserved and not reading:
            self._give_back()

    def hand_over(self) -> None:
        """Leave the connection to whoever calls; the reply has been read."""
        with self._lock:
            if self._unread or self._reading:
                raise RuntimeError("a reply is still under way")
            self._reserved = False

    def _give_back(self) -> None:
        if self._unread:  # nobody else must take it for his own
            self.connection.disconnect()  # type: ignore[no-untyped-call]
        self._pool.release(self.connection)


class ScriptRunner:
    """Sends pipelines of commands and scripts, and teaches the server the scripts when it forgot them.

    Thread-safe. A pipeline is no transaction: each command stands for itself, in order.
    """

    def __init__(self, client: redis.Redis) -> None:
        self.client = client
        self._load_lock = threading.Lock()

    def run(self, commands: Sequence[Command]) -> list[Any]:
        """Send *commands* in one round trip; their replies in order, error replies as exceptions in the list.

        When a script was unknown (``SCRIPT FLUSH``, restart, failover), all are loaded and the **whole** pipeline is
        sent again: every script of the protocol may be delivered twice.

        Raises:
            StoreError: no answer, or the connection was refused.
        """
        return self.exchange(commands)[0]

    def exchange(
        self, commands: Sequence[Command], meanwhile: Meanwhile = _nothing, late: Late | None = None
    ) -> tuple[list[Any], Late | None]:
        """Like :meth:`run`, with something to do meanwhile; the replies, and the one that is left on its way.

        Args:
            commands: of one pipeline.
            meanwhile: called while the server works, again if the pipeline is sent again. The commands that it
                returns follow on the same connection, so they see what *commands* did.
            late: a reply of an earlier exchange, which goes on on its connection. *meanwhile* waits until it is read.
        """
        with translated():
            for _ in range(SCRIPT_ATTEMPTS):
                replies, left = self._send(commands, meanwhile, late)
                if not any(isinstance(reply, NoScriptError) for reply in replies):
                    break
                late = None  # it was read, and its connection is free
                if left is not None:
                    left.drop()
                    left = None
                self.load()
        return replies, left

    def load(self) -> None:
        """Teach the server all scripts; safe at any time."""
        with translated(), self._load_lock:
            for script in scripts.ALL:
                self.client.script_load(script.text)

    def _send(
        self, commands: Sequence[Command], meanwhile: Meanwhile, late: Late | None
    ) -> tuple[list[Any], Late | None]:
        pool = self.client.connection_pool
        connection = pool.get_connection() if late is None else late.connection
        left: Late | None = None
        try:
            _transmit(connection, commands)
            following, leave_last = meanwhile()
            if late is not None:
                late.hand_over()
                late = None
            if following:
                _transmit(connection, following)
            replies = [_reply(connection) for _ in range(len(commands) + len(following) - leave_last)]
            left = Late(pool, connection) if leave_last else None
        except BaseException:
            # Replies may be under way, and nobody else must take them for his own.
            connection.disconnect()  # type: ignore[no-untyped-call]
            raise
        finally:
            if late is not None:
                late.drop()
            elif left is None:
                pool.release(connection)
        return replies, left


def _transmit(connection: Connection, commands: Sequence[Command]) -> None:
    if not connection.is_connected:  # closed by another thread: sending would connect anew, and mix replies up
        raise RedisConnectionError("the connection was closed")
    connection.send_packed_command([pack(commands)])  # type: ignore[no-untyped-call]


def _reply(connection: Connection) -> Any:
    try:
        return connection.read_response()
    except ResponseError as error:
        return error


def evalsha(script: scripts.Script, keys: Sequence[str], *args: Any) -> Command:
    """The command that runs *script*."""
    return ("EVALSHA", script.digest, len(keys), *keys, *args)
