"""Selects the merge kernel: the compiled one if it loads, else its pure twin.

``ORCHESTRATOR_MERGE`` unset: compiled if possible; ``cython``: a failed load is fatal (images, CI);
``python``: the twin. ``IMPLEMENTATION`` and ``FALLBACK_REASON`` go to the log, the metrics and ``/health``.
"""

from __future__ import annotations

import os
from importlib.util import find_spec
from typing import TYPE_CHECKING

from orchestrator import _merge_py
from orchestrator._merge_py import FIXED_ONE, GRID, MAX_WORDS, NOBODY, SHARE_TOLERANCE

if TYPE_CHECKING:
    from types import ModuleType

__all__ = [
    "FALLBACK_REASON",
    "FIXED_ONE",
    "GRID",
    "IMPLEMENTATION",
    "MAX_WORDS",
    "NOBODY",
    "SHARE_TOLERANCE",
    "StoryIndex",
    "reduce_sentiment",
]

FALLBACK_REASON: str | None = None
"""Why the compiled kernel is not in use although nobody asked for the twin; None if all is well."""

_wanted = os.environ.get("ORCHESTRATOR_MERGE", "")
if _wanted not in {"", "cython", "python"}:
    raise ImportError(f"ORCHESTRATOR_MERGE={_wanted!r}: expected 'cython', 'python' or nothing")

_kernel: ModuleType = _merge_py
if _wanted != "python":
    try:
        from orchestrator import _merge as _compiled

        # All or none, so that one word tells what is in use. Only looked for: they import this module.
        for _name in ("orchestrator._fold", "orchestrator._splice"):
            if find_spec(_name) is None:
                raise ImportError(f"No module named {_name!r}", name=_name)
    except ImportError as error:
        if _wanted == "cython":
            raise
        FALLBACK_REASON = str(error)
    else:
        _kernel = _compiled

IMPLEMENTATION: str = _kernel.IMPLEMENTATION

if TYPE_CHECKING:
    from orchestrator._merge_py import StoryIndex, reduce_sentiment
else:
    StoryIndex = _kernel.StoryIndex
    reduce_sentiment = _kernel.reduce_sentiment
