"""Small inputs from the field, and what a reader of the summary needs to see of them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from orchestrator.brand.normal_form import normal_form
from orchestrator.brand.outputs import FoldConfig
from orchestrator.brand.state import BrandState
from orchestrator.contract.chunk import Cluster
from orchestrator.contract.decode import decode_batch
from tests.brand.support import CASES, DATA, NOW_MS, chunk, folded, listed, summary_of


def told(name: str, brand: str | None = None) -> Any:
    """The summary of *brand* (or the only one) after the chunks of a case file."""
    path = DATA / name if name.endswith(".ndjson") else CASES / f"{name}.ndjson"
    lines = path.read_bytes().splitlines()
    brand = brand or json.loads(lines[0])["brand"]
    batch = decode_batch([line for line in lines if json.loads(line)["brand"] == brand], brand)
    assert not batch.rejected
    state = BrandState.empty(FoldConfig())
    state.fold(batch, NOW_MS)
    return summary_of(state)


def stories(document: Any) -> list[tuple[str, int]]:
    """Labels and mentions of the stories."""
    return [(story["label"], story["mentions"]) for story in document["clusters"]]


def topics(document: Any) -> list[tuple[str, int, int]]:
    """Names, mentions, and mentions of the chunks that tell no number."""
    return [(topic["topic"], topic["mentions"], topic["inChunksOf"]) for topic in document["topics"]]


def test_noise_counts_and_is_no_story() -> None:
    """c02: of 489 mentions 119 have a name; the rest is BERTopic's -1 (230), "Outliers" (90), "Other" (40), none (10).

    "Other" is what a worker calls the rest, too: as a headline it would say nothing, and two "Other" have nothing in
    common. The topic "flights" is within a label in two chunks, and in the third nothing is known but the chunk's size.
    """
    document = told("c02_noise")
    assert stories(document) == [("Late flight", 55), ("Refund", 44), ("Lost baggage", 20)]
    assert (document["totalMentions"], document["mentionsInNoStory"]) == (489, 370)
    assert document["summary"].splitlines()[:2] == [
        "Notable mentions: Late flight (55 mentions), Refund (44 mentions), Lost baggage (20 mentions)",
        "In no story: 370 of 489 mentions (76 %)",
    ]
    assert topics(document) == [("flights", 55, 162)]


def test_emoji_are_words() -> None:
    """c08: three symbols that share a variation selector are three stories, and a key cap is a symbol, no number."""
    document = told("c08_emoji_vs16")
    assert [mentions for _, mentions in stories(document)] == [30, 20, 10, 5]
    assert len(document["topics"]) == 1  # with and without the selector it is the same heart


def test_a_label_without_a_name_takes_none_away() -> None:
    """c22: empty labels of 40 and 60 mentions point where "Refund delay" (10) does; the story keeps its name.

    Each chunk says that it has ten mentions. In the first these are those of the story, in the second they are in none.
    """
    document = told("c22_empty_label_heaviest")
    assert stories(document) == [("Refund delay", 10)]
    assert (document["totalMentions"], document["mentionsInNoStory"]) == (20, 10)


def test_clusters_of_one_id_are_told_apart_by_their_labels() -> None:
    """c25: an id is a number within the chunk, and one given twice makes no story of two."""
    document = told("c25_same_cluster_id")
    assert sorted(stories(document)) == [("late flight", 5), ("refund policy", 5), ("wifi broken", 5)]
    assert len({story["id"] for story in document["clusters"]}) == 3


def test_a_chunk_of_empty_texts_tells_nothing() -> None:
    """m_empty_everything: no story and no topic without a name; U+200B is no name."""
    document = told("m_empty_everything")
    assert (document["totalChunks"], document["clusters"], document["topics"]) == (1, [], [])
    assert document["summary"] == "No mentions in this window."


@pytest.mark.parametrize("name", ["s_no_neutral", "s_zero_shares"])
def test_mentions_without_stories_are_mentions(name: str) -> None:
    """s_*: a chunk without clusters has its mentions, and the text says so."""
    document = told(name)
    assert document["summary"].splitlines()[0] == "100 mentions, no stories"
    assert document["mentionsInNoStory"] == document["totalMentions"] == 100


def test_topics_may_be_objects() -> None:
    """m_topic_objs: without a number of its own, all that is known of the topic is the size of its chunk."""
    document = told("m_topic_objs")
    assert topics(document) == [("launch", 10, 10)]
    assert document["summary"] == "10 mentions, no stories\nKey topics: launch"


def test_null_is_no_topic() -> None:
    """m_topic_null: the other topic is the letter a, and that is no article where it stands alone."""
    assert topics(told("m_topic_null")) == [("a", 10, 10)]


def test_null_is_no_name() -> None:
    """m_label_null: the cluster without a label is no story; five of the chunk's ten mentions are in one."""
    document = told("m_label_null")
    assert stories(document) == [("refund", 5)]
    assert document["mentionsInNoStory"] == 5


def test_a_label_of_many_words_is_a_label() -> None:
    """m_long_label: the same two words a hundred times are those two words."""
    [(label, mentions)] = stories(told("m_long_label"))
    assert label.startswith("late flight late")
    assert len(label) <= 160
    long = Cluster("0", "late flight " * 340, listed(), mention_count=5)
    short = Cluster("1", "Late flight", listed(), mention_count=6)
    assert [size for _, size in stories(summary_of(folded(chunk(clusters=[long, short]))))] == [11]
    assert mentions == 20


def test_many_topics_are_bounded() -> None:
    """m_many_topics has one more than a chunk may have; of as many as it may have ten are shown."""
    document = summary_of(folded(chunk(topics=[f"t{number}" for number in range(1000)], mentions=10)))
    assert len(topics(document)) == 10


@pytest.mark.parametrize(("brand", "count"), [("nike", 5), ("tesla", 5), ("acme", 3)])
def test_topics_of_the_deployed_workers_are_different_ones(brand: str, count: int) -> None:
    """Ten rows were five topics in two spellings each, and counted twice what their stories did."""
    document = told("chunks_shares.ndjson", brand)
    own = {normal_form(label).key: mentions for label, mentions in stories(document)}
    assert len(own) == len(document["topics"]) == count
    for topic, mentions, in_chunks_of in topics(document):
        assert mentions == own[normal_form(topic).key]
        assert in_chunks_of == 0


def test_examples_are_different_texts() -> None:
    """What three people wrote in the same words is one example; ids are what they are."""
    texts = listed("Late again https://t.co/1", "late AGAIN! https://t.co/2", "Lost my bag")
    [story] = summary_of(folded(chunk(clusters=[Cluster("0", "Late flight", texts, mention_count=9)])))["clusters"]
    assert story["examples"] == ["Late again https://t.co/1", "Lost my bag"]
    ids = listed("M1", "m1")
    [story] = summary_of(folded(chunk(clusters=[Cluster("0", "Late flight", ids)])))["clusters"]
    assert story["examples"] == ["M1", "m1"]


def test_a_story_is_called_without_a_word_before_it() -> None:
    """A newsroom's "Report:" is no part of the name."""
    document = summary_of(folded(chunk(clusters=[Cluster("0", "Report: Late flight (57)", listed("m"))])))
    assert stories(document) == [("Late flight", 1)]
