"""Wake hints of a cluster: from every master, and again from one that was away."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio

from orchestrator.contract.keys import QUEUE_PREFIX, queue_key
from orchestrator.contract.slots import slot_of
from orchestrator.errors import StoreUnavailableError
from orchestrator.store import connect
from orchestrator.store.hints import receive_cluster_hints
from tests.cluster_servers import free_ports
from tests.polling import until

if TYPE_CHECKING:
    from orchestrator.store.cluster.client import ClusterClient
    from tests.cluster_servers import ClusterServers


async def test_every_master_gives_hints_and_gives_them_again(
    client: ClusterClient, cluster_servers: ClusterServers, brand: str
) -> None:
    """A connection that breaks costs hints of that master alone; when it is back anything may have changed."""
    names = [queue_key(name) for name in (f"{number} {brand}".replace("{", "") for number in range(30))]
    owners = {client.topology.owner(slot_of(name)): name for name in names}
    assert len(owners) == 3
    heard: set[str] = set()
    looks = 0

    def changed(keys: frozenset[str] | None) -> None:
        nonlocal looks
        looks += keys is None
        heard.update(keys or ())

    async with trio.open_nursery() as nursery:
        await nursery.start(_receive, client, changed)
        await until(lambda: looks == 1)
        for name in owners.values():
            client.rpush(name, "x")
        await until(lambda: heard >= set(owners.values()))
        node, name = next(iter(owners.items()))
        server = next(server for server in cluster_servers.nodes if server.port == node.port)
        server.ask("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        await until(lambda: looks == 2)
        heard.clear()
        await until(lambda: _pushed(client, name) and name in heard)
        nursery.cancel_scope.cancel()


def _pushed(client: ClusterClient, name: str) -> bool:
    """A connection that was closed may be met once."""
    try:
        client.rpush(name, "x")
    except StoreUnavailableError:
        return False
    return True


async def _receive(client: ClusterClient, changed: object, *, task_status: trio.TaskStatus[None]) -> None:
    await receive_cluster_hints(
        client.topology,
        [QUEUE_PREFIX],
        changed,  # type: ignore[arg-type]
        timeout_s=5.0,
        task_status=task_status,
    )


async def test_no_master_means_no_hints() -> None:
    """As a server that is away."""
    client = connect(f"redis+cluster://127.0.0.1:{free_ports(1)[0]}", timeout_s=0.3, pool_size=1)
    with pytest.RaisesGroup(StoreUnavailableError, flatten_subgroups=True):
        await receive_cluster_hints(client.topology, [QUEUE_PREFIX], print, timeout_s=1.0)  # type: ignore[attr-defined]
    client.close()
