"""The digests kernel in use, see :mod:`orchestrator.kernels.choice`: what is remembered of chunkIds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.kernels import digests_py
from orchestrator.kernels.choice import IMPLEMENTATION

__all__ = ["DIGEST_BYTES", "ENTRY_BYTES", "Digests", "digest", "numbers_of"]

DIGEST_BYTES = digests_py.DIGEST_BYTES
ENTRY_BYTES = digests_py.ENTRY_BYTES

if TYPE_CHECKING or IMPLEMENTATION == "python":
    from orchestrator.kernels.digests_py import Digests, digest, numbers_of
else:
    from orchestrator.kernels._digests import Digests, digest, numbers_of
