"""What was said at a time and in a story: what is kept is shown, and what is not is said."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET, structs

from orchestrator.contract.insights import RecentChunk, RecentCluster, RecentSentiment
from orchestrator.contract.summary import Drivers, SpikeEpisode, StoryDriver
from orchestrator.http.documents import StoredSummary, parse_summary
from orchestrator.http.in_words import in_words
from orchestrator.http.movement import MINUS, NONE
from orchestrator.http.period import Period
from orchestrator.http.story_view import stories_of, story_view
from orchestrator.http.then import Then, look_back
from tests.http.conftest import summary_document

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
CURVE = [*[0] * 20, 4, 0, 8, 2]  # the last is the hour from 12:00


def summary(**fields: Any) -> StoredSummary:
    """A summary, with other *fields*."""
    return parse_summary(json.dumps(summary_document("nike") | fields).encode())


def with_curve(**fields: Any) -> StoredSummary:
    """A summary whose first story has a curve and examples."""
    [first, second] = summary_document("nike")["clusters"]
    more = {"curve": CURVE, "examples": ["Best  launch\never", "Meh", ""], "state": "growing", "change": 0.5}
    return summary(clusters=[first | more | fields, second])


def chunk(processed_at: str, text: str) -> RecentChunk:
    """A recent chunk."""
    clusters = [RecentCluster("a", "Launch buzz", 3, spike=False)]
    return RecentChunk(
        "c", "nike", processed_at, 7, RecentSentiment(0.0), [], clusters, 1, spike_detected=False, summary=text
    )


def episode(start: str, end: str) -> SpikeEpisode:
    """An episode about the first story."""
    drivers = Drivers(stories=[StoryDriver("launch-positive", "Launch buzz", 80, 4.0)], quotes=["Wow"])
    return SpikeEpisode(start, 50.0, 90, 34.0, 10.0, 40, 900, end or UNSET, drivers)


def then(at: datetime, found: StoredSummary, *recent: RecentChunk) -> Then:
    """What was said in the hour of *at*."""
    episodes = [episode("2026-03-01T10:10:00Z", "2026-03-01T10:50:00Z")]
    return look_back(Period.DAY.slot_of(at), "words", found, recent, episodes, NOW)


def test_then_has_the_stories_chunks_and_episodes_of_its_hour() -> None:
    """By a story's curve where it has one: two hours ago eight of it were said, three hours ago none."""
    chunks = [chunk("2026-03-01T10:30:00Z", "said at ten"), chunk("2026-03-01T09:59:00Z", "said at nine")]
    ten = then(NOW.replace(hour=11), with_curve(), *chunks)
    assert [(told.label, told.said) for told in ten.stories] == [
        ("Launch buzz", "8 then"),
        ("Parcels arrive late", "170 in the window"),
    ]
    assert ten.stories[0].quotes == ["Best launch ever", "Meh"]
    ten = then(NOW.replace(hour=10), with_curve(), *chunks)
    assert [told.label for told in ten.stories] == ["Parcels arrive late"]
    assert [each.text for each in ten.chunks] == ["said at ten"]
    assert [each.kind for each in ten.episodes] == ["Spike"]
    assert "“Launch buzz” (80 mentions instead of 4)" in ten.episodes[0].about[0]
    assert ten.missing == []


def test_then_says_what_is_not_kept() -> None:
    """No text of chunks from before the oldest of the newest fifty, no stories from before the window."""
    old = then(datetime(2026, 2, 27, 10, 0, tzinfo=UTC), with_curve(), chunk("2026-03-01T10:30:00Z", "x"))
    assert (old.stories, old.chunks, old.episodes) == ([], [], [])
    assert old.missing[0].startswith("Stories are kept as long as the window has mentions of them; it begins at Sat 28")
    assert "not kept any more: the newest 1 are, since Sun 01 Mar, 10:30 UTC" in old.missing[1]
    part = then(NOW.replace(hour=10), with_curve(), chunk("2026-03-01T10:30:00Z", "x"))
    assert "only partly kept" in part.missing[0]
    assert then(NOW, with_curve()).missing == ["No chunk of this brand is kept any more."]


def test_a_story_has_its_course_quotes_and_episodes() -> None:
    """Its curve is a bar an hour, the highest is full; an unknown one is none."""
    recent, episodes = [chunk("2026-03-01T10:30:00Z", "x")], [episode("2026-03-01T10:10:00Z", "")]
    view = story_view("launch-positive", with_curve(), recent, episodes)
    assert view is not None
    assert (view.state, view.change, view.share) == ("growing", "+50 %", "42 %")
    assert view.quotes == ["Best launch ever", "Meh"]
    assert [hour.height for hour in view.course[-4:]] == [50, 0, 100, 25]
    assert view.course_words.endswith("most of them Sun 1 Mar, 11:00 to 12:00 UTC: 8 mentions")
    assert view.chunks == ["x"]
    assert view.episodes == ["Spike episode, Sun 01 Mar, 10:10 UTC: 80 of its mentions where 4 are usual"]
    assert story_view("nobody", with_curve(), [], []) is None


def test_stories_without_the_new_fields_are_shown() -> None:
    """A summary of an older version has no state, change or curve."""
    rows = stories_of(summary()).rows
    assert [(row.label, row.state, row.change, row.spark, row.quote) for row in rows] == [
        ("Launch buzz", "", NONE, "", ""),
        ("Parcels arrive late", "", NONE, "", ""),
    ]
    assert stories_of(summary(clusterCount=5000)).hidden == 4998


@pytest.mark.parametrize("curve", [[1] * 23, [-1.0] * 24, [1e300] * 24])
def test_a_curve_that_cannot_be_one_draws_nothing_outside(curve: list[float]) -> None:
    """Foreign numbers stay within the picture."""
    view = story_view("launch-positive", with_curve(curve=curve), [], [])
    assert view is not None
    assert all(0 <= hour.height <= 100 for hour in view.course)


def test_in_words_tells_how_much_what_and_how_it_is_liked() -> None:
    """A few sentences; what is not known is left out."""
    changes = {"mentions": 0.62, "netSentiment": -0.25}
    drivers = {"stories": [{"id": "a", "label": "Launch buzz", "mentions": 470, "usual": 3.0}]}
    spike = {"timestamp": "2026-03-01T11:45:00Z", "mentionCount": 480, "expected": 9.6, "windowSec": 900}
    spike |= {"drivers": drivers}
    lines = in_words("nike", with_curve_and(changes=changes, spike=spike))
    assert lines[0] == (
        "nike was mentioned 1,480 times in the last 24 hours, 62 % more than before. "
        "The mood is positive (+0.28) and has fallen by 0.25."
    )
    assert lines[1] == (
        "Far more is said since 11:45 UTC than usual: 480 mentions within 15 minutes, where 10 would be normal. "
        "It is about “Launch buzz”, 98 % of them."
    )
    assert lines[2] == (
        "Most is about “Launch buzz”, 42 % of all mentions; then comes “Parcels arrive late”. Growing: “Launch buzz”. "
        f"People like “Launch buzz” most (+0.61) and are most critical of “Parcels arrive late” ({MINUS}0.48)."
    )
    silent = summary(totalMentions=0, clusters=[])
    assert in_words("nike", silent) == ["Nothing was said about nike in the last 24 hours."]


def with_curve_and(**fields: Any) -> StoredSummary:
    """The stories of :func:`with_curve` and other *fields*."""
    [first, second] = summary_document("nike")["clusters"]
    return summary(clusters=[first | {"state": "growing"}, second], **fields)


EPISODE_FIELDS = ["mentionCount", "expected", "windowSec", "timestamp"]


@given(st.dictionaries(st.sampled_from(EPISODE_FIELDS), st.none() | st.text() | st.floats(allow_nan=False)))
def test_in_words_never_fails_on_an_episode(spike: dict[str, Any]) -> None:
    """Whatever is stored as one."""
    assert in_words("nike", structs.replace(summary(), spike=spike))
