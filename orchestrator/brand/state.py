"""One brand's whole state in memory: the only thing a lane holds between two commits.

Pure: no I/O and no clock; every time is an argument, in Unix milliseconds (Redis TIME).
The result depends only on the sequence of chunks and the times given with them, never on
how batches were cut, on restarts, or on which process did it.
"""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.brand.outputs import Changes, FoldConfig, FoldReport
from orchestrator.contract.decode import ChunkBatch


class BrandState:
    """The fold's state, its outputs and what changed since they were last taken."""

    @classmethod
    def empty(cls, config: FoldConfig) -> BrandState:
        """The state of a brand that never had a chunk."""
        raise NotImplementedError

    @classmethod
    def load(cls, config: FoldConfig, fields: Mapping[bytes, bytes]) -> BrandState:
        """The state that *fields* of the state hash hold (none: the empty one).

        Raises:
            InvalidStateError: a field is damaged or of a foreign format.
        """
        raise NotImplementedError

    def fold(self, batch: ChunkBatch, now_ms: int) -> FoldReport:
        """Fold *batch*, chunk by chunk in its order, as of *now_ms*; advances first."""
        raise NotImplementedError

    def advance(self, now_ms: int) -> None:
        """Let what is too old at *now_ms* leave; idempotent, and time never runs backwards."""
        raise NotImplementedError

    def take_changes(self) -> Changes:
        """Everything to be committed since the last call, and forget that it changed.

        A commit that fails for good leaves state and Redis apart: drop the state and load it again.
        """
        raise NotImplementedError

    def summary(self, brand: str, now_ms: int, epoch: int, version: int) -> bytes:
        """The summary as JSON, as of the later of *now_ms* and the last fold; call :meth:`advance` first."""
        raise NotImplementedError

    def due_ms(self) -> int:
        """When the summary changes next without traffic, Unix ms; 0 = never."""
        raise NotImplementedError
