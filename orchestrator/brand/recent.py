"""The entries for readers of recent chunks: one a chunk, bounded whatever the chunk holds.

They are not part of the state: a commit appends those of its own chunks to a list in Redis, which is cut to the
newest. So more than the newest :data:`MAX_RECENT` are never made.

Source: the design's ``chunks:recent:brand:<brand>``, laid out in :mod:`orchestrator.contract.insights`; how an entry is
written is the business of :mod:`orchestrator.kernels.entries_py`.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from orchestrator.brand.text import clip
from orchestrator.contract.insights import MAX_RECENT
from orchestrator.contract.times import iso_utc
from orchestrator.kernels.entries import encode_entry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.contract.chunk import Chunk


class RecentChunks:
    """The newest chunks that no commit has told of yet, oldest first."""

    def __init__(self) -> None:
        self._chunks: deque[tuple[Chunk, int, int, list[int]]] = deque(maxlen=MAX_RECENT)

    def fold(self, chunks: Sequence[Chunk], times: Sequence[int], mentions: Sequence[int], counts: list[int]) -> None:
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
        entries = [
            encode_entry(chunk, iso_utc(at_ms), size, counts, clip) for chunk, at_ms, size, counts in self._chunks
        ]
        self._chunks.clear()
        return entries
