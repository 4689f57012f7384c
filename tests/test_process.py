"""The service as its operators see it: one real process on one real Redis."""

from __future__ import annotations

import json
import signal
import socket
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import redis

from orchestrator.contract.keys import BrandKeys
from tests.lane.support import SAMPLE, item
from tests.polling import until
from tests.redis_server import RedisServer
from tests.service_process import ServiceProcess, Updates, running_service

SHARES = Path(__file__).parent / "data" / "chunks_shares.ndjson"
THEMES = {"tesla": 5, "nike": 5, "acme": 3}
"""Stories told in that file; each has labels that differ in case, punctuation, a word or a number."""

DURABLE = ["--appendonly", "yes", "--appendfsync", "always"]


@pytest.fixture
def server() -> Iterator[RedisServer]:
    """A Redis for one test alone, whose data survive a restart."""
    with RedisServer(arguments=DURABLE) as running:
        yield running


@pytest.fixture
def client(server: RedisServer) -> Iterator[redis.Redis]:
    """A client for pushing and looking."""
    with server.client() as connected:
        yield connected


@pytest.fixture
def updates(client: redis.Redis) -> Iterator[Updates]:
    """Announcements from the beginning of the test on."""
    opened = Updates(client)
    yield opened
    opened.close()


@asynccontextmanager
async def serving(folder: Path, server: RedisServer, **settings: str) -> AsyncIterator[ServiceProcess]:
    """A service that serves."""
    async with running_service(folder, server.url, **settings) as service:
        await service.logged("serving")
        await service.logged("redis answers")
        yield service


def queue(brand: str) -> str:
    """The queue's name."""
    return f"result:brand:{brand}:chunks"


def totals(summary: Any) -> tuple[int, int]:
    """What a summary says it contains."""
    return summary["totalChunks"], summary["totalMentions"]


def _contains(chunks: int, mentions: int, summary: Any) -> bool:
    return totals(summary) == (chunks, mentions)


async def test_process_summarises_the_readme_sample(
    tmp_path: Path, server: RedisServer, client: redis.Redis, updates: Updates
) -> None:
    """Registered and pushed while it runs, as in the README; pushed twice, the sample still counts once."""
    async with serving(tmp_path, server) as service:
        client.sadd("brands:list", "nike")
        client.rpush(queue("nike"), json.dumps(SAMPLE | {"brand": "nike"}))
        summary = await updates.until("nike", lambda summary: totals(summary) == (1, 3))
        assert summary["sentiment"] == {"positive": 5, "neutral": 2, "negative": 1, "score": 4}
        assert summary["dominantTopics"] == ["launch"]
        [story] = summary["clusters"]
        assert (story["label"], story["mentions"], story["spike"]) == ("Launch Buzz", 2, True)
        client.rpush(queue("nike"), json.dumps(SAMPLE | {"brand": "nike"}))
        again = await updates.until("nike", lambda summary: summary["version"] > 1)
        assert totals(again) == (1, 3)
        health = await service.get("/health")
        assert (health.status_code, health.json()["status"]) == (200, "ok")


async def test_process_serves_an_idle_brand_among_many(
    tmp_path: Path, server: RedisServer, client: redis.Redis, updates: Updates
) -> None:
    """200 idle brands and five lanes: a chunk for any of them is summarised."""
    brands = [f"brand-{number}" for number in range(200)]
    client.sadd("brands:set", *brands)
    async with serving(tmp_path, server, CONCURRENCY_LIMIT="5") as service:
        await service.logged("registry read", brands=200)
        for brand in (*brands[::40], brands[-1], brands[0]):
            known = client.llen(queue(brand))
            client.rpush(queue(brand), item(brand, f"{brand}-{known}"))
            await updates.until(brand, lambda summary: totals(summary) == (1, 3))


async def test_process_folds_all_shares_and_joins_alike_labels(
    tmp_path: Path, server: RedisServer, client: redis.Redis, updates: Updates
) -> None:
    """300 chunks of three brands: totals equal the input's, and near-identical labels are one story."""
    chunks = [json.loads(line) for line in SHARES.read_bytes().splitlines()]
    counted = Counter(chunk["brand"] for chunk in chunks)
    mentions: Counter[str] = Counter()
    for chunk in chunks:
        mentions[chunk["brand"]] += chunk["meta"]["mentionCount"]
        # Without their times, which are days old by now: such chunks count in the trend alone.
        client.rpush(queue(chunk["brand"]), json.dumps(chunk | {"processedAt": None}))
    client.rpush("brands:list", *counted)
    async with serving(tmp_path, server):
        for brand, number in counted.items():
            summary = await updates.until(brand, partial(_contains, number, mentions[brand]))
            assert sum(story["mentions"] for story in summary["clusters"]) == mentions[brand]
            assert len(summary["clusters"]) == THEMES[brand], [story["label"] for story in summary["clusters"]]


async def test_process_accounts_for_every_item(
    tmp_path: Path, server: RedisServer, client: redis.Redis, updates: Updates
) -> None:
    """Good, duplicate and bad items: the metrics, the dead letters and the summary add up to what was pushed."""
    client.sadd("brands:list", "nike")
    good = [item("nike", f"c-{number}") for number in range(50)]
    bad = [b"{", b"[]", item("acme", "x"), item("nike", "y", sentiment=None), b"\xff", b"9" * 3_000]
    client.rpush(queue("nike"), *good, *bad, *good[:20])
    async with serving(tmp_path, server, MAX_CHUNK_BYTES="2048") as service:
        await updates.until("nike", lambda _: not client.exists(queue("nike")))
        letters = [json.loads(letter) for letter in client.lrange("failed:brand:nike", 0, -1)]
        assert len(letters) == len(bad)
        assert all(letter["reason"] and letter["path"].startswith("$") for letter in letters)
        assert await service.stop() == 0
    assert totals(json.loads(client.get("summary:brand:nike"))) == (50, 150)  # type: ignore[arg-type]


async def test_process_outlives_its_redis(
    tmp_path: Path, server: RedisServer, client: redis.Redis, updates: Updates
) -> None:
    """Redis killed and started again: not ready and ready again, alive throughout, nothing lost or doubled."""
    client.sadd("brands:list", "nike")
    client.rpush(queue("nike"), *(item("nike", f"a-{number}") for number in range(500)))
    async with serving(tmp_path, server) as service:
        server.kill()
        await service.logged("redis does not serve")
        assert (await service.get("/readyz")).status_code == 503
        assert (await service.get("/livez")).status_code == 200
        after = len(service.lines)
        server.start()
        await service.logged("redis answers", after=after)
        assert (await service.get("/readyz")).status_code == 200
        with server.client() as fresh:
            fresh.rpush(queue("nike"), *(item("nike", f"b-{number}") for number in range(500)))
            watch = Updates(fresh)
            await watch.until("nike", lambda summary: totals(summary) == (1_000, 3_000))
            watch.close()
        assert await service.stop() == 0
    del updates


async def test_process_is_not_ready_while_redis_takes_no_writes(
    tmp_path: Path, server: RedisServer, client: redis.Redis, updates: Updates
) -> None:
    """A demoted Redis answers and refuses: not ready, alive, and back by itself when it may write again."""
    client.sadd("brands:list", "nike")
    async with serving(tmp_path, server) as service:
        client.rpush(queue("nike"), item("nike", "a"))
        await updates.until("nike", partial(_contains, 1, 3))
        client.replicaof("127.0.0.1", 1)
        await service.logged("redis does not serve")
        assert (await service.get("/readyz")).status_code == 503
        assert (await service.get("/livez")).status_code == 200
        after = len(service.lines)
        client.replicaof("no", "one")
        client.rpush(queue("nike"), item("nike", "b"))
        await service.logged("redis answers", after=after)
        assert (await service.get("/readyz")).status_code == 200
        await updates.until("nike", partial(_contains, 2, 6))


async def test_process_can_start_before_its_redis(tmp_path: Path) -> None:
    """Without Redis it is alive and not ready; when Redis comes, it serves."""
    with RedisServer() as server:
        server.kill()
        async with running_service(tmp_path, server.url) as service:
            await service.logged("redis does not serve")
            assert (await service.get("/readyz")).status_code == 503
            assert (await service.get("/livez")).status_code == 200
            server.start()
            with server.client() as client:
                client.sadd("brands:set", "nike")
            await service.logged("registry read", brands=1)
            assert (await service.get("/readyz")).status_code == 200


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_process_stops_when_idle(
    tmp_path: Path, server: RedisServer, client: redis.Redis, number: signal.Signals
) -> None:
    """SIGTERM or Ctrl-C while lanes wait for work: exit code 0, and no lock is left."""
    client.sadd("brands:list", "nike")
    async with serving(tmp_path, server, LOG_LEVEL="debug") as service:
        client.rpush(queue("nike"), item("nike", "a"))
        await service.logged("batch committed")
        assert await service.stop(number) == 0
    assert _locks(client) == []


async def test_process_stops_although_a_fold_hangs(tmp_path: Path, server: RedisServer, client: redis.Redis) -> None:
    """A step that never ends is abandoned after the grace period: exit code 0, no lock, and the chunk still queued."""
    client.sadd("brands:list", "nike")
    client.rpush(queue("nike"), item("nike", "poison:hang:1"))
    settings = {"ORCHESTRATOR_FAILPOINTS": "chunk", "SHUTDOWN_GRACE_SEC": "0.5"}
    async with serving(tmp_path, server, **settings) as service:
        await until(lambda: client.hget(BrandKeys.of("nike").meta, "attempts"))
        assert await service.stop() == 0
        await service.logged("lanes abandoned")
    assert _locks(client) == []
    assert client.llen(queue("nike")) == 1


async def test_process_stops_under_load(
    tmp_path: Path, server: RedisServer, client: redis.Redis, updates: Updates
) -> None:
    """SIGTERM in the middle of a backlog: exit code 0, no lock, and the next process goes on where it stopped."""
    client.sadd("brands:list", "nike", "acme")
    for brand in ("nike", "acme"):
        client.rpush(queue(brand), *(item(brand, f"c-{number}") for number in range(3_000)))
    async with serving(tmp_path, server) as service:
        await updates.until("nike", lambda _: True)
        assert await service.stop() == 0
    assert _locks(client) == []
    async with serving(tmp_path, server):
        for brand in ("nike", "acme"):
            await updates.until(brand, lambda summary: totals(summary) == (3_000, 9_000))


def _locks(client: redis.Redis) -> list[Any]:
    return list(client.scan_iter("orchestrator:*:lock"))


@pytest.mark.parametrize("variable", ["HTTP_PORT", "PROMETHEUS_PORT"])
async def test_process_says_which_port_is_taken(tmp_path: Path, server: RedisServer, variable: str) -> None:
    """A taken port is one clear line and an exit code, not a traceback."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        async with running_service(tmp_path, server.url, **{variable: port}) as service:
            assert await service.ended() in {1, 2}
    assert f"{variable}={port}" in service.text
    assert "Traceback" not in service.text


async def test_process_moves_a_killer_chunk_aside(
    tmp_path: Path, server: RedisServer, client: redis.Redis, updates: Updates
) -> None:
    """A chunk whose fold always raises becomes a dead letter, its neighbours are folded, and no log has their texts."""
    client.sadd("brands:list", "nike")
    ids = ["a", "b", "poison:bug:1", "c"]
    client.rpush(queue("nike"), *(item("nike", name, summary="a confidential text") for name in ids))
    async with serving(tmp_path, server, ORCHESTRATOR_FAILPOINTS="chunk", RETRY_BACKOFF_BASE="1") as service:
        await updates.until("nike", lambda summary: totals(summary) == (3, 9))
        assert client.llen(queue("nike")) == 0
        assert await service.stop() == 0
    [letter] = [json.loads(entry) for entry in client.lrange("failed:brand:nike", 0, -1)]
    assert letter["reason"] == "poison"
    assert "confidential" not in service.text
