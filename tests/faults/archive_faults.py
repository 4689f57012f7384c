"""Campaigns with the archive on: orchestrators, which write it, Redis and the objects' server are killed under load.

At the end everything is counted anew from the objects alone: each pushed chunk is folded in the archive exactly once,
and what is there, folded again, is what Redis has of every brand, byte for byte.
"""

from __future__ import annotations

import os
import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from orchestrator.objects.objects import Objects
from orchestrator.store.pauses import pause
from tests.archivist.recount import recount, rests
from tests.cluster_servers import ClusterServers
from tests.faults.campaign import Arena, Figures, arena
from tests.faults.cluster_faults import Confirming, cluster_arena, settled
from tests.faults.fleet import eventually
from tests.faults.object_server import KEYS, ObjectServer
from tests.faults.process_faults import working
from tests.faults.redis_faults import DURABLE, Pusher
from tests.redis_server import RedisServer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

EVERY_SECOND = ["--appendonly", "yes", "--appendfsync", "everysec"]
ARCHIVE = {"ARCHIVE_INTERVAL_SEC": "1", "ARCHIVE_OBJECT_MB": "1"}
ARCHIVED_S = 120.0
"""After the last kill: holds of the dead run out, the archive is asked again, what waits is put; only a defect takes so
long, not a machine that is ten times overloaded."""


def kill_everything(folder: Path, *, seed: int, kills: int, always: bool = False) -> Figures:
    """Kill -9 of orchestrators, of Redis and of the objects' server in turns, at random instants under load."""
    redis = RedisServer(arguments=DURABLE if always else EVERY_SECOND)
    store = ObjectServer(folder / "objects")
    with store, _keys(), arena(folder, seed, size=3, server=redis, garbage_rate=0.0, **_settings(store)) as world:
        working(world)
        pusher = Pusher(world)
        pusher.start()
        killed = {"orchestrators": 0, "redis": 0, "objects": 0}
        for number in range(kills):
            time.sleep(world.random.uniform(0.2, 0.7))
            whom = ("orchestrators", "redis", "orchestrators", "objects")[number % 4]
            world.note(f"kill -9 of {whom}")
            killed[whom] += 1
            if whom == "orchestrators":
                world.fleet[number // 2 % len(world.fleet)].restart()
            elif whom == "redis":
                world.server.restart()
            else:
                store.kill()
                time.sleep(world.random.uniform(0.0, 1.0))
                store.start()
        pusher.finish()
        drained_s = world.drain()
        figures: Figures = {"kills": kills, **{f"{whom} killed": count for whom, count in killed.items()}}
        figures |= {"pushes repeated": pusher.repeated, "drained s": round(drained_s, 1)}
        return figures | _archived(world, store) | world.verify(in_order=False)


def kill_on_a_cluster(folder: Path, *, seed: int, kills: int) -> Figures:
    """The same on a cluster, whose masters are not killed: what a failover forgets is a campaign of its own."""
    store = ObjectServer(folder / "objects")
    with ExitStack() as stack:
        stack.enter_context(store)
        stack.enter_context(_keys())
        servers = stack.enter_context(ClusterServers())
        world = stack.enter_context(cluster_arena(folder, seed, servers, size=2, settings=_settings(store)))
        pusher = Confirming(world, 0, 0.01)
        pusher.start()
        for number in range(kills):
            time.sleep(world.random.uniform(0.3, 0.8))
            if number % 3 == 2:
                world.note("kill -9 of objects")
                store.restart()
                continue
            victim = world.fleet[number % len(world.fleet)]
            world.note(f"kill -9 {victim.name}")
            victim.restart()
            working(world)
        pusher.finish()
        drained_s = world.drain()
        settled(world)  # what readers see is in other slots, and follows the commits
        return {"kills": kills, "drained s": round(drained_s, 1), **_archived(world, store), **settled(world)}


def _settings(store: ObjectServer) -> Mapping[str, str]:
    return {"ARCHIVE_URL": store.url, **ARCHIVE, **KEYS}


@contextmanager
def _keys() -> Iterator[None]:
    """This process reads the archive with the same keys as those that write it."""
    before = {name: os.environ.get(name) for name in KEYS}
    os.environ.update(KEYS)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _archived(world: Arena, store: ObjectServer) -> Figures:
    """Wait until all is in the archive while nobody commits, and count it anew."""
    brands = list(world.traffic.books)
    with world.server.client() as client, Objects.open(store.url) as objects:
        pause(client, brands, by="a campaign")
        started_s = time.monotonic()
        eventually(lambda: rests(client, brands), within_s=ARCHIVED_S, what="all is in the archive")
        archived_s = time.monotonic() - started_s
        figures: Figures = {"archived s": round(archived_s, 1), "records": 0, "archived items": 0, "dead objects": 0}
        for book in world.traffic.books.values():
            found = recount(client, objects, book.brand)
            folded = found.folded()
            assert folded.keys() == book.chunks.keys(), f"{book.brand}: other chunks than were pushed"
            assert set(folded.values()) <= {1}, f"{book.brand}: a chunk is folded twice"
            assert {item.payload for item in found.items} == set(book.items)
            assert len(found.items) >= len(book.items)
            figures["records"] += found.records
            figures["archived items"] += len(found.items)
            figures["dead objects"] += found.dead
        return figures
