"""A line: replies in the order of what was sent, and a connection that nobody else gets while one is under way."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, cast

import pytest

from orchestrator.errors import StoreRefusedError, StoreUnavailableError
from orchestrator.store import connect
from orchestrator.store.client import checked
from orchestrator.store.line import Line, LineStatistics, Question, Reply
from orchestrator.store.runner import ScriptRunner

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import redis

    from orchestrator.store.client import Pool

SECOND = "0.2"
"""Seconds that the server makes a reader wait, as BLPOP wants them."""


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    """A client with one connection, for which nobody waits long."""
    client = connect(redis_url, timeout_s=1.0, pool_size=1)
    yield client
    client.close()


@pytest.fixture
def line(client: redis.Redis) -> Line:
    """A line on the only connection."""
    return Line(pool_of(client))


def pool_of(client: redis.Redis) -> Pool:
    """Where *client* has its connections from."""
    return cast("Pool", client.connection_pool)


def only(replies: Sequence[Any]) -> Any:
    """What one reply means."""
    (reply,) = replies
    return checked(reply)


def echo(text: bytes) -> Question[Any]:
    """A question whose answer is *text*."""
    return Question([("ECHO", text)], only)


def is_free(client: redis.Redis) -> bool:
    """Whether the only connection can be had at once, and gives an answer of its own."""
    pool: Any = client.connection_pool
    usual_s, pool.timeout = pool.timeout, 0.001
    try:
        return ScriptRunner(client).run([("ECHO", b"mine")]) == [b"mine"]
    except StoreUnavailableError as error:
        if "No connection available" not in str(error):
            raise
        return False
    finally:
        pool.timeout = usual_s


def test_line_holds_its_connection_until_every_reply_is_read(client: redis.Redis, line: Line) -> None:
    """Nobody else can take a reply, and afterwards the connection is as good as before."""
    first, second = line.send(echo(b"1")), line.send(echo(b"2"))
    assert not is_free(client)
    assert first.read() == b"1"
    assert line.statistics() == LineStatistics(unread=1, connected=True, closed=False)
    assert not is_free(client)
    assert second.read() == b"2"
    assert line.statistics() == LineStatistics(unread=0, connected=False, closed=False)
    assert is_free(client)


def test_line_keeps_the_replies_to_earlier_questions_for_whoever_asked(line: Line) -> None:
    """They come first, whichever is read first."""
    first, second, third = (line.send(echo(b"%d" % number)) for number in (1, 2, 3))
    assert third.read() == b"3"
    assert (first.read(), second.read()) == (b"1", b"2")


def test_reply_can_be_read_again(line: Line) -> None:
    """A second look costs no second answer."""
    reply = line.send(echo(b"1"))
    assert [reply.read(), reply.read()] == [b"1", b"1"]


def test_line_sends_two_questions_in_one_piece(client: redis.Redis, line: Line) -> None:
    """Each has a reply of its own, and the second one may be read much later."""
    first, second = line.send_both(Question([("ECHO", b"1"), ("ECHO", b"2")], list), echo(b"3"))
    assert first.read() == [b"1", b"2"]
    assert not is_free(client)
    assert second.read() == b"3"
    assert is_free(client)


def test_error_reply_is_raised_by_the_reply_it_belongs_to(client: redis.Redis, line: Line) -> None:
    """Its neighbours are none the worse."""
    refused, fine = line.send(Question([("LPUSH", b"no value")], only)), line.send(echo(b"1"))
    assert fine.read() == b"1"
    with pytest.raises(StoreRefusedError):
        refused.read()
    assert is_free(client)


def test_dropped_replies_go_with_their_connection(client: redis.Redis, line: Line) -> None:
    """The next one who uses it gets its own replies, and the line can be used again."""
    reply = line.send(echo(b"1"))
    line.drop()
    assert is_free(client)
    with pytest.raises(StoreUnavailableError, match="dropped"):
        reply.read()
    assert line.send(echo(b"2")).read() == b"2"


def test_dropped_reply_that_comes_late_is_nobodys(client: redis.Redis, line: Line) -> None:
    """It is not there yet when the next one takes the connection, and must not be taken for its answer."""
    line.send(Question([("BLPOP", "no such list", SECOND)], only))
    line.drop()
    assert is_free(client)
    assert line.send(echo(b"2")).read() == b"2"


def test_drop_keeps_what_was_read(line: Line) -> None:
    """Only what is still under way is lost."""
    first, second = line.send(echo(b"1")), line.send(echo(b"2"))
    second.read()
    line.drop()
    assert first.read() == b"1"


def test_closed_line_refuses_everything(client: redis.Redis, line: Line) -> None:
    """Neither is anything sent nor can a reply be read, and the connection is free."""
    reply = line.send(echo(b"1"))
    line.close()
    line.close()
    with pytest.raises(StoreUnavailableError, match="closed"):
        line.send(echo(b"2"))
    with pytest.raises(StoreUnavailableError):
        reply.read()
    assert line.statistics() == LineStatistics(unread=0, connected=False, closed=True)
    assert is_free(client)


def test_line_may_be_closed_while_its_reply_is_waited_for(client: redis.Redis, line: Line) -> None:
    """The reader gets its reply and gives the connection back in the end, not before."""
    waiting = threading.Event()
    read: list[Any] = []
    slow = _Waited(line.send(Question([("BLPOP", "no such list", SECOND)], only)), waiting)
    line.send(echo(b"later"))
    reader = threading.Thread(target=lambda: read.append(slow.read()))
    reader.start()
    waiting.wait()
    line.close()
    assert not is_free(client)
    reader.join()
    assert read == [None]
    assert is_free(client)


class _Waited:
    """A reply that says when its line has begun to wait for it."""

    def __init__(self, reply: Reply[Any], waiting: threading.Event) -> None:
        self._reply = reply
        take = reply.take

        def noted(connection: Any) -> list[Any]:
            waiting.set()
            return take(connection)

        reply.take = noted  # type: ignore[method-assign]

    def read(self) -> Any:
        """Read it."""
        return self._reply.read()


def test_line_on_a_broken_connection_is_unavailable(client: redis.Redis, line: Line) -> None:
    """What was under way is lost, nothing is left reserved, and the next question goes another way."""
    lost = line.send(echo(b"1"))
    client.connection_pool.disconnect()
    with pytest.raises(StoreUnavailableError):
        line.send(echo(b"2"))
    with pytest.raises(StoreUnavailableError):
        lost.read()
    assert line.send(echo(b"3")).read() == b"3"
    assert is_free(client)


def test_line_discards_a_connection_after_a_timeout(redis_url: str) -> None:
    """A reply that comes later is nobody's."""
    client = connect(redis_url, timeout_s=0.2, pool_size=1)
    line = Line(pool_of(client))
    late = line.send(Question([("BLPOP", "no such list", "0.4")], only))
    with pytest.raises(StoreUnavailableError):
        late.read()
    assert line.send(echo(b"mine")).read() == b"mine"
    client.close()


def test_line_that_cannot_connect_tells_its_observer(redis_url: str) -> None:
    """Time that was spent on nothing is time that was spent."""
    client = connect(redis_url, timeout_s=0.01, pool_size=1)
    holder = Line(pool_of(client))
    spent: list[float] = []
    reply = holder.send(echo(b"1"))
    with pytest.raises(StoreUnavailableError):
        Line(pool_of(client)).send(Question([("ECHO", b"2")], only, spent.append))
    assert len(spent) == 1
    reply.read()
    client.close()
