"""Tests of the entries for readers of recent chunks."""

from __future__ import annotations

import json

from orchestrator.brand.recent import MAX_CLUSTERS, RecentChunks, encode_entry
from orchestrator.contract.chunk import Cluster, Meta, Sentiment
from orchestrator.contract.insights import MAX_RECENT, RecentChunk
from tests.brand.support import NOW_MS, chunk


def ids(entries: list[bytes]) -> list[str]:
    """Of which chunks *entries* are."""
    return [json.loads(entry)["chunkId"] for entry in entries]


def test_changes_are_the_newest_chunks_once() -> None:
    """Of many chunks the last fifty get an entry, over all batches since the last commit, and only in that one."""
    recent, chunks = RecentChunks(), [chunk(number) for number in range(2 * MAX_RECENT)]
    for batch in (chunks[:-3], chunks[-3:]):
        recent.fold(batch, [NOW_MS] * len(batch), [1] * len(batch), [0])
    assert ids(recent.take_changes()) == [each.chunk_id for each in chunks[-MAX_RECENT:]]
    assert recent.take_changes() == []


def test_entry_counts_mentions_in_numbers() -> None:
    """A recent chunk tells sizes, not mention texts, and the time that counts."""
    entry = json.loads(encode_entry(chunk(7, clusters=[Cluster("a", "A", 1)], meta=Meta(9)), NOW_MS, 9, [5, 2]))
    assert entry["mentions"] == 9
    assert entry["clusters"] == [{"id": "a", "label": "A", "mentions": 2, "spike": False}]
    assert entry["processedAt"] == "2026-11-23T12:00:00.000Z"
    assert set(RecentChunk.__struct_encode_fields__) == set(entry)


def test_entry_is_bounded() -> None:
    """A huge chunk makes a small entry: its largest clusters, its first topics, cut texts."""
    clusters = [Cluster("x" * 4096, "y" * 4096, 0, mention_count=number) for number in range(500)]
    huge = chunk(clusters=clusters, topics=["z" * 4096] * 1000, summary="s" * 60_000, sentiment=Sentiment(1e9))
    entry = encode_entry(huge, NOW_MS, 10**9, [0])
    assert len(entry) < 12_000
    sizes = [cluster["mentions"] for cluster in json.loads(entry)["clusters"]]
    assert sizes == list(range(499, 499 - MAX_CLUSTERS, -1))


def test_entry_lists_the_largest_cluster_first() -> None:
    """Among clusters of one size the order is the chunk's."""
    sizes = {"a": 1, "b": 3, "c": 1, "d": 3}
    clusters = [Cluster(name, name, 0, mention_count=size) for name, size in sizes.items()]
    entry = json.loads(encode_entry(chunk(clusters=clusters), NOW_MS, 8, [0]))
    assert [cluster["id"] for cluster in entry["clusters"]] == ["b", "d", "a", "c"]
