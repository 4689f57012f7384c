"""The CRC-32 in use, see :mod:`orchestrator.kernels.choice`: zlib's, or a faster one that lives in the fold kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.kernels.choice import IMPLEMENTATION

__all__ = ["crc32"]

if TYPE_CHECKING or IMPLEMENTATION == "python":
    from zlib import crc32
else:
    from orchestrator.kernels._fold import crc32
