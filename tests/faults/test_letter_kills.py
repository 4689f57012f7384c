"""A retry that is killed, or has company, loses and doubles nothing."""

from __future__ import annotations

from orchestrator.store.embedded import find_servers
from tests.faults.letter_kills import campaign
from tests.redis_server import RedisServer


def test_killed_retries_lose_and_double_nothing() -> None:
    """Two retries at once, killed while they work, and two more that end."""
    with RedisServer(find_servers()[0]) as server:
        client = server.client()
        assert campaign(client, server.url, 1_000, 1, at_once=2)[:2] == (0, 0)
        client.close()
