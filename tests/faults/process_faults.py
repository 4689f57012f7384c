"""Campaigns against the orchestrators: killed, stopped beyond their lease, asked to end, cut off from Redis."""

from __future__ import annotations

import signal
import time
from functools import partial
from typing import TYPE_CHECKING

from tests.faults.campaign import Arena, Figures, arena
from tests.faults.fleet import Orchestrator, eventually
from tests.faults.proxy import Fault

if TYPE_CHECKING:
    from pathlib import Path

BURST = 1_200


def working(world: Arena) -> None:
    """Wait until every orchestrator of the fleet has begun to work."""
    eventually(
        lambda: all(one.logged("registry read") and one.logged("serving") for one in world.fleet),
        within_s=120,  # a busy machine takes its time, and nothing depends on it
        what="the fleet starts",
    )


def kill_orchestrators(folder: Path, *, seed: int, kills: int) -> Figures:
    """Kill -9 under load at random instants; the others take over."""
    under_load = 0
    with arena(folder, seed, size=3) as world:
        working(world)
        for number in range(kills):
            victim = world.fleet[number % len(world.fleet)]
            world.push(BURST)
            time.sleep(world.random.uniform(0.0, 0.15))
            under_load += world.backlog() > 0
            world.note(f"kill -9 {victim.name} with {world.backlog()} queued")
            victim.restart()
            time.sleep(world.random.uniform(0.2, 0.5))
        drained_s = world.drain()
        return {"kills": kills, "under load": under_load, "drained s": round(drained_s, 1), **world.verify()}


def stop_orchestrators(folder: Path, *, seed: int, stops: int) -> Figures:
    """SIGSTOP inside a lease until the lock has expired and others have taken over, then SIGCONT."""
    fenced = 0
    brands = [f"brand {number}" for number in range(12)]  # enough that every orchestrator holds some
    with arena(folder, seed, size=4, brands=brands, CONCURRENCY_LIMIT="3") as world:
        working(world)
        for first in range(0, stops, 2):
            victims = [world.fleet[(first + offset) % 4] for offset in range(min(2, stops - first))]
            world.push(BURST)
            time.sleep(world.random.uniform(0.0, 0.1))
            for victim in victims:
                eventually(partial(busy, world, victim), within_s=20, what=f"{victim.name} has a lease")
                victim.send(signal.SIGSTOP)
            world.note(f"stopped {[victim.name for victim in victims]} with {world.backlog()} queued")
            time.sleep(1.2)  # beyond LOCK_TTL_SEC
            world.push(BURST)
            before = [refusals(world, victim.name) for victim in victims]
            for victim in victims:
                victim.send(signal.SIGCONT)
            deadline = time.monotonic() + 5.0  # a renewal is due every third of the ttl; a busy machine takes longer
            waiting = dict(zip([victim.name for victim in victims], before, strict=True))
            while waiting and time.monotonic() < deadline:
                waiting = {name: count for name, count in waiting.items() if refusals(world, name) == count}
                time.sleep(0.02)
            fenced += len(victims) - len(waiting)
            world.note(f"continued, not refused: {sorted(waiting)}")
        drained_s = world.drain()
        return {"stops": stops, "fenced or stale": fenced, "drained s": round(drained_s, 1), **world.verify()}


def busy(world: Arena, orchestrator: Orchestrator) -> bool:
    """Whether *orchestrator* holds a lease; there is work for everybody while this is asked."""
    if world.backlog() < BURST:
        world.push(BURST)
    return orchestrator.leased()


def refusals(world: Arena, name: str) -> int:
    """Answers that refused this orchestrator because its lease or its state was out of date."""
    (codes,) = [proxy.codes for proxy, other in zip(world.proxies, world.fleet, strict=True) if other.name == name]
    return codes["FENCED"] + codes["STALE"]


def break_connections(folder: Path, *, seed: int, faults: int, duplicates: int) -> Figures:
    """Drop, reset, black-hole, trickle, cut and delay replies and requests under load."""
    with arena(folder, seed, size=2) as world:
        working(world)
        for proxy in world.proxies:
            proxy.inject(0.08)
        deadline = time.monotonic() + 60 + faults
        while sum(proxy.faults.total() for proxy in world.proxies) < faults or world.codes("DUP") < duplicates:
            assert time.monotonic() < deadline, "too few faults"
            if world.backlog() < BURST:
                world.push(BURST)
            time.sleep(0.02)
        for proxy in world.proxies:
            proxy.inject(0)
        drained_s = world.drain()
        kinds = {fault.value: sum(proxy.faults[fault] for proxy in world.proxies) for fault in Fault}
        figures = {"faults": sum(kinds.values()), **kinds, "DUP answers": world.codes("DUP")}
        return figures | {"drained s": round(drained_s, 1), **world.verify()}


def end_orchestrators(folder: Path, *, seed: int, ends: int) -> Figures:
    """SIGTERM at random instants under load: exit 0 in time, and no lock stays."""
    slowest_s = 0.0
    with arena(folder, seed, size=1) as world:
        (orchestrator,) = world.fleet
        for number in range(ends):
            if number:
                orchestrator.start()
            working(world)
            world.push(BURST)
            time.sleep(world.random.uniform(0.0, 0.2))
            world.note(f"SIGTERM with {world.backlog()} queued")
            code, took_s = orchestrator.end(within_s=5.0)
            assert code == 0
            slowest_s = max(slowest_s, took_s)
            with world.server.client() as client:
                assert list(client.scan_iter(match="orchestrator:*:lock")) == []
        orchestrator.start()
        world.drain()
        return {"ends": ends, "slowest s": round(slowest_s, 2), **world.verify()}
