"""Chunks a second, end to end: the real service drains queues of a private Redis.

Beside it, in the same run, the floor loop: one process that reads the same chunks in
batches, decodes them by bare types and trims the queue, and neither merges nor
keeps anything. No service in Python that reads single chunks can be faster.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import click
import msgspec
import redis

from bench import _payloads
from bench._harness import Report
from bench._service import service
from orchestrator.contract.keys import queue_key
from orchestrator.store.embedded import EmbeddedRedis

BATCH_ITEMS = {"a": 256, "b": 16, "c": 256}
_POLL_S = 0.002
_PUSH_BYTES = 4 << 20


class FloorCluster(msgspec.Struct, gc=False):
    """A cluster by its bare types."""

    id: str
    label: str
    mentions: list[str]
    centroid: list[float] | None = None
    spike: bool = False


class FloorChunk(msgspec.Struct, gc=False, rename="camel"):
    """A chunk by its bare types."""

    chunk_id: str
    brand: str
    sentiment: dict[str, float]
    clusters: list[FloorCluster]
    topics: list[str] = []
    meta: dict[str, object] | None = None


@dataclass(frozen=True, slots=True)
class Load:
    """What is pushed: *count* chunks in all, evenly over *brands*."""

    name: str
    payload: str
    count: int
    brands: int
    make: Callable[[int, str], Iterator[bytes]]


def loads(scale: float) -> list[Load]:
    """The loads, smaller or larger by *scale*."""

    def of(count: int) -> int:
        return max(20, int(count * scale))

    def b(stories: int) -> Callable[[int, str], Iterator[bytes]]:
        return lambda count, brand: _payloads.large(count, brand, stories=stories)

    def c(stories: int) -> Callable[[int, str], Iterator[bytes]]:
        return lambda count, brand: _payloads.large(count, brand, stories=stories, centroids=False)

    return [
        Load("a, 10 brands", "a", of(400_000), 10, _payloads.small),
        Load("a, 1 brand", "a", of(300_000), 1, _payloads.small),
        Load("c, 200 stories", "c", of(40_000), 1, c(200)),
        Load("c, 1,000 stories", "c", of(40_000), 1, c(1_000)),
        Load("b, 1,000 stories", "b", of(6_000), 1, b(1_000)),
        Load("b, 10,000 stories", "b", of(8_000), 1, b(10_000)),
    ]


def push(client: redis.Redis, key: str, chunks: Iterator[bytes]) -> int:
    """RPUSH *chunks* in pieces of a few MiB; returns how many."""
    count, piece, piece_bytes = 0, [], 0
    for chunk in chunks:
        piece.append(chunk)
        piece_bytes += len(chunk)
        count += 1
        if piece_bytes >= _PUSH_BYTES:
            client.rpush(key, *piece)
            piece, piece_bytes = [], 0
    if piece:
        client.rpush(key, *piece)
    return count


def floor_rate(client: redis.Redis, load: Load, count: int) -> float:
    """Chunks a second of the floor loop on *count* of the load's chunks."""
    key = "bench:floor"
    pushed = push(client, key, load.make(count, "bench"))
    decoder = msgspec.json.Decoder(FloorChunk)
    items = BATCH_ITEMS[load.payload]
    started_s = time.perf_counter()
    while batch := client.lrange(key, 0, items - 1):
        for item in batch:
            decoder.decode(item)
        client.ltrim(key, len(batch), -1)
    return pushed / (time.perf_counter() - started_s)


def service_rate(client: redis.Redis, url: str, load: Load) -> tuple[float, int]:
    """Chunks a second of the whole service, and its peak memory in bytes."""
    brands = [f"bench-{number}" for number in range(load.brands)]
    for brand in brands:
        push(client, queue_key(brand), load.make(load.count // load.brands, brand))
    with service(url, MAX_STORIES="20000") as running:
        started_s = time.perf_counter()
        client.sadd("brands:set", *brands)
        while _queued(client, brands):
            time.sleep(_POLL_S)
        seconds = time.perf_counter() - started_s
        return load.count / seconds, running.peak_bytes()


def _queued(client: redis.Redis, brands: list[str]) -> int:
    pipeline = client.pipeline(transaction=False)
    for brand in brands:
        pipeline.llen(queue_key(brand))
    return sum(pipeline.execute())


def measure(load: Load, rounds: int) -> tuple[float, float, int]:
    """Median rates of the service and of the floor loop over *rounds*, and the largest memory."""
    rates, floors, peaks = [], [], []
    for _ in range(rounds):
        with EmbeddedRedis(arguments=("--appendonly", "no")) as server:
            client = redis.Redis.from_url(server.url)
            floors.append(floor_rate(client, load, max(20, load.count // 4)))
            rate, peak = service_rate(client, server.url, load)
            rates.append(rate)
            peaks.append(peak)
            client.close()
    return statistics.median(rates), statistics.median(floors), max(peaks)


@click.command()
@click.option("--scale", default=1.0, show_default=True, help="Size of the loads.")
@click.option("--rounds", default=3, show_default=True, help="Rounds of each load; the median counts.")
@click.option("--only", default="", help="Only loads whose name begins with this.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(scale: float, rounds: int, only: str, as_json: bool) -> None:  # noqa: FBT001 - click's calling convention
    """Chunks a second through a real Redis, beside the floor loop."""
    report = Report(
        "Pipeline: chunks/s through a real Redis, one process", ["load", "chunks/s", "floor loop", "ratio", "peak MiB"]
    )
    for load in loads(scale):
        if load.name.startswith(only):
            rate, floor, peak = measure(load, rounds)
            report.rows.append([load.name, rate, floor, rate / floor, peak / 2**20])
    report.notes.append("floor loop: LRANGE, bare typed msgspec, LTRIM; a: 280 B, b: 69 KB, c: 4.4 KB a chunk")
    report.show(as_json=as_json)
