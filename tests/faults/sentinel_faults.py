"""Campaigns behind real sentinels: the primary is killed again and again, and the service has to find the next one.

Workers have what they push confirmed by every replica there is (``WAIT``), and push again what was not, as
``docs/sentinel.md`` tells them to; so the recount knows of every chunk, whatever a failover forgot. One replica of two
is not enough: sentinels choose by what they knew of the replicas some seconds ago. What is no chunk has no id by which
it would count once: it is pushed before a kill, and confirmed.
"""

from __future__ import annotations

import random
import threading
import time
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import redis

from orchestrator.contract.keys import BrandKeys
from orchestrator.store import Login, connect
from tests.faults.campaign import Arena, Figures, story
from tests.faults.fleet import Orchestrator, eventually
from tests.faults.process_faults import working
from tests.faults.secured import Files
from tests.faults.traffic import Traffic
from tests.sentinel_servers import Guise, Watched

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.redis_server import RedisServer

BRANDS = ("nike", "a b:{c}*", "Zoë", "puma")
SETTINGS = {"LOCK_TTL_SEC": "2", "REDIS_TIMEOUT_SEC": "0.6"}
TIMEOUT_S = 5.0
CONFIRM_MS = 200
LETTERS_MS = 4_000
SENTINEL_PERMISSIONS = "+auth +hello +sentinel|get-master-addr-by-name +sentinel|master"
"""What ``docs/sentinel.md`` says that a user needs there."""

AWAY = (redis.RedisError, OSError)


class Followed:
    """Stands where a campaign has its server: clients of whichever server is the primary now."""

    def __init__(self, url: str, login: Login) -> None:
        self.url = url
        self.login = login

    def client(self) -> redis.Redis:
        """A client that follows the primary."""
        return connect(self.url, timeout_s=TIMEOUT_S, pool_size=2, login=self.login)


class Confirming(threading.Thread):
    """Pushes without pause, and pushes again what no replica confirmed.

    Attributes:
        confirmations: replicas that must have it, all that there are.
        repeated: pushes that were sent again.
    """

    def __init__(self, world: Arena, confirmations: int) -> None:
        super().__init__(daemon=True)
        self.confirmations = confirmations
        self.repeated = 0
        self._world = world
        self._stop_asked = threading.Event()

    def run(self) -> None:
        """Push until :meth:`finish`."""
        with self._world.server.client() as client:
            while not self._stop_asked.wait(0.01):
                for brand in self._world.traffic.books:
                    queue = BrandKeys.of(brand).queue
                    self._push(client, queue, [self._world.traffic.make(brand) for _ in range(10)])

    def _push(self, client: redis.Redis, queue: str, items: list[bytes]) -> None:
        while not push_confirmed(client, queue, items, self.confirmations):
            self.repeated += 1
            time.sleep(0.02)

    def finish(self) -> None:
        """Return when everything made is confirmed."""
        self._stop_asked.set()
        self.join()


def push_confirmed(
    client: redis.Redis, queue: str, items: list[bytes], confirmations: int, within_ms: int = CONFIRM_MS
) -> bool:
    """Whether *items* are pushed and that many replicas have them; both on one connection, as WAIT wants it."""
    try:
        with client.pipeline(transaction=False) as pipe:
            pipe.rpush(queue, *items)
            if confirmations:
                pipe.execute_command("WAIT", confirmations, within_ms)  # type: ignore[no-untyped-call]
            return cast("int", pipe.execute()[-1]) >= confirmations
    except AWAY:
        return False


@contextmanager
def watched_arena(
    folder: Path, seed: int, watched: Watched, address: str, login: Login, settings: dict[str, str]
) -> Iterator[Arena]:
    """A world with two orchestrators on *address*, which names the sentinels of *watched*."""
    with ExitStack() as stack:
        server = cast("RedisServer", Followed(address, login))
        fleet = [Orchestrator(folder, f"o{number}", address, **SETTINGS, **settings) for number in range(2)]
        traffic = Traffic(seed, BRANDS, garbage_rate=0.0)
        with server.client() as client:
            traffic.register(client)
        for orchestrator in fleet:
            stack.enter_context(orchestrator)
        world = Arena(seed, server, [], fleet, traffic, random.Random(seed))  # noqa: S311 - reproducible
        try:
            yield world
        except BaseException as error:
            error.add_note(f"primary {watched.primary()}\n{story(world)}")
            raise


def fail_over(folder: Path, *, seed: int, failovers: int, spare: bool = True, tls: bool = False) -> Figures:
    """Kill -9 of the primary under load; sentinels promote a replica, and the dead one comes back as a replica.

    Args:
        folder: for logs and certificates.
        seed: of traffic and instants.
        failovers: how often.
        spare: whether there is a second replica, so that pushes are confirmed all the time.
        tls: whether everybody speaks TLS and has a login: servers, sentinels and their clients.
    """
    guise, query, login, settings = secured(folder) if tls else (Guise(), "", Login(), {})
    size, down_after_ms, timeout_ms = (3, 1000, 3000) if spare else (2, 300, 1000)
    with Watched(size=size, down_after_ms=down_after_ms, failover_timeout_ms=timeout_ms, guise=guise) as watched:
        address = f"redi{'ss' if tls else 's'}+sentinel://{watched.hosts}/mymaster{query}"
        with watched_arena(folder, seed, watched, address, login, settings) as world:
            working(world)
            for one in world.fleet:
                named = f"primary 127.0.0.1:{watched.ports[0]} by the sentinels "
                assert one.logged("serving")[-1]["primary"].startswith(named)
            pusher = Confirming(world, size - 1)
            pusher.start()
            times = [
                _one(world, watched, pusher, last=number == failovers - 1 and not spare) for number in range(failovers)
            ]
            pusher.finish()
            drained_s = world.drain()
            moves = [len(one.logged("primary moved")) for one in world.fleet]
            return {
                "failovers": failovers,
                "failovers in all": watched.failovers(),
                "moves told": min(moves),
                "promoted s, longest": round(max(promoted for promoted, _ in times), 1),
                "committed s, median": round(sorted(committed for _, committed in times)[len(times) // 2], 1),
                "committed s, longest": round(max(committed for _, committed in times), 1),
                "pushes repeated": pusher.repeated,
                "drained s": round(drained_s, 1),
                **world.verify(in_order=False),
            }


def _one(world: Arena, watched: Watched, pusher: Confirming, *, last: bool) -> tuple[float, float]:
    """One failover; the seconds from the kill until sentinels name the next primary, and until a commit on it."""
    _push_letters(world, pusher.confirmations)
    time.sleep(world.random.uniform(0.1, 0.5))
    dead = watched.primary()
    world.note(f"kill -9 of the primary on {dead}")
    started = time.monotonic()
    primary, promoted_s = watched.kill_primary()
    pusher.confirmations -= 1
    before = _commits(watched, primary)
    eventually(lambda: _commits(watched, primary) != before, within_s=60, what="commits go on")
    committed_s = time.monotonic() - started
    world.note(f"{primary} is the primary after {promoted_s:.1f} s, commits after {committed_s:.1f} s")
    if not last:
        watched.revive(dead)
        pusher.confirmations += 1
    return promoted_s, committed_s


def _commits(watched: Watched, port: int) -> list[Any]:
    """What changes with every commit of any brand."""
    with watched.client(port) as client:
        return [client.get(BrandKeys.of(brand).summary) for brand in BRANDS]


def _push_letters(world: Arena, confirmations: int) -> None:
    """What is no chunk, confirmed before anything goes wrong."""
    with world.server.client() as client:
        for brand, book in world.traffic.books.items():
            item = f"no chunk {len(world.log)}".encode()
            assert push_confirmed(client, BrandKeys.of(brand).queue, [item], confirmations, LETTERS_MS)
            book.garbage[item] += 1


def secured(folder: Path) -> tuple[Guise, str, Login, dict[str, str]]:
    """How servers and sentinels are set up for TLS and logins, and what a client is told of it."""
    files = Files.made(folder)
    at_sentinels = folder / "sentinel-password"
    at_sentinels.write_text("at-sentinels\n")
    common = [*files.options, ("tls-replication", "yes")]
    guise = Guise(
        arguments=[*(part for name, value in common for part in (f"--{name}", value)), *files.users()],
        lines=[
            *(f"{name} {value}" for name, value in common),
            "sentinel auth-pass mymaster root",
            "user default on >between-us ~* &* +@all",
            f"user app on >at-sentinels {SENTINEL_PERMISSIONS}",
            "sentinel sentinel-pass between-us",
        ],
        at_servers={"ssl": True, "ssl_ca_certs": str(files.authority), "password": "root"},
        at_sentinels={"ssl": True, "ssl_ca_certs": str(files.authority), "password": "between-us"},
        prefix="tls-",
    )
    ours = replace(files.root, sentinel_username="app", sentinel_password_file=str(at_sentinels))
    settings = {
        **files.settings,
        "REDIS_SENTINEL_USERNAME": "app",
        "REDIS_SENTINEL_PASSWORD_FILE": str(at_sentinels),
    }
    return guise, files.query, ours, settings
