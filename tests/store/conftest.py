"""The store's tests run against every server program found, and against fakeredis."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import fakeredis
import pytest

from orchestrator.store import Store, StoreOptions
from tests.redis_server import RedisServer, servers
from tests.store.world import World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import redis

PROGRAMS = servers()
FAKE = "fakeredis"


def _name(program: Path | str) -> str:
    return program if isinstance(program, str) else f"{program.parent.parent.name}-{program.name}"


@pytest.fixture(scope="session")
def server_of() -> Iterator[Callable[[Path], RedisServer]]:
    """A running server of each program, started when it is first asked for."""
    running: dict[Path, RedisServer] = {}
    with ExitStack() as stack:

        def server(program: Path) -> RedisServer:
            if program not in running:
                running[program] = stack.enter_context(RedisServer(program))
            return running[program]

        yield server


@pytest.fixture(params=[*PROGRAMS, FAKE], ids=_name)
def any_client(request: pytest.FixtureRequest, server_of: Callable[[Path], RedisServer]) -> Iterator[redis.Redis]:
    """Each real server in turn, then fakeredis: the scripts must run on all."""
    if request.param == FAKE:
        client: redis.Redis = fakeredis.FakeRedis(server=fakeredis.FakeServer())
    else:
        client = server_of(request.param).client()
    yield client
    client.close()


@pytest.fixture
def world(any_client: redis.Redis, brand: str) -> World:
    """One brand on any server, and a store with small limits to reach."""
    options = StoreOptions(failed_max=3, recent_max=2)
    return World(any_client, Store(any_client, options), brand)
