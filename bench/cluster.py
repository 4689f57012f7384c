"""What a cluster costs beside one server: processor time of a chunk, and from push to summary.

Both are reached over TCP on the loopback device and take turns: each round has one of either, every other round the
other one first. A chunk's cost ends when readers see all of it, so it has in it what a cluster does after the commit.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from itertools import cycle, islice, repeat
from typing import Any, NamedTuple

import click
import msgspec
import redis

from bench._harness import Report, percentile
from bench._queues import push
from bench._servers import Servers, servers
from bench._service import ServiceProcess, service
from bench.latency import BRANDS, latencies_ms, pushes
from bench.pipeline import Load, check_stories
from orchestrator.contract.keys import BrandKeys, queue_key
from orchestrator.contract.slots import sibling
from orchestrator.store import connect

MASTERS = 3
KINDS = (0, MASTERS)
"""Masters of a cluster; 0: one server that is none."""

_DEADLINE_S = 600.0
_POLL_S = 0.02
_BLOCK = 25
_TIMEOUT_S = 60.0


class Cost(NamedTuple):
    """Of one chunk.

    Attributes:
        service_s: processor time of the service, all of its threads.
        redis_s: that of the servers.
        scripts_s: how much of it is in scripts, by their own account.
        scripts: how many of them are called.
        wall_s: time from the first chunk until all are shown. Beside a busy neighbour it grows, and with it what is
            done so many times a second and not for each chunk.
    """

    service_s: float
    redis_s: float
    scripts_s: float
    scripts: float
    wall_s: float


_TOLD = (
    ("service, µs a chunk", 1e6),
    ("Redis, µs a chunk", 1e6),
    ("Redis in scripts, µs a chunk", 1e6),
    ("scripts in 1,000 chunks", 1e3),
    ("time, µs a chunk", 1e6),
)


def loads(scale: float) -> list[Load]:
    """The loads, smaller or larger by *scale*."""

    def of(count: int) -> int:
        return max(20, int(count * scale))

    return [
        Load("a, 10 brands", "a", of(20_000), brands=10),
        Load("b, 10 brands of 200", "b", of(400), brands=10, stories=200),
    ]


def cost(load: Load, masters: int, report: Report) -> Cost:
    """What a chunk of *load* costs on a cluster of *masters*; 0: on one server."""
    with servers(masters) as running, closing(connect(running.url, timeout_s=_TIMEOUT_S, pool_size=2)) as client:
        report.used(running.nodes[0])
        for brand in load.brand_names:
            chunks = load.chunks(brand)
            push(client, queue_key(brand), islice(chunks, load.founding))
            push(client, _staged(brand), chunks)
        with service(running.url, MAX_STORIES="20000") as process:
            client.sadd("brands:set", *load.brand_names)
            _wait_until_shown(client, load, load.founding)
            return _measured(client, running, process, load)


def _measured(client: redis.Redis, running: Servers, process: ServiceProcess, load: Load) -> Cost:
    before = _spent(running, process)
    for brand in load.brand_names:
        client.rename(_staged(brand), queue_key(brand))
    _wait_until_shown(client, load, load.founding + load.each)
    spent = _spent(running, process)
    for brand in load.brand_names:
        summary: Any = client.get(BrandKeys.of(brand).summary)
        check_stories(load, summary)
    return Cost(*((after - then) / load.count for after, then in zip(spent, before, strict=True)))


def _spent(running: Servers, process: ServiceProcess) -> Cost:
    scripts, scripts_s = running.scripts()
    return Cost(process.cpu_s(), running.cpu_s(), scripts_s, scripts, time.perf_counter())


def _staged(brand: str) -> str:
    """In the slot of the queue, so that it can be renamed."""
    return f"{sibling(queue_key(brand))}staged"


def _wait_until_shown(client: redis.Redis, load: Load, chunks: int) -> None:
    deadline_s = time.monotonic() + _DEADLINE_S
    for brand in load.brand_names if chunks else ():
        while _total(client, brand) < chunks:
            if time.monotonic() > deadline_s:
                raise RuntimeError(f"{brand} has {_total(client, brand):,} chunks, expected {chunks:,}")
            time.sleep(_POLL_S)


def _total(client: redis.Redis, brand: str) -> int:
    raw: Any = client.get(BrandKeys.of(brand).summary)
    return int(msgspec.json.decode(raw)["totalChunks"]) if raw else 0


def compare(report: Report, load: Load, rounds: int) -> None:
    """Add rows: medians over *rounds*, in which both take turns."""
    found: dict[int, list[Cost]] = {masters: [] for masters in KINDS}
    for number in range(rounds):
        for masters in KINDS[:: -1 if number % 2 else 1]:
            found[masters].append(cost(load, masters, report))
    for place, (name, scale) in enumerate(_TOLD):
        one, many = (statistics.median(each[place] for each in found[masters]) * scale for masters in KINDS)
        report.rows.append([f"{load.name}: {name}", one, many, many / one])


def compare_idle(report: Report, seconds: float) -> None:
    """Add a row: what a service that has nothing to do costs, both at the same time."""
    with ExitStack() as stack:
        processes = []
        for masters in KINDS:
            running = stack.enter_context(servers(masters))
            processes.append(stack.enter_context(service(running.url)))
            client = stack.enter_context(closing(connect(running.url, timeout_s=_TIMEOUT_S, pool_size=2)))
            client.sadd("brands:set", *(f"bench-{number}" for number in range(10)))
        time.sleep(seconds)  # until all of it has started
        before, started_s = [process.cpu_s() for process in processes], time.perf_counter()
        time.sleep(seconds)
        passed_s = time.perf_counter() - started_s
        one, many = ((process.cpu_s() - s) / passed_s * 1e3 for process, s in zip(processes, before, strict=True))
        report.rows.append(["idle, 10 brands: service, ms a second", one, many, many / one])


def compare_latencies(report: Report, count: int) -> None:
    """Add rows: from RPUSH to the announced summary, *count* pushes of each kind at both, in turns of some of them."""
    brands = [f"bench-{number}" for number in range(BRANDS)]
    kinds: dict[str, Iterator[str]] = {"a lane waits": repeat(brands[0]), f"{BRANDS} brands in turn": cycle(brands)}
    with ExitStack() as stack:
        sides = []
        for masters in KINDS:
            running = stack.enter_context(servers(masters))
            stack.enter_context(service(running.url))
            client = stack.enter_context(closing(connect(running.url, timeout_s=_TIMEOUT_S, pool_size=2)))
            client.sadd("brands:set", *brands)
            sides.append((client, running.nodes[0]))
        for kind, sequence in kinds.items():
            times = in_turns(sides, list(pushes(sequence, count + _BLOCK)))
            for name, share in (("p50", 0.5), ("p99", 0.99)):
                one, many = (percentile(ordered, share) for ordered in times)
                report.rows.append([f"push to summary, {kind}: {name}, ms", one, many, many / one])


def in_turns(
    sides: Sequence[tuple[redis.Redis, redis.Redis]], wanted: Sequence[tuple[str, bytes]]
) -> list[list[float]]:
    """Latencies of *wanted* at each side, sorted: blocks of some at a time, the first of which does not count.

    Args:
        sides: of each, a client that pushes, and one that hears of summaries.
        wanted: brands and chunks.
    """
    found: list[list[float]] = [[] for _ in sides]
    for number, start in enumerate(range(0, len(wanted), _BLOCK)):
        order = list(zip(found, sides, strict=True))
        for times, (client, listener) in order[:: -1 if number % 2 else 1]:
            block = iter(wanted[start : start + _BLOCK])
            measured = latencies_ms(client, block, warm_up=0, listener=listener)
            times.extend(measured if start else ())
    return [sorted(times) for times in found]


@click.command()
@click.option("--scale", default=1.0, show_default=True, help="Size of the loads.")
@click.option("--rounds", default=5, show_default=True, help="Rounds of each load; the median counts.")
@click.option("--count", default=500, show_default=True, help="Pushes of each kind.")
@click.option("--seconds", default=10.0, show_default=True, help="How long to look at idle ones.")
@click.option("--only", default="", help="Only loads whose name begins with this, or 'push', or 'idle'.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(scale: float, rounds: int, count: int, seconds: float, only: str, as_json: bool) -> None:  # noqa: FBT001 - click's calling convention
    """What a cluster costs beside one server."""
    report = Report("Cluster: what it costs beside one server", ["what", "one server", "cluster", "ratio"])
    for load in loads(scale):
        if load.name.startswith(only):
            compare(report, load, rounds)
    if "push".startswith(only):
        compare_latencies(report, count)
    if "idle".startswith(only):
        compare_idle(report, seconds)
    report.notes += [
        f"cluster: {MASTERS} masters without replicas, their processor time added up; one service process",
        "a: 280 B, b: 69 KB a chunk, whose stories are there before; TCP, no append-only file",
        "medians of rounds, or percentiles of pushes, in which the two take turns",
    ]
    report.show(as_json=as_json)
