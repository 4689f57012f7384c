"""From push to summary, with a service that has nothing else to do: percentiles in milliseconds.

The clock starts before RPUSH and stops when ``summary:updates`` announces the brand's
new summary, both seen from outside. *warm* pushes to the brand that a lane waits on;
*cold* to brands in turn, more of them than lanes, so that each push needs a lease.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import cycle, islice, repeat
from typing import Any

import click
import msgspec
import redis

from bench import _payloads
from bench._harness import Report, percentile
from bench._service import service
from orchestrator.contract.keys import UPDATES_CHANNEL, queue_key
from orchestrator.store.embedded import EmbeddedRedis

BRANDS = 20
_WARM_UP = 20
_PAUSE_S = 0.01
_DEADLINE_S = 10.0


def latencies_ms(
    client: redis.Redis,
    pushes: Iterator[tuple[str, bytes]],
    *,
    warm_up: int = _WARM_UP,
    listener: redis.Redis | None = None,
) -> list[float]:
    """The latency of each of *pushes* (brand, chunk), one after the other with a pause, sorted; not the first.

    Args:
        client: pushes.
        pushes: what.
        warm_up: how many of the first do not count.
        listener: where summaries are heard, if not there.
    """
    pubsub = (listener or client).pubsub(ignore_subscribe_messages=True)  # type: ignore[no-untyped-call]
    pubsub.subscribe(UPDATES_CHANNEL)
    found = []
    for brand, chunk in pushes:
        time.sleep(_PAUSE_S)
        started_s = time.perf_counter()
        client.rpush(queue_key(brand), chunk)
        _wait_for(pubsub, brand)
        found.append((time.perf_counter() - started_s) * 1000)
    pubsub.close()
    return sorted(found[warm_up:])


def _wait_for(pubsub: Any, brand: str) -> None:
    deadline_s = time.monotonic() + _DEADLINE_S
    while time.monotonic() < deadline_s:
        message = pubsub.get_message(timeout=1.0)
        if message is not None and msgspec.json.decode(message["data"])["brand"] == brand:
            return
    raise RuntimeError(f"no summary of {brand} within {_DEADLINE_S:g} s")


def pushes(brands: Iterator[str], count: int) -> Iterator[tuple[str, bytes]]:
    """*count* small chunks for *brands* in turn."""
    for number, brand in enumerate(islice(brands, count)):
        yield brand, next(_payloads.small(1, f"{brand}")).replace(b'-0"', b'-%d"' % number, 1)


@click.command()
@click.option("--count", default=500, show_default=True, help="Pushes of each kind.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(count: int, as_json: bool) -> None:  # noqa: FBT001 - click's calling convention
    """Push → summary on an idle service."""
    brands = [f"bench-{number}" for number in range(BRANDS)]
    kinds = {"warm (a lane waits)": repeat(brands[0]), f"cold ({BRANDS} brands in turn)": cycle(brands)}
    report = Report("Latency: RPUSH to the announced summary, ms", ["kind", "pushes", "p50", "p99", "max"])
    with EmbeddedRedis() as server, service(server.url):
        client = redis.Redis.from_url(server.url)
        report.used(client)
        client.sadd("brands:set", *brands)
        for kind, sequence in kinds.items():
            ordered = latencies_ms(client, pushes(sequence, count + _WARM_UP))
            report.rows.append([kind, len(ordered), percentile(ordered, 0.5), percentile(ordered, 0.99), ordered[-1]])
        client.close()
    report.show(as_json=as_json)
