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
