"""The operations of the store, one by one, when nothing goes wrong and when a guard answers."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec
import pytest

from orchestrator.contract.keys import BrandKeys
from orchestrator.contract.state_format import OLDEST_FORMAT, STATE_FORMAT, Formats
from orchestrator.errors import (
    BrandBusyError,
    DeadLetterFullError,
    InvalidStateError,
    LeaseLostError,
    NewerStateError,
    QueueMovedError,
    StaleStateError,
    StoreUnavailableError,
    WrongTypeError,
)
from orchestrator.store import (
    Commit,
    CommitReply,
    FailedPolicy,
    Lease,
    Line,
    Look,
    ReadOn,
    Reply,
    Store,
    StoreOptions,
    connect,
)
from orchestrator.store.commits import reply_of
from orchestrator.store.scripts import KEY_TYPES
from orchestrator.store.types import Claim, Letters, Queued, Remember, StoredDigests
from tests.store.world import World, added, commit_of

if TYPE_CHECKING:
    import redis

FOREIGN = "not mine"
D1, D2, D3, D4, D5 = (bytes([number]) * 16 for number in range(1, 6))


def test_acquire_describes_a_brand_that_was_never_committed(world: World) -> None:
    """A new brand has no commit, no version, no attempts, and its lock expires."""
    world.push(b"a", b"b")
    lease = world.lease()
    assert (lease.version, lease.cid, lease.attempts, lease.due_ms, lease.queued) == (0, "", 0, 0, 2)
    assert 0 < world.client.pttl(world.keys.lock) <= 15_000


def test_acquire_refuses_a_foreign_token_and_changes_nothing(world: World) -> None:
    """The second one is told that the brand is busy."""
    world.lease()
    with world.refused(BrandBusyError):
        world.lease()


def test_acquire_again_with_the_own_token_is_allowed(world: World) -> None:
    """A lost reply of acquire is repaired by sending it again; only the newer lease can commit."""
    first = world.store.acquire(world.brand, "mine")
    again = world.store.acquire(world.brand, "mine")
    peek = world.store.peek(again, 1)
    with world.refused(StaleStateError):
        world.store.commit(first, commit_of(peek))
    assert world.store.commit(again, commit_of(peek)).version == 1


def test_acquire_gives_a_greater_epoch_to_every_lease(world: World) -> None:
    """Readers order summaries by (epoch, version), so an epoch never comes twice."""
    epochs = []
    for _ in range(3):
        lease = world.lease()
        epochs.append(lease.epoch)
        world.store.release(lease)
    assert epochs == sorted(set(epochs))


def test_acquire_gives_a_greater_epoch_even_when_redis_forgot_the_last_one(world: World) -> None:
    """A failover to a lagging replica must not take readers back in time: epochs follow the clock."""
    lease = world.lease()
    world.client.delete(world.keys.lock, world.keys.meta)
    world.client.hset(world.keys.meta, "epoch", lease.epoch - 1000)
    assert world.lease().epoch >= lease.now_ms


@pytest.mark.parametrize("part", [part for part in KEY_TYPES if part != "lock"])
def test_acquire_refuses_a_key_of_a_foreign_type(world: World, part: str) -> None:
    """Each of the brand's keys is checked, and the error names the key and both types."""
    name = getattr(world.keys, part)
    world.client.zadd(name, {"member": 1})
    before = world.dump()
    with pytest.raises(WrongTypeError) as caught:
        world.lease()
    assert (caught.value.key, caught.value.found, caught.value.expected) == (name, "zset", KEY_TYPES[part])
    assert world.dump() == before


def test_acquire_refuses_a_lock_of_a_foreign_type(world: World) -> None:
    """Even the lock may have been overwritten by somebody."""
    world.client.zadd(world.keys.lock, {"member": 1})
    with world.refused(WrongTypeError):
        world.lease()


def test_acquire_leaves_the_state_of_a_newer_version_alone(world: World) -> None:
    """A newer version's state is not overwritten by an older one."""
    world.client.hset(world.keys.meta, "format", STATE_FORMAT + 1)
    with world.refused(NewerStateError):
        world.lease()


def test_acquire_says_that_a_state_is_newer_while_it_is_leased(world: World) -> None:
    """Else who cannot read it would come back as soon as the lock is gone."""
    world.lease()
    world.client.hset(world.keys.meta, "format", STATE_FORMAT + 1)
    with world.refused(NewerStateError):
        world.lease()


def test_acquire_refuses_a_state_that_is_too_old(world: World) -> None:
    """What nobody can read is not guessed at."""
    world.client.hset(world.keys.meta, "format", OLDEST_FORMAT - 1)
    with world.refused(InvalidStateError):
        world.lease()


def test_acquire_leaves_a_state_that_is_too_old_to_the_one_who_holds_it(world: World) -> None:
    """Somebody can read it, so nobody has to be called."""
    world.lease()
    world.client.hset(world.keys.meta, "format", OLDEST_FORMAT - 1)
    with world.refused(BrandBusyError):
        world.lease()


@pytest.mark.parametrize("found", range(OLDEST_FORMAT, STATE_FORMAT + 1))
def test_the_format_stays_until_the_first_commit(world: World, found: int) -> None:
    """Until then the state is what the older version wrote, and that version may go on with it."""
    world.client.hset(world.keys.meta, "format", found)
    lease, peek = world.holding(b"a")
    assert world.client.hget(world.keys.meta, "format") == b"%d" % found
    world.store.commit(lease, commit_of(peek))
    assert world.client.hget(world.keys.meta, "format") == b"%d" % STATE_FORMAT


def test_a_brand_without_state_has_no_format(world: World) -> None:
    """It belongs to no version until one commits; a commit writes the format that its store was made with."""
    lease, peek = world.holding(b"a")
    assert world.client.hget(world.keys.meta, "format") is None
    other = Store(world.client, StoreOptions(formats=Formats(STATE_FORMAT + 7)))
    other.commit(lease, commit_of(peek))
    assert world.client.hget(world.keys.meta, "format") == b"%d" % (STATE_FORMAT + 7)


def test_peek_reads_without_taking_and_counts_attempts(world: World) -> None:
    """The chunks stay in the queue, and each peek is counted until a commit."""
    world.push(b"a", b"b", b"c")
    lease = world.lease()
    assert world.store.peek(lease, 2).items == [b"a", b"b"]
    peek = world.store.peek(lease, 2)
    assert (peek.attempts, peek.queued, world.client.llen(world.keys.queue)) == (2, 3, 3)


def test_peek_of_an_empty_queue_is_no_attempt(world: World) -> None:
    """Only items can be to blame."""
    lease = world.lease()
    assert world.store.peek(lease, 5).attempts == 0


EXACT = 1
"""Each item is looked at."""


@pytest.mark.parametrize(
    ("sizes", "look", "fits"),
    [
        pytest.param([1] * 40, Look(20, 100, EXACT), 20, id="as many as are wanted"),
        pytest.param([10] * 40, Look(20, 100, EXACT), 10, id="as many as have the bytes"),
        pytest.param([1, 1, 1, 500, 1, 1, 1], Look(20, 100, EXACT), 1, id="none beyond one that is too large"),
        pytest.param([1, 1, 500, 1, 1, 1], Look(20, 100, EXACT), 0, id="not even one"),
        pytest.param([1] * 10, Look(20, 100, EXACT), 9, id="what is there, and one that may have come by then"),
        pytest.param([1], Look(20, 100, EXACT), 1, id="one may have come after the end"),
        pytest.param([500] * 40, Look(5, 100, 8), 8, id="few need no look"),
        pytest.param([1] * 10 + [500] * 40, Look(30, 1000, 8), 8, id="one of eight is looked at"),
        pytest.param([10] * 40, Look(30, 160, 8), 16, id="it stands for eight"),
    ],
)
def test_peek_tells_how_many_of_the_next_items_fit(world: World, sizes: list[int], look: Look, fits: int) -> None:
    """Two items are read, and those after them are looked at; nothing changes but the attempt."""
    world.push(*(b"x" * size for size in sizes))
    lease = world.lease()
    peek = world.store.peek(lease, 2, look)
    assert (peek.fits, len(peek.items)) == (fits, min(2, len(sizes)))


def test_nobody_can_guess_where_a_queue_is_looked_at(world: World) -> None:
    """One of eight items is large: looks find it sometimes and miss it sometimes, wherever it stands."""
    world.push(*[b"x"] * 4, b"x" * 500, *[b"x"] * 12)
    lease = world.lease()
    found = {world.store.peek(lease, 1, Look(16, 1000, 8)).fits for _ in range(200)}
    assert found == {0, 16}


def test_commit_brings_how_many_items_fit_after_those_that_it_reads(world: World) -> None:
    """The look begins where the read ends, after the batch that the caller holds."""
    lease, peek = world.holding(*[b"x"] * 7, *[b"x" * 500] * 7)
    commit = commit_of(replace(peek, items=[b"x"]))
    reply, arriving = sent(world, lease, commit, ReadOn(2, skip=1, look=Look(5, 100, EXACT)))
    answer = reply.read()
    assert answer.next is not None
    assert (answer.next.fits, len(arriving.read())) == (3, 2)


def test_peek_without_the_lease_is_fenced_and_changes_nothing(world: World) -> None:
    """An orchestrator that lost its lock must not count attempts."""
    lease, _ = world.holding(b"a")
    world.client.set(world.keys.lock, "somebody else")
    with world.refused(LeaseLostError):
        world.store.peek(lease, 1)


def test_peek_of_a_queue_of_a_foreign_type_is_refused(world: World) -> None:
    """A queue that became a string is reported as such."""
    lease = world.lease()
    world.client.set(world.keys.queue, "x")
    with world.refused(WrongTypeError):
        world.store.peek(lease, 1)


def test_commit_takes_the_chunks_and_writes_everything(world: World) -> None:
    """One commit changes queue, state, seen, failed, summary, spike, trend, recent and meta."""
    world.client.hset(world.keys.state, mapping={"old": "x"})
    world.client.hset(world.keys.trend, mapping={"oldest": "x"})
    lease, peek = world.holding(b"a", b"b", b"c")
    commit = commit_of(
        replace(peek, items=peek.items[:2]),
        put={b"new": b"1"},
        remove=[b"old"],
        digests=added(D1),
        failed=[b"{}"],
        summary=b'{"version":1}',
        due_ms=7,
        spikes=[b"s1", b"s2"],
        trend_put={b"hour": b"1"},
        trend_remove=[b"oldest"],
        recent=[b"r1"],
        outbox=[b"alert"],
    )
    reply = world.store.commit(lease, commit)
    assert (reply.duplicate, reply.version, reply.queued, reply.announced, reply.next) == (False, 1, 1, True, None)
    client, keys = world.client, world.keys
    assert client.lrange(keys.queue, 0, -1) == [b"c"]
    assert world.store.load_state(lease) == {b"new": b"1"}
    assert client.get(keys.digests0) == D1
    assert client.lrange(keys.failed, 0, -1) == [b"{}"]
    assert client.get(keys.summary) == b'{"version":1}'
    assert client.lrange(keys.spike, 0, -1) == [b"s1", b"s2"]
    assert client.hgetall(keys.trend) == {b"hour": b"1"}
    assert client.lrange(keys.recent, 0, -1) == [b"r1"]
    assert client.lrange(keys.outbox, 0, -1) == [b"alert"]
    meta = client.hgetall(keys.meta)
    assert (meta[b"cid"], meta[b"version"], meta[b"attempts"], meta[b"due"]) == (commit.cid.encode(), b"1", b"0", b"7")
    keys_that_expire = (keys.lock, keys.summary, keys.spike, keys.trend, keys.recent)
    assert all(client.pttl(key) > 0 for key in (*keys_that_expire, keys.outbox))


def test_commit_leaves_alone_what_it_does_not_mention(world: World) -> None:
    """Summary, spikes and trend stay as they are when the commit has none."""
    lease, peek = world.holding(b"a", b"b")
    first = commit_of(replace(peek, items=[b"a"]), summary=b"{}", spikes=[b"s"], trend_put={b"h": b"1"}, recent=[b"r"])
    world.store.commit(lease, first)
    before = [world.client.get(world.keys.summary), world.client.lrange(world.keys.spike, 0, -1)]
    world.store.commit(lease, commit_of(world.store.peek(lease, 1)))
    assert [world.client.get(world.keys.summary), world.client.lrange(world.keys.spike, 0, -1)] == before
    assert world.client.lrange(world.keys.recent, 0, -1) == [b"r"]


def test_commit_replaces_the_whole_spike_list_even_by_nothing(world: World) -> None:
    """An empty list of spikes is a list, not an absence."""
    lease, peek = world.holding()
    world.store.commit(lease, commit_of(peek, spikes=[b"s"]))
    world.store.commit(lease, commit_of(world.store.peek(lease, 1), spikes=[]))
    assert world.client.exists(world.keys.spike) == 0


def test_commit_of_nothing_is_a_refresh(world: World) -> None:
    """A quiet brand's summary is renewed without looking at the queue."""
    lease, peek = world.holding()
    world.push(b"came meanwhile")
    assert world.store.commit(lease, commit_of(peek, summary=b"{}")).queued == 1


def test_commit_takes_thousands_of_fields(world: World) -> None:
    """More values than one Lua unpack can hold go in and out again."""
    lease, peek = world.holding()
    fields = {b"%d" % number: b"x" for number in range(20_001)}
    world.store.commit(lease, commit_of(peek, put=fields))
    assert world.store.load_state(lease) == fields
    last = world.store.peek(lease, 1)
    world.store.commit(lease, commit_of(last, put={}, remove=list(fields)))
    assert world.store.load_state(lease) == {}


def sent(
    world: World, lease: Lease, commit: Commit, read_on: ReadOn, line: Line | None = None
) -> tuple[Reply[CommitReply], Reply[list[bytes]]]:
    """The replies to *commit* and to what is asked along with it."""
    reply, arriving = world.store.send(line or world.store.line(world.brand), lease, commit, read_on)
    assert arriving is not None
    return reply, arriving


def test_commit_brings_the_next_chunks(world: World) -> None:
    """One round trip commits and reads on; the attempts start again at one."""
    lease, peek = world.holding(b"a", b"b")
    commit = commit_of(replace(peek, items=[b"a"]))
    reply, arriving = sent(world, lease, commit, ReadOn(10))
    answer = reply.read()
    assert answer.next is not None
    assert (answer.next.items, answer.next.cid, answer.next.attempts) == ([], commit.cid, 1)
    assert arriving.read() == [b"b"]


def test_commit_reads_on_after_what_the_caller_has(world: World) -> None:
    """What was read ahead stays in the queue and is not read again; what comes after it is read when it is wanted."""
    lease, peek = world.holding(b"a", b"b", b"c", b"d", b"e")
    reply, arriving = sent(world, lease, commit_of(replace(peek, items=[b"a"])), ReadOn(2, skip=1))
    answer = reply.read()
    assert answer.next is not None
    assert answer.next.queued == 4
    assert arriving.read() == [b"c", b"d"]


def test_commit_goes_on_where_the_one_before_left_a_reply(world: World) -> None:
    """It is sent after the question that is open, which still gets the chunks as they were; none are left out."""
    lease, peek = world.holding(*[b"%d" % number for number in range(9)])
    line = world.store.line(world.brand)
    first = commit_of(replace(peek, items=[b"0"]))
    reply, arriving = sent(world, lease, first, ReadOn(2, skip=2), line)
    reply.read()
    second = commit_of(replace(peek, items=[b"1", b"2"]), expected_cid=first.cid, version=first.version + 1)
    later, after = sent(world, lease, second, ReadOn(3, skip=2), line)
    assert later.read().version == 2
    assert (arriving.read(), after.read()) == ([b"3", b"4"], [b"5", b"6", b"7"])


def test_commit_that_lost_the_lease_after_it_stands(brand: str) -> None:
    """The commit is in, and nobody will fold what was asked for along with it."""
    answer = reply_of(BrandKeys.of(brand), [[b"OK", 1, 0, 0, 0, 0, 0, 0, 0], [b"FENCED"]])
    assert (answer.version, answer.next) == (1, None)


def test_commit_observes_the_server_alone(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The latency of Redis is no matter of how long a fold takes: 1 to send, 1 to read, 100 between the two."""
    clock = itertools.count()
    seen: list[tuple[str, float]] = []
    lease, peek = world.holding(b"a")
    store = Store(world.client, observe=lambda operation, seconds: seen.append((operation, seconds)))
    monkeypatch.setattr("orchestrator.store.line.perf_counter", lambda: next(clock))
    reply, _ = store.send(store.line(lease.brand), lease, commit_of(peek), ReadOn(1))
    assert seen == []
    for _ in range(100):
        next(clock)
    reply.read()
    reply.read()
    assert seen == [("write", 2)]


def test_commit_that_is_refused_leaves_no_connection_reserved(redis_url: str, brand: str) -> None:
    """What was asked along with it is dropped with the line, and the only connection serves the next call."""
    client = connect(redis_url, timeout_s=1.0, pool_size=1)
    world = World(client, Store(client), brand)
    lease, peek = world.holding(b"a", b"b", b"c")
    for holder, commit, error in (
        (lease, commit_of(peek, expected_cid="foreign"), StaleStateError),
        (replace(lease, token=brand), commit_of(peek), LeaseLostError),
    ):
        line = world.store.line(world.brand)
        reply, _ = sent(world, holder, commit, ReadOn(1, skip=1), line)
        with pytest.raises(error):
            reply.read()
        line.close()
    world.store.ping()
    client.close()


def test_commit_whose_caller_fails_meanwhile_leaves_no_reply_behind(redis_url: str, brand: str) -> None:
    """The next call on the only connection gets its own reply, and the commit is in."""
    client = connect(redis_url, timeout_s=10.0, pool_size=1)
    world = World(client, Store(client), brand)
    lease, peek = world.holding(b"a", b"b")
    commit, line = commit_of(replace(peek, items=[b"a"])), world.store.line(world.brand)
    sent(world, lease, commit, ReadOn(1), line)
    line.close()
    world.store.ping()
    assert world.store.commit(lease, commit).version == 1
    client.close()


def test_commit_is_unavailable_when_its_connection_is_closed_meanwhile(world: World) -> None:
    """Its reply is lost, and nothing else is taken for it."""
    lease, peek = world.holding(b"a")
    reply, arriving = sent(world, lease, commit_of(peek), ReadOn(1))
    world.client.connection_pool.disconnect()
    for lost in (reply, arriving):
        with pytest.raises(StoreUnavailableError):
            lost.read()


def test_commit_announces_a_new_summary(redis_client: redis.Redis, brand: str) -> None:
    """Readers who subscribed learn brand, epoch and version."""
    world = World(redis_client, Store(redis_client), brand)
    listener = redis_client.pubsub(ignore_subscribe_messages=True)  # type: ignore[no-untyped-call]
    listener.subscribe("summary:updates")
    assert listener.get_message(timeout=5) is None  # the subscription itself
    lease, peek = world.holding()
    world.store.commit(lease, commit_of(peek, summary=b"{}"))
    message = listener.get_message(timeout=5)
    listener.close()
    assert message is not None
    assert msgspec.json.decode(message["data"]) == {"brand": brand, "epoch": lease.epoch, "version": 1}


def test_commit_again_is_a_duplicate_and_changes_nothing(world: World) -> None:
    """The retry after a lost reply is answered with DUP."""
    lease, peek = world.holding(b"a", b"b")
    commit = commit_of(replace(peek, items=[b"a"]), digests=added(D1), failed=[b"f"], recent=[b"r"])
    world.store.commit(lease, commit)
    before = world.dump()
    reply = world.store.commit(lease, commit)
    assert (reply.duplicate, reply.version, reply.queued) == (True, 1, 1)
    assert world.dump() == before


def test_commit_again_is_a_duplicate_even_when_the_lock_moved_on(world: World) -> None:
    """DUP is checked before FENCED: the commit is in, no matter who holds the brand now."""
    lease, peek = world.holding(b"a")
    commit = commit_of(peek)
    world.store.commit(lease, commit)
    world.client.delete(world.keys.lock)
    world.lease()
    assert world.store.commit(lease, commit).duplicate


@pytest.mark.parametrize("holder", [None, "somebody else"])
def test_commit_without_the_lease_is_fenced(world: World, holder: str | None) -> None:
    """Whether the lock expired or moved on, the late commit changes nothing."""
    lease, peek = world.holding(b"a")
    world.client.delete(world.keys.lock)
    if holder:
        world.client.set(world.keys.lock, holder)
    with world.refused(LeaseLostError):
        world.store.commit(lease, commit_of(peek))


def test_commit_on_top_of_another_commit_is_stale(world: World) -> None:
    """State folded from an older commit never overwrites a newer one."""
    lease, peek = world.holding(b"a", b"a")
    one = replace(peek, items=[b"a"])
    world.store.commit(lease, commit_of(one))
    with world.refused(StaleStateError):
        world.store.commit(lease, commit_of(one))


def test_commit_with_a_wrong_version_is_stale(world: World) -> None:
    """The version inside the summary must be the one that the commit gets."""
    lease, peek = world.holding(b"a")
    with world.refused(StaleStateError):
        world.store.commit(lease, commit_of(peek, version=2))


def test_commit_after_the_brand_was_wiped_is_stale(world: World) -> None:
    """With meta gone, a first commit looks right by its cid; the epoch tells."""
    lease, peek = world.holding(b"a")
    world.client.delete(world.keys.meta)
    with world.refused(StaleStateError):
        world.store.commit(lease, commit_of(peek))


def test_commit_under_the_same_lock_but_another_epoch_is_stale(world: World) -> None:
    """A rollback brought the lock back as it was, and meta as it was longer ago."""
    lease, peek = world.holding(b"a")
    world.client.hset(world.keys.meta, "epoch", lease.epoch - 1)
    with world.refused(StaleStateError):
        world.store.commit(lease, commit_of(peek))


def test_commit_after_a_foreign_pop_is_refused(world: World) -> None:
    """The head is not what was peeked."""
    lease, peek = world.holding(b"a", b"b", b"c")
    world.client.lpop(world.keys.queue)
    with world.refused(QueueMovedError):
        world.store.commit(lease, commit_of(replace(peek, items=peek.items[:2])))


def test_commit_after_a_foreign_removal_in_the_middle_is_refused(world: World) -> None:
    """The head is right, but the last item would be one that nobody folded."""
    lease, peek = world.holding(b"a", b"b", b"c", b"d")
    world.client.lrem(world.keys.queue, 1, "b")
    with world.refused(QueueMovedError):
        world.store.commit(lease, commit_of(replace(peek, items=peek.items[:3])))


def test_commit_after_a_push_to_the_left_is_refused(world: World) -> None:
    """LPUSH puts an unread item where the head was."""
    lease, peek = world.holding(b"a")
    world.client.lpush(world.keys.queue, "new")
    with world.refused(QueueMovedError):
        world.store.commit(lease, commit_of(peek))


def test_commit_of_more_than_the_queue_holds_is_refused(world: World) -> None:
    """A queue that somebody emptied has no last item."""
    lease, peek = world.holding(b"a", b"b")
    world.client.delete(world.keys.queue)
    with world.refused(QueueMovedError):
        world.store.commit(lease, commit_of(peek))


@pytest.mark.parametrize("part", [part for part in KEY_TYPES if part not in {"lock", "seen0", "seen1"}])
def test_commit_refuses_a_key_that_changed_its_type(world: World, part: str) -> None:
    """A key overwritten during the fold stops the commit before its first change."""
    lease, peek = world.holding(b"a")
    name = getattr(world.keys, part)
    world.client.delete(name)
    world.client.zadd(name, {"member": 1})
    with world.refused(WrongTypeError):
        world.store.commit(lease, commit_of(peek, summary=b"{}", digests=added(D1), failed=[b"f"]))


def test_commit_over_the_cap_of_failed_is_refused_by_default(world: World) -> None:
    """Dead letters are never lost silently: the brand pauses."""
    world.client.rpush(world.keys.failed, "w1", "w2")
    lease, peek = world.holding(b"a", b"b")
    with world.refused(DeadLetterFullError):
        world.store.commit(lease, commit_of(peek, failed=[b"1", b"2"]))
    assert world.store.commit(lease, commit_of(peek, failed=[b"1"])).failed_dropped == 0


def test_a_full_list_says_how_full_it_is(world: World) -> None:
    """The error says how many there are, and who asks hears when there is room again."""
    world.client.rpush(world.keys.failed, "w1", "w2", "w3")
    lease, peek = world.holding(b"a")
    with pytest.raises(
        DeadLetterFullError,
        match=r"there are 3 dead letters, and no room for the next one under FAILED_MAX_ENTRIES$",
    ):
        world.store.commit(lease, commit_of(peek, failed=[b"1"]))
    assert world.store.roomy([world.brand, "none"]) == ["none"]
    world.client.lpop(world.keys.failed)
    assert world.store.roomy([world.brand]) == [world.brand]


def test_room_is_what_the_cap_leaves(world: World) -> None:
    """Never less than none; nobody is asked where a full list drops its oldest, or where the key is no list."""
    lease, _ = world.holding(b"a")
    rooms = []
    for _ in range(5):
        rooms.append(world.store.room(lease))
        world.client.rpush(world.keys.failed, "w")
    assert rooms == [3, 2, 1, 0, 0]
    dropping = Store(world.client, StoreOptions(failed_max=3, failed_policy=FailedPolicy.DROP_OLDEST))
    assert (dropping.room(lease), dropping.keeps_letters, world.store.keeps_letters) == (None, False, True)
    world.client.delete(world.keys.failed)
    world.client.set(world.keys.failed, "foreign")
    assert world.store.room(lease) is None


def test_commit_over_the_cap_of_failed_without_new_ones_goes_through(world: World) -> None:
    """A full list stops only the commits that would add to it."""
    world.client.rpush(world.keys.failed, *"abcdef")
    lease, peek = world.holding(b"a")
    world.store.commit(lease, commit_of(peek))
    assert world.client.llen(world.keys.failed) == 6


def test_commit_over_the_cap_of_failed_drops_the_oldest_by_setting(any_client: redis.Redis, brand: str) -> None:
    """The other policy keeps the newest entries and says how many it dropped."""
    options = StoreOptions(failed_max=3, failed_policy=FailedPolicy.DROP_OLDEST)
    world = World(any_client, Store(any_client, options), brand)
    any_client.rpush(world.keys.failed, "w1", "w2")
    lease, peek = world.holding(b"a", b"b")
    assert world.store.commit(lease, commit_of(peek, failed=[b"1", b"2"])).failed_dropped == 1
    assert any_client.lrange(world.keys.failed, 0, -1) == [b"w2", b"1", b"2"]


def test_commit_keeps_the_newest_recent_chunks(world: World) -> None:
    """The list of recent chunks is cut at its cap of two."""
    lease, peek = world.holding()
    world.store.commit(lease, commit_of(peek, recent=[b"1", b"2", b"3"]))
    assert world.client.lrange(world.keys.recent, 0, -1) == [b"2", b"3"]


def test_commit_keeps_the_newest_alerts_and_counts_those_it_drops(world: World) -> None:
    """The outbox is cut at its cap of two; a commit without alerts leaves it, and its life, alone."""
    lease, outbox = world.lease(), world.keys.outbox
    first = world.store.commit(lease, commit_of(world.store.peek(lease, 1), outbox=[b"1"]))
    second = world.store.commit(lease, commit_of(world.store.peek(lease, 1), outbox=[b"2", b"3"]))
    assert (first.alerts_dropped, second.alerts_dropped) == (0, 1)
    assert world.client.lrange(outbox, 0, -1) == [b"2", b"3"]
    world.client.persist(outbox)
    third = world.store.commit(lease, commit_of(world.store.peek(lease, 1)))
    assert (third.alerts_dropped, world.client.pttl(outbox), world.client.llen(outbox)) == (0, -1, 2)


def test_commit_delivered_twice_writes_its_alerts_once(world: World) -> None:
    """The second delivery finds them written."""
    lease, peek = world.holding(b"a")
    commit = commit_of(peek, outbox=[b"1"])
    replies = [world.store.commit(lease, commit) for _ in range(2)]
    assert [(reply.duplicate, reply.alerts_dropped) for reply in replies] == [(False, 0), (True, 0)]
    assert world.client.lrange(world.keys.outbox, 0, -1) == [b"1"]


def test_commit_remembers_two_generations_and_forgets_the_third(world: World) -> None:
    """Entries are appended; a rotation makes of the younger generation the older one, and begins with its own."""
    lease = world.lease()
    for change in (added(D1), added(D2, D3), added(D4, how=Remember.ROTATE)):
        world.store.commit(lease, commit_of(world.store.peek(lease, 1), digests=change))
    assert world.store.load(lease).digests == StoredDigests(D4, D1 + D2 + D3, 1_700_000_000_000, 7, 8)
    world.store.commit(lease, commit_of(world.store.peek(lease, 1), digests=added(D5, how=Remember.ROTATE)))
    assert world.client.mget(world.keys.digests0, world.keys.digests1) == [D5, D4]


def test_the_first_rotation_needs_no_generation(world: World) -> None:
    """There is one to rename after any commit, and the script sees to it that there is before it."""
    lease = world.lease()
    world.store.commit(lease, commit_of(world.store.peek(lease, 1), digests=added(D1, how=Remember.ROTATE)))
    assert world.client.mget(world.keys.digests0, world.keys.digests1) == [D1, b""]


def test_commit_leaves_digests_alone_that_it_does_not_mention(world: World) -> None:
    """A refresh writes none, nor when they were begun."""
    lease = world.lease()
    world.store.commit(lease, commit_of(world.store.peek(lease, 1), digests=added(D1)))
    before = world.store.load(lease).digests
    world.store.commit(lease, commit_of(world.store.peek(lease, 1)))
    assert world.store.load(lease).digests == before


def test_commit_notes_how_many_chunks_contradicted_the_one_of_their_id(world: World) -> None:
    """Where it says so; another commit leaves the number and the newest one alone."""
    lease = world.lease()
    told = replace(added(), conflicts=41, newest=b"7 c-1")
    for change in (added(D1), told, added(D2), None):
        world.store.commit(lease, commit_of(world.store.peek(lease, 1), digests=change, failed=[b"{}"]))
        world.client.delete(world.keys.failed)
        noted = world.client.hmget(world.keys.meta, "conflicts", "conflict")
        assert noted == ([None, None] if change == added(D1) else [b"41", b"7 c-1"])
    assert world.store.load(lease).digests.conflicts == 41
    assert world.client.get(world.keys.digests0) == D1 + D2


def test_commit_replaces_digests_of_before_in_one_step(world: World) -> None:
    """The sets of versions before format 5 go with the commit that writes what was in them, and their sizes as well."""
    world.client.sadd(world.keys.seen0, "", D1[:12], D2[:12])
    world.client.sadd(world.keys.seen1, "", D3[:12])
    world.client.hset(world.keys.meta, mapping={"seen0": 3, "seen1": 2})
    world.client.set(world.keys.digests0, D5)
    lease, peek = world.holding()
    stored = world.store.load(lease).digests
    assert stored.younger_set == {D1[:12], D2[:12]}
    assert stored.older_set == {D3[:12]}
    change = added(D1, D2, D4, how=Remember.REPLACE, older=D3)
    world.store.commit(lease, commit_of(peek, digests=change))
    assert world.store.load(lease).digests == StoredDigests(D1 + D2 + D4, D3, 1_700_000_000_000, 7, 8)
    assert world.client.exists(world.keys.seen0, world.keys.seen1) == 0
    assert world.client.hmget(world.keys.meta, "seen0", "seen1", "digests0") == [None, None, b"48"]


def test_renew_extends_only_the_own_lock(world: World) -> None:
    """The lost lease is returned, the foreign lock keeps its expiry, the own one lives on."""
    mine = world.lease()
    world.client.pexpire(world.keys.lock, 500)
    lost = replace(mine, token=FOREIGN)
    assert world.store.renew([mine, lost]) == [lost]
    assert world.client.pttl(world.keys.lock) > 500


def test_renew_does_not_take_an_expired_lock_again(world: World) -> None:
    """Somebody else may have held it in between."""
    lease = world.lease()
    world.client.delete(world.keys.lock)
    assert world.store.renew([lease]) == [lease]
    assert world.client.exists(world.keys.lock) == 0


def test_release_deletes_only_the_own_lock(world: World) -> None:
    """A late release must not free somebody else's brand."""
    lease = world.lease()
    assert not world.store.release(replace(lease, token=FOREIGN))
    assert world.client.exists(world.keys.lock) == 1
    assert world.store.release(lease)
    assert world.client.exists(world.keys.lock) == 0


def test_release_says_what_was_in_hand_when_a_step_hung(world: World) -> None:
    """The next one tries these; a release that says nothing forgets nothing, and a commit counts them down."""
    lease, _ = world.holding(b"a", b"b", b"c")
    assert world.store.release(lease, suspects=2)
    lease = world.lease()
    peek = world.store.peek(lease, 1)
    assert peek.suspects == 2
    world.store.release(lease)
    lease = world.lease()
    assert world.store.commit(lease, commit_of(peek)).version == 1
    assert world.store.peek(lease, 1).suspects == 1


def test_renew_and_release_report_a_lock_of_a_foreign_type_as_lost(world: World) -> None:
    """The client that overwrote the lock ended the lease; that must not look like a failure of Redis."""
    lease = world.lease()
    world.client.delete(world.keys.lock)
    world.client.zadd(world.keys.lock, {"member": 1})
    before = world.dump()
    assert world.store.renew([lease]) == [lease]
    assert not world.store.release(lease)
    assert world.dump() == before


@pytest.mark.parametrize(("forgive", "attempts"), [(True, 0), (False, 1)])
def test_release_forgives_an_attempt_if_asked(world: World, *, forgive: bool, attempts: int) -> None:
    """An orderly stop proves nothing against the items at the head."""
    lease, _ = world.holding(b"a")
    world.store.release(lease, forgive=forgive)
    assert world.lease().attempts == attempts


def test_claim_names_brands_with_work_and_without_lock(world: World) -> None:
    """Work and no lock: claimed. No work, or a lock: not."""
    idle, busy, ready = (f"{world.brand} {word}" for word in ("idle", "busy", "ready"))
    for brand in (busy, ready):
        World(world.client, world.store, brand).push(b"x")
    world.store.acquire(busy, "t")
    assert world.store.claim([idle, busy, ready]).ready == [ready]


def test_claim_names_quiet_brands_once_their_refresh_is_due(world: World) -> None:
    """A brand without chunks is claimed when meta.due has passed, and only then."""
    lease, peek = world.holding()
    world.store.commit(lease, commit_of(peek, due_ms=peek.now_ms + 3_600_000))
    world.store.release(lease)
    assert world.store.claim([world.brand]).ready == []
    world.client.hset(world.keys.meta, "due", peek.now_ms)
    assert world.store.claim([world.brand]).ready == [world.brand]
    assert world.lease().due_ms == peek.now_ms
    assert world.store.claim([world.brand]).ready == []


def test_claim_names_brands_with_keys_of_a_foreign_type(world: World) -> None:
    """Acquire then says what is wrong; a claim that failed would stop all the others."""
    wrong = World(world.client, world.store, f"{world.brand} wrong")
    world.client.set(wrong.keys.queue, "x")
    also = World(world.client, world.store, f"{world.brand} also wrong")
    also.client.set(also.keys.meta, "x")
    world.push(b"x")
    names = [world.brand, wrong.brand, also.brand]
    assert world.store.claim(names).ready == names


def test_dead_letters_are_counted_whoever_wrote_them(world: World) -> None:
    """A key of a foreign type holds none; with them goes how many chunks counted."""
    other, wrong = (World(world.client, world.store, f"{world.brand} {word}") for word in ("other", "wrong"))
    world.client.rpush(world.keys.failed, "a", "b")
    world.client.rpush(other.keys.failed, "c")
    world.client.set(wrong.keys.failed, "x")
    world.client.set(world.keys.digests0, D1 + D2)
    world.client.sadd(other.keys.digests0, "x")
    assert world.store.dead_letters([world.brand, other.brand, wrong.brand, f"{world.brand} none"]) == {
        world.brand: Letters(2, 32),
        other.brand: Letters(1, 0),
    }
    assert world.store.dead_letters([]) == {}


def test_claim_of_nothing_is_nothing(world: World) -> None:
    """No brands, no round trip."""
    assert world.store.claim([]) == Claim()


def test_claim_counts_the_queues_of_all_brands(world: World) -> None:
    """Whoever has the lease; empty queues and keys of a foreign type are not among them."""
    empty, held, free, wrong = (World(world.client, world.store, f"{world.brand} {word}") for word in "ehfw")
    lease, peek = held.holding(b"a", b"b", b"c")
    assert world.store.claim([held.brand]).queues == {held.brand: Queued(3, b"")}
    world.store.commit(lease, commit_of(peek, consumed=1, head=b"a", tail=b"a"))
    free.push(b"x")
    world.client.set(free.keys.meta, "a string")
    world.client.set(wrong.keys.queue, "x")
    claim = world.store.claim([empty.brand, held.brand, free.brand, wrong.brand])
    assert claim.queues == {held.brand: Queued(2, b"1"), free.brand: Queued(1, b"")}
    assert sum(queue.chunks for queue in claim.queues.values()) == sum(
        world.client.llen(own.keys.queue) for own in (empty, held, free)
    )


def test_scripts_are_loaded_again_after_the_server_forgot_them(world: World) -> None:
    """SCRIPT FLUSH between any two calls is not noticed by the caller."""
    lease, peek = world.holding(b"a", b"b")
    world.client.script_flush()
    assert world.store.commit(lease, commit_of(replace(peek, items=[b"a"]), digests=added(D1))).version == 1
    world.client.script_flush()
    assert world.store.renew([lease]) == []
    world.client.script_flush()
    assert world.store.release(lease)


def test_commit_that_was_sent_to_a_server_without_scripts_is_not_sent_again(world: World) -> None:
    """Nothing happened, and the caller is told so; the scripts are there for its next attempt."""
    lease, peek = world.holding(b"a", b"b")
    commit = commit_of(replace(peek, items=[b"a"]), digests=added(D1))
    world.client.script_flush()
    with pytest.raises(StoreUnavailableError):
        sent(world, lease, commit, ReadOn(1))[0].read()
    answer = sent(world, lease, commit, ReadOn(1))[0].read()
    assert (answer.duplicate, answer.version) == (False, 1)


def test_observer_is_told_of_every_round_trip(any_client: redis.Redis, brand: str) -> None:
    """Reads and writes are timed apart."""
    calls: list[str] = []
    store = Store(any_client, observe=lambda operation, _seconds: calls.append(operation))
    lease = store.acquire(brand, "t")
    store.peek(lease, 1)
    store.release(lease)
    assert calls == ["write", "read", "write"]
