"""Tests of what an episode is about, in words: whatever was stored comes out on one line, bounded, in one direction."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.contract.episode_words import MAX_CHARS, about, drivers_of, quoted
from orchestrator.contract.summary import Drivers, SpikeEpisode, StoryDriver, TopicDriver


def test_what_is_not_known_is_not_said() -> None:
    """No stories, no mood, no quotes: no sentence."""
    assert about(Drivers()) == []
    assert about(Drivers(topics=[TopicDriver("price", 1, 0.0)])) == ["Topics: “price” (1 mention instead of 0)."]
    assert about(Drivers(net_sentiment=0.25)) == ["Net sentiment +0.25."]


def test_an_entry_of_an_older_version_has_no_drivers() -> None:
    """They are absent there, which is no error."""
    assert drivers_of(SpikeEpisode("2026-03-01T12:00:00Z", 52.4, 400, 40.0, 80.25, 130, 900)) is None


@given(st.text(max_size=2000))
def test_foreign_text_stays_one_bounded_line(text: str) -> None:
    """No line breaks, no control characters, none that turn the direction of what follows."""
    line = quoted(text)
    assert len(line) <= MAX_CHARS + 2
    assert line.isprintable()
    assert not set(line) & set("\u202a\u202b\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c")


@given(st.lists(st.text(max_size=50), max_size=9), st.integers(-9, 10**5000), st.floats(-9))
def test_any_number_of_drivers_is_three(labels: list[str], mentions: int, usual: float) -> None:
    """What somebody else stored is bounded, too."""
    stories = [StoryDriver("x", label, mentions, usual) for label in labels]
    sentences = about(Drivers(stories, quotes=labels))
    assert max(map(len, sentences), default=0) < 3 * (MAX_CHARS + 100)
    assert sum(sentence.count(" instead of ") for sentence in sentences) <= 3 + sum(
        " instead of " in one for one in labels
    )
