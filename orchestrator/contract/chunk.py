"""What one chunk result is: its types, its bounds, and how its mentions are counted.

Owns the meaning of the fields that workers send. Bytes are read by :mod:`orchestrator.contract.decode`; nothing here
does I/O or knows of a brand's state.

There are two types for one document. :class:`Chunk` is what the rules work on: a cluster's ``centroid`` and
``mentions`` are numbers of rows of its batch (:mod:`orchestrator.kernels.rows`), counts are whole numbers, ids are
texts. :class:`WireChunk` is the document as workers may write it: ``centroid`` as numbers or ``centroidF32`` as base64,
``3.0`` where a whole number is meant, ids as integers, texts of any length. The JSON Schema is made from
:class:`WireChunk`.

Source: the contract (``docs/redis-protocol.md``): ``null`` is absent, unknown fields are ignored,
all dialects have one shape. A detail that cannot change a number does not cost a chunk (``docs/chunks.md``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from msgspec import Meta as Bound
from msgspec import Struct, field

# Bounds, so that one item can neither exhaust memory nor overflow exact sums. Each is far above what any worker of the
# platform sends: a chunk has about 8 clusters and 500 mentions.
MAX_MAGNITUDE = 1e9  # sums of 2**32-scaled values stay exact over 10**9 chunks in Python's integers
MAX_COUNT = 10**9
MAX_ID_CHARS = 512  # chunk and cluster ids become parts of fields and logs
MAX_LABEL_CHARS = 4_096  # labels and topics are titles; workers cut them at a few words, longer ones are cut here
CHUNK_LABEL_BYTES = 400_000  # of all labels of a chunk: where they have more, each is cut to its share
MAX_TEXT_CHARS = 65_536  # a summary is a paragraph of a language model; longer ones are cut
MAX_CLUSTERS = 10_000
MAX_TOPICS = 1_000
MAX_MENTIONS = 100_000  # per cluster
MAX_DIMENSIONS = 16_384  # the widest embedding models in use have 4,096

Number = Annotated[float, Bound(ge=-MAX_MAGNITUDE, le=MAX_MAGNITUDE)]
NonNegative = Annotated[float, Bound(ge=0, le=MAX_MAGNITUDE)]
Count = Annotated[int, Bound(ge=0, le=MAX_COUNT)]
Identifier = Annotated[str, Bound(min_length=1, max_length=MAX_ID_CHARS)]
Title = Annotated[str, Bound(max_length=MAX_LABEL_CHARS)]
Text = Annotated[str, Bound(max_length=MAX_TEXT_CHARS)]
WireMentions = Annotated[list[str | int], Bound(max_length=MAX_MENTIONS)]
WireTime = Annotated[Any, Bound(extra_json_schema={"type": ["string", "number", "null"]})]
"""Anything, because no chunk is refused for its time; what can be read is text and numbers."""
WireTrace = Annotated[Any, Bound(extra_json_schema={"type": ["string", "null"]})]
"""Likewise, for its trace; :mod:`orchestrator.tracing.traceparent` reads it."""
WireVector = Annotated[list[Number | None], Bound(max_length=MAX_DIMENSIONS)]
Base64 = Annotated[str, Bound(max_length=(4 * MAX_DIMENSIONS + 2) // 3 * 4)]  # three bytes are four characters


SentimentUnit = Literal["counts", "shares", "percent"]
"""Mentions of each kind and the sum of their scores; parts of 1 and the mean score; the same times 100."""


class TopicCount(Struct, frozen=True, gc=False, rename="camel"):
    """A topic whose worker says how many of the chunk's mentions speak of it."""

    topic: Title
    mentions: Count | None = None


class WireTopicCount(Struct, frozen=True, gc=False, rename="camel"):
    """:class:`TopicCount` as it is written."""

    topic: str | None = None
    mentions: NonNegative | None = None


Topics = Annotated[list[Title | TopicCount], Bound(max_length=MAX_TOPICS)]
WireTopics = Annotated[list[str | WireTopicCount | None], Bound(max_length=MAX_TOPICS)]


# gc=False: none of these can take part in a cycle, and a batch makes thousands of them.
class Sentiment(Struct, frozen=True, gc=False, rename="camel"):
    """Counts, shares of the chunk's mentions, or percent; without a unit the fold tells them apart."""

    score: Number
    positive: NonNegative | None = None
    neutral: NonNegative | None = None
    negative: NonNegative | None = None
    unit: SentimentUnit | None = None


class Cluster(Struct, frozen=True, gc=False, rename="camel"):
    """One cluster of a decoded chunk; ``mentions`` and ``centroid`` are numbers of rows of its batch."""

    id: Title
    label: Title
    mentions: int
    sentiment_score: Number | None = None
    spike: bool | None = None
    mention_count: Count | None = None
    centroid: int | None = None


class WireCluster(Struct, frozen=True, gc=False, rename="camel"):
    """One cluster as it is written.

    ``mentions`` are ids, or example texts in the shares dialect; an integer is its digits. ``centroidF32`` (base64 of
    little-endian float32) wins over ``centroid``. A centroid with an element that is no number is absent.
    """

    mentions: WireMentions
    id: str | int | None = None
    label: str | None = None
    sentiment_score: Number | None = None
    spike: bool | None = None
    mention_count: NonNegative | None = None
    centroid: WireVector | None = None
    centroid_f32: Base64 | None = field(default=None, name="centroidF32")


class Meta(Struct, frozen=True, gc=False, rename="camel"):
    """What a worker says about the chunk as a whole."""

    mention_count: Count | None = None


class WireMeta(Struct, frozen=True, gc=False, rename="camel"):
    """:class:`Meta` as it is written."""

    mention_count: NonNegative | None = None
    traceparent: WireTrace = None


class Chunk(Struct, frozen=True, gc=False, rename="camel"):
    """One decoded chunk result."""

    chunk_id: Identifier
    brand: str
    sentiment: Sentiment
    clusters: Annotated[list[Cluster], Bound(max_length=MAX_CLUSTERS)]
    processed_at: str | float | None = None
    topics: Topics | None = None
    summary: Text | None = None
    spike_detected: bool | None = None
    meta: Meta | None = None


class WireChunk(Struct, frozen=True, gc=False, rename="camel"):
    """One chunk result as workers write it."""

    chunk_id: Identifier | int
    brand: str
    sentiment: Sentiment
    clusters: Annotated[list[WireCluster], Bound(max_length=MAX_CLUSTERS)]
    processed_at: WireTime = None
    topics: WireTopics | None = None
    summary: str | None = None
    spike_detected: bool | None = None
    meta: WireMeta | None = None


def topic_text(topic: str | TopicCount) -> str:
    """What the topic is called."""
    return topic if isinstance(topic, str) else topic.topic


def cluster_mentions(cluster: Cluster, counts: Sequence[int]) -> int:
    """The cluster's size: what it says itself, else its different mentions (*counts*, by row of the batch)."""
    count = cluster.mention_count
    return counts[cluster.mentions] if count is None else count


def chunk_mentions(chunk: Chunk, counts: Sequence[int]) -> int:
    """The chunk's size: what it says itself, else the sum of its clusters."""
    meta = chunk.meta
    if meta is not None and meta.mention_count is not None:
        return meta.mention_count
    return sum([cluster_mentions(cluster, counts) for cluster in chunk.clusters])
