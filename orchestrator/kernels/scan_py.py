"""The scan kernel's pure twin: decode items one by one, then turn what they hold into rows.

Same functions and same answers as :mod:`orchestrator.kernels._scan`, which takes centroids and mentions out before
msgspec sees the document. Decides nothing about chunks: *slowly* does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchestrator.errors import InvalidChunkError
from orchestrator.kernels.rows import Centroids, MentionRows, RowCollector

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from orchestrator.contract.chunk import Chunk
    from orchestrator.kernels.hash_keys import Hashing

Decoded = tuple["list[Chunk]", list[int], list[tuple[int, InvalidChunkError]], Centroids, MentionRows]


class Scan:
    """The documents of a batch on their way through :func:`decode_items`, once.

    Args:
        items: documents.
        max_bytes: larger ones are not scanned; the compiled twin's shortcut.
        hashing: how their mentions are hashed.
        ahead: begin at once; here it all waits for :func:`decode_items`.
    """

    def __init__(self, items: Sequence[bytes], max_bytes: int, hashing: Hashing, *, ahead: bool = False) -> None:  # noqa: ARG002
        self.items = list(items)
        self.hashing = hashing
        self.used_up = False


def decode_items(
    scan: Scan,
    brand: str | None,
    decode: Callable[[bytes], Any],  # noqa: ARG001 - the compiled twin's shortcut
    slowly: Callable[[bytes, str | None, RowCollector], Chunk],
) -> Decoded:
    """Decode the items of *scan*.

    Args:
        scan: what is to be decoded; it is used up.
        brand: whose they must be, None for anybody's.
        decode: the typed decoder, for documents that have row numbers in the place of rows.
        slowly: decodes any document or raises; its rows go to the collector.

    Returns:
        chunks, their positions among the items, (position, error) of the others, centroids and mentions.
    """
    if scan.used_up:
        raise ValueError("the scan is used up")
    scan.used_up = True
    chunks: list[Chunk] = []
    indices: list[int] = []
    errors: list[tuple[int, InvalidChunkError]] = []
    collected = RowCollector()
    for index, item in enumerate(scan.items):
        try:
            chunks.append(slowly(item, brand, collected))
            indices.append(index)
        except InvalidChunkError as error:
            errors.append((index, error))
    mentions = MentionRows.of(collected.mentions, scan.hashing)
    return chunks, indices, errors, Centroids.of(collected.centroids), mentions
