"""The entries kernel in use, see :mod:`orchestrator.kernels.choice`: what readers of recent chunks get of one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.kernels import entries_py
from orchestrator.kernels.choice import IMPLEMENTATION

if TYPE_CHECKING or IMPLEMENTATION == "python":
    _kernel = entries_py
else:
    from orchestrator.kernels import _entries as _kernel

MAX_CLUSTERS = entries_py.MAX_CLUSTERS
SUMMARY_CHARS = entries_py.SUMMARY_CHARS
encode_entry = _kernel.encode_entry
