"""Campaigns with wrong clocks: that of Redis set ahead and back under load, that of one orchestrator, one bad commit.

A shim before libc sets the wall clock of single processes; it is compiled here. Without a C compiler there is no such
clock, and the campaigns cannot be run.
"""

from __future__ import annotations

import shutil
import struct
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.contract.keys import BrandKeys
from tests.faults.campaign import Arena, Figures, arena
from tests.faults.fleet import Orchestrator, eventually
from tests.faults.process_faults import working
from tests.redis_server import RedisServer

if TYPE_CHECKING:
    from collections.abc import Mapping

COMPILER = shutil.which("cc") or shutil.which("gcc")
SHIM = Path(__file__).with_name("clock_shim.c")
DAY_S = 86_400
JUMPS_S = (400 * DAY_S, -DAY_S, 2 * 3_600, -400 * DAY_S, 90)
"""Where the server's clock goes, one after the other, and comes back from each time."""

WRONG_S = 1.0
"""For so long each time, in which everybody would have committed several times."""


class WrongClock:
    """The wall clock of the processes that are started with its environment.

    Args:
        folder: for the shim and the offset.
        name: different for each clock in that folder.
    """

    def __init__(self, folder: Path, name: str) -> None:
        assert COMPILER is not None, "no C compiler on PATH, so there is no wrong clock"
        library = folder / "clock_shim.so"
        if not library.exists():
            subprocess.run([COMPILER, "-shared", "-fPIC", "-O1", "-o", library, SHIM], check=True)
        self._file = folder / f"{name}.offset"
        self._file.write_bytes(struct.pack("=q", 0))
        self.environment: Mapping[str, str] = {"LD_PRELOAD": str(library), "CLOCK_OFFSET_FILE": str(self._file)}

    def set(self, offset_s: int) -> None:
        """Be wrong by so many seconds from now on."""
        with self._file.open("r+b") as file:  # in place: the processes have this very file in memory
            file.write(struct.pack("=q", offset_s))


def set_the_servers_clock(folder: Path, *, seed: int, rounds: int) -> Figures:
    """Under load the server's clock jumps and comes back: nothing is committed by a wrong time, and all goes on."""
    clock = WrongClock(folder, "server")
    held = 0
    with arena(folder, seed, size=2, server=RedisServer(environment=clock.environment)) as world:
        working(world)
        for number in range(rounds):
            world.push(800)
            jump_s = JUMPS_S[number % len(JUMPS_S)]
            world.note(f"the server's clock is wrong by {jump_s} s, with {world.backlog()} queued")
            clock.set(jump_s)
            eventually(lambda: all(map(unready, world.fleet)), within_s=20, what="everybody sees that clocks differ")
            before = _commits(world)
            world.push(400)
            time.sleep(WRONG_S)
            held += before == _commits(world) and world.backlog() >= 400
            clock.set(0)
            world.drain()
        return {"jumps": rounds, "held": held, "parked": _parked(world), **world.verify(in_order=False)}


def set_one_orchestrators_clock(folder: Path, *, seed: int, ahead_s: int = 7_200) -> Figures:
    """One of two is wrong: it takes nothing, and the other one does all of the work; when it is right, it helps."""
    clock = WrongClock(folder, "orchestrator")
    clock.set(ahead_s)
    with arena(folder, seed, size=1) as world, world.recruit(folder, **clock.environment) as wrong:
        working(world)
        eventually(lambda: unready(wrong), within_s=20, what="it sees that clocks differ")
        world.push(2_000)
        world.drain()
        told = len(wrong.logged("clocks differ"))
        claimed = len(wrong.logged("brand parked")) + wrong.leased()
        clock.set(0)
        eventually(lambda: not unready(wrong), within_s=20, what="it is ready again")
        world.fleet[0].kill()
        world.push(400)
        world.drain()
        return {"told": told, "claimed": claimed, **world.verify(in_order=False)}


def commit_in_the_future(folder: Path, *, seed: int, ahead_s: int = 400 * DAY_S) -> Figures:
    """What nobody compared was folded in the future: each brand is parked and repaired, and nothing is missing."""
    clock = WrongClock(folder, "server")
    clock.set(ahead_s)
    with arena(folder, seed, size=0, server=RedisServer(environment=clock.environment)) as world:
        world.push(400)
        with world.recruit(folder, MAX_CLOCK_SKEW_SEC="0"):
            world.drain()
            clock.set(0)
        world.push(400)
        with world.recruit(folder) as recruit:
            brands = list(world.traffic.books)
            eventually(lambda: _parked(world) == len(brands), within_s=20, what="every brand is parked")
            waiting = world.backlog()
            for brand in brands:
                _repair(world, recruit, brand)
            world.drain()
        return {"parked": len(brands), "waited": waiting, **world.verify(in_order=False)}


def unready(one: Orchestrator) -> bool:
    """Whether it says that it should get no work."""
    try:
        one.health()
    except OSError:
        return True
    return False


def _commits(world: Arena) -> int:
    with world.server.client() as client:
        versions = [client.hget(BrandKeys.of(brand).meta, "version") for brand in world.traffic.books]
    return sum(int(version or 0) for version in versions)


def _parked(world: Arena) -> int:
    """Brands that anybody parked because of their time."""
    parked = [entry for one in world.fleet for entry in one.logged("brand parked")]
    return len({entry["brand"] for entry in parked if "orchestrator repair" in entry["remedy"]})


def _repair(world: Arena, recruit: Orchestrator, brand: str) -> None:
    """Do what the alarm says; somebody may look at the brand at this very moment, and then it is busy."""
    command = [sys.executable, "-m", "orchestrator", "repair", brand]
    for _ in range(20):
        done = subprocess.run(command, env=recruit.environment, capture_output=True, text=True, check=False)
        world.note(f"repair {brand!r}: {done.stdout.strip()} {done.stderr.strip()}")
        if done.returncode == 0:
            assert "count in the present" in done.stdout, done.stdout + done.stderr
            return
        assert "leased by another orchestrator" in done.stderr, done.stderr
        time.sleep(0.1)
    raise AssertionError(f"{brand!r} stayed busy")
