"""Real oddities of workers (``tests/data/cases``): which are accepted, and what the dead letters of others say."""

from __future__ import annotations

import json

import pytest

from orchestrator.contract.chunk import chunk_mentions
from orchestrator.contract.decode import ChunkBatch, decode_batch
from tests.brand.support import DATA

SCORE = "$.sentiment.score"
COUNT = "$.meta.mentionCount"

REFUSED: dict[str, dict[int, tuple[str, str]]] = {
    "c03_bom": {},  # the mark, blanks around, a NUL behind: none of them is a part of the document
    # Numbers as text might be anything ("0,5"); 20.0 is a whole number, ids are texts.
    "c04_numstr": {
        0: ("$.sentiment.positive", 'Expected `float | null`, got `str` "0.5"'),
        1: ("$.clusters[0].mentionCount", 'Expected `float | null`, got `str` "20"'),
        5: ("$.clusters[0].spike", 'Expected `bool | null`, got `str` "true"'),
        6: ("$.clusters[0].spike", "Expected `bool | null`, got `int` 1"),
    },
    "c05_times": {},  # no chunk is refused for its time
    "c10_lone_surrogate_ctrl": {},
    "c12_numbers": {
        0: (SCORE, "NaN is no JSON. Expected `float`"),
        1: (SCORE, "Expected `float`, got `null`"),
        2: (SCORE, "Infinity is no JSON. Expected `float`"),
        6: (COUNT, "Expected `float` <= 1000000000.0, got 9007199254740993"),
        7: (COUNT, "Expected `float` >= 0.0, got -1"),
        8: (COUNT, "expected a whole number, got 2.5"),
        9: (COUNT, "01 is no JSON, expected a value"),
        10: (SCORE, ".5 is no JSON, expected a value"),
        11: (SCORE, "+1 is no JSON, expected a value"),
        12: ("$.sentiment", "Object missing required field `score`"),
        13: ("$.sentiment", "Expected `object`, got `null`"),
    },
    "c20_ids": {},
    "c21_naive_local": {},
    "c23_dup_keys": {2: ("$.deep", "nested too deeply, at most 128 levels are allowed")},
    "m_cluster_gt_meta": {},
    "m_count_lt_list": {},
    "m_empty_everything": {},
    "m_excel_ids": {},
    "m_label_null": {},
    "m_long_label": {},
    # Topics are counted, so what is left out or guessed would change a number.
    "m_many_topics": {0: ("$.topics", "Expected `array` of length <= 1000, got length 1001")},
    "m_mentions_objs": {0: ("$.clusters[0].mentions[0]", "Expected `int | str`, got `object`")},
    "m_meta_str": {0: ("$.meta", 'Expected `object | null`, got `str` ""')},
    "m_topic_null": {},
    "m_topic_objs": {},
    "m_topics_str": {0: ("$.topics", 'Expected `array | null`, got `str` "launch, support"')},
    "m_zero_meta": {},
}
"""Of each case the lines that are no chunks, with path and reason."""


def case(name: str) -> ChunkBatch:
    """The chunks of a case, of any brand."""
    lines = (DATA / "cases" / f"{name}.ndjson").read_bytes().split(b"\n")
    brand = json.loads(lines[0].decode("utf-8-sig"))["brand"]
    return decode_batch([line for line in lines if line], brand)


@pytest.mark.parametrize("name", REFUSED)
def test_case_is_refused_only_where_a_number_is_in_doubt(name: str) -> None:
    """Every other line is a chunk; the dead letter names field, value and what would be right."""
    found = {rejected.index: (rejected.path, rejected.reason) for rejected in case(name).rejected}
    assert found == REFUSED[name]


def test_halves_of_emoji_are_shown_as_the_replacement_character() -> None:
    """In label, example, ignored field and summary; control characters stay, raw or escaped."""
    batch = case("c10_lone_surrogate_ctrl")
    label, escaped, ignored, summary, raw = batch.chunks
    assert label.clusters[0].label == "Great \ufffd"
    assert batch.mentions.first(label.clusters[0].mentions) == ["so happy \ufffd"]
    assert batch.mentions.first(escaped.clusters[0].mentions) == ["so \0 happy \x1b[31mred"]
    assert ignored.clusters[0].label == "Great"
    assert summary.summary == "cut \ufffd"
    assert batch.mentions.first(raw.clusters[0].mentions) == ["a\tb"]


def test_integer_ids_are_their_digits() -> None:
    """HDBSCAN numbers clusters, Twitter its tweets, and a counter its chunks."""
    batch = case("c04_numstr")
    assert [chunk.chunk_id for chunk in batch.chunks] == ["numstr-13", "numstr-14", "numstr-15", "17"]
    counted, cluster_id, mention_ids, _ = batch.chunks
    assert (counted.clusters[0].mention_count, cluster_id.clusters[0].id) == (20, "0")
    assert batch.mentions.first(mention_ids.clusters[0].mentions) == ["570306133677760513", "570301130888122368"]


def test_numbers_of_json_are_numbers() -> None:
    """-0.0, 1E+0 and 1E+2 are numbers; 1e-400 is too small to be another one than 0."""
    chunks = {chunk.chunk_id: chunk for chunk in case("c12_numbers").chunks}
    assert set(chunks) == {"n4", "n5", "n6", "n15"}
    assert (chunks["n4"].sentiment.positive, chunks["n5"].sentiment.score) == (1, 0)
    assert chunk_mentions(chunks["n6"], []) == 100


def test_chunk_ids_are_compared_as_they_are() -> None:
    """A blank or another case is another id; nobody knows what a worker means by it."""
    assert [chunk.chunk_id for chunk in case("c20_ids").chunks] == ["a", "a", "a ", "A"]


def test_the_last_of_equal_keys_counts() -> None:
    """As in every common reader of JSON, on every level."""
    first, second = case("c23_dup_keys").chunks
    assert (first.sentiment.score, first.sentiment.positive, chunk_mentions(first, [])) == (0.5, 1, 6)
    assert (second.clusters[0].mention_count, second.summary, second.topics) == (3, None, None)


def test_null_names_are_absent() -> None:
    """A cluster without a label counts all the same, a topic that is null is none."""
    (chunk,) = case("m_label_null").chunks
    assert [(part.id, part.label) for part in chunk.clusters] == [("0", ""), ("1", "refund")]
    (chunk,) = case("m_topic_null").chunks
    assert chunk.topics == ["a"]


def test_a_long_label_is_cut() -> None:
    """4,800 characters of label are shown and compared as the first 4,096."""
    (chunk,) = case("m_long_label").chunks
    assert len(chunk.clusters[0].label) == 4_096
    assert chunk_mentions(chunk, []) == 10


@pytest.mark.parametrize(
    ("name", "mentions"),
    [
        ("m_count_lt_list", 1),  # a cluster's own count wins over the four ids that it lists
        ("m_excel_ids", 2),  # rounded ids are what they are: of four ids three are the same
        ("m_cluster_gt_meta", 10),  # the chunk's own count wins over a cluster of 500
        ("m_zero_meta", 0),
        ("m_empty_everything", 0),
    ],
)
def test_a_chunk_is_as_large_as_it_says(name: str, mentions: int) -> None:
    """What a chunk says of its size counts, else what its clusters say, else their different ids."""
    batch = case(name)
    assert [chunk_mentions(chunk, batch.mentions.counts) for chunk in batch.chunks] == [mentions]
