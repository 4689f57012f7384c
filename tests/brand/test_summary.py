"""Tests of the document that readers get: the conformance to its contract, and its bounds."""

from __future__ import annotations

import json
import math
from datetime import datetime
from typing import Any

import msgspec
import pytest

from orchestrator.brand.outputs import FoldConfig
from orchestrator.brand.sentiment import Tally
from orchestrator.brand.state import BrandState
from orchestrator.brand.stories import StoryView
from orchestrator.brand.summary import Findings, Heading, encode_summary
from orchestrator.contract.chunk import Cluster
from orchestrator.contract.summary import MAX_SUMMARY_BYTES, Summary
from tests.brand.support import (
    HOUR_MS,
    MINUTE_MS,
    NOW_MS,
    batch_of,
    chunk,
    chunk_at,
    folded,
    folded_sample,
    listed,
    sample,
    summary_of,
)

TYPES: dict[str, type | tuple[type, ...]] = {
    "brand": str,
    "generatedAt": str,
    "totalChunks": int,
    "totalMentions": int,
    "sentiment": dict,
    "dominantTopics": list,
    "clusters": list,
    "spikeDetected": bool,
    "summary": str,
    "chunkSummaries": list,
}


def check_as_a_reader(document: Any) -> None:
    """What the platform's reading API relies on; raises AssertionError or ValueError where it would break."""
    for name, expected in TYPES.items():
        assert isinstance(document[name], expected), name
    assert {name: type(value) for name, value in document["sentiment"].items()} == dict.fromkeys(
        ("positive", "neutral", "negative", "score"), float
    )
    assert all(isinstance(text, str) for text in document["dominantTopics"] + document["chunkSummaries"])
    assert len(document["chunkSummaries"]) <= 20
    for cluster in document["clusters"]:
        kinds = [type(cluster[name]) for name in ("id", "label", "mentions", "spike")]
        assert kinds == [str, str, int, bool]
    datetime.fromisoformat(document["generatedAt"])
    _check_numbers(document)


def _check_numbers(value: Any) -> None:
    if isinstance(value, float):
        assert math.isfinite(value)
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _check_numbers(inner)


@pytest.mark.parametrize(
    ("name", "brand"),
    [
        ("chunks_counts.ndjson", "nike"),
        ("chunks_counts.ndjson", "acme"),
        ("chunks_shares.ndjson", "tesla"),
        ("chunks_centroids.ndjson", "nike"),
    ],
)
def test_summary_of_the_samples_suits_a_reader(name: str, brand: str) -> None:
    """Both dialects, with and without centroids, make a document that readers can read."""
    check_as_a_reader(summary_of(folded_sample(name, brand)))


def test_summary_of_nothing_suits_a_reader() -> None:
    """A brand without chunks has a summary of the same shape."""
    document = summary_of(BrandState.empty(FoldConfig()))
    check_as_a_reader(document)
    assert (document["totalChunks"], document["netSentiment"], document["clusters"]) == (0, None, [])


@pytest.mark.parametrize(
    "damage",
    [
        {"totalMentions": "3"},
        {"clusters": [{"id": "a", "label": "a", "mentions": ["m1"], "spike": True}]},
        {"sentiment": {"positive": math.nan, "neutral": 0.0, "negative": 0.0, "score": 0.0}},
        {"generatedAt": "now"},
        {"chunkSummaries": ["x"] * 21},
        {"spikeDetected": None},
    ],
)
def test_check_as_a_reader_notices_damage(damage: dict[str, object]) -> None:
    """The check of this file fails for what would break a reader."""
    document = {**summary_of(folded(chunk())), **damage}
    with pytest.raises((AssertionError, ValueError)):
        check_as_a_reader(document)


def test_summary_of_the_readme_sample_tells_its_numbers() -> None:
    """One chunk, three mentions, sentiment 5/2/1/4, topic launch, one flagged story of two mentions."""
    state = BrandState.empty(FoldConfig())
    readme = sample("chunks_counts.ndjson", "nike").keep([0])
    state.fold(readme, NOW_MS)
    document = summary_of(state)
    assert (document["totalChunks"], document["totalMentions"]) == (1, 3)
    assert document["sentiment"] == {"positive": 5, "neutral": 2, "negative": 1, "score": 4}
    assert document["dominantTopics"] == ["launch"]
    shown = [(story["label"], story["mentions"], story["spike"]) for story in document["clusters"]]
    assert shown == [("Launch Buzz", 2, True)]
    assert document["spikeDetected"] is True


def test_summary_decodes_as_its_type() -> None:
    """The document is what the schema's type says, field by field."""
    encoded = folded_sample("chunks_shares.ndjson", "nike").summary("nike", NOW_MS, 3, 7)
    summary = msgspec.json.decode(encoded, type=Summary, strict=True)
    assert (summary.epoch, summary.version, summary.brand) == (3, 7, "nike")
    assert set(json.loads(encoded)) == set(Summary.__struct_encode_fields__)


def test_summary_is_bounded_at_five_thousand_stories() -> None:
    """Five thousand stories make a document within its bound that tells how many there are; those shown are long."""
    state = BrandState.empty(FoldConfig())
    for start in range(0, 5000, 500):
        signs = "\U0001f525" * (500 if start == 4500 else 1)  # the largest are shown
        clusters = [
            Cluster(f"id-{number}", f"w{number} v{number} {signs}", listed(), mention_count=number)
            for number in range(start, start + 500)
        ]
        state.fold(batch_of([chunk(clusters=clusters, summary="\U0001f525" * 500, topics=["\0" * 99])]), NOW_MS)
    encoded = state.summary("nike", NOW_MS, 1, 1)
    assert len(encoded) <= MAX_SUMMARY_BYTES
    document = json.loads(encoded)
    assert document["clusterCount"] == 5000
    assert document["clusters"][0]["mentions"] == 4999


def test_encode_summary_bounds_the_worst_ids() -> None:
    """Ids cannot be cut without losing identity: fewer stories are shown instead, the largest."""
    story = StoryView("\0" * 4096, "x", 9, 1, None, NOW_MS, NOW_MS, None, ("\0" * 120,) * 3)
    findings = Findings(Tally(), [], [story] * 100, 5000, False, None, ["\0" * 400] * 20)  # noqa: FBT003
    encoded = encode_summary(Heading("nike", NOW_MS, NOW_MS, 1, 1), findings)
    assert len(encoded) <= MAX_SUMMARY_BYTES
    assert json.loads(encoded)["clusterCount"] == 5000


def test_summary_of_shares_totals_the_input() -> None:
    """Every brand's totals equal the input's, and labels that are nearly the same are one story."""
    batch = sample("chunks_shares.ndjson", "tesla")
    document = summary_of(folded_sample("chunks_shares.ndjson", "tesla"))
    sizes = [one.meta.mention_count or 0 for one in batch.chunks if one.meta is not None]
    assert (document["totalChunks"], document["totalMentions"]) == (len(batch), sum(sizes))
    assert sum(document["sentiment"][name] for name in ("positive", "neutral", "negative")) == pytest.approx(
        sum(sizes), abs=1e-6
    )
    assert document["clusterCount"] < sum(len(one.clusters) for one in batch.chunks) / 10


def test_labels_that_differ_in_case_and_punctuation_are_one_story() -> None:
    """Shouting and punctuation do not found a story."""
    labels = ["Launch Buzz", "launch buzz!", "LAUNCH, BUZZ", "launch-buzz?"]
    state = folded(
        *[chunk(number, clusters=[Cluster("0", label, listed(f"m{number}"))]) for number, label in enumerate(labels)]
    )
    stories = summary_of(state)["clusters"]
    assert [(story["label"], story["mentions"], story["members"]) for story in stories] == [("Launch Buzz", 4, 4)]


def test_stories_show_examples_of_their_heaviest_member() -> None:
    """Up to three texts of the member that gives the label, cut; of the largest stories only."""
    small = Cluster("0", "Launch Buzz", listed("small"), mention_count=2)
    large = Cluster("0", "launch buzz", listed("x" * 500, "b", "c", "d"), mention_count=9)
    others = [Cluster(f"o{number}", f"other{number}", listed("text"), mention_count=1) for number in range(30)]
    stories = summary_of(folded(chunk(clusters=[small, large, *others])))["clusters"]
    assert stories[0]["label"] == "launch buzz"
    assert stories[0]["examples"] == ["x" * 119 + "…", "b", "c"]
    assert [bool(story["examples"]) for story in stories] == [True] * 20 + [False] * 11


def test_a_story_tells_its_members_and_when_they_were_seen() -> None:
    """Mentions and members are told apart, times are the members' own whatever their order, and a label is a title."""
    label = "launch " + "x" * 500
    late, early = (
        chunk_at(at_ms, chunk_id=str(at_ms), clusters=[Cluster("0", label, listed("text"), mention_count=7)])
        for at_ms in (NOW_MS - HOUR_MS, NOW_MS - 3 * HOUR_MS)
    )
    [story] = summary_of(folded(late, early))["clusters"]
    assert (story["mentions"], story["members"]) == (14, 2)
    assert (story["firstSeen"], story["lastSeen"]) == ("2026-11-23T09:00:00.000Z", "2026-11-23T11:00:00.000Z")
    assert (len(story["label"]), story["label"][-1]) == (160, "…")


def test_summary_names_the_window_that_it_covers() -> None:
    """From the start of the pane that was current a day ago to now."""
    document = summary_of(folded(chunk()), NOW_MS + 7 * MINUTE_MS)
    assert (document["windowStart"], document["windowEnd"]) == ("2026-11-22T12:00:00.000Z", "2026-11-23T12:07:00.000Z")
    assert document["generatedAt"] == document["windowEnd"]
