"""A primary that moved is noticed, told and followed, without waiting for a connection to break."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import trio
from structlog.testing import capture_logs

from orchestrator.contract.address import Node
from orchestrator.errors import StoreUnavailableError
from orchestrator.service.primary import INTERVAL_S, PrimaryWatch
from orchestrator.store import connect

if TYPE_CHECKING:
    import redis
    from trio.testing import MockClock

A, B = Node("10.0.0.1", 6379), Node("10.0.0.2", 6379)
URL = "redis+sentinel://me:s3cret@s1:1,s2:2/mymaster"


@pytest.fixture
def client() -> redis.Redis:
    """One whose sentinels nobody reaches, and nobody asks."""
    return connect(URL, timeout_s=1.0, pool_size=1)


async def test_look_tells_of_a_move_and_of_silence_once_each(
    client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is as it was is not told again."""
    pool: Any = client.connection_pool
    words: list[Node | None] = [A, A, None, None, B, B]
    left = list(words)

    def look() -> None:
        word = left.pop(0)
        if word is None:
            raise StoreUnavailableError("no sentinel answers")
        pool.primary = word

    monkeypatch.setattr(pool, "look", look)
    with capture_logs() as logs:
        watch = PrimaryWatch(client)
        for _ in words:
            await watch.look(pool)
    assert [(line["event"], line.get("reason", line.get("after"))) for line in logs] == [
        ("sentinels do not name the primary", "no sentinel answers"),
        ("sentinels name the primary again", None),
        ("primary moved", "10.0.0.2:6379"),
    ]


async def test_look_has_the_connections_of_renewals_follow(
    client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They trust a sentinel of their own, and leases that are renewed at a primary that was replaced are lost."""
    other = connect(URL, timeout_s=1.0, pool_size=1)
    pools: list[Any] = [client.connection_pool, other.connection_pool]
    asked: list[Any] = []
    for pool in pools:
        monkeypatch.setattr(pool, "look", partial(asked.append, pool))
    await PrimaryWatch(client, other).look(pools[0])
    assert asked == pools


async def test_watch_looks_again_and_again(
    client: redis.Redis, monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    """At 0, 2 and 4 s, in virtual time."""
    times: list[float] = []

    async def look(_: object) -> None:
        times.append(autojump_clock.current_time())

    watch = PrimaryWatch(client)
    monkeypatch.setattr(watch, "look", look)
    with trio.move_on_after(3 * INTERVAL_S - 1):
        await watch.watch()
    assert times == [pytest.approx(number * INTERVAL_S) for number in range(3)]


def test_said_names_primary_and_sentinels_and_no_secret(client: redis.Redis) -> None:
    """For operators: where connections lead, and whose word that is."""
    pool: Any = client.connection_pool
    watch = PrimaryWatch(client)
    assert watch.said == "primary not reached yet by the sentinels s1:1, s2:2"
    pool.primary = A
    assert watch.said == "primary 10.0.0.1:6379 by the sentinels s1:1, s2:2"


async def test_without_sentinels_there_is_nothing_to_watch() -> None:
    """It ends at once and says nothing."""
    watch = PrimaryWatch(connect("redis://h", timeout_s=1.0, pool_size=1))
    async with trio.open_nursery() as nursery:
        await nursery.start(partial(watch.watch))
    assert watch.said == ""
