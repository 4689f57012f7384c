"""The demo's chunks are real ones, of both dialects, and the same every time."""

from __future__ import annotations

import json
from collections import Counter

import redis

from orchestrator.contract.decode import decode_batch, decode_chunk
from orchestrator.contract.keys import BrandKeys
from orchestrator.demo import BRANDS, HISTORY_CHUNKS, HISTORY_HOURS, ChunkMaker, DemoWorker, history

NOW_MS = 1_795_428_000_000


def test_history_is_accepted_without_exception() -> None:
    """Every chunk passes the service's own check for its brand's queue."""
    items = list(history(ChunkMaker(), NOW_MS))
    assert len(items) == HISTORY_CHUNKS
    for brand, item in items:
        batch = decode_batch([item], brand.name)
        assert batch.rejected == []
        assert len(batch.centroids) == (len(batch.chunks[0].clusters) if brand.centroids else 0)


def test_history_is_past_and_in_order() -> None:
    """The chunks lie within the hours before now, so that none is stamped with its arrival."""
    times = [json.loads(item)["processedAt"] for _, item in history(ChunkMaker(), NOW_MS)]
    assert times == sorted(times)
    assert HISTORY_HOURS < 24


def test_both_dialects_occur() -> None:
    """Shares sum to one and come with example texts; counts are whole numbers of mentions."""
    for brand in BRANDS:
        chunk = decode_chunk(ChunkMaker().make(brand, NOW_MS), brand.name)
        sentiment = chunk.sentiment
        total = (sentiment.positive or 0) + (sentiment.neutral or 0) + (sentiment.negative or 0)
        assert (abs(total - 1) < 0.01) == brand.shares
        assert all(cluster.id.isdecimal() == brand.shares for cluster in chunk.clusters)
    assert {brand.shares for brand in BRANDS} == {True, False}
    assert {brand.centroids for brand in BRANDS} == {True, False}


def test_the_same_seed_makes_the_same_chunks() -> None:
    """A demo can be repeated; ids within one run differ."""
    first, second = (list(history(ChunkMaker(3), NOW_MS)) for _ in range(2))
    assert first == second
    assert max(Counter(json.loads(item)["chunkId"] for _, item in first).values()) == 1


def test_demo_worker_registers_pushes_and_stops(redis_url: str, redis_client: redis.Redis) -> None:
    """Brands are registered, history is queued, readiness is told once a summary exists, and the thread ends."""
    ready: list[str] = []
    first = BrandKeys.of(BRANDS[0].name)
    redis_client.set(first.summary, "{}")
    worker = DemoWorker(redis_url, "brands:demo-test", 1_000.0, ready.append)
    try:
        with worker:
            while redis_client.llen(first.queue) <= HISTORY_CHUNKS // len(BRANDS) + 2:
                pass  # the worker's own chunks are the signal
        assert ready == [BRANDS[0].name]
        assert redis_client.scard("brands:demo-test") == len(BRANDS)
        assert not worker.running
    finally:
        queues = [BrandKeys.of(brand.name).queue for brand in BRANDS]
        redis_client.delete("brands:demo-test", first.summary, *queues)
