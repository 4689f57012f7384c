"""A server's name that leads elsewhere now, while the server that it led to still answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from redis import exceptions

from orchestrator.contract.keys import BrandKeys
from orchestrator.errors import StoreRefusedError
from orchestrator.store import Store, StoreOptions, connect
from orchestrator.store.client import Pool, moved
from tests.faults.proxy import Proxy
from tests.redis_server import RedisServer, servers

if TYPE_CHECKING:
    from pathlib import Path

SCRIPT_ERROR_OF_6_2 = (
    "Error running script (call to f_3d0cb): @user_script:14: @user_script: 14: "
    "-READONLY You can't write against a read only replica."
)


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (exceptions.ReadOnlyError("You can't write against a read only replica."), True),
        (exceptions.ResponseError(SCRIPT_ERROR_OF_6_2), True),
        (exceptions.ResponseError("Error running script: -OOM command not allowed"), False),
        (exceptions.OutOfMemoryError("command not allowed"), False),
        (b"-READONLY ", False),
        (None, False),
    ],
)
def test_moved_knows_the_answer_of_a_replica(reply: object, said: bool) -> None:  # noqa: FBT001
    """In both forms; a value that reads like one is none."""
    assert moved(reply) is said


@pytest.mark.parametrize("program", servers(), ids=lambda path: path.parent.parent.name)
def test_store_follows_the_name_when_the_server_becomes_a_replica(program: Path, brand: str) -> None:
    """The refusal costs one call: the next one goes where the name leads now, on connections old and new."""
    with RedisServer(program) as old, RedisServer(program) as new, Proxy(old.socket) as name:
        client = connect(name.url, timeout_s=5.0, pool_size=3)
        renewals = connect(name.url, timeout_s=5.0, pool_size=1)
        store = Store(client, StoreOptions(), renewal_client=renewals)
        lease = store.acquire(brand, "token")
        store.renew([lease])
        busy: Any = client.connection_pool.get_connection()
        store.release(lease)  # on a second connection
        with old.client() as demoted:
            demoted.replicaof("127.0.0.1", 1)
        name.redirect(new.socket)
        with pytest.raises(StoreRefusedError, match="READONLY"):
            store.acquire(brand, "token")
        assert store.renewals == 1
        client.connection_pool.release(busy)
        assert not busy.is_connected
        lease = store.acquire(brand, "token")
        assert store.renew([lease]) == [lease]  # that connection met no refusal: it asks the server that knows no lease
        store.renew_connections()
        assert store.renew([lease]) == []
        with new.client() as there:
            assert there.exists(BrandKeys.of(brand).lock)
        store.close()


def test_pool_closes_free_connections_at_once_and_others_when_they_are_given_back(redis_url: str) -> None:
    """A reply under way is still read."""
    client = connect(redis_url, timeout_s=5.0, pool_size=2)
    assert isinstance(client.connection_pool, Pool)
    pool: Any = client.connection_pool
    free, busy = pool.get_connection(), pool.get_connection()
    pool.release(free)
    busy.send_command("PING")
    pool.renew()
    assert not free.is_connected
    assert busy.read_response() in {b"PONG", "PONG"}
    pool.release(busy)
    assert not busy.is_connected
    client.close()


def test_renewal_closes_no_connection_that_a_thread_could_take(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread that took it an instant before would lose its socket between its command and the reply."""
    client = connect(redis_url, timeout_s=5.0, pool_size=3)
    pool: Any = client.connection_pool
    for connection in (free := [pool.get_connection(), pool.get_connection()]):
        pool.release(connection)
    closed: list[Any] = []

    def disconnect(connection: Any, *args: Any) -> None:
        closed.append(connection)
        assert connection not in pool.pool.queue
        close(connection, *args)

    close = type(free[0]).disconnect
    with monkeypatch.context() as patch:
        patch.setattr(type(free[0]), "disconnect", disconnect)
        pool.renew()
    assert set(free) == set(closed)
    assert set(free) | {None} == set(pool.pool.queue)
    client.close()


def test_connection_made_before_a_renewal_is_made_anew_at_its_next_use(redis_url: str) -> None:
    """Once: the connection after it stays."""
    client = connect(redis_url, timeout_s=5.0, pool_size=1)
    pool: Any = client.connection_pool
    client.ping()
    before = client.client_id()
    pool.renew()
    after = client.client_id()
    assert after != before
    assert client.client_id() == after
    client.close()


def test_connection_taken_in_the_midst_of_a_renewal_is_made_anew_once(redis_url: str) -> None:
    """A thread may take one between the two halves of a renewal: marked, and not yet out of the queue."""
    client = connect(redis_url, timeout_s=5.0, pool_size=1)
    pool: Any = client.connection_pool
    before = client.client_id()
    pool._outdated.update(pool._connections)  # the first half
    after = client.client_id()
    assert after != before
    assert client.client_id() == after
    client.close()
