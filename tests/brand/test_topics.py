"""Tests of a pane's topics and of the window's totals."""

from __future__ import annotations

import time
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.brand.measures import measure
from orchestrator.brand.topics import (
    COUNTED,
    MAX_SPELLINGS,
    MAX_TOPIC_CHARS,
    MAX_TOPICS,
    PaneTopics,
    Topic,
    TopicTotals,
    topic_key,
    topics_by_pane,
    topics_of,
    twins,
)
from orchestrator.contract.chunk import Chunk, Cluster, TopicCount
from tests.brand.support import chunk


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


def told(*topics: str | TopicCount, **labels: int) -> dict[str, tuple[int, int]]:
    """What *topics* of a chunk of 100 mentions count, and in chunks of how many they are.

    The chunk is of the brand Nike. Its clusters have *labels*, with blanks for underscores, and so many mentions each.
    """
    clusters = [Cluster("0", label.replace("_", " "), 0) for label in labels]
    one = chunk(brand="Nike", clusters=clusters, topics=list(topics))
    weights = topics_of(one, 100, list(labels.values()))
    return {text: divmod(weight, COUNTED) for text, weight in weights.items()}


def test_a_repeated_topic_counts_once() -> None:
    """A chunk that names a topic in three spellings speaks of it once, in the first."""
    assert told("Launch", "sizing", "#launch", "LAUNCH") == {"Launch": (0, 100), "sizing": (0, 100)}


def test_a_topic_that_is_a_label_counts_that_cluster() -> None:
    """However both are written; clusters of the same label count together."""
    assert told("late flights!", Late_flight=30, Late_flight_refund=9) == {"late flights!": (30, 0)}
    assert told("#LateFlight", Late_flight=30, late_flights=5) == {"#LateFlight": (35, 0)}


def test_a_topic_within_labels_counts_their_clusters() -> None:
    """The clusters that carry it: a label that has all its words speaks of it."""
    assert told("refund", Refund_delay=20, refunds_denied=5, Wifi=9) == {"refund": (25, 0)}
    assert told("refund hotline", Refund_delay=20) == {"refund hotline": (0, 100)}


def test_a_topic_with_a_number_counts_it() -> None:
    """What a worker tells is taken, clusters or not; one that tells none is treated as a text."""
    assert told(TopicCount("launch", 7), Launch=30) == {"launch": (7, 0)}
    assert told(TopicCount("launch"), Launch=30) == {"launch": (30, 0)}
    assert told(TopicCount("launch")) == {"launch": (0, 100)}


def test_what_names_nothing_is_no_topic() -> None:
    """Stop words, addresses, numbers of clusters, the brand itself."""
    assert told("the", "https://t.co/x1", "-1_the_to_and", "Topic 3", "#Nike", "@nike", "nike\u2019s", "\u200b") == {}
    assert set(told("Nike shoes", "Acme")) == {"Nike shoes", "Acme"}


def test_topics_and_labels_without_end_take_no_time() -> None:
    """A chunk of a thousand topics and ten thousand clusters is bounded, and what it counts does not change by that."""
    labels = {f"word{number}_common": 1 for number in range(10_000)}
    started = time.perf_counter()
    found = told(*[f"common {number}x" for number in range(999)], "word9999 common", **labels)
    assert time.perf_counter() - started < 5
    assert found["word9999 common"] == (1, 0)


chunks_with_topics = st.builds(
    chunk,
    clusters=st.lists(
        st.builds(
            Cluster,
            id=st.just("0"),
            label=st.sampled_from(["Late flight", "flight delays", "launch", "", "Topic 3"]),
            mentions=st.just(0),
            mention_count=st.integers(0, 5),
        ),
        max_size=2,
    ),
    topics=st.none()
    | st.lists(
        st.sampled_from(["flight", "Launch", "launch!", "size", "the", "nike", TopicCount("size", 3)]), max_size=3
    ),
    mentions=st.none() | st.integers(0, 9),
)


@given(st.lists(st.tuples(chunks_with_topics, st.integers(5, 6)), min_size=1, max_size=5))
def test_topics_of_a_batch_are_those_of_its_chunks(rows: list[tuple[Chunk, int]]) -> None:
    """The short cuts for many chunks change nothing."""
    check_topics(rows)


@given(chunks_with_topics, st.integers(1, 3))
def test_topics_of_chunks_that_say_the_same_are_theirs(one: Chunk, count: int) -> None:
    """However many there are."""
    check_topics([(one, 5)] * count)


def check_topics(rows: list[tuple[Chunk, int]]) -> None:
    """What the batch counts is what its chunks count."""
    chunks, panes = [row[0] for row in rows], [row[1] for row in rows]
    measures = measure(chunks, [])
    expected: dict[int, Counter[str]] = {}
    for place, (one, pane) in enumerate(rows):
        weights = topics_of(one, measures.mentions[place], measures.sizes_of(place))
        expected.setdefault(pane, Counter()).update(weights)
    found = topics_by_pane(panes, chunks, measures)
    assert {pane: found.get(pane, {}) for pane in expected} == expected


def test_counted_mentions_come_first() -> None:
    """One mention that is counted weighs more than any number of which it is only known that the topic is within."""
    totals = TopicTotals()
    totals.add("appropriate", 10**12, 1)
    totals.add("lost luggage", COUNTED, 1)
    assert [key for key, _ in totals.heaviest(2)] == ["lost luggage", "appropriate"]


def test_twins_are_topics_of_the_same_words() -> None:
    """Another order of the words makes no other topic; the same letters alone make no twins."""
    pane = PaneTopics()
    for text in ("Late flight", "Flight, late", "listen now", "silent now"):
        pane.add(topic_key(text), text, 1)
    assert twins(pane.by_key, [pane]) == [["lateflight", "flightlate"], ["listennow"], ["silentnow"]]


def test_topic_counts_spellings_beyond_its_bound_without_telling_them_apart() -> None:
    """The ninth spelling adds to the topic and is not remembered."""
    topic = Topic()
    for number in range(MAX_SPELLINGS + 3):
        topic.add(f"spelling {number}", 2)
    assert topic.weight == 2 * (MAX_SPELLINGS + 3)
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
    assert min(topic.weight for topic in topics.by_key.values()) == MAX_TOPICS // 2
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


def test_rekeyed_topics_keep_their_mentions() -> None:
    """Two that are one by the present rule are added up, spellings and mentions beyond them; mere noise is dropped."""
    old = PaneTopics(
        {"a": Topic(7, {"Launch!": 4, "Launches": 2}), "b": Topic(3, {"launch": 3}), "c": Topic(9, {"-1": 9})}
    )
    renewed = old.rekeyed()
    assert list(renewed.by_key) == [topic_key("launch")]
    (topic,) = renewed.by_key.values()
    assert (topic.weight, topic.spellings) == (10, {"Launch!": 4, "Launches": 2, "launch": 3})


def test_rekeyed_topics_without_a_spelling_are_dropped() -> None:
    """Nobody could say what they were."""
    assert len(PaneTopics({"a": Topic(7)}).rekeyed()) == 0
