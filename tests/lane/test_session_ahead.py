"""Reading and folding ahead: a batch begins while Redis is busy with the one before, and nothing else is different."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from orchestrator.errors import QueueMovedError, StaleStateError, StoreUnavailableError
from orchestrator.lane.batch import Stage
from orchestrator.lane.session import BrandSession, Warm
from orchestrator.lane.sizer import BatchSizer
from orchestrator.lane.step import Step
from orchestrator.lane.suspects import SINGLE_ATTEMPTS, TRIAL_ATTEMPTS
from orchestrator.process import failpoints
from orchestrator.store import Commit, CommitReply, Lease, Line, Peek, ReadOn, Reply, Store, connect
from orchestrator.store.types import NO_LOOK, Look
from tests.lane.support import Brand, Interfering, assert_balanced, drain, persistent

ITEMS = 4


class Watched(Interfering):
    """A store that notes what it was asked, and loses commits or their replies if told so."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.asked: list[str] = []
        self.lose = self.refuse = 0

    def peek(self, lease: Lease, limit: int, look: Look = NO_LOOK) -> Peek:
        """Peek, noted."""
        self.asked.append("peek")
        return super().peek(lease, limit, look)

    def before_commit(self, lease: Lease, commit: Commit) -> None:
        """Commit, noted; it may be refused."""
        del lease, commit
        self.asked.append("commit")
        if self.refuse:
            self.refuse -= 1
            raise StoreUnavailableError("nothing was sent")

    def after_commit(self, lease: Lease, commit: Commit, read: Callable[[], CommitReply]) -> CommitReply:
        """The reply may be lost."""
        reply = super().after_commit(lease, commit, read)
        if self.lose:
            self.lose -= 1
            raise StoreUnavailableError("the reply was lost")
        return reply


@pytest.fixture
def watched(queue: Brand) -> Watched:
    """A store on the server of *queue*."""
    return Watched(queue.client)


def _opened(queue: Brand, store: Store | None = None) -> BrandSession:
    """A session with batches of :data:`ITEMS`."""
    session = queue.session(Warm(BatchSizer(max_items=ITEMS)), store)
    session.open()
    return session


def _push(queue: Brand, count: int, first: int = 0) -> None:
    queue.push_ids(*(f"c-{number}" for number in range(first, first + count)))


def _ahead(queue: Brand, store: Store | None = None) -> tuple[BrandSession, list[Step]]:
    """A session whose next batch is decoded and whose batch after that is read, with the steps that led there."""
    session = _opened(queue, store)
    steps = [session.step(), session.step()]
    assert (session.statistics().next, session.statistics().after) == (Stage.DECODED, Stage.ASKED)
    assert session.statistics().line_unread == 1
    return session, steps


class Reading(Interfering):
    """A store that notes how much is asked for after each commit."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.asked: list[ReadOn] = []

    def send(
        self, line: Line, lease: Lease, commit: Commit, read_on: ReadOn | None
    ) -> tuple[Reply[CommitReply], Reply[list[bytes]] | None]:
        """Send, noted."""
        assert read_on is not None, "nobody let go"
        self.asked.append(replace(read_on, look=NO_LOOK))
        return super().send(line, lease, commit, read_on)


def test_session_waits_for_the_server_once_a_batch(queue: Brand, watched: Watched) -> None:
    """Which chunks are new is known here: a commit is all that is asked, whatever is queued."""
    _push(queue, 6 * ITEMS)
    session = _opened(queue, watched)
    steps = [session.step() for _ in range(6)]
    assert watched.asked == ["peek", *["commit"] * 6]
    assert [step.items for step in steps] == [ITEMS] * 6
    assert queue.summary()["totalChunks"] == 6 * ITEMS
    assert session.step().idle
    assert_balanced(queue, steps)


def test_session_reads_no_more_than_one_batch_ahead(queue: Brand) -> None:
    """Memory holds the next batch and the one after it: at first both are asked for, then one more each time."""
    _push(queue, 10 * ITEMS)
    reading = Reading(queue.client)
    _ahead(queue, reading)
    assert reading.asked == [ReadOn(2 * ITEMS), ReadOn(ITEMS, skip=ITEMS)]


def test_session_recognises_what_the_batch_before_folded(queue: Brand) -> None:
    """A chunk that is decoded before the commit of its twin is a duplicate all the same."""
    _push(queue, 2 * ITEMS)
    _push(queue, 2 * ITEMS, first=ITEMS)
    session = _opened(queue)
    steps = drain(session)
    assert queue.summary()["totalChunks"] == 3 * ITEMS
    assert [step.duplicates for step in steps] == [0, 0, ITEMS, 0]
    assert_balanced(queue, steps)


def test_session_goes_on_when_the_queue_ends_in_what_was_read_ahead(queue: Brand) -> None:
    """A short last batch is folded, and what is pushed afterwards is read from the head again."""
    _push(queue, 3 * ITEMS + 1)
    session, steps = _ahead(queue)
    _push(queue, 2 * ITEMS, first=100)
    steps += drain(session)
    assert [step.items for step in steps] == [ITEMS, ITEMS, ITEMS, 1, ITEMS, ITEMS]
    assert queue.summary()["totalChunks"] == 5 * ITEMS + 1
    assert_balanced(queue, steps)


def test_session_with_nothing_but_bad_items_ahead_goes_on(queue: Brand, watched: Watched) -> None:
    """There is nothing to fold, and the dead letters are those of their batch."""
    _push(queue, 2 * ITEMS)
    queue.push(*[b"{"] * ITEMS)
    _push(queue, 1, first=50)
    session = _opened(queue, watched)
    steps = drain(session)
    assert [step.failed for step in steps] == [0, 0, ITEMS, 0]
    assert_balanced(queue, steps)


@pytest.mark.usefixtures("armed")
@pytest.mark.parametrize("passage", [1, 2])
def test_session_sends_a_commit_again_that_failed_after_the_next_batch_was_decoded(queue: Brand, passage: int) -> None:
    """The commit had been sent; it is a duplicate, and the next batch is folded once."""
    _push(queue, 6 * ITEMS)
    session = _opened(queue)
    failpoints.arm(f"session.read_ahead=fail@{passage}")
    steps = [persistent(session.step, StoreUnavailableError) for _ in range(6)]
    assert queue.summary()["totalChunks"] == 6 * ITEMS
    assert_balanced(queue, steps)


def test_session_keeps_what_was_read_ahead_over_a_lost_reply(queue: Brand, watched: Watched) -> None:
    """The same commit is a duplicate; the next batch is not decoded again."""
    _push(queue, 6 * ITEMS)
    session, steps = _ahead(queue, watched)
    asked = len(watched.asked)
    watched.lose = 1
    steps += [persistent(session.step, StoreUnavailableError), *drain(session)]
    assert [step.duplicate_commit for step in steps] == [False, False, True, False, False, False]
    assert watched.asked[asked:] == ["commit"] * 5
    assert queue.summary()["totalChunks"] == 6 * ITEMS
    assert_balanced(queue, steps)


def test_session_starts_from_no_peek_while_a_commit_is_unknown(queue: Brand, watched: Watched) -> None:
    """What is read ahead then comes after that commit; a hint that arrives meanwhile may be younger."""
    _push(queue, 6 * ITEMS)
    session, _ = _ahead(queue, watched)
    watched.lose = 1
    with pytest.raises(StoreUnavailableError):
        session.step()
    assert session.committing
    assert not session.prefetched


@pytest.mark.usefixtures("armed")
def test_session_that_peeks_again_needs_no_second_connection(redis_url: str, queue: Brand) -> None:
    """What was on its way is given up before, and its connection with it."""
    client = connect(redis_url, timeout_s=1.0, pool_size=1)
    _push(queue, 6 * ITEMS)
    session, steps = _ahead(queue, Store(client))
    failpoints.arm("session.began=fail")
    with pytest.raises(StoreUnavailableError):
        session.step()
    steps += drain(session)
    assert_balanced(queue, steps)
    client.close()


def test_session_that_lost_its_first_replies_forgets_what_came_with_them(queue: Brand, watched: Watched) -> None:
    """The next batch is shortened to one item, so what came after the whole of it is no neighbour any more."""
    _push(queue, 6 * ITEMS)
    session = _opened(queue, watched)
    watched.lose = SINGLE_ATTEMPTS - 1
    steps = [persistent(session.step, StoreUnavailableError), *drain(session)]
    assert [step.items for step in steps][:3] == [ITEMS, 1, 1]
    assert_balanced(queue, steps)


def test_session_that_sends_a_commit_again_leaves_no_old_question_open(queue: Brand, watched: Watched) -> None:
    """The chunks that the lost attempt asked for are asked for again, and only once."""
    _push(queue, 8 * ITEMS)
    session, _ = _ahead(queue, watched)
    watched.lose = 2
    persistent(session.step, StoreUnavailableError)
    assert session.statistics().line_unread == 1


def test_session_that_lost_many_replies_drops_what_was_read_ahead(queue: Brand, watched: Watched) -> None:
    """Each delivery counted an attempt at the next batch; its head is then folded alone, nothing is skipped."""
    _push(queue, 6 * ITEMS)
    session, steps = _ahead(queue, watched)
    watched.lose = SINGLE_ATTEMPTS - 1
    steps += [persistent(session.step, StoreUnavailableError), session.step()]
    assert [step.items for step in steps] == [ITEMS, ITEMS, ITEMS, 1]
    assert session.statistics().after is None
    steps += drain(session)
    assert queue.summary()["totalChunks"] == 6 * ITEMS
    assert_balanced(queue, steps)


def test_session_notices_a_foreign_pop_of_what_was_read_ahead(queue: Brand) -> None:
    """The items in memory are not the queue's any more: nothing is committed, and a new lease reads them anew."""
    _push(queue, 6 * ITEMS)
    session, _ = _ahead(queue)
    queue.client.lpop(queue.keys.queue)
    with pytest.raises(QueueMovedError):
        session.step()
    assert queue.queued() == 4 * ITEMS - 1
    assert session.abandon().state is None
    session.release()
    drain(_opened(queue))
    assert queue.summary()["totalChunks"] == 6 * ITEMS - 1


def test_session_reads_nothing_ahead_of_a_suspicious_item(queue: Brand) -> None:
    """Reading may be what kills: single items are read one by one, until batches have grown again."""
    _push(queue, 3 * ITEMS)
    queue.client.hset(queue.keys.meta, "attempts", SINGLE_ATTEMPTS - 1)
    reading = Reading(queue.client)
    session = _opened(queue, reading)
    for _ in range(3):
        session.step()
    assert reading.asked == [ReadOn(1), ReadOn(2), ReadOn(2 * ITEMS)]


def test_release_forgives_a_batch_that_was_read_ahead(queue: Brand) -> None:
    """Decoded is not begun: its items are innocent."""
    _push(queue, 6 * ITEMS)
    session, _ = _ahead(queue)
    assert queue.meta("attempts") == 1
    session.release()
    assert queue.meta("attempts") == 0


def _steps_ahead(session: BrandSession, count: int) -> list[Step]:
    return [session.step(fold_ahead=True) for _ in range(count)]


def test_session_folds_ahead_with_one_commit_a_batch(queue: Brand, watched: Watched) -> None:
    """The question for the time travels on its own, and nobody waits for it."""
    _push(queue, 6 * ITEMS)
    session = _opened(queue, watched)
    steps = _steps_ahead(session, 6)
    assert watched.asked == ["peek", *["commit"] * 6]
    assert [step.items for step in steps] == [ITEMS] * 6
    assert not session.engaged
    assert session.step().idle
    assert_balanced(queue, steps)


def test_session_that_folded_ahead_recognises_what_the_batch_before_folded(queue: Brand) -> None:
    """The ledger knows what is folded and in no commit yet."""
    _push(queue, 2 * ITEMS)
    _push(queue, 2 * ITEMS, first=ITEMS)
    session = _opened(queue)
    steps = _steps_ahead(session, 4)
    assert queue.summary()["totalChunks"] == 3 * ITEMS
    assert [step.duplicates for step in steps] == [0, 0, ITEMS, 0]
    assert_balanced(queue, steps)


def test_session_that_folded_ahead_keeps_that_over_lost_replies(queue: Brand, watched: Watched) -> None:
    """The commit is sent again until it is known; what was folded after it is neither folded again nor alone."""
    _push(queue, 6 * ITEMS)
    session = _opened(queue, watched)
    steps = _steps_ahead(session, 2)
    assert session.engaged
    watched.lose = TRIAL_ATTEMPTS
    step = partial(session.step, fold_ahead=True)
    steps += [persistent(step, StoreUnavailableError, attempts=TRIAL_ATTEMPTS + 1), *drain(session)]
    assert [step.items for step in steps] == [ITEMS] * 6
    assert [step.duplicate_commit for step in steps] == [False, False, True, False, False, False]
    assert queue.summary()["totalChunks"] == 6 * ITEMS
    assert_balanced(queue, steps)


def test_session_forgets_a_question_whose_commit_could_not_be_sent(queue: Brand, watched: Watched) -> None:
    """The commit is sent again at once, and the next batch folded in its turn."""
    _push(queue, 6 * ITEMS)
    session = _opened(queue, watched)
    steps = _steps_ahead(session, 1)
    watched.refuse = 1
    with pytest.raises(StoreUnavailableError):
        session.step(fold_ahead=True)
    steps += [*_steps_ahead(session, 4), *drain(session)]
    assert queue.summary()["totalChunks"] == 6 * ITEMS
    assert_balanced(queue, steps)


def test_session_that_folded_ahead_keeps_no_state_until_that_is_committed(queue: Brand) -> None:
    """Its state is ahead of Redis; a step that folds nothing ahead brings it level."""
    _push(queue, 4 * ITEMS)
    session = _opened(queue)
    _steps_ahead(session, 2)
    assert session.engaged
    session.step()
    assert session.settle().state is not None
    session.release()
    _push(queue, 4 * ITEMS, first=100)
    session = _opened(queue)
    _steps_ahead(session, 2)
    assert session.settle().state is None


@pytest.mark.usefixtures("armed")
def test_session_tells_of_a_commit_whose_successor_could_not_be_folded(queue: Brand) -> None:
    """The commit is in and counts; the failure is raised by the next call, and the state is not used again."""
    _push(queue, 6 * ITEMS)
    session = _opened(queue)
    failpoints.arm("session.folded=fail@3")
    steps = _steps_ahead(session, 2)
    assert [step.items for step in steps] == [ITEMS, ITEMS]
    assert session.failing
    with pytest.raises(StoreUnavailableError):
        session.step()
    with pytest.raises(StaleStateError):
        session.step()
    assert session.settle().state is None
    session.release()
    assert queue.meta("attempts") == 1  # what failed is not forgiven
    drain(_opened(queue))
    assert queue.summary()["totalChunks"] == 6 * ITEMS


def test_session_that_cannot_ask_ahead_commits_all_the_same(queue: Brand, watched: Watched) -> None:
    """What comes after it is then read again, on another connection."""
    _push(queue, 6 * ITEMS)
    session = _opened(queue, watched)
    steps = _steps_ahead(session, 1)
    queue.client.connection_pool.disconnect()
    steps += [persistent(session.step, StoreUnavailableError), *drain(session)]
    assert queue.summary()["totalChunks"] == 6 * ITEMS
    assert_balanced(queue, steps)


def test_session_that_is_given_up_during_a_commit_keeps_no_connection(redis_url: str, queue: Brand) -> None:
    """Nobody waits for the thread any more; what it still brings home is dropped."""
    client = connect(redis_url, timeout_s=1.0, pool_size=1)
    _push(queue, 6 * ITEMS)
    store = _GivenUp(client)
    session = _opened(queue, store)
    session.step()
    store.giving_up = session
    session.step()
    Store(client).ping()
    with pytest.raises(RuntimeError, match="ended"):
        session.step()
    client.close()


class _GivenUp(Interfering):
    """A store whose caller gives a session up while its commit is under way."""

    giving_up: BrandSession | None = None

    def after_commit(self, lease: Lease, commit: Commit, read: Callable[[], CommitReply]) -> CommitReply:
        """Commit, and find nobody who waits for it."""
        reply = super().after_commit(lease, commit, read)
        if self.giving_up is not None:
            self.giving_up.abandon()
        return reply
