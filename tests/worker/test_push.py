"""What a pusher sends, and what it does not: on a real server, with either client, however it decodes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
import redis
import redis.asyncio

from orchestrator.store.registry import registered
from orchestrator.worker import (
    AsyncPusher,
    Chunk,
    Cluster,
    InvalidChunkError,
    Pusher,
    QueueFullError,
    Sentiment,
    WrongTypeError,
    prepare,
)
from orchestrator.worker.push import BATCH_BYTES, BATCH_ITEMS
from tests.redis_server import RedisServer


@pytest.fixture(params=[False, True], ids=["bytes", "text"])
def client(request: pytest.FixtureRequest) -> Iterator[redis.Redis]:
    """A client of a server of the test's own: the registry is one key for all."""
    with RedisServer() as server, server.client(decode_responses=request.param) as connected:
        yield connected


def chunk(number: int, brand: str = "nike", text: str = "") -> Chunk:
    """One of many chunks."""
    return Chunk(
        brand=brand, sentiment=Sentiment(score=1), clusters=[Cluster(mentions=[text])], chunk_id=number, processed_at=0
    )


def ids(client: redis.Redis, brand: str = "nike") -> list[str]:
    """The chunkIds in a queue, from its head."""
    items: Any = client.lrange(f"result:brand:{brand}:chunks", 0, -1)
    return [json.loads(item)["chunkId"] for item in items]


def test_chunks_stand_in_their_queues_in_order(client: redis.Redis) -> None:
    """Of several brands, with braces and blanks inside, in more than one batch; nothing else is written."""
    brands = ["nike", "a {b} c", "Grüße 🚀"]
    chunks = [chunk(number, brand) for number in range(BATCH_ITEMS + 3) for brand in brands]
    pushed = Pusher(client).push_all(chunks)
    assert [ids(client, brand) for brand in brands] == [[str(number) for number in range(BATCH_ITEMS + 3)]] * 3
    assert sorted(pushed) == sorted(prepare(each).chunk_id for each in chunks)
    assert client.dbsize() == len(brands)


def test_large_chunks_go_in_smaller_batches(client: redis.Redis) -> None:
    """Together they have more bytes than one command should carry."""
    large = [chunk(number, text="x" * (BATCH_BYTES // 3)) for number in range(7)]
    Pusher(client).push_all(large)
    assert ids(client) == [str(number) for number in range(7)]
    calls: Any = client.info("commandstats")
    assert calls["cmdstat_rpush"]["calls"] == 4


def test_documents_and_items_are_pushed_as_chunks_are(client: redis.Redis) -> None:
    """A document that somebody else built, and one that was checked before."""
    document: dict[str, Any] = {
        "chunkId": "d",
        "brand": "nike",
        "sentiment": {"score": 1},
        "clusters": [],
        "mine": None,
    }
    assert Pusher(client).push_all([document, prepare(chunk(2)), chunk(3)]) == ["d", "2", "3"]
    assert ids(client) == ["d", "2", "3"]


def test_nothing_goes_if_one_is_refused(client: redis.Redis) -> None:
    """Half of what belongs together would be worse than none."""
    with pytest.raises(InvalidChunkError, match=r"\$\.brand"):
        Pusher(client).push_all([chunk(1), chunk(2, brand="a\nb")])
    assert client.dbsize() == 0


def test_bound_on_waiting_chunks_is_held(client: redis.Redis) -> None:
    """What was pushed is told; when somebody has taken chunks out, it goes on. Other brands are not held up."""
    pusher = Pusher(client, most_waiting=2)
    assert [pusher.push(chunk(number)) for number in (1, 2)] == ["1", "2"]
    with pytest.raises(QueueFullError) as caught:
        pusher.push_all([chunk(1, brand="puma"), chunk(3)])
    assert (caught.value.brand, caught.value.waiting, caught.value.most) == ("nike", 2, 2)
    assert caught.value.pushed == ("1",)
    client.lpop("result:brand:nike:chunks")
    assert pusher.push(chunk(3)) == "3"
    assert ids(client) == ["2", "3"]


def test_bound_counts_what_others_pushed(client: redis.Redis) -> None:
    """A pusher that has just started asks before its first push."""
    Pusher(client).push_all([chunk(number) for number in range(5)])
    with pytest.raises(QueueFullError):
        Pusher(client, most_waiting=5).push(chunk(6))
    assert Pusher(client).waiting("nike") == 5


def test_bound_costs_nothing_while_there_is_room(client: redis.Redis) -> None:
    """RPUSH tells the length: it is asked for once."""
    pusher = Pusher(client, most_waiting=100)
    for number in range(10):
        pusher.push(chunk(number))
    calls: Any = client.info("commandstats")
    assert calls["cmdstat_llen"]["calls"] == 1


def test_bound_of_nothing_is_refused() -> None:
    """No chunk could ever be pushed."""
    with pytest.raises(ValueError, match="at least 1"):
        Pusher(redis.Redis(), most_waiting=0)


@pytest.mark.parametrize("kind", ["none", "set", "list"])
def test_brand_is_registered_where_the_service_looks(client: redis.Redis, kind: str) -> None:
    """In a registry of either type, once, without the blanks around its name."""
    if kind == "set":
        client.sadd("brands:list", "puma")
    elif kind == "list":
        client.rpush("brands:list", "puma")
    Pusher(client).register(" Grüße 🚀 ")
    pusher = Pusher(client, registers=True)
    pusher.push_all([chunk(1, brand="Grüße 🚀"), chunk(2, brand="Grüße 🚀")])
    plain = redis.Redis(connection_pool=redis.ConnectionPool.from_url(f"unix://{_socket(client)}"))
    assert set(registered(plain, ["brands:list"]).brands) == {"Grüße 🚀"} | ({"puma"} if kind != "none" else set())
    if kind == "list":
        assert client.llen("brands:list") == 2
    plain.close()


def _socket(client: redis.Redis) -> str:
    return str(client.connection_pool.connection_kwargs["path"])


def test_brand_is_not_registered_unasked(client: redis.Redis) -> None:
    """A worker must not bring back a brand that an operator has removed."""
    Pusher(client).push(chunk(1))
    assert client.exists("brands:list") == 0


def test_registry_of_a_foreign_type_is_told(client: redis.Redis) -> None:
    """Nothing is pushed that nobody would read."""
    client.set("brands:list", "nike")
    with pytest.raises(WrongTypeError, match="'brands:list' is a string"):
        Pusher(client, registers=True).push(chunk(1))
    assert client.exists("result:brand:nike:chunks") == 0


def test_brand_that_nobody_can_register_is_refused() -> None:
    """Before anything is asked."""
    with pytest.raises(InvalidChunkError, match="control character"):
        Pusher(redis.Redis(port=1)).register("a\nb")


@pytest.mark.parametrize("kind", ["none", "list"])
def test_asynchronous_pusher_does_the_same(client: redis.Redis, kind: str) -> None:
    """Registers, pushes in order, and holds the bound."""
    if kind == "list":
        client.rpush("brands:list", "puma")

    async def pushing() -> tuple[str, list[str], int, tuple[str, ...]]:
        decodes = client.connection_pool.connection_kwargs["decode_responses"]
        async with redis.asyncio.Redis(unix_socket_path=_socket(client), decode_responses=decodes) as connected:
            pusher = AsyncPusher(connected, most_waiting=3, registers=True)
            await pusher.register("nike")
            first = await pusher.push(chunk(1))
            others = await pusher.push_all([chunk(2), chunk(3)])
            with pytest.raises(QueueFullError) as caught:
                await pusher.push_all([chunk(1, brand="puma"), chunk(4)])
            return first, others, await pusher.waiting("nike"), caught.value.pushed

    assert asyncio.run(pushing()) == ("1", ["2", "3"], 3, ("1",))
    assert ids(client) == ["1", "2", "3"]
    names: Any = client.smembers("brands:list") if kind == "none" else client.lrange("brands:list", 0, -1)
    assert sorted(name if isinstance(name, str) else name.decode() for name in names) == ["nike", "puma"]
