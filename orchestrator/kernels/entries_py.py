"""The entries kernel's pure twin: the definition of what :mod:`orchestrator.kernels._entries` computes.

What readers of recent chunks get of one: a JSON document of bounded size, whatever the chunk holds. Up to fifty of them
go with each commit, so that of a large chunk they were a twentieth of the cost. Which chunks get one is the business of
:mod:`orchestrator.brand.recent`; its layout is :class:`orchestrator.contract.insights.RecentChunk`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from orchestrator.contract.chunk import Chunk, Cluster, Sentiment, TopicCount

    Clip = Callable[[str, int], str]

IMPLEMENTATION = "python"

MAX_CLUSTERS = 10
MAX_TOPICS = 20
NAME_CHARS = 200
SUMMARY_CHARS = 400

encode = msgspec.json.Encoder().encode


def encode_entry(chunk: Chunk, time: str, mentions: int, counts: Sequence[int], clip: Clip) -> bytes:
    """The entry of *chunk* as JSON.

    Args:
        chunk: decoded.
        time: when it counts, as readers get it.
        mentions: how many it has.
        counts: different mentions by row of its batch.
        clip: a text on one line, with single blanks, in at most so many characters; of one in printable ASCII that is
            short enough and has no two blanks in a row it only takes the blanks at both ends.
    """
    clusters, topics = chunk.clusters, chunk.topics or []
    sizes = [_size(cluster, counts) for cluster in clusters]
    largest = sorted(range(len(sizes)), key=sizes.__getitem__, reverse=True)[:MAX_CLUSTERS]
    return encode(
        {
            "chunkId": chunk.chunk_id,
            "brand": chunk.brand,
            "processedAt": time,
            "mentions": mentions,
            "sentiment": _sentiment(chunk.sentiment),
            "topics": [clip(_name(topic), NAME_CHARS) for topic in topics[:MAX_TOPICS]],
            "clusters": [_cluster(clusters[place], sizes[place], clip) for place in largest],
            "clusterCount": len(clusters),
            "spikeDetected": bool(chunk.spike_detected) or any(cluster.spike for cluster in clusters),
            "summary": clip(chunk.summary, SUMMARY_CHARS) if chunk.summary else "",
        }
    )


def _size(cluster: Cluster, counts: Sequence[int]) -> int:
    if cluster.mention_count is not None:
        return cluster.mention_count
    if not 0 <= cluster.mentions < len(counts):
        raise IndexError(f"row {cluster.mentions} of a batch of {len(counts)}")
    return counts[cluster.mentions]


def _sentiment(sentiment: Sentiment) -> dict[str, float]:
    parts = {"positive": sentiment.positive, "neutral": sentiment.neutral, "negative": sentiment.negative}
    return {"score": sentiment.score} | {name: part for name, part in parts.items() if part is not None}


def _name(topic: str | TopicCount) -> str:
    return topic if isinstance(topic, str) else topic.topic


def _cluster(cluster: Cluster, mentions: int, clip: Clip) -> dict[str, object]:
    return {
        "id": clip(cluster.id, NAME_CHARS),
        "label": clip(cluster.label, NAME_CHARS),
        "mentions": mentions,
        "spike": bool(cluster.spike),
    }
