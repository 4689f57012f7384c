"""Which chunks of a batch are new: by their ids, as far as the brand's ledger of digests goes back.

Owns the ledger: two generations in memory, as the last commit left them in Redis, and with what was folded since. So it
belongs to the state that it was loaded with: whoever drops that state drops it, too, and a fold that is in no commit is
in both. A generation that is full, or old, becomes the older one, and the one before it is forgotten.

A chunk whose id is known is a duplicate. One that says other numbers than the chunk that was counted is a conflict,
too: two chunks have one name, and one of them is not counted.

Pure. Source: ``docs/decisions/0063-digests-in-memory.md``, ``0064-conflicts-are-told.md``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from orchestrator.contract.conflict import Conflict
from orchestrator.contract.decode import ChunkBatch
from orchestrator.contract.digests import (
    ENTRY_BYTES,
    NOTHING_CHECK,
    Digests,
    checked_on,
    entry,
    numbers_of,
)
from orchestrator.errors import WrongSizeError
from orchestrator.store.types import DAY_S, NO_DIGESTS, DigestChange, Remember, StoredDigests


@dataclass(frozen=True, slots=True)
class LedgerLimits:
    """When a generation of digests is full.

    Attributes:
        most: digests per generation; two generations are kept, 16 bytes a digest.
        age_ms: age at which a generation makes room for the next even if it is not full.
    """

    most: int = 100_000
    age_ms: int = 7 * DAY_S * 1000


LEDGER_LIMITS = LedgerLimits()


@dataclass(frozen=True, slots=True)
class NewChunks:
    """The chunks of one batch that will be folded.

    Attributes:
        batch: new chunks only, each chunkId once, in the queue's order.
        duplicates: how many chunks were known already, or stood twice in the batch (the first one counts).
        change: what a commit of the batch has to write of digests; None: nothing.
        conflicts: places in the batch of duplicates whose numbers are not those of the chunk that was counted.
    """

    batch: ChunkBatch
    duplicates: int
    change: DigestChange | None
    conflicts: Sequence[int] = ()


class Ledger:
    """What is remembered of a brand's chunks.

    Args:
        stored: what the last commit left.
        limits: of a generation.

    Raises:
        WrongSizeError: that is not what is there.
    """

    def __init__(self, stored: StoredDigests = NO_DIGESTS, limits: LedgerLimits = LEDGER_LIMITS) -> None:
        self._limits = limits
        self._table = Digests()
        self._begun_ms = stored.begun_ms
        self._conflicts = stored.conflicts
        younger, older = _whole(stored.younger), _whole(stored.older)
        self._checks = checked_on(NOTHING_CHECK, younger), checked_on(NOTHING_CHECK, older)
        noted = stored.younger_check, stored.older_check
        for name, found, left in zip(("younger", "older"), self._checks, noted, strict=True):
            if left is not None and found != left:
                told = f"the {name} generation of digests has the checksum {found}, its last commit left {left}"
                raise WrongSizeError(told, told)
        before = _entries(stored.younger_set), _entries(stored.older_set)
        self._table.load(younger + before[0], older + before[1])
        # After a cut that somebody accepted, the next entry would stand askew.
        self._to_replace = stored.leftover or any(before) or (younger, older) != (stored.younger, stored.older)

    @property
    def held_bytes(self) -> int:
        """Bytes in memory."""
        return self._table.held_bytes

    def take(self, batch: ChunkBatch, now_ms: int) -> NewChunks:
        """Drop from *batch* what was folded before, and remember the rest."""
        chunks = batch.chunks
        numbers = numbers_of(chunks, batch.mentions.counts)
        entries, known, conflicts = self._table.take([chunk.chunk_id for chunk in chunks], numbers)
        change = self.change(entries, now_ms)
        if not known:  # nearly always
            return NewChunks(batch, 0, change)
        dropped = set(known)
        kept = [place for place in range(len(chunks)) if place not in dropped]
        if conflicts:
            change = self._contradicted(change, len(conflicts), chunks[conflicts[-1]].chunk_id, now_ms)
        return NewChunks(batch.keep(kept), len(known), change, conflicts)

    def _contradicted(self, change: DigestChange | None, count: int, newest: str, now_ms: int) -> DigestChange:
        """*change* with *count* conflicts more."""
        self._conflicts += count
        if change is None:
            change = DigestChange(Remember.APPEND, b"", self._begun_ms, *self._checks)
        return replace(change, conflicts=self._conflicts, newest=Conflict(now_ms, newest).encode())

    def change(self, entries: bytes, now_ms: int) -> DigestChange | None:
        """What a commit has to write for *entries*, which were just added; None: nothing."""
        if not (entries or self._to_replace):
            return None
        if not 0 < self._begun_ms <= now_ms:  # nobody knows when, or a clock was wrong: from now on, then
            self._begun_ms = now_ms
        rotates = self._make_room(len(entries) // ENTRY_BYTES, now_ms)
        if self._to_replace:
            self._to_replace = False
            younger, older = self._table.dump()
            self._checks = checked_on(NOTHING_CHECK, younger), checked_on(NOTHING_CHECK, older)
            return DigestChange(Remember.REPLACE, younger, self._begun_ms, *self._checks, older)
        younger_check, older_check = self._checks
        if rotates:
            younger_check, older_check = NOTHING_CHECK, younger_check
        self._checks = checked_on(younger_check, entries), older_check
        how = Remember.ROTATE if rotates else Remember.APPEND
        return DigestChange(how, entries, self._begun_ms, *self._checks)

    def _make_room(self, added: int, now_ms: int) -> bool:
        """Whether the newest *added* digests begin a generation."""
        before = self._table.younger - added
        full = self._table.younger > self._limits.most or now_ms - self._begun_ms > self._limits.age_ms
        if not (full and before and added):
            return False
        self._table.rotate(added)
        self._begun_ms = now_ms
        return True


def _whole(stored: bytes) -> bytes:
    """The whole entries of *stored*."""
    return stored[: len(stored) // ENTRY_BYTES * ENTRY_BYTES]


def _entries(digests: Sequence[bytes] | frozenset[bytes]) -> bytes:
    return b"".join(map(entry, sorted(digests)))
