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
from orchestrator.store.following import sentinel_pool

if TYPE_CHECKING:
    from orchestrator.contract.address import Address


def connect(url: str, *, timeout_s: float, pool_size: int, login: Login | None = None) -> redis.Redis:
    """A client for *url*, as *login*, that never retries by itself and has at most *pool_size* connections.

    Nothing is sent yet. A thread that finds all connections in use waits for one, at most *timeout_s*.

    Raises:
        SettingsError: *url* is not a Redis URL.
    """
    address, login = _read(url), login or Login()
    if address.kind is Kind.CLUSTER:
        return connect_cluster(address, timeout_s=timeout_s, pool_size=pool_size, login=login)
    bounds = {"max_connections": pool_size, "timeout": timeout_s}
    if address.kind is Kind.SENTINEL:
        return redis.Redis.from_pool(sentinel_pool(address, timeout_s=timeout_s, login=login, **bounds))
    options = connection_options(address, timeout_s=timeout_s, login=login)
    if address.path:
        options |= {"connection_class": UnixDomainSocketConnection, "path": address.path}
    else:
        options |= address.nodes[0]._asdict()
    return redis.Redis.from_pool(Pool(**options, **bounds))  # close() closes the pool, too


def _read(url: str) -> Address:
    try:
        return parse_address(url)
    except ValueError as error:
        raise SettingsError(f"REDIS_URL is refused: {error}") from None
