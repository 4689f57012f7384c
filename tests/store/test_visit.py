"""A visit's two ends: a lease that begins as it is acquired, and a commit that gives it back."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator.errors import (
    BrandBusyError,
    BrandPausedError,
    DeadLetterFullError,
    LeaseLostError,
    QueueMovedError,
    StaleStateError,
    WrongTypeError,
)
from orchestrator.store import Commit, CommitReply, Lease, Store, StoreOptions, pauses
from orchestrator.store.purge import purge
from tests.store.world import World, commit_of

if TYPE_CHECKING:
    from orchestrator.store import Peek


@pytest.fixture
def settled(world: World) -> str:
    """The cid of a brand that has committed once, with a chunk in its queue."""
    lease, peek = world.holding(b"old")
    commit = commit_of(peek)
    world.store.commit(lease, commit)
    world.store.release(lease)
    world.push(b"a", b"b", b"c")
    return commit.cid


def attempts(world: World) -> int:
    """As meta has them."""
    value: Any = world.client.hget(world.keys.meta, "attempts")
    return int(value or 0)


# -- acquire and begin


def test_visit_begins_what_was_never_committed(world: World) -> None:
    """The lease, an attempt that is counted, and the first chunks; the empty state needs no load."""
    world.push(b"a", b"b", b"c")
    lease, peek = world.store.visit(world.brand, "t", "", 2)
    assert peek is not None
    assert (peek.items, peek.queued, peek.attempts, peek.cid, peek.version) == ([b"a", b"b"], 3, 1, "", 0)
    assert (lease.attempts, peek.now_ms, peek.fits) == (0, lease.now_ms, None)
    assert attempts(world) == 1
    assert world.store.commit(lease, commit_of(peek)).version == 1


def test_visit_begins_on_the_state_that_the_last_commit_left(world: World, settled: str) -> None:
    """What a peek would say, in one step with the lease."""
    lease, peek = world.store.visit(world.brand, "t", settled, 1)
    again = world.store.peek(lease, 1)
    assert peek == replace(again, now_ms=lease.now_ms, attempts=again.attempts - 1, fits=None)


@pytest.mark.parametrize("cid", ["", "another"])
def test_visit_of_a_state_that_must_be_loaded_counts_no_attempt(world: World, settled: str, cid: str) -> None:
    """Whatever a load meets or dies of, the first chunk has nothing to do with it."""
    lease, peek = world.store.visit(world.brand, "t", cid, 1)
    assert (peek, lease.cid, lease.queued, attempts(world)) == (None, settled, 3, 0)


def test_visit_trusts_no_empty_state_where_meta_alone_was_lost(world: World, settled: str) -> None:
    """No commit is named, and still there is a state."""
    assert settled
    world.client.delete(world.keys.meta)
    assert world.store.visit(world.brand, "t", "", 1).peek is None


@pytest.mark.parametrize("part", ["digests0", "digests1", "seen0", "seen1"])
def test_visit_trusts_no_empty_state_where_digests_are_left(world: World, part: str) -> None:
    """What was folded before is known as long as anything remembers it: that has to be loaded first."""
    world.push(b"a")
    key = getattr(world.keys, part)
    if part.startswith("seen"):
        world.client.sadd(key, b"d" * 12)
    else:
        world.client.set(key, b"d" * 16)
    assert world.store.visit(world.brand, "t", "", 1).peek is None
    assert attempts(world) == 0


def test_visit_of_an_empty_queue_is_no_attempt(world: World) -> None:
    """As with begin."""
    peek = world.store.visit(world.brand, "t", "", 1).peek
    assert peek is not None
    assert (peek.items, peek.attempts, world.client.hexists(world.keys.meta, "attempts")) == ([], 0, False)


def test_visit_goes_on_counting_and_tells_of_suspects(world: World, settled: str) -> None:
    """What an earlier lease left is for this one to act on."""
    world.client.hset(world.keys.meta, mapping={"attempts": 3, "suspects": 2})
    lease, peek = world.store.visit(world.brand, "t", settled, 1)
    assert peek is not None
    assert (lease.attempts, peek.attempts, peek.suspects) == (3, 4, 2)


def test_visit_counts_each_delivery_as_begin_does(world: World) -> None:
    """A reply was lost: it is sent again with the same token; the attempt that was given up can be forgiven."""
    world.push(b"a")
    for _ in range(2):
        lease, peek = world.store.visit(world.brand, "t", "", 1)
    assert peek is not None
    assert peek.attempts == 2
    assert world.store.release(lease, forgive=True)
    assert attempts(world) == 1


def test_acquire_alone_begins_nothing(world: World, settled: str) -> None:
    """Who wants to look at a brand counts nothing."""
    assert world.lease().cid == settled
    assert attempts(world) == 0


def test_visit_that_is_refused_counts_nothing(world: World, settled: str) -> None:
    """Another one has the lease, or an operator paused the brand, or a key is foreign."""
    holder = world.lease()
    with world.refused(BrandBusyError):
        world.store.visit(world.brand, "t", settled, 1)
    world.store.release(holder)
    pauses.pause(world.client, [world.brand], by="x")
    with world.refused(BrandPausedError):
        world.store.visit(world.brand, "t", settled, 1)
    pauses.resume(world.client, [world.brand])
    world.client.delete(world.keys.queue)
    world.client.set(world.keys.queue, "text")
    with world.refused(WrongTypeError):
        world.store.visit(world.brand, "t", settled, 1)


# -- commit and release


def let_go(peek: Peek, **changes: Any) -> Commit:
    """A commit of all of *peek*, after which its caller wants nothing more."""
    return commit_of(peek, **({"let_go": True} | changes))


def told(reply: CommitReply) -> tuple[bool, bool]:
    """Whether the commit was in already, and whether its caller holds no lease any more."""
    return reply.duplicate, reply.released


def test_commit_that_empties_the_queue_lets_go(world: World) -> None:
    """The lock is gone in the same step, and somebody else may have the brand."""
    lease, peek = world.holding(b"a", b"b")
    assert told(world.store.commit(lease, let_go(peek))) == (False, True)
    assert not world.client.exists(world.keys.lock)
    assert attempts(world) == 0
    assert world.lease().version == 1


def test_commit_keeps_the_lease_unless_it_is_to_let_go(world: World) -> None:
    """An empty queue alone is no reason."""
    lease, peek = world.holding(b"a")
    assert told(world.store.commit(lease, commit_of(peek))) == (False, False)
    assert world.store.renew([lease]) == []


def test_commit_keeps_the_lease_while_there_is_work(world: World) -> None:
    """A chunk came after the peek: the caller goes on under the same lease."""
    lease, peek = world.holding(b"a")
    world.push(b"b")
    assert told(world.store.commit(lease, let_go(peek))) == (False, False)
    again = world.store.peek(lease, 1)
    assert told(world.store.commit(lease, let_go(again))) == (False, True)


def test_commit_that_lets_go_again_is_a_duplicate_without_a_lease(world: World) -> None:
    """Its reply was lost, and the lock is gone with the first delivery."""
    lease, peek = world.holding(b"a")
    commit = let_go(peek)
    world.store.commit(lease, commit)
    with world.refused_quietly():
        assert told(world.store.commit(lease, commit)) == (True, True)


def test_duplicate_leaves_the_lease_of_another_alone(world: World) -> None:
    """The brand went on meanwhile: DUP comes before FENCED, and only the own lock may be taken away."""
    lease, peek = world.holding(b"a")
    commit = let_go(peek)
    world.store.commit(lease, commit)
    other = world.lease()
    with world.refused_quietly():
        assert told(world.store.commit(lease, commit)) == (True, True)
    assert world.store.commit(other, commit_of(world.store.peek(other, 1))).version == 2


def test_duplicate_lets_go_where_the_queue_is_empty_by_now(world: World) -> None:
    """The first delivery kept the lease for a chunk that a stranger took since."""
    lease, peek = world.holding(b"a")
    commit = let_go(peek)
    world.push(b"b")
    world.store.commit(lease, commit)
    world.client.delete(world.keys.queue)
    assert told(world.store.commit(lease, commit)) == (True, True)
    assert not world.client.exists(world.keys.lock)


def test_duplicate_keeps_the_lease_while_there_is_work(world: World) -> None:
    """It is still the caller's."""
    lease, peek = world.holding(b"a")
    commit = let_go(peek)
    world.push(b"b")
    for duplicate in (False, True):
        assert told(world.store.commit(lease, commit)) == (duplicate, False)
    assert world.store.renew([lease]) == []


def test_duplicate_that_was_not_to_let_go_keeps_the_lease(world: World) -> None:
    """A retry says what its first delivery said."""
    lease, peek = world.holding(b"a")
    commit = commit_of(peek)
    for duplicate in (False, True):
        assert told(world.store.commit(lease, commit)) == (duplicate, False)
    assert world.store.renew([lease]) == []


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"expected_cid": "another"}, StaleStateError),
        ({"head": b"another"}, QueueMovedError),
        ({"failed": [b"{}"]}, DeadLetterFullError),
    ],
)
def test_commit_that_is_refused_lets_nothing_go(world: World, wrong: dict[str, Any], error: type[Exception]) -> None:
    """The lease stands, and its holder decides."""
    lease, peek = world.holding(b"a")
    store = Store(world.client, StoreOptions(failed_max=0))
    with world.refused(error):
        store.commit(lease, let_go(peek, **wrong))
    assert world.store.renew([lease]) == []


def test_refresh_lets_go_too(world: World) -> None:
    """A summary that time made stale is written under a lease of one step."""
    lease, peek = world.holding()
    assert told(world.store.commit(lease, let_go(peek, summary=b"{}"))) == (False, True)
    assert not world.client.exists(world.keys.lock)


# -- between the two


def _expires(world: World, _lease: Lease) -> None:
    world.client.delete(world.keys.lock)


def _taken(world: World, lease: Lease) -> None:
    _expires(world, lease)
    world.lease()


def _paused(world: World, _lease: Lease) -> None:
    pauses.pause(world.client, [world.brand], by="x")
    pauses.resume(world.client, [world.brand])


def _purged(world: World, _lease: Lease) -> None:
    purge(world.client, world.brand)


@pytest.mark.parametrize("between", [_expires, _taken, _paused, _purged])
def test_visit_that_lost_its_lease_commits_nothing(world: World, between: Any) -> None:
    """Whatever took it: the chunk waits in the queue, and counts once."""
    world.push(b"a")
    lease, peek = world.store.visit(world.brand, "t", "", 1)
    assert peek is not None
    between(world, lease)
    with world.refused(LeaseLostError):
        world.store.commit(lease, let_go(peek))
    assert world.client.lrange(world.keys.queue, 0, -1) == [b"a"]
