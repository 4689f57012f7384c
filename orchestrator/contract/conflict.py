"""What is told of digests without having any: how large an entry is, and the newest chunk that contradicted another.

Apart from :mod:`orchestrator.contract.digests`, which loads a kernel: commands that only look need none.
"""

from __future__ import annotations

from typing import NamedTuple

from orchestrator.kernels.digests_py import ENTRY_BYTES

__all__ = ["ENTRY_BYTES", "MOST_ID_CHARS", "Conflict"]

MOST_ID_CHARS = 128
"""Of a chunkId, where it is told; it may have 512."""


class Conflict(NamedTuple):
    """A chunk that came with the id of another one and other numbers.

    Attributes:
        at_ms: when it was met, Unix ms.
        chunk_id: its id, at most :data:`MOST_ID_CHARS` of it.
    """

    at_ms: int
    chunk_id: str

    def encode(self) -> bytes:
        """As ``meta`` has it."""
        return f"{self.at_ms} {self.chunk_id[:MOST_ID_CHARS]}".encode()

    @classmethod
    def read(cls, stored: bytes) -> Conflict | None:
        """The one that *stored* tells; None: none of ours wrote that."""
        at, _, name = stored.partition(b" ")
        if not (at.isdigit() and len(at) <= _MOST_DIGITS and name):
            return None
        return cls(int(at), name.decode(errors="replace")[:MOST_ID_CHARS])


_MOST_DIGITS = 15
