"""Fixtures for all tests: a real private Redis, started here and touched by nobody else."""

from __future__ import annotations

import gc
import itertools
import logging
from contextlib import closing
from typing import TYPE_CHECKING, Final

import pytest
import structlog
from hypothesis import HealthCheck, settings

from orchestrator.contract.keys import ARCHIVE_KEY
from orchestrator.kernels import hash_keys
from orchestrator.store import Store, connect
from tests.cluster_servers import ClusterServers
from tests.redis_server import RedisServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    import redis

# How long an example takes says something about the machine, nothing about the code. Every run draws other examples:
# CI runs often and draws few, ``make torture`` draws many (decision 87).
_UNTIMED: Final = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", _UNTIMED, max_examples=40)
settings.register_profile("torture", _UNTIMED, max_examples=400)
settings.load_profile("ci")

LONG_FILES: Final = (
    "tests/faults/test_campaigns.py",
    "tests/test_process.py",
    "tests/fuzz/test_base64.py",
    "tests/fuzz/test_filter.py",
    "tests/fuzz/test_guided.py",
    "tests/test_packaging.py",
    "tests/brand/test_state.py",
    "tests/brand/test_held_bytes.py",
    "tests/test_deploy.py",
    "tests/test_guides.py",
    "tests/test_scrapes.py",
    "tests/kernels/test_fold.py",
    "tests/service/test_app.py",
)
"""Where most time goes, the longest first: they are begun first, so that none is left when the others have ended."""

_NUMBERS = itertools.count(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the long files; within a file, and among the others, the order stays."""
    places = {name: place for place, name in enumerate(LONG_FILES)}
    items.sort(key=lambda item: places.get(item.nodeid.partition("::")[0], len(places)))


def pytest_collection_finish() -> None:
    """Keep the cyclic collector from walking thousands of collected tests again and again, as the service does."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


@pytest.fixture(scope="session", autouse=True)
def hash_key() -> Iterator[bytes]:
    """One key for all states and batches of the session, a new one each time: nothing may depend on which it is.

    In the service each brand has its own, and a state takes no batch that was hashed under another.
    """
    key = hash_keys.fresh_key()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hash_keys, "fresh_key", lambda: key)
        yield key


@pytest.fixture(autouse=True)
def restore_logging() -> Iterator[None]:
    """Give the process its logging back, whatever a test configured: the next one may count lines."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


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
    """Address of the session's server, which knows no archive: each test has another one."""
    with closing(redis_server.client()) as client:
        client.delete(ARCHIVE_KEY)
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
