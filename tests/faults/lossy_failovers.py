"""Failovers of a cluster to a replica that was cut off before: what it did not hear, Redis acknowledged and forgot.

The replica is stopped, and then its link is closed at the master: a stopped replica alone would find in its socket
what came meanwhile. While it is cut off workers push and orchestrators commit. Then the master is killed, and before
the replica may be promoted the books are compared with what it has, and set back to that. Afterwards the rest of the
cluster still remembers what that node forgot: readers' keys in other slots, dead letters, processes with warm states.

Nothing is pushed from the kill until the replica is the master, so the books know what was pushed and in which order.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import redis

from orchestrator.contract.keys import BrandKeys, queue_key
from orchestrator.contract.layout import CLUSTER, guard_key
from orchestrator.contract.slots import slot_of
from orchestrator.store import Store
from orchestrator.store.projections import Part, decode_shown
from tests.cluster_servers import ClusterServers, wait_for
from tests.faults.cluster_faults import AWAY, STEP, cluster_arena
from tests.faults.traffic import letters_of, survivors
from tests.layout.world import Spread

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.cluster_servers import ClusterNode
    from tests.faults.campaign import Arena, Figures

Seen = dict[str, tuple[int, int]]
"""Of each brand, epoch and version of what readers see."""

PAUSE_S = 0.02
POLL_S = 0.1
SETTLED_S = 90.0


@dataclass
class Failovers:
    """What came of them.

    Attributes:
        world: where they happen.
        settled: of each brand, how often each dead letter was there when all was done for the last time.
        forgotten: items whose push was acknowledged and forgotten.
        set_back: summaries that readers saw going back.
        promoted_s: the longest time from the kill until the replica was the master.
        shown_s: the longest time from then until readers saw of every brand what is right.
        again: dead letters that came twice.
        lost: dead letters that were forgotten with their list.
        behind: guards that named an earlier commit when their keys held what they should.
    """

    world: Arena
    settled: dict[str, Counter[bytes]]
    forgotten: int = 0
    set_back: int = 0
    promoted_s: float = 0.0
    shown_s: float = 0.0
    again: int = 0
    lost: int = 0
    behind: int = 0
    fates: dict[str, dict[bytes, tuple[int, int]]] = field(default_factory=dict)


def fates_of(
    letter_survived: bool,  # noqa: FBT001 - a table of cases
    *,
    queued: bool,
    listed: bool,
    queue_died: bool,
    list_died: bool,
) -> tuple[int, int]:
    """How often at least and at most a letter must be there, after one master was replaced.

    Args:
        letter_survived: its push is known to the server of its queue.
        queued: the replica has it in the queue, so it is met again.
        listed: the replica has it in the list of dead letters.
        queue_died: the server of the queue was replaced.
        list_died: the server of the list was replaced.
    """
    if list_died and not queue_died:
        return (1, 1) if listed else (0, 1)  # what is acknowledged and forgotten there is nowhere else any more
    if not letter_survived:
        return (0, 1)  # it may have become a letter before its push was forgotten
    return (1, 2) if queued and not list_died else (1, 1)


def fail_over(folder: Path, *, seed: int, failovers: int, cut_off_s: float = 1.4) -> Figures:
    """Kill masters whose replicas were cut off for *cut_off_s* under load, and recount after each."""
    with ClusterServers(3, 1) as servers, cluster_arena(folder, seed, servers) as world:
        told = Failovers(world, {brand: Counter() for brand in world.traffic.books})
        for _ in range(failovers):
            _one(told, servers, cut_off_s)
        return {
            "failovers": failovers,
            "items forgotten": told.forgotten,
            "summaries set back": told.set_back,
            "promoted after s": round(told.promoted_s, 1),
            "shown after s": round(told.shown_s, 1),
            "letters twice": told.again,
            "letters forgotten with their list": told.lost,
            "guards behind": told.behind,
            "leases lost": world.leases_lost(),
            **world.verify(),
        }


def _one(told: Failovers, servers: ClusterServers, cut_off_s: float) -> None:
    world = told.world
    master = world.random.choice(servers.masters())
    replica = servers.replica_of(master)
    dies = {
        brand: tuple(servers.owner(slot_of(key)) is master for key in (queue_key(brand), BrandKeys.of(brand).failed))
        for brand in world.traffic.books
    }
    with world.server.client() as client:
        fresh = {brand: set[bytes]() for brand in world.traffic.books}
        _push(world, client, fresh)
        _cut_off(master, replica)
        world.note(f"{replica.address} is cut off from {master.address}")
        until_s = time.monotonic() + cut_off_s
        while time.monotonic() < until_s:
            _push(world, client, fresh)
            time.sleep(PAUSE_S)
        seen = _positions(world, client)
        killed_s = time.monotonic()
        master.kill()
        (master.folder / "dump.rdb").unlink(missing_ok=True)  # of a synchronisation of before; it would be loaded
        replica.go_on()
        wait_for(lambda: b"master_link_status:down" in replica.ask("INFO", "replication"), "the end of the link", 60)
        forgotten = _look(told, replica, dies, fresh)
        _hold(replica, held=False)
        wait_for(lambda: replica in servers.masters(), "a promotion", 60)
        promoted_s = time.monotonic()
        world.note(f"promoted after {promoted_s - killed_s:.1f} s, {forgotten} items forgotten")
        now = _after_all(lambda: _positions(world, client))
        told.set_back += sum(now[brand] < seen[brand] for brand in seen)
        _settle(told, client)
        told.shown_s = max(told.shown_s, time.monotonic() - promoted_s)
        told.promoted_s = max(told.promoted_s, promoted_s - killed_s)
        told.forgotten += forgotten
    master.spawn()
    master.await_answer()
    wait_for(servers.whole, "every replica to follow", 60)
    for node in servers.masters():
        _caught_up(node, servers.replica_of(node))


def _push(world: Arena, client: redis.Redis, fresh: dict[str, set[bytes]]) -> None:
    for brand in world.traffic.books:
        letter = world.traffic.letter(brand)  # first, as survivors() wants it
        fresh[brand].add(letter)
        client.rpush(queue_key(brand), letter, *(world.traffic.make(brand) for _ in range(STEP)))


def _cut_off(master: ClusterNode, replica: ClusterNode) -> None:
    """Have *replica* hear nothing more of *master*, and stay what it is until it was looked at."""
    _hold(replica, held=True)
    replica.stop()
    assert master.ask("CLIENT", "KILL", "TYPE", "replica") == 1


def _hold(replica: ClusterNode, *, held: bool) -> None:
    """Whether *replica* waits to be looked at, even if it takes all others to be dead, or may be promoted."""
    for name in ("cluster-replica-no-failover", "cluster-allow-reads-when-down"):
        replica.ask("CONFIG", "SET", name, "yes" if held else "no")


def _look(
    told: Failovers, replica: ClusterNode, dies: dict[str, tuple[bool, ...]], fresh: dict[str, set[bytes]]
) -> int:
    """Compare the books with what *replica* has, set them back, and say what is to become of letters.

    Args:
        told: what came of it so far.
        replica: it hears nothing, and is not promoted yet.
        dies: of each brand, whether the server of its queue was replaced, and that of its dead letters.
        fresh: the letters that were pushed since everything was settled.
    """
    forgotten = 0
    with _frozen(replica) as client:
        for brand, book in told.world.traffic.books.items():
            keys = BrandKeys.of(brand)
            queue_died, list_died = dies[brand]
            queue: Any = client.lrange(keys.queue, 0, -1) if queue_died else []
            listed = letters_of(client, brand) if list_died else Counter()
            forgotten += survivors(client, book, None) if queue_died else 0
            told.fates[brand] = {
                letter: fates_of(
                    letter in book.garbage,
                    queued=letter in queue,
                    listed=letter in listed,
                    queue_died=queue_died,
                    list_died=list_died,
                )
                for letter in fresh[brand]
            }
    return forgotten


@contextmanager
def _frozen(replica: ClusterNode) -> Iterator[redis.Redis]:
    """A client that reads what a replica has."""

    def begin(connection: Any) -> None:
        connection.on_connect()
        connection.send_command("READONLY")
        connection.read_response()

    client = redis.Redis(port=replica.port, redis_connect_func=cast("Any", begin))
    setattr(client, "layout", CLUSTER)  # noqa: B010 - what a client of a cluster has by itself
    try:
        yield client
    finally:
        client.close()


def _settle(told: Failovers, client: redis.Redis) -> None:
    """Return when nothing is queued or owed, and everything is as the books say; nothing is pushed meanwhile."""
    world = told.world
    world.drain()
    left: list[str] = []

    def all_is_right() -> bool:
        left[:] = _problems(told, client)
        time.sleep(POLL_S if left else 0)  # to look costs the servers something
        return not left

    try:
        wait_for(all_is_right, "the recount", SETTLED_S)
    finally:
        world.note(f"left: {left}")
    for brand, fates in told.fates.items():
        found = told.settled[brand] = letters_of(client, brand)
        told.behind += _guards_behind(Spread(client, Store(client), brand))
        told.again += sum(found[letter] - 1 for letter in fates if found[letter] > 1)
        told.lost += sum(found[letter] < 1 and letter in world.traffic.books[brand].items for letter in fates)


def _problems(told: Failovers, client: redis.Redis) -> list[str]:
    problems = []
    for brand, book in told.world.traffic.books.items():
        problems += [f"{brand}: {what}" for what in _unshown(Spread(client, Store(client), brand))]
        found = letters_of(client, brand)
        must = {letter: (count, count) for letter, count in told.settled[brand].items()} | told.fates[brand]
        problems += [
            f"{brand}: {letter!r} is there {found[letter]} times, and has to be {must.get(letter, (0, 0))}"
            for letter in found.keys() | must.keys()
            if not must.get(letter, (0, 0))[0] <= found[letter] <= must.get(letter, (0, 0))[1]
        ]
        book.garbage = found  # judged here; the recount judges all else
    return problems + told.world.traffic.problems(client)


def _unshown(brand: Spread) -> Iterator[str]:
    """What readers of *brand* see otherwise than its slot has it; nothing is mended by looking."""
    for part in Part:
        outward = getattr(brand.keys, part)
        if part is not Part.SUMMARY and brand.value(outward) != brand.value(getattr(brand.inner, part)):
            yield f"{part} is not what its shadow is"
    if _position(brand.client, brand.name)[1] != brand.number("version"):
        yield "the summary is not of the last commit"
    if brand.client.llen(brand.inner.failed):
        yield "dead letters wait"


def _after_all(ask: Callable[[], Seen]) -> Seen:
    """What *ask* returns once the client has found the new master."""
    found: list[Seen] = []

    def answered() -> bool:
        with suppress(*AWAY):
            found.append(ask())
        return bool(found)

    wait_for(answered, "an answer of the new master", 60)
    return found[0]


def _guards_behind(brand: Spread) -> int:
    """Keys of readers whose guard names an earlier commit than the one that the brand was told to have shown."""
    shown = decode_shown(cast("bytes | None", brand.client.hget(brand.keys.meta, "shown")))
    guards = {part: brand.client.hmget(guard_key(getattr(brand.keys, part)), "e", "v") for part in shown}
    return sum(tuple(int(number or 0) for number in guards[part]) < shown[part].position for part in shown)


def _positions(world: Arena, client: redis.Redis) -> Seen:
    return {brand: _position(client, brand) for brand in world.traffic.books}


def _position(client: redis.Redis, brand: str) -> tuple[int, int]:
    """Epoch and version of what readers see."""
    raw: Any = client.get(BrandKeys.of(brand).summary)
    summary = json.loads(raw or '{"epoch":0,"version":0}')
    return summary["epoch"], summary["version"]


def _caught_up(master: ClusterNode, replica: ClusterNode) -> None:
    """Return when *replica* has everything that *master* had when this was called."""
    written = _number(master, "master_repl_offset")
    wait_for(lambda: _number(replica, "slave_repl_offset") >= written, f"{replica.address} to have everything", 60)


def _number(node: ClusterNode, name: str) -> int:
    lines = node.ask("INFO", "replication").decode().splitlines()
    return next(int(line.partition(":")[2]) for line in lines if line.startswith(f"{name}:"))
