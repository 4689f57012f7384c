"""The demo's chunks are real ones, of both dialects, and the same every time; its alerts are shown."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from itertools import islice

import httpx2
import pytest
import redis
from structlog.testing import capture_logs

from orchestrator.brand.outputs import FoldConfig
from orchestrator.brand.state import BrandState
from orchestrator.contract.decode import decode_batch, decode_chunk
from orchestrator.contract.keys import BrandKeys
from orchestrator.demo import BRANDS, BREAKING, AlertLog, ChunkMaker, DemoBrand, DemoWorker, history
from orchestrator.demo.course import HOUR_MS, Course
from orchestrator.demo.endpoint import MAX_BODY_BYTES
from orchestrator.demo.worker import BREAKS_AFTER_S
from orchestrator.kernels.hash_keys import KEY_BYTES

NOW_MS = 1_795_428_000_000  # a Monday, 10:00 UTC


def past(brand: DemoBrand, seed: int = 7, panes: int | None = None) -> list[tuple[int, list[bytes]]]:
    """The past of *brand*, or the first so many quarters of an hour of it."""
    return list(islice(history(ChunkMaker(seed), brand, NOW_MS), panes))


@pytest.mark.parametrize("brand", BRANDS, ids=lambda brand: brand.name)
def test_history_is_accepted_without_exception(brand: DemoBrand) -> None:
    """Every chunk passes the service's own check for its brand's queue."""
    for _, items in past(brand, panes=200):
        batch = decode_batch(items, brand.name)
        assert batch.rejected == []
        assert len(batch.centroids) == (sum(len(chunk.clusters) for chunk in batch.chunks) if brand.centroids else 0)


def test_history_is_past_and_in_order() -> None:
    """Nine days up to now, each chunk before the time that it is folded at, none in the future."""
    found = past(BRANDS[0])
    times = [at_ms for at_ms, _ in found]
    assert times == sorted(times)
    assert times[-1] <= NOW_MS
    assert times[0] < NOW_MS - 8.9 * 24 * HOUR_MS
    for at_ms, items in found:
        ids = [int(json.loads(item)["chunkId"].split("-")[1]) for item in items]
        assert max(ids) <= at_ms


def test_both_dialects_occur() -> None:
    """Shares sum to one; counts are whole numbers of mentions, which sum to the chunk's."""
    for brand in BRANDS:
        chunk = decode_chunk(past(brand, panes=1)[0][1][0], brand.name)
        sentiment = chunk.sentiment
        total = (sentiment.positive or 0) + (sentiment.neutral or 0) + (sentiment.negative or 0)
        assert chunk.meta is not None
        assert total == pytest.approx(1 if brand.shares else chunk.meta.mention_count, abs=0.01)
        assert all(cluster.id.isdecimal() == brand.shares for cluster in chunk.clusters)
    assert {brand.shares for brand in BRANDS} == {True, False}
    assert {brand.centroids for brand in BRANDS} == {True, False}


def test_the_same_seed_makes_the_same_chunks() -> None:
    """A demo can be repeated; ids within one run differ."""
    first, second = (past(BRANDS[1], seed=3, panes=100) for _ in range(2))
    assert first == second
    assert max(Counter(json.loads(item)["chunkId"] for _, items in first for item in items).values()) == 1


def test_a_story_is_said_instead_of_others_and_the_volume_stays() -> None:
    """So the mood falls and the count does not rise."""
    audio = next(brand for brand in BRANDS if any(event.instead for event in brand.events))
    event = next(event for event in audio.events if event.instead)
    at_ms = NOW_MS - int((event.ago_h - 0.3 * event.hours) * HOUR_MS)
    course, told = Course(audio, NOW_MS), audio.theme(event.topic)
    amounts = course.amounts(at_ms, 1)
    assert sum(amounts.values()) == pytest.approx(course.usual_per_hour(at_ms))
    assert amounts[told] > 0.5 * sum(amounts.values())


def test_nobody_speaks_of_the_story_before_it_breaks() -> None:
    """And then it is far more than what is usual, and less and less."""
    brand, topic = BREAKING
    course = Course(brand, NOW_MS, breaking_ms=NOW_MS)
    assert course.amounts(NOW_MS, 1)[brand.theme(topic)] == 0
    assert course.broken(NOW_MS, 5) == 0
    first, later = course.broken(NOW_MS + 10_000, 5), course.broken(NOW_MS + 600_000, 5)
    assert first > 10 * sum(course.amounts(NOW_MS, 5 / 3600).values())
    assert later < first / 10


@pytest.mark.parametrize("start", ["2026-11-26T05:00Z", "2026-11-26T15:08Z", "2026-11-28T15:14Z"])
def test_the_story_is_seen_within_a_minute_at_every_hour(start: str) -> None:
    """At night, on a busy afternoon, on a weekend: an episode is open a minute after the worker began."""
    brand, topic = BREAKING
    start_ms = int(datetime.fromisoformat(start).timestamp() * 1000)
    maker, state = ChunkMaker(), BrandState(FoldConfig(), hash_key=bytes(KEY_BYTES))
    for at_ms, items in history(maker, brand, start_ms):
        state.fold(decode_batch(items, brand.name, hashing=state.hashing), at_ms)
    course = Course(brand, start_ms, breaking_ms=start_ms + int(1000 * BREAKS_AFTER_S))
    said = []
    for at_ms in range(start_ms, start_ms + 60_000, 5_000):
        amounts = course.amounts(at_ms, 5 / 3600)
        amounts[brand.theme(topic)] += course.broken(at_ms, 5)
        state.fold(decode_batch([maker.make(brand, at_ms, amounts)], brand.name, hashing=state.hashing), at_ms)
        said.append(json.loads(state.summary(brand.name, at_ms, 1, 1))["spikeDetected"])
    assert not said[0]
    assert said[-1]


@contextmanager
def clean(client: redis.Redis, registry: str) -> Iterator[None]:
    """Take away what a worker wrote."""
    try:
        yield
    finally:
        client.delete(registry, *[BrandKeys.of(brand.name).queue for brand in BRANDS])


def test_demo_worker_writes_the_past_registers_pushes_and_stops(redis_url: str, redis_client: redis.Redis) -> None:
    """A brand is registered when it has its past and not before; then readiness is told, then chunks are pushed."""
    ready: list[str] = []
    written: list[tuple[str, bool]] = []
    registry = "brands:demo-test"

    def write_past(brand: str, past: Iterable[tuple[int, list[bytes]]]) -> int:
        written.append((brand, bool(redis_client.sismember(registry, brand))))
        return len(list(islice(past, 3)))

    worker = DemoWorker(redis_url, registry, 1_000.0, write_past=write_past, on_ready=ready.append)
    with clean(redis_client, registry):
        with worker:
            while not redis_client.llen(BrandKeys.of(BRANDS[-1].name).queue):
                pass  # the worker's own chunks are the signal
        assert written == [(brand.name, False) for brand in BRANDS]
        assert ready == [BREAKING[0].name]
        assert redis_client.scard(registry) == len(BRANDS)
        assert not worker.running


def test_alerts_are_shown_in_the_log() -> None:
    """What an alert says to people is a line; what is none is taken, and what is too large is refused."""
    with AlertLog() as endpoint, capture_logs() as lines:
        assert httpx2.post(endpoint.url, content=b'{"text": "Spike of x"}').status_code == 204
        assert httpx2.post(endpoint.url, content=b'[" no alert').status_code == 204
        assert httpx2.post(endpoint.url, content=b"x" * (MAX_BODY_BYTES + 1)).status_code == 413
    assert [line["text"] for line in lines] == ["Spike of x", ""]
