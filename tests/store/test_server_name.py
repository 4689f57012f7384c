"""A server is told by its own name and version, and only what looks like one is repeated."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.store.server_name import server_name
from tests.redis_server import RedisServer, servers

VALKEY = {"redis_version": "7.2.4", "server_name": "valkey", "valkey_version": "9.1.2"}


@pytest.mark.parametrize(
    ("info", "told"),
    [
        ({"redis_version": "7.0.15"}, "Redis 7.0.15"),
        ({"redis_version": 8.2}, "Redis 8.2"),  # the client makes a number of what looks like one
        (VALKEY, "Valkey 9.1.2"),
        (VALKEY | {"valkey_version": "9.1.2-rc1+deb12u1"}, "Valkey 9.1.2-rc1+deb12u1"),
        (VALKEY | {"valkey_version": ""}, "Redis 7.2.4"),
        (VALKEY | {"server_name": "keydb"}, "Redis 7.2.4"),
        (VALKEY | {"server_name": "<b>", "<b>_version": "1"}, "Redis 7.2.4"),
        (VALKEY | {"valkey_version": "9.1\n\x1b[2J"}, "Redis 7.2.4"),
        (VALKEY | {"valkey_version": "9" * 41}, "Redis 7.2.4"),
        ({"redis_version": "9\n" * 9}, "Redis of no known version"),
        ({}, "Redis of no known version"),
    ],
)
def test_server_name_is_that_of_the_server_itself(info: dict[str, object], told: str) -> None:
    """Not that of the Redis it is compatible with; what no program is called is not repeated."""
    assert server_name(info) == told


@pytest.mark.parametrize("program", servers(), ids=str)
def test_server_name_is_what_the_program_says_of_itself(program: Path) -> None:
    """A real server of each kind: the name of its program, without the word server."""
    with RedisServer(program) as server, server.client() as client:
        name, version = server_name(client.info("server")).split()
    assert name.lower() == program.name.removesuffix("-server")
    assert version.startswith("9." if name == "Valkey" else ("6.2", "7.", "8."))
