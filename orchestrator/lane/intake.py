"""From peeked items to what is folded: which chunks are new, which are known, which are no chunks.

Pure but for a look at the clock that times it; whether a digest is known to Redis is an argument.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from time import perf_counter
from typing import TYPE_CHECKING

from orchestrator.contract.dead_letter import DeadLetter
from orchestrator.contract.decode import ChunkBatch, Limits, Rejected, decode_scan

if TYPE_CHECKING:
    from orchestrator.kernels.scan_py import Scan

DIGEST_BYTES = 12
"""2**96 values: among a million remembered chunkIds a false duplicate has odds of 1 in 10**17."""


def digest(chunk_id: str) -> bytes:
    """What is remembered of a chunkId, so that any id costs the same."""
    return blake2b(chunk_id.encode(), digest_size=DIGEST_BYTES).digest()


@dataclass(slots=True)
class Reading:
    """A batch as it was decoded, before it is decided what of it is new.

    Attributes:
        items: as they were read.
        batch: every chunk among them.
        digests: of their ids, in the same order.
        read_s: seconds that this took.
        seen: what Redis remembers of the digests; None until it was asked.
    """

    items: list[bytes]
    batch: ChunkBatch
    digests: list[bytes]
    read_s: float
    seen: Sequence[bool] | None = None


def read(scan: Scan, brand: str, limits: Limits) -> Reading:
    """Decode what was scanned; never raises for what is in it."""
    started_s = perf_counter()
    batch = decode_scan(scan, brand, limits)
    digests = [digest(chunk.chunk_id) for chunk in batch.chunks]
    return Reading(scan.items, batch, digests, perf_counter() - started_s)


@dataclass(frozen=True, slots=True)
class Intake:
    """The chunks of one batch that will be folded.

    Attributes:
        batch: new chunks only, each chunkId once, in the queue's order.
        digests: theirs, in the same order.
        duplicates: how many chunks were known already, or stood twice in the batch (the first one counts).
    """

    batch: ChunkBatch
    digests: list[bytes]
    duplicates: int


def admit(batch: ChunkBatch, digests: Sequence[bytes], seen: Sequence[bool]) -> Intake:
    """Drop from *batch* what was folded before.

    Args:
        batch: decoded chunks.
        digests: of the batch's chunkIds, in order.
        seen: whether Redis remembers each of them.
    """
    if len(seen) != len(digests):
        raise ValueError(f"{len(seen)} answers about {len(digests)} digests")
    if True not in seen and len(set(digests)) == len(digests):  # nearly always
        return Intake(batch, list(digests), 0)
    fresh: dict[bytes, int] = {}
    for position, (key, known) in enumerate(zip(digests, seen, strict=True)):
        if not known:
            fresh.setdefault(key, position)
    return Intake(batch.keep(list(fresh.values())), list(fresh), len(digests) - len(fresh))


def dead_letters(
    items: Sequence[bytes], rejected: Sequence[Rejected], *, brand: str, now_ms: int, orchestrator_id: str
) -> list[bytes]:
    """The entries for ``failed:brand:<brand>``, one for each rejected item, as JSON."""
    return [
        DeadLetter.of(
            items[reject.index],
            brand=brand,
            reason=reject.reason,
            path=reject.path,
            now_ms=now_ms,
            orchestrator_id=orchestrator_id,
        ).encode()
        for reject in rejected
    ]
