"""Pipelines on the pool's connections: every reply reaches the one who asked, also a late one."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
from redis import exceptions

from orchestrator.errors import StoreError, StoreRefusedError, StoreUnavailableError
from orchestrator.store import connect, scripts
from orchestrator.store.runner import Following, Late, ScriptRunner, evalsha

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def runner(redis_url: str) -> Iterator[ScriptRunner]:
    """A runner with one connection, for which nobody waits long."""
    client = connect(redis_url, timeout_s=1.0, pool_size=1)
    yield ScriptRunner(client)
    client.close()


def _left(runner: ScriptRunner, command: tuple[Any, ...] = ("ECHO", b"late")) -> Late:
    """The reply of *command*, left on its way."""
    replies, late = runner.exchange([("ECHO", b"now")], lambda: Following([command], leave_last=True))
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

    def meanwhile() -> Following:
        reader = threading.Thread(target=lambda: read.append(late.read()))
        reader.start()
        reader.join()
        return Following([("ECHO", b"2"), ("ECHO", b"later")], leave_last=True)

    replies, later = runner.exchange([("ECHO", b"1")], meanwhile, late)
    assert (read, replies) == ([b"late"], [b"1", b"2"])
    assert later is not None
    late.drop()  # is not its business any more
    assert later.read() == b"later"
    later.drop()
    assert runner.run([("ECHO", b"mine")]) == [b"mine"]


def test_an_exchange_refuses_to_overtake_a_late_reply(runner: ScriptRunner) -> None:
    """Replies would be taken for others."""
    late = _left(runner)
    with pytest.raises(RuntimeError, match="under way"):
        runner.exchange([("ECHO", b"1")], Following, late)
    assert runner.run([("ECHO", b"mine")]) == [b"mine"]


def test_an_exchange_on_a_broken_connection_is_unavailable(runner: ScriptRunner) -> None:
    """And neither it nor what follows leaves the connection reserved."""
    late = _left(runner)
    runner.client.connection_pool.disconnect()
    with pytest.raises(StoreUnavailableError):
        runner.exchange([("ECHO", b"1")], Following, late)
    assert runner.run([("ECHO", b"mine")]) == [b"mine"]


def test_an_exchange_whose_script_was_unknown_asks_again(runner: ScriptRunner) -> None:
    """The late reply of the first attempt belongs to a pipeline that did nothing."""
    runner.run([("SCRIPT", "FLUSH")])
    asked: list[int] = []

    def meanwhile() -> Following:
        asked.append(1)
        return Following([("ECHO", b"%d" % len(asked))], leave_last=True)

    replies, late = runner.exchange([evalsha(scripts.RELEASE, ["lock", "meta"], "token", 0)], meanwhile)
    assert len(replies) == 1
    assert late is not None
    assert (late.read(), len(asked)) == (b"2", 2)
    late.drop()


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
