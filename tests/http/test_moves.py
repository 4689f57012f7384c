"""How far brands have moved, and why, in a line; pure."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.http.moves import MAX_EPISODES, Move, deviation, move_of
from tests.json_values import json_values

SPIKE: dict[str, Any] = {"spikeScore": 52.5, "mentionCount": 480, "expected": 9.6, "windowSec": 900}
ABOUT: dict[str, Any] = SPIKE | {
    "drivers": {"stories": [{"label": "Battery complaints"}], "topics": [{"topic": "battery"}]}
}
TOPIC: dict[str, Any] = {"drivers": {"topics": [{"topic": "battery"}]}}
FOREIGN: dict[str, Any] = {"drivers": {"stories": [5], "topics": {}}}
STORY: dict[str, Any] = {"spikeScore": 30, "mentionCount": 60, "expected": 0.2, "windowSec": 7_200, "label": "Refunds"}


def move(
    volume: dict[str, Any] | None = None,
    mood: dict[str, Any] | None = None,
    stories: tuple[dict[str, Any], ...] = (),
    *,
    flagged: bool = False,
    mentions: float = 100,
    change: float | None = None,
) -> Move:
    """The move of a brand of which this is known."""
    return move_of(volume, mood, stories, flagged=flagged, mentions=mentions, change=change)


@pytest.mark.parametrize(
    ("moved", "cause"),
    [
        (move(ABOUT), "480 mentions in 15 min instead of 10: “Battery complaints”"),
        (
            move(SPIKE | {"drivers": {"topics": [{"topic": "battery"}]}}),
            "480 mentions in 15 min instead of 10: “battery”",
        ),
        (move(SPIKE), "480 mentions in 15 min instead of 10"),
        (move(None, ABOUT), "480 negative mentions in 15 min instead of 10: “Battery complaints”"),
        (move(None, None, (STORY,)), "60 mentions of “Refunds” in 2 h instead of none"),
        (move(SPIKE, ABOUT, (STORY,)), "480 mentions in 15 min instead of 10"),
        (move({}), "mentions"),
        (
            move({"mentionCount": True, "expected": "x", "drivers": {"stories": [5], "topics": {}}}),
            "mentions instead of none",
        ),
        (move(flagged=True), "flagged by a worker"),
        (move(change=5.0), ""),
    ],
)
def test_cause_is_one_line(moved: Move, cause: str) -> None:
    """With what is known of the most urgent episode, and nothing made up."""
    assert moved.cause == cause


def test_episodes_come_before_changes() -> None:
    """Volume, then mood and stories by score, then flags, then by how improbable the change is."""
    ranks = [
        move(SPIKE).rank,
        move({"spikeScore": 34}).rank,
        move(None, {"spikeScore": 90}).rank,
        move(None, None, (STORY,)).rank,
        move(flagged=True).rank,
        move(mentions=10_000, change=0.5).rank,
        move(mentions=3, change=2.0).rank,
        move(mentions=5_000, change=None).rank,
    ]
    assert ranks == sorted(ranks, reverse=True)
    assert len(set(ranks)) == len(ranks)


def test_percent_alone_is_no_move() -> None:
    """Three mentions instead of one are less news than 1,200 instead of 1,000; a fall moves as well."""
    assert deviation(3, 2.0) < deviation(1_200, 0.2) < deviation(700, -0.3)
    assert deviation(0, -1.0) == deviation(5, None) == deviation(5, float("inf")) == 0.0


def test_wild_numbers_are_bounded() -> None:
    """No line of three hundred digits, and no rank below that of a calm brand."""
    found = move({"mentionCount": 1e300, "expected": -1e300, "windowSec": 1e300, "spikeScore": -1e300})
    assert len(found.cause) < 120
    assert found.rank == 3e6


def test_kinds_are_those_of_open_episodes() -> None:
    """Each once."""
    assert move(SPIKE, SPIKE, (STORY, STORY)).kinds == ("volume", "mood", "story")
    assert move(flagged=True).kinds == ()


LEAVES = st.text() | st.floats() | st.integers()


@given(
    st.dictionaries(st.sampled_from([*ABOUT, "label", "stories", "topics"]), json_values(LEAVES, st.just("label"))),
    st.floats(),
    st.none() | st.floats(),
)
def test_any_episode_has_a_bounded_line(episode: dict[str, Any], mentions: float, change: float | None) -> None:
    """Foreign values neither raise nor fill the page."""
    for found in (
        move(episode, mentions=mentions, change=change),
        move(None, None, (episode,) * (2 * MAX_EPISODES)),
        move(mentions=mentions, change=change),
    ):
        assert len(found.cause) < 250
        assert "\n" not in found.cause
        assert 0 <= found.rank < 4e6
