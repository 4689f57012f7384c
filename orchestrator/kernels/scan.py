"""The scan kernel in use, see :mod:`orchestrator.kernels.choice`: from documents to chunks and rows of numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.kernels import scan_py
from orchestrator.kernels.choice import IMPLEMENTATION

if TYPE_CHECKING or IMPLEMENTATION == "python":
    _kernel = scan_py
else:
    from orchestrator.kernels import _scan as _kernel

Scan = _kernel.Scan
decode_items = _kernel.decode_items
