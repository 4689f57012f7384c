"""Commands on a real cluster while its slots move: each is executed once, in order, where its key is.

What a node did not execute is sent again at once, within a bound; what got no answer is not. A slot is left half way by
a test only as long as the test looks at it.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
import redis

from orchestrator.contract.keys import queue_key
from orchestrator.contract.layout import CLUSTER
from orchestrator.contract.slots import slot_of
from orchestrator.errors import StoreRefusedError, StoreUnavailableError
from orchestrator.store import Commit, Store, checked, connect, translated
from orchestrator.store.cluster import exchange as exchanges
from orchestrator.store.runner import ScriptRunner
from orchestrator.store.types import ReadOn
from tests.cluster_servers import free_ports, wait_for
from tests.redis_server import RedisServer
from tests.store.world import commit_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from orchestrator.contract.address import Node
    from orchestrator.store.cluster.client import ClusterClient
    from orchestrator.store.cluster.topology import Topology
    from tests.cluster_servers import ClusterNode, ClusterServers


class HalfWay:
    """A slot that is on its way from *source* to *target*."""

    def __init__(self, servers: ClusterServers, slot: int) -> None:
        self.servers = servers
        self.slot = slot
        self.source, self.target = servers.open_slot(slot)

    def move(self, *keys: str) -> None:
        """Move those of its keys, all if none is named."""
        self.servers.move_keys(self.slot, self.source, self.target, *keys)

    def close(self) -> None:
        """Move what is left, and say that it has moved."""
        self.move()
        self.servers.close_slot(self.slot, self.source, self.target)


@contextmanager
def half_way(servers: ClusterServers, key: str) -> Iterator[HalfWay]:
    """The slot of *key* is half way in the block, and has moved after it."""
    slot = HalfWay(servers, slot_of(key))
    try:
        yield slot
    finally:
        slot.close()


def processed(node: ClusterNode, word: str) -> int:
    """How often *node* carried out the command *word*."""
    for line in node.ask("INFO", "commandstats").splitlines():
        if line.startswith(f"cmdstat_{word}:calls=".encode()):
            return int(line.split(b"=")[1].split(b",")[0])
    return 0


def in_other_slots(client: ClusterClient, key: str) -> list[str]:
    """A key at each master, beside *key*."""
    owners = {client.topology.owner(slot_of(key)): key}
    for number in range(1_000):
        other = f"{number} {key}".replace("{", "")
        owners.setdefault(client.topology.owner(slot_of(other)), other)
    return list(owners.values())


def test_pipeline_goes_to_all_nodes_and_its_replies_come_in_order(client: ClusterClient, brand: str) -> None:
    """Commands without a key go along with the one before them."""
    keys = in_other_slots(client, brand)
    assert len(keys) == 3
    commands = [("PING",), *[("SET", key, key) for key in keys], *[("GET", key) for key in keys], ("PING",)]
    replies = ScriptRunner(client).run(commands)
    assert replies == [b"PONG", b"OK", b"OK", b"OK", *[key.encode() for key in keys], b"PONG"]


def test_slot_that_moved_is_followed_and_remembered(
    client: ClusterClient, cluster_servers: ClusterServers, brand: str
) -> None:
    """The first command finds out; it was not executed, so it is sent again, even if it is none to send twice."""
    client.rpush(brand, "a")
    before = client.topology.changes
    target = cluster_servers.move_slot(slot_of(brand))
    with client.pipeline(transaction=False) as pipe:
        pipe.rpush(brand, "b")
        pipe.rpush(brand, "c")
        assert pipe.execute() == [2, 3]
    assert client.topology.owner(slot_of(brand)).port == target.port
    assert client.topology.changes > before
    assert client.lrange(brand, 0, -1) == [b"a", b"b", b"c"]


def test_key_that_moves_is_asked_for_where_it_is(
    client: ClusterClient, cluster_servers: ClusterServers, brand: str
) -> None:
    """While its slot is half way, with ASKING before each command; the map stays as it is."""
    client.rpush(brand, "a")
    owner = client.topology.owner(slot_of(brand))
    with half_way(cluster_servers, brand) as slot:
        slot.move(brand)
        assert client.rpush(brand, "b") == 2
        with client.pipeline(transaction=True) as pipe:
            pipe.rpush(brand, "c")
            pipe.llen(brand)
            assert pipe.execute() == [3, 3]
        with client.pipeline(transaction=False) as pipe:
            pipe.rpush(brand, "d")
            pipe.llen(brand)
            assert pipe.execute() == [4, 4]
        assert client.topology.owner(slot_of(brand)) == owner


def test_script_is_taught_to_the_node_that_is_asked(
    client: ClusterClient, cluster_servers: ClusterServers, cluster_store: Store, brand: str
) -> None:
    """A lease whose lock has moved is renewed there: else it would die while its slot is half way."""
    lease = cluster_store.acquire(brand, cluster_store.new_token())
    with half_way(cluster_servers, queue_key(brand)) as slot:
        slot.target.ask("SCRIPT", "FLUSH")
        slot.move(CLUSTER.keys(brand).lock)
        assert cluster_store.renew([lease]) == []
        assert client.pttl(CLUSTER.keys(brand).lock) > 0
    assert cluster_store.release(lease)


def test_node_that_forgot_its_scripts_is_taught_once(
    cluster_servers: ClusterServers, cluster_store: Store, brand: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many replies say so: all scripts are taught at once."""
    taught: list[Node] = []
    real = exchanges.load

    def load(topology: Topology, nodes: Sequence[Node]) -> None:
        taught.extend(nodes)
        real(topology, nodes)

    lease = cluster_store.acquire(brand, cluster_store.new_token())
    monkeypatch.setattr(exchanges, "load", load)
    cluster_servers.owner(slot_of(queue_key(brand))).ask("SCRIPT", "FLUSH")
    assert cluster_store.renew([lease] * 3) == []
    assert len(taught) == 1
    assert cluster_store.release(lease)


def test_commit_waits_for_a_slot_that_is_half_way_and_counts_once(
    client: ClusterClient, cluster_servers: ClusterServers, cluster_store: Store, brand: str
) -> None:
    """Its keys are at two nodes: it is refused for a while, and the same commit goes through afterwards."""
    client.rpush(queue_key(brand), "a", "b")
    lease = cluster_store.acquire(brand, cluster_store.new_token())
    peek = cluster_store.peek(lease, 1)
    commit = commit_of(peek)
    with half_way(cluster_servers, queue_key(brand)) as slot:
        slot.move(CLUSTER.keys(brand).lock)
        with pytest.raises(StoreUnavailableError, match="not executed"):
            cluster_store.commit(lease, commit)
        assert cluster_store.renew([lease]) == []
    assert not cluster_store.commit(lease, commit).duplicate
    assert cluster_store.commit(lease, commit).duplicate
    assert client.lrange(queue_key(brand), 0, -1) == [b"b"]
    assert cluster_store.release(lease)


def test_line_sends_again_what_was_not_executed_and_all_that_follows(
    client: ClusterClient, cluster_servers: ClusterServers, cluster_store: Store, brand: str
) -> None:
    """What it read ahead was read before the commit: chunks that the commit takes are not read again."""
    client.rpush(queue_key(brand), "a", "b", "c")
    lease = cluster_store.acquire(brand, cluster_store.new_token())
    line = cluster_store.line(brand)
    answer, items = sent(cluster_store, line, lease, commit_of(cluster_store.peek(lease, 1)))
    assert (answer.read().version, items.read()) == (1, [b"b"])
    commit = commit_of(cluster_store.peek(lease, 1), expected_cid=answer.read().next.cid)
    cluster_servers.move_slot(slot_of(queue_key(brand)))
    answer, items = sent(cluster_store, line, lease, commit)
    assert items.read() == [b"c"]  # read first: those before it are settled on the way
    assert answer.read().next.queued == 1
    assert line.statistics().unread == 0
    assert cluster_store.release(lease)


@pytest.mark.parametrize("moved", ["lock", "queue"])
def test_what_is_read_ahead_is_read_after_the_commit(
    moved: str,
    client: ClusterClient,
    cluster_servers: ClusterServers,
    cluster_store: Store,
    brand: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A slot that is half way refuses the commit, and lets the chunks be read that the commit takes.

    At the node where they are by then: it is not the one that refuses.
    """
    client.rpush(queue_key(brand), "a", "b")
    lease = cluster_store.acquire(brand, cluster_store.new_token())
    commit = commit_of(cluster_store.peek(lease, 1))
    with half_way(cluster_servers, queue_key(brand)) as slot:
        slot.move(getattr(CLUSTER.keys(brand), moved))
        # The second pause ends when the slot has moved: in between the chunks are asked for where they are.
        endings = iter([lambda: None, slot.close])
        monkeypatch.setattr(exchanges, "pause", lambda _: next(endings)())
        answer, items = sent(cluster_store, cluster_store.line(brand), lease, commit)
        assert items.read() == [b"b"]
        assert answer.read().queued == 1
        monkeypatch.undo()
        slot.servers.open_slot(slot.slot)
    assert cluster_store.release(lease)


def sent(store: Store, line: Any, lease: Any, commit: Commit) -> tuple[Any, Any]:
    """A commit on its way, and the chunk that follows on it."""
    return store.send(line, lease, commit, ReadOn(1))


def test_node_that_hangs_costs_its_own_keys(cluster_servers: ClusterServers, brand: str) -> None:
    """All others are answered as ever; after the first time nobody waits for it, until it gives a sign of life."""
    client: Any = connect(cluster_servers.url, timeout_s=0.3, pool_size=4)
    keys = in_other_slots(client, brand)
    nodes = {key: client.topology.owner(slot_of(key)) for key in keys}
    hangs = server_of(cluster_servers, nodes[keys[0]])
    runner = ScriptRunner(client)
    runner.run([("GET", key) for key in keys])  # connected before: silence is all that there is
    hangs.stop()
    try:
        for _ in range(2):
            away, *others = runner.run([("SET", key, "x") for key in keys])
            assert others == [b"OK", b"OK"]
            assert len(client.topology.away.reasons()) == 1
            with pytest.raises(StoreUnavailableError, match=hangs.address):
                checked(away)
        with pytest.raises(StoreUnavailableError, match=f"{hangs.address} is away"):
            runner.run([("GET", keys[0])])
        assert [master.away != "" for master in client.topology.statistics().masters].count(True) == 1
        assert client.ping()  # by any node that answers
    finally:
        hangs.go_on()
    wait_for(lambda: answers(client, keys[0]), "the node to be asked again")
    assert client.topology.away.reasons() == {}
    client.close()


def server_of(servers: ClusterServers, node: Node) -> ClusterNode:
    """The server process of *node*."""
    return next(server for server in servers.nodes if server.port == node.port)


def answers(client: ClusterClient, key: str) -> bool:
    """Whether *key* can be read."""
    try:
        client.get(key)
    except StoreUnavailableError:
        return False
    return True


def test_names_of_all_masters_are_scanned(client: ClusterClient, brand: str) -> None:
    """Master after master, each to its end."""
    names = {f"{brand}:{number}".encode() for number in range(100)}
    for name in names:
        client.set(name, "x", px=60_000)
    assert set(client.scan_iter(match="*", count=7)) >= names
    cursor, _ = client.scan(1_023)
    assert cursor == 0  # of a master that is none any more


def test_what_the_cluster_refuses_is_an_error_as_anywhere(client: ClusterClient, brand: str) -> None:
    """Of one command, of one among many, and of a transaction over two slots."""
    client.set(brand, "x")
    with pytest.raises(redis.ResponseError, match="wrong kind"):
        client.llen(brand)
    with client.pipeline(transaction=False) as pipe:
        pipe.llen(brand)
        pipe.get(brand)
        refused, found = pipe.execute(raise_on_error=False)
    assert isinstance(refused, redis.ResponseError)
    assert found == b"x"
    one, other, *_ = in_other_slots(client, brand)
    with client.pipeline(transaction=True) as pipe:
        pipe.set(one, 1)
        pipe.set(other, 1)
        with pytest.raises(redis.ResponseError, match="share a slot"):
            pipe.execute()
        with pytest.raises(redis.RedisError, match="WATCH"):
            pipe.watch(one)  # type: ignore[no-untyped-call]


def test_cluster_address_that_leads_to_one_server_says_so(redis_server: Any) -> None:
    """And what would be right; the other way round the start says it."""
    with redis_server.client() as plain:
        assert plain.info("cluster")["cluster_enabled"] == 0
    with plain_server() as port:
        client = connect(f"redis+cluster://127.0.0.1:{port}", timeout_s=1.0, pool_size=1)
        with translated(), pytest.raises(StoreRefusedError, match=f"REDIS_URL is redis://127.0.0.1:{port}"):
            client.ping()
        client.close()


@contextmanager
def plain_server() -> Iterator[int]:
    """A server without cluster mode on a port."""
    (port,) = free_ports(1)
    with RedisServer(arguments=["--port", str(port)]):
        yield port


def test_cluster_of_which_no_node_answers_is_unavailable() -> None:
    """As a server is that does not answer."""
    client = connect(f"redis+cluster://127.0.0.1:{free_ports(1)[0]}", timeout_s=0.2, pool_size=1)
    with pytest.raises(StoreUnavailableError):
        ScriptRunner(client).run([("PING",)])
    client.close()
