"""A session after a failure of Redis: it goes on with the same commit, or starts over; nothing is lost or doubled."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest
import redis

from orchestrator.errors import BrandBusyError, StaleStateError, StoreUnavailableError
from orchestrator.lane.session import BrandSession, Warm
from orchestrator.lane.sizer import BatchSizer
from orchestrator.lane.step import Step
from orchestrator.process import failpoints
from orchestrator.store.types import Commit, CommitReply, Lease
from tests.lane.support import Brand, Interfering, assert_balanced, drain, persistent

RESUMABLE = ["session.acquired", "session.opened", "session.peeked", "session.began", "session.committed"]
TORN = ["session.folded", "session.prepared"]
CHUNKS = 60


class LossyStore(Interfering):
    """A store whose replies can get lost: the command has its effect, and nobody hears of it."""

    lose: str = ""
    cids: tuple[str, ...] = ()

    def _deliver(self, name: str, reply: Any) -> Any:
        if self.lose == name:
            self.lose = ""
            raise StoreUnavailableError("the reply was lost")
        return reply

    def acquire(self, brand: str, token: str, **named: Any) -> Lease:
        """Acquire; the reply may be lost."""
        lease: Lease = self._deliver("acquire", super().acquire(brand, token, **named))
        return lease

    def after_commit(self, lease: Lease, commit: Commit, read: Callable[[], CommitReply]) -> CommitReply:
        """The reply to a commit may be lost."""
        self.cids += (commit.cid,)
        reply: CommitReply = self._deliver("commit", super().after_commit(lease, commit, read))
        return reply

    def release(self, lease: Lease, *, forgive: bool = False, suspects: int = 0) -> bool:
        """Release; the reply may be lost, or the request."""
        if self.lose == "release request":
            self.lose = ""
            raise StoreUnavailableError("the request was lost")
        released: bool = self._deliver("release", super().release(lease, forgive=forgive, suspects=suspects))
        return released


@pytest.fixture
def lossy(redis_client: redis.Redis) -> LossyStore:
    """A store on the session's server that loses what the test says."""
    return LossyStore(redis_client)


def _stubborn_drain(session: BrandSession) -> list[Step]:
    """Drain as a lane does that tries again after every failure of Redis."""
    steps = (persistent(session.step, StoreUnavailableError) for _ in itertools.count())
    return list(itertools.takewhile(lambda step: not step.idle, steps))


@pytest.mark.usefixtures("armed")
@pytest.mark.parametrize("passage", [1, 2])
@pytest.mark.parametrize("point", RESUMABLE)
def test_session_goes_on_where_it_failed(queue: Brand, point: str, passage: int) -> None:
    """A failure between two actions is survived by calling again: all chunks once, in the same session."""
    queue.push_ids(*(f"c-{number}" for number in range(CHUNKS)))
    failpoints.arm(f"{point}=fail@{passage}")
    session = queue.session()
    persistent(session.open, StoreUnavailableError)
    steps = _stubborn_drain(session)
    assert queue.summary()["totalChunks"] == CHUNKS
    assert_balanced(queue, steps)
    assert session.release()


@pytest.mark.usefixtures("armed")
@pytest.mark.parametrize("passage", [1, 2])
@pytest.mark.parametrize("point", TORN)
def test_session_never_folds_on_a_torn_state(queue: Brand, point: str, passage: int) -> None:
    """A failure between fold and commit leaves chunks in memory that are in no commit: only a new session may go on."""
    queue.push_ids(*(f"c-{number}" for number in range(CHUNKS)))
    failpoints.arm(f"{point}=fail@{passage}")
    session = queue.opened()
    with pytest.raises(StaleStateError):
        _stubborn_drain(session)
    warm = session.abandon()
    assert session.release()
    drain(queue.opened(warm))
    assert queue.summary()["totalChunks"] == CHUNKS


@pytest.mark.usefixtures("armed")
def test_session_never_refreshes_from_a_torn_state(queue: Brand) -> None:
    """The same holds for a refresh, whose removals would otherwise be forgotten."""
    queue.push_ids("a")
    queue.visit()
    queue.client.hset(queue.keys.meta, "due", 1)
    session = queue.opened()
    failpoints.arm("session.prepared=fail")
    with pytest.raises(StaleStateError):
        _stubborn_drain(session)


def test_session_sends_the_same_commit_again(queue: Brand, lossy: LossyStore) -> None:
    """A commit whose reply was lost is sent with the same id, and Redis says that it is in already."""
    queue.push_ids("a", "b")
    session = queue.session(store=lossy)
    session.open()
    lossy.lose = "commit"
    [step] = _stubborn_drain(session)
    assert step.duplicate_commit
    assert len(lossy.cids) == 2
    assert len(set(lossy.cids)) == 1
    assert queue.summary()["totalChunks"] == 2
    assert_balanced(queue, [step])


def test_session_whose_unanswered_commit_was_followed_by_another_starts_over(queue: Brand, lossy: LossyStore) -> None:
    """If the lease moved on meanwhile, the same commit is refused, and the state with it."""
    queue.push_ids("a")
    session = queue.session(store=lossy)
    session.open()
    lossy.lose = "commit"
    with pytest.raises(StoreUnavailableError):
        session.step()
    queue.client.delete(queue.keys.lock)
    queue.push_ids("b")
    queue.visit()
    with pytest.raises(Exception, match="not ours any more"):
        session.step()
    assert queue.summary()["totalChunks"] == 2


def test_open_again_after_a_lost_reply_is_the_same_lease(queue: Brand, lossy: LossyStore) -> None:
    """The token is the session's own, so its lock is no obstacle to itself."""
    session = queue.session(store=lossy)
    lossy.lose = "acquire"
    lease = persistent(session.open, StoreUnavailableError)
    assert session.lease == lease
    assert session.release()


def test_release_gives_back_a_lease_whose_acquire_got_no_answer(queue: Brand, lossy: LossyStore) -> None:
    """A session that gives up after a lost reply still takes the lock away."""
    session = queue.session(store=lossy)
    lossy.lose = "acquire"
    with pytest.raises(StoreUnavailableError):
        session.open()
    assert queue.locked()
    assert session.release()
    assert not queue.locked()


@pytest.mark.parametrize("what", ["release", "release request"])
def test_token_is_used_again_after_a_release_without_answer(queue: Brand, lossy: LossyStore, what: str) -> None:
    """Whether or not the lock still stands, the next session of this process does not wait for its ttl."""
    queue.push_ids("a")
    session = queue.session(store=lossy)
    session.open()
    drain(session)
    warm = session.settle()
    lossy.lose = what
    with pytest.raises(StoreUnavailableError):
        session.release()
    assert warm.token
    again = queue.opened(warm)
    assert queue.meta("epoch") > 0
    assert again.release()
    assert not warm.token


def test_token_is_not_used_again_after_an_answered_release(queue: Brand) -> None:
    """Normally every lease has a token of its own."""
    warm = Warm(BatchSizer())
    tokens = []
    for _ in range(2):
        session = queue.opened(warm)
        assert session.lease is not None
        tokens.append(session.lease.token)
        session.release()
    assert tokens[0] != tokens[1]


def test_token_is_forgotten_when_somebody_else_holds_the_brand(queue: Brand, lossy: LossyStore) -> None:
    """A foreign lock means that the own one is gone; its token has no further use."""
    session = queue.session(store=lossy)
    session.open()
    warm = session.settle()
    lossy.lose = "release"
    with pytest.raises(StoreUnavailableError):
        session.release()
    queue.opened()
    with pytest.raises(BrandBusyError):
        queue.session(warm).open()
    assert not warm.token
