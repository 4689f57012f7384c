"""Bursts: several batches on end, each a commit of its own, and no failure that gets lost after one that is done."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from orchestrator.errors import StoreUnavailableError
from orchestrator.lane.session import BrandSession, Footing, Warm
from orchestrator.lane.sizer import BatchSizer
from orchestrator.process import failpoints
from orchestrator.store import Commit, CommitReply, Lease, Store
from orchestrator.store.types import Stored
from tests.lane.support import Brand, Interfering, May, assert_balanced

ITEMS = 4


class Failing(Interfering):
    """A store whose commit number *at* fails as told, before or after it reached the server."""

    def __init__(self, queue: Brand, at: int, error: Exception) -> None:
        super().__init__(queue.client)
        self._left = at
        self._error = error

    def before_commit(self, lease: Lease, commit: Commit) -> None:
        """Refuse a commit whose error says that nothing changed."""
        del lease, commit
        self._left -= 1
        if not self._left and not isinstance(self._error, StoreUnavailableError):
            raise self._error

    def after_commit(self, lease: Lease, commit: Commit, read: Callable[[], CommitReply]) -> CommitReply:
        """A lost reply is of a commit that was applied."""
        reply = super().after_commit(lease, commit, read)
        if not self._left:
            raise self._error
        return reply


def opened(queue: Brand, store: Store | None = None) -> BrandSession:
    """A session with batches of :data:`ITEMS` on a queue of five."""
    queue.push_ids(*(f"c-{number}" for number in range(5 * ITEMS)))
    session = queue.session(Warm(BatchSizer(max_items=ITEMS)), store)
    session.open()
    return session


def test_burst_is_one_step_after_another_until_there_is_nothing_left(queue: Brand) -> None:
    """Five batches are five commits; the last step is the one that found the queue empty."""
    session = opened(queue)
    steps = session.burst(May())
    assert [step.items for step in steps] == [ITEMS] * 5 + [0]
    assert steps[-1].idle
    assert queue.meta("version") == 5
    assert_balanced(queue, steps[:-1])


@pytest.mark.parametrize("more", [0, 2])
def test_burst_ends_when_it_may_not_go_on(queue: Brand, more: int) -> None:
    """Between two steps it is asked whether it may go on."""
    session = opened(queue)
    assert len(session.burst(May(more))) == 1 + more
    assert not session.failing


def test_burst_raises_a_failure_behind_a_done_step_at_the_next_call(queue: Brand) -> None:
    """The done step is told of first, then the failure; the same commit then goes on where it was."""
    session = opened(queue, Failing(queue, 2, StoreUnavailableError("no reply")))
    done = session.burst(May())
    assert [step.items for step in done] == [ITEMS]
    assert session.failing
    with pytest.raises(StoreUnavailableError, match="no reply"):
        session.burst(May())
    steps = [*done, *session.burst(May())]
    assert [step.duplicate_commit for step in steps[:3]] == [False, True, False]
    assert_balanced(queue, steps[:-1])


@pytest.mark.usefixtures("armed")
def test_burst_that_failed_leaves_no_warm_state(queue: Brand) -> None:
    """A session that ends before its failure was raised must not hand on a state that is in no commit."""
    session = opened(queue)
    failpoints.arm("session.folded=fail@2")
    assert len(session.burst(May())) == 1
    assert session.failing
    assert not session.committing
    assert session.settle().state is None


def test_burst_does_all_that_a_quiet_brand_wants(queue: Brand) -> None:
    """The lease, the chunks, their commit, the look that finds nothing more, and the release: one call."""
    queue.push_ids("c-1", "c-2")
    session = queue.session()
    steps = session.burst(May(ends=True))
    assert [step.items for step in steps] == [1, 1, 0]
    assert (session.released, session.owes_release, session.lease) == (True, False, None)
    assert not queue.client.exists(queue.keys.lock)
    assert session.settle().state is not None
    assert_balanced(queue, steps[:-1])


def test_burst_keeps_the_lease_unless_it_may_end(queue: Brand) -> None:
    """A lane that nobody waits for stays with its brand."""
    session = queue.session()
    assert session.burst(May())[-1].idle
    assert session.owes_release
    assert queue.client.exists(queue.keys.lock)


def test_burst_ends_nothing_while_there_is_work(queue: Brand) -> None:
    """A burst whose time is over is not the end of a visit."""
    session = opened(queue)
    assert not session.burst(May(0, ends=True))[-1].idle
    assert queue.client.exists(queue.keys.lock)


def test_burst_whose_release_got_no_answer_owes_it(queue: Brand, monkeypatch: pytest.MonkeyPatch) -> None:
    """The steps are told of all the same; the lane tries once more."""
    session = queue.session()
    with monkeypatch.context() as patch:
        patch.setattr(Store, "release", _unanswered)
        assert session.burst(May(ends=True))[-1].idle
    assert (session.released, session.owes_release) == (False, True)
    assert session.release()
    assert (session.released, session.owes_release) == (True, False)


def _unanswered(*_: object, **__: object) -> bool:
    raise StoreUnavailableError("no answer")


def test_burst_acquires_again_after_an_acquire_without_an_answer(queue: Brand, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing was done under a lease that nobody knows of."""
    session = queue.session()
    with monkeypatch.context() as patch:
        patch.setattr(Store, "visit", _unanswered)
        with pytest.raises(StoreUnavailableError):
            session.burst(May())
    assert not session.opened
    assert session.burst(May())[-1].idle


def test_burst_goes_on_under_its_lease_after_a_step_without_an_answer(
    queue: Brand, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A session that is open is not opened again: what it has folded by then would be lost."""
    session = queue.session(Warm(BatchSizer(), footing=Footing.TAKEN))
    with monkeypatch.context() as patch:
        patch.setattr(Store, "peek", _unanswered)
        with pytest.raises(StoreUnavailableError):
            session.burst(May())
    lease = session.lease
    assert lease is not None
    assert session.burst(May())[-1].idle
    assert session.lease is lease


def test_burst_of_a_session_that_was_given_up_while_it_opened_does_nothing(queue: Brand) -> None:
    """A thread that hung for long in reading the state goes on when nobody knows of it any more."""
    queue.push_ids("c-0")
    queue.visit()
    queue.push_ids("c-1")

    class GivenUp(Store):
        def load(self, lease: Lease) -> Stored:
            session.hung()
            session.abandon()
            return super().load(lease)

    session = queue.session(store=GivenUp(queue.client))
    with pytest.raises(RuntimeError, match="the session has ended"):
        session.burst(May())
    assert (queue.queued(), queue.meta("version"), queue.meta("attempts")) == (1, 1, 0)
    assert session.release()
