"""A cluster whose lists of dead letters are full: brands wait for an operator, and each letter is there once.

Worker and operator put their own entries in and take whole lists away, while orchestrators are killed. On a cluster a
letter goes from the commit into an outbox in the slot of the queue, and from there into the list, whose slot is another
one: so the cap is held where nobody sees the queue, and the brand is parked where nobody sees the list.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, cast

from orchestrator.contract.dead_letter import DeadLetter
from orchestrator.contract.keys import BrandKeys, queue_key
from orchestrator.contract.layout import CLUSTER
from orchestrator.contract.slots import sibling
from orchestrator.store.parked import read_parked
from tests.cluster_servers import ClusterServers
from tests.faults.cluster_faults import Confirming, cluster_arena, settled
from tests.faults.damage_faults import healthy, lanes_of
from tests.faults.fleet import eventually

if TYPE_CHECKING:
    from pathlib import Path

    import redis

    from tests.faults.campaign import Arena, Figures

CAP = 5
CHOSEN = 3
"""Brands that get letters in one round."""

_WITHIN_S = 60.0
_IF_ROOM = "return redis.call('LLEN', KEYS[1]) < tonumber(ARGV[1]) and redis.call('RPUSH', KEYS[1], ARGV[2])"


class Watcher(threading.Thread):
    """Looks at all lists and outboxes again and again.

    Attributes:
        listed: the most entries that a list had.
        waiting: the most letters that an outbox had.
    """

    def __init__(self, world: Arena) -> None:
        super().__init__(daemon=True)
        self.listed = self.waiting = 0
        self._world = world
        self._stop_asked = threading.Event()

    def run(self) -> None:
        """Look until :meth:`finish`."""
        names = [(BrandKeys.of(brand).failed, CLUSTER.inner(brand).failed) for brand in self._world.traffic.books]
        with self._world.server.client() as client:
            while not self._stop_asked.wait(0.005):
                for listed, waiting in names:
                    self.listed = max(self.listed, client.llen(listed))
                    self.waiting = max(self.waiting, client.llen(waiting))

    def finish(self) -> None:
        """Look no more."""
        self._stop_asked.set()
        self.join()


class Operator:
    """Takes whole lists away, and keeps them; a worker uses the moment for an entry of its own."""

    def __init__(self, world: Arena, client: redis.Redis) -> None:
        self.taken: dict[str, list[bytes]] = {brand: [] for brand in world.traffic.books}
        self.lists = 0
        self._world = world
        self._client = client

    def put(self, brand: str, count: int) -> None:
        """Entries of a worker, as long as the list has room for them; the others come by the queue."""
        for _ in range(count):
            item = self._world.traffic.letter(brand)
            entry = DeadLetter.of(
                item, brand=brand, reason="a worker's own", path="$", now_ms=0, orchestrator_id="w"
            ).encode()
            if not self._client.eval(_IF_ROOM, 1, BrandKeys.of(brand).failed, CAP, entry):
                self._client.rpush(queue_key(brand), item)

    def take(self, brand: str) -> None:
        """The list as a whole."""
        failed = BrandKeys.of(brand).failed
        away = f"{sibling(failed)}taken"
        self._client.rename(failed, away)
        self.taken[brand] += cast("list[bytes]", self._client.lrange(away, 0, -1))
        self._client.delete(away)
        self.lists += 1

    def missing(self, brand: str) -> int:
        """How many of the brand's letters are neither in its list nor taken."""
        listed = self._client.llen(BrandKeys.of(brand).failed)
        return self._world.traffic.books[brand].garbage.total() - len(self.taken[brand]) - listed

    def give_back(self) -> None:
        """Everything, so that it can be counted."""
        for brand, entries in self.taken.items():
            if entries:
                self._client.rpush(BrandKeys.of(brand).failed, *entries)


def fill_lists(folder: Path, *, seed: int, rounds: int) -> Figures:
    """In each round some brands get more letters than fit; an orchestrator is killed; lists are taken, one by one."""
    settings = {"FAILED_MAX_ENTRIES": str(CAP), "FAILED_POLICY": "pause"}
    with (
        ClusterServers() as servers,
        cluster_arena(folder, seed, servers, settings=settings) as world,
        world.server.client() as client,
    ):
        watcher, pusher, operator = Watcher(world), Confirming(world, 0, 0.05), Operator(world, client)
        watcher.start()
        pusher.start()
        parked = 0
        for number in range(rounds):
            chosen = world.random.sample(sorted(world.traffic.books), CHOSEN)
            for brand in chosen:
                _overfill(world, client, operator, brand)
            victim = world.fleet[number % len(world.fleet)]
            world.note(f"more letters than fit for {chosen}; kill -9 {victim.name}")
            victim.restart()
            for brand in chosen:
                _await_parking(world, client, brand)
                parked += 1
            _assert_others_go_on(world, client, chosen)
            for brand in chosen:
                _empty(world, client, operator, brand)
        eventually(lambda: healthy(world), within_s=_WITHIN_S, what="nothing is parked any more")
        pusher.finish()
        drained_s = world.drain()
        watcher.finish()
        assert [brand for brand in world.traffic.books if client.exists(CLUSTER.inner(brand).failed)] == []
        operator.give_back()
        figures = {"rounds": rounds, "parked": parked, "lists taken": operator.lists, "longest list": watcher.listed}
        return figures | {"most in an outbox": watcher.waiting, "drained s": round(drained_s, 1), **settled(world)}


def _overfill(world: Arena, client: redis.Redis, operator: Operator, brand: str) -> None:
    """Some entries of a worker, and more letters of ours than fit beside them."""
    room = CAP - client.llen(BrandKeys.of(brand).failed)
    operator.put(brand, min(room, 1))
    count = room + world.random.randint(1, 2 * CAP)
    client.rpush(queue_key(brand), *(world.traffic.letter(brand) for _ in range(count)))
    # Now an orchestrator knows how much room there is, and perhaps has committed as many: these take it from them.
    for _ in range(CAP):
        operator.put(brand, 1)


def _await_parking(world: Arena, client: redis.Redis, brand: str) -> None:
    """The list is full, and the brand is named: by ``/health`` of an orchestrator, and where all of them look."""
    failed = BrandKeys.of(brand).failed

    def named() -> bool:
        return any(f"{brand!r}: " in lanes_of(one) for one in world.fleet) and brand in read_parked(client)

    what = f"{brand!r} is parked and named, with {CAP} letters"
    eventually(lambda: client.llen(failed) == CAP and named(), within_s=_WITHIN_S, what=what)


def _assert_others_go_on(world: Arena, client: redis.Redis, parked: list[str]) -> None:
    for brand in set(world.traffic.books) - set(parked):
        summary = BrandKeys.of(brand).summary
        before = client.get(summary)
        eventually(
            lambda summary=summary, before=before: client.get(summary) != before,  # type: ignore[misc]
            within_s=_WITHIN_S,
            what=f"{brand!r} goes on",
        )


def _empty(world: Arena, client: redis.Redis, operator: Operator, brand: str) -> None:
    """Take the list away whenever it is full, until all letters are in it or taken."""
    failed = BrandKeys.of(brand).failed
    while operator.missing(brand):
        operator.take(brand)
        operator.put(brand, world.random.randint(0, 2))
        eventually(
            lambda: client.llen(failed) == CAP or not operator.missing(brand),
            within_s=_WITHIN_S,
            what=f"letters of {brand!r} come",
        )
