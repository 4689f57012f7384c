"""Chunks a second, end to end: the real service drains queues of a private Redis.

Beside it, in the same run, the floor loop: one process that reads the same chunks in
batches, decodes them by bare types and trims the queue, and neither merges nor
keeps anything. No service in Python that reads single chunks can be faster.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from typing import Any

import click
import msgspec
import redis

from bench import _floor, _payloads
from bench._harness import Report
from bench._queues import push, wait_until_drained
from bench._servers import scripts_of
from bench._service import ServiceProcess, service
from orchestrator.contract.keys import BrandKeys, queue_key
from orchestrator.lane.sizer import MAX_ITEMS, TARGET_BYTES
from orchestrator.store.embedded import EmbeddedRedis

STORIES_MISSED = 0.05  # at most this share of the stories may have become one with another by similar labels
_FLOOR_KEY = "bench:floor"


@dataclass(frozen=True, slots=True)
class Load:
    """What is pushed.

    Attributes:
        each: chunks that are counted, of each brand.
        stories: how many each brand has, all of them before the first chunk that is counted.
        processes: of the service.
    """

    name: str
    payload: str
    each: int
    brands: int = 1
    stories: int = 1
    processes: int = 1

    @property
    def count(self) -> int:
        """Chunks in all."""
        return self.each * self.brands

    @property
    def founding(self) -> int:
        """How many chunks of each brand, not counted, found its stories."""
        return 0 if self.payload == "a" else _payloads.founding(self.stories)

    @property
    def brand_names(self) -> list[str]:
        """The brands."""
        return [f"bench-{number}" for number in range(self.brands)]

    def chunks(self, brand: str) -> Iterator[bytes]:
        """The chunks of *brand*, those that found its stories first."""
        if self.payload == "a":
            return _payloads.small(self.each, brand)
        count = self.founding + self.each
        if self.payload == "d":
            return _payloads.texts(count, brand, stories=self.stories)
        packed = self.payload == "f32"
        return _payloads.large(count, brand, stories=self.stories, centroids=self.payload != "c", packed=packed)


def loads(scale: float) -> list[Load]:
    """The loads, smaller or larger by *scale*; at 1 the service is busy with each for some seconds."""

    def of(count: int) -> int:
        return max(20, int(count * scale))

    return [
        # Real deployments are many brands with a chunk now and then: each chunk is a visit of its own.
        Load("sparse, 1,500 brands", "a", 1, brands=of(1_500)),
        Load("sparse, 10,000 brands", "a", 1, brands=of(10_000)),
        # A visit that finds a state of 400 KB: beyond some number of brands not all of them fit in memory.
        Load("visits, 200 brands of 200", "f32", 1, brands=of(200), stories=200),
        Load("visits, 800 brands of 200", "f32", 1, brands=of(800), stories=200),
        Load("a, 10 brands", "a", of(60_000), brands=10),
        Load("a, 1 brand", "a", of(500_000)),
        Load("c, 10 brands of 200", "c", of(8_000), brands=10, stories=200),
        Load("c, 1,000 stories", "c", of(80_000), stories=1_000),
        Load("d, 1,000 stories", "d", of(40_000), stories=1_000),
        Load("b, 10 brands of 1,000", "b", of(1_600), brands=10, stories=1_000),
        Load("b, 1,000 stories", "b", of(16_000), stories=1_000),
        Load("b, 10,000 stories", "b", of(12_000), stories=10_000),
        Load("f32, 1,000 stories", "f32", of(24_000), stories=1_000),
        Load("two processes, a, 10 brands", "a", of(60_000), brands=10, processes=2),
        Load("two processes, b, 10 brands of 1,000", "b", of(1_600), brands=10, stories=1_000, processes=2),
    ]


def stage(client: redis.Redis, load: Load) -> None:
    """Queue the chunks that found the stories, and have the others ready under a name of their own."""
    for brand in load.brand_names:
        chunks = load.chunks(brand)
        push(client, queue_key(brand), islice(chunks, load.founding))
        push(client, _staged(brand), chunks)


def _staged(brand: str) -> str:
    return f"bench:staged:{brand}"


def floor_items(chunk_bytes: int) -> int:
    """How many chunks of this size the floor loop reads at a time: as many as the service would."""
    return max(1, min(MAX_ITEMS, TARGET_BYTES // chunk_bytes))


def floor_rate(client: redis.Redis, load: Load) -> float:
    """Chunks a second of the floor loop, on copies of what is staged."""
    seconds = 0.0
    first: Any = client.lindex(_staged(load.brand_names[0]), 0)
    items = floor_items(len(first))
    for brand in load.brand_names:
        client.copy(_staged(brand), _FLOOR_KEY)
        started_s = time.perf_counter()
        while batch := client.lrange(_FLOOR_KEY, 0, items - 1):
            for item in batch:
                _floor.decode(item)
            client.ltrim(_FLOOR_KEY, len(batch), -1)
        seconds += time.perf_counter() - started_s
    return load.count / seconds


@dataclass(frozen=True, slots=True)
class Run:
    """One round of a load.

    Attributes:
        rate: chunks a second.
        service_s: processor time of the service for a chunk, all threads of all processes.
        redis_s: that of Redis's main thread, its looks whether all is done included.
        scripts_s: what scripts took in it, by Redis's own account.
        peak_bytes: the service's most resident memory, of all processes.
    """

    rate: float
    service_s: float
    redis_s: float
    scripts_s: float
    peak_bytes: int


def service_run(
    client: redis.Redis,
    running: Sequence[ServiceProcess],
    load: Load,
    *,
    until: Callable[[], None] = lambda: None,
) -> Run:
    """Let the service found the stories; then everything that is staged is queued at once, and the clock starts.

    Args:
        client: of the Redis.
        running: the processes, all of which count.
        load: what is staged there.
        until: returns when what counts beyond the last commit is done.

    Raises:
        RuntimeError: a brand does not have the stories that the load speaks of.
    """
    brands = load.brand_names
    if load.founding:
        client.sadd("brands:set", *brands)
        wait_until_drained(client, brands)
    started_s, started_cpu_s, started_redis_s = time.perf_counter(), _cpu_s(running), _redis_cpu_s(client)
    _, started_scripts_s = scripts_of(client)
    pipeline = client.pipeline()
    for brand in brands:
        pipeline.rename(_staged(brand), queue_key(brand))
    pipeline.sadd("brands:set", *brands)
    pipeline.execute()
    wait_until_drained(client, brands)
    until()
    seconds = time.perf_counter() - started_s
    run = Run(
        rate=load.count / seconds,
        service_s=(_cpu_s(running) - started_cpu_s) / load.count,
        redis_s=(_redis_cpu_s(client) - started_redis_s) / load.count,
        scripts_s=(scripts_of(client)[1] - started_scripts_s) / load.count,
        peak_bytes=sum(process.peak_bytes() for process in running),
    )
    for brand in brands:
        summary: Any = client.get(BrandKeys.of(brand).summary)
        check_stories(load, summary)
    return run


def _cpu_s(running: Sequence[ServiceProcess]) -> float:
    return sum(process.cpu_s() for process in running)


def _redis_cpu_s(client: redis.Redis) -> float:
    info: Any = client.info("cpu")
    return float(info["used_cpu_user"]) + float(info["used_cpu_sys"])


def check_stories(load: Load, summary: bytes | None) -> None:
    """Refuse a *summary* by which the measured part was not at the size that the load names."""
    found = msgspec.json.decode(summary)["clusterCount"] if summary else 0
    if not (1 - STORIES_MISSED) * load.stories <= found <= load.stories:
        raise RuntimeError(f"{load.name}: a brand has {found:,} stories, expected {load.stories:,}")


def measure(report: Report, load: Load, rounds: int) -> None:
    """Add a row: medians over *rounds*, of the memory the largest."""
    runs, floors = [], []
    for _ in range(rounds):
        with EmbeddedRedis(arguments=("--appendonly", "no")) as server:
            client = redis.Redis.from_url(server.url, socket_timeout=None)
            report.used(client)
            stage(client, load)
            floors.append(floor_rate(client, load))
            with ExitStack() as stack:
                running = [stack.enter_context(service(server.url, MAX_STORIES="20000")) for _ in range(load.processes)]
                runs.append(service_run(client, running, load))
            client.close()
    rate, floor = statistics.median(run.rate for run in runs), statistics.median(floors)
    service_s, redis_s = (
        statistics.median(times) for times in zip(*((run.service_s, run.redis_s) for run in runs), strict=True)
    )
    peak_bytes = max(run.peak_bytes for run in runs)
    report.rows.append([load.name, rate, floor, rate / floor, service_s * 1e6, redis_s * 1e6, peak_bytes / 2**20])


@click.command()
@click.option("--scale", default=1.0, show_default=True, help="Size of the loads.")
@click.option("--rounds", default=3, show_default=True, help="Rounds of each load; the median counts.")
@click.option("--only", default="", help="Only loads whose name begins with this.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(scale: float, rounds: int, only: str, as_json: bool) -> None:  # noqa: FBT001 - click's calling convention
    """Chunks a second through a real Redis, beside the floor loop."""
    report = Report(
        "Pipeline: chunks/s through a real Redis",
        ["load", "chunks/s", "floor loop", "ratio", "service µs", "Redis µs", "peak MiB"],
    )
    for load in loads(scale):
        if load.name.startswith(only):
            measure(report, load, rounds)
    report.notes += [
        "floor loop: LRANGE of as many as the service reads, msgspec by the contract's bare types, LTRIM",
        "bare types: centroids as list[float], or packed as str",
        "a: 280 B, b: 69 KB, c: 4.9 KB, d: 3.7 KB, f32: 21 KB a chunk; all stories but that of a are there before",
        "service, Redis: processor time for a chunk; sparse, visits: one chunk a brand, so each is a visit",
        "one process, unless named; peak: of all processes",
    ]
    report.show(as_json=as_json)
