"""Dead letters fill their list exactly: a batch is cut to what there is room for, and good chunks never wait for it."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrator.errors import DeadLetterFullError
from orchestrator.lane.session import Warm
from orchestrator.lane.sizer import BatchSizer
from orchestrator.lane.suspects import TRIAL_ATTEMPTS
from orchestrator.store import FailedPolicy, Store, StoreOptions
from tests.lane.support import Brand, May

_NUMBERS = itertools.count()
CAP = 5
ITEMS = 4


def push(queue: Brand, pattern: str) -> None:
    """A chunk for each letter of *pattern*: b is bad, everything else is good."""
    for sign in pattern:
        name = f"c-{queue.pushed}"
        queue.push(b"bad " + name.encode() if sign == "b" else queue.item(name))


def bounded(queue: Brand, policy: FailedPolicy = FailedPolicy.PAUSE) -> Store:
    """A store whose lists hold so many dead letters."""
    return Store(queue.client, StoreOptions(failed_max=CAP, failed_policy=policy))


def visit(queue: Brand, store: Store, *, fold_ahead: bool) -> DeadLetterFullError | None:
    """Drain the queue as a lane does; the error that ended it."""
    session = queue.session(Warm(BatchSizer(max_items=ITEMS)), store)
    session.open()
    try:
        while not session.burst(May(ahead=fold_ahead))[-1].idle:
            pass
    except DeadLetterFullError as error:
        session.abandon()
        return error
    else:
        session.settle()
        return None
    finally:
        session.release()


def dead(queue: Brand) -> list[str]:
    """The chunks whose dead letters are in the list."""
    return [entry["payload"].removeprefix("bad ") for entry in queue.failed()]


def counted(queue: Brand) -> int:
    """Chunks in the summary."""
    document = queue.summary()
    return 0 if document is None else int(document["totalChunks"])


@pytest.mark.parametrize("fold_ahead", [False, True])
@pytest.mark.parametrize(
    ("pattern", "good"),
    [
        ("bbbbbbb", 0),
        ("gbbbgbbgbbb", 3),  # the fifth and the sixth in one batch, a good one between them
        ("ggggbbbbggbbgggg", 6),  # full in the third batch, which was read ahead
        ("bbbbb", 0),
        ("bbbbbgggg", 4),  # full, and nothing more for it
    ],
)
def test_the_list_is_filled_exactly(queue: Brand, pattern: str, good: int, fold_ahead: bool) -> None:  # noqa: FBT001
    """The brand pauses at the cap and not before it, and with all good chunks counted that came before."""
    push(queue, pattern)
    error = visit(queue, bounded(queue), fold_ahead=fold_ahead)
    bad = pattern.count("b")
    assert (len(dead(queue)), counted(queue)) == (min(CAP, bad), good)
    assert (error is not None) is (bad > CAP)
    assert queue.queued() == len(pattern) - good - min(CAP, bad)
    assert queue.meta("version") <= len(pattern)  # what is owed to readers is one commit, not one after another
    if error is not None:
        assert f"there are {CAP} dead letters" in str(error)


def test_a_list_that_drops_its_oldest_needs_no_room(queue: Brand) -> None:
    """Nothing is cut, and nobody waits."""
    push(queue, "bbbgbbbb")
    assert visit(queue, bounded(queue, FailedPolicy.DROP_OLDEST), fold_ahead=True) is None
    assert (len(dead(queue)), counted(queue), queue.queued()) == (CAP, 1, 0)


def test_room_that_goes_meanwhile_is_noticed_by_the_commit(queue: Brand, monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers write there too: between the look and the commit the list may fill, and it is the commit that counts."""
    push(queue, "gbbb")
    store = bounded(queue)
    look = store.room

    def late(lease: Any) -> int | None:
        room = look(lease)
        queue.client.rpush(queue.keys.failed, *(json.dumps({"payload": "w"}) for _ in range(CAP - 2)))
        return room

    monkeypatch.setattr(store, "room", late)
    assert visit(queue, store, fold_ahead=False) is not None
    assert (len(dead(queue)), queue.queued()) == (CAP - 2, 4)
    monkeypatch.setattr(store, "room", look)
    assert visit(queue, store, fold_ahead=False) is not None
    assert (len(dead(queue)), counted(queue), queue.queued()) == (CAP, 1, 1)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pattern=st.text("gb", min_size=1, max_size=24), fold_ahead=st.booleans(), freed=st.lists(st.integers(1, CAP)))
def test_whatever_is_freed_is_filled_again(queue: Brand, pattern: str, fold_ahead: bool, freed: list[int]) -> None:  # noqa: FBT001
    """Nothing is lost, nothing is there twice, and the brand stands still only where the list is full."""
    fresh = Brand(queue.client, queue.store, f"{queue.name} {next(_NUMBERS)}")
    push(fresh, pattern)
    store, taken = bounded(fresh), list[str]()
    for room in [*freed, *[CAP] * len(pattern)]:
        error = visit(fresh, store, fold_ahead=fold_ahead)
        if error is None:
            break
        assert len(dead(fresh)) == CAP
        taken += dead(fresh)[:room]
        fresh.client.ltrim(fresh.keys.failed, room, -1)
    assert taken + dead(fresh) == [f"c-{place}" for place, sign in enumerate(pattern) if sign == "b"]
    assert (counted(fresh), fresh.queued()) == (pattern.count("g"), 0)


def test_nothing_is_held_against_what_waits_for_room(queue: Brand) -> None:
    """Visits of a brand that is full are no attempts at its next chunk; it is neither tried nor condemned for them."""
    push(queue, "bbbbbbg")
    for _ in range(TRIAL_ATTEMPTS + 1):
        assert visit(queue, bounded(queue), fold_ahead=False) is not None
        assert queue.meta("attempts") == 0
    queue.client.delete(queue.keys.failed)
    assert visit(queue, bounded(queue), fold_ahead=False) is None
    assert (dead(queue), counted(queue)) == (["c-5"], 1)
