"""Large segments go past the script: what refers to them is whole or refused, and what nobody refers to is swept."""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import pytest
import redis

from orchestrator.contract.segments import LARGE_BYTES, MARK
from orchestrator.errors import (
    InvalidStateError,
    LeaseLostError,
    SegmentLostError,
    StaleStateError,
    StoreUnavailableError,
    WrongSizeError,
    WrongTypeError,
)
from orchestrator.store import ReadOn, Store, segments
from orchestrator.store.damage import damages
from orchestrator.store.purge import purge
from orchestrator.store.types import DigestChange, Remember
from tests.store.world import World, commit_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from orchestrator.store import Commit, Lease

    Between = Callable[[Callable[[], object]], Store]

LARGE = b"x" * LARGE_BYTES
OTHER = b"y" * (LARGE_BYTES + 1)


@pytest.fixture
def world(any_client: redis.Redis, brand: str) -> World:
    """A brand without a commit."""
    return World(any_client, Store(any_client), brand)


@pytest.fixture
def between(world: World, monkeypatch: pytest.MonkeyPatch) -> Between:
    """A store of another process, which meets something between what goes past a script and the script, once."""

    def store_of(meanwhile: Callable[[], object]) -> Store:
        store = Store(world.client)
        run, left = store._runner.run, [meanwhile]

        def interrupted(commands: Sequence[Any]) -> list[Any]:
            if commands[0][0] != "HSET" or not left:
                return run(commands)
            written = run(commands[:1])
            left.pop()()
            return [*written, *run(commands[1:])]

        monkeypatch.setattr(store._runner, "run", interrupted)
        return store

    return store_of


def stored(world: World) -> dict[bytes, bytes]:
    """What lies apart."""
    return cast("dict[bytes, bytes]", world.client.hgetall(world.keys.segments))


def counted(world: World) -> int:
    """How many segments the state is said to refer to."""
    return int(cast("bytes", world.client.hget(world.keys.meta, "segments") or b"-1"))


def put(world: World, lease: Lease, **changes: Any) -> Commit:
    """Commit *changes* on top of what is there."""
    commit = commit_of(world.store.peek(lease, 1), **changes)
    world.store.commit(lease, commit)
    return commit


def stray(world: World, name: bytes = b"lost-1:s:9", value: bytes = LARGE) -> None:
    """What a commit that never arrived left behind."""
    world.client.hset(world.keys.segments, items=[name, value])


def unset(world: World, name: bytes) -> None:
    """What somebody deletes."""
    world.client.hdel(world.keys.segments, name.decode())


def test_a_large_segment_lies_apart_and_is_loaded_in_its_place(world: World) -> None:
    """The state has no more than a reference to it; small ones and other fields stay there."""
    lease = world.lease()
    fields = {b"s:0": LARGE, b"m:0": OTHER, b"s:1": b"small", b"b": LARGE}
    commit = put(world, lease, put=fields)
    cid = commit.cid.encode()
    assert stored(world) == {cid + b":s:0": LARGE, cid + b":m:0": OTHER}
    raw: Any = world.client.hgetall(world.keys.state)
    assert {name for name, value in raw.items() if value[:1] == MARK} == {b"s:0", b"m:0"}
    assert world.store.load_state(lease) == fields
    assert counted(world) == 2


def test_a_commit_without_large_segments_sends_no_more_than_before(world: World) -> None:
    """Quiet brands with small states do not pay for others."""
    lease = world.lease()
    commands = world.store._commits.commands(
        world.keys, lease, commit_of(world.store.peek(lease, 1), put={b"s:0": b"small"})
    )
    assert [command[0] for command in commands] == ["EVALSHA"]


def test_what_a_commit_replaces_goes_with_it(world: World) -> None:
    """And no earlier; what it does not name stays."""
    lease = world.lease()
    first = put(world, lease, put={b"s:0": LARGE, b"s:1": LARGE, b"p:0": b"x"})
    second = put(world, lease, put={b"s:2": OTHER}, remove=[b"s:0", b"p:0", b"never there"])
    assert set(stored(world)) == {f"{first.cid}:s:1".encode(), f"{second.cid}:s:2".encode()}
    assert world.store.load_state(lease) == {b"s:1": LARGE, b"s:2": OTHER}
    assert counted(world) == 2
    put(world, lease, put={}, remove=[b"s:1", b"s:2"])
    assert (stored(world), counted(world)) == ({}, 0)


def test_what_replaces_digests_of_before_leaves_segments_alone(world: World) -> None:
    """Sets of an older version go, by their keys, which stand beside that of the segments."""
    lease = world.lease()
    world.client.sadd(world.keys.seen0, "x" * 12)
    change = DigestChange(Remember.REPLACE, b"", 1, 0, 0)
    put(world, lease, put={b"s:0": LARGE}, digests=change)
    assert not world.client.exists(world.keys.seen0)
    assert world.store.load_state(lease) == {b"s:0": LARGE}


def test_what_is_put_and_removed_at_once_is_gone(world: World) -> None:
    """As any other field: removal comes after."""
    lease = world.lease()
    put(world, lease, put={b"s:0": LARGE}, remove=[b"s:0"])
    assert (world.store.load_state(lease), stored(world), counted(world)) == ({}, {}, 0)


def test_a_segment_of_before_that_stands_in_the_state_is_read_and_removed(world: World) -> None:
    """Whatever it is: a value as long as a reference that looks like none, or one of an older version."""
    lease = world.lease()
    put(world, lease, put={b"other": b"1"})
    for value in (b"z" * LARGE_BYTES, b"short", MARK + b"no reference", MARK + b"cid-0:s:1 3 abc", b""):
        world.client.hset(world.keys.state, items=[b"s:0", value])
        world.client.hset(world.keys.meta, "fields", 2)
        put(world, lease, put={}, remove=[b"s:0"])
        assert world.store.load_state(lease) == {b"other": b"1"}
        assert counted(world) == 0


def test_a_damaged_reference_takes_no_other_segment_with_it(world: World) -> None:
    """The one of another field is put back from nowhere, if somebody mends the reference."""
    lease = world.lease()
    put(world, lease, put={b"s:0": LARGE, b"s:1": LARGE})
    reference = cast("bytes", world.client.hget(world.keys.state, "s:1"))
    world.client.hset(world.keys.state, items=[b"s:0", reference])
    put(world, lease, put={}, remove=[b"s:0"])
    assert len(stored(world)) == 2


# -- between HSET and the script


@contextmanager
def refused(world: World, error: type[Exception]) -> Iterator[None]:
    """The block raises *error* and changes no key; in segments it takes nothing away."""
    before = world.dump()
    with pytest.raises(error):
        yield
    after = world.dump()
    was, now = (cast("Any", dump.pop(world.keys.segments))[0][1] or {} for dump in (before, after))
    assert after == before
    assert was.items() <= now.items()


def test_a_commit_whose_segments_are_lost_is_refused_and_then_goes_through_the_script(
    world: World, between: Between
) -> None:
    """Whichever is gone, or is not whole: nothing changes, and the same commit goes in, once."""
    lease, version = world.lease(), 0
    for field in (b"s:0", b"m:0"):
        for damage in (partial(stray, value=LARGE + b"x"), unset):
            commit = commit_of(world.store.peek(lease, 1), put={b"s:0": LARGE, b"m:0": LARGE})
            store = between(partial(damage, world, f"{commit.cid}:".encode() + field))
            with refused(world, SegmentLostError):
                store.commit(lease, commit)
            assert store.commit(lease, commit).version == (version := version + 1)  # all of it through the script
            assert (counted(world), world.store.load_state(lease)) == (0, {b"s:0": LARGE, b"m:0": LARGE})
            assert world.store.commit(lease, commit).duplicate
    put(world, lease, put={}, remove=[b"s:0", b"m:0"])
    assert world.store.load_state(lease) == {}
    world.store.release(lease)
    world.lease()
    assert stored(world) == {}


def test_a_line_says_that_segments_were_lost(world: World) -> None:
    """Along with a commit that reads on, which is how lanes commit; the next one is whole."""
    lease = world.lease()
    world.push(b"a", b"b")
    peek = world.store.peek(lease, 1)
    commit = commit_of(peek, put={b"s:0": LARGE})
    store = Store(world.client)
    world.client.set(world.keys.segments, "what refuses HSET")
    with pytest.raises(WrongTypeError):
        store.send(store.line(lease.brand), lease, commit, ReadOn(1))[0].read()
    world.client.delete(world.keys.segments)
    split = store._commits._segments.split
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(segments, "writing", lambda _keys, parts: [("PING",)] * bool(parts.apart))
        with pytest.raises(SegmentLostError, match="s:0"):
            store.send(store.line(lease.brand), lease, commit, ReadOn(1))[0].read()
    reply, items = store.send(store.line(lease.brand), lease, commit, ReadOn(1))
    assert items is not None
    assert (reply.read().version, items.read()) == (1, [b"b"])
    assert [bool(split(commit).apart) for _ in range(segments.WHOLE_COMMITS)] == [False] * 99 + [True]


def test_a_refused_commit_is_sent_whole_however_many_small_ones_come_first(world: World) -> None:
    """It is sent again after a pause; what others commit meanwhile must not have it refused again, and again."""
    peek = world.store.peek(world.lease(), 1)
    large, small = commit_of(peek, put={b"s:0": LARGE}), commit_of(peek, put={b"s:0": LARGE[:100]})
    splitter = segments.Splitter()
    assert splitter.split(large).apart
    splitter.lost()
    for _ in range(2 * segments.WHOLE_COMMITS):
        assert splitter.split(small).put is small.put
    assert splitter.split(large).put is large.put


def test_a_connection_that_breaks_before_the_script_costs_nothing(world: World, between: Between) -> None:
    """The same commit again finds its own segments, and writes them again."""
    lease = world.lease()
    commit = commit_of(world.store.peek(lease, 1), put={b"s:0": LARGE})

    def broken() -> None:
        raise StoreUnavailableError("reset")

    with refused(world, StoreUnavailableError):
        between(broken).commit(lease, commit)
    assert world.store.commit(lease, commit).version == 1
    assert (len(stored(world)), counted(world)) == (1, 1)


def test_a_takeover_between_the_two_sweeps_and_refuses(world: World, between: Between) -> None:
    """The new holder finds nothing of the commit that cannot go in any more."""
    a = world.lease()
    put(world, a, put={b"s:0": LARGE})
    peek = world.store.peek(a, 1)

    def take_over() -> None:
        world.client.delete(world.keys.lock)
        world.lease()
        assert len(stored(world)) == 1

    with pytest.raises(LeaseLostError):
        between(take_over).commit(a, commit_of(peek, put={b"s:1": LARGE}, remove=[b"s:0"]))
    assert counted(world) == len(stored(world)) == 1


def test_a_second_lease_of_the_same_token_sweeps_and_refuses(world: World, between: Between) -> None:
    """By its epoch: who acquires with a token again has given up what was under way."""
    a = world.store.acquire(world.brand, "one token")
    peek = world.store.peek(a, 1)
    again = between(lambda: world.store.acquire(world.brand, "one token"))
    with pytest.raises(StaleStateError):
        again.commit(a, commit_of(peek, put={b"s:1": LARGE}))
    assert stored(world) == {}


def test_a_holder_that_lost_its_lease_harms_nobody(world: World) -> None:
    """What it writes past its script is nobody's: the holder's commits go in, and the next lease sweeps it."""
    a = world.lease()
    peek = world.store.peek(a, 1)
    world.client.delete(world.keys.lock)
    b = world.lease()
    commit = put(world, b, put={b"s:0": OTHER})
    with refused(world, LeaseLostError):
        world.store.commit(a, commit_of(peek, put={b"s:0": LARGE}))
    assert len(stored(world)) == 2
    put(world, b, put={b"s:1": OTHER})
    assert world.store.load_state(b) == {b"s:0": OTHER, b"s:1": OTHER}
    world.store.release(b)
    world.lease()
    assert len(stored(world)) == counted(world) == 2
    assert f"{commit.cid}:s:0".encode() in stored(world)


def test_a_late_delivery_brings_back_nothing_that_counts(world: World) -> None:
    """Of a commit that is in, and of one whose segments were replaced since: as it was, or a stray."""
    lease = world.lease()
    first = put(world, lease, put={b"s:0": LARGE})
    assert world.store.commit(lease, first).duplicate
    put(world, lease, put={b"s:1": LARGE}, remove=[b"s:0"])
    with refused(world, StaleStateError):
        world.store.commit(lease, first)
    assert (len(stored(world)), counted(world)) == (2, 1)
    put(world, lease, put={b"s:2": LARGE})
    world.store.release(lease)
    assert world.store.load_state(world.lease()) == {b"s:1": LARGE, b"s:2": LARGE}
    assert len(stored(world)) == counted(world) == 2


def test_a_purge_between_the_two_leaves_what_the_next_lease_sweeps(world: World, between: Between) -> None:
    """And what it takes away includes what lies apart."""
    lease = world.lease()
    put(world, lease, put={b"s:0": LARGE})
    peek = world.store.peek(lease, 1)
    with pytest.raises(LeaseLostError):
        between(lambda: purge(world.client, world.brand)).commit(lease, commit_of(peek, put={b"s:1": LARGE}))
    assert stored(world) == {}
    stray(world)
    world.client.delete(world.keys.lock)
    assert world.store.load_state(world.lease()) == {}
    assert (stored(world), counted(world)) == ({}, 0)


# -- what is there and what should be


@pytest.fixture
def settled(world: World) -> World:
    """A brand whose state refers to two segments, and nobody's lease."""
    lease = world.lease()
    put(world, lease, put={b"g": b"1", b"s:0": LARGE, b"m:0": OTHER})
    world.store.release(lease)
    return world


def test_acquire_sweeps_what_nobody_refers_to(settled: World) -> None:
    """Strays of every shape; none of them is what the state refers to."""
    kept = stored(settled)
    (name,) = [name for name in kept if name.endswith(b"s:0")]
    strays = [b"lost:s:0", b"lost:s:7", b"lost:g", b"g", b"s:0", name + b"0", b"x" + name, b"", b":", b"\xff\n:s:0"]
    for value in (b"xlost:g 1 ", MARK + b"xlost:g 1 "):  # what is no reference to one leads nowhere
        settled.client.hset(settled.keys.state, items=[b"g", value])
        for stray_ in strays:
            settled.client.hset(settled.keys.segments, items=[stray_, b"x"])
        assert damages(settled.client, [settled.brand]) == {}
        settled.store.release(settled.lease())
        assert stored(settled) == kept
        assert counted(settled) == 2


@pytest.mark.parametrize("strays", [0, 3])
def test_acquire_refuses_a_state_that_refers_to_what_is_gone(settled: World, strays: int) -> None:
    """However many strays make up the number; nothing is swept, in case what is gone is put back."""
    name = next(iter(stored(settled)))
    settled.client.hdel(settled.keys.segments, name.decode())
    for number in range(strays):
        stray(settled, b"lost-%d:s:0" % number)
    with settled.refused(WrongSizeError):
        settled.lease()
    with pytest.raises(WrongSizeError, match="segments' has the size 1, its last commit left 2"):
        settled.lease()
    assert "has the size 1, its last commit left 2" in damages(settled.client, [settled.brand])[settled.brand].said


def test_acquire_sweeps_nothing_where_a_reference_is_damaged(settled: World) -> None:
    """What it referred to would look like a stray, and could not be put back."""
    reference = cast("bytes", settled.client.hget(settled.keys.state, "s:0"))
    settled.client.hset(settled.keys.state, items=[b"s:0", b"\xc2" + reference[1:]])
    stray(settled)
    with settled.refused(WrongSizeError):
        settled.lease()
    settled.client.hset(settled.keys.state, items=[b"s:0", reference])
    assert settled.store.load_state(settled.lease())[b"s:0"] == LARGE
    assert len(stored(settled)) == 2


def test_acquire_looks_at_no_more_strays_than_there_can_be(settled: World) -> None:
    """Somebody fills the key: a person has to say what that is."""
    for start in range(0, 10_000, 1_000):
        settled.client.hset(settled.keys.segments, mapping={f"x:{start + number}": "" for number in range(1_000)})
    settled.store.release(settled.lease())
    for start in range(0, 11_000, 1_000):
        settled.client.hset(settled.keys.segments, mapping={f"x:{start + number}": "" for number in range(1_000)})
    with settled.refused(WrongSizeError):
        settled.lease()
    assert "has the size 11002" in damages(settled.client, [settled.brand])[settled.brand].said


def test_a_count_that_is_lost_is_counted_again(settled: World) -> None:
    """With all of meta: the state says which segments there should be, and the others go."""
    stray(settled)
    settled.client.delete(settled.keys.meta)
    lease = settled.lease()
    assert len(stored(settled)) == counted(settled) == 2
    assert settled.store.load_state(lease) == {b"g": b"1", b"s:0": LARGE, b"m:0": OTHER}


def test_a_state_that_is_gone_takes_its_segments_with_it(settled: World) -> None:
    """Who deletes meta and state begins anew with the brand."""
    settled.client.delete(settled.keys.meta, settled.keys.state)
    settled.lease()
    assert (stored(settled), counted(settled)) == ({}, 0)


def test_a_commit_on_top_of_lost_segments_is_stale(settled: World) -> None:
    """Warm memory hides that its copy in Redis is gone."""
    lease = settled.lease()
    peek = settled.store.peek(lease, 1)
    name = next(iter(stored(settled)))
    settled.client.hdel(settled.keys.segments, name.decode())
    with pytest.raises(StaleStateError, match="segments' has the size 1, its last commit left 2"):
        settled.store.commit(lease, commit_of(peek, put={b"p": b"x"}))
    for fields in ({b"p": b"x"}, {b"s:1": LARGE}):
        with refused(settled, StaleStateError):
            settled.store.commit(lease, commit_of(peek, put=fields))


@pytest.mark.parametrize("value", [LARGE + b"x", b"y" * LARGE_BYTES, b""])
def test_a_segment_that_changed_is_not_loaded(settled: World, value: bytes) -> None:
    """Its length or its end gives it away; what else changes is told by its seal."""
    name = next(name for name in stored(settled) if name.endswith(b"s:0"))
    stray(settled, name, value)
    lease = settled.lease()
    with pytest.raises(InvalidStateError, match="s:0"):
        settled.store.load_state(lease)
    stored_, lost = settled.store.salvage(lease)
    assert (stored_.fields, lost) == ({b"g": b"1", b"m:0": OTHER}, [b"s:0"])


def test_a_state_is_loaded_as_of_one_moment(settled: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A commit of somebody else between two questions would look like a loss."""
    lease = settled.lease()
    peek = settled.store.peek(lease, 1)
    execute = redis.client.Pipeline.execute

    def interrupted(pipe: Any) -> list[Any]:
        monkeypatch.undo()
        commands = pipe.command_stack
        pipe.command_stack = commands[:2]
        first = execute(pipe)
        settled.store.commit(lease, commit_of(peek, put={}, remove=[b"s:0"]))
        pipe.command_stack = commands[2:]
        return [*first, *execute(pipe)]

    monkeypatch.setattr(redis.client.Pipeline, "execute", interrupted)
    with pytest.raises(StaleStateError):
        settled.store.load_state(lease)
    assert settled.store.load_state(lease) == {b"g": b"1", b"m:0": OTHER}
