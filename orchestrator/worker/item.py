"""From a chunk to what stands in its brand's queue: checked, named, and no larger than the service takes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from orchestrator.contract import mending, reasons
from orchestrator.contract.depth import too_deep
from orchestrator.contract.keys import queue_key
from orchestrator.errors import InvalidChunkError
from orchestrator.worker.check import check_chunk
from orchestrator.worker.chunk import Chunk

MAX_CHUNK_BYTES: Final = 8 * 2**20
"""The service's default of ``MAX_CHUNK_BYTES``."""


@dataclass(frozen=True, slots=True)
class Item:
    """A checked chunk: *data* is what RPUSH takes."""

    brand: str
    chunk_id: str
    data: bytes

    @property
    def queue(self) -> str:
        """The key of its queue."""
        return queue_key(self.brand)


def prepare(chunk: Chunk | Mapping[str, Any], *, max_bytes: int = MAX_CHUNK_BYTES) -> Item:
    """Check *chunk*, or a document that is one, and write it down.

    Raises:
        InvalidChunkError: the service would not accept it; path and reason are those of the dead letter that it would
            become, as far as there would be one.
    """
    document = chunk.document() if isinstance(chunk, Chunk) else chunk
    check_chunk(document)
    try:
        text = json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except (ValueError, TypeError, RecursionError) as error:
        raise InvalidChunkError(f"not JSON: {error}") from None
    data = text.encode("utf-8", "surrogatepass")
    if len(data) > max_bytes:
        raise InvalidChunkError(reasons.too_large(len(data), max_bytes))
    if too_deep(data):
        raise mending.too_deep(data)
    return Item(document["brand"], str(document["chunkId"]), data)
