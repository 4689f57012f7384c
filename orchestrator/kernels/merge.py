"""The merge kernel in use, see :mod:`orchestrator.kernels.choice`: the story of a cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.kernels import merge_py
from orchestrator.kernels.choice import IMPLEMENTATION

if TYPE_CHECKING or IMPLEMENTATION == "python":
    _kernel = merge_py
else:
    from orchestrator import _merge as _kernel

FIRST_RENEWAL = merge_py.FIRST_RENEWAL
GRID = merge_py.GRID
MAX_WORDS = merge_py.MAX_WORDS
NOBODY = merge_py.NOBODY
StoryIndex = _kernel.StoryIndex
