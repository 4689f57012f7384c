"""Campaigns against Redis: killed, its log cut, failed over to a replica that lags, filled up to its limit."""

from __future__ import annotations

import shutil
import threading
import time
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING

import redis

from orchestrator.contract.keys import BrandKeys
from tests.faults.campaign import Arena, Figures, arena
from tests.faults.fleet import eventually
from tests.faults.process_faults import BURST, working
from tests.faults.proxy import Proxy
from tests.redis_server import RedisServer

if TYPE_CHECKING:
    from pathlib import Path

DURABLE = ["--appendonly", "yes", "--appendfsync", "always", "--auto-aof-rewrite-percentage", "0"]
PROMPT_SYNC = ["--repl-diskless-sync-delay", "0"]
AWAY = (redis.ConnectionError, redis.TimeoutError)


class Pusher(threading.Thread):
    """Pushes without pause, and sends everything again until Redis acknowledges it."""

    def __init__(self, world: Arena) -> None:
        super().__init__(daemon=True)
        self._world = world
        self._stop_asked = threading.Event()
        self.repeated = 0

    def run(self) -> None:
        """Push until :meth:`finish`."""
        while not self._stop_asked.wait(0.01):
            for brand in self._world.traffic.books:
                self._push(BrandKeys.of(brand).queue, [self._world.traffic.make(brand) for _ in range(20)])

    def _push(self, queue: str, items: list[bytes]) -> None:
        while True:
            try:
                with self._world.server.client() as client:
                    client.rpush(queue, *items)
            except AWAY:
                self.repeated += 1
                time.sleep(0.01)
            else:
                return

    def finish(self) -> None:
        """Return when everything made is acknowledged."""
        self._stop_asked.set()
        self.join()


def kill_redis(folder: Path, *, seed: int, kills: int) -> Figures:
    """Kill -9 of a Redis that fsyncs always, while workers push and orchestrators commit."""
    with arena(folder, seed, size=2, server=RedisServer(arguments=DURABLE), garbage_rate=0.0) as world:
        working(world)
        pusher = Pusher(world)
        pusher.start()
        for _ in range(kills):
            time.sleep(world.random.uniform(0.3, 0.8))
            world.note("kill -9 of Redis")
            world.server.restart()
        pusher.finish()
        drained_s = world.drain()
        figures = {"kills": kills, "pushes repeated": pusher.repeated, "drained s": round(drained_s, 1)}
        return figures | world.verify(in_order=False)


def cut_log(folder: Path, *, seed: int, cuts: int) -> Figures:
    """Cut the append-only file at random offsets while the orchestrators keep their memory of what is lost."""
    forgotten = 0
    with arena(folder, seed, size=2, server=RedisServer(arguments=DURABLE)) as world:
        working(world)
        for _ in range(cuts):
            world.push(BURST // 4)
            time.sleep(world.random.uniform(0.02, 0.2))
            world.server.kill()
            log = _log_of(world.server)
            size = log.stat().st_size
            keep = int(size * world.random.uniform(0.9, 1.0))
            world.note(f"log cut from {size} to {keep} bytes")
            with log.open("r+b") as file:
                file.truncate(keep)
            forgotten += _examine_copy(world)
            world.server.start()
            _heal_log(world.server)
            with world.server.client() as client:
                world.traffic.register(client)
        drained_s = world.drain()
        figures = {"cuts": cuts, "valid prefixes": cuts, "items forgotten": forgotten, "drained s": round(drained_s, 1)}
        return figures | {"leases lost": world.leases_lost(), **world.verify()}


def _log_of(server: RedisServer) -> Path:
    """The append-only file that grows, where 7.0 and 6.2 keep it."""
    (log,) = [*server.folder.glob("appendonlydir/*.incr.aof"), *server.folder.glob("appendonly.aof")]
    return log


def _heal_log(server: RedisServer) -> None:
    """Let the log be rewritten: 7.0 leaves a torn transaction in it, and the next start would replay parts of it."""
    with server.client() as client:
        client.bgrewriteaof()

        def rewritten() -> bool:
            info = client.info("persistence")
            return not (info["aof_rewrite_in_progress"] or info["aof_rewrite_scheduled"])

        eventually(rewritten, within_s=20, what="the log is rewritten")


def _examine_copy(world: Arena) -> int:
    """Load the cut log in a server that no orchestrator knows, and compare it with the books."""
    examiner = RedisServer(world.server.program, DURABLE)
    for source in ("appendonlydir", "appendonly.aof"):
        path = world.server.folder / source
        if path.is_dir():
            shutil.copytree(path, examiner.folder / source)
        elif path.exists():
            shutil.copy(path, examiner.folder / source)
    with examiner, examiner.client() as client:
        return world.traffic.examine(client)


def fail_over(folder: Path, *, seed: int, failovers: int) -> Figures:
    """Promote a replica that lags, while orchestrators remember what it never received."""
    forgotten = 0
    server = RedisServer(arguments=PROMPT_SYNC)
    with ExitStack() as stack, arena(folder, seed, size=2, server=server) as world:
        working(world)
        primary = world.server
        for number in range(failovers):
            link = stack.enter_context(Proxy(primary.socket, seed=seed + number))
            following = ["--replicaof", "127.0.0.1", str(link.port)]
            replica = stack.enter_context(RedisServer(arguments=[*PROMPT_SYNC, *following]))
            world.push(BURST)
            _wait_for_sync(replica)
            link.sever(severed=True)
            world.push(BURST)
            time.sleep(world.random.uniform(0.02, 0.3))
            world.note(f"primary {number} killed with {world.backlog()} queued")
            primary.kill()
            world.server = primary = replica
            with replica.client() as client:
                client.replicaof("NO", "ONE")
                forgotten += world.traffic.examine(client)
            for proxy in world.proxies:
                proxy.redirect(replica.socket)
        drained_s = world.drain()
        figures = {"failovers": failovers, "items forgotten": forgotten, "drained s": round(drained_s, 1)}
        return figures | {"leases lost": world.leases_lost(), **world.verify()}


def move_server(folder: Path, *, seed: int, moves: int) -> Figures:
    """Promote a replica in good order, demote the primary, and leave every connection to it open."""
    with ExitStack() as stack, arena(folder, seed, size=2, server=RedisServer(arguments=PROMPT_SYNC)) as world:
        working(world)
        primary = world.server
        replica = stack.enter_context(RedisServer(arguments=PROMPT_SYNC))
        for number in range(moves):
            _follow(stack, replica, primary)
            world.push(BURST)
            _wait_for_sync(replica)
            with primary.client() as old, replica.client() as new:
                old.client_pause(10_000, all=False)
                eventually(partial(_caught_up, old, new), within_s=10, what="the replica has everything")
                new.replicaof("NO", "ONE")
                for proxy in world.proxies:
                    proxy.redirect(replica.socket)
                _follow(stack, primary, replica)
                old.client_unpause()
            world.note(f"move {number}: new connections go to the other server, with {world.backlog()} queued")
            world.server, primary, replica = replica, replica, primary
            world.push(BURST)
            # Before the next move: nothing but an answer of the demoted server tells that it is time to go.
            world.drain()
        return {"moves": moves, "leases lost": world.leases_lost(), **world.verify()}


def _follow(stack: ExitStack, replica: RedisServer, primary: RedisServer) -> None:
    """Make *replica* one of *primary*; the servers listen on sockets, replication needs a port."""
    link = stack.enter_context(Proxy(primary.socket))
    with replica.client() as client:
        client.replicaof("127.0.0.1", link.port)


def _caught_up(old: redis.Redis, new: redis.Redis) -> bool:
    """Whether the replica *new* has all that the primary *old* wrote."""
    have, written = new.info("replication"), old.info("replication")
    return bool(have["slave_repl_offset"] >= written["master_repl_offset"])


def _wait_for_sync(replica: RedisServer) -> None:
    """Wait until the replica has a copy and follows."""

    def following() -> bool:
        with replica.client() as client:
            return bool(client.info("replication").get("master_link_status") == "up")

    eventually(following, within_s=30, what="the replica is in sync")


def fill_redis(folder: Path, *, seed: int) -> Figures:
    """A queue that fills Redis up to maxmemory is drained all the same."""
    server = RedisServer(arguments=["--maxmemory", "6mb"])
    with arena(folder, seed, size=0, server=server, brands=["full"]) as world:
        pushed = 0
        with server.client() as client:
            try:
                while True:
                    items = [world.traffic.make("full") for _ in range(50)]
                    client.rpush(BrandKeys.of("full").queue, *items)
                    pushed += len(items)
            except redis.ResponseError:
                book = world.traffic.books["full"]
                book.rewind(book.items[:pushed])
            world.note(f"{pushed} items, {client.info('memory')['used_memory']} bytes")
        with world.recruit(folder):
            drained_s = world.drain()
        return {"items at maxmemory": pushed, "drained s": round(drained_s, 1), **world.verify()}
