"""Tests of a pane's topics and of the window's totals."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.brand.topics import (
    MAX_SPELLINGS,
    MAX_TOPIC_CHARS,
    MAX_TOPICS,
    PaneTopics,
    Topic,
    TopicTotals,
    distinct_topics,
    topic_key,
)


@pytest.mark.parametrize(
    "text",
    [
        "Launch Event",
        "LAUNCH EVENT",
        " launch \t event\n",
        "launch event",
        "#LaunchEvent",
        "@launchevent",
        "launch-event!",
        "The launch events",
        "Report: Launch event",
        "la\N{FULLWIDTH LATIN SMALL LETTER U}nch event",
    ],
)
def test_topic_key_is_one_for_all_spellings(text: str) -> None:
    """Case, runs of blanks, signs of a tag, punctuation and Unicode form do not make another topic."""
    assert topic_key(text) == topic_key("launch event") == "launchevent"


def test_topic_key_keeps_other_words_apart() -> None:
    """What a reader would call another topic is another topic."""
    assert len({topic_key(text) for text in ["launch", "launched", "re-launch", "launch 👍", "no launch"]}) == 5


@pytest.mark.parametrize(
    "text", ["", " ", "\u200b", "the", "https://t.co/x1", "-1_the_to_and", "Topic 3", "17", "Outliers"]
)
def test_topic_key_of_what_names_no_topic_is_empty(text: str) -> None:
    """Stop words, addresses and the placeholders of clusters are no topics; nor is what cannot be seen."""
    assert topic_key(text) == ""


def test_distinct_topics_counts_a_repeated_topic_once() -> None:
    """A chunk that names a topic in three spellings speaks of it once, in the first."""
    assert list(distinct_topics(["Launch", "sizing", "launch", "LAUNCH"])) == ["Launch", "sizing"]


def test_topic_counts_spellings_beyond_its_bound_without_telling_them_apart() -> None:
    """The ninth spelling adds to the topic and is not remembered."""
    topic = Topic()
    for number in range(MAX_SPELLINGS + 3):
        topic.add(f"spelling {number}", 2)
    assert topic.mentions == 2 * (MAX_SPELLINGS + 3)
    assert len(topic.spellings) == MAX_SPELLINGS


def test_pane_topics_cut_long_texts() -> None:
    """A text is kept up to the bound, whatever its length."""
    topics = PaneTopics()
    topics.add("k", "x" * 4096, 1)
    assert list(topics.by_key["k"].spellings) == ["x" * MAX_TOPIC_CHARS]


def test_prune_keeps_the_heaviest() -> None:
    """Of many topics the heaviest stay, ties by name, and those that went are returned."""
    topics = PaneTopics()
    for number in range(2 * MAX_TOPICS):
        topics.add(f"t{number:04}", "t", number // 2)
    gone = topics.prune()
    assert min(topic.mentions for topic in topics.by_key.values()) == MAX_TOPICS // 2
    assert set(gone) == {f"t{number:04}" for number in range(MAX_TOPICS)}


@given(st.lists(st.tuples(st.sampled_from("abcdefg"), st.integers(0, 5)), max_size=30), st.integers(1, 8))
def test_heaviest_is_the_head_of_a_full_sort(added: list[tuple[str, int]], count: int) -> None:
    """The shortcut by a bound gives what sorting everything gives, ties by key."""
    totals = TopicTotals()
    expected: dict[str, int] = {}
    for key, mentions in added:
        totals.add(key, mentions, 1)
        expected[key] = expected.get(key, 0) + mentions
    assert totals.heaviest(count) == sorted(expected.items(), key=lambda item: (-item[1], item[0]))[:count]


def test_totals_keep_a_topic_without_mentions_until_its_last_pane_leaves() -> None:
    """A topic of chunks that count no mentions is shown, and gone when its panes are gone."""
    totals = TopicTotals()
    totals.add("a", 0, 1)
    totals.add("a", 0, 1)
    totals.subtract({"a": Topic()})
    assert totals.heaviest(5) == [("a", 0)]
    totals.subtract({"a": Topic()})
    assert totals.heaviest(5) == []
