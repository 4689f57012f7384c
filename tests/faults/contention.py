"""A campaign for the lanes: forty busy brands want two of them, and suspects of two other brands their trials."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from orchestrator.contract.keys import BrandKeys
from orchestrator.lane.suspects import TRIAL_ATTEMPTS
from tests.faults.campaign import Arena, Figures, arena
from tests.faults.chunk_faults import check_quarantine, push_killer
from tests.faults.fleet import eventually
from tests.faults.process_faults import working

if TYPE_CHECKING:
    from pathlib import Path

LANES = 2
SETTLED_S = 60.0


def contend(folder: Path, *, seed: int, brands: int = 40, rounds: int = 1) -> Figures:
    """Suspects are settled while every lane is wanted: an innocent one and a killer take one trial each.

    Trials are counted and times are only told: how long a process takes to start is a matter of the machine.
    """
    innocent_s, killer_s, trials = 0.0, 0.0, 0
    names = ["nike", "puma", *(f"busy {number}" for number in range(brands))]
    with arena(folder, seed, size=0, brands=names, garbage_rate=0.0) as world:
        settings = {"CONCURRENCY_LIMIT": str(LANES), "ORCHESTRATOR_FAILPOINTS": "chunk", "CHUNK_FETCH_TIMEOUT_SEC": "1"}
        with world.recruit(folder, **settings) as recruit, Busy(world, names[2:]):
            working(world)
            killers = []
            for number in range(rounds):
                innocent_s = max(innocent_s, _settled(world, "puma", world.traffic.make("puma")))
                killers.append(push_killer(world, f"poison:bug:{number}", queue=False))
                killer_s = max(killer_s, _settled(world, "nike", killers[-1]))
            trials = len(recruit.logged("suspect chunks tried"))
        with world.recruit(folder):
            world.drain()
        figures = check_quarantine(world, killers)
        figures |= {"trials": trials, "suspects": 2 * rounds}
        figures |= {"innocent s": round(innocent_s, 1), "killer s": round(killer_s, 1)}
        return {**figures, **world.verify(in_order=False)}


class Busy:
    """Keeps every one of *brands* busy: a lane that takes one always finds work."""

    def __init__(self, world: Arena, brands: list[str]) -> None:
        self._world = world
        self._brands = brands
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._push)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_ended: object) -> None:
        self._ended.set()
        self._thread.join()

    def _push(self) -> None:
        with self._world.server.client() as client:
            while not self._ended.wait(0.05):
                for brand in self._brands:
                    client.rpush(BrandKeys.of(brand).queue, self._world.traffic.make(brand))


def _settled(world: Arena, brand: str, item: bytes) -> float:
    """Push *item* as a suspect of *brand*; returns the seconds until it left the queue."""
    keys = BrandKeys.of(brand)
    with world.server.client() as client:
        # First the count, so that nobody takes it for a first attempt: five were begun, and none was committed.
        client.hset(keys.meta, "attempts", TRIAL_ATTEMPTS)
        started = time.monotonic()
        client.rpush(keys.queue, item)
        eventually(lambda: client.llen(keys.queue) == 0, within_s=SETTLED_S, what=f"the suspect of {brand} is settled")
    return time.monotonic() - started
