"""Wake hints on a real server: what changes is reported, what breaks is said."""

from __future__ import annotations

from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

import pytest
import trio

from orchestrator.errors import HintsUnsupportedError, StoreUnavailableError
from orchestrator.store import hints
from orchestrator.store.hints import disjoint, receive_hints
from tests.redis_server import RedisServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import redis

PREFIXES = ["result:brand:", "brands:"]
Changes = trio.MemoryReceiveChannel[frozenset[str] | None]


@asynccontextmanager
async def listening(url: str) -> AsyncIterator[Changes]:
    """A channel of the reported changes."""
    send, receive = trio.open_memory_channel[frozenset[str] | None](1_000)
    async with trio.open_nursery() as nursery:
        await nursery.start(partial(receive_hints, url, PREFIXES, send.send_nowait, timeout_s=2.0))
        with trio.fail_after(20):
            yield receive
        nursery.cancel_scope.cancel()


async def names(changes: Changes) -> set[str]:
    """The next report that names keys."""
    return set(await changes.receive() or ())


def test_disjoint_drops_prefixes_that_another_one_covers() -> None:
    """Redis refuses overlapping prefixes, and BRAND_LIST_KEY may be one."""
    assert disjoint(["brands:", "b", "result:", "brands:x", "result:"]) == ["b", "result:"]


async def test_receive_hints_reports_a_push(redis_url: str, redis_client: redis.Redis, brand: str) -> None:
    """The name of the queue arrives, whatever characters it has."""
    queue = f"result:brand:{brand}:chunks"
    async with listening(redis_url) as changes:
        await trio.to_thread.run_sync(redis_client.rpush, queue, "x")
        assert await names(changes) == {queue}


async def test_receive_hints_reports_only_its_prefixes(redis_url: str, redis_client: redis.Redis, brand: str) -> None:
    """Of two changed keys, the one outside the prefixes is not mentioned."""
    queue = f"result:brand:{brand}:chunks"
    async with listening(redis_url) as changes:
        await trio.to_thread.run_sync(redis_client.set, f"other:{brand}", "x")
        await trio.to_thread.run_sync(redis_client.rpush, queue, "x")
        assert await names(changes) == {queue}


async def test_receive_hints_reports_a_flood_completely(redis_url: str, redis_client: redis.Redis, brand: str) -> None:
    """Messages that arrive in pieces are put together."""
    queues = {f"result:brand:{brand}{'long' * 30}{number}:chunks" for number in range(5_000)}
    pipeline = redis_client.pipeline(transaction=False)
    for queue in queues:
        pipeline.rpush(queue, "x")
    seen: set[str] = set()
    async with listening(redis_url) as changes:
        await trio.to_thread.run_sync(pipeline.execute)
        while not queues <= seen:
            seen |= await changes.receive() or set()
    assert queues <= seen


async def test_receive_hints_says_that_everything_may_have_changed() -> None:
    """After a flush of the whole server there are no names to report."""
    with RedisServer() as server:
        client = server.client()
        async with listening(server.url) as changes:
            await trio.to_thread.run_sync(client.flushall)
            assert await changes.receive() is None


async def test_receive_hints_asks_for_a_sign_of_life_and_goes_on(
    redis_url: str, redis_client: redis.Redis, brand: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Silence is no reason to give up as long as the server answers PING."""
    monkeypatch.setattr(hints, "PING_INTERVAL_S", 0.0)  # every wait is a silence
    async with listening(redis_url) as changes:
        await trio.to_thread.run_sync(redis_client.rpush, f"result:brand:{brand}:chunks", "x")
        assert await names(changes) == {f"result:brand:{brand}:chunks"}


async def test_receive_hints_ends_when_the_server_dies() -> None:
    """The caller is told, so that it polls and connects again."""
    with RedisServer() as server, pytest.RaisesGroup(StoreUnavailableError):
        async with listening(server.url) as changes:
            server.kill()
            await changes.receive()


async def test_receive_hints_says_when_the_server_refuses() -> None:
    """A user without the permission to track is left with polling."""
    with RedisServer() as server:
        server.client().execute_command("ACL SETUSER default -client")  # type: ignore[no-untyped-call]
        with pytest.raises(HintsUnsupportedError):
            await receive_hints(server.url, PREFIXES, lambda _: None, timeout_s=2.0)
