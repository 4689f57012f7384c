"""Removing all that is kept of a brand, on every server: in one step, under any lease, never counted twice after."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from orchestrator.contract.keys import PARKED_KEY, PAUSED_KEY, BrandKeys
from orchestrator.errors import BrandBusyError, LeaseLostError, StoreRefusedError
from orchestrator.store import Store, pauses
from orchestrator.store.purge import HOLD_S, Holdings, look, purge
from orchestrator.store.scripts import KEY_TYPES
from orchestrator.store.types import StoredDigests
from tests.redis_server import RedisServer, servers
from tests.store.world import added, commit_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    import redis

    from tests.store.world import World

DIGEST = b"d" * 16


@pytest.fixture(autouse=True)
def _nothing_of_all_brands(any_client: redis.Redis) -> Iterator[None]:
    """Keys of all brands: what one test leaves there is none of the next one's business."""
    any_client.delete(PAUSED_KEY, PARKED_KEY)
    yield
    any_client.delete(PAUSED_KEY, PARKED_KEY)


def fill(world: World, **more: Any) -> None:
    """A commit that writes all that a commit can, and a chunk that stays."""
    lease, peek = world.holding(b"x", b"y")
    everything: dict[str, Any] = {
        "digests": added(DIGEST),
        "failed": [b"{}"],
        "summary": b"{}",
        "spikes": [b"s"],
        "outbox": [b"{}"],
    }
    everything |= {"trend_put": {b"t": b"1"}, "recent": [b"r"], "consumed": 1, "tail": b"x"}
    world.store.commit(lease, commit_of(peek, **(everything | more)))
    world.store.release(lease)


def names(world: World) -> set[str]:
    """Attributes of the brand's keys that exist."""
    return {name for name in BrandKeys.__slots__ if name != "brand" and world.client.exists(getattr(world.keys, name))}


def end_hold(world: World) -> None:
    """What the expiry of the purge's lock does; it takes more than a millisecond."""
    purged_ms = milliseconds(world)
    while milliseconds(world) == purged_ms:
        pass
    world.client.delete(world.keys.lock)


def milliseconds(world: World) -> int:
    """The server's time."""
    seconds, microseconds = world.client.time()
    return int(seconds) * 1000 + int(microseconds) // 1000


def test_a_purge_removes_every_key_of_the_brand(world: World) -> None:
    """But the queue and the dead letters, which are not ours alone; the lock goes by itself."""
    fill(world)
    world.client.hset(world.keys.retried, "x", "1 1 x")
    world.client.set(world.keys.telling, "t")
    assert names(world) >= {"state", "meta", "digests0", "summary", "spike", "trend", "recent", "outbox", "retried"}
    done = purge(world.client, world.brand)
    assert (done.held, done.chunks, done.letters) == (False, 0, 0)
    assert done.keys == 10
    assert names(world) == {"lock", "queue", "failed"}
    assert 0 < world.client.pttl(world.keys.lock) <= HOLD_S * 1000


def test_queue_and_dead_letters_go_if_they_are_asked_for(world: World) -> None:
    """And are counted."""
    fill(world)
    world.push(b"z")
    done = purge(world.client, world.brand, queue=True, letters=True)
    assert (done.chunks, done.letters) == (2, 1)
    assert names(world) == {"lock"}


def test_each_is_asked_for_alone(world: World) -> None:
    """One does not mean the other."""
    fill(world)
    assert purge(world.client, world.brand, letters=True).letters == 1
    assert names(world) == {"lock", "queue"}
    assert purge(world.client, world.brand, queue=True).chunks == 1


def test_who_holds_the_brand_writes_nothing_back(world: World) -> None:
    """A batch that was folded from the old state is refused, and the queue still has it."""
    lease, peek = world.holding(b"x")
    assert purge(world.client, world.brand).held
    with world.refused(LeaseLostError):
        world.store.commit(lease, commit_of(peek))
    with world.refused(LeaseLostError):
        world.store.peek(lease, 1)
    assert world.client.llen(world.keys.queue) == 1


def test_nobody_begins_anew_before_all_have_heard_of_it(world: World) -> None:
    """A process that does not know yet that the brand is not registered any more would write a state again."""
    fill(world)
    purge(world.client, world.brand, hold_s=2.0)
    with pytest.raises(BrandBusyError):
        world.lease()
    assert world.client.pttl(world.keys.lock) <= 2000


def test_processes_are_told_to_look(world: World) -> None:
    """By the revision that travels with each claim; it is gone by itself, and with the next pause its expiry."""
    before = world.store.claim([world.brand]).pauses
    purge(world.client, world.brand)
    told = world.store.claim([world.brand]).pauses
    assert told != before
    assert 0 < world.client.pttl(PAUSED_KEY) <= 12 * HOLD_S * 1000
    purge(world.client, world.brand)
    assert world.store.claim([world.brand]).pauses != told
    pauses.pause(world.client, ["other"], by="x")
    assert world.client.pttl(PAUSED_KEY) == -1
    purge(world.client, world.brand)
    assert world.client.pttl(PAUSED_KEY) == -1
    assert list(pauses.paused(world.client, ["other"])) == ["other"]


def test_what_all_brands_share_forgets_the_brand(world: World) -> None:
    """Its pause and why it was parked; those of others stay."""
    pauses.pause(world.client, [world.brand, "other"], by="x")
    world.client.hset(PARKED_KEY, mapping={world.brand: "{}", "other": "{}"})
    purge(world.client, world.brand)
    assert list(pauses.paused(world.client, [world.brand, "other"])) == ["other"]
    assert world.client.hkeys(PARKED_KEY) == [b"other"]


def test_a_brand_begins_anew_with_a_later_epoch(world: World) -> None:
    """Readers keep the greatest (epoch, version): the new summary is later than any before, and nothing is known."""
    first = world.lease()
    purge(world.client, world.brand)
    end_hold(world)
    again = world.lease()
    assert (again.version, again.cid, again.attempts) == (0, "", 0)
    assert again.epoch > first.epoch
    assert world.store.load(again) == ({}, StoredDigests())


def test_an_epoch_ahead_of_the_clock_is_kept(world: World) -> None:
    """The clock was set back: by it alone the next epoch would be one that readers think old."""
    ahead = world.lease().epoch + 10**9
    world.client.hset(world.keys.meta, mapping={"epoch": ahead, "cid": "x", "version": 3})
    purge(world.client, world.brand)
    assert world.client.hgetall(world.keys.meta) == {b"epoch": b"%d" % ahead}
    end_hold(world)
    again = world.lease()
    assert (again.epoch, again.version, again.cid) == (ahead + 1, 0, "")


@pytest.mark.parametrize("epoch", [b"", b"inf", b"-1", b"\xff", b"9" * 16, b"1e15"])
def test_an_epoch_that_is_none_is_not_kept(world: World, epoch: bytes) -> None:
    """A damaged brand is what people purge."""
    world.client.hset(world.keys.meta, "epoch", epoch)
    purge(world.client, world.brand)
    assert not world.client.exists(world.keys.meta)


@pytest.mark.parametrize("part", sorted(set(BrandKeys.__slots__) - {"brand"}))
def test_keys_of_foreign_types_go_too(world: World, part: str) -> None:
    """Whatever somebody put there: a purge is how a brand that is parked for it begins anew."""
    fill(world)
    world.client.delete(getattr(world.keys, part))
    world.client.zadd(getattr(world.keys, part), {"stranger": 1})
    assert look(world.client, world.brand).keys
    purge(world.client, world.brand, queue=True, letters=True)
    end_hold(world)
    assert names(world) == set()


def test_foreign_types_of_what_all_brands_share_stay(world: World) -> None:
    """They are nothing of this brand; the purge goes through."""
    fill(world)
    world.client.set(PAUSED_KEY, "x")
    world.client.set(PARKED_KEY, "x")
    purge(world.client, world.brand)
    assert names(world) == {"lock", "queue", "failed"}
    assert world.client.get(PAUSED_KEY) == world.client.get(PARKED_KEY) == b"x"


def test_a_purge_may_be_repeated(world: World) -> None:
    """It was killed before it heard the answer, or somebody else purges as well."""
    fill(world)
    purge(world.client, world.brand)
    again = purge(world.client, world.brand)
    assert (again.held, again.keys) == (True, 0)


def test_keys_of_other_brands_stay(world: World) -> None:
    """Also those whose names begin alike, and what workers keep of this one."""
    fill(world)
    of_workers = f"spike:brand:{world.brand}:cluster"
    world.client.set(of_workers, "x")
    other = BrandKeys.of(f"{world.brand} 2")
    world.client.set(other.summary, "x")
    purge(world.client, world.brand, queue=True, letters=True)
    assert world.client.exists(of_workers, other.summary) == 2
    world.client.delete(of_workers, other.summary)


def test_look_tells_what_would_go(world: World) -> None:
    """In numbers; of a brand that never was, nothing."""
    assert look(world.client, world.brand) == Holdings(
        0, 0, summary=False, spikes=0, untold=0, queued=0, letters=0, keys=0
    )
    fill(world)
    assert look(world.client, world.brand) == Holdings(
        1, 1, summary=True, spikes=1, untold=1, queued=1, letters=1, keys=8
    )


@pytest.mark.parametrize("program", servers(), ids=str)
@pytest.mark.parametrize("command", ["pexpire", "set", "hset", "hdel", "unlink", "type", "hget", "exists"])
def test_a_forbidden_command_purges_nothing(program: Any, command: str, brand: str) -> None:
    """At most the lease is taken: what is kept stays whole, and another purge does it."""
    with RedisServer(program) as server:
        admin = server.client()
        admin.execute_command("ACL", "SETUSER", "limited", "reset", "on", ">pw", "~*", "&*", "+@all", f"-{command}")  # type: ignore[no-untyped-call]
        client = server.client(username="limited", password="pw")  # noqa: S106 - of a server that lives for a second
        keys = BrandKeys.of(brand)
        contents = [getattr(keys, part) for part in KEY_TYPES if part not in {"lock", "meta"}]
        for name in contents:
            admin.set(name, "x")
        admin.hset(keys.meta, "epoch", 1)
        admin.hset(PAUSED_KEY, brand, "mark")
        with pytest.raises(StoreRefusedError):
            purge(client, brand, queue=True, letters=True)
        assert admin.exists(*contents) == len(contents)
        assert admin.hget(PAUSED_KEY, brand) == b"mark"  # a brand that is there does not go on by itself
        client.close()
        admin.close()


@pytest.mark.parametrize("program", servers(), ids=str)
def test_a_full_redis_can_be_purged(program: Any, brand: str) -> None:
    """Making room is a reason to purge."""
    with RedisServer(program) as server:
        client = server.client()
        keys = BrandKeys.of(brand)
        client.set(keys.summary, "x")
        client.hset(keys.meta, "epoch", Store(client).acquire("other", "t").epoch + 10**9)
        client.config_set("maxmemory", 1)
        assert purge(client, brand).keys == 2
        assert client.hlen(keys.meta) == 1
        client.close()
