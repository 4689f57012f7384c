"""The hashes of texts in use, see :mod:`orchestrator.kernels.choice`; the compiled ones live in the fold kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.kernels.choice import IMPLEMENTATION

__all__ = ["hash_text", "under_key", "unkeyed_hash"]

if TYPE_CHECKING or IMPLEMENTATION == "python":
    from orchestrator.kernels.hashing_py import hash_text, under_key, unkeyed_hash
else:
    from orchestrator.kernels._fold import hash_text, under_key, unkeyed_hash
