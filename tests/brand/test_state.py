"""Tests of a brand's state as a whole: one result whatever the cuts, restarts and interludes."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.brand.codec import pack
from orchestrator.brand.outputs import FoldConfig, FoldReport
from orchestrator.brand.seals import is_sealed
from orchestrator.brand.state import GENERAL_FIELD, BrandState
from orchestrator.brand.window import Window
from orchestrator.contract.chunk import Chunk, Cluster, Sentiment, TopicCount
from orchestrator.contract.state_format import OLDEST_FORMAT, STATE_FORMAT
from orchestrator.contract.times import iso_utc
from orchestrator.errors import InvalidStateError, NewerStateError
from tests.brand.support import (
    DAY_MS,
    HOUR_MS,
    MINUTE_MS,
    NOW_MS,
    Keys,
    batch_of,
    chunk,
    chunk_at,
    edit,
    folded,
    listed,
    meaning,
    opened,
    sample,
    summary_of,
)

SMALL = FoldConfig(window_ms=6 * HOUR_MS, max_stories=4, similarity_threshold=0.75)

numbers = st.floats(0, 50) | st.integers(0, 50).map(float)
optional_flags = st.sampled_from([None, None, None, True, False])
sentiments = st.builds(Sentiment, st.floats(-50, 50), *[st.none() | numbers] * 3)
LABELS = ["Launch Buzz", "launch buzz!", "door recall", "recall of door", "sizing", "a b c", "", "-1_the_to", "Topic 3"]
TOPICS = ["launch", "Launch", "sizing", " ", "#LaunchBuzz", "buzz launch", "nike", TopicCount("recall", 7)]
clusters = st.builds(
    Cluster,
    id=st.sampled_from(["0", "1", "launch", "recall"]),
    label=st.sampled_from(LABELS),
    mentions=st.lists(st.sampled_from("mnopq"), max_size=3).map(lambda texts: listed(*texts)),
    sentiment_score=st.none() | st.floats(-1, 1),
    spike=optional_flags,
    mention_count=st.none() | st.integers(0, 9),
    centroid=st.none() | st.integers(0, 5),
)
ROWS = [[1.0, 0.0, 0.0], [0.8, 0.6, 0.0], [0.0, 0.0, 1.0], [0.0, 0.1, 1.0], [0.0, 0.0, 0.0], [1.0, 1.0]]


def _without_zone(at_ms: int) -> str:
    return iso_utc(at_ms).removesuffix("Z")


def _seconds(at_ms: int) -> str:
    return str(at_ms / 1000)


WAYS_TO_WRITE: list[Callable[[int], str | float]] = [iso_utc, iso_utc, _without_zone, float, _seconds]


@st.composite
def arrivals(draw: st.DrawFn) -> list[tuple[Chunk, int]]:
    """Chunks with the times of their arrival, which only grow; a few arrive at once, some after hours or days.

    Of their own times some are too late for the window, some for the trend, and some are written in other ways.
    """
    now_ms = NOW_MS
    made: list[tuple[Chunk, int]] = []
    for number in range(draw(st.integers(1, 12))):
        now_ms += draw(st.sampled_from([0, 0, 0, MINUTE_MS, 20 * MINUTE_MS, 4 * HOUR_MS, 9 * DAY_MS]))
        offset_ms = draw(st.none() | st.integers(-8 * HOUR_MS, 10 * MINUTE_MS) | st.integers(-9 * DAY_MS, 0))
        write = draw(st.sampled_from(WAYS_TO_WRITE))
        one = chunk(
            number,
            sentiment=draw(sentiments),
            clusters=draw(st.lists(clusters, max_size=3)),
            processed_at=None if offset_ms is None else write(now_ms + offset_ms),
            topics=draw(st.none() | st.lists(st.sampled_from(TOPICS), max_size=3)),
            summary=draw(st.none() | st.sampled_from(["it went well", "it did not"])),
            spike_detected=draw(optional_flags),
            mentions=draw(st.none() | st.integers(0, 200)),
        )
        made.append((one, now_ms))
    return made


def run(rows: Sequence[tuple[Chunk, int]], config: FoldConfig) -> tuple[BrandState, Keys]:
    """One chunk a batch, one commit a chunk, nothing in between: the definition."""
    state, keys = BrandState.empty(config), Keys()
    for one, now_ms in rows:
        state.fold(batch_of([one], ROWS), now_ms)
        keys.commit(state.take_changes())
    return state, keys


def two_brands() -> tuple[Keys, Keys]:
    """The same chunks in one commit and in five."""
    rows = [
        (
            chunk(number, clusters=[Cluster("s", f"story {number % 2} x y", listed(f"m{number}", "m"), centroid=2)]),
            NOW_MS,
        )
        for number in range(5)
    ]
    _, many = run(rows, SMALL)
    one, state = Keys(), BrandState.empty(SMALL)
    state.fold(batch_of([row for row, _ in rows], ROWS), NOW_MS)
    one.commit(state.take_changes())
    return one, many


def test_differences_do_not_depend_on_commits() -> None:
    """Different fields that say the same are the same."""
    one, many = two_brands()
    assert one.state != many.state
    assert one.differences(many, SMALL) == []
    assert many.differences(one, SMALL) == []


def edited_story(place: int, change: Callable[[Any], Any]) -> Callable[[dict[bytes, bytes]], None]:
    """A damage: what stands at *place* of the story in the newest segment is changed."""

    def change_story(fields: dict[bytes, bytes]) -> None:
        ([story], removed) = msgspec.msgpack.decode(opened(fields)[b"s:4"])
        story[place] = change(story[place])
        edit(fields, b"s:4", ([story], removed))

    return change_story


def edited_ids(edit_ids: Callable[[bytes], bytes]) -> Callable[[dict[bytes, bytes]], None]:
    """A damage: the oldest segment of ids has others."""

    def change_ids(fields: dict[bytes, bytes]) -> None:
        parts, hashes, keyed = msgspec.msgpack.decode(opened(fields)[b"m:0"])
        edit(fields, b"m:0", (parts, edit_ids(hashes), keyed))

    return change_ids


KNOWN_BAD: dict[str, Callable[[dict[bytes, bytes]], None]] = {
    "id": edited_story(1, lambda _: "t"),
    "label": edited_story(2, str.upper),
    "weight": edited_story(3, lambda weight: weight + 1),
    "first seen": edited_story(4, lambda at_ms: at_ms - 1),
    "last seen": edited_story(5, lambda at_ms: at_ms + 1),
    "flagged": edited_story(6, lambda _: NOW_MS),
    "members": edited_story(8, lambda panes: panes[:8] + bytes([panes[8] + 1]) + panes[9:]),
    "sum": edited_story(10, lambda total: total[:-4] + bytes(4)),
    "words": edited_story(11, lambda words: words[::-1]),
    "weights": edited_story(12, lambda weights: weights[:-8] + bytes(8)),
    "examples": edited_story(9, lambda examples: examples[1:]),
    "another id": edited_ids(lambda hashes: bytes(8) + hashes[8:]),
    "order of ids": edited_ids(lambda hashes: hashes[8:] + hashes[:8]),
    "a story that left": lambda fields: edit(fields, b"s:5", ([], [0])),
    "next key": lambda fields: edit(fields, b"s", (STATE_FORMAT, 9)),
    "a note": lambda fields: edit(fields, b"n", [[0, "it went well"]]),
    "a field more": lambda fields: fields.update({b"x": b""}),
}


@pytest.mark.parametrize("name", KNOWN_BAD)
def test_differences_tell_what_differs(name: str) -> None:
    """Any part of a state that says another thing is a difference, whichever way round."""
    one, many = two_brands()
    KNOWN_BAD[name](many.state)
    assert one.differences(many, SMALL) != []
    assert many.differences(one, SMALL) != []


def outlook(state: BrandState, start_ms: int) -> list[bytes]:
    """What the state will tell from *start_ms* on, without traffic."""
    return [state.summary("nike", start_ms + hours * HOUR_MS, 1, 1) for hours in (0, 1, 5, 7, 40)]


@given(arrivals(), st.data())
def test_batch_cuts_do_not_change_the_result(rows: list[tuple[Chunk, int]], data: st.DataObject) -> None:
    """Any cut of the same arrivals into batches and commits leaves the same keys and tells the same."""
    expected, expected_keys = run(rows, SMALL)
    told = outlook(expected, rows[-1][1])
    state, keys = BrandState.empty(SMALL), Keys()
    start = 0
    while start < len(rows):
        now_ms = rows[start][1]
        same = sum(1 for _, at_ms in rows[start:] if at_ms == now_ms)
        size = data.draw(st.integers(1, same))
        state.fold(batch_of([one for one, _ in rows[start : start + size]], ROWS), now_ms)
        start += size
        if data.draw(st.booleans()):
            keys.commit(state.take_changes())
    keys.commit(state.take_changes())
    assert keys.differences(expected_keys, SMALL) == []
    for found in (state, BrandState.load(SMALL, keys.state), BrandState.load(SMALL, expected_keys.state)):
        assert outlook(found, rows[-1][1]) == told


@given(arrivals(), st.data())
def test_restarts_and_interludes_do_not_change_the_result(rows: list[tuple[Chunk, int]], data: st.DataObject) -> None:
    """Loading the state anew and letting time pass at any point change nothing."""
    expected, expected_keys = run(rows, SMALL)
    told = outlook(expected, rows[-1][1])
    state, keys = BrandState.empty(SMALL), Keys()
    for one, now_ms in rows:
        if data.draw(st.booleans()):
            state = BrandState.load(SMALL, keys.state)
        state.advance(now_ms - data.draw(st.integers(0, MINUTE_MS)) * data.draw(st.integers(0, 3)))
        state.fold(batch_of([one], ROWS), now_ms)
        keys.commit(state.take_changes())
    assert keys.differences(expected_keys, SMALL) == []
    for found in (state, BrandState.load(SMALL, keys.state), BrandState.load(SMALL, expected_keys.state)):
        assert outlook(found, rows[-1][1]) == told


@given(arrivals())
def test_nothing_changes_before_it_is_due(rows: list[tuple[Chunk, int]]) -> None:
    """Between two due times the summary stands still, but for the time that it names."""
    state, _ = run(rows, SMALL)
    now_ms = rows[-1][1]
    for _ in range(6):
        due_ms = state.due_ms()
        if not due_ms:
            break
        assert due_ms > now_ms
        before, until = summary_of(state, now_ms), summary_of(state, due_ms - 1)
        for name in ("generatedAt", "windowStart", "windowEnd"):
            assert before.pop(name) <= until.pop(name)
        assert before == until
        now_ms = due_ms
        state.advance(now_ms)


@settings(max_examples=20)
@given(arrivals())
def test_a_quiet_brand_ends_empty(rows: list[tuple[Chunk, int]]) -> None:
    """Refreshed whenever it is due and without new chunks, a summary comes to say nothing, and is never due again."""
    state, keys = run(rows, SMALL)
    for _ in range(200):
        due_ms = state.due_ms()
        if not due_ms:
            break
        state.advance(due_ms)
        keys.commit(state.take_changes())
    summary = summary_of(BrandState.load(SMALL, keys.state))
    assert state.due_ms() == 0
    assert (summary["totalMentions"], summary["totalChunks"], summary["clusters"]) == (0, 0, [])
    assert (summary["spikeDetected"], summary["chunkSummaries"], summary["topics"]) == (False, [], [])
    assert not [name for name in meaning(keys.state, SMALL) if name.startswith(b"story")]


@given(arrivals(), st.data())
def test_late_chunks_change_nothing_but_the_trend(rows: list[tuple[Chunk, int]], data: st.DataObject) -> None:
    """With and without chunks that are too late for the window, summary and spikes are the same; the trend has them."""
    expected, expected_keys = run(rows, SMALL)
    told = outlook(expected, rows[-1][1])
    place = data.draw(st.integers(0, len(rows) - 1))
    now_ms = rows[place][1]
    at_ms = now_ms - data.draw(st.integers(SMALL.window_ms + 15 * MINUTE_MS, 7 * DAY_MS))
    late = chunk_at(at_ms, chunk_id="late", topics=["old"], summary="old news", spike_detected=True, mentions=900)
    state, keys = run([*rows[:place], (late, now_ms), *rows[place:]], SMALL)
    assert outlook(state, rows[-1][1]) == told
    assert keys.spikes == expected_keys.spikes
    both = (keys, expected_keys)
    others = [
        {name: value for name, value in meaning(one.state, SMALL).items() if name[:2] != b"h:" and name != b"t"}
        for one in both
    ]
    assert others[0] == others[1]
    if rows[-1][1] < now_ms + DAY_MS:  # else the trend may have forgotten the hour meanwhile
        hour = f"hour:{iso_utc(at_ms)[:13]}:00:00Z".encode()
        mentions = [json.loads(one.trend.get(hour, b'{"mentions":0}'))["mentions"] for one in both]
        assert mentions[0] == mentions[1] + 900 or at_ms < now_ms - 6 * DAY_MS


@given(arrivals())
def test_no_chunk_is_lost(rows: list[tuple[Chunk, int]]) -> None:
    """Every chunk is in the trend while that covers its time, whatever its time is."""
    state, keys = BrandState.empty(SMALL), Keys()
    for one, _ in rows:  # all at once: no hour is forgotten
        state.fold(batch_of([one], ROWS), rows[-1][1])
    keys.commit(state.take_changes())
    hours = [json.loads(point) for name, point in keys.trend.items() if name.startswith(b"hour:")]
    assert sum(hour["chunks"] for hour in hours) == len(rows)


def test_a_backlog_of_an_outage_is_no_news() -> None:
    """After 30 hours without service the old chunks count in their hours, and raise no alarm now."""
    state = BrandState.empty(FoldConfig())
    for hours in range(10 * 24):  # a steady brand, 30 mentions an hour
        state.fold(batch_of([chunk_at(NOW_MS + hours * HOUR_MS, mentions=30)]), NOW_MS + hours * HOUR_MS)
    now_ms = NOW_MS + 270 * HOUR_MS
    backlog = [chunk_at(NOW_MS + hours * HOUR_MS, mentions=30) for hours in range(240, 270)]
    report = state.fold(batch_of(backlog), now_ms)
    # 12:00 of day 10 to 17:00 of day 11; the window begins at 18:00 of day 10, six hours in
    assert (report.chunks, report.mentions, report.retimed, report.late) == (30, 900, 0, 6)
    summary = summary_of(state, now_ms)
    assert (summary["totalChunks"], summary["totalMentions"], summary["spike"]) == (24, 24 * 30, None)
    assert not summary["spikeDetected"]
    changes = state.take_changes()
    hours_of_backlog = [
        json.loads(changes.trend_put[f"hour:{iso_utc(NOW_MS + hours * HOUR_MS)[:13]}:00:00Z".encode()])["mentions"]
        for hours in range(240, 270)
    ]
    assert hours_of_backlog == [30] * 30


def test_fold_reports_what_the_batch_amounted_to() -> None:
    """Chunks, mentions, clusters and retimed chunks are counted; an empty batch is nothing."""
    state = BrandState.empty(FoldConfig())
    assert state.fold(sample("chunks_counts.ndjson", "nike"), NOW_MS) == FoldReport(2, 7, 3, 2)
    assert state.fold(batch_of([]), NOW_MS) == FoldReport()


def test_fold_reports_the_oldest_time_that_a_worker_said() -> None:
    """Of all chunks that say one that can be used; arrivals are nobody's word."""
    state = BrandState.empty(FoldConfig())
    said = [chunk_at(NOW_MS - 5_000), chunk_at(NOW_MS - 90_000), chunk_at(NOW_MS + DAY_MS)]
    assert state.fold(batch_of(said), NOW_MS).oldest_ms == NOW_MS - 90_000
    assert state.fold(batch_of(said[2:]), NOW_MS).oldest_ms == 0


def test_window_forgets_by_the_clock() -> None:
    """A chunk counts until its pane has left the window, to the millisecond."""
    state = folded(chunk_at(NOW_MS, mentions=5))
    state.advance(NOW_MS + DAY_MS)
    assert state.due_ms() == NOW_MS + DAY_MS + 15 * MINUTE_MS
    assert summary_of(state, NOW_MS + DAY_MS + 15 * MINUTE_MS - 1)["totalMentions"] == 5
    assert summary_of(state, NOW_MS + DAY_MS + 15 * MINUTE_MS)["totalMentions"] == 0


def test_time_never_runs_backwards() -> None:
    """A clock that was set back, or another server's, is held at the latest time seen."""
    state = folded(chunk(1))
    state.fold(batch_of([chunk(2)]), NOW_MS - DAY_MS)
    document = summary_of(state, NOW_MS - DAY_MS)
    assert (document["totalChunks"], document["generatedAt"]) == (2, "2026-11-23T12:00:00.000Z")


def test_a_chunk_slightly_ahead_counts_at_once() -> None:
    """A worker's clock may be five minutes ahead, across the end of the pane, without its chunk missing."""
    now_ms = NOW_MS + 14 * MINUTE_MS
    state = folded(chunk_at(now_ms + 5 * MINUTE_MS, mentions=5), now_ms=now_ms)
    assert summary_of(state, now_ms)["totalMentions"] == 5


def test_changes_are_taken_once() -> None:
    """What was taken is not given again; only the clock is written on every commit."""
    state = folded(chunk(1, summary="s"))
    first = state.take_changes()
    assert len(first.recent) == 1
    second = state.take_changes()
    assert (set(second.put), second.remove, second.trend_put, second.recent) == ({GENERAL_FIELD}, [], {}, [])


def test_load_of_nothing_is_empty() -> None:
    """A brand without a state hash starts afresh."""
    assert summary_of(BrandState.load(FoldConfig(), {})) == summary_of(BrandState.empty(FoldConfig()))


@pytest.mark.parametrize(
    "damage",
    [
        {GENERAL_FIELD: b""},
        {GENERAL_FIELD: pack([OLDEST_FORMAT - 1, 0, None, []])},
        {b"p:x": b"\x90"},
        {b"p:1994949": b"\x90"},
        {b"h:1": b"\xc1"},
        {b"n": b"\xff"},
    ],
)
def test_load_refuses_damage(damage: dict[bytes, bytes]) -> None:
    """A damaged field or a format without a migration is an error, not a guess, also where no seal tells of it."""
    fields = opened(folded(chunk(1, summary="s")).take_changes().put)
    with pytest.raises(InvalidStateError):
        BrandState.load(FoldConfig(), {**fields, **damage})


@pytest.mark.parametrize(
    ("name", "place", "value"),
    [
        (b"g", 1, 2**62),  # a clock that no date has: only a summary needs the date
        (b"s:0", 4, 2**62),
        (b"p:1994928", 0, [1, 1, [b"", b""]]),
    ],
)
def test_load_says_what_it_or_a_summary_would_raise(name: bytes, place: int, value: object) -> None:
    """Without seals, in states of older versions, a number may be damaged and decode: that parks and is never retried.

    The message has to do for a traceback.
    """
    fields = opened(folded(chunk(1, clusters=[Cluster("s", "a story", listed("m"))])).take_changes().put)
    holder = msgspec.msgpack.decode(fields[name])
    (holder[0][0] if name == b"s:0" else holder)[place] = value
    fields[name] = pack(holder)
    with pytest.raises(InvalidStateError, match=r"^the state cannot be loaded: \w+Error: .*\(\w+\.py, line \d+\)$"):
        BrandState.load(FoldConfig(), fields)


def test_load_lets_what_is_no_damage_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Too little memory says nothing about the state."""

    def fails(*_: object) -> Window:
        raise MemoryError

    monkeypatch.setattr(Window, "load", fails)
    with pytest.raises(MemoryError):
        BrandState.load(FoldConfig(), folded(chunk(1)).take_changes().put)


@pytest.mark.parametrize("name", [b"g", b"p:1994928", b"h:498732", b"s", b"n"])
def test_load_refuses_a_field_whose_seal_does_not_fit(name: bytes) -> None:
    """Also if it says something that could be."""
    fields = dict(folded(chunk(1, summary="s", clusters=[Cluster("s", "a story", listed("m"))])).take_changes().put)
    for value in (opened(fields)[name], fields[name][:-1] + bytes([fields[name][-1] ^ 1]), b""):
        with pytest.raises(InvalidStateError):
            BrandState.load(FoldConfig(), {**fields, name: value})


def test_load_refuses_two_fields_that_changed_places() -> None:
    """Each is whole, and what it says is of another pane."""
    state = folded(chunk_at(NOW_MS, chunk_id="a"), chunk_at(NOW_MS - HOUR_MS, chunk_id="b", mentions=9))
    fields = dict(state.take_changes().put)
    one, other = sorted(name for name in fields if name.startswith(b"p:"))
    with pytest.raises(InvalidStateError, match="checksum"):
        BrandState.load(FoldConfig(), {**fields, one: fields[other], other: fields[one]})


def test_a_state_without_seals_is_written_anew() -> None:
    """The segments of ids stay as they are and are read beside what is sealed; all else gets its seal."""
    whole = folded(chunk(1, clusters=[Cluster("s", "a story", listed("m"))]))
    keys = Keys(opened(whole.take_changes().put))
    ids = keys.state[b"m:0"]
    keys.commit(BrandState.load(FoldConfig(), keys.state).take_changes())
    assert keys.state[b"m:0"] == ids
    assert [name for name, value in keys.state.items() if not is_sealed(name, value)] == [b"m:0"]
    assert summary_of(BrandState.load(FoldConfig(), keys.state)) == summary_of(whole)


def test_load_leaves_the_state_of_a_newer_version_alone() -> None:
    """That is no damage: whoever runs that version can read it."""
    fields = dict(folded(chunk(1)).take_changes().put)
    fields[GENERAL_FIELD] = pack([STATE_FORMAT + 1, 0, None, []])
    with pytest.raises(NewerStateError):
        BrandState.load(FoldConfig(), fields)


def test_load_refuses_a_hash_without_its_head() -> None:
    """Fields without the general one are not a state of ours."""
    with pytest.raises(InvalidStateError, match="missing"):
        BrandState.load(FoldConfig(), {b"x": b"y"})
