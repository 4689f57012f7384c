"""The entries for readers of recent chunks: one a chunk, bounded whatever the chunk holds.

They are not part of the state: a commit appends those of its own chunks to a list in Redis, which is cut to the
newest. So more than the newest :data:`MAX_RECENT` are never made.

Source: the design's ``chunks:recent:brand:<brand>``, laid out in :mod:`orchestrator.contract.insights`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import msgspec

from orchestrator.brand.chunk_summaries import MAX_SUMMARY_CHARS
from orchestrator.brand.flags import has_flag
from orchestrator.brand.text import clip
from orchestrator.contract.chunk import Chunk, Cluster, cluster_mentions, topic_text
from orchestrator.contract.insights import MAX_RECENT, RecentChunk, RecentCluster, RecentSentiment
from orchestrator.contract.times import iso_utc

MAX_CLUSTERS = 10
MAX_TOPICS = 20
MAX_NAME_CHARS = 200

_encode = msgspec.json.Encoder().encode


class RecentChunks:
    """The newest chunks that no commit has told of yet, oldest first."""

    def __init__(self) -> None:
        self._chunks: deque[tuple[Chunk, int, int, Sequence[int]]] = deque(maxlen=MAX_RECENT)

    def fold(
        self, chunks: Sequence[Chunk], times: Sequence[int], mentions: Sequence[int], counts: Sequence[int]
    ) -> None:
        """Take in *chunks*.

        Args:
            chunks: of one batch.
            times: when each counts, Unix ms.
            mentions: how many each has.
            counts: different mentions by row of the batch.
        """
        newest = slice(-MAX_RECENT, None)
        for chunk, at_ms, size in zip(chunks[newest], times[newest], mentions[newest], strict=True):
            self._chunks.append((chunk, at_ms, size, counts))

    def take_changes(self) -> list[bytes]:
        """The entries to append, oldest first, and forget their chunks."""
        # Encoded here and not in fold(): of all chunks since the last commit only the newest get an entry.
        entries = [encode_entry(*chunk) for chunk in self._chunks]
        self._chunks.clear()
        return entries


def encode_entry(chunk: Chunk, at_ms: int, mentions: int, counts: Sequence[int]) -> bytes:
    """The entry of one chunk as JSON; *counts* are the different mentions by row of its batch."""
    sentiment, topics, clusters = chunk.sentiment, chunk.topics or (), chunk.clusters
    sizes = [cluster_mentions(cluster, counts) for cluster in clusters]
    # Positional arguments: with names, fifty of these a commit cost as much as folding a hundred chunks.
    entry = RecentChunk(
        chunk.chunk_id,
        chunk.brand,
        iso_utc(at_ms),
        mentions,
        RecentSentiment(sentiment.score, sentiment.positive, sentiment.neutral, sentiment.negative),
        [clip(topic_text(topic), MAX_NAME_CHARS) for topic in topics[:MAX_TOPICS]],
        [_cluster(clusters[place], sizes[place]) for place in _largest(sizes)],
        len(clusters),
        has_flag(chunk),
        clip(chunk.summary, MAX_SUMMARY_CHARS) if chunk.summary else "",
    )
    return _encode(entry)


def _largest(sizes: Sequence[int]) -> Sequence[int]:
    """The places of the largest; among equals the first comes first."""
    places = range(len(sizes))
    return sorted(places, key=sizes.__getitem__, reverse=True)[:MAX_CLUSTERS] if len(sizes) > 1 else places


def _cluster(cluster: Cluster, mentions: int) -> RecentCluster:
    return RecentCluster(
        clip(cluster.id, MAX_NAME_CHARS), clip(cluster.label, MAX_NAME_CHARS), mentions, bool(cluster.spike)
    )
