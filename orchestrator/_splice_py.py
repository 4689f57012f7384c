"""The splice kernel's pure twin: decode items one by one, centroids as Python numbers.

Same function and same answers as :mod:`orchestrator._splice`, which takes the centroids out before msgspec sees
the document. Decides nothing about chunks: *decode* and *slowly* do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from orchestrator.errors import InvalidChunkError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from orchestrator.contract.chunk import Chunk

Decoded = tuple[
    "list[Chunk]", list[int], list[tuple[int, InvalidChunkError]], "NDArray[np.float32]", "NDArray[np.int64]"
]


def decode_items(
    items: Sequence[bytes],
    brand: str | None,
    max_bytes: int,
    decode: Callable[[bytes], Chunk],
    slowly: Callable[[bytes, str | None, list[Any], int], Chunk],
) -> Decoded:
    """Decode *items*.

    Args:
        items: documents.
        brand: whose they must be, None for anybody's.
        max_bytes: larger ones are left to *slowly*, unread.
        decode: the typed decoder, for documents whose centroids are gone.
        slowly: decodes any document or raises; appends its centroids to the list, numbered from the count given.

    Returns:
        chunks, their positions among the items, (position, error) of the others, and the centroids as
        values (float32) and offsets (int64) of rows.
    """
    chunks: list[Chunk] = []
    indices: list[int] = []
    errors: list[tuple[int, InvalidChunkError]] = []
    rows: list[Any] = []
    for index, item in enumerate(items):
        added: list[Any] = []
        try:
            chunk = _decode(item, brand, decode) if len(item) <= max_bytes else None
            chunks.append(chunk or slowly(item, brand, added, len(rows)))
        except InvalidChunkError as error:
            errors.append((index, error))
        else:
            indices.append(index)
            rows += added
    offsets = np.zeros(len(rows) + 1, dtype=np.int64)
    np.cumsum([len(row) for row in rows], out=offsets[1:])
    values = np.concatenate([np.asarray(row, dtype=np.float32) for row in rows]) if rows else np.empty(0, np.float32)
    return chunks, indices, errors, values, offsets


def _decode(item: bytes, brand: str | None, decode: Callable[[bytes], Chunk]) -> Chunk | None:
    """The chunk if it is an ordinary one without centroids."""
    # An escaped key ("\u0063entroid") could smuggle a row number in, so escapes take the slow way.
    if not item.isascii() or b"centroid" in item or b"\\u00" in item:
        return None
    try:
        chunk = decode(item)
    except (msgspec.MsgspecError, RecursionError, ValueError):
        return None
    return chunk if brand is None or chunk.brand == brand else None
