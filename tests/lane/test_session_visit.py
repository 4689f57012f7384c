"""A visit of a quiet brand: its lease begins as it is acquired and ends with its commit, whatever gets lost between."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import redis

from orchestrator.errors import (
    BrandBusyError,
    ClockSkewError,
    FutureStateError,
    LeaseLostError,
    StoreUnavailableError,
)
from orchestrator.lane.session import BrandSession, Footing, Warm
from orchestrator.lane.sizer import UNSEEN_ITEMS, BatchSizer
from orchestrator.lane.step import Step
from orchestrator.lane.suspects import TRIAL_ATTEMPTS
from orchestrator.store import Commit, CommitReply, Lease, Store
from orchestrator.store.types import Stored, Visit
from tests.lane.support import Brand, Interfering, May, assert_balanced, persistent
from tests.lane.test_future import HOUR_MS

QUIET = May(ends=True)


class Lossy(Interfering):
    """A store that notes what it is asked, loses replies or requests as told, and lets things happen meanwhile."""

    def __init__(self, client: redis.Redis) -> None:
        super().__init__(client)
        self.asked: list[str] = []
        self.lose: list[str] = []
        self.meanwhile: Callable[[], object] = lambda: None

    def _lost(self, what: str) -> None:
        if self.lose and self.lose[0] == what:
            self.lose.pop(0)
            raise StoreUnavailableError(f"{what} was lost")

    def acquire(self, brand: str, token: str, **named: Any) -> Lease:
        """Acquire, noted."""
        self.asked.append("acquire")
        return super().acquire(brand, token, **named)

    def visit(self, brand: str, token: str, cid: str, limit: int, **named: Any) -> Visit:
        """Acquire and begin, noted; the request or the reply may be lost."""
        self.asked.append(f"visit {limit}")
        self._lost("visit request")
        visit = super().visit(brand, token, cid, limit, **named)
        self._lost("visit reply")
        return visit

    def load(self, lease: Lease) -> Stored:
        """Load, noted; it may get no answer."""
        self.asked.append("load")
        self._lost("load")
        return super().load(lease)

    def before_commit(self, lease: Lease, commit: Commit) -> None:
        """Commit, noted; the request may be lost."""
        del lease
        self.asked.append("commit and let go" if commit.let_go else "commit")
        self._lost("commit request")
        self.meanwhile()

    def after_commit(self, lease: Lease, commit: Commit, read: Callable[[], CommitReply]) -> CommitReply:
        """The reply may be lost."""
        reply = super().after_commit(lease, commit, read)
        self._lost("commit reply")
        return reply

    def release(self, lease: Lease, *, forgive: bool = False, suspects: int = 0) -> bool:
        """Release, noted."""
        self.asked.append("release and forgive" if forgive else "release")
        return super().release(lease, forgive=forgive, suspects=suspects)


@pytest.fixture
def lossy(redis_client: redis.Redis) -> Lossy:
    """A store on the session's server that loses what the test says."""
    return Lossy(redis_client)


def visited(queue: Brand, store: Store | None = None, warm: Warm | None = None) -> tuple[Warm, list[Step]]:
    """A whole visit of a quiet brand, and what it leaves."""
    session = queue.session(warm, store)
    steps = persistent(lambda: session.burst(QUIET), StoreUnavailableError)
    assert (session.released, session.owes_release, session.lease) == (True, False, None)
    assert not queue.locked()
    return session.settle(), steps


def test_visit_of_a_quiet_brand_is_two_scripts(queue: Brand, lossy: Lossy) -> None:
    """Nothing is loaded, neither the first time nor with a state in memory."""
    warm = None
    for name in ("a", "b"):
        lossy.asked.clear()
        queue.push_ids(name)
        warm, steps = visited(queue, lossy, warm)
        assert [step.items for step in steps] == [1, 0]
        assert_balanced(queue, steps[:-1] * queue.meta("version"))
    assert lossy.asked == [f"visit {UNSEEN_ITEMS}", "commit and let go"]
    assert queue.summary()["totalChunks"] == 2


def test_visit_asks_redis_for_two_scripts_and_the_digests(queue: Brand) -> None:
    """As the server counts them."""
    queue.push_ids("a")
    warm, _ = visited(queue)
    queue.push_ids("b")
    before: Any = queue.client.info("commandstats")
    visited(queue, warm=warm)
    after: Any = queue.client.info("commandstats")
    calls = {name: after[name]["calls"] - before.get(name, {"calls": 0})["calls"] for name in after}
    assert {name: calls[f"cmdstat_{name}"] for name in ("evalsha", "lrange")} == {"evalsha": 2, "lrange": 1}
    assert not calls.get("cmdstat_hgetall")


def test_visit_that_has_to_load_begins_after_it(queue: Brand, lossy: Lossy) -> None:
    """A load that fails, or kills, says nothing against the first chunk: no attempt is counted before."""
    queue.push_ids("a")
    visited(queue)
    queue.push_ids("b")
    session = queue.session(store=lossy)
    lossy.lose = ["load"]
    with pytest.raises(StoreUnavailableError):
        session.burst(QUIET)
    assert queue.meta("attempts") == 0
    assert [step.items for step in session.burst(QUIET)] == [1, 0]
    assert (session.released, queue.summary()["totalChunks"]) == (True, 2)


def test_visit_after_another_one_committed_loads(queue: Brand, lossy: Lossy) -> None:
    """What is in memory is not what the last commit left."""
    queue.push_ids("a")
    warm, _ = visited(queue)
    queue.push_ids("b")
    visited(queue)
    queue.push_ids("c")
    visited(queue, lossy, warm)
    assert "load" in lossy.asked
    assert queue.summary()["totalChunks"] == 3


# -- how much is read before anything is known


def test_visit_of_a_strange_brand_reads_one_chunk(queue: Brand, lossy: Lossy) -> None:
    """To read more may be what killed the one before: only who knows that it did not reads a few."""
    queue.push_ids(*"abc")
    warm, steps = visited(queue, lossy)
    assert (lossy.asked[0], steps[0].items, warm.footing) == ("visit 1", 1, Footing.SOUND)


def test_visit_that_ended_badly_leaves_a_strange_brand(queue: Brand, lossy: Lossy) -> None:
    """Whatever it was."""
    queue.push_ids("a")
    warm, _ = visited(queue)
    queue.push_ids("b")
    session = queue.session(warm, lossy)
    lossy.meanwhile = lambda: queue.client.delete(queue.keys.lock)
    with pytest.raises(LeaseLostError):
        session.burst(QUIET)
    assert session.abandon().footing is Footing.STRANGE


def test_visit_of_a_brand_that_was_busy_acquires_alone(queue: Brand, lossy: Lossy) -> None:
    """The holder may have it again, and then nothing should have been read; once acquired it is like any other."""
    queue.push_ids("a")
    holder = queue.opened()
    session = queue.session(store=lossy)
    with pytest.raises(BrandBusyError):
        session.burst(QUIET)
    warm = session.abandon()
    assert (session.owes_release, warm.footing) == (False, Footing.TAKEN)
    with pytest.raises(BrandBusyError):
        queue.session(warm, lossy).burst(QUIET)
    holder.settle()
    holder.release()
    visited(queue, lossy, warm)
    assert lossy.asked == ["visit 1", "acquire", "acquire", "load", "commit and let go"]
    assert warm.footing is Footing.SOUND


def test_visit_tries_suspects_first(queue: Brand) -> None:
    """They are known with the lease, and nothing is folded."""
    queue.push_ids("a", "b")
    queue.client.hset(queue.keys.meta, "attempts", TRIAL_ATTEMPTS - 1)
    session = queue.session()
    assert session.burst(QUIET)[-1].suspect
    assert queue.queued() == 2
    session.judge(1)
    assert session.burst(QUIET)[0].items == 1


# -- what came to nothing is forgiven


def test_visit_of_a_future_state_is_forgiven(queue: Brand, lossy: Lossy) -> None:
    """What was peeked is not to blame for what was in memory."""
    queue.push_ids("a")
    warm, _ = visited(queue)
    assert warm.state is not None
    warm.state.advance(warm.state.clock_ms + HOUR_MS)
    queue.push_ids("b")
    session = queue.session(warm, lossy)
    with pytest.raises(FutureStateError):
        session.burst(QUIET)
    assert queue.meta("attempts") == 1
    session.abandon()
    assert session.release()
    assert (queue.meta("attempts"), lossy.asked[-1]) == (0, "release and forgive")


def test_visit_under_a_wrong_clock_is_forgiven(queue: Brand, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lease is held and the attempt counted when the answer turns out to be unusable."""
    queue.push_ids("a")
    session = queue.session()

    def skewed(*_: object) -> None:
        raise ClockSkewError("an hour apart")

    with monkeypatch.context() as patch:
        patch.setattr(queue.store.clock, "compare", skewed)
        with pytest.raises(ClockSkewError):
            session.burst(QUIET)
    assert (queue.meta("attempts"), queue.locked()) == (1, True)
    session.abandon()
    assert session.release()
    assert (queue.meta("attempts"), queue.locked()) == (0, False)


def test_visit_that_never_got_an_answer_is_forgiven(queue: Brand, lossy: Lossy) -> None:
    """If the lock is the session's, so is the attempt."""
    queue.push_ids("a")
    session = queue.session(store=lossy)
    lossy.lose = ["visit reply"]
    with pytest.raises(StoreUnavailableError):
        session.burst(QUIET)
    assert (queue.meta("attempts"), queue.locked()) == (1, True)
    session.abandon()
    assert session.release()
    assert (queue.meta("attempts"), queue.locked()) == (0, False)


def test_visit_of_an_empty_queue_has_nothing_to_forgive(queue: Brand, lossy: Lossy) -> None:
    """An attempt of somebody before it stays counted."""
    queue.client.hset(queue.keys.meta, "attempts", 2)
    session = queue.session(store=lossy)
    assert session.burst(May())[-1].idle
    session.settle()
    assert session.release()
    assert (queue.meta("attempts"), lossy.asked[-1]) == (2, "release")


def test_visit_that_is_not_begun_for_want_of_chunks_forgives_nobody(queue: Brand, lossy: Lossy) -> None:
    """No attempt was counted: those before it stay."""
    queue.push_ids("a")
    warm, _ = visited(queue)
    assert warm.state is not None
    warm.state.advance(warm.state.clock_ms + HOUR_MS)
    queue.client.hset(queue.keys.meta, "attempts", 2)
    session = queue.session(warm, lossy)
    with pytest.raises(FutureStateError):
        session.burst(QUIET)
    session.abandon()
    assert session.release()
    assert (queue.meta("attempts"), lossy.asked[-1]) == (2, "release")


# -- lost replies


@pytest.mark.parametrize("lose", ["visit request", "visit reply", "commit request", "commit reply"])
def test_visit_goes_on_after_a_loss(queue: Brand, lossy: Lossy, lose: str) -> None:
    """Counted once, and let go of, whatever the server has heard."""
    queue.push_ids("a")
    lossy.lose = [lose]
    _, steps = visited(queue, lossy)
    assert [step.duplicate_commit for step in steps] == [lose == "commit reply", False]
    assert_balanced(queue, steps[:-1])
    assert (queue.meta("version"), queue.summary()["totalChunks"]) == (1, 1)


def test_visit_whose_lease_another_one_has_by_now_is_at_its_end(queue: Brand, lossy: Lossy) -> None:
    """The commit was in and the lease given back: that somebody else works on the brand is nobody's loss."""
    queue.push_ids("a")
    session = queue.session(store=lossy)
    lossy.lose = ["commit reply"]
    with pytest.raises(StoreUnavailableError):
        session.burst(QUIET)
    other = queue.opened()
    steps = session.burst(QUIET)
    assert [(step.items, step.duplicate_commit) for step in steps] == [(1, True), (0, False)]
    assert (session.released, session.owes_release) == (True, False)
    assert queue.locked()
    assert other.release()


def test_visit_whose_commit_is_unanswered_has_no_lease_to_renew(queue: Brand, lossy: Lossy) -> None:
    """A renewal would find no lock, and take the lease for lost; the session itself still gives back what it may have.

    Once it is known that the queue was not empty, there is a lease again.
    """
    queue.push_ids("a")
    session = queue.session(store=lossy)
    lossy.lose = ["commit request"]
    with pytest.raises(StoreUnavailableError):
        session.burst(QUIET)
    assert (session.lease, session.owes_release, session.committing) == (None, True, True)
    queue.push_ids("b")
    assert session.burst(QUIET)[-1].queued == 1
    assert session.lease is not None
    session.settle()
    assert session.release()


def test_visit_that_gives_up_its_commit_gives_back_the_lease(queue: Brand, lossy: Lossy) -> None:
    """It may stand or not."""
    queue.push_ids("a")
    session = queue.session(store=lossy)
    lossy.lose = ["commit request"]
    with pytest.raises(StoreUnavailableError):
        session.burst(QUIET)
    assert queue.locked()
    session.abandon()
    assert session.release()
    assert not queue.locked()


# -- a queue that goes on


def test_visit_goes_on_with_what_came_meanwhile(queue: Brand, lossy: Lossy) -> None:
    """The lease is kept; and from then on commits bring what follows, since a brand like that is not quiet."""
    queue.push_ids("a")
    session = queue.session(store=lossy)
    names = list("bcd")

    def more() -> None:
        if names:
            queue.push_ids(names.pop())

    lossy.meanwhile = more
    steps = session.burst(QUIET)
    assert (len(steps), session.lease is not None, session.opened) == (1, True, True)
    while not session.released:
        steps += session.burst(QUIET)
    assert_balanced(queue, [step for step in steps if not step.idle])
    assert [word for word in lossy.asked if "commit" in word] == ["commit and let go", *["commit"] * 3]


def test_visit_of_a_long_queue_lets_go_with_its_last_batch(queue: Brand, lossy: Lossy) -> None:
    """While something follows a commit asks for that, and nothing is asked for twice."""
    queue.push_ids(*(f"c-{number}" for number in range(20)))
    _, steps = visited(queue, lossy)
    commits = [word for word in lossy.asked if "commit" in word]
    assert commits == ["commit"] * (len(commits) - 1) + ["commit and let go"]
    assert_balanced(queue, steps[:-1])


def test_visit_that_nobody_waits_for_keeps_its_lease(queue: Brand, lossy: Lossy) -> None:
    """And peeks along with its commit, for what may come."""
    queue.push_ids("a")
    session = queue.session(store=lossy)
    steps = session.burst(May())
    assert [step.items for step in steps] == [1, 0]
    assert (lossy.asked, session.lease is not None) == (["visit 1", "commit"], True)
    assert session.release()


def test_visit_that_let_go_keeps_its_state(queue: Brand, redis_client: redis.Redis) -> None:
    """It is level with Redis until somebody else commits."""
    queue.push_ids("a")
    session = BrandSession(Store(redis_client), queue.session()._config, queue.name, Warm(BatchSizer()))
    session.burst(QUIET)
    warm = session.settle()
    assert warm.state is not None
    assert warm.cid.encode() == redis_client.hget(queue.keys.meta, "cid")
