"""Fixtures for all tests: a real private Redis, started here and touched by nobody else."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from orchestrator.kernels import hash_keys
from orchestrator.store import Store, connect
from tests.cluster_servers import ClusterServers
from tests.redis_server import RedisServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    import redis

# How long an example takes says something about the machine, nothing about the code.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

_NUMBERS = itertools.count(1)


@pytest.fixture(scope="session", autouse=True)
def hash_key() -> Iterator[bytes]:
    """One key for all states and batches of the session, a new one each time: nothing may depend on which it is.

    In the service each brand has its own, and a state takes no batch that was hashed under another.
    """
    key = hash_keys.fresh_key()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hash_keys, "fresh_key", lambda: key)
        yield key


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """One server for the whole session; tests keep apart by brands of their own."""
    with RedisServer() as server:
        yield server


@pytest.fixture(scope="session")
def cluster_servers() -> Iterator[ClusterServers]:
    """Three masters for the whole session; slots may have moved when a test gets them, but none is half way."""
    with ClusterServers() as cluster:
        yield cluster


@pytest.fixture
def redis_url(redis_server: RedisServer) -> str:
    """Address of the session's server."""
    return redis_server.url


@pytest.fixture
def redis_client(redis_url: str) -> Iterator[redis.Redis]:
    """A client of the session's server, configured as the service does it."""
    client = connect(redis_url, timeout_s=10.0, pool_size=8)
    yield client
    client.close()


@pytest.fixture
def store(redis_client: redis.Redis) -> Store:
    """A store on the session's server."""
    return Store(redis_client)


@pytest.fixture
def brand() -> str:
    """A brand that no other test uses, with characters that are special somewhere."""
    return f"brand {{{next(_NUMBERS)}}}:*é"
