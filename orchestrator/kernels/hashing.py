"""The hash of texts in use, see :mod:`orchestrator.kernels.choice`; the compiled one lives in the fold kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.kernels.choice import IMPLEMENTATION

__all__ = ["hash_text"]

if TYPE_CHECKING or IMPLEMENTATION == "python":
    from orchestrator.kernels.hashing_py import hash_text
else:
    from orchestrator.kernels._fold import hash_text
