"""What a brand takes in Redis when its queue is empty: everything that is kept for it, by what it has seen.

Each row is a private Redis with so many brands of a kind, whose chunks the real service has worked off. What the server
says that it uses, less what it used before, is divided by the brands.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import click
import redis

from bench import _payloads
from bench._harness import Report
from bench._queues import push, wait_until_drained
from bench._service import service
from orchestrator.contract.keys import queue_key
from orchestrator.store.embedded import EmbeddedRedis


@dataclass(frozen=True, slots=True)
class Kind:
    """Brands that have seen the same.

    Attributes:
        name: of the row.
        brands: how many there are.
        chunks: those of a brand.
    """

    name: str
    brands: int
    chunks: Callable[[str], Iterable[bytes]]


KINDS = (
    Kind("registered, no chunk yet", 10_000, lambda _brand: ()),
    Kind("1 chunk of a", 500, lambda brand: _payloads.small(1, brand)),
    Kind("2,000 chunks of a", 20, lambda brand: _payloads.small(2_000, brand)),
    Kind("200 stories, 40 chunks of c", 20, lambda brand: _payloads.large(40, brand, stories=200, centroids=False)),
    Kind("1,000 stories, 250 chunks of c", 4, lambda brand: _payloads.large(250, brand, centroids=False)),
    Kind("200 stories, 40 chunks of b", 20, lambda brand: _payloads.large(40, brand, stories=200)),
    Kind("1,000 stories, 250 chunks of b", 4, lambda brand: _payloads.large(250, brand)),
)


def brand_bytes(kind: Kind) -> float:
    """What one brand of *kind* takes."""
    names = [f"bench-{number:05}" for number in range(kind.brands)]
    with EmbeddedRedis() as server:
        client = redis.Redis.from_url(server.url)
        before = _used_bytes(client)
        for brand in names:
            push(client, queue_key(brand), kind.chunks(brand))
        client.sadd("brands:set", *names)
        with service(server.url):
            wait_until_drained(client, names)
        found = _used_bytes(client) - before
        client.close()
    return found / kind.brands


def _used_bytes(client: redis.Redis) -> int:
    info: Any = client.info("memory")
    return int(info["used_memory"])


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(as_json: bool) -> None:  # noqa: FBT001 - click's calling convention
    """Bytes of Redis a brand."""
    report = Report("What is kept in Redis for a brand, KB", ["the brand has seen", "brands", "KB a brand"])
    for kind in KINDS:
        report.rows.append([kind.name, kind.brands, brand_bytes(kind) / 1000])
    report.notes.append("used_memory with the queues worked off and the service gone, less that of the empty server")
    report.show(as_json=as_json)
