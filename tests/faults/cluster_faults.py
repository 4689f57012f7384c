"""Campaigns on a real cluster: masters and orchestrators are killed, and slots move with the keys of running brands.

Workers have what they push confirmed by the replica of its master (``WAIT``), and push again what was not: so the
recount knows of every chunk, whatever a failover forgot. Commits are confirmed by nobody.
"""

from __future__ import annotations

import random
import threading
import time
from contextlib import ExitStack, contextmanager
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, cast

import redis

from orchestrator.contract.keys import BrandKeys, queue_key
from orchestrator.contract.slots import slot_of
from orchestrator.errors import StoreError
from orchestrator.store import connect
from tests.cluster_servers import ClusterServers, wait_for
from tests.faults.campaign import Arena, Figures, story
from tests.faults.fleet import Orchestrator
from tests.faults.process_faults import working
from tests.faults.traffic import Traffic

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.redis_server import RedisServer

BRANDS = ("nike", "a b:{c}*", "Zoë", "puma", "a{b}c", "x}y", "{}", "plain one")
SETTINGS = {"LOCK_TTL_SEC": "3", "REDIS_TIMEOUT_SEC": "1"}
TIMEOUT_S = 5.0
CONFIRM_MS = 500
AWAY = (redis.RedisError, StoreError, OSError)
STEP = 10
"""Chunks of one push."""


class Spread:
    """Stands where a campaign has its server: clients of the cluster."""

    def __init__(self, servers: ClusterServers) -> None:
        self.url = servers.url
        self._login = servers.guise.login

    @contextmanager
    def client(self) -> Iterator[redis.Redis]:
        """A client of the cluster."""
        client = connect(self.url, timeout_s=TIMEOUT_S, pool_size=4, login=self._login)
        try:
            yield client
        finally:
            client.close()


class Confirming(threading.Thread):
    """Pushes without pause, and pushes again what no replica confirmed.

    Attributes:
        repeated: pushes that were sent again.
    """

    def __init__(self, world: Arena, confirmations: int, pause_s: float = 0.01) -> None:
        super().__init__(daemon=True)
        self.repeated = 0
        self._confirmations = confirmations
        self._pause_s = pause_s
        self._world = world
        self._stop_asked = threading.Event()

    def run(self) -> None:
        """Push until :meth:`finish`."""
        with self._world.server.client() as client:
            while not self._stop_asked.wait(self._pause_s):
                for brand in self._world.traffic.books:
                    items = [self._world.traffic.make(brand) for _ in range(STEP)]
                    while not self._pushed(client, queue_key(brand), items):
                        self.repeated += 1
                        time.sleep(0.02)

    def _pushed(self, client: redis.Redis, queue: str, items: list[bytes]) -> bool:
        try:
            with client.pipeline(transaction=False) as pipe:
                pipe.rpush(queue, *items)
                if self._confirmations:  # it goes where the push goes, on the same connection
                    pipe.execute_command("WAIT", self._confirmations, CONFIRM_MS)  # type: ignore[no-untyped-call]
                pushed, *confirmed = pipe.execute()
        except AWAY:
            return False
        return bool(pushed) and all(count >= self._confirmations for count in confirmed)

    def finish(self) -> None:
        """Return when everything made is confirmed."""
        self._stop_asked.set()
        self.join()


@contextmanager
def cluster_arena(
    folder: Path,
    seed: int,
    servers: ClusterServers,
    *,
    size: int = 2,
    garbage_rate: float = 0.0,
    settings: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[Arena]:
    """A world with *size* orchestrators on the cluster of *servers*, which work when the block begins."""
    with ExitStack() as stack:
        server = cast("RedisServer", Spread(servers))
        fleet = [Orchestrator(folder, f"o{number}", servers.url, **SETTINGS, **settings) for number in range(size)]
        traffic = Traffic(seed, BRANDS, garbage_rate=garbage_rate)
        with server.client() as client:
            traffic.register(client)
        for orchestrator in fleet:
            stack.enter_context(orchestrator)
        world = Arena(seed, server, [], fleet, traffic, random.Random(seed))  # noqa: S311 - reproducible
        try:
            working(world)
            yield world
        except BaseException as error:
            nodes = [(node.address, node.process is not None and node.process.poll()) for node in servers.nodes]
            error.add_note(f"nodes {nodes}\n{story(world)}")
            raise


def kill_masters(folder: Path, *, seed: int, kills: int) -> Figures:
    """Kill -9 of one master after the other under load; its replica is promoted, and it comes back as a replica."""
    with ClusterServers(3, 1) as servers, cluster_arena(folder, seed, servers) as world:
        pusher = Confirming(world, 1)
        pusher.start()
        away_s = []
        for _ in range(kills):
            time.sleep(world.random.uniform(0.3, 1.0))
            away_s.append(kill_a_master(world, servers))
        pusher.finish()
        drained_s = world.drain()
        figures = {"kills": kills, "promoted after s": round(max(away_s), 1), "drained s": round(drained_s, 1)}
        return figures | {"pushes repeated": pusher.repeated, **settled(world)}


def kill_a_master(world: Arena, servers: ClusterServers) -> float:
    """Kill -9 one of *servers*, wait for its replica's promotion, and have it back; seconds until the promotion."""
    victim = world.random.choice(servers.masters())
    world.note(f"kill -9 of the master {victim.address}")
    killed_s = time.monotonic()
    masters = {node.port for node in servers.masters()}
    victim.kill()
    # Before it is started again: it has no disk, and would come back as a master without any keys.
    wait_for(lambda: {node.port for node in servers.masters()} - masters != set(), "a promotion", 60)
    away_s = time.monotonic() - killed_s
    world.note(f"promoted after {away_s:.1f} s")
    victim.spawn()
    victim.await_answer()
    wait_for(servers.whole, "every replica to follow", 60)
    return away_s


def kill_orchestrators(folder: Path, *, seed: int, kills: int) -> Figures:
    """Kill -9 of orchestrators at random instants, between a commit and its projection as well."""
    with (
        ClusterServers() as servers,
        cluster_arena(folder, seed, servers, size=3 if kills > 2 else 2, garbage_rate=0.02) as world,
    ):
        pusher = Confirming(world, 0, 0.005)
        pusher.start()
        for number in range(kills):
            time.sleep(world.random.uniform(0.2, 0.7))
            victim = world.fleet[number % len(world.fleet)]
            world.note(f"kill -9 {victim.name}")
            victim.restart()
            working(world)
        pusher.finish()
        drained_s = world.drain()
        return {"kills": kills, "drained s": round(drained_s, 1), **settled(world)}


def move_slots(folder: Path, *, seed: int, moves: int, held_s: float) -> Figures:
    """Slots move key by key under load, and the slots of a queue and of a summary are held half way meanwhile."""
    with ClusterServers() as servers, cluster_arena(folder, seed, servers, garbage_rate=0.02) as world:
        pusher = Confirming(world, 0, 0.02)
        pusher.start()
        keys = [
            name
            for brand in BRANDS
            for name in (queue_key(brand), BrandKeys.of(brand).summary, BrandKeys.of(brand).failed)
        ]
        for number in range(moves):
            slot = slot_of(keys[number % len(keys)])
            world.note(f"slot {slot} moves")
            servers.move_slot(slot)
            time.sleep(world.random.uniform(0.0, 0.1))
        held = [slot_of(queue_key(BRANDS[0])), slot_of(BrandKeys.of(BRANDS[1]).summary)]
        ways = [(slot, *servers.open_slot(slot)) for slot in held]
        for slot, source, target in ways:
            found = source.ask("CLUSTER", "GETKEYSINSLOT", slot, 100)
            servers.move_keys(slot, source, target, *found[: max(1, len(found) // 2)])
        world.note(f"slots {held} are half way")
        time.sleep(held_s)
        for slot, source, target in ways:
            servers.move_keys(slot, source, target)
            servers.close_slot(slot, source, target)
        pusher.finish()
        drained_s = world.drain()
        figures = {"moves": moves, "held half way": len(held), "drained s": round(drained_s, 1)}
        return figures | {"leases lost": world.leases_lost(), **settled(world)}


def settled(world: Arena) -> dict[str, Any]:
    """The recount, once what readers see has followed the last commits: letters and summaries are in other slots."""
    with world.server.client() as client:
        wait_for(lambda: world.traffic.problems(client) == [], f"the recount: {world.traffic.problems(client)}", 30)
    return world.verify(in_order=False)
