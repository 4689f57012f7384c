"""A state that a wrong clock took into the future comes back: nothing counted there is lost, nothing counts twice."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.brand.outputs import FoldConfig
from orchestrator.brand.panes import MAX_AHEAD_MS, PANE_MS
from orchestrator.brand.state import BrandState, lies_ahead
from orchestrator.contract.chunk import Chunk, Cluster, Sentiment
from tests.brand.support import DAY_MS, HOUR_MS, MINUTE_MS, NOW_MS, Keys, batch_of, chunk, chunk_at, listed, summary_of

CONFIG = FoldConfig()
AHEAD_MS = NOW_MS + 400 * DAY_MS
COUNTED = ("totalChunks", "totalMentions", "sentiment", "dominantTopics", "topics", "clusters", "inNoStory", "summary")


def stored(*folds: tuple[int, list[Chunk]]) -> Keys:
    """What Redis holds after each batch was committed at its time."""
    state, keys = BrandState.empty(CONFIG), Keys()
    for now_ms, chunks in folds:
        state.fold(batch_of(chunks), now_ms)
        keys.commit(state.take_changes())
    return keys


def repaired(keys: Keys, now_ms: int = NOW_MS) -> BrandState:
    """The state that is loaded after the repair was committed at *now_ms*."""
    state, moved = BrandState.reanchored(CONFIG, keys.state, now_ms)
    assert moved is not None
    keys.commit(state.take_changes())
    return BrandState.load(CONFIG, keys.state)


def counted(state: BrandState, now_ms: int = NOW_MS) -> dict[str, Any]:
    """What of the summary tells what was counted; stories without their times, which are those of the arrival."""
    summary = summary_of(state, now_ms)
    for story in summary["clusters"]:
        del story["firstSeen"], story["lastSeen"]
    return {name: summary.get(name) for name in COUNTED}


chunks_of = st.lists(
    st.builds(
        lambda number, label, topics, spike: chunk(
            number,
            sentiment=Sentiment(0.5, 2.0, 1.0, None),
            topics=topics,
            clusters=[Cluster("1", label, listed(f"m{number}", f"n{number % 3}"), spike=spike)],
        ),
        number=st.integers(0, 99),
        label=st.sampled_from(["launch buzz", "door recall", "sizing", ""]),
        topics=st.lists(st.sampled_from(["launch", "Launch", "sizing", "#sizing"]), max_size=3),
        spike=st.booleans(),
    ),
    min_size=1,
    max_size=6,
)


@settings(max_examples=60)
@given(in_the_future=chunks_of, later=chunks_of, ahead_ms=st.integers(MAX_AHEAD_MS + 1, 800 * DAY_MS))
def test_what_was_counted_in_the_future_counts_now(
    in_the_future: list[Chunk], later: list[Chunk], ahead_ms: int
) -> None:
    """As if it had been counted now in the first place, and what comes later counts as well."""
    state = repaired(stored((NOW_MS + ahead_ms, in_the_future)))
    expected = BrandState.empty(CONFIG)
    expected.fold(batch_of(in_the_future), NOW_MS)
    assert counted(state) == counted(expected)
    for one in (state, expected):
        one.fold(batch_of(later), NOW_MS + MINUTE_MS)
    assert counted(state, NOW_MS + MINUTE_MS) == counted(expected, NOW_MS + MINUTE_MS)


def test_a_repaired_state_is_of_the_present_in_every_part() -> None:
    """Clock, panes, hours of the trend, due, flags and episodes: none is later than the repair."""
    keys = stored((AHEAD_MS, [chunk(1, spike_detected=True, summary="words", mentions=3)]))
    state = repaired(keys)
    assert state.clock_ms == NOW_MS
    assert NOW_MS < state.due_ms() <= NOW_MS + 2 * DAY_MS
    assert {name for name in keys.state if name.startswith((b"p:", b"h:"))} == {
        b"p:%d" % (NOW_MS // PANE_MS),
        b"h:%d" % (NOW_MS // HOUR_MS),
    }
    assert sorted(keys.trend) == [b"day:2026-11-23", b"hour:2026-11-23T12:00:00Z"]
    assert summary_of(state)["spikeDetected"] is True
    assert summary_of(state, NOW_MS + 2 * HOUR_MS)["spikeDetected"] is False
    assert summary_of(state, NOW_MS + 2 * DAY_MS)["chunkSummaries"] == []


def test_what_the_clock_left_of_the_past_counts_again() -> None:
    """A clock that is a day ahead makes today the window before, and today counts again."""
    keys = stored((NOW_MS - HOUR_MS, [chunk(1, mentions=2)]), (NOW_MS + DAY_MS, [chunk(2, mentions=3)]))
    assert summary_of(BrandState.load(CONFIG, keys.state), NOW_MS)["totalMentions"] == 3
    assert summary_of(repaired(keys))["totalMentions"] == 5


def test_an_open_episode_ends_and_is_told_of() -> None:
    """An opening that readers were told of is closed, under its number; those of the future are forgotten."""
    state, keys = BrandState.empty(CONFIG), Keys()
    for pane in range(120):
        at_ms = NOW_MS - DAY_MS + pane * PANE_MS  # the last of them lie six hours in the future
        size = 500 if pane >= 118 else 3
        state.fold(batch_of([chunk_at(at_ms, chunk_id=f"c{pane}", mentions=size)]), at_ms)
        keys.commit(state.take_changes())
    assert len(keys.spikes) == 1
    again, moved = BrandState.reanchored(CONFIG, keys.state, NOW_MS)
    assert moved is not None
    changes = again.take_changes()
    assert [(change.kind, change.number) for change in changes.alerts] == [("closed", 1)]
    keys.commit(changes)
    assert b'"endedAt":"2026-11-23T12:15:00.000Z"' in keys.spikes[-1]
    assert BrandState.load(CONFIG, keys.state).take_changes().alerts == []


@pytest.mark.parametrize("ahead_ms", [0, MAX_AHEAD_MS])
def test_a_state_within_the_fleets_clocks_is_left_alone(ahead_ms: int) -> None:
    """Five minutes are what workers may be ahead, too."""
    keys = stored((NOW_MS + ahead_ms, [chunk(1)]))
    state, moved = BrandState.reanchored(CONFIG, keys.state, NOW_MS)
    assert moved is None
    assert state.clock_ms == NOW_MS + ahead_ms
    assert not lies_ahead(NOW_MS + ahead_ms, NOW_MS)
    assert lies_ahead(NOW_MS + MAX_AHEAD_MS + 1, NOW_MS)


def test_an_empty_state_needs_no_repair() -> None:
    """Nothing lies anywhere."""
    state, moved = BrandState.reanchored(CONFIG, {}, NOW_MS)
    assert moved is None
    assert state.clock_ms == 0
