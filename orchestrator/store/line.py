"""A line: one connection of one session, on which replies come in the order of what was sent.

Sending and reading are two calls, so that the caller decides what to do while the server works. A line holds a
connection of the pool from the first command until every reply is read, and then gives it back. Nothing is ever sent
twice here: the caller finds out what became of a command that got no reply.

One thread at a time sends and reads; any other thread may close the line meanwhile.

Source: h11 and httpcore, where sending and receiving are apart and a connection has one owner.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError, ResponseError

from orchestrator.errors import StoreError, StoreUnavailableError
from orchestrator.store.client import moved, translated
from orchestrator.store.wire import pack

if TYPE_CHECKING:
    from redis.connection import Connection

    from orchestrator.store.client import Pool
    from orchestrator.store.wire import Command

T = TypeVar("T")
U = TypeVar("U")

Observe = Callable[[float], None]
"""Told how many seconds were spent on a question: sending it, and waiting for what it brought."""


def _ignore(_seconds: float) -> None:
    """For questions that nobody measures."""


@dataclass(frozen=True, slots=True)
class Question(Generic[T]):
    """Commands that have one answer.

    Attributes:
        commands: of one pipeline; each stands for itself.
        parse: what their replies mean; error replies are among them as exceptions. It may raise.
        observe: told how long sending and reading took, also if one of them failed; not of replies that nobody reads.
    """

    commands: Sequence[Command]
    parse: Callable[[Sequence[Any]], T]
    observe: Observe = _ignore


class Reply(Generic[T]):
    """The answer to a question that was sent; made by :class:`Line`."""

    def __init__(self, line: Line, question: Question[T], sent_s: float) -> None:
        self._line = line
        self._question = question
        self._spent_s = sent_s
        self._replies: list[Any] | None = None

    def read(self) -> T:
        """The answer; waits for it, and for those to earlier questions. It may be read again.

        Raises:
            StoreUnavailableError: it did not come, and will not.
            StoreError: what the replies mean, if that is an error.
        """
        replies = self._replies
        if replies is None:
            started_s = perf_counter()
            try:
                replies = self._line._receive(self)  # noqa: SLF001 - line and reply are one thing with two faces
            finally:
                self._question.observe(self._spent_s + perf_counter() - started_s)
        return self._question.parse(replies)

    @property
    def commands(self) -> Sequence[Command]:
        """What was asked."""
        return self._question.commands

    @property
    def replies(self) -> list[Any] | None:
        """What was answered; None: it was not read yet."""
        return self._replies

    def take(self, connection: Connection) -> list[Any]:
        """Have the replies, which are the next ones on *connection*. For the line alone."""
        self._replies = [read_reply(connection) for _ in self._question.commands]
        return self._replies

    def have(self, replies: list[Any]) -> None:
        """Have *replies*, which came on another connection. For the line alone."""
        self._replies = replies


@dataclass(frozen=True, slots=True)
class LineStatistics:
    """What a line is doing.

    Attributes:
        unread: questions whose replies are still to be read.
        connected: whether it holds a connection of the pool.
        closed: whether it was closed for good.
    """

    unread: int
    connected: bool
    closed: bool


class Source(Protocol):
    """Where the connections of a line come from and go to."""

    def get_connection(self) -> Connection:
        """One that is ready to send."""

    def release(self, connection: Connection) -> None:
        """Take it back."""

    def renew(self) -> None:
        """The server is a replica now: make all connections anew."""


class Line:
    """One connection of one session.

    Args:
        pool: where connections come from and go to.
    """

    def __init__(self, pool: Source) -> None:
        self._pool = pool
        self._lock = threading.Lock()
        self._connection: Connection | None = None
        self._unread: deque[Reply[Any]] = deque()
        self._busy = False  # a thread sends or reads, and cleans up after itself
        self._closed = False

    @property
    def server(self) -> str:
        """Which of several servers it leads to; empty: there is one."""
        return ""

    @property
    def closed(self) -> bool:
        """Whether it was closed for good."""
        return self._closed

    def statistics(self) -> LineStatistics:
        """What the line is doing now."""
        with self._lock:
            return LineStatistics(len(self._unread), self._connection is not None, self._closed)

    def send(self, question: Question[T]) -> Reply[T]:
        """Send *question*; its reply is left on its way.

        Raises:
            StoreUnavailableError: nothing was sent, or nobody knows how much; earlier replies are lost, too.
            StoreRefusedError: the server refused a new connection.
        """
        (reply,) = self._send(question)
        return reply

    def send_both(self, first: Question[T], second: Question[U]) -> tuple[Reply[T], Reply[U]]:
        """Like :meth:`send` for two questions in one piece, whose replies are read one by one."""
        one, other = self._send(first, second)
        return one, other

    def drop(self) -> None:
        """Do without the replies that are still to be read. Not while another thread uses the line."""
        with self._lock:
            self._let_go()

    def close(self) -> None:
        """Drop the replies, and refuse everything from now on; any thread may do this at any time.

        A thread that waits for a reply at this moment gets it, and gives the connection back. One that sends may have
        been heard or not.
        """
        with self._lock:
            self._closed = True
            if not self._busy:
                self._let_go()

    def _send(self, *questions: Question[Any]) -> list[Reply[Any]]:
        started_s = perf_counter()
        try:
            with self._in_use() as connection:
                transmit(connection, [command for question in questions for command in question.commands])
                # Sending them took what sending the first one takes, but for the bytes: it is told of all.
                spent_s = [perf_counter() - started_s, *[0.0] * (len(questions) - 1)]
                replies = [Reply(self, *pair) for pair in zip(questions, spent_s, strict=True)]
                self._unread.extend(replies)
        except StoreError:
            questions[0].observe(perf_counter() - started_s)
            raise
        return replies

    def _heard(self, _connection: Connection, _reply: Reply[Any], replies: list[Any]) -> None:
        """Do what *replies*, which are those to *_reply*, ask for beyond being read."""
        _follow(self._pool, replies)

    def _broken(self, error: Exception) -> None:
        """Know that the connection broke, or gave no answer in time."""

    def _receive(self, wanted: Reply[Any]) -> list[Any]:
        """The replies to *wanted*; those sent before it come first, and are kept until they are asked for."""
        if wanted not in self._unread:
            raise StoreUnavailableError("the reply was dropped")
        with self._in_use() as connection:
            while (found := wanted.replies) is None:
                first = self._unread[0]
                replies = first.take(connection)
                self._unread.popleft()
                self._heard(connection, first, replies)
        return found

    @contextmanager
    def _in_use(self) -> Iterator[Connection]:
        """The connection, for the thread that sends or reads; given back afterwards if nothing is left to read."""
        with self._lock:
            if self._closed:
                raise StoreUnavailableError("the line was closed")
            self._busy = True
        done = False
        try:
            with translated():
                if self._connection is None:
                    self._connection = self._pool.get_connection()
                try:
                    yield self._connection
                except (RedisError, OSError) as error:
                    self._broken(error)
                    raise
            done = True
        finally:
            with self._lock:
                self._busy = False
                # Broken off or closed meanwhile: replies that are under way must not be taken for another's.
                if not done or self._closed or not self._unread:
                    self._let_go()

    def _let_go(self) -> None:
        """Give the connection back, closed if replies are under way on it; the lock is held."""
        connection, self._connection = self._connection, None
        if connection is not None:
            # One that failed to send or to read is closed by the client; the pool connects it anew.
            if self._unread:
                connection.disconnect()  # type: ignore[no-untyped-call]
            self._pool.release(connection)
        self._unread.clear()


def exchange(pool: Pool, commands: Sequence[Command]) -> list[Any]:
    """Send *commands* in one piece, and wait for their replies: what a line does, for those who ask once.

    Raises:
        StoreError: no answer, or the connection was refused.
    """
    with translated():
        connection = pool.get_connection()
        try:
            transmit(connection, commands)
            replies = [read_reply(connection) for _ in commands]
        finally:
            pool.release(connection)  # which the client has closed if it could not send, or not read everything
    _follow(pool, replies)
    return replies


def _follow(pool: Source, replies: Sequence[Any]) -> None:
    """Make all connections anew if the primary is elsewhere by now."""
    if any(map(moved, replies)):
        # Every connection leads to the same server, and none of them would ever break for it.
        pool.renew()


def transmit(connection: Connection, commands: Sequence[Command]) -> None:
    """Send *commands* in one piece."""
    if not connection.is_connected:  # closed by another thread: sending would connect anew, and mix replies up
        raise RedisConnectionError("the connection was closed")
    connection.send_packed_command([pack(commands)])  # type: ignore[no-untyped-call]


def read_reply(connection: Connection) -> Any:
    """The next reply on *connection*, an error reply as the exception itself."""
    try:
        return connection.read_response()
    except ResponseError as error:
        return error
