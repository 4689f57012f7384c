"""A client of the session's cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest

from orchestrator.store import Store, connect

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.store.cluster.client import ClusterClient
    from tests.cluster_servers import ClusterServers


@pytest.fixture
def client(cluster_servers: ClusterServers) -> Iterator[ClusterClient]:
    """A client of the cluster, which has asked nobody yet."""
    client = connect(cluster_servers.url, timeout_s=5.0, pool_size=8)
    yield cast("ClusterClient", client)
    client.close()


@pytest.fixture
def cluster_store(client: ClusterClient) -> Store:
    """A store on the cluster."""
    return Store(client)
