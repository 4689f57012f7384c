"""Connecting without silent retries, and the boundary where errors are translated."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
import redis
from redis import exceptions

from orchestrator.errors import SettingsError, StoreError, StoreRefusedError, StoreUnavailableError
from orchestrator.store import Store, connect, masked_url
from orchestrator.store.client import translate, translated
from orchestrator.store.runner import ScriptRunner
from tests.redis_server import RedisServer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PASSWORD = "pa55/w0rd"  # noqa: S105 - a made-up one, with a character that breaks URLs


def test_connect_never_retries(redis_url: str) -> None:
    """One command is one command: redis-py would send it again ten times."""
    client = connect(redis_url, timeout_s=1.0, pool_size=1)
    connection: Any = client.connection_pool.make_connection()
    assert connection.retry.get_retries() == 0
    client.close()


@pytest.mark.parametrize(
    "url",
    [
        *("http://x", f"redis://u:{PASSWORD}@h", "redis://h:port", "", "redis://h:1?timeout=x", "redis+cluster://h/1"),
        f"redis+sentinel://u:{PASSWORD}@h/m",
    ],
)
def test_connect_refuses_what_is_no_redis_url_without_quoting_it(url: str) -> None:
    """The message says what would be right; a password in the address stays out of it."""
    with pytest.raises(SettingsError, match="REDIS_URL") as caught:
        connect(url, timeout_s=1.0, pool_size=1)
    assert PASSWORD.split("/")[1] not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://h:6379/0", "redis://h:6379/0"),
        ("rediss://user:secret@h:1", "rediss://user:***@h:1"),
        ("redis://:secret@h", "redis://:***@h"),
        ("redis+sentinel://me:secret@h1:1,h2/m/0", "redis+sentinel://me:***@h1:1,h2/m/0"),
        ("rediss+cluster://:secret@[::1]:1,h2", "rediss+cluster://:***@[::1]:1,h2"),
        ("redis+sentinel://h1,me:secret@h2/m", "redis+sentinel://h1,me:***@h2/m"),
        ("redis://u:p@ss@h", "redis://u:***@h"),
        ("unix:///run/redis.sock?password=secret&db=1", "unix:///run/redis.sock?password=***&db=1"),
    ],
)
def test_masked_url_hides_passwords(url: str, shown: str) -> None:
    """Wherever a password may stand in an address."""
    assert masked_url(url) == shown


@pytest.mark.parametrize(
    ("error", "meaning"),
    [
        (exceptions.ConnectionError("Connection refused"), StoreUnavailableError),
        (exceptions.TimeoutError("Timeout reading"), StoreUnavailableError),
        (exceptions.BusyLoadingError("loading"), StoreUnavailableError),
        (exceptions.InvalidResponse("Protocol Error"), StoreUnavailableError),
        (exceptions.MasterDownError("link down"), StoreUnavailableError),
        (exceptions.ResponseError("BUSY Redis is busy running a script"), StoreUnavailableError),
        (ConnectionResetError("reset"), StoreUnavailableError),
        (exceptions.AuthenticationError("WRONGPASS"), StoreRefusedError),
        (exceptions.OutOfMemoryError("command not allowed"), StoreRefusedError),
        (exceptions.ReadOnlyError("replica"), StoreRefusedError),
        (exceptions.NoPermissionError("no permissions"), StoreRefusedError),
        (exceptions.ResponseError("MISCONF disk"), StoreRefusedError),
    ],
)
def test_translate_tells_refused_from_unavailable(error: Exception, meaning: type[StoreError]) -> None:
    """An answer is a refusal, its absence leaves the outcome open."""
    assert type(translate(error)) is meaning


def test_translate_drops_the_arguments_that_redis_quotes() -> None:
    """A server that does not know AUTH repeats the password in its error."""
    error = exceptions.ResponseError(f"unknown command 'AUTH', with args beginning with: 'u' '{PASSWORD}'")
    assert PASSWORD not in str(translate(error))


def test_translated_leaves_no_trace_of_the_original() -> None:
    """A traceback prints cause and context as well, unless they are cut off."""
    with pytest.raises(StoreUnavailableError) as caught, translated():
        raise exceptions.ConnectionError(PASSWORD)
    assert (caught.value.__cause__, caught.value.__suppress_context__) == (None, True)


def test_store_without_a_server_is_unavailable(tmp_path: Path) -> None:
    """Nobody listens: unavailable, at once."""
    with pytest.raises(StoreUnavailableError):
        Store(connect(f"unix://{tmp_path}/none", timeout_s=1.0, pool_size=1)).ping()


def test_store_with_a_wrong_password_is_refused() -> None:
    """The server answers, and its answer holds no password."""
    with RedisServer(arguments=["--requirepass", "right"]) as server:
        wrong = f"{server.url}?password=wr0ng"
        with pytest.raises(StoreRefusedError) as caught:
            Store(connect(wrong, timeout_s=5.0, pool_size=1)).ping()
    assert "wr0ng" not in str(caught.value)


def test_store_on_a_read_only_replica_is_refused() -> None:
    """Writes to a replica are refused, and nothing is retried."""
    replica = RedisServer(arguments=["--replicaof", "127.0.0.1", "1"])
    with replica as server, pytest.raises(StoreRefusedError, match="READONLY"):
        Store(server.client()).acquire("b", "t")


def test_store_on_a_read_only_replica_says_so_without_work() -> None:
    """Readiness rests on ping and claim: neither of them may succeed where a commit cannot."""
    with RedisServer(arguments=["--replicaof", "127.0.0.1", "1"]) as server:
        store = Store(server.client())
        for call in (store.ping, lambda: store.claim(["b"])):
            with pytest.raises(StoreRefusedError, match="READONLY"):
                call()


def test_store_at_maxmemory_is_still_served() -> None:
    """A full Redis refuses workers; the one that drains it is not to be told that Redis is away."""
    with RedisServer(arguments=["--maxmemory", "1"]) as server:
        store = Store(server.client())
        store.ping()
        assert store.claim(["b"]).ready == []


def test_store_waits_for_a_free_connection_and_no_longer(redis_url: str) -> None:
    """With its only connection in use, a call gives up after the timeout instead of opening another."""
    client = connect(redis_url, timeout_s=0.05, pool_size=1)
    connection = client.connection_pool.get_connection()
    with pytest.raises(StoreUnavailableError):
        Store(client).ping()
    client.connection_pool.release(connection)
    Store(client).ping()
    client.close()


def test_pool_makes_a_connection_anew_that_the_server_closed(redis_url: str, redis_client: redis.Redis) -> None:
    """A restart of the server is noticed before anything is sent, and costs nobody a failure."""
    client = connect(redis_url, timeout_s=10.0, pool_size=1)
    runner = ScriptRunner(client)
    (number,) = runner.run([("CLIENT", "ID")])
    redis_client.client_kill_filter(_id=number)
    (again,) = runner.run([("CLIENT", "ID")])
    assert again != number
    client.close()


def test_pool_makes_a_connection_anew_on_which_something_lies(redis_url: str) -> None:
    """Whoever left it there: it is the answer to nobody's question."""
    client = connect(redis_url, timeout_s=10.0, pool_size=1)
    connection = client.connection_pool.get_connection()
    connection.send_command("ECHO", "late")  # type: ignore[no-untyped-call]
    assert connection.can_read(timeout=10.0)
    client.connection_pool.release(connection)
    assert ScriptRunner(client).run([("ECHO", b"mine")]) == [b"mine"]
    client.close()


def test_pool_keeps_its_place_for_a_connection_that_cannot_be_made(tmp_path: Path) -> None:
    """Else a pool would be used up while the server is away."""
    store = Store(connect(f"unix://{tmp_path}/none", timeout_s=0.1, pool_size=1))
    for _ in range(2):
        with pytest.raises(StoreUnavailableError, match="No such file"):
            store.ping()


def test_store_serves_many_threads(redis_url: str, brand: str) -> None:
    """Eight threads share two connections; each lease gets its own answers."""
    client = connect(redis_url, timeout_s=10.0, pool_size=2)
    store = Store(client)
    problems: list[str] = []

    def work(number: int) -> None:
        name = f"{brand} {number}"
        for _ in range(20):
            lease = store.acquire(name, f"token {number}")
            if lease.brand != name or not store.release(lease):
                problems.append(name)

    _in_threads(work, 8)
    assert problems == []
    client.close()


def _in_threads(work: Callable[[int], None], count: int) -> None:
    threads = [threading.Thread(target=work, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_client_discards_a_connection_after_a_timeout(redis_server: RedisServer) -> None:
    """A reply that came too late must never be taken for the next command's."""
    client = connect(redis_server.url, timeout_s=0.2, pool_size=1)
    with pytest.raises(redis.TimeoutError):
        client.blpop(["no such list"], timeout=0.4)
    assert client.echo("mine") == b"mine"
    client.close()
