"""Tests of chunk summaries and recent entries."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.brand.chunk_summaries import (
    MAX_RECENT_CLUSTERS,
    MAX_SUMMARIES,
    MAX_SUMMARY_CHARS,
    Notes,
    clip,
    recent_entry,
)
from orchestrator.contract.chunk import Cluster, Meta, Sentiment
from orchestrator.contract.insights import RecentChunk
from tests.brand.support import NOW_MS, chunk


@given(st.text(), st.integers(1, 50))
def test_clip_bounds_every_text(text: str, chars: int) -> None:
    """A clipped text is one line within its bound; a short one keeps its words."""
    clipped = clip(text, chars)
    assert len(clipped) <= chars
    assert clipped == " ".join(clipped.split())
    if len(text) <= chars:
        assert clipped == " ".join(text.split())


def test_notes_keep_the_newest_twenty_newest_first() -> None:
    """Of many chunk summaries the last ones that came are shown, the very last first."""
    notes = Notes()
    chunks = [chunk(summary=f"summary {number}") for number in range(30)]
    notes.fold(chunks, [5] * 30)
    assert notes.newest() == [f"summary {number}" for number in range(29, 29 - MAX_SUMMARIES, -1)]


def test_notes_skip_blank_and_cut_long_summaries() -> None:
    """A blank summary says nothing, a long one is cut."""
    notes = Notes()
    notes.fold([chunk(summary=" \n"), chunk(), chunk(summary="x" * 9999)], [5, 5, 5])
    assert notes.newest() == ["x" * (MAX_SUMMARY_CHARS - 1) + "…"]


def test_notes_leave_with_their_pane() -> None:
    """A summary is shown as long as the window holds the pane of its chunk."""
    notes = Notes()
    notes.fold([chunk(summary="old"), chunk(summary="new")], [5, 6])
    notes.advance(6)
    assert notes.newest() == ["new"]


def test_notes_survive_storage() -> None:
    """Stored notes are the notes; without a change nothing is written."""
    notes = Notes()
    notes.fold([chunk(summary="a"), chunk(summary="b")], [5, 6])
    put: dict[bytes, bytes] = {}
    notes.take_changes(put)
    assert Notes.load(put).newest() == ["b", "a"]
    again: dict[bytes, bytes] = {}
    notes.take_changes(again)
    assert again == {}


def test_recent_entry_counts_mentions_in_numbers() -> None:
    """A recent chunk tells sizes, not mention texts, and the time that counts."""
    entry = json.loads(recent_entry(chunk(7, clusters=[Cluster("a", "A", 1)], meta=Meta(9)), NOW_MS, 9, [5, 2]))
    assert entry["mentions"] == 9
    assert entry["clusters"] == [{"id": "a", "label": "A", "mentions": 2, "spike": False}]
    assert entry["processedAt"] == "2026-11-23T12:00:00.000Z"
    assert set(RecentChunk.__struct_encode_fields__) == set(entry)


def test_recent_entry_is_bounded() -> None:
    """A huge chunk makes a small entry: its largest clusters, its first topics, cut texts."""
    clusters = [Cluster("x" * 4096, "y" * 4096, 0, mention_count=number) for number in range(500)]
    huge = chunk(clusters=clusters, topics=["z" * 4096] * 1000, summary="s" * 60_000, sentiment=Sentiment(1e9))
    entry = recent_entry(huge, NOW_MS, 10**9, [0])
    assert len(entry) < 12_000
    sizes = [cluster["mentions"] for cluster in json.loads(entry)["clusters"]]
    assert sizes == list(range(499, 499 - MAX_RECENT_CLUSTERS, -1))


def test_recent_entry_lists_the_largest_cluster_first() -> None:
    """Among clusters of one size the order is the chunk's."""
    sizes = {"a": 1, "b": 3, "c": 1, "d": 3}
    clusters = [Cluster(name, name, 0, mention_count=size) for name, size in sizes.items()]
    entry = json.loads(recent_entry(chunk(clusters=clusters), NOW_MS, 8, [0]))
    assert [cluster["id"] for cluster in entry["clusters"]] == ["b", "d", "a", "c"]
