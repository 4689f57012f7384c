"""What the protocol costs the server: commit by size and by history, claim, peek, in milliseconds of Redis's own time.

A private Redis answers; its own ``INFO commandstats`` is the clock, so that neither this process nor the socket counts.
"""

from __future__ import annotations

import secrets
import statistics
from typing import TYPE_CHECKING, Any

import click

from bench._harness import Report
from orchestrator.contract.keys import BrandKeys
from orchestrator.store import Commit, Store, connect
from orchestrator.store.embedded import EmbeddedRedis

if TYPE_CHECKING:
    from collections.abc import Callable

    import redis

    from orchestrator.store import Lease

ITEM_BYTES = 300
HISTORIES = (0, 10_000, 1_000_000)
BATCHES = (1, 64, 500)
ROUNDS = 15
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
    queue = BrandKeys.of(lease.brand).queue
    client.rpush(queue, *(secrets.token_bytes(ITEM_BYTES) for _ in range(items)))
    peek = store.peek(lease, items)
    commit = Commit(
        cid=secrets.token_hex(8),
        expected_cid=peek.cid,
        version=peek.version + 1,
        consumed=items,
        head=peek.items[0],
        tail=peek.items[-1],
        put={b"s:%s" % secrets.token_bytes(6): secrets.token_bytes(200) for _ in range(items)},
        digests=[secrets.token_bytes(12) for _ in range(items)],
        summary=secrets.token_bytes(SUMMARY_BYTES),
        recent=[b"x" * ITEM_BYTES] * min(items, 50),
    )
    return server_ms(client, lambda: store.commit(lease, commit))


def fill(client: redis.Redis, key: str, fields: int) -> None:
    """Give a brand a history of *fields* in its state."""
    for start in range(0, fields, 10_000):
        client.hset(key, mapping={b"h:%d" % number: b"x" * 20 for number in range(start, min(start + 10_000, fields))})


@click.command(help="Server time of commit by batch and history, and of claim.")
@click.option("--json", "as_json", is_flag=True, help="JSON instead of a table.")
def command(*, as_json: bool) -> None:
    """Measure and print."""
    with EmbeddedRedis(arguments=["--appendonly", "no"]) as server:
        client = connect(server.url, timeout_s=60.0, pool_size=2)
        store = Store(client)
        sizes = [f"{size} chunks" for size in BATCHES]
        table = Report("commit, ms in the server (median)", ["fields of history", *sizes])
        for history in HISTORIES:
            brand = f"history {history}"
            fill(client, BrandKeys.of(brand).state, history)
            lease = store.acquire(brand, secrets.token_hex(16))
            medians = [
                statistics.median(commit_ms(client, store, lease, size) for _ in range(ROUNDS)) for size in BATCHES
            ]
            table.rows.append([history, *(round(value, 3) for value in medians)])
        brands = [f"brand {number}" for number in range(CLAIMED)]
        claim = statistics.median(server_ms(client, lambda: store.claim(brands)) for _ in range(ROUNDS))
        table.notes.append(f"claim of {CLAIMED} brands: {claim:.3f} ms")
        table.show(as_json=as_json)
        client.close()
