"""A chunk as a worker has it: typed, so that a misspelt field is an error of the worker and not a field nobody reads.

Fields and their meaning are those of ``docs/chunks.md``. What is None is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from orchestrator.errors import InvalidChunkError
from orchestrator.worker.naming import content_id, well_formed
from orchestrator.worker.vectors import centroid_f32

_NO_NAME = "Expected a chunkId, or a time: without either, two chunks that say the same would be taken for one"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentiment:
    """The chunk's mentions of each kind and their scores; say the unit, and nothing is guessed."""

    score: float
    positive: float | None = None
    neutral: float | None = None
    negative: float | None = None
    unit: Literal["counts", "shares", "percent"] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """Mentions that say the same; *centroid* is the mean of their embeddings, of any kind of numbers."""

    mentions: Sequence[str | int]
    id: str | int | None = None
    label: str | None = None
    mention_count: int | None = None
    sentiment_score: float | None = None
    spike: bool | None = None
    centroid: Sequence[float] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """A topic, and how many of the chunk's mentions speak of it."""

    topic: str
    mentions: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """One chunk result.

    Attributes:
        chunk_id: names it for ever, :func:`orchestrator.worker.input_id` makes one; None: one of its content.
        processed_at: which quarter of an hour it counts in: a time with its zone, Unix seconds or milliseconds, or a
            text of RFC 3339. Without one it counts when it arrives.
        mention_count: the chunk's size; None: the sum of its clusters.
        traceparent: the trace that it was made in, after W3C Trace Context.
    """

    brand: str
    sentiment: Sentiment
    clusters: Sequence[Cluster]
    chunk_id: str | int | None = None
    processed_at: datetime | str | float | None = None
    topics: Sequence[str | Topic] = ()
    summary: str | None = None
    spike_detected: bool | None = None
    mention_count: int | None = None
    traceparent: str | None = None

    def document(self) -> dict[str, Any]:
        """The document, named; ids are texts, centroids are packed, halves of surrogate pairs are U+FFFD.

        Raises:
            InvalidChunkError: it cannot be named, a centroid holds no numbers, or the time has no zone. Whether it is
                right otherwise says :func:`orchestrator.worker.check_chunk`.
        """
        content = _kept(
            brand=_clean(self.brand.strip()),
            sentiment=_kept(
                unit=self.sentiment.unit,
                score=self.sentiment.score,
                positive=self.sentiment.positive,
                neutral=self.sentiment.neutral,
                negative=self.sentiment.negative,
            ),
            clusters=[_cluster(cluster, f"$.clusters[{place}]") for place, cluster in enumerate(self.clusters)],
            processedAt=_time(self.processed_at),
            topics=[_topic(topic) for topic in self.topics] or None,
            summary=_clean(self.summary),
            spikeDetected=self.spike_detected,
            meta=_kept(mentionCount=self.mention_count, traceparent=self.traceparent) or None,
        )
        if self.chunk_id is not None:
            return {"chunkId": _name(self.chunk_id), **content}
        if self.processed_at is None:
            raise InvalidChunkError(_NO_NAME, "$.chunkId")
        return {"chunkId": content_id(content), **content}


def _kept(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _clean(value: Any) -> Any:
    return well_formed(value) if isinstance(value, str) else value


def _name(value: Any) -> Any:
    """An id as text: 17 and "17" are the same, and must have the same name."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else _clean(value)


def _cluster(cluster: Cluster, path: str) -> dict[str, Any]:
    vector = cluster.centroid
    return _kept(
        id=_name(cluster.id),
        label=_clean(cluster.label),
        mentions=[_name(mention) for mention in cluster.mentions],
        mentionCount=cluster.mention_count,
        sentimentScore=cluster.sentiment_score,
        spike=cluster.spike,
        centroidF32=None if vector is None else centroid_f32(vector, f"{path}.centroid"),
    )


def _topic(topic: str | Topic) -> Any:
    if isinstance(topic, Topic):
        return _kept(topic=_clean(topic.topic), mentions=topic.mentions)
    return _clean(topic)


def _time(value: datetime | str | float | None) -> Any:
    if not isinstance(value, datetime):
        return _clean(value)
    if value.utcoffset() is None:
        raise InvalidChunkError(
            f"Expected a time with its zone, got {value.isoformat()}: datetime.now(UTC)", "$.processedAt"
        )
    return f"{value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"
