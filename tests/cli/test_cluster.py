"""Every command of an operator on a cluster, whose nodes have a brand's keys each: it does what it does on one server.

Brands have braces, so that the keys that readers know, and those of ours, are in slots of all nodes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orchestrator.contract.dead_letter import DeadLetter
from orchestrator.contract.keys import BrandKeys, queue_key
from orchestrator.contract.layout import CLUSTER
from orchestrator.store import Store, connect
from orchestrator.store.cluster.claims import queue_slot
from orchestrator.store.scripts import KEY_TYPES
from tests.cli.conftest import Invoke
from tests.store.world import commit_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    import redis

    from tests.cluster_servers import ClusterServers

BRAND = "a{b}c"
OTHER = "x}y"


@pytest.fixture
def client(cluster_servers: ClusterServers) -> Iterator[redis.Redis]:
    """A client of the cluster, of which nothing is left afterwards that has to do with these brands."""
    client = connect(cluster_servers.url, timeout_s=5.0, pool_size=8)
    yield client
    for name in list(client.scan_iter(match="*", count=1_000)):
        client.delete(name)
    client.close()


@pytest.fixture
def run(
    client: redis.Redis,
    cluster_servers: ClusterServers,
    registry_key: str,
    offline: Invoke,
    monkeypatch: pytest.MonkeyPatch,
) -> Invoke:
    """Run one command on the cluster."""
    monkeypatch.setenv("REDIS_URL", cluster_servers.url)
    client.sadd(registry_key, BRAND, OTHER)
    return offline


def letter(brand: str, number: int) -> bytes:
    """A dead letter, as the service writes it."""
    item = b'{"chunkId": "c%d"}' % number
    return DeadLetter.of(item, brand=brand, reason="r", path="$", now_ms=0, orchestrator_id="o").encode()


def test_brands_are_listed_paused_and_resumed(run: Invoke, client: redis.Redis) -> None:
    """A paused brand gets no lease from anybody."""
    client.rpush(queue_key(BRAND), "x")
    listed = run("brands", "list")
    assert (listed.exit_code, BRAND in listed.output, OTHER in listed.output) == (0, True, True)
    assert run("brands", "pause", BRAND, "--reason", "tests").exit_code == 0
    assert BRAND in run("doctor").output
    assert not client.exists(CLUSTER.keys(BRAND).lock)
    with pytest.raises(Exception, match="paused"):
        Store(client).acquire(BRAND, "token")
    assert run("brands", "resume", BRAND).exit_code == 0
    assert Store(client).acquire(BRAND, "token").queued == 1


def test_locks_are_shown_and_broken(run: Invoke, client: redis.Redis) -> None:
    """Whoever has the brand loses it."""
    Store(client).acquire(BRAND, "somebody:0:15000")
    assert BRAND in run("locks", "list").output
    broken = run("locks", "break", BRAND, "--yes")
    assert (broken.exit_code, client.exists(CLUSTER.keys(BRAND).lock)) == (0, 0), broken.output


def test_dead_letters_are_counted_sent_again_and_dropped(run: Invoke, client: redis.Redis) -> None:
    """From the slot of their list into that of the queue, each once."""
    failed = BrandKeys.of(BRAND).failed
    client.rpush(failed, *(letter(BRAND, number) for number in range(5)))
    counts = run("failed", "list")
    assert (counts.exit_code, BRAND in counts.output) == (0, True), counts.output
    assert run("failed", "show", BRAND).exit_code == 0
    retried = run("failed", "retry", BRAND, "--index", "0")
    assert retried.exit_code == 0, retried.output
    assert (client.llen(queue_key(BRAND)), client.llen(failed)) == (1, 4)
    dropped = run("failed", "drop", BRAND, "--all", "--yes")
    assert (dropped.exit_code, client.llen(failed)) == (0, 0), dropped.output


def test_brand_is_purged_from_all_nodes(run: Invoke, client: redis.Redis) -> None:
    """Its state, what readers see and its dead letters, and nothing of another one."""
    store = Store(client)
    for name in (BRAND, OTHER):
        client.rpush(queue_key(name), "x", "y")
        lease = store.acquire(name, store.new_token())
        store.commit(lease, commit_of(store.peek(lease, 1), summary=b"{}"))
        client.set(BrandKeys.of(name).summary, "{}")
        client.rpush(BrandKeys.of(name).failed, letter(name, 0))
        store.release(lease)
    purged = run("brands", "remove", BRAND, "--purge", "--queue", "--failed", "--yes")
    assert purged.exit_code == 0, purged.output
    kept = [getattr(keys, part) for keys in (CLUSTER.keys(BRAND), CLUSTER.inner(BRAND)) for part in KEY_TYPES]
    assert [key for key in kept if client.exists(key) and not key.endswith(":lock")] == []
    assert client.exists(BrandKeys.of(OTHER).summary) == client.exists(CLUSTER.keys(OTHER).state) == 1


@pytest.mark.parametrize(
    "words",
    [
        ("status",),
        ("doctor",),
        ("audit",),
        ("processes", "list"),
        ("summary", BRAND),
        ("spikes", BRAND),
        ("spikes", "--explain", BRAND),
        ("repair", BRAND, "--yes"),
        ("config", "adopt", BRAND, "--yes"),
        ("brands", "add", "new"),
        ("locks", "list"),
    ],
    ids=" ".join,
)
def test_command_meets_no_key_of_another_slot(run: Invoke, client: redis.Redis, words: tuple[str, ...]) -> None:
    """Whatever it finds out, it is not that it cannot ask."""
    client.rpush(queue_key(BRAND), "x")
    assert queue_slot(BRAND) != queue_slot(OTHER)
    done = run(*words)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    for word in ("CROSSSLOT", "MOVED", "non local", "share a slot", "Traceback"):
        assert word not in done.output
