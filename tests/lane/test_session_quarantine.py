"""Quarantine: whatever keeps killing its reader is found, and only that goes to the dead letters."""

from __future__ import annotations

import pytest

from orchestrator.errors import StoreUnavailableError
from orchestrator.lane.session import BrandSession, Warm
from orchestrator.lane.sizer import UNSEEN_ITEMS
from orchestrator.lane.suspects import POISON, SINGLE_ATTEMPTS, TRIAL_ATTEMPTS
from orchestrator.process import failpoints
from orchestrator.store import Lease, Look, Peek
from tests.lane.support import Brand, drain


def _attempted(queue: Brand, times: int) -> None:
    """Leave *times* attempts behind that never led to a commit, as crashes do."""
    queue.client.hset(queue.keys.meta, "attempts", times)


def _suspicious(queue: Brand, *chunk_ids: str) -> BrandSession:
    """An open session that has just been shown a suspect."""
    queue.push_ids(*chunk_ids)
    _attempted(queue, TRIAL_ATTEMPTS - 1)
    session = queue.opened()
    assert session.step().suspect
    return session


def test_session_takes_one_item_after_three_attempts(queue: Brand) -> None:
    """The third peek without a commit folds the head alone, and batches then grow from one again."""
    queue.push_ids(*(f"c-{number}" for number in range(12)))
    _attempted(queue, SINGLE_ATTEMPTS - 1)
    steps = queue.visit()
    assert [step.items for step in steps] == [1, 1, 2, 4, 4]
    assert queue.summary()["totalChunks"] == 12


def test_session_reads_one_item_after_three_attempts(queue: Brand, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading the whole batch may be what killed its readers, so the rest is not even fetched."""
    queue.push_ids("a", "b")
    _attempted(queue, SINGLE_ATTEMPTS - 1)
    session = queue.opened()
    peeked: list[int] = []
    peek = queue.store.peek

    def noted(lease: Lease, limit: int, look: Look) -> Peek:
        peeked.append(limit)
        return peek(lease, limit, look)

    monkeypatch.setattr(queue.store, "peek", noted)
    session.step()
    assert peeked == [1]


def test_session_takes_full_batches_before_that(queue: Brand) -> None:
    """Two attempts are nothing unusual: a stop and a crash."""
    queue.push_ids(*(f"c-{number}" for number in range(UNSEEN_ITEMS)))
    _attempted(queue, SINGLE_ATTEMPTS - 2)
    assert [step.items for step in queue.visit()] == [UNSEEN_ITEMS]


def test_session_asks_for_a_trial_after_five_attempts(queue: Brand) -> None:
    """The item at the head is handed out together with the stored state; nothing is committed meanwhile."""
    queue.push_ids("known")
    queue.visit()
    session = _suspicious(queue, "suspect", "innocent")
    request = session.trial()
    assert request.items == [queue.item("suspect")]
    assert request.fields == queue.client.hgetall(queue.keys.state)
    assert queue.queued() == 2


def test_session_folds_a_suspect_that_survived(queue: Brand) -> None:
    """An innocent suspect is folded like any other, and the count of attempts starts anew."""
    session = _suspicious(queue, "suspect", "innocent")
    session.judge(1)
    steps = drain(session)
    assert [step.items for step in steps] == [1, 1]
    assert queue.summary()["totalChunks"] == 2
    assert queue.failed() == []
    assert queue.meta("attempts") == 0


def test_session_condemns_a_suspect_that_died(queue: Brand) -> None:
    """The killer goes to the dead letters with reason poison; its neighbour is folded."""
    session = _suspicious(queue, "suspect", "innocent")
    session.judge(0)
    [condemned, folded] = drain(session)
    assert (condemned.poisoned, condemned.failed, condemned.fold.chunks) == (1, 1, 0)
    assert folded.fold.chunks == 1
    [letter] = queue.failed()
    assert letter["reason"] == POISON
    assert letter["payload"].encode() == queue.item("suspect")
    assert queue.summary()["totalChunks"] == 1


@pytest.mark.usefixtures("armed")
def test_session_holds_a_verdict_against_the_tried_item_only(queue: Brand) -> None:
    """If a foreign consumer took the suspect away, the item that follows gets a trial of its own."""
    session = _suspicious(queue, "suspect", "innocent")
    session.judge(0)
    queue.client.lpop(queue.keys.queue)
    failpoints.arm("session.began=fail")
    with pytest.raises(StoreUnavailableError):
        session.step()  # after a failure of Redis the queue is peeked again
    assert session.step().suspect
    assert session.trial().items == [queue.item("innocent")]


def test_verdict_is_used_once(queue: Brand) -> None:
    """The same bytes again, after the commit that condemned them, begin with a clean record."""
    session = _suspicious(queue, "suspect", "suspect")
    session.judge(0)
    [condemned, folded] = drain(session)
    assert (condemned.poisoned, folded.poisoned, folded.fold.chunks) == (1, 0, 1)


def test_judge_and_trial_need_a_suspect(queue: Brand) -> None:
    """Without one there is nothing to try or to say."""
    session = queue.opened()
    with pytest.raises(RuntimeError):
        session.trial()
    with pytest.raises(RuntimeError):
        session.judge(0)


@pytest.mark.usefixtures("armed")
@pytest.mark.parametrize("position", [0, 1, 9, 37])
def test_killer_chunk_is_reached_in_a_bounded_number_of_failures(queue: Brand, position: int) -> None:
    """I10: wherever it stands, one killer costs a few failed visits, and no innocent neighbour is lost."""
    failpoints.arm("chunk")
    ids = [f"c-{number}" for number in range(40)]
    queue.push_ids(*ids[:position], "poison:bug:1", *ids[position:])
    failures = 0
    while queue.queued():
        failures += not _survives_a_visit(queue)
        assert failures < 30
    assert [letter["reason"] for letter in queue.failed()] == [POISON]
    assert queue.summary()["totalChunks"] == 40


def _innocents(items: list[bytes]) -> int:
    """How many of *items* stand before the first killer."""
    return next((place for place, item in enumerate(items) if b"poison:" in item), len(items))


def _survives_a_visit(queue: Brand) -> bool:
    """One visit of a new process; False if the killer ended it."""
    session = queue.opened(Warm(queue.session()._warm.sizer))
    try:
        while not (step := session.step()).idle:
            if step.suspect:
                session.judge(_innocents(session.trial().items))
    except RuntimeError:
        return False
    finally:
        session.abandon()
        session.release()
    return True


# -- steps that hang


def _hung(queue: Brand, *chunk_ids: str) -> None:
    """What a visit leaves behind whose first step hung."""
    queue.push_ids(*chunk_ids)
    session = queue.opened()
    failpoints.arm("session.began=fail")
    with pytest.raises(StoreUnavailableError):
        session.step()  # at this moment the batch is in hand, and the lane gives the step up
    failpoints.arm("")
    session.hung()
    session.abandon()
    assert session.release()


@pytest.mark.usefixtures("armed")
@pytest.mark.parametrize("position", [0, 3, 7])
def test_a_chunk_that_hangs_is_tried_at_the_next_attempt(queue: Brand, position: int) -> None:
    """By whoever takes the brand: those before it are folded, it is condemned, those after it are tried and folded."""
    ids = [f"c-{number}" for number in range(7)]
    _hung(queue, *ids[:position], "poison:hang:1", *ids[position:])
    assert (queue.meta("suspects"), queue.meta("attempts")) == (8, 1)
    session = queue.opened()
    trials = 0
    while not (step := session.step()).idle:
        if step.suspect:
            trials += 1
            session.judge(_innocents(session.trial().items))
        assert session.judging == (session.judging and bool(queue.queued()))
    session.release()
    assert trials == (1 if position == 7 else 2)
    assert [letter["reason"] for letter in queue.failed()] == [POISON]
    assert queue.summary()["totalChunks"] == 7
    assert queue.meta("suspects") == 0


@pytest.mark.usefixtures("armed")
def test_suspects_are_settled_by_commits_alone(queue: Brand) -> None:
    """A verdict that a visit took with it costs another trial, and never another step that hangs."""
    _hung(queue, "a", "b")
    session = queue.opened()
    assert session.step().suspect
    session.judge(2)
    session.settle()
    session.release()
    again = queue.opened()
    assert again.step().suspect
    assert len(again.trial().items) == 2
    again.judge(2)
    assert [step.items for step in drain(again)] == [2]
    assert not again.judging
    assert queue.meta("suspects") == 0


def test_an_innocent_batch_that_hung_is_folded_in_smaller_ones(queue: Brand) -> None:
    """It may be that the batch was too large for the machine: half as many are read at once."""
    queue.push_ids(*(f"c-{number}" for number in range(20)))
    warm = Warm(queue.session()._warm.sizer)
    session = queue.opened(warm)
    first = warm.sizer.items
    session.hung()
    session.abandon()
    session.release()
    assert warm.sizer.items == first // 2
