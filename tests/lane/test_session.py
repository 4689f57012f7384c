"""A session's work on a real Redis: what goes in, what comes out, and that it adds up."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from orchestrator.brand.seals import SEAL_BYTES
from orchestrator.brand.state import GENERAL_FIELD, BrandState
from orchestrator.contract.chunk import MAX_MAGNITUDE
from orchestrator.contract.conflict import Conflict
from orchestrator.contract.digests import DIGEST_BYTES, ENTRY_BYTES, digest
from orchestrator.contract.keys import BrandKeys
from orchestrator.contract.lock_token import holder_of
from orchestrator.contract.state_format import STATE_FORMAT
from orchestrator.errors import (
    BrandBusyError,
    BrandPausedError,
    DeadLetterFullError,
    InvalidStateError,
    LeaseLostError,
    NewerStateError,
    QueueMovedError,
    StaleStateError,
    StoreUnavailableError,
    WrongTypeError,
)
from orchestrator.lane.batch import CONFLICT
from orchestrator.lane.session import BrandSession, Warm
from orchestrator.lane.sizer import FIRST_ITEMS, UNSEEN_ITEMS, BatchSizer
from orchestrator.process import failpoints
from orchestrator.store import Store, StoreOptions, pauses
from tests.lane.support import CONFIG, Brand, assert_balanced, drain
from tests.states import stored_states

STORED = stored_states()
FULL_SENTIMENT = {"positive": 5, "neutral": 2, "negative": 1, "score": 4}


# -- what it must show


def test_session_summarises_the_readme_sample(queue: Brand) -> None:
    """The sample becomes 1 chunk, 3 mentions, sentiment 5/2/1/4, topic launch and one story with a spike."""
    queue.push(queue.item("nike-1"))
    queue.visit()
    summary = queue.summary()
    assert (summary["totalChunks"], summary["totalMentions"]) == (1, 3)
    assert summary["sentiment"] == FULL_SENTIMENT
    assert summary["dominantTopics"] == ["launch"]
    assert [(story["label"], story["mentions"], story["spike"]) for story in summary["clusters"]] == [
        ("Launch Buzz", 2, True)
    ]
    assert summary["spikeDetected"] is True


def test_session_adds_a_second_chunk_to_the_first(queue: Brand) -> None:
    """A different chunk, even in a later visit, adds to what is there."""
    queue.push_ids("nike-1")
    queue.visit()
    queue.push_ids("nike-2")
    queue.visit()
    summary = queue.summary()
    assert (summary["totalChunks"], summary["totalMentions"]) == (2, 6)
    assert summary["sentiment"] == {name: 2 * value for name, value in FULL_SENTIMENT.items()}


def test_session_knows_when_its_next_step_starts_from_an_older_peek(queue: Brand) -> None:
    """The peek that came with a commit is older than whatever was pushed since; the one after it is not."""
    session = queue.opened()
    known = [session.prefetched]
    queue.push_ids("nike-1")
    session.step()
    known.append(session.prefetched)
    queue.push_ids("nike-2")
    assert session.step().idle
    known.append(session.prefetched)
    assert known == [False, True, False]
    assert session.step().items == 1


def test_session_leaves_nothing_behind_but_the_state(queue: Brand) -> None:
    """After the visit the queue is empty, the lease is free, the summary is announced by its version."""
    queue.push_ids("nike-1")
    queue.visit()
    assert queue.queued() == 0
    assert not queue.locked()
    assert queue.summary()["version"] == queue.meta("version") == 1
    assert queue.meta("due") > 0


# -- duplicates


def test_session_counts_a_duplicate_within_a_batch_once(queue: Brand) -> None:
    """The same chunkId twice in one peek: the second changes nothing and is counted."""
    queue.push_ids("nike-1", "nike-1")
    steps = queue.visit()
    assert queue.summary()["totalChunks"] == 1
    assert [step.duplicates for step in steps] == [1]
    assert_balanced(queue, steps)


def test_session_counts_a_duplicate_across_visits_once(queue: Brand) -> None:
    """The same chunkId again in a later visit is known to Redis."""
    queue.push_ids("nike-1")
    steps = queue.visit()
    queue.push_ids("nike-1")
    steps += queue.visit()
    assert queue.summary()["totalChunks"] == 1
    assert sum(step.duplicates for step in steps) == 1
    assert_balanced(queue, steps)


def test_session_goes_by_the_id_alone(queue: Brand) -> None:
    """A chunk with another content but a known id is a duplicate: workers that retry may format differently."""
    queue.push(queue.item("nike-1"), queue.item("nike-1", meta={"mentionCount": 99}))
    queue.visit()
    assert queue.summary()["totalMentions"] == 3


# -- what is no chunk


BAD_ITEMS = {
    "not json": (b"{", "$"),
    "empty": (b"", "$"),
    "not an object": (b"[1,2]", "$"),
    "not utf-8": (b'{"chunkId":"\xff"}', "$"),
    "huge": (b" " * 5_000, "$"),
    "deep": (b"[" * 4_000, "$"),
    "no clusters": (b'{"chunkId":"x","brand":"nike","sentiment":{"score":1}}', "$"),
    "null required": (b'{"chunkId":null}', "$.chunkId"),
    "empty id": (b'{"chunkId":""}', "$.chunkId"),
    "nan": (b'{"chunkId":"x","sentiment":{"score":NaN}}', "$"),
    "infinite": (b'{"chunkId":"x","sentiment":{"score":1e999}}', "$.sentiment.score"),
    "wrong type": (b'{"chunkId":"x","clusters":{}}', "$.clusters"),
}


@pytest.mark.parametrize("name", BAD_ITEMS)
def test_session_moves_what_is_no_chunk_to_failed(queue: Brand, name: str) -> None:
    """Each bad item becomes a dead letter with reason, path and payload; its neighbours are folded."""
    item, path = BAD_ITEMS[name]
    queue.push(queue.item("before"), item, queue.item("after"))
    steps = queue.visit()
    [letter] = queue.failed()
    assert letter["path"].startswith(path)
    assert letter["reason"]
    assert letter["payload"].encode() == item or letter["encoding"] == "base64"
    assert queue.summary()["totalChunks"] == 2
    assert_balanced(queue, steps)


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"brand": "another"}, "$.brand"),
        ({"sentiment": None}, "$.sentiment"),
        ({"sentiment": {"positive": 1}}, "$.sentiment"),
        ({"sentiment": {"score": 2 * MAX_MAGNITUDE}}, "$.sentiment.score"),
        ({"clusters": None}, "$.clusters"),
        ({"clusters": [None]}, "$.clusters[0]"),
        ({"clusters": [{"id": "a", "label": 5, "mentions": []}]}, "$.clusters[0].label"),
        ({"clusters": [{"id": "a", "label": "b", "mentions": [None]}]}, "$.clusters[0].mentions[0]"),
        ({"clusters": [{"id": "a", "label": "b", "mentions": [], "mentionCount": -1}]}, "$.clusters[0].mentionCount"),
        ({"meta": {"mentionCount": 1.5}}, "$.meta.mentionCount"),
    ],
)
def test_session_names_the_path_of_what_is_wrong(queue: Brand, fields: dict[str, object], path: str) -> None:
    """Null where a value is required, a wrong brand, counts that are none: the path leads to the value."""
    queue.push(queue.item("bad", **fields))
    assert_balanced(queue, queue.visit())
    assert [letter["path"] for letter in queue.failed()] == [path]


def test_session_takes_null_for_absent_where_a_field_is_optional(queue: Brand) -> None:
    """Null-ridden is not malformed: optional fields may all be null."""
    cluster = {"id": "a", "label": "b", "mentions": ["m"], "centroid": None, "sentimentScore": None, "spike": None}
    nulls = {"processedAt": None, "topics": None, "summary": None, "spikeDetected": None, "meta": None}
    queue.push(queue.item("x", clusters=[cluster], sentiment={"score": 1, "positive": None}, **nulls))
    assert_balanced(queue, queue.visit())
    assert queue.summary()["totalChunks"] == 1


def test_session_with_nothing_but_bad_items_still_publishes(queue: Brand) -> None:
    """A reader of a brand whose workers send rubbish sees an empty summary, not none."""
    queue.push(b"{", b"}")
    assert_balanced(queue, queue.visit())
    assert queue.summary()["totalChunks"] == 0


# -- batches


def test_session_goes_through_a_long_queue_in_growing_batches(queue: Brand) -> None:
    """All chunks are folded, in batches that grow; the commit that empties the queue carries the summary."""
    queue.push_ids(*(f"c-{number}" for number in range(100)))
    steps = queue.visit()
    assert [step.items for step in steps] == [UNSEEN_ITEMS, 32, 60]
    assert steps[-1].published
    assert queue.summary()["totalChunks"] == 100
    assert_balanced(queue, steps)


def test_session_writes_summaries_at_most_once_a_second_under_load(queue: Brand) -> None:
    """Of three batches within a second the first and the last publish, the one between does not."""
    queue.push_ids(*(f"c-{number}" for number in range(100)))
    steps = queue.visit()
    assert [step.published for step in steps] == [True, False, True]


# -- leases


def test_session_yields_to_another_holder(queue: Brand) -> None:
    """Of two sessions, the second is told that the brand is busy and can release nothing."""
    holder, other = queue.opened(), queue.session()
    with pytest.raises(BrandBusyError):
        other.open()
    assert not other.release()
    assert holder.release()


def test_session_reports_a_key_of_a_foreign_type(queue: Brand) -> None:
    """A queue that is no list is nothing a session can fold."""
    queue.client.set(queue.keys.queue, "text")
    with pytest.raises(WrongTypeError, match=r"chunks' is a string, expected a list"):
        queue.session().open()
    assert not queue.locked()


@pytest.mark.parametrize("name", STORED)
def test_session_migrates_what_an_older_version_left(queue: Brand, name: str) -> None:
    """The first commit is the next of the old ones, and knows the chunks that they counted."""
    STORED[name].restore(queue.client, queue.name)
    version, known = queue.meta("version"), json.loads(STORED[name].next_items[0])["chunkId"]
    queue.push_ids(known, "new")
    (step, *_) = queue.visit()
    assert (step.duplicates, step.fold.chunks) == (1, 1)
    assert (queue.meta("format"), queue.meta("version")) == (STATE_FORMAT, version + 1)
    assert queue.summary()["version"] == version + 1
    general: Any = queue.client.hget(queue.keys.state, GENERAL_FIELD)
    assert msgspec.msgpack.decode(general[:-SEAL_BYTES])[0] == STATE_FORMAT
    stored: Any = queue.client.get(queue.keys.digests0)
    assert {stored[at : at + 12] for at in range(0, len(stored), 16)} == {*STORED[name].seen, digest("new")} - {b""}
    assert not queue.client.exists(queue.keys.seen0, queue.keys.seen1)
    queue.push_ids(known, "new")
    assert queue.visit()[0].duplicates == 2


def test_session_migrates_a_brand_that_has_nothing_but_digests_of_before(queue: Brand) -> None:
    """Also by a refresh, and by the commit of a chunk that is none: what is known is known before and after."""
    queue.client.sadd(queue.keys.seen0, "", digest("a"))
    queue.client.sadd(queue.keys.seen1, "", digest("b"))
    queue.push_ids("a", "b", "c")
    assert queue.visit()[0].duplicates == 2
    younger, older = (stored or b"" for stored in queue.client.mget(queue.keys.digests0, queue.keys.digests1))
    assert [stored[:DIGEST_BYTES] for stored in (younger, younger[ENTRY_BYTES:], older)] == [
        digest("a"),
        digest("c"),
        digest("b"),
    ]


@pytest.mark.parametrize("ahead", [False, True])
def test_conflicts_are_met_within_a_batch_and_between_batches(queue: Brand, *, ahead: bool) -> None:
    """Also with a batch whose commit is under way, and with what another process committed."""
    other = {"meta": {"mentionCount": 70}}
    queue.push_ids("a")
    queue.visit()
    chunks = [queue.item("b"), queue.item("b", **other), queue.item("a", **other), queue.item("c")]
    chunks += [queue.item("b", **other), queue.item("c", **other), queue.item("c"), queue.item("d")]
    queue.push(*chunks)
    session = queue.session(Warm(BatchSizer(max_items=4)))
    session.open()
    steps = [session.step(fold_ahead=ahead), session.step()]
    assert [(step.conflicts, step.duplicates, step.failed) for step in steps] == [(2, 2, 0), (2, 3, 0)]
    assert list(steps[1].conflicting) == ["b", "c"]
    assert queue.meta("conflicts") == 4
    told: Any = queue.client.hget(queue.keys.meta, "conflict")
    newest = Conflict.read(told)
    assert newest is not None
    assert newest.chunk_id == "c"
    assert queue.summary()["totalChunks"] == 4


def test_conflicts_are_kept_as_dead_letters_where_that_is_asked_for(queue: Brand) -> None:
    """Each once, with reason and path; edited to another id it counts."""
    config = replace(CONFIG, conflict_letters=True)
    queue.push_ids("a")
    queue.visit()
    queue.push(queue.item("a"), b"{", queue.item("a", meta={"mentionCount": 70}), queue.item("b"))
    session = BrandSession(queue.store, config, queue.name)
    session.open()
    (step,) = drain(session)
    assert (step.duplicates, step.failed, step.conflicts, step.fold.chunks) == (1, 2, 1, 1)
    letters = [(letter["reason"], letter["path"]) for letter in queue.failed()]
    assert (CONFLICT, "$.chunkId") in letters
    assert len(letters) == 2


def test_a_conflict_without_room_for_its_letter_loses_nothing(queue: Brand) -> None:
    """The commit is refused as a whole, the batch waits, and with room it goes through."""
    store = Store(queue.client, StoreOptions(failed_max=1))
    config = replace(CONFIG, conflict_letters=True)
    queue.push_ids("a")
    queue.visit()
    queue.client.rpush(queue.keys.failed, b"{}")
    queue.push(queue.item("b"), queue.item("a", meta={"mentionCount": 70}))
    session = BrandSession(store, config, queue.name)
    session.open()
    with pytest.raises(DeadLetterFullError):
        session.step()
    session.abandon()
    session.release()
    assert (queue.queued(), queue.meta("conflicts")) == (2, 0)
    queue.client.delete(queue.keys.failed)
    session = BrandSession(store, config, queue.name)
    session.open()
    steps = drain(session)
    assert (sum(step.fold.chunks for step in steps), sum(step.conflicts for step in steps)) == (1, 1)
    assert len(queue.failed()) == 1


def test_what_is_warm_is_counted_with_its_digests(queue: Brand) -> None:
    """They may take more than the state of a brand with few stories."""
    queue.push_ids(*map(str, range(2_000)))
    session = queue.opened()
    drain(session)
    warm = session.settle()
    assert warm.state is not None
    assert warm.held_bytes - warm.state.held_bytes > 2_000 * ENTRY_BYTES


def test_session_with_a_ledger_of_another_commit_loads_it_anew(queue: Brand) -> None:
    """Somebody else committed since: what that knows is known here as well, by the rule that holds for the state."""
    session = queue.opened()
    queue.push_ids("a")
    drain(session)
    warm = session.settle()
    session.release()
    queue.push_ids("b")
    queue.visit()
    queue.push_ids("a", "b", "c")
    again = queue.opened(warm)
    assert [step.duplicates for step in drain(again)] == [2]
    assert queue.summary()["totalChunks"] == 3


def test_session_leaves_the_brand_of_a_newer_version_without_a_trace(queue: Brand) -> None:
    """It asks once and holds nothing, so it has nothing to give back; not even a release is sent."""
    queue.push_ids("a")
    queue.client.hset(queue.keys.meta, "format", STATE_FORMAT + 1)
    session = queue.session()
    with pytest.raises(NewerStateError):
        session.open()
    assert not session.settle().token
    assert not session.release()
    assert queue.queued() == 1


def test_session_leaves_a_paused_brand_without_a_trace(queue: Brand) -> None:
    """It has nothing to give back; the lock of an acquire whose answer was lost went with the pause."""
    queue.push_ids("a")
    pauses.pause(queue.client, [queue.name], by="x")
    session = queue.session()
    with pytest.raises(BrandPausedError):
        session.open()
    assert not session.settle().token
    assert not session.release()
    pauses.resume(queue.client, [queue.name])
    assert queue.queued() == 1


def test_a_step_under_a_pause_is_done_again_after_it(queue: Brand) -> None:
    """What was folded and refused stays in the queue; a session that begins after the pause counts it once."""
    queue.push_ids("a", "b")
    session = queue.opened()
    pauses.pause(queue.client, [queue.name], by="x")
    with pytest.raises(LeaseLostError):
        drain(session)
    session.abandon()
    pauses.resume(queue.client, [queue.name])
    queue.visit()
    assert queue.summary()["totalChunks"] == 2


def test_session_that_cannot_read_the_state_gives_the_lease_back(queue: Brand) -> None:
    """A damaged state is reported, and the lock does not outlive the attempt."""
    queue.push_ids("a")
    queue.visit()
    queue.client.hset(queue.keys.state, "g", "garbage")
    session = queue.session()
    with pytest.raises(InvalidStateError):
        session.open()
    assert session.release()
    assert not queue.locked()


def _folding(queue: Brand) -> BrandSession:
    """A session with one commit behind it and a warm state at stake."""
    queue.push_ids("a")
    session = queue.opened()
    drain(session)
    return session


def test_session_fenced_commits_nothing(queue: Brand) -> None:
    """When another orchestrator took over, neither queue nor summary are touched, and the state is dropped."""
    session = _folding(queue)
    queue.client.set(queue.keys.lock, "another")
    before = queue.summary()
    queue.push_ids("b")
    with pytest.raises(LeaseLostError):
        session.step()
    assert session.abandon().state is None
    assert (queue.summary(), queue.queued()) == (before, 1)


def test_session_stale_commits_nothing(queue: Brand) -> None:
    """When somebody committed in between, the fold would build on the wrong state."""
    session = _folding(queue)
    queue.client.hset(queue.keys.meta, "cid", "foreign")
    queue.push_ids("b")
    with pytest.raises(StaleStateError):
        session.step()
    assert session.abandon().state is None
    assert queue.queued() == 1


def test_session_stale_is_noticed_even_without_work(queue: Brand) -> None:
    """A warm state that another commit has overtaken is not kept, also if there is nothing to fold."""
    session = _folding(queue)
    queue.client.hset(queue.keys.meta, "cid", "foreign")
    with pytest.raises(StaleStateError):
        session.step()


def test_session_commits_nothing_when_the_queue_moved(queue: Brand, monkeypatch: pytest.MonkeyPatch) -> None:
    """When a foreign consumer pops between peek and commit, the fold would count what was not taken."""
    session = _folding(queue)
    queue.push_ids("b", "c")
    peek = queue.store.peek
    monkeypatch.setattr(queue.store, "peek", lambda *args: (peek(*args), queue.client.lpop(queue.keys.queue))[0])
    with pytest.raises(QueueMovedError):
        session.step()
    assert session.abandon().state is None
    assert queue.queued() == 1
    assert queue.summary()["totalChunks"] == 1


# -- what is kept between two visits


def test_session_reuses_a_warm_state(queue: Brand, monkeypatch: pytest.MonkeyPatch) -> None:
    """If nobody committed since, the next visit loads nothing."""
    session = _folding(queue)
    warm = session.settle()
    session.release()
    monkeypatch.setattr(queue.store, "load", lambda _: pytest.fail("loaded although warm"))
    queue.push_ids("b")
    again = queue.opened(warm)
    drain(again)
    assert queue.summary()["totalChunks"] == 2
    assert again.settle() is warm


def test_settle_puts_the_state_to_rest(queue: Brand, monkeypatch: pytest.MonkeyPatch) -> None:
    """What only the last batch needed is not kept: it may be larger than the state."""
    rested: list[BrandState] = []
    monkeypatch.setattr(BrandState, "rest", lambda state: rested.append(state))  # noqa: PLW0108 - it has to bind
    session = _folding(queue)
    assert rested == []
    state = session.settle().state
    assert rested == [state]


def test_session_loads_when_the_warm_state_is_old(queue: Brand) -> None:
    """If another orchestrator committed since, what was kept is not used."""
    session = _folding(queue)
    warm = session.settle()
    session.release()
    queue.push_ids("b")
    queue.visit()
    queue.push_ids("c")
    drain(queue.opened(warm))
    assert queue.summary()["totalChunks"] == 3


@pytest.mark.usefixtures("armed")
def test_session_settles_no_state_while_a_commit_is_under_way(queue: Brand) -> None:
    """A state whose commit is unknown may be ahead of Redis; nobody may use it."""
    queue.push_ids("a")
    session = queue.opened()
    failpoints.arm("session.read_ahead=fail")
    with pytest.raises(StoreUnavailableError):
        session.step()
    assert session.committing
    assert session.settle().state is None


def test_session_that_ended_badly_starts_smaller(queue: Brand) -> None:
    """A lost lease halves the next batch, because a shorter fold may pass."""
    warm = Warm(BatchSizer())
    session = queue.opened(warm)
    session.lost()
    assert session.abandon() is warm
    assert warm.sizer.items == FIRST_ITEMS // 2


def test_release_forgives_a_prefetch_that_was_not_begun(queue: Brand) -> None:
    """The peek that came with the last commit proves nothing against its items."""
    queue.push_ids(*(f"c-{number}" for number in range(20)))
    session = queue.opened()
    session.step()
    assert queue.meta("attempts") == 1
    session.release()
    assert queue.meta("attempts") == 0


@pytest.mark.usefixtures("armed")
def test_release_does_not_forgive_a_batch_that_was_begun(queue: Brand) -> None:
    """A fold that failed counts against its batch, else a killer chunk would never be found."""
    queue.push_ids("a")
    session = queue.opened()
    failpoints.arm("session.folded=fail")
    with pytest.raises(StoreUnavailableError):
        session.step()
    session.release()
    assert queue.meta("attempts") == 1
    assert not queue.locked()


def test_release_of_a_session_that_was_never_opened_asks_nobody(queue: Brand) -> None:
    """There is nothing to give back."""
    assert not queue.session().release()


# -- refreshes


def test_session_leaves_a_quiet_brand_alone_until_it_is_due(queue: Brand) -> None:
    """Nothing queued and nothing to forget: no commit."""
    queue.push_ids("a")
    queue.visit()
    assert queue.opened().step().idle
    assert queue.meta("version") == 1


def test_session_refreshes_a_quiet_brand_that_is_due(queue: Brand) -> None:
    """When meta.due has passed, one commit without chunks writes the summary anew and sets the next time."""
    queue.push_ids("a")
    queue.visit()
    queue.client.hset(queue.keys.meta, "due", 1)
    session = queue.opened()
    [refresh] = drain(session)
    assert (refresh.items, refresh.published) == (0, True)
    assert queue.summary()["version"] == queue.meta("version") == 2
    assert queue.meta("due") > 1
    assert queue.summary()["totalChunks"] == 1


def test_session_writes_a_summary_that_an_earlier_lease_owed(queue: Brand) -> None:
    """A lane that lets go between two summaries leaves a debt, which is paid even if the queue is emptied by hand."""
    queue.push_ids(*(f"c-{number}" for number in range(100)))
    session = queue.opened()
    published = [session.step().published for _ in range(2)]
    assert published == [True, False]
    session.release()
    queue.client.delete(queue.keys.queue)
    queue.visit()
    assert queue.summary()["totalChunks"] == UNSEEN_ITEMS + 32


@pytest.mark.usefixtures("armed")
def test_session_pays_its_own_debt_when_the_queue_is_emptied(queue: Brand) -> None:
    """Within one lease too, the summary follows the state when there is nothing left to fold."""
    queue.push_ids(*(f"c-{number}" for number in range(100)))
    session = queue.opened()
    session.step()
    session.step()
    queue.client.delete(queue.keys.queue)
    failpoints.arm("session.began=fail")
    with pytest.raises(StoreUnavailableError):
        session.step()  # after a failure of Redis the queue is peeked again
    assert [step.published for step in drain(session)] == [True]
    assert queue.summary()["totalChunks"] == UNSEEN_ITEMS + 32


def test_the_lock_names_who_holds_it(queue: Brand) -> None:
    """So that anybody can see it; the bits after the name are new for each lease."""
    session = queue.session()
    session.open()
    token = queue.client.get(BrandKeys.of(queue.name).lock)
    assert isinstance(token, bytes)
    assert holder_of(token) == "orchestrator"
    session.release()
