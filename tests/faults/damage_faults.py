"""Campaigns against what is stored: bits flipped, keys deleted and evicted, under orchestrators that are warm.

Whatever happens has to be said, by the log and by ``/health``: a brand that is damaged is parked and the others go on,
and after the remedy of ``docs/reliability.md`` nothing is missing and nothing counts twice.
"""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from orchestrator.contract.keys import BrandKeys
from orchestrator.contract.segments import MARK
from tests.faults.campaign import Arena, Figures, arena
from tests.faults.fleet import eventually
from tests.faults.process_faults import BURST, working
from tests.faults.traffic import recount

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import redis

_WITHIN_S: Final = 30.0
_KEPT: Final = ("meta", "state", "digests0", "digests1", "summary", "segments")

DELETED: Final = {"state": True, "segments": True, "digests0": True, "meta": False, "summary": False}
"""Keys that are deleted, and whether the brand cannot go on without somebody who puts them back."""

NUMBERS: Final = ("epoch", "version", "attempts", "due", "seen_since", "fields")
DAMAGED: Final = ("inf", "nan", "1e300", "abc", "-5", "9223372036854775807")


def delete_keys(folder: Path, *, seed: int, rounds: int) -> Figures:
    """Delete each kind of key of a brand under warm orchestrators, put it back where that is the remedy, and go on."""
    parked = 0
    with arena(folder, seed, size=2) as world:
        working(world)
        world.push(BURST)
        for _ in range(rounds):
            for part, needs_help in DELETED.items():
                with _victim(world) as keys, world.server.client() as client:
                    name = getattr(keys, part)
                    copy = client.dump(name)
                    world.note(f"{name} deleted")
                    client.delete(name)
                    world.push(BURST // 4)
                    if needs_help and copy is not None:
                        _wait_for_parking(world, keys, f"{name!r} has")
                        parked += 1
                        client.restore(name, 0, copy, replace=True)
        drained_s = world.drain()
        eventually(lambda: healthy(world), within_s=_WITHIN_S, what="nothing is parked any more")
        figures = {"keys deleted": rounds * len(DELETED), "parked": parked, "drained s": round(drained_s, 1)}
        return figures | {"leases lost": world.leases_lost(), **world.verify()}


def damage_at_rest(folder: Path, *, seed: int, damages: int) -> Figures:
    """Damage what nobody holds, in turn a bit of the state and a number of meta; all is well once it is put back."""
    flipped = 0
    with arena(folder, seed, size=2) as world:
        working(world)
        for number in range(damages):
            world.push(BURST // 4)
            with _victim(world) as keys, world.server.client() as client:
                for one in world.fleet:
                    one.kill()
                flip = number % 2 == 0
                damage = _flip_bit(world, client, keys) if flip else _damage_number(world, client, keys)
                flipped += flip
                for one in world.fleet:
                    one.start()
                world.push(BURST // 4)
                _wait_for_parking(world, keys, damage.named)
                damage.mend()
        drained_s = world.drain()
        eventually(lambda: healthy(world), within_s=_WITHIN_S, what="nothing is parked any more")
        figures = {"bits flipped": flipped, "numbers damaged": damages - flipped, "parked": damages}
        return figures | {"drained s": round(drained_s, 1), **world.verify()}


def accept_losses(folder: Path, *, seed: int, rounds: int) -> Figures:
    """Delete the state, what lies apart of it, or what was seen, under a live fleet; then accept that, as documented.

    All the while the processes live and hold the brand in memory. From the acceptance on what is there is what counts:
    of the state nothing, without segments all but the stories, of what was seen no chunk is there to be pushed again.
    So the totals are known.
    """
    with arena(folder, seed, size=2, garbage_rate=0.0) as world:
        world.traffic.duplicate_rate = 0.0  # whether an older chunk counts again depends on what is deleted
        working(world)
        world.push(BURST)
        for number in range(rounds):
            part = ("state", "digests0", "segments")[number % 3]
            with _victim(world) as keys, world.server.client() as client:
                world.note(f"{part} of {keys.brand!r} deleted")
                client.delete(getattr(keys, part))
                if part == "state":
                    world.traffic.books[keys.brand].rewind([])
                world.push(BURST // 4)
                _wait_for_parking(world, keys, f"{getattr(keys, part)!r} has")
                accepted(world, keys.brand)
                eventually(
                    lambda: not client.exists(keys.queue),
                    within_s=_WITHIN_S,
                    what=f"{keys.brand!r} goes on",
                )
        drained_s = world.drain()
        eventually(lambda: healthy(world), within_s=_WITHIN_S, what="nothing is parked any more")
        figures = {"losses accepted": rounds, "leases lost": world.leases_lost(), "drained s": round(drained_s, 1)}
        return {**figures, **world.verify(in_order=False)}


def accepted(world: Arena, brand: str) -> None:
    """``orchestrator repair --accept-loss``, again while somebody looks at the brand at this very moment.

    A command that comes second, after a first one whose process was slow to say so, finds nothing to do.
    """
    command = [sys.executable, "-m", "orchestrator", "repair", "--accept-loss", brand]
    deadline = time.monotonic() + _WITHIN_S
    while time.monotonic() < deadline:
        done = subprocess.run(command, env=world.fleet[0].environment, capture_output=True, text=True, check=False)
        world.note(f"repair {brand!r}: {done.stdout.strip()} {done.stderr.strip()}")
        if done.returncode == 0:
            assert "is what counts from now on" in done.stdout, done.stdout + done.stderr
            return
        assert "leased by another orchestrator" in done.stderr, done.stderr
    raise AssertionError(f"{brand!r} stayed busy")


@dataclass(frozen=True)
class Damage:
    """What was done: how the reason names it, and what an operator does about it."""

    named: str
    mend: Callable[[], object]


def _flip_bit(world: Arena, client: redis.Redis, keys: BrandKeys) -> Damage:
    fields: list[Any] = [(key, name) for key in (keys.state, keys.segments) for name in client.hkeys(key)]
    key, field = world.random.choice(sorted(fields))
    value: Any = client.hget(key, field)
    place = world.random.randrange(len(value))
    flipped = value[:place] + bytes([value[place] ^ 1 << world.random.randrange(8)]) + value[place + 1 :]
    world.note(f"a bit of {field!r} of {key} flipped at {place} of {len(value)}")
    client.hset(key, field, flipped)
    # Where a killed process left strays, acquire looks at the references, and finds one less.
    named = (
        "segments' has" if value[:1] == MARK and client.hlen(keys.segments) > _counted(client, keys) else "state field"
    )
    return Damage(named, partial(client.hset, key, field, value))


def _counted(client: redis.Redis, keys: BrandKeys) -> int:
    found: Any = client.hget(keys.meta, "segments")
    return int(found or 0)


def _damage_number(world: Arena, client: redis.Redis, keys: BrandKeys) -> Damage:
    field, value = world.random.choice(NUMBERS), world.random.choice(DAMAGED)
    world.note(f"{field} of {keys.meta} is {value}")
    client.hset(keys.meta, field, value)
    return Damage(f"field {field!r}", partial(client.hdel, keys.meta, field))


@contextmanager
def _victim(world: Arena) -> Iterator[BrandKeys]:
    """The keys of a brand; everything is committed before and nobody works then."""
    world.drain()
    yield BrandKeys.of(world.random.choice(sorted(world.traffic.books)))


def _wait_for_parking(world: Arena, keys: BrandKeys, reason: str) -> None:
    """Wait until both processes name the brand in ``/health``; its chunks and summary stay, the others go on."""
    brand = keys.brand
    with world.server.client() as client:
        for one in world.fleet:

            def says(one: Any = one) -> bool:
                return f"{brand!r}: " in lanes_of(one) and reason in lanes_of(one)

            eventually(says, within_s=_WITHIN_S, what=f"{one.name} names {brand!r}: {reason}")
        others = [BrandKeys.of(other).queue for other in world.traffic.books if other != brand]
        eventually(lambda: not client.exists(*others), within_s=_WITHIN_S, what="the other brands go on")
        assert client.llen(keys.queue) > 0, f"{brand!r} went on"


def lanes_of(one: Any) -> str:
    """What ``/health`` of an orchestrator says of its lanes, and so of brands that are parked; empty: no answer."""
    try:
        return str(one.health()["checks"]["lanes"]["detail"])
    except (OSError, IndexError):
        return ""  # it has just been started


def healthy(world: Arena) -> bool:
    """Whether no brand is parked."""
    return all("parked" not in lanes_of(one) for one in world.fleet)


@dataclass(frozen=True)
class Fate:
    """What has to become of a brand of which some keys were evicted.

    Attributes:
        parked: it is not worked on, because what is left does not fit its last commit.
        anew: nothing is left that says that it ever had a commit, and its state is gone.
    """

    parked: bool
    anew: bool

    @classmethod
    def of(cls, client: redis.Redis, keys: BrandKeys, before: set[str]) -> Fate:
        """By what is gone."""
        gone = {part for part in before if not client.exists(getattr(keys, part))}
        known = client.hexists(keys.meta, "cid")  # a lease may have begun meta anew by now
        # Without meta the state is loaded all the same, and needs what it refers to.
        needed = {"state", "digests0", "digests1", "segments"} if known else {"segments"}
        anew = not known and "state" in gone
        return cls(parked=bool(gone & needed) and not anew, anew=anew)


def evict_keys(folder: Path, *, seed: int, evictions: int) -> Figures:
    """Switch on eviction under warm orchestrators, with queues drained; afterwards each brand is as what is gone says.

    Queues are left out: what is evicted with them is gone before anybody has seen it.
    """
    counts = {"parked": 0, "begun anew": 0, "went on": 0}
    for number in range(evictions):
        with arena(folder, seed + number, size=2, garbage_rate=0.0) as world:
            world.traffic.duplicate_rate = 0.0  # what of an older chunk counts again depends on what is evicted
            working(world)
            world.push(BURST)
            world.drain()
            with world.server.client() as client:
                fates = _evict(world, client)
                world.traffic.register(client)
                for brand, fate in fates.items():
                    if fate.anew:
                        world.traffic.books[brand].rewind([])
                world.push(BURST // 4)
                for brand, fate in fates.items():
                    _check_fate(world, client, brand, fate)
                    counts["parked" if fate.parked else "begun anew" if fate.anew else "went on"] += 1
    return {"evictions": evictions, **counts, "other totals": 0}


def _evict(world: Arena, client: redis.Redis) -> dict[str, Fate]:
    all_keys = {brand: BrandKeys.of(brand) for brand in world.traffic.books}
    before = {brand: {part for part in _KEPT if client.exists(getattr(keys, part))} for brand, keys in all_keys.items()}
    there = client.dbsize()
    client.config_set("maxmemory-policy", "allkeys-random")
    # Anything is too much: each write evicts until it fits or nothing is left. So a little below what is used now.
    used = int(client.info("memory")["used_memory"])
    limit = used - 1
    while client.dbsize() > there - 6:
        limit -= used // 200
        client.config_set("maxmemory", max(limit, 1))
        client.set("a write", "that evicts")
    client.config_set("maxmemory", 0)
    client.config_set("maxmemory-policy", "noeviction")
    fates = {brand: Fate.of(client, keys, before[brand]) for brand, keys in all_keys.items()}
    world.note(f"{there - client.dbsize()} keys evicted: {fates}")
    return fates


def _check_fate(world: Arena, client: redis.Redis, brand: str, fate: Fate) -> None:
    keys = BrandKeys.of(brand)
    if fate.parked:
        eventually(
            lambda: all(f"{brand!r}: " in lanes_of(one) for one in world.fleet),
            within_s=_WITHIN_S,
            what=f"{brand!r} is parked",
        )
        assert client.llen(keys.queue) > 0
        return
    eventually(lambda: not client.exists(keys.queue), within_s=_WITHIN_S, what=f"{brand!r} is drained")
    book = world.traffic.books[brand]
    assert recount(client, book) == [], f"{brand!r}: {fate}"
