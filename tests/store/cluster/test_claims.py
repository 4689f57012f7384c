"""Claims, glances and renewals on a real cluster: each master answers for its own brands."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator.contract.keys import PAUSED_KEY, queue_key
from orchestrator.contract.layout import CLUSTER, guard_key
from orchestrator.contract.slots import slot_of
from orchestrator.errors import ClockSkewError, StoreUnavailableError
from orchestrator.store import Store, StoreOptions, connect
from orchestrator.store.client import checked
from orchestrator.store.clock import ServerClock
from orchestrator.store.cluster.claims import queue_slot
from orchestrator.store.consumed import Consumed
from orchestrator.store.glance import Part
from orchestrator.store.unarchived import unarchived
from tests.store.cluster.test_routing import half_way
from tests.store.test_consumed import recorded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.store.cluster.client import ClusterClient
    from tests.cluster_servers import ClusterServers


@pytest.fixture
def brands(client: ClusterClient, brand: str) -> list[str]:
    """Some brands at each master."""
    names = [brand, *(f"{number}{brand}".replace("{", "") for number in range(30))]
    assert {client.topology.owner(queue_slot(name)) for name in names} == set(client.topology.masters())
    return names


def test_claim_finds_work_at_all_masters(client: ClusterClient, cluster_store: Store, brands: list[str]) -> None:
    """And what is due, and nothing that has a lease; half of them have chunks."""
    busy, due, held, idle = brands[::4], brands[1::4], brands[2::4], brands[3::4]
    for name in [*busy, *held]:
        client.rpush(queue_key(name), "x", "y")
    for name in due:
        client.hset(CLUSTER.keys(name).meta, "due", 1)
    for name in held:
        cluster_store.acquire(name, cluster_store.new_token())
    claim = cluster_store.claim(brands)
    assert sorted(claim.ready) == sorted([*busy, *due])
    assert {name: queue.chunks for name, queue in claim.queues.items()} == dict.fromkeys([*busy, *held], 2)
    assert (claim.away, claim.now_ms > 0) == ([], True)
    assert not set(idle) & set(claim.ready)


def test_glance_names_the_parts_with_a_queue(client: ClusterClient, cluster_store: Store, brands: list[str]) -> None:
    """Wherever it is; a due time is told of each brand asked about."""
    parts = [Part.of(brands[:10]), Part.of(brands[10:20]), Part.of(brands[20:])]
    client.rpush(queue_key(brands[3]), "x")
    client.rpush(queue_key(brands[25]), "x")
    client.hset(CLUSTER.keys(brands[0]).meta, "due", 7)
    seen = cluster_store.glance(parts, brands[:2])
    assert list(seen.stirred) == [parts[0], parts[2]]
    assert seen.dues == {brands[0]: 7, brands[1]: 0}
    assert seen.pauses is not None


def test_claim_asks_again_where_slots_have_moved(
    client: ClusterClient, cluster_servers: ClusterServers, cluster_store: Store, brands: list[str]
) -> None:
    """A script that meets the key of another node says so; nobody looked, so it is asked again by a new map."""
    for name in brands:
        client.rpush(queue_key(name), "x")
    cluster_servers.move_slot(slot_of(queue_key(brands[0])))
    client.topology._looked_s = float("-inf")  # it was read a while ago, however fast this machine is
    claim = cluster_store.claim(brands)
    assert sorted(claim.ready) == sorted(brands)
    assert claim.away == []


def test_slot_that_is_half_way_costs_its_own_brands(
    client: ClusterClient, cluster_servers: ClusterServers, cluster_store: Store, brands: list[str]
) -> None:
    """A script fails as a whole at a key that is not there; while slots are handed over, one of them always is so."""
    for name in brands[1:]:
        client.rpush(queue_key(name), "x")
    parts = [Part.of(brands[:1]), *(Part.of([name]) for name in brands[1:])]
    with half_way(cluster_servers, queue_key(brands[0])):
        claim = cluster_store.claim(brands)
        assert (claim.away, sorted(claim.ready)) == (brands[:1], sorted(brands[1:]))
        assert list(cluster_store.glance(parts).stirred) == parts[1:]


def test_readers_are_looked_at_while_a_node_is_away(cluster_servers: ClusterServers, brands: list[str]) -> None:
    """Of whoever has all that is asked about at others."""
    client: Any = connect(cluster_servers.url, timeout_s=0.3, pool_size=4)
    store = Store(client)

    def at(key: str) -> Any:
        return client.topology.owner(slot_of(key))

    def reached_last(name: str) -> str:
        return guard_key(CLUSTER.keys(name).recent)

    with hanging(cluster_servers, client, brands[0]) as gone:
        silent = next(name for name in brands if at(reached_last(name)) == gone)
        shown = {name: guard_key(CLUSTER.keys(name).summary) for name in brands}
        wrong = next(
            name for name in brands if gone not in {at(queue_key(name)), at(shown[name]), at(reached_last(name))}
        )
        client.hset(shown[wrong], mapping={"e": 2, "v": 2})
        assert store.projections is not None
        assert store.projections.verify([silent, wrong]).owed == [wrong]
    client.close()


def test_node_that_is_away_costs_its_own_brands(cluster_servers: ClusterServers, brands: list[str]) -> None:
    """Claims, glances and renewals tell of all others as ever, and of those that they say nothing."""
    client: Any = connect(cluster_servers.url, timeout_s=0.3, pool_size=4)
    store = Store(client)
    for name in brands:
        client.rpush(queue_key(name), "x")
    leases = [store.acquire(name, store.new_token()) for name in brands[:15]]
    with hanging(cluster_servers, client, brands[0]) as gone:
        for _ in range(2):
            claim = store.claim(brands)
            assert set(claim.away) == {name for name in brands if client.topology.owner(queue_slot(name)) == gone}
            assert set(claim.ready) == set(brands[15:]) - set(claim.away)
        assert store.partly
        part, others = Part.of(claim.away), Part.of([name for name in brands if name not in claim.away])
        seen = store.glance([part, others], brands)
        assert list(seen.stirred) == [others]
        assert seen.dues.keys() == others.brands
        assert store.renew(leases) == []
        store.ping()
        with pytest.raises(StoreUnavailableError, match="is away"):
            store.renew([lease for lease in leases if lease.brand in claim.away])
        pauses = client.topology.owner(slot_of(PAUSED_KEY))
        assert (claim.pauses is None) == (pauses == gone)
    client.close()


def test_node_that_is_away_keeps_no_other_ones_records_from_the_archive(
    cluster_servers: ClusterServers, brands: list[str]
) -> None:
    """What waits is told of all others, and of those of that node nothing."""
    client: Any = connect(cluster_servers.url, timeout_s=0.3, pool_size=4)
    with hanging(cluster_servers, client, brands[0]) as gone:
        for _ in range(2):
            found = Consumed(client).waiting(brands)
            assert found.keys() == {name for name in brands if client.topology.owner(queue_slot(name)) != gone}
        told = unarchived(client, brands, 1)
        assert told.away == len(brands) - len(found)
        assert f"{told.away} brands not counted" in told.said(0)
    client.close()


def test_what_a_commit_leaves_never_expires(client: ClusterClient, brand: str) -> None:
    """Where the queue has an expiry: on a cluster, too."""
    store, keys = Store(client, StoreOptions(archive_bytes=1_000_000)), CLUSTER.keys(brand)
    client.rpush(keys.queue, "x")
    client.expire(keys.queue, 100)
    lease = store.acquire(brand, store.new_token())
    commit = recorded(lease, store.peek(lease, 1))
    store.commit(lease, commit)
    assert client.lrange(keys.consumed(commit.cid), 0, -1) == [b"x"]
    assert client.pttl(keys.consumed(commit.cid)) == -1


@contextmanager
def hanging(servers: ClusterServers, client: ClusterClient, brand: str) -> Iterator[Any]:
    """The node of *brand* hangs in the block, and is known to be back after it."""
    node = client.topology.owner(queue_slot(brand))
    server = next(server for server in servers.nodes if server.port == node.port)
    server.stop()
    try:
        yield node
    finally:
        server.go_on()
        checked(server.ask("PING"))


def test_clock_of_one_node_stops_what_it_has_alone(client: ClusterClient, brands: list[str]) -> None:
    """Its brands are not claimed; a lane that meets it is stopped; only if all differ nothing is claimed at all."""
    store = Store(client, StoreOptions(max_clock_skew_s=60.0))
    for name in brands:
        client.rpush(queue_key(name), "x")
    node = str(client.topology.owner(queue_slot(brands[0])))
    store.clock = _Skewed({node})
    store._masters._clock = store.clock  # type: ignore[union-attr]
    claim = store.claim(brands)
    assert set(claim.away) == {name for name in brands if str(client.topology.owner(queue_slot(name))) == node}
    assert set(claim.ready) == set(brands) - set(claim.away)
    assert store.clock.statistics().problem == ""
    assert list(store.clock.problems()) == [node]
    with pytest.raises(ClockSkewError, match=node):
        store.acquire(brands[0], "token")
    store.clock.skewed = {str(master) for master in client.topology.masters()}
    with pytest.raises(ClockSkewError):
        store.claim(brands)
    assert store.clock.statistics().problem != ""


class _Skewed(ServerClock):
    """Sees the clocks of some servers an hour ahead."""

    def __init__(self, skewed: set[str]) -> None:
        super().__init__(60.0)
        self.skewed = skewed

    def compare(self, asked_ms: int, server_ms: int, server: str = "") -> None:
        """As if the server told another time."""
        super().compare(asked_ms, server_ms + 3_600_000 * (server in self.skewed), server)
