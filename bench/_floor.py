"""The contract's chunk by its bare types: what any typed reader in Python has to build, and nothing more.

Every field of :class:`orchestrator.contract.chunk.WireChunk` is here, as structs without the cyclic collector, without
a bound and without a check; centroids become lists of floats. It is the floor that decoding and the service are held
against, so nothing may make it slower than it has to be; ``tests/bench/test_floor.py`` compares the fields.
"""

from __future__ import annotations

import msgspec
from msgspec import Struct, field


class FloorSentiment(Struct, gc=False):
    """Counts or shares."""

    score: float
    positive: float | None = None
    neutral: float | None = None
    negative: float | None = None
    unit: str | None = None


class FloorCluster(Struct, gc=False, rename="camel"):
    """A cluster."""

    mentions: list[str]
    id: str | None = None
    label: str | None = None
    sentiment_score: float | None = None
    spike: bool | None = None
    mention_count: float | None = None
    centroid: list[float] | None = None
    centroid_f32: str | None = field(default=None, name="centroidF32")


class FloorMeta(Struct, gc=False, rename="camel"):
    """What a worker says about the chunk as a whole."""

    mention_count: float | None = None
    traceparent: str | None = None


class FloorChunk(Struct, gc=False, rename="camel"):
    """A chunk."""

    chunk_id: str
    brand: str
    sentiment: FloorSentiment
    clusters: list[FloorCluster]
    processed_at: str | float | None = None
    topics: list[str] | None = None
    summary: str | None = None
    spike_detected: bool | None = None
    meta: FloorMeta | None = None


decode = msgspec.json.Decoder(FloorChunk).decode
