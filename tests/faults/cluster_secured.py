"""Kills on a cluster that speaks TLS, to a service that has the documented permissions and no others.

Each round kills a master, and an orchestrator as soon as its replica is promoted. What is no chunk is pushed before,
and a round goes on once it is a dead letter that the replicas of its queue and of its list know: so each comes once,
whatever the master forgot.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import redis

from orchestrator.contract.keys import BrandKeys, queue_key
from orchestrator.contract.slots import sibling
from tests.cluster_servers import ClusterGuise, ClusterServers, wait_for
from tests.faults.cluster_faults import Confirming, cluster_arena, kill_a_master, settled
from tests.faults.process_faults import working
from tests.faults.secured import Files, permissions_on_a_cluster
from tests.faults.traffic import letters_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.faults.campaign import Arena, Figures

CONFIRM_MS = 4_000


def guise_of(files: Files) -> ClusterGuise:
    """Nodes that listen for TLS alone, on their bus and for replicas as well, and know two users."""
    options = [*files.options, ("tls-cluster", "yes"), ("tls-replication", "yes")]
    return ClusterGuise(
        arguments=[
            *(part for name, value in options for part in (f"--{name}", value)),
            *files.users(*permissions_on_a_cluster()),
        ],
        scheme="rediss",
        query=files.query,
        login=files.root,
        prefix="tls-",
    )


def kill_under_tls(folder: Path, *, seed: int, kills: int) -> Figures:
    """Kill -9 of *kills* masters, and of as many orchestrators."""
    files = Files.made(folder)
    with (
        ClusterServers(3, 1, guise=guise_of(files)) as servers,
        cluster_arena(folder, seed, servers, settings=files.settings) as world,
    ):
        assert_refused(servers, files)
        pusher = Confirming(world, 1)
        pusher.start()
        away_s = []
        for number in range(kills):
            _push_letters(world)
            time.sleep(world.random.uniform(0.0, 0.5))
            away_s.append(kill_a_master(world, servers))
            victim = world.fleet[number % len(world.fleet)]
            world.note(f"kill -9 {victim.name}")
            victim.restart()
            working(world)
        pusher.finish()
        drained_s = world.drain()
        figures = {"kills": kills, "promoted after s": round(max(away_s), 1), "drained s": round(drained_s, 1)}
        return figures | {"pushes repeated": pusher.repeated, **settled(world)}


def assert_refused(servers: ClusterServers, files: Files) -> None:
    """Nobody gets in without TLS, without a login, or to more than the service's user may do."""
    ours = {"username": "app", "password": files.password.read_text().strip()}
    tls = {"ssl": True, "ssl_ca_certs": str(files.authority)}
    for told, words in (
        (ours, ("FLUSHALL",)),
        (tls, ("PING",)),
        (tls | ours, ("FLUSHALL",)),
        (tls | ours, ("CONFIG", "GET", "*")),
    ):
        with redis.Redis("127.0.0.1", servers.nodes[0].port, socket_timeout=5, **told) as client:
            try:
                client.execute_command(*words)
            except redis.RedisError:
                continue
            raise AssertionError(f"{words} is let in by {sorted(told)}")


def _push_letters(world: Arena) -> None:
    """Something for every brand that is no chunk; it is a letter, and replicas know it, when this returns."""
    books = world.traffic.books
    with world.server.client() as client:
        for brand in books:
            # Once: nothing is away now, and what is sent again would be two letters.
            assert _confirmed(client, "RPUSH", queue_key(brand), world.traffic.letter(brand))
        wait_for(lambda: all(letters_of(client, brand) == book.garbage for brand, book in books.items()), "letters", 60)
        for brand in books:
            for key in (queue_key(brand), BrandKeys.of(brand).failed):
                assert _confirmed(client, "SET", f"{sibling(key)}written", 1)


def _confirmed(client: redis.Redis, *command: str | bytes | int) -> bool:
    """Whether a replica has what *command* wrote, and so what its node wrote before."""
    with client.pipeline(transaction=False) as pipe:
        pipe.execute_command(*command)  # type: ignore[no-untyped-call]
        pipe.execute_command("WAIT", 1, CONFIRM_MS)  # type: ignore[no-untyped-call]
        return bool(pipe.execute()[-1] >= 1)
