"""The pipeline's steady state: what is done in which order, and how deep down the fold is."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from orchestrator.brand.state import BrandState
from orchestrator.errors import StaleStateError, StoreUnavailableError
from orchestrator.lane.batch import Batch, Stage
from orchestrator.lane.duplicates import Ledger
from orchestrator.lane.pipeline import Memory, Pipeline, PipelineStatistics
from orchestrator.lane.session import BrandSession, Warm
from orchestrator.lane.sizer import BatchSizer
from orchestrator.process import failpoints
from orchestrator.store import Commit, CommitReply, Lease, Line, Reply, Store
from tests.lane.support import CONFIG, Brand, Interfering, May

ITEMS = 4


class Noting(Interfering):
    """A store that notes when something is sent and when a commit's reply is read."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.log: list[str] = []

    def ask_time(self, line: Line) -> Reply[int]:
        """Ask, noted."""
        self.log.append("ask for the time")
        return super().ask_time(line)

    def before_commit(self, lease: Lease, commit: Commit) -> None:
        """Send, noted."""
        del lease, commit
        self.log.append("send the commit")

    def after_commit(self, lease: Lease, commit: Commit, read: Callable[[], CommitReply]) -> CommitReply:
        """Read, noted."""
        del lease, commit
        self.log.append("read its reply")
        return read()


@pytest.fixture
def noting(queue: Brand, monkeypatch: pytest.MonkeyPatch) -> Noting:
    """A store on the server of *queue* in whose log folds and decodings stand, too."""
    store = Noting(queue.client)

    def noted(owner: type, method: str, word: str) -> None:
        real = getattr(owner, method)

        def logged(*args: Any, **named: Any) -> Any:
            store.log.append(word)
            return real(*args, **named)

        monkeypatch.setattr(owner, method, logged)

    noted(Batch, "receive", "the one after arrives")
    noted(Batch, "scan", "scan it")
    noted(Batch, "decode", "decode it")
    noted(BrandState, "take_changes", "build the commit")
    noted(BrandState, "fold", "fold the next")
    return store


def opened(queue: Brand, store: Store | None = None, batches: int = 6) -> BrandSession:
    """A session with batches of :data:`ITEMS`, so many of which are queued."""
    queue.push_ids(*(f"c-{number}" for number in range(batches * ITEMS)))
    session = queue.session(Warm(BatchSizer(max_items=ITEMS)), store)
    session.open()
    return session


def test_steady_state_is_one_line_from_top_to_bottom(queue: Brand, noting: Noting) -> None:
    """While Redis commits N, batch N + 1 is folded; while N's commit is built, it is scanned; N + 2 is on its way."""
    session = opened(queue, noting)
    for _ in range(2):
        session.step(fold_ahead=True)
    noting.log.clear()
    session.step(fold_ahead=True)
    assert noting.log == [
        "the one after arrives",
        "scan it",
        "build the commit",
        "decode it",
        "ask for the time",
        "send the commit",
        "fold the next",
        "read its reply",
    ]
    assert session.statistics() == PipelineStatistics(None, Stage.FOLDED, Stage.ASKED, line_unread=1)


def test_batch_that_was_not_folded_ahead_is_folded_in_its_turn(queue: Brand, noting: Noting) -> None:
    """Nothing is asked on its own: the answer came along with the commit before."""
    session = opened(queue, noting)
    for _ in range(3):
        session.step()
    noting.log.clear()
    session.step()
    assert noting.log[0] == "fold the next"
    assert "ask for the time" not in noting.log
    assert session.statistics().next is Stage.DECODED


def test_fold_is_at_most_five_calls_below_the_lanes_thread(queue: Brand, monkeypatch: pytest.MonkeyPatch) -> None:
    """The heart of the service is where a reader of the burst finds it, also when it folds ahead."""
    depths: list[int] = []
    fold = BrandState.fold

    def noted(*args: Any) -> Any:
        depths.append(_frames_below("_thread"))
        return fold(*args)

    def _thread() -> None:
        session.burst(May(ahead=True))

    session = opened(queue)
    monkeypatch.setattr(BrandState, "fold", noted)
    _thread()
    assert len(depths) == 6
    assert max(depths) <= 5


def _frames_below(name: str) -> int:
    """Calls between the caller and the function of that *name* further up."""
    frame, count = sys._getframe(1), 0
    while frame.f_code.co_name != name:
        assert frame.f_back is not None
        frame, count = frame.f_back, count + 1
    return count


@pytest.mark.usefixtures("armed")
def test_fold_ahead_that_fails_is_told_of_after_the_commit_before_it(queue: Brand) -> None:
    """The commit is in and told of; then comes the failure, then nothing: the state is torn."""
    session = opened(queue)
    failpoints.arm("session.folded=fail@3")
    assert [session.step(fold_ahead=True).items for _ in range(2)] == [ITEMS, ITEMS]
    assert session.statistics().next is Stage.FOLDING
    assert not session.engaged
    with pytest.raises(StoreUnavailableError):
        session.step()
    with pytest.raises(StaleStateError, match="in no commit"):
        session.step()


def test_batch_is_folded_in_its_turn_where_the_time_got_no_answer(queue: Brand) -> None:
    """The batch after is still decoded, and the same commit goes out again."""

    class Deaf(Store):
        deaf = True

        def ask_time(self, line: Line) -> Reply[int]:
            reply = super().ask_time(line)
            if self.deaf:
                self.deaf = False
                line.drop()
            return reply

    session = opened(queue, Deaf(queue.client))
    with pytest.raises(StoreUnavailableError):
        [session.step(fold_ahead=True) for _ in range(2)]
    assert session.committing
    assert session.step(fold_ahead=True).duplicate_commit
    while not session.step().idle:
        pass
    assert queue.summary()["totalChunks"] == 6 * ITEMS


def test_server_that_forgot_its_scripts_costs_one_retry(queue: Brand) -> None:
    """Nothing is sent twice unasked: the step is unavailable, the scripts are there, and the next call goes on."""
    session = opened(queue)
    session.step(fold_ahead=True)
    queue.client.script_flush()
    with pytest.raises(StoreUnavailableError):
        session.step(fold_ahead=True)
    step = session.step(fold_ahead=True)
    assert (step.items, step.duplicate_commit) == (ITEMS, False)


def test_closed_pipeline_commits_nothing(queue: Brand) -> None:
    """Whatever a thread still does that nobody waits for, its line refuses to carry it."""
    queue.push_ids("a")
    lease = queue.store.acquire(queue.name, "token")
    state = BrandState.empty(CONFIG.fold)
    pipeline = Pipeline(queue.store, CONFIG, lease, Memory(state, Ledger()), BatchSizer(), owed=False)
    real = state.take_changes

    def given_up() -> Any:
        pipeline.close()
        return real()

    state.take_changes = given_up  # type: ignore[method-assign]
    with pytest.raises(StoreUnavailableError, match="closed"):
        pipeline.step()
    with pytest.raises(RuntimeError, match="ended"):
        pipeline.step()
    assert (queue.queued(), queue.meta("version")) == (1, 0)


class Forgetful(Interfering):
    """A store that loses the reply of a commit, or what came after it, if told so."""

    lose = begin_fails = False

    def after_commit(self, lease: Lease, commit: Commit, read: Callable[[], CommitReply]) -> CommitReply:
        """Read, and forget."""
        del lease, commit
        reply = read()
        if self.lose:
            self.lose = False
            raise StoreUnavailableError("the reply was lost")
        if self.begin_fails:
            self.begin_fails = False
            return replace(reply, next=None)
        return reply


def drained(session: BrandSession) -> None:
    """Step until there is nothing to do."""
    while not session.step().idle:
        pass


def test_batch_folded_ahead_is_not_forgotten_without_its_state(queue: Brand) -> None:
    """The reply is lost, the lease expires, the retry is a duplicate without a next peek: the state is ahead of Redis.

    It is not kept warm, else the next visit would fold the batch once more.
    """
    store = Forgetful(queue.client)
    session = opened(queue, store)
    session.step(fold_ahead=True)
    store.lose = True
    with pytest.raises(StoreUnavailableError):
        session.step(fold_ahead=True)
    queue.client.delete(queue.keys.lock)
    assert session.step(fold_ahead=True).duplicate_commit
    assert session.engaged
    warm = session.settle()
    assert warm.state is None
    session.release()
    drained(queue.opened(warm))
    assert queue.summary()["totalChunks"] == 6 * ITEMS


def test_batch_folded_ahead_is_peeked_again_if_its_peek_failed(queue: Brand) -> None:
    """What came after the commit was refused while the lease holds: the batch is committed as it is folded."""
    store = Forgetful(queue.client)
    session = opened(queue, store)
    session.step(fold_ahead=True)
    store.begin_fails = True
    session.step(fold_ahead=True)
    assert session.engaged
    drained(session)
    assert queue.summary()["totalChunks"] == 6 * ITEMS


@pytest.mark.usefixtures("armed")
def test_torn_batch_is_not_forgotten_if_its_peek_failed(queue: Brand) -> None:
    """The failure of the fold is told, and then the state is of no more use."""
    store = Forgetful(queue.client)
    session = opened(queue, store)
    failpoints.arm("session.folded=fail@3")
    session.step(fold_ahead=True)
    store.begin_fails = True
    session.step(fold_ahead=True)
    with pytest.raises(StoreUnavailableError):
        session.step()
    with pytest.raises(StaleStateError):
        session.step()


def test_failed_commit_holds_no_connection_until_its_retry(queue: Brand) -> None:
    """Seconds may pass until then, and others wait for connections."""
    store = Forgetful(queue.client)
    session = opened(queue, store)
    [session.step(fold_ahead=True) for _ in range(2)]
    store.lose = True
    with pytest.raises(StoreUnavailableError):
        session.step(fold_ahead=True)
    assert session.statistics().line_unread == 0
