"""What every campaign has in common: a server, a fleet with its proxies, traffic, a verdict with seed and fault log."""

from __future__ import annotations

import random
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.faults.fleet import Orchestrator, eventually
from tests.faults.proxy import Proxy
from tests.faults.traffic import Traffic, comparable, fold_of
from tests.redis_server import RedisServer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

DRAIN_S = 120.0
"""Invariant I9: two ttl of a second each, the start of a process, and the backlog; only a defect takes so long, not a
machine that is ten times overloaded."""

Figures = dict[str, int | float]


@dataclass
class Arena:
    """One campaign's world.

    Attributes:
        server: the Redis.
        proxies: one for each orchestrator, in the same order.
        fleet: the orchestrators.
        traffic: what is pushed.
        log: what was done to whom and when.
    """

    seed: int
    server: RedisServer
    proxies: list[Proxy]
    fleet: list[Orchestrator]
    traffic: Traffic
    random: random.Random
    log: list[str] = field(default_factory=list)
    started_s: float = field(default_factory=time.monotonic)

    def note(self, text: str) -> None:
        """Keep *text* in the fault log."""
        self.log.append(f"{time.monotonic() - self.started_s:8.3f} {text}")

    def push(self, count: int) -> None:
        """Push *count* items."""
        with self.server.client() as client:
            self.traffic.push(client, count)

    def backlog(self) -> int:
        """Items still queued."""
        with self.server.client() as client:
            return self.traffic.missing(client)

    def codes(self, *names: str) -> int:
        """Answers with one of *names* that any proxy saw."""
        return sum(proxy.codes[name] for proxy in self.proxies for name in names)

    def leases_lost(self) -> int:
        """How often an orchestrator noticed that its state or its lease was not the brand's any more."""
        return sum(len(orchestrator.logged("lease lost")) for orchestrator in self.fleet)

    def recruit(self, folder: Path, **settings: str) -> Orchestrator:
        """One more orchestrator, straight on the server; to be started by a with statement."""
        recruit = Orchestrator(folder, f"recruit{len(self.fleet)}", self.server.url, **settings)
        self.fleet.append(recruit)
        return recruit

    def drain(self, within_s: float = DRAIN_S) -> float:
        """Wait until nothing is queued, as long as the backlog shrinks every *within_s*; returns the seconds.

        How long it takes is a matter of the machine, and of how much it let the campaign push.
        """
        started = time.monotonic()
        least = self.backlog()
        while least > 0:
            what = f"the queues drain further ({least} left)"
            eventually(lambda least=least: self.backlog() < least, within_s=within_s, what=what)  # type: ignore[misc]
            least = self.backlog()
        return time.monotonic() - started

    def verify(self, *, in_order: bool = True) -> Figures:
        """Compare everything in Redis with everything pushed.

        Args:
            in_order: whether the books know the queue's order, so that stories can be compared too.
        """
        with self.server.client() as client:
            problems = self.traffic.problems(client)
            assert problems == [], problems  # make torture runs without pytest, which would say so
            for book in self.traffic.books.values() if in_order else ():
                summary = client.get(f"summary:brand:{book.brand}")
                if summary is None and not book.items:
                    continue  # a cut log forgot all of it, pushes included, and the recount found nothing either
                now_ms = time.time_ns() // 1_000_000
                assert comparable(summary) == fold_of(book, now_ms), f"{book.brand}: not the fold of what was pushed"
        books = self.traffic.books.values()
        return {
            "chunks": sum(len(book.chunks) for book in books),
            "duplicates": sum(book.duplicates for book in books),
            "dead letters": sum(book.garbage.total() for book in books),
            "lost": 0,
            "doubled": 0,
        }


@contextmanager
def arena(
    folder: Path,
    seed: int,
    *,
    size: int,
    brands: Sequence[str] = ("nike", "a b:{c}*", "Zoë", "puma"),
    server: RedisServer | None = None,
    garbage_rate: float = 0.01,
    **settings: str,
) -> Iterator[Arena]:
    """A world with *size* orchestrators; every error inside carries the seed and the fault log as a note."""
    with ExitStack() as stack:
        redis = stack.enter_context(server or RedisServer())
        proxies = [stack.enter_context(Proxy(redis.socket, seed=seed + index, hold_s=0.5)) for index in range(size)]
        fleet = [Orchestrator(folder, f"o{index}", proxy.url, **settings) for index, proxy in enumerate(proxies)]
        traffic = Traffic(seed, brands, garbage_rate=garbage_rate)
        with redis.client() as client:
            traffic.register(client)
        for orchestrator in fleet:
            stack.enter_context(orchestrator)
        world = Arena(seed, redis, proxies, fleet, traffic, random.Random(seed))  # noqa: S311 - reproducible
        try:
            yield world
        except BaseException as error:  # an interrupted campaign should show its seed as well
            error.add_note(story(world))
            raise


def story(world: Arena) -> str:
    """Seed, faults and the ends of the logs."""
    faults = [line for proxy in world.proxies for line in proxy.log[-20:]]
    tails = [f"--- {orchestrator.name}\n{orchestrator.tail()}" for orchestrator in world.fleet]
    return "\n".join([f"seed {world.seed}", *world.log[-50:], *faults, *tails])
