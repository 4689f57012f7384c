"""Scripted schedules: what is answered when orchestrators meet at the worst moment, and that an error changes nothing.

Random chaos does not notice the removal of a single guard; these do. Each schedule is the shortest one that loses or
doubles chunks without its guard. "Changed nothing" compares DUMPs of every key of the brand, expiry included.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import pytest

from orchestrator.contract.segments import LARGE_BYTES
from orchestrator.errors import (
    LeaseLostError,
    QueueMovedError,
    SegmentLostError,
    StaleStateError,
    StoreRefusedError,
    StoreUnavailableError,
)
from orchestrator.store import ReadOn, Store, StoreOptions, pauses
from orchestrator.store.purge import purge
from orchestrator.store.types import Remember
from tests.redis_server import RedisServer, servers
from tests.store.world import World, added, commit_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import redis

D1, D2 = (bytes([number]) * 16 for number in (1, 2))
FULL = {
    "remove": [b"gone"],
    "digests": added(D1, how=Remember.ROTATE),
    "failed": [b"{}"],
    "summary": b"{}",
    "spikes": [b"s"],
    "trend_put": {b"t": b"1"},
    "trend_remove": [b"gone"],
    "recent": [b"r"],
}
"""A commit that uses every command."""

WRITES = ("pexpire", "set", "hset", "hdel", "ltrim", "append", "rename", "rpush")
READS = ("type", "hmget", "get", "hget", "hlen", "hstrlen", "llen", "lpos", "strlen")


@pytest.fixture(scope="module", params=servers(), ids=str)
def private(request: pytest.FixtureRequest) -> Iterator[RedisServer]:
    """A server of each kind that these tests may reconfigure."""
    program: Path = request.param
    with RedisServer(program) as server:
        yield server


@pytest.fixture
def admin(private: RedisServer) -> Iterator[redis.Redis]:
    """A client that may do everything, whatever the test forbids the others; it heals the server afterwards."""
    client = private.client()
    yield client
    client.execute_command("ACL", "SETUSER", "limited", "reset")  # type: ignore[no-untyped-call]
    client.config_set("maxmemory", 0)
    client.close()


def dumps(client: redis.Redis, world: World) -> dict[bytes, tuple[object, bool]]:
    """Every key of the brand as Redis would save it; for the lock only who holds it, since refusals may extend it.

    Those of other tests are left out: their locks expire while this one waits for its turn on a busy machine.
    """
    lock = world.keys.lock.encode()
    names = [key for key in cast("list[bytes]", client.keys()) if world.brand.encode() in key]
    return {key: (client.dump(key) if key != lock else client.get(key), client.ttl(key) == -1) for key in names}


# -- two orchestrators


def test_a_paused_holder_cannot_commit_after_the_takeover(world: World) -> None:
    """A folds, sleeps past its ttl, B takes over and commits the same chunk: A's commit would count it twice."""
    a, peek = world.holding(b"x", b"y")
    world.client.delete(world.keys.lock)  # what expiry does
    b = world.lease()
    world.store.commit(b, commit_of(replace(world.store.peek(b, 1), items=[b"x"])))
    with world.refused(LeaseLostError):
        world.store.commit(a, commit_of(peek))


def test_a_paused_holder_cannot_commit_after_the_taker_released(world: World) -> None:
    """B came and went without a commit: the lock is free, the state is as A knows it, and still A's time is over."""
    a, peek = world.holding(b"x")
    world.client.delete(world.keys.lock)
    world.store.release(world.lease())
    with world.refused(LeaseLostError):
        world.store.commit(a, commit_of(peek))


def test_warm_memory_under_a_new_lease_cannot_overwrite_a_newer_state(world: World) -> None:
    """A keeps its state warm, B commits in between, A acquires again and forgets to look at the cid."""
    a, old = world.holding(b"x", b"x", b"x")
    world.store.release(a)
    b = world.lease()
    world.store.commit(b, commit_of(replace(world.store.peek(b, 1), items=[b"x"])))
    world.store.release(b)
    again = world.lease()
    with world.refused(StaleStateError):
        world.store.commit(again, commit_of(replace(old, items=[b"x"])))


def test_a_late_delivery_of_an_older_commit_changes_nothing(world: World) -> None:
    """The network delivers commit 1 a second time after commit 2, under the same lease."""
    lease, peek = world.holding(b"x", b"x", b"x")
    first = commit_of(replace(peek, items=[b"x"]))
    world.store.commit(lease, first)
    world.store.commit(lease, commit_of(replace(world.store.peek(lease, 1), items=[b"x"])))
    with world.refused(StaleStateError):
        world.store.commit(lease, first)


def test_a_rollback_under_warm_memory_is_stale(world: World) -> None:
    """Redis comes back as it was one commit ago, lock and token included; the memory is ahead of it."""
    lease, peek = world.holding(b"x", b"x", b"x")
    before: dict[str, Any] = {key: world.client.hgetall(key) for key in (world.keys.meta, world.keys.state)}
    commit = commit_of(replace(peek, items=[b"x"]))
    world.store.commit(lease, commit)
    world.client.delete(world.keys.meta, world.keys.state)
    world.client.hset(world.keys.meta, mapping=before[world.keys.meta])
    with world.refused(StaleStateError):
        world.store.commit(lease, commit_of(replace(peek, cid=commit.cid, version=1, items=[b"x"])))


def test_warm_memory_of_a_branch_that_redis_forgot_is_stale(world: World) -> None:
    """A's commit was lost by a failover, B made another first one: same version, same queue, another state."""
    a, peek = world.holding(b"x", b"x", b"x")
    b_first = commit_of(replace(peek, items=[b"x"]))
    world.store.commit(a, b_first)  # what the new primary holds
    a_first = commit_of(replace(peek, items=[b"x"]))  # what A remembers of the old one
    with world.refused(StaleStateError):
        world.store.commit(a, commit_of(replace(peek, cid=a_first.cid, version=1, items=[b"x"])))


def test_a_foreign_exchange_of_the_head_is_noticed(world: World) -> None:
    """The batch ends where it did, but begins with an item that nobody folded."""
    lease, peek = world.holding(b"a", b"b", b"c")
    world.client.lpop(world.keys.queue)
    world.client.lpush(world.keys.queue, "unread")
    with world.refused(QueueMovedError):
        world.store.commit(lease, commit_of(replace(peek, items=peek.items[:2])))


def test_a_foreign_pop_of_equal_neighbours_is_noticed_at_the_tail(world: World) -> None:
    """The head looks the same after the pop; the end of the batch does not."""
    lease, peek = world.holding(b"x", b"x", b"y", b"z")
    world.client.lpop(world.keys.queue)
    with world.refused(QueueMovedError):
        world.store.commit(lease, commit_of(replace(peek, items=peek.items[:3])))


def test_a_batch_may_begin_and_end_with_equal_items(world: World) -> None:
    """Where its end stands is looked for from its beginning, and the last place counts."""
    lease, peek = world.holding(b"x", b"x", b"y", b"x", b"x")
    assert not world.store.commit(lease, commit_of(replace(peek, items=peek.items[:4]))).duplicate
    assert world.client.lrange(world.keys.queue, 0, -1) == [b"x"]


def test_a_foreign_pop_of_a_lone_item_is_noticed(world: World) -> None:
    """A batch of one has its beginning alone to be known by; with nothing behind it the queue is gone."""
    lease, peek = world.holding(b"a")
    world.client.lpop(world.keys.queue)
    with world.refused(QueueMovedError):
        world.store.commit(lease, commit_of(peek))
    world.push(b"b")
    with world.refused(QueueMovedError):
        world.store.commit(lease, commit_of(peek))


def test_a_commit_costs_redis_one_look_at_each_end(admin: redis.Redis, brand: str) -> None:
    """A lone item is sent once, and no item of the queue reaches Lua, where each byte of it would be hashed."""
    world = World(admin, Store(admin), brand)
    item = b"x" * 1_000_000
    lease, peek = world.holding(item)
    admin.config_resetstat()
    world.store.commit(lease, commit_of(peek))
    done = admin.info("commandstats")
    assert done["cmdstat_lpos"]["calls"] == 1
    assert not {"cmdstat_lindex", "cmdstat_lrange"} & done.keys()
    assert admin.info("stats")["total_net_input_bytes"] < 1.1 * len(item)


def test_a_retry_that_overtakes_its_first_delivery_applies_once(world: World) -> None:
    """Whichever of two deliveries comes first is the one, the other is its duplicate."""
    lease, peek = world.holding(b"x", b"y")
    commit = commit_of(replace(peek, items=[b"x"]))
    answers = [world.store.commit(lease, commit).duplicate for _ in range(5)]
    assert answers == [False, True, True, True, True]
    assert world.client.llen(world.keys.queue) == 1


def test_a_pause_between_fold_and_commit_leaves_the_batch_in_the_queue(world: World) -> None:
    """It is refused, during the pause and after it, and folded again under a new lease: counted once."""
    lease, peek = world.holding(b"x")
    pauses.pause(world.client, [world.brand], by="x")
    with world.refused(LeaseLostError):
        world.store.commit(lease, commit_of(peek))
    pauses.resume(world.client, [world.brand])
    with world.refused(LeaseLostError):
        world.store.commit(lease, commit_of(peek))  # nor after it: the lease is gone for good
    again = world.lease()
    assert world.store.commit(again, commit_of(world.store.peek(again, 1))).version == 1


def test_a_retry_that_arrives_after_a_purge_changes_nothing(world: World) -> None:
    """The commit was in, its answer lost, the brand purged: with the old lease it would be the first of a new state."""
    lease, peek = world.holding(b"x", b"x")
    commit = commit_of(replace(peek, items=[b"x"]))
    world.store.commit(lease, commit)
    purge(world.client, world.brand)
    with world.refused(LeaseLostError):
        world.store.commit(lease, commit)
    assert world.client.llen(world.keys.queue) == 1


# -- errors in the middle


@pytest.mark.parametrize("command", [*WRITES, *READS])
def test_a_forbidden_command_leaves_every_key_as_it_was(
    private: RedisServer, admin: redis.Redis, brand: str, command: str
) -> None:
    """An ACL that forbids any one command refuses the commit before its first change, even one that rotates."""
    world = World(admin, Store(admin), brand)
    lease, peek = world.holding(b"a", b"b", b"c")
    world.store.commit(
        lease, commit_of(replace(peek, items=[b"a"]), put={b"gone": b"x"}, digests=added(D1, D2), recent=[b"r"])
    )
    peek = world.store.peek(lease, 1)
    client = limited(admin, private, f"-{command}")
    before = dumps(admin, world)
    with pytest.raises(StoreRefusedError, match=r"NOPERM|ACL|can't run"):
        Store(client).commit(lease, commit_of(peek, **FULL))
    assert dumps(admin, world) == before
    client.close()
    assert world.store.commit(lease, commit_of(peek, **FULL)).version == 2


@pytest.mark.parametrize("command", ["sort", "rename"])
def test_a_forbidden_command_leaves_what_was_to_be_archived_in_the_queue(
    private: RedisServer, admin: redis.Redis, brand: str, command: str
) -> None:
    """What is consumed moves late in the commit: SORT where some of the queue stays, RENAME where nothing does."""
    options = StoreOptions(archive_bytes=2**20)
    world = World(admin, Store(admin, options), brand)
    lease, peek = world.holding()
    world.store.commit(lease, commit_of(peek))
    world.push(b"a", b"b")
    peek = world.store.peek(lease, 2)
    commit = commit_of(replace(peek, items=peek.items[:1] if command == "sort" else peek.items), recent=[b"r"])
    client = limited(admin, private, f"-{command}")
    before = dumps(admin, world)
    with pytest.raises(StoreRefusedError, match=r"NOPERM|ACL|can't run"):
        Store(client, options).commit(lease, commit)
    assert dumps(admin, world) == before
    client.close()
    assert world.store.commit(lease, commit).version == 2


@pytest.mark.parametrize("part", ["failed", "summary", "spike", "trend", "recent", "queue", "state", "segments"])
def test_a_forbidden_key_leaves_every_key_as_it_was(
    private: RedisServer, admin: redis.Redis, brand: str, part: str
) -> None:
    """Redis checks the permission for all KEYS before the script begins."""
    world = World(admin, Store(admin), brand)
    lease, peek = world.holding(b"a")
    names = {name for name in type(world.keys).__slots__ if name not in (part, "brand")}
    patterns = [f"~{glob(getattr(world.keys, name))}" for name in sorted(names)]
    client = limited(admin, private, "resetkeys", *patterns)
    before = dumps(admin, world)
    with pytest.raises(StoreRefusedError, match=r"NOPERM|keys"):
        Store(client).commit(lease, commit_of(peek, **FULL))
    assert dumps(admin, world) == before
    client.close()


def test_a_forbidden_channel_does_not_stop_the_commit(private: RedisServer, admin: redis.Redis, brand: str) -> None:
    """PUBLISH is a courtesy: the commit goes through and says that nobody was told."""
    world = World(admin, Store(admin), brand)
    lease, peek = world.holding(b"a")
    client = limited(admin, private, "resetchannels")
    reply = Store(client).commit(lease, commit_of(peek, **FULL))
    assert (reply.version, reply.announced) == (1, False)
    client.close()


def test_a_forbidden_question_does_not_stop_the_commit(private: RedisServer, admin: redis.Redis, brand: str) -> None:
    """What is sent after a commit may be refused; the commit stands, and the question is open."""
    world = World(admin, Store(admin), brand)
    lease, peek = world.holding(b"a", b"b")
    client = limited(admin, private, "-lrange")
    commit = commit_of(replace(peek, items=[b"a"]))
    store = Store(client)
    answer, items = store.send(store.line(lease.brand), lease, commit, ReadOn(1))
    reply = answer.read()
    assert reply.version == 1
    assert reply.next is not None
    assert items is not None
    with pytest.raises(StoreRefusedError):
        items.read()
    client.close()


def test_a_forbidden_unlink_does_not_stop_a_rotation(private: RedisServer, admin: redis.Redis, brand: str) -> None:
    """RENAME frees the old generation."""
    world = World(admin, Store(admin), brand)
    lease, peek = world.holding()
    world.store.commit(lease, commit_of(peek, digests=added(D1)))
    client = limited(admin, private, "-unlink")
    store = Store(client)
    for digest in (D2, D1):
        store.commit(lease, commit_of(store.peek(lease, 1), digests=added(digest, how=Remember.ROTATE)))
    assert admin.mget(world.keys.digests0, world.keys.digests1) == [D1, D2]
    client.close()


def test_a_generation_that_the_server_lets_grow_no_further_stops_the_commit(admin: redis.Redis, brand: str) -> None:
    """APPEND is the first change, so that it is the only one that is refused half-way, and then nothing is written."""
    world = World(admin, Store(admin), brand)
    lease, peek = world.holding(b"a", b"b", b"c")
    admin.config_set("proto-max-bulk-len", "1mb")
    admin.append(world.keys.digests0, b"x" * 2**20)
    before = dumps(admin, world)
    with pytest.raises(StoreRefusedError, match="maximum allowed size"):
        world.store.commit(lease, commit_of(peek, **(FULL | {"digests": added(D1)})))
    assert dumps(admin, world) == before
    admin.config_set("proto-max-bulk-len", "512mb")
    assert world.store.commit(lease, commit_of(peek, **(FULL | {"digests": added(D1)}))).version == 1


def test_sets_of_before_that_cannot_be_freed_do_not_stop_the_commit(
    private: RedisServer, admin: redis.Redis, brand: str
) -> None:
    """They are read and written once more by who loads next; what counts is in the strings."""
    world = World(admin, Store(admin), brand)
    admin.sadd(world.keys.seen0, "", D1[:12])
    lease, peek = world.holding()
    client = limited(admin, private, "-unlink")
    Store(client).commit(lease, commit_of(peek, digests=added(D1, how=Remember.REPLACE)))
    assert (admin.get(world.keys.digests0), admin.exists(world.keys.seen0)) == (D1, 1)
    client.close()


@pytest.mark.parametrize("command", WRITES)
def test_a_forbidden_command_leaves_the_lease_of_a_commit_that_lets_go(
    private: RedisServer, admin: redis.Redis, brand: str, command: str
) -> None:
    """What ends the lease was rehearsed like all the rest: there is no commit whose caller learns of an error alone."""
    world = World(admin, Store(admin), brand)
    lease, peek = world.holding()
    world.store.commit(lease, commit_of(peek, put={b"gone": b"x"}, digests=added(D1, D2), recent=[b"r"]))
    world.push(b"a")
    peek = world.store.peek(lease, 1)
    client = limited(admin, private, f"-{command}")
    before = dumps(admin, world)
    with pytest.raises(StoreRefusedError, match=r"NOPERM|ACL|can't run"):
        Store(client).commit(lease, commit_of(peek, let_go=True, **FULL))
    assert dumps(admin, world) == before
    client.close()
    assert world.store.commit(lease, commit_of(peek, let_go=True, **FULL)).released


@pytest.mark.parametrize(
    "command", ["pexpire", "set", "hset", "type", "hmget", "time", "llen", "hlen", "exists", "hkeys", "hdel"]
)
def test_an_acquire_that_errs_leaves_every_key_as_it_was(
    private: RedisServer, admin: redis.Redis, brand: str, command: str
) -> None:
    """No lock without an epoch, no epoch without a lock."""
    world = World(admin, Store(admin), brand)
    world.push(b"a")
    admin.hset(world.keys.segments, "lost:s:0", "x")  # what it would sweep
    client = limited(admin, private, f"-{command}")
    before = dumps(admin, world)
    for having in ("",) if command == "exists" else ("*", ""):  # who begins nothing does not ask what is there
        with pytest.raises(StoreRefusedError):
            Store(client).visit(brand, "t", having, 1)
    assert dumps(admin, world) == before
    client.close()


def test_a_redis_that_its_queue_has_filled_can_still_be_drained(admin: redis.Redis, brand: str) -> None:
    """At maxmemory RPUSH is refused to workers, and acquire, begin, commit and release still go through."""
    world = World(admin, Store(admin), brand)
    world.push(*(b"%d" % number + b"x" * 1000 for number in range(1000)))
    admin.config_set("maxmemory", "500kb")
    with pytest.raises(Exception, match=r"OOM|maxmemory"):
        world.push(b"one more")
    lease, first = world.store.visit(brand, "t", "", 1)
    assert first is not None
    changes = {**FULL, "failed": [], "let_go": True}
    reply = world.store.commit(lease, commit_of(first, **changes))
    while not reply.released:
        reply = world.store.commit(lease, commit_of(world.store.peek(lease, 100), **changes))
    lease = world.lease()
    assert world.store.renew([lease]) == []
    assert world.store.release(lease)
    assert world.store.claim([brand]).ready == []


def test_large_segments_go_through_the_script_where_redis_is_full(admin: redis.Redis, brand: str) -> None:
    """HSET by itself is refused, and the commit that would find nothing: then the same one goes in as a whole."""
    world = World(admin, Store(admin), brand)
    world.push(*(b"%d" % number + b"x" * 1000 for number in range(1000)))
    lease = world.lease()
    commit = commit_of(world.store.peek(lease, 100), put={b"s:0": b"x" * LARGE_BYTES}, **{**FULL, "failed": []})
    admin.config_set("maxmemory", "500kb")
    with world.refused(SegmentLostError):
        world.store.commit(lease, commit)
    assert world.store.commit(lease, commit).version == 1
    assert world.store.load_state(lease) == commit.put
    assert not admin.exists(world.keys.segments)


def test_scripts_that_the_server_keeps_forgetting_are_unavailable(
    admin: redis.Redis, brand: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that forgets scripts faster than they can be loaded gets an error, not an endless loop."""
    store = Store(admin)
    monkeypatch.setattr(admin, "script_load", lambda _: None)  # what is loaded is forgotten at once
    admin.script_flush()
    with pytest.raises(StoreUnavailableError, match="NOSCRIPT"):
        store.acquire(brand, "t")


def limited(admin: redis.Redis, server: RedisServer, *rules: str) -> redis.Redis:
    """A client whose user may do everything but what *rules* take away."""
    admin.execute_command(  # type: ignore[no-untyped-call]
        "ACL", "SETUSER", "limited", "reset", "on", ">pw", "~*", "&*", "+@all", *rules
    )
    return server.client(username="limited", password="pw")  # noqa: S106 - of a server that lives for a second


def glob(name: str) -> str:
    """A pattern that matches *name*; a space must not stand in one."""
    return "".join("?" if char in " *?[]\\" else char for char in name)
