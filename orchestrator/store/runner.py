"""How commands travel: pipelines on the client's connections, forgotten scripts, replies that are read later.

Owns which connection a pipeline takes and who reads its replies; nothing is sent again but what a server did not know.
Everything is thread-safe.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoScriptError, ResponseError

from orchestrator.errors import StoreUnavailableError
from orchestrator.store import scripts
from orchestrator.store.client import translated
from orchestrator.store.wire import pack

if TYPE_CHECKING:
    import redis
    from redis.connection import Connection

    from orchestrator.store.wire import Command

T = TypeVar("T")

Parse = Callable[[Sequence[Any]], T]
"""What replies mean; error replies are among them as exceptions."""

SCRIPT_ATTEMPTS: Final = 3
"""Times that a pipeline is sent when the server has forgotten a script: once, and again after each reload."""


class Late(Generic[T]):
    """Replies that are left on their way; their connection is reserved until an exchange claims it.

    Thread-safe: while one thread reads, another one may drop the replies.
    """

    def __init__(self, pool: redis.ConnectionPool, connection: Connection, count: int, parse: Parse[T]) -> None:
        self._pool = pool
        self._connection = connection
        self._count = count
        self._parse = parse
        self._lock = threading.Lock()
        self._wanted = self._unread = True
        self._reading = self._claimed = False

    def read(self) -> T:
        """What the replies mean, once; waits for them.

        Raises:
            StoreError: they did not come, or one of them is an error reply.
        """
        with self._lock:
            if not (self._wanted and self._unread):
                raise StoreUnavailableError("the reply was dropped")
            self._unread, self._reading = False, True
        try:
            with translated():
                replies = [_reply(self._connection) for _ in range(self._count)]
        finally:
            with self._lock:
                self._reading = False
                dropped = not self._wanted
            if dropped:
                self._give_back()
        return self._parse(replies)

    def drop(self) -> None:
        """Do without the replies, and give the connection back; whoever reads at this moment does that in the end."""
        with self._lock:
            if self._claimed or not self._wanted:
                return
            self._wanted = False
            reading = self._reading
        if not reading:
            self._give_back()

    def claim(self) -> Connection:
        """The connection, which is the caller's from now on; unread replies are still to be read first.

        Raises:
            StoreUnavailableError: the replies were dropped.
        """
        with self._lock:
            if not self._wanted:
                raise StoreUnavailableError("the reply was dropped")
            self._claimed = True
        return self._connection

    def require_read(self) -> None:
        """Refuse to go on while others' replies would be taken for one's own."""
        if self._unread or self._reading:
            raise RuntimeError("a reply is still under way")

    def _give_back(self) -> None:
        if self._unread:  # nobody else must take them for his own
            self._connection.disconnect()  # type: ignore[no-untyped-call]
        self._pool.release(self._connection)


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
        self,
        commands: Sequence[Command],
        meanwhile: Callable[[], object] | None = None,
        late: Late[Any] | None = None,
        leave: Parse[T] | None = None,
    ) -> tuple[list[Any], Late[T] | None]:
        """Like :meth:`run`, with something to do meanwhile; the replies, and the last one if it is left on its way.

        Args:
            commands: of one pipeline.
            meanwhile: called while the server works, again if the pipeline is sent again.
            late: replies of an earlier exchange, whose connection this one takes; *meanwhile* reads them if nobody did.
            leave: the last reply is left on its way, and will be parsed so.
        """
        with translated():
            for _ in range(SCRIPT_ATTEMPTS):
                replies, left = self._send(commands, meanwhile, late, leave)
                if not any(isinstance(reply, NoScriptError) for reply in replies):
                    break
                late = None  # it was read, and its connection is free
                if left is not None:
                    left.drop()
                    left = None
                self.load()
        return replies, left

    def ask(self, commands: Sequence[Command], parse: Parse[T], late: Late[Any] | None = None) -> Late[T]:
        """Send *commands*, which know no script, and leave all replies on their way.

        Args:
            commands: of one pipeline.
            parse: what the replies mean.
            late: replies of an earlier exchange that were read, whose connection this one takes.

        Raises:
            StoreError: nothing was sent.
        """
        pool = self.client.connection_pool
        with translated():
            connection = pool.get_connection() if late is None else late.claim()
            try:
                if late is not None:
                    late.require_read()
                _transmit(connection, commands)
            except BaseException:
                connection.disconnect()  # type: ignore[no-untyped-call]
                pool.release(connection)
                raise
            return Late(pool, connection, len(commands), parse)

    def load(self) -> None:
        """Teach the server all scripts; safe at any time."""
        with translated(), self._load_lock:
            for script in scripts.ALL:
                self.client.script_load(script.text)

    def _send(
        self,
        commands: Sequence[Command],
        meanwhile: Callable[[], object] | None,
        late: Late[Any] | None,
        leave: Parse[T] | None,
    ) -> tuple[list[Any], Late[T] | None]:
        pool = self.client.connection_pool
        connection = pool.get_connection() if late is None else late.claim()
        left: Late[T] | None = None
        try:
            _transmit(connection, commands)
            if meanwhile is not None:
                meanwhile()
            if late is not None:
                late.require_read()
            replies = [_reply(connection) for _ in range(len(commands) - (leave is not None))]
            left = None if leave is None else Late(pool, connection, 1, leave)
        except BaseException:
            # Replies may be under way, and nobody else must take them for his own.
            connection.disconnect()  # type: ignore[no-untyped-call]
            raise
        finally:
            if left is None:
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
