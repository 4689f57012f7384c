"""What became of each item of a batch, as the archive is told.

Pure: what was decoded, and what the ledger of digests said, are arguments.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.contract.consumed import Fate, runs

if TYPE_CHECKING:
    from collections.abc import Collection

    from orchestrator.contract.decode import ChunkBatch
    from orchestrator.lane.duplicates import NewChunks


def told_fates(count: int, chunks: ChunkBatch, new: NewChunks, letters: Collection[int]) -> str:
    """What :func:`fates_of` says, as runs."""
    if len(new.batch.indices) == count:  # nearly always
        return ""
    return runs(fates_of(count, chunks, new, letters))


def fates_of(count: int, chunks: ChunkBatch, new: NewChunks, letters: Collection[int]) -> list[Fate]:
    """What becomes of each of *count* items: of *chunks*, as decoded, *new* are folded; *letters* are refused."""
    found = became(chunks, new)
    return [Fate.DEAD_LETTER if place in letters else Fate(found[place]) for place in range(count)]


def became(chunks: ChunkBatch, new: NewChunks) -> dict[int, str]:
    """What becomes of each item of *chunks*, by its place; what is refused here says why."""
    folded = set(new.batch.indices)
    conflicts = {chunks.indices[place] for place in new.conflicts}
    fates: dict[int, str] = {
        place: Fate.FOLDED if place in folded else Fate.CONFLICT if place in conflicts else Fate.DUPLICATE
        for place in chunks.indices
    }
    return fates | {rejected.index: f"refused: {rejected.path}: {rejected.reason}" for rejected in chunks.rejected}
