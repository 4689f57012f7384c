"""A session whose keys are damaged under its warm memory: nothing is written on top, and what is lost is said."""

from __future__ import annotations

import json
from typing import Any

import pytest

from orchestrator.brand.state import BrandState
from orchestrator.contract.digests import ENTRY_BYTES
from orchestrator.errors import InvalidStateError, StaleStateError, WrongSizeError
from orchestrator.lane.outcome import LaneOutcome
from orchestrator.lane.session import BrandSession, Warm
from orchestrator.service.repair import COMPARED
from tests.lane.support import CONFIG, Brand, drain
from tests.lane.test_lane_redis import Visits

CHUNKS = 20


def warmed(queue: Brand) -> BrandSession:
    """A session with everything committed, and more in the queue."""
    queue.push_ids(*(f"c-{number}" for number in range(CHUNKS)))
    session = queue.opened()
    drain(session)
    queue.push_ids("c-0", "more")
    return session


def let_go(session: BrandSession) -> Warm:
    """End as a lane does after an error."""
    warm = session.abandon()
    session.release()
    return warm


@pytest.mark.parametrize("part", ["state", "digests0"])
def test_session_writes_nothing_on_top_of_what_was_lost(queue: Brand, part: str) -> None:
    """The commit is stale and the next lease refused: chunks wait, instead of being all that is left, or counted twice.

    Of ``digests0`` no more is needed than its size: "c-0" is pushed a second time.
    """
    session = warmed(queue)
    queue.client.delete(getattr(queue.keys, part))
    with pytest.raises(StaleStateError):
        drain(session)
    warm = let_go(session)
    for known in (warm, None):
        with pytest.raises(InvalidStateError, match="last commit left"):
            queue.opened(known)
    assert queue.queued() == 2
    assert queue.summary()["totalChunks"] == CHUNKS


def test_session_loads_again_what_is_there_after_meta_was_lost(queue: Brand) -> None:
    """Without meta nobody knows of the last commit; the state itself is whole, and goes on."""
    session = warmed(queue)
    queue.client.delete(queue.keys.meta)
    with pytest.raises(StaleStateError):
        drain(session)
    drain(queue.opened(let_go(session)))
    assert queue.summary()["totalChunks"] == CHUNKS + 1


def test_session_goes_on_from_what_is_there_after_a_loss_was_accepted(queue: Brand) -> None:
    """Not from what is still in memory: a commit writes what changed alone, so the rest would be in memory for ever."""
    session = warmed(queue)
    drain(session)
    warm = session.settle()
    session.release()
    queue.client.delete(queue.keys.state)
    queue.push_ids("after")
    with pytest.raises(InvalidStateError, match="last commit left"):
        queue.session(warm).open()
    queue.store.forget(queue.name, COMPARED)
    drain(queue.opened(warm))
    stored: Any = queue.client.hgetall(queue.keys.state)
    totals = json.loads(BrandState.load(CONFIG.fold, stored).summary(queue.name, 0, 0, 0))["totalChunks"]
    assert (queue.summary()["totalChunks"], totals) == (1, 1)


def test_session_trusts_no_memory_where_no_commit_is_named(queue: Brand) -> None:
    """A state of before the first commit has no commit either, and is not the one beside a meta that was lost."""
    early = queue.opened()
    assert early.step().idle
    warm = early.settle()
    early.release()
    queue.push_ids("a", "b")
    queue.visit()
    queue.client.delete(queue.keys.meta)
    queue.push_ids("c")
    drain(queue.opened(warm))
    assert queue.summary()["totalChunks"] == 3


def test_session_writes_a_lost_summary_again(queue: Brand) -> None:
    """It is made of the state, with the commit that empties the queue."""
    session = warmed(queue)
    queue.client.delete(queue.keys.summary)
    drain(session)
    assert queue.summary()["totalChunks"] == CHUNKS + 1


async def test_lane_parks_a_brand_whose_state_was_lost(queue: Brand) -> None:
    """Once it is lost, from then on parked: a human has to say what becomes of it."""
    visits = Visits(queue)
    queue.push_ids("a", "b")
    assert await visits.until_drained() == [LaneOutcome.DRAINED]
    queue.client.delete(queue.keys.state)
    queue.push_ids("c")
    assert [await visits.one() for _ in range(3)] == [LaneOutcome.PARKED] * 3
    assert queue.queued() == 1


@pytest.mark.parametrize("value", ["inf", "abc", "9223372036854775807"])
async def test_lane_parks_a_brand_whose_attempts_are_damaged(queue: Brand, value: str) -> None:
    """They cannot be counted on: without a word about it the brand would be retried for ever."""
    visits = Visits(queue, max_retries=0)
    queue.push_ids("a")
    assert await visits.one() is LaneOutcome.DRAINED
    queue.client.hset(queue.keys.meta, "attempts", value)
    queue.push_ids("b")
    assert await visits.one() is LaneOutcome.PARKED


def test_session_refuses_digests_that_changed(queue: Brand) -> None:
    """Their length is right, so only who loads them can tell: the brand is parked, and nothing is counted twice."""
    session = warmed(queue)
    drain(session)
    session.settle()
    session.release()
    queue.client.setrange(queue.keys.digests0, 16, b"\x00\xff")
    refused = queue.session()
    with pytest.raises(WrongSizeError, match="checksum"):
        refused.open()
    assert refused.release()
    queue.store.forget(queue.name, COMPARED)
    drain(queue.opened())


def test_session_that_loads_the_digests_of_a_lost_meta_goes_on_from_them(queue: Brand) -> None:
    """Nothing says what they were, so what is there counts: chunks of before are known."""
    session = warmed(queue)
    drain(session)
    session.settle()
    session.release()
    queue.client.delete(queue.keys.meta)
    queue.push_ids("c-1", "another")
    (step,) = queue.visit()
    assert (step.duplicates, step.fold.chunks) == (1, 1)


def test_session_forgets_the_digests_of_a_state_that_an_older_version_purged(queue: Brand) -> None:
    """It knew no such keys and left them: what is sent again counts in the empty state, and is remembered anew."""
    drain(warmed(queue))
    for key in (queue.keys.meta, queue.keys.state, queue.keys.lock, queue.keys.summary):
        queue.client.delete(key)
    queue.push_ids("c-1", "c-2")
    (step,) = queue.visit()
    assert (step.duplicates, step.fold.chunks) == (0, 2)
    assert queue.client.strlen(queue.keys.digests0) == 2 * ENTRY_BYTES
    queue.push_ids("c-1", "c-3")
    (step,) = queue.visit()
    assert (step.duplicates, step.fold.chunks) == (1, 1)
    assert queue.summary()["totalChunks"] == 3
