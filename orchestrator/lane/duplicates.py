"""Which chunks of a batch are new: by their ids, as far as Redis remembers them.

Pure; whether a digest is known to Redis is an argument.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

from orchestrator.contract.decode import ChunkBatch

DIGEST_BYTES = 12
"""2**96 values: among a million remembered chunkIds a false duplicate has odds of 1 in 10**17."""


def digest(chunk_id: str) -> bytes:
    """What is remembered of a chunkId, so that any id costs the same."""
    return blake2b(chunk_id.encode(), digest_size=DIGEST_BYTES).digest()


@dataclass(frozen=True, slots=True)
class NewChunks:
    """The chunks of one batch that will be folded.

    Attributes:
        batch: new chunks only, each chunkId once, in the queue's order.
        digests: theirs, in the same order.
        duplicates: how many chunks were known already, or stood twice in the batch (the first one counts).
    """

    batch: ChunkBatch
    digests: list[bytes]
    duplicates: int


def drop_known(batch: ChunkBatch, digests: Sequence[bytes], known: Sequence[bool]) -> NewChunks:
    """Drop from *batch* what was folded before.

    Args:
        batch: decoded chunks.
        digests: of the batch's chunkIds, in order.
        known: whether each of them was folded before.
    """
    if len(known) != len(digests):
        raise ValueError(f"{len(known)} answers about {len(digests)} digests")
    if True not in known and len(set(digests)) == len(digests):  # nearly always
        return NewChunks(batch, list(digests), 0)
    fresh: dict[bytes, int] = {}
    for position, (key, is_known) in enumerate(zip(digests, known, strict=True)):
        if not is_known:
            fresh.setdefault(key, position)
    return NewChunks(batch.keep(list(fresh.values())), list(fresh), len(digests) - len(fresh))
