"""The guard of settings in acquire, commit and adopt: who gets a brand, and what a yes is good for."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator.contract.fingerprint import NO_CHANGE, Fingerprint, Verdict
from orchestrator.contract.keys import BrandKeys
from orchestrator.errors import (
    BrandBusyError,
    InvalidStateError,
    SettingsRefusedError,
    StoreUnavailableError,
    UnreadableSettingsError,
    WrongTypeError,
)
from orchestrator.store import Lease, Store, StoreOptions, connect
from orchestrator.store.stored_settings import StoredSettings, adopt, stored_settings
from tests.redis_server import RedisServer
from tests.store.world import World, commit_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

WIDE = Fingerprint({"SUMMARY_WINDOW_SEC": 86_400, "MAX_STORIES": 5_000, "MERGE_SIMILARITY_THRESHOLD": 0.75})
NARROW = Fingerprint({**WIDE.values, "SUMMARY_WINDOW_SEC": 900})
NARROWEST = Fingerprint({**WIDE.values, "SUMMARY_WINDOW_SEC": 900, "MAX_STORIES": 1})
OTHER = Fingerprint({**WIDE.values, "MERGE_SIMILARITY_THRESHOLD": 0.5})


def store_of(world: World, fingerprint: Fingerprint, *, yes: bool = False) -> Store:
    """A store of a process with those settings."""
    return Store(world.client, StoreOptions(fingerprint=fingerprint, adopt=yes))


def acquire(world: World, fingerprint: Fingerprint) -> Lease:
    """A lease of a process with those settings."""
    return store_of(world, fingerprint).acquire(world.brand, "t")


def commit(world: World, fingerprint: Fingerprint, *, yes: bool = False) -> Lease:
    """One chunk committed by a process with those settings, and the brand let go."""
    store = store_of(world, fingerprint, yes=yes)
    world.push(b"chunk")
    lease = store.acquire(world.brand, f"{fingerprint} {yes}")
    store.commit(lease, commit_of(store.peek(lease, 9)))
    store.release(lease)
    return lease


def adopted(world: World, seen: Fingerprint, mine: Fingerprint) -> bool:
    """What an operator does."""
    return adopt(world.client, world.brand, seen.text().encode(), mine)


def stored(world: World) -> StoredSettings | None:
    """What the meta hash says."""
    return stored_settings(world.client, [world.brand]).get(world.brand)


def test_commit_writes_the_settings_that_people_can_read(world: World) -> None:
    """Acquiring a brand writes none: until a commit the state is what it was."""
    assert acquire(world, WIDE).taken_over == NO_CHANGE
    assert stored(world) is None
    world.client.delete(world.keys.lock)
    commit(world, WIDE)
    assert stored(world) == StoredSettings(
        b'{"SUMMARY_WINDOW_SEC":86400,"MAX_STORIES":5000,"MERGE_SIMILARITY_THRESHOLD":0.75}', b""
    )


def test_acquire_with_the_same_settings_takes_nothing_over(world: World) -> None:
    """A restart tells nothing."""
    commit(world, WIDE)
    assert commit(world, WIDE).taken_over == NO_CHANGE


@pytest.mark.parametrize(("before", "after"), [(WIDE, OTHER), (NARROW, WIDE), (NARROWEST, WIDE)])
def test_acquire_takes_over_what_throws_nothing_away(world: World, before: Fingerprint, after: Fingerprint) -> None:
    """A new threshold or a larger bound just works, and is told once: the commit writes the new settings."""
    commit(world, before)
    lease = commit(world, after)
    assert lease.taken_over.verdict is Verdict.TAKE_OVER
    assert lease.version == 1
    assert commit(world, after).taken_over == NO_CHANGE


def test_acquire_takes_over_a_state_that_says_nothing_of_settings(world: World) -> None:
    """Older versions wrote none."""
    commit(world, WIDE)
    world.client.hdel(world.keys.meta, "settings")
    lease = commit(world, NARROW)
    assert lease.taken_over.verdict is Verdict.TAKE_OVER
    assert commit(world, NARROW).taken_over == NO_CHANGE


def test_acquire_is_refused_where_history_would_be_lost(world: World) -> None:
    """Nothing of the brand is changed, not even its lock, and those with its settings go on."""
    commit(world, WIDE)
    with world.refused(SettingsRefusedError):
        acquire(world, NARROW)
    assert commit(world, WIDE).version == 1


def test_acquire_is_refused_while_the_brand_is_leased(world: World) -> None:
    """Else who is refused would come back as soon as the lock is gone, again and again."""
    commit(world, WIDE)
    world.client.set(world.keys.lock, "somebody else", px=9_000)
    with world.refused(SettingsRefusedError):
        acquire(world, NARROW)
    with world.refused(BrandBusyError):
        acquire(world, OTHER)


def test_acquire_refuses_settings_that_cannot_be_read(world: World) -> None:
    """A larger window may hide behind the damage."""
    commit(world, WIDE)
    world.client.hset(world.keys.meta, "settings", "damage")
    with world.refused(InvalidStateError):
        acquire(world, WIDE)


def test_acquire_agrees_to_what_was_looked_at_only(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody widens the window between the look and the lease: the brand is left for a moment, nothing is lost."""
    commit(world, NARROW)
    store = store_of(world, OTHER)
    ask = store._acquire

    def interrupted(keys: BrandKeys, wish: Any, agreed: str | bytes) -> object:
        reply = ask(keys, wish, agreed)
        if agreed == OTHER.text():
            world.client.hset(keys.meta, "settings", Fingerprint({"SUMMARY_WINDOW_SEC": 604_800}).text())
        return reply

    monkeypatch.setattr(store, "_acquire", interrupted)
    with pytest.raises(BrandBusyError):
        store.acquire(world.brand, "t")
    assert not world.client.exists(world.keys.lock)


def test_acquire_goes_on_with_a_yes_for_every_brand(world: World) -> None:
    """A process that was started with it needs no other one."""
    commit(world, WIDE)
    lease = commit(world, NARROW, yes=True)
    assert lease.taken_over.verdict is Verdict.WOULD_LOSE
    assert commit(world, NARROW).taken_over == NO_CHANGE


def test_adopt_lets_the_settings_in_that_it_names(world: World) -> None:
    """Those of the state stay until a commit, and processes with still other settings stay away."""
    commit(world, WIDE)
    assert adopted(world, WIDE, NARROW)
    assert stored(world) == StoredSettings(WIDE.text().encode(), NARROW.text().encode())
    with world.refused(SettingsRefusedError):
        acquire(world, NARROWEST)
    assert commit(world, NARROW).taken_over.verdict is Verdict.WOULD_LOSE
    assert stored(world) == StoredSettings(NARROW.text().encode(), b"")


def test_adopt_disturbs_nobody_and_outlives_commits(world: World) -> None:
    """The one who holds the brand goes on, and the yes waits for the one whom it is for."""
    commit(world, WIDE)
    store = store_of(world, WIDE)
    world.push(b"chunk")
    lease = store.acquire(world.brand, "holder")
    peek = store.peek(lease, 9)
    assert adopted(world, WIDE, NARROW)
    assert store.commit(lease, commit_of(peek)).version == 2
    store.release(lease)
    assert acquire(world, NARROW).taken_over.verdict is Verdict.WOULD_LOSE


def test_a_yes_ends_when_the_settings_of_the_state_change(world: World) -> None:
    """It was said to losing a day, and not to losing the week that somebody keeps since."""
    commit(world, WIDE)
    assert adopted(world, WIDE, NARROW)
    commit(world, Fingerprint({**WIDE.values, "SUMMARY_WINDOW_SEC": 604_800}))
    with world.refused(SettingsRefusedError):
        acquire(world, NARROW)


def test_adopt_says_yes_to_what_was_looked_at_only(world: World) -> None:
    """Other settings by now, or none at all: the operator looks again."""
    with world.refused_quietly():
        assert not adopted(world, WIDE, NARROW)
        assert not adopted(world, Fingerprint({}), NARROW)
        assert not adopt(world.client, world.brand, b"", NARROW)
    commit(world, WIDE)
    with world.refused_quietly():
        assert not adopted(world, OTHER, NARROW)


def test_adopt_may_be_delivered_twice(world: World) -> None:
    """A command whose answer got lost, or that was killed, is repeated."""
    commit(world, WIDE)
    assert adopted(world, WIDE, NARROW)
    assert adopted(world, WIDE, NARROW)
    assert commit(world, NARROW).version == 1


def test_adopt_goes_through_at_maxmemory() -> None:
    """The queue of a brand that waits for the yes is what fills a Redis."""
    with RedisServer() as server:
        client = server.client()
        world = World(client, Store(client), "nike")
        commit(world, WIDE)
        client.config_set("maxmemory", 1)
        assert adopted(world, WIDE, NARROW)
        assert acquire(world, NARROW).version == 1
        client.close()


def test_adopt_refuses_a_key_of_a_foreign_type(world: World) -> None:
    """It is named, and left as it is."""
    world.client.set(world.keys.meta, "mine")
    with world.refused(WrongTypeError):
        adopted(world, WIDE, NARROW)
    assert stored(world) is None


def test_stored_settings_are_those_of_many_brands(world: World) -> None:
    """Brands that say nothing are not named."""
    commit(world, WIDE)
    names = [*(f"{world.brand} {number}" for number in range(1_100)), world.brand]
    world.client.hset(BrandKeys.of(names[600]).meta, "settings", "x")
    assert set(stored_settings(world.client, names)) == {names[600], world.brand}


def test_stored_settings_need_an_answer(tmp_path: Path) -> None:
    """Without one nothing is said about any brand."""
    client = connect(f"unix://{tmp_path}/none.sock", timeout_s=1.0, pool_size=1)
    with pytest.raises(StoreUnavailableError):
        stored_settings(client, ["nike"])
    client.close()


OWN = {"MERGE_SIMILARITY_THRESHOLD": 0.9}


def give(world: World, own: Mapping[str, int | float]) -> None:
    """Commit a chunk, and with it what the brand has of its own."""
    store = store_of(world, WIDE)
    world.push(b"chunk")
    lease = store.acquire(world.brand, f"{own}")
    store.commit(lease, replace(commit_of(store.peek(lease, 9)), own=own))
    store.release(lease)


def test_a_brands_own_settings_come_with_its_lease_and_stay(world: World) -> None:
    """Whatever the process has; a commit that says nothing of them leaves them, and one that says none drops them."""
    give(world, OWN)
    for fingerprint in (WIDE, OTHER):
        lease = commit(world, fingerprint)
        assert (lease.own, lease.taken_over) == (OWN, NO_CHANGE)
        found = stored(world)
        assert found is not None
        assert found.settings.decode() == fingerprint.owning(OWN).text()
    give(world, {})
    assert commit(world, WIDE).own == {}
    assert stored(world) == StoredSettings(WIDE.text().encode(), b"")


def test_who_knows_a_brands_own_settings_asks_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """And who knows others is told in time, as if it knew none."""
    give(world, OWN)
    store = store_of(world, WIDE)
    asked, ask = [], store._acquire

    def counting(keys: BrandKeys, wish: Any, agreed: str | bytes) -> object:
        asked.append(agreed)
        return ask(keys, wish, agreed)

    monkeypatch.setattr(store, "_acquire", counting)
    for known, times in ((OWN, 1), ({}, 2), ({"MAX_STORIES": 1}, 2)):
        asked.clear()
        assert store.acquire(world.brand, "t", own=known).own == OWN
        assert len(asked) == times


@pytest.mark.parametrize("own", ['{"MERGE_SIMILARITY_THRESHOLD":7}', '{"MORE":1}', "7"])
def test_acquire_refuses_own_settings_that_cannot_be(world: World, own: str) -> None:
    """The brand is parked by name, and nothing is changed; a yes for the brand lets it go on without them."""
    commit(world, WIDE)
    world.client.hset(world.keys.meta, "settings", f"[{WIDE.text()},{own}]")
    with world.refused(UnreadableSettingsError):
        acquire(world, WIDE)
    seen = stored(world)
    assert seen is not None
    assert adopt(world.client, world.brand, seen.settings, WIDE)
    assert commit(world, WIDE).own == {}
    assert stored(world) == StoredSettings(WIDE.text().encode(), b"")


def test_own_settings_go_with_the_meta_that_lost_them(world: World) -> None:
    """Who knew them does not go on with what is not there any more; what the state says of bounds still refuses."""
    give(world, OWN)
    world.client.hdel(world.keys.meta, "settings")
    lease = store_of(world, WIDE).acquire(world.brand, "t", own=OWN)
    assert (lease.own, lease.settled) == ({}, False)
