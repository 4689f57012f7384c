"""From queue items to chunks: one batch in, chunks and rejections out.

Owns every way in which an item can be unacceptable: whatever is in an item, :func:`decode_batch` does not raise. Must
not look at a brand's state or at the clock.

A batch's centroids and mentions are taken out of the documents here and become rows
(:mod:`orchestrator.kernels.rows`). Usual documents go by the kernel and one typed decoder. What that refuses is decoded
by the wire type, which accepts every way of writing, and if it is no JSON, mended where that cannot change a number
(:mod:`orchestrator.contract.mending`).

Source: the contract (``docs/redis-protocol.md``), bounds in :mod:`orchestrator.contract.chunk`.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, get_args

import msgspec
import numpy as np
from msgspec.structs import replace

from orchestrator.contract import mending, reasons
from orchestrator.contract.chunk import (
    CHUNK_LABEL_BYTES,
    MAX_LABEL_CHARS,
    MAX_TEXT_CHARS,
    Chunk,
    Cluster,
    Meta,
    SentimentUnit,
    TopicCount,
    WireChunk,
    WireCluster,
    WireTopicCount,
)
from orchestrator.contract.depth import too_deep
from orchestrator.errors import InvalidChunkError
from orchestrator.kernels.hash_keys import Hashing
from orchestrator.kernels.rows import Centroids, MentionRows, RowCollector
from orchestrator.kernels.scan import Scan, decode_items

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from orchestrator.kernels import scan_py
    from orchestrator.kernels.scan_py import Decoded

_MOST_LABEL_BYTES = 4 * MAX_LABEL_CHARS
_TIME_PATH = "$.processedAt"
_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]")
_LOCATED = re.compile(r"(.*) - at `(\$.*)`\Z", re.DOTALL)

_chunk_decoder = msgspec.json.Decoder(Chunk)
_wire_decoder = msgspec.json.Decoder(WireChunk)


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds that a deployment may choose; the fixed ones stand in :mod:`orchestrator.contract.chunk`."""

    max_chunk_bytes: int = 8 * 2**20


@dataclass(frozen=True, slots=True)
class Rejected:
    """One item that is no acceptable chunk: its position among the items, the reason and the JSON path."""

    index: int
    reason: str
    path: str


@dataclass(slots=True)
class ChunkBatch:
    """The chunks of one read, in the queue's order, and the items that were rejected.

    ``indices[i]`` is the position of ``chunks[i]`` among the items.
    """

    chunks: list[Chunk]
    indices: list[int]
    centroids: Centroids
    mentions: MentionRows
    rejected: list[Rejected] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.chunks)

    def keep(self, positions: Sequence[int]) -> ChunkBatch:
        """The batch with only the chunks at those *positions* (the others are duplicates); rows are shared."""
        return ChunkBatch(
            [self.chunks[position] for position in positions],
            [self.indices[position] for position in positions],
            self.centroids,
            self.mentions,
            self.rejected,
        )


def scan_batch(items: list[bytes], limits: Limits, hashing: Hashing, *, ahead: bool = False) -> scan_py.Scan:
    """Scan *items* for what :func:`decode_scan` needs.

    Args:
        items: queue items.
        limits: what is larger is not scanned.
        hashing: how the brand that they are folded for hashes mention ids.
        ahead: begin at once, on another thread where that is worth it; the caller has other work to do first.
    """
    return Scan(items, limits.max_chunk_bytes, hashing, ahead=ahead)


def decode_batch(
    items: list[bytes], brand: str, limits: Limits | None = None, hashing: Hashing | None = None
) -> ChunkBatch:
    """Decode and validate *items*, the queue items of *brand*; does not raise whatever is in them.

    Without the *hashing* of a brand's state no state takes the batch.
    """
    limits = limits or Limits()
    return decode_scan(scan_batch(items, limits, hashing or Hashing.of_nobody()), brand, limits)


def decode_scan(scan: scan_py.Scan, brand: str, limits: Limits | None = None) -> ChunkBatch:
    """Decode and validate what was scanned, as :func:`decode_batch` does; once a scan."""
    chunks, indices, errors, centroids, mentions = _decoded(scan, brand, limits or Limits())
    rejected = [Rejected(index, error.reason, error.path) for index, error in errors]
    for _, error in errors:
        # An exception holds the frames that it passed, and they hold it and all that the callers worked on: each batch
        # with a dead letter would stay in memory until the cyclic collector comes, which is rarely.
        error.__traceback__ = error.__context__ = error.__cause__ = None
    return ChunkBatch([_sharing(chunk) for chunk in chunks], indices, centroids, mentions, rejected)


def _sharing(chunk: Chunk) -> Chunk:
    """*chunk* with labels that cost no more than a chunk may: together they have :data:`CHUNK_LABEL_BYTES` at most.

    Each label alone is bounded, but ten thousand of them took seconds of a processor. A character that is not ASCII
    costs several times as much as one that is, as it has several bytes.
    """
    clusters = chunk.clusters
    if len(clusters) * _MOST_LABEL_BYTES <= CHUNK_LABEL_BYTES:  # nearly every chunk
        return chunk
    if sum(map(_label_bytes, clusters)) <= CHUNK_LABEL_BYTES:
        return chunk
    share = CHUNK_LABEL_BYTES // len(clusters)
    return replace(chunk, clusters=[_cut_label(cluster, share) for cluster in clusters])


def _label_bytes(cluster: Cluster) -> int:
    return len(cluster.label) if cluster.label.isascii() else len(cluster.label.encode(errors="replace"))


def _cut_label(cluster: Cluster, share: int) -> Cluster:
    if _label_bytes(cluster) <= share:
        return cluster
    return replace(cluster, label=cluster.label[:share].encode(errors="replace")[:share].decode(errors="ignore"))


def decode_chunk(item: bytes, brand: str | None = None, limits: Limits | None = None) -> Chunk:
    """Decode one item on its own; without *brand*, a chunk of any brand is acceptable.

    Raises:
        InvalidChunkError: the item is not an acceptable chunk.
    """
    limits = limits or Limits()
    chunks, _, errors, _, _ = _decoded(scan_batch([item], limits, Hashing.of_nobody()), brand, limits)
    if errors:
        raise errors[0][1]
    return chunks[0]


def _decoded(scan: scan_py.Scan, brand: str | None, limits: Limits) -> Decoded:
    return decode_items(scan, brand, _chunk_decoder.decode, partial(_decode_slowly, limits.max_chunk_bytes))


def _decode_slowly(max_bytes: int, item: bytes, brand: str | None, rows: RowCollector) -> Chunk:
    """Decode by the wire type, which accepts every way of writing; its errors are those that people see.

    Centroids and mentions go to *rows*. Those of a document that turns out to be no chunk go there too and do no
    harm: no chunk names their rows.
    """
    if len(item) > max_bytes:
        raise InvalidChunkError(reasons.too_large(len(item), max_bytes))
    document = mending.clean(item)
    if too_deep(document):
        raise mending.too_deep(document)
    wire = _decode_wire(document)
    if brand is not None and wire.brand != brand:
        told = wire.brand[: reasons.SHOWN_CHARS]
        raise InvalidChunkError(f"expected the queue's brand {brand!r}, got {told!r}", "$.brand")
    clusters = [_to_cluster(cluster, number, rows) for number, cluster in enumerate(wire.clusters)]
    meta = None if wire.meta is None else Meta(_to_count(wire.meta.mention_count, "$.meta.mentionCount"))
    return Chunk(
        str(wire.chunk_id),
        wire.brand,
        wire.sentiment,
        clusters,
        _to_time(wire.processed_at),
        None if wire.topics is None else _to_topics(wire.topics),
        wire.summary and wire.summary[:MAX_TEXT_CHARS],
        wire.spike_detected,
        meta,
    )


def _decode_wire(document: bytes) -> WireChunk:
    try:
        return _wire_decoder.decode(document)
    except msgspec.ValidationError as error:
        located = _located(str(error), partial(json.loads, document))
        if located.path != _TIME_PATH:
            raise located from None
        return _decode_mended(document)  # 1e999 is no float, but no chunk is refused for its time
    except (msgspec.MsgspecError, ValueError):
        pass  # no JSON
    mended = mending.mend_escapes(document)
    return _decode_mended(mended) if mended == document else _decode_wire(mended)


def _decode_mended(document: bytes) -> WireChunk:
    """Decode what is no JSON, which costs several times as much."""
    value = mending.parse(document)
    try:
        return msgspec.convert(value, WireChunk)
    except msgspec.ValidationError as error:
        raise _located(str(error), lambda: value) from None
    except (msgspec.MsgspecError, ValueError, OverflowError) as error:
        raise InvalidChunkError(f"not JSON: {error}") from None


def _to_cluster(wire: WireCluster, number: int, rows: RowCollector) -> Cluster:
    path = f"$.clusters[{number}]"
    vector: Any = wire.centroid
    if wire.centroid_f32 is not None:
        vector = _unpack_f32(wire.centroid_f32, f"{path}.centroidF32")
    elif vector is not None and None in vector:  # NaN as JSON.stringify writes it
        vector = None
    row = rows.add_centroid(vector) if vector is not None and len(vector) else None
    count = _to_count(wire.mention_count, f"{path}.mentionCount")
    mentions = rows.add_mentions(list(map(str, wire.mentions)))
    name, label = "" if wire.id is None else str(wire.id), wire.label or ""
    return Cluster(
        name[:MAX_LABEL_CHARS], label[:MAX_LABEL_CHARS], mentions, wire.sentiment_score, wire.spike, count, row
    )


def _to_time(value: Any) -> str | float | None:
    """What may be read as a time."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return None
    try:
        return value if isinstance(value, str) else float(value)
    except OverflowError:
        return None


def _to_topics(wire: list[str | WireTopicCount | None]) -> list[str | TopicCount]:
    """The topics that have a name."""
    found: list[str | TopicCount] = []
    for number, one in enumerate(wire):
        if isinstance(one, str):
            found.append(one[:MAX_LABEL_CHARS])
        elif one is not None and one.topic is not None:
            count = _to_count(one.mentions, f"$.topics[{number}].mentions")
            found.append(TopicCount(one.topic[:MAX_LABEL_CHARS], count))
    return found


def _unpack_f32(text: str, path: str) -> NDArray[np.float32]:
    """The vector in *text*, whose length its type bounds.

    It may hold numbers that are not finite: the fold takes such a centroid for absent.
    """
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidChunkError(reasons.NOT_BASE64, path) from None
    if len(data) % 4:
        raise InvalidChunkError(reasons.no_floats(len(data)), path)
    return np.frombuffer(data, dtype="<f4")


def _to_count(value: float | None, path: str) -> int | None:
    """A whole number written as ``3`` or ``3.0``."""
    if value is None:
        return None
    if not value.is_integer():
        raise InvalidChunkError(reasons.not_whole(value), path)
    return int(value)


def _located(message: str, read: Callable[[], Any]) -> InvalidChunkError:
    """The error with its path apart, and the value that is out of bounds if the message does not show it.

    Args:
        message: what msgspec says.
        read: gives the document's value.
    """
    match = _LOCATED.fullmatch(message)
    if match is None:
        return InvalidChunkError(message)
    reason, path = match.groups()
    try:
        value = read()
        for name, position in _STEP.findall(path):
            value = value[name] if name else value[int(position)]
    except (ValueError, LookupError, TypeError, RecursionError):
        return InvalidChunkError(reason, path)
    if reason.startswith("Invalid enum value"):  # the one word that is chosen from a list
        return InvalidChunkError(reasons.not_among(get_args(SentimentUnit), value), path)
    return InvalidChunkError(reasons.with_value(reason, value), path)
