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

    except ImportError as error:
        FALLBACK_REASON = str(error)
    else:
        # All or none, so that one word tells what is in use. Only looked for: the others import this module.
        _missing = [name for name in ("orchestrator._fold", "orchestrator._splice") if find_spec(name) is None]
        FALLBACK_REASON = f"No module named {_missing[0]!r}" if _missing else None
        _kernel = _merge_py if _missing else _compiled
    if _wanted == "cython" and FALLBACK_REASON is not None:
        raise ImportError(FALLBACK_REASON)

IMPLEMENTATION: str = _kernel.IMPLEMENTATION

if TYPE_CHECKING:
    from orchestrator._merge_py import StoryIndex, reduce_sentiment
else:
    StoryIndex = _kernel.StoryIndex
    reduce_sentiment = _kernel.reduce_sentiment
