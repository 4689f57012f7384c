"""States that earlier versions left are read, say the same as before, and are written anew by one commit."""

from __future__ import annotations

import json
from hashlib import blake2b
from typing import Any

import msgspec
import pytest

from orchestrator.brand import mentions, story_store
from orchestrator.brand.outputs import FoldConfig
from orchestrator.brand.state import GENERAL_FIELD, BrandState
from orchestrator.brand.topics import topic_key
from orchestrator.contract.decode import decode_batch
from orchestrator.contract.state_format import OLDEST_FORMAT, STATE_FORMAT, Formats
from orchestrator.errors import InvalidStateError
from tests.brand.support import NOW_MS, Keys, as_far_as, chunk, folded, opened, summary_of
from tests.states import StoredState, stored_formats, stored_states

STATES = stored_states()
RULES_CHANGED = {
    # A topic says in which measure it is counted.
    "format-2/centroids": {"topics"},
    "format-2/spikes": {"topics", "spike", "summary"},
    # What an episode needs is less since hours are judged by their neighbours, too.
    "format-3/spikes": {"spike", "summary"},
    "format-4/spikes": {"spike", "summary"},
    # "Recall!" and "recall" are one topic since topics have the normal form of words; a label is shown without its
    # count: "Price cut (934)".
    "format-2/labels": {"topics", "dominantTopics", "summary", "clusters"},
}
"""Fields of the summary that say something else since a rule of theirs changed, by format and name of the state."""

OLD, NEW = Formats(STATE_FORMAT, OLDEST_FORMAT), Formats(STATE_FORMAT + 1, OLDEST_FORMAT)

_stored = pytest.mark.parametrize("name", STATES)
_unkeyed = pytest.mark.parametrize("name", [name for name in STATES if name.startswith(("format-2/", "format-3/"))])


def load(state: StoredState) -> BrandState:
    """It, in memory."""
    return BrandState.load(FoldConfig(), state.state)


def told(state: BrandState, stored: StoredState, now_ms: int) -> Any:
    """The summary of *state*, as it would be published under the lease of *stored*."""
    heading = stored.summary["epoch"], stored.summary["version"]
    return json.loads(state.summary(stored.brand, now_ms, *heading))


def format_in(fields: Any) -> int:
    """The number in the general field."""
    return int(msgspec.msgpack.decode(opened(fields)[GENERAL_FIELD])[0])


def is_kept(name: bytes) -> bool:
    """Whether a migration leaves that field as it is."""
    return name.startswith(mentions.PREFIX)


def test_there_are_states_of_every_format_that_is_read() -> None:
    """Before the number rises, the code of the present format has to leave its own: see CONTRIBUTING.md."""
    assert stored_formats() == list(range(OLDEST_FORMAT, STATE_FORMAT))


@_stored
def test_an_old_state_gives_the_same_summary(name: str) -> None:
    """Nothing that a reader was told changes because of an upgrade, but what a rule now says otherwise."""
    stored = STATES[name]
    now = told(load(stored), stored, stored.now_ms)
    same = stored.summary.keys() - RULES_CHANGED.get(name, set())
    before = {field: stored.summary[field] for field in same}
    assert as_far_as(now, before) == before


@_stored
def test_an_old_state_goes_on_counting(name: str) -> None:
    """The next batch is counted on top of what was counted before."""
    stored = STATES[name]
    state = load(stored)
    new = [item for item in stored.next_items if _digest(item) not in stored.seen]
    state.fold(decode_batch(new, stored.brand, hashing=state.hashing), stored.next_ms)
    now = told(state, stored, stored.next_ms)
    for field in ("totalChunks", "totalMentions", "spikeDetected"):
        assert now[field] == stored.next_summary[field]


def _digest(item: bytes) -> bytes:
    return blake2b(json.loads(item)["chunkId"].encode(), digest_size=12).digest()


@_stored
def test_topics_of_an_old_state_go_on_under_the_present_rule(name: str) -> None:
    """Else one topic would stand twice in the summary, once as the older version knew it, until its window is over."""
    stored = STATES[name]
    state = load(stored)
    state.fold(decode_batch(stored.next_items, stored.brand, hashing=state.hashing), stored.next_ms)
    keys = [topic_key(topic["topic"]) for topic in told(state, stored, stored.next_ms)["topics"]]
    assert keys
    assert len(set(keys)) == len(keys)


@_stored
def test_the_first_commit_writes_every_field_anew(name: str) -> None:
    """So a later version need not know what this one could read; ids of mentions are the same in every format."""
    stored = STATES[name]
    changes = load(stored).take_changes()
    old = {field for field in stored.state if not is_kept(field)}
    segments = {field for field in old if field.startswith(story_store.PREFIX)}
    assert segments <= set(changes.remove)
    assert old - segments <= set(changes.put) | set(changes.remove)
    assert format_in(changes.put) == STATE_FORMAT


@_stored
def test_the_migrated_state_says_the_same(name: str) -> None:
    """What is loaded from the new fields is what was loaded from the old ones, and is written once."""
    stored = STATES[name]
    state = load(stored)
    keys = Keys(dict(stored.state))
    keys.commit(state.take_changes())
    again = BrandState.load(FoldConfig(), keys.state)
    assert told(again, stored, stored.now_ms) == told(state, stored, stored.now_ms)
    assert set(again.take_changes().put) == set(state.take_changes().put) == {GENERAL_FIELD}


@_stored
def test_the_migration_publishes_the_whole_trend(name: str) -> None:
    """A day that a reader sees is made of hours of one format."""
    stored = STATES[name]
    points = load(stored).take_changes().trend_put
    assert {field.decode() for field in points} == stored.trend.keys()
    for field, point in points.items():
        assert json.loads(point).items() >= stored.trend[field.decode()].items()


def test_a_state_of_the_present_format_is_not_written_anew() -> None:
    """A full write costs what the state is large, and is due once."""
    fields = dict(folded(chunk(1, summary="s")).take_changes().put)
    assert set(BrandState.load(FoldConfig(), fields).take_changes().put) == {GENERAL_FIELD}


def test_a_migrated_state_has_lost_no_story_that_left_before() -> None:
    """A story that left is in no segment any more, and does not come back with an old one."""
    config = FoldConfig(max_stories=1, formats=NEW)
    fields = dict(folded(chunk(1), config=FoldConfig(formats=OLD)).take_changes().put)
    state = BrandState.load(config, fields)
    other = decode_batch([_founding(f"c{number}") for number in range(3)], "nike")
    state.fold(other, NOW_MS)
    keys = Keys(fields)
    keys.commit(state.take_changes())
    assert len(summary_of(BrandState.load(config, keys.state))["clusters"]) == 1


def _founding(name: str) -> bytes:
    cluster = {"id": name, "label": f"label of {name} alone", "mentions": ["m1", "m2"]}
    sentiment = {"positive": 1, "neutral": 1, "negative": 0, "score": 1}
    return json.dumps({"chunkId": name, "brand": "nike", "sentiment": sentiment, "clusters": [cluster]}).encode()


def test_a_large_state_is_written_in_segments_of_bounded_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """Segments leave as a whole; one with all stories would have to be written again as a whole."""
    stored = STATES["format-2/centroids"]
    monkeypatch.setattr(story_store, "MOST_CLEANED_BYTES", 2_000)
    state = load(stored)
    keys = Keys(dict(stored.state))
    keys.commit(state.take_changes())
    sizes = [len(value) for name, value in keys.state.items() if name.startswith(story_store.PREFIX)]
    assert len(sizes) > 2
    assert max(sizes) < 4_000
    assert told(BrandState.load(FoldConfig(), keys.state), stored, stored.now_ms) == told(state, stored, stored.now_ms)


def _again(stored: StoredState) -> list[bytes]:
    """The chunk that was counted already of those that came next, under another id: the same mentions once more."""
    known = [json.loads(item) for item in stored.next_items if _digest(item) in stored.seen]
    return [json.dumps(chunk | {"chunkId": f"{chunk['chunkId']} again"}).encode() for chunk in known]


def _counted(state: BrandState) -> dict[int, int]:
    """How many ids each story was brought, by its key."""
    return {story.key: story.ids.total for story in state._stories.records.values()}


@pytest.mark.parametrize("commits", [0, 1, 2])
@_unkeyed
def test_a_mention_that_was_counted_without_a_key_is_not_counted_again(name: str, commits: int) -> None:
    """Whether it is loaded from the old fields or from new ones, whatever the key is."""
    stored = STATES[name]
    keys = Keys(dict(stored.state))
    state = load(stored)
    for _ in range(commits):
        keys.commit(state.take_changes())
        state = BrandState.load(FoldConfig(), keys.state)
    before, again = _counted(state), _again(stored)
    assert again
    assert state.hashing.old_too
    batch = decode_batch(again, stored.brand, hashing=state.hashing)
    assert len(batch.mentions.hashes)
    state.fold(batch, stored.next_ms)
    assert _counted(state) == before


@pytest.mark.parametrize("name", [name for name in STATES if not name.endswith("/labels")])  # the last list none
def test_a_mention_is_counted_once_across_the_migration(name: str) -> None:
    """What came after the upgrade is known by its hash under the key, beside what came before it."""
    stored = STATES[name]
    keys, state = Keys(dict(stored.state)), load(stored)
    new = [item for item in stored.next_items if _digest(item) not in stored.seen]
    state.fold(decode_batch(new, stored.brand, hashing=state.hashing), stored.next_ms)
    counted = _counted(state)
    assert counted != _counted(load(stored))
    keys.commit(state.take_changes())
    state = BrandState.load(FoldConfig(), keys.state)
    renamed = [json.dumps(json.loads(item) | {"chunkId": f"other {n}"}).encode() for n, item in enumerate(new)]
    state.fold(decode_batch(renamed, stored.brand, hashing=state.hashing), stored.next_ms)
    assert _counted(state) == counted


@_unkeyed
def test_no_stored_hash_of_before_is_looked_up_as_it_is(name: str) -> None:
    """Who can make texts that collide without a key cannot aim at the tables of a migrated brand, either."""
    stored = STATES[name]
    state = load(stored)
    unkeyed = {
        hashes[at : at + 8]
        for field, value in stored.state.items()
        if is_kept(field)
        for hashes in [msgspec.msgpack.decode(value)[1]]
        for at in range(0, len(hashes), 8)
    }
    held = {story.ids.dump(at, at + 1) for story in state._stories.records.values() for at in range(story.ids.total)}
    assert unkeyed
    assert not unkeyed & held


@_unkeyed
def test_old_hashes_are_looked_up_no_longer_than_a_story_needs_them(name: str) -> None:
    """A brand whose stories of before have left costs no second hash any more."""
    stored = STATES[name]
    state = load(stored)
    assert state.hashing.old_too
    state.advance(stored.next_ms + 2 * FoldConfig().window_ms)
    assert not state.hashing.old_too


def test_old_ids_that_make_no_sense_are_refused() -> None:
    """More of them than the story ever had, or hashes that are cut."""
    stored = STATES["format-3/centroids"]
    name = next(filter(is_kept, stored.state))
    parts, hashes = msgspec.msgpack.decode(stored.state[name])
    with pytest.raises(InvalidStateError, match=f"{len(hashes) + 1} bytes of hashes"):
        BrandState.load(FoldConfig(), {**stored.state, name: msgspec.msgpack.encode((parts, hashes + b"x"))})
    state = load(stored)
    next(iter(state._stories.records.values())).old_ids = 10**6
    keys = Keys(dict(stored.state))
    keys.commit(state.take_changes())
    with pytest.raises(InvalidStateError, match="1000000 of"):
        BrandState.load(FoldConfig(), keys.state)


def test_ids_under_a_key_are_not_read_without_it() -> None:
    """All of them would be counted again: a state whose key is gone is damaged."""
    fields = opened(folded(chunk(1)).take_changes().put)
    general = msgspec.msgpack.decode(fields[GENERAL_FIELD])
    for key in (b"", bytes(15)):
        damaged = fields | {GENERAL_FIELD: msgspec.msgpack.encode([*general[:4], key, *general[5:]])}
        with pytest.raises(InvalidStateError, match="key"):
            BrandState.load(FoldConfig(), damaged)
