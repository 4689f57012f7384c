"""The splice kernel's pure twin: decode items one by one, then turn what they hold into rows.

Same function and same answers as :mod:`orchestrator._splice`, which takes centroids and mentions out before msgspec
sees the document. Decides nothing about chunks: *slowly* does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchestrator.contract.rows import Centroids, MentionRows, RowCollector
from orchestrator.errors import InvalidChunkError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from orchestrator.contract.chunk import Chunk

Decoded = tuple["list[Chunk]", list[int], list[tuple[int, InvalidChunkError]], Centroids, MentionRows]


def decode_items(
    items: Sequence[bytes],
    brand: str | None,
    max_bytes: int,  # noqa: ARG001 - the compiled twin's shortcut
    decode: Callable[[bytes], Any],  # noqa: ARG001 - likewise
    slowly: Callable[[bytes, str | None, RowCollector], Chunk],
) -> Decoded:
    """Decode *items*.

    Args:
        items: documents.
        brand: whose they must be, None for anybody's.
        max_bytes: larger ones are left to *slowly*, unread.
        decode: the typed decoder, for documents that have row numbers in the place of rows.
        slowly: decodes any document or raises; its rows go to the collector.

    Returns:
        chunks, their positions among the items, (position, error) of the others, centroids and mentions.
    """
    chunks: list[Chunk] = []
    indices: list[int] = []
    errors: list[tuple[int, InvalidChunkError]] = []
    collected = RowCollector()
    for index, item in enumerate(items):
        try:
            chunks.append(slowly(item, brand, collected))
            indices.append(index)
        except InvalidChunkError as error:
            errors.append((index, error))
    return chunks, indices, errors, Centroids.of(collected.centroids), MentionRows.of(collected.mentions)
