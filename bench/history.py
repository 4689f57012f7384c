"""What a commit costs the server by its size and by how much state the brand has, in milliseconds of Redis's own time.

A private Redis answers; its own ``INFO commandstats`` is the clock, so that neither this process nor the socket counts.
Histories take turns, and each commit's fields are removed before the next one, so that a history keeps its size.
"""

from __future__ import annotations

import secrets
import statistics
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench._harness import Report
from bench._plot import growth
from orchestrator.contract.digests import ENTRY_BYTES
from orchestrator.contract.keys import BrandKeys
from orchestrator.store import Commit, Store, StoreOptions, connect
from orchestrator.store.embedded import EmbeddedRedis
from orchestrator.store.types import DigestChange, Remember

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import redis

    from orchestrator.store import Lease

HISTORIES = (0, 1_000, 10_000, 100_000, 1_000_000)
BATCHES = (1, 64, 500)
ITEM_BYTES = 300
CLAIMED = 512
SUMMARY_BYTES = 20_000


def server_ms(client: redis.Redis, call: Callable[[], Any]) -> float:
    """Milliseconds that the server spent in scripts during *call*."""
    client.config_resetstat()
    call()
    stats: Any = client.info("commandstats")
    return float(stats["cmdstat_evalsha"]["usec"]) / 1000


def commit_ms(client: redis.Redis, store: Store, lease: Lease, items: int) -> float:
    """Server time of one commit of *items* chunks, each with a field of the state and a digest."""
    keys = BrandKeys.of(lease.brand)
    client.rpush(keys.queue, *(secrets.token_bytes(ITEM_BYTES) for _ in range(items)))
    peek = store.peek(lease, items)
    commit = Commit(
        cid=secrets.token_hex(8),
        expected_cid=peek.cid,
        version=peek.version + 1,
        consumed=items,
        head=peek.items[0],
        tail=peek.items[-1],
        put={b"s:%s" % secrets.token_bytes(6): secrets.token_bytes(200) for _ in range(items)},
        digests=DigestChange(Remember.APPEND, secrets.token_bytes(ENTRY_BYTES * items), 1, 0, 0),
        summary=secrets.token_bytes(SUMMARY_BYTES),
        recent=[b"x" * ITEM_BYTES] * min(items, 50),
    )
    found = server_ms(client, lambda: store.commit(lease, commit))
    client.hdel(keys.state, *commit.put)
    client.hset(keys.meta, "fields", client.hlen(keys.state))  # or the next commit would notice that some are gone
    return found


def brand_with_history(client: redis.Redis, store: Store, fields: int) -> Lease:
    """A lease of a brand whose state has *fields*."""
    brand = f"history {fields}"
    key = BrandKeys.of(brand).state
    for start in range(0, fields, 10_000):
        client.hset(key, mapping={b"h:%d" % number: b"x" * 20 for number in range(start, min(start + 10_000, fields))})
    return store.acquire(brand, secrets.token_hex(16))


def commit_medians(client: redis.Redis, store: Store, leases: Sequence[Lease], rounds: int) -> list[list[float]]:
    """Median milliseconds for each of *leases* by :data:`BATCHES`, the leases in turn."""
    times: dict[tuple[str, int], list[float]] = {(lease.brand, size): [] for lease in leases for size in BATCHES}
    for size in BATCHES:
        for _ in range(rounds):
            for lease in leases:
                times[lease.brand, size].append(commit_ms(client, store, lease, size))
    return [[statistics.median(times[lease.brand, size]) for size in BATCHES] for lease in leases]


@click.command()
@click.option("--history", "sizes", multiple=True, type=int, default=HISTORIES, show_default=True)
@click.option("--rounds", default=31, show_default=True, help="Commits of each kind; the median counts.")
@click.option("--plot", type=click.Path(path_type=Path), help="draw the growth into this file")
@click.option("--json", "as_json", is_flag=True)
def command(*, sizes: tuple[int, ...], rounds: int, plot: Path | None, as_json: bool) -> None:
    """Server time of a commit by its chunks and by the brand's history; and of a claim."""
    names = [f"{size} chunk{'s' if size > 1 else ''}" for size in BATCHES]
    ratios = [f"ratio {size}" for size in BATCHES]
    report = Report("Commit by fields of history, ms in the server", ["fields", *names, *ratios])
    with EmbeddedRedis(arguments=["--appendonly", "no"]) as server:
        client = connect(server.url, timeout_s=60.0, pool_size=2)
        report.used(client)
        store = Store(client, StoreOptions(lock_ttl_s=600))  # nobody renews the leases
        leases = [brand_with_history(client, store, fields) for fields in sizes]
        medians = commit_medians(client, store, leases, rounds)
        for fields, row in zip(sizes, medians, strict=True):
            report.rows.append([fields, *row, *(ms / first for ms, first in zip(row, medians[0], strict=True))])
        brands = [f"brand {number}" for number in range(CLAIMED)]
        claim = statistics.median(server_ms(client, lambda: store.claim(brands)) for _ in range(rounds))
        client.close()
    report.notes += [f"ratio: to {sizes[0]:,} fields", f"a claim that asks for {CLAIMED} brands: {claim:.2f} ms"]
    report.show(as_json=as_json)
    if plot is not None:
        growth(report, names, plot, "ms")
