"""A campaign of operators: brands are paused, resumed and purged while orchestrators, and commands, are killed.

Run as ``python -m tests.faults.operator_faults ROUNDS`` for a large one.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from orchestrator.contract.keys import BrandKeys
from orchestrator.store import pauses
from orchestrator.store.purge import purge
from orchestrator.store.registration import unregister
from tests.faults.campaign import Arena, Figures, arena
from tests.faults.process_faults import BURST, working

if TYPE_CHECKING:
    import redis

REGISTRY: Final = ("brands:set",)
FROZEN_S: Final = 0.3
"""For so long a paused brand is watched."""


def operate(folder: Path, *, seed: int, rounds: int) -> Figures:
    """In each round a brand is paused, an orchestrator killed, the brand resumed or purged; the recount is exact."""
    figures = {"rounds": rounds, "purged": 0, "commands killed": 0, "commits while paused": 0, "in work": 0}
    with arena(folder, seed, size=3) as world, world.server.client() as client:
        working(world)
        names = list(world.traffic.books)
        for number in range(rounds):
            world.push(BURST)
            time.sleep(world.random.uniform(0.0, 0.1))
            chosen = names if number % 5 == 4 else [world.random.choice(names)]
            figures["in work"] += _pause(world, client, chosen)
            versions = _versions(client, chosen)
            world.note(f"paused {chosen}")
            victim = world.fleet[number % len(world.fleet)]
            if number % 2:
                victim.restart()
            time.sleep(FROZEN_S)
            figures["commits while paused"] += versions != _versions(client, chosen)
            if number % 3 == 2:
                figures["commands killed"] += _purge(world, client, chosen[0], queue=number % 2 == 0)
                figures["purged"] += 1
            pauses.resume(client, chosen)
            world.note(f"resumed {chosen}")
        drained_s = world.drain(within_s=60.0)
        return {**figures, "drained s": round(drained_s, 1), **world.verify()}


def _pause(world: Arena, client: redis.Redis, brands: list[str]) -> int:
    """Pause *brands*, sometimes by a command that is killed and then repeated; how many were in work."""
    if world.random.random() < 0.2:
        _killed(world, "pause", *brands)
    return sum(pauses.pause(client, brands, by="campaign").values())


def _versions(client: redis.Redis, brands: list[str]) -> list[object]:
    return [client.hget(BrandKeys.of(brand).meta, "version") for brand in brands]


def _purge(world: Arena, client: redis.Redis, brand: str, *, queue: bool) -> bool:
    """Purge a paused *brand* by a command that is killed, then by a call, and open a new book for it."""
    options = ["--queue"] if queue else []
    killed = _killed(world, "remove", "--purge", "--failed", "--yes", *options, brand)
    keys = BrandKeys.of(brand)
    # Nobody takes anything from the queue of a paused brand, and nobody but this campaign pushes; but if the command
    # came so far, the brand is not paused any more, and not registered.
    unregister(client, REGISTRY, brand)
    purge(client, brand, letters=True, queue=queue, hold_s=1.0)
    rest: list[bytes] = client.lrange(keys.queue, 0, -1)  # type: ignore[assignment]  # a client that waits
    world.traffic.books[brand].rewind(rest)
    world.note(f"purged {brand!r}, {len(rest)} chunks stay; the command was {'killed' if killed else 'done'}")
    client.sadd("brands:set", brand)
    return killed


def _killed(world: Arena, *arguments: str) -> bool:
    """Run a command of ``orchestrator brands`` and kill it at a random instant; False if it was faster."""
    command = [sys.executable, "-m", "orchestrator", "brands", *arguments]
    surroundings = world.fleet[0].environment | {"REDIS_URL": world.server.url}
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen(
            command, env=surroundings, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            process.wait(world.random.uniform(0.3, 2.0))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            return True
    return False


def main() -> None:
    """Say what became of it."""
    with tempfile.TemporaryDirectory() as folder:
        print(operate(Path(folder), seed=int(time.time()), rounds=int(sys.argv[1])))  # noqa: T201


if __name__ == "__main__":
    main()
