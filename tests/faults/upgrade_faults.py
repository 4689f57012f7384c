"""A campaign of upgrades: two versions with different state formats on one Redis, under load, forth and back."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from orchestrator.contract.keys import BrandKeys
from orchestrator.contract.state_format import STATE_FORMAT
from orchestrator.fleet.parking import REMEDIES, Code
from tests.faults.campaign import Arena, Figures, arena
from tests.faults.fleet import Orchestrator, eventually

if TYPE_CHECKING:
    from pathlib import Path

NEXT_FORMAT = STATE_FORMAT + 1
BURST = 400
_END_S = 20.0
_KEPT = (
    "meta",
    "state",
    "digests0",
    "digests1",
    "seen0",
    "seen1",
    "failed",
    "summary",
    "spike",
    "trend",
    "recent",
    "outbox",
    "lock",
)


def upgrade_fleet(folder: Path, *, seed: int, rounds: int) -> Figures:
    """Replace all but one by the next version, under load; restart that one; leave it alone; let the others return."""
    with arena(folder, seed, size=3) as world:
        old, *upgraded = world.fleet
        _started(world.fleet)
        _load(world, rounds)
        began_s = time.monotonic()
        for one in upgraded:
            _replace(world, one)
            _load(world, rounds)
        # With steady work the old one keeps what it holds, and what it keeps is not migrated. So it has to let go.
        old.end(_END_S)
        eventually(lambda: _all_migrated(world), within_s=60, what="all states are migrated")
        old.start()
        _started([old])
        _load(world, rounds)
        world.drain()
        assert old.health()["status"] == "ok"
        rolled_back = _roll_back(world, old, upgraded)
        asked, longest_s = world.proxies[0].codes["NEWER"], time.monotonic() - began_s
        assert asked <= 4 * (longest_s + 2), (
            f"{asked} times in {longest_s:.0f} s, and the registry is read once a second"
        )
        for one in world.fleet:
            assert one.logged("brand parked") == []
        assert len(old.logged("brand left to a newer version")) == 4
        return {"migrated": 4, "untouched": rolled_back, "newer": asked, **world.verify()}


def _roll_back(world: Arena, old: Orchestrator, upgraded: list[Orchestrator]) -> int:
    """Leave the old one alone with states that it cannot read; how many brands it left as they were."""
    for one in upgraded:
        one.end(_END_S)
    world.drain()
    before = _content(world)
    world.push(BURST)
    waiting, asked = world.backlog(), world.proxies[0].codes["NEWER"]
    # Before, others came first for some of them, and it need not have met these.
    eventually(lambda: "4 left" in _lanes(old), within_s=30, what=f"the old one leaves all: {_lanes(old)}")
    eventually(lambda: world.proxies[0].codes["NEWER"] >= asked + 8, within_s=30, what="the old one looks again twice")
    assert world.backlog() == waiting
    assert _content(world) == before
    assert old.health()["status"] == "ok"  # and readiness holds: health() raises otherwise
    assert REMEDIES[Code.NEWER] in _lanes(old)
    for one in upgraded:
        one.start()
    world.drain()
    return len(before)


def _replace(world: Arena, one: Orchestrator) -> None:
    world.push(BURST)
    one.end(_END_S)
    one.state_format = NEXT_FORMAT
    one.start()
    world.note(f"{one.name} is of the next version, with {world.backlog()} queued")
    _started([one])


def _started(fleet: list[Orchestrator]) -> None:
    for one in fleet:
        what = f"{one.name} starts"
        eventually(lambda one=one: one.logged("registry read") and one.logged("serving"), within_s=30, what=what)  # type: ignore[misc]


def _load(world: Arena, rounds: int) -> None:
    """Push a while, with every process ready all the time."""
    for _ in range(rounds):
        world.push(BURST // 4)
        for one in world.fleet:
            assert one.health()["status"] == "ok"
        time.sleep(world.random.uniform(0.0, 0.1))


def _all_migrated(world: Arena) -> bool:
    world.push(4)
    with world.server.client() as client:
        found: Any = [client.hget(BrandKeys.of(brand).meta, "format") for brand in world.traffic.books]
    return {int(number) for number in found} == {NEXT_FORMAT}


def _lanes(one: Orchestrator) -> str:
    return str(one.health()["checks"]["lanes"]["detail"])


def _content(world: Arena) -> list[list[bytes | None]]:
    """What there is of each brand but its queue."""
    with world.server.client() as client:
        keys = [BrandKeys.of(brand) for brand in world.traffic.books]
        return [[client.dump(getattr(own, part)) for part in _KEPT] for own in keys]
