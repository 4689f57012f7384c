"""Pipelines on the pool's connections: every reply reaches the one who asked, also a late one."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
from redis import exceptions

from orchestrator.errors import StoreError, StoreRefusedError, StoreUnavailableError
from orchestrator.store import connect, scripts
from orchestrator.store.client import checked
from orchestrator.store.runner import Late, ScriptRunner, evalsha

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


@pytest.fixture
def runner(redis_url: str) -> Iterator[ScriptRunner]:
    """A runner with one connection, for which nobody waits long."""
    client = connect(redis_url, timeout_s=1.0, pool_size=1)
    yield ScriptRunner(client)
    client.close()


def _only(replies: Sequence[Any]) -> Any:
    """What one reply means."""
    (reply,) = replies
    return checked(reply)


def _left(runner: ScriptRunner, command: tuple[Any, ...] = ("ECHO", b"late")) -> Late[Any]:
    """The reply of *command*, left on its way."""
    replies, late = runner.exchange([("ECHO", b"now"), command], leave=_only)
    assert replies == [b"now"]
    assert late is not None
    return late


def test_a_late_reply_reserves_its_connection_until_it_is_dropped(runner: ScriptRunner) -> None:
    """Nobody else can take it for his own, and afterwards the connection is as good as before."""
    late = _left(runner)
    with pytest.raises(StoreUnavailableError):
        runner.run([("ECHO", b"mine")])
    assert late.read() == b"late"
    late.drop()
    late.drop()
    assert runner.run([("ECHO", b"mine")]) == [b"mine"]


def test_a_late_reply_that_nobody_reads_goes_with_its_connection(runner: ScriptRunner) -> None:
    """Whoever comes next gets his own."""
    late = _left(runner)
    late.drop()
    assert runner.run([("ECHO", b"mine")]) == [b"mine"]
    with pytest.raises(StoreUnavailableError, match="dropped"):
        late.read()


def test_a_late_reply_is_read_once(runner: ScriptRunner) -> None:
    """A second reader would wait for a reply that nobody sends."""
    late = _left(runner)
    late.read()
    with pytest.raises(StoreUnavailableError, match="dropped"):
        late.read()
    late.drop()


def test_a_late_error_reply_is_raised(runner: ScriptRunner) -> None:
    """As what it means."""
    late = _left(runner, ("LPUSH", b"no value"))
    with pytest.raises(StoreRefusedError):
        late.read()
    late.drop()
    assert runner.run([("ECHO", b"mine")]) == [b"mine"]


def test_a_late_reply_may_be_dropped_while_it_is_waited_for(runner: ScriptRunner) -> None:
    """The connection is given back when the reader has done with it, and not before."""
    late = _left(runner, ("BLPOP", "no such list", "0.2"))
    reader = threading.Thread(target=late.read)
    reader.start()
    while not late._reading:
        pass
    late.drop()
    with pytest.raises(StoreError, match="No connection available"):
        ScriptRunner(_impatient(runner)).run([("ECHO", b"mine")])
    reader.join()
    assert runner.run([("ECHO", b"mine")]) == [b"mine"]


def _impatient(runner: ScriptRunner) -> Any:
    """The runner's client, whose pool does not wait from now on."""
    pool: Any = runner.client.connection_pool
    pool.timeout = 0.001
    return runner.client


def test_an_exchange_goes_on_behind_a_late_reply(runner: ScriptRunner) -> None:
    """It is sent at once; the late reply comes first, whichever thread reads it."""
    late, read = _left(runner), []

    def meanwhile() -> None:
        reader = threading.Thread(target=lambda: read.append(late.read()))
        reader.start()
        reader.join()

    commands = [("ECHO", b"1"), ("ECHO", b"2"), ("ECHO", b"later")]
    replies, later = runner.exchange(commands, meanwhile, late, _only)
    assert (read, replies) == ([b"late"], [b"1", b"2"])
    assert later is not None
    late.drop()  # is not its business any more
    with pytest.raises(StoreError, match="No connection available"):
        ScriptRunner(_impatient(runner)).run([("ECHO", b"mine")])
    assert later.read() == b"later"
    later.drop()
    assert runner.run([("ECHO", b"mine")]) == [b"mine"]


def test_an_exchange_refuses_to_overtake_a_late_reply(runner: ScriptRunner) -> None:
    """Replies would be taken for others."""
    late = _left(runner)
    with pytest.raises(RuntimeError, match="under way"):
        runner.exchange([("ECHO", b"1")], late=late)
    assert runner.run([("ECHO", b"mine")]) == [b"mine"]


def test_an_exchange_on_a_broken_connection_is_unavailable(runner: ScriptRunner) -> None:
    """And neither it nor what follows leaves the connection reserved."""
    late = _left(runner)
    runner.client.connection_pool.disconnect()
    with pytest.raises(StoreUnavailableError):
        runner.exchange([("ECHO", b"1")], late=late)
    assert runner.run([("ECHO", b"mine")]) == [b"mine"]


def test_an_exchange_whose_script_was_unknown_asks_again(runner: ScriptRunner) -> None:
    """The late reply of the first attempt belongs to a pipeline that did nothing."""
    runner.run([("SCRIPT", "FLUSH")])
    asked: list[int] = []
    commands = [evalsha(scripts.RELEASE, ["lock", "meta"], "token", 0), ("ECHO", b"late")]
    replies, late = runner.exchange(commands, lambda: asked.append(1), leave=_only)
    assert (len(replies), len(asked)) == (1, 2)
    assert late is not None
    assert late.read() == b"late"
    late.drop()


def test_a_question_goes_the_way_of_a_reply_that_was_read(runner: ScriptRunner) -> None:
    """One connection is enough for any chain of questions and exchanges."""
    late = _left(runner)
    late.read()
    asked = runner.ask([("ECHO", b"1"), ("ECHO", b"2")], list, late)
    assert asked.read() == [b"1", b"2"]
    assert runner.exchange([("ECHO", b"3")], late=asked) == ([b"3"], None)


def test_a_question_that_cannot_be_sent_leaves_nothing_reserved(runner: ScriptRunner) -> None:
    """Neither on a broken connection nor before its turn."""
    late = _left(runner)
    with pytest.raises(RuntimeError, match="under way"):
        runner.ask([("ECHO", b"1")], list, late)
    late.drop()
    late = _left(runner)
    late.read()
    runner.client.connection_pool.disconnect()
    with pytest.raises(StoreUnavailableError):
        runner.ask([("ECHO", b"1")], list, late)
    assert runner.run([("ECHO", b"mine")]) == [b"mine"]


def test_runner_discards_a_connection_after_a_timeout(redis_url: str) -> None:
    """The same for a pipeline that was sent in one piece: its second reply may come after its time-out."""
    client = connect(redis_url, timeout_s=0.2, pool_size=1)
    runner = ScriptRunner(client)
    with pytest.raises(StoreUnavailableError):
        runner.run([("ECHO", b"late"), ("BLPOP", "no such list", "0.4")])
    assert runner.run([("ECHO", b"mine")]) == [b"mine"]
    client.close()


def test_runner_returns_an_error_reply_in_its_place(redis_url: str) -> None:
    """One refused command neither hides the replies of the others nor leaves one of them on the connection."""
    client = connect(redis_url, timeout_s=10.0, pool_size=1)
    runner = ScriptRunner(client)
    first, refused, last = runner.run([("ECHO", b"1"), ("LPUSH", b"no value"), ("ECHO", b"3")])
    assert (first, type(refused), last) == (b"1", exceptions.ResponseError, b"3")
    assert runner.run([("ECHO", b"mine")]) == [b"mine"]
    client.close()


def test_runner_passes_push_messages_over(redis_url: str, brand: str) -> None:
    """A connection that Redis also sends invalidations on still gives each command its own reply."""
    client = connect(redis_url, timeout_s=10.0, pool_size=1)
    runner = ScriptRunner(client)
    runner.run([("CLIENT", "TRACKING", "ON", "BCAST", "PREFIX", brand)])
    assert runner.run([("SET", brand, b"1"), ("ECHO", b"mine")]) == [b"OK", b"mine"]
    runner.run([("CLIENT", "TRACKING", "OFF")])
    client.close()
