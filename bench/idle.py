"""What many brands without traffic cost: processor time of service and Redis, and how fast a chunk is noticed.

Each row is a private Redis, so many registered brands without a state, and so many services on it. First nothing
happens; then chunks for brands at random, one after the other with a pause. The clock of a wake is that of ``bench
latency``: from RPUSH to the announced summary. *busy* are visits to a brand that another process was found to hold.
"""

from __future__ import annotations

import contextlib
import random
import time
import urllib.request
from typing import Self

import click
import redis

from bench._harness import Report, percentile
from bench._service import ServiceProcess, service
from bench.latency import latencies_ms, pushes
from orchestrator.store.embedded import EmbeddedRedis

SETTLED_S = 3.0
"""After the start, until every process knows all the others and has looked at all brands."""


class Row:
    """So many brands, and so many processes.

    Args:
        url: of the server.
        brands: their names, which are registered.
        processes: how many services.
    """

    def __init__(self, url: str, brands: list[str], processes: int) -> None:
        self._client = redis.Redis.from_url(url)
        self._client.sadd("brands:set", *brands)
        self._brands = brands
        self._running = contextlib.ExitStack()
        self._services = [self._running.enter_context(service(url)) for _ in range(processes)]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._running.close()
        self._client.close()

    def idle(self, seconds: float) -> tuple[float, float]:
        """Percent of a processor: of each service, and of the server's main thread, while nothing happens."""
        before = self._services_s(), self._server_s()
        time.sleep(seconds)
        services, server = self._services_s() - before[0], self._server_s() - before[1]
        return 100 * services / seconds / len(self._services), 100 * server / seconds

    def wakes_ms(self, count: int) -> list[float]:
        """The latency of each of *count* chunks of brands at random, sorted."""
        chance = random.Random(1)
        return latencies_ms(self._client, pushes(iter(lambda: chance.choice(self._brands), ""), count))

    def busy(self) -> float:
        """How many visits found another process to hold the brand."""
        return sum(map(_busy, self._services))

    def _services_s(self) -> float:
        return sum(one.cpu_s() for one in self._services)

    def _server_s(self) -> float:
        found = self._client.info("cpu")
        return float(found["used_cpu_user_main_thread"]) + float(found["used_cpu_sys_main_thread"])


def _busy(one: ServiceProcess) -> float:
    with urllib.request.urlopen(f"http://127.0.0.1:{one.metrics_port}/metrics", timeout=5) as answer:
        lines = answer.read().decode().splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(_BUSY))


_BUSY = 'orchestrator_lease_events_total{event="busy"}'


@click.command()
@click.option("--brands", multiple=True, type=int, default=(10_000, 100_000), show_default=True, help="Registered.")
@click.option("--processes", multiple=True, type=int, default=(1, 3), show_default=True, help="Services at once.")
@click.option("--seconds", default=30.0, show_default=True, help="Time in which nothing happens.")
@click.option("--count", default=300, show_default=True, help="Chunks afterwards.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(
    brands: tuple[int, ...],
    processes: tuple[int, ...],
    seconds: float,
    count: int,
    as_json: bool,  # noqa: FBT001 - click's calling convention
) -> None:
    """Many brands, hardly any chunks."""
    columns = ["brands", "processes", "service % each", "Redis %", "wake p50 ms", "p99 ms", "max ms", "busy a push"]
    report = Report("Idle: percent of a processor, and RPUSH to the announced summary", columns)
    for number in brands:
        names = [f"bench-{at:06}" for at in range(number)]
        for others in processes:
            with EmbeddedRedis() as server, Row(server.url, names, others) as row:
                time.sleep(SETTLED_S)
                idle = row.idle(seconds)
                ordered = row.wakes_ms(count)
                wakes = [percentile(ordered, 0.5), percentile(ordered, 0.99), ordered[-1]]
                report.rows.append([number, others, *idle, *wakes, row.busy() / count])
    report.show(as_json=as_json)
