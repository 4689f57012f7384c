"""From an address to a client, whatever the address leads to.

Owns the choice of the client; what a connection is told is the same for all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import redis
from redis.connection import UnixDomainSocketConnection

from orchestrator.contract.address import Kind, parse_address
from orchestrator.errors import SettingsError
from orchestrator.store.client import Login, Pool, connection_options
from orchestrator.store.cluster.client import connect_cluster

if TYPE_CHECKING:
    from orchestrator.contract.address import Address


def connect(url: str, *, timeout_s: float, pool_size: int, login: Login | None = None) -> redis.Redis:
    """A client for *url*, as *login*, that never retries by itself and has at most *pool_size* connections.

    Nothing is sent yet. A thread that finds all connections in use waits for one, at most *timeout_s*.

    Raises:
        SettingsError: *url* is not a Redis URL.
    """
    address = _read(url)
    if address.kind is Kind.CLUSTER:
        return connect_cluster(address, timeout_s=timeout_s, pool_size=pool_size, login=login or Login())
    if address.kind is not Kind.STANDALONE:
        raise SettingsError(f"REDIS_URL={address.kind} is not known to this version: name one server")
    options = connection_options(address, timeout_s=timeout_s, login=login or Login())
    if address.path:
        options |= {"connection_class": UnixDomainSocketConnection, "path": address.path}
    else:
        options |= address.nodes[0]._asdict()
    options |= {"max_connections": pool_size, "timeout": timeout_s}
    pool = Pool(**options)
    return redis.Redis.from_pool(pool)  # close() closes the pool, too


def _read(url: str) -> Address:
    try:
        return parse_address(url)
    except ValueError as error:
        raise SettingsError(f"REDIS_URL is refused: {error}") from None
