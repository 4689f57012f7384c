"""Selects the merge kernel: the compiled one if it loads, else its pure twin.

``ORCHESTRATOR_MERGE`` unset: compiled if possible; ``cython``: a failed load is fatal (images, CI);
``python``: the twin. ``IMPLEMENTATION`` and ``FALLBACK_REASON`` go to the log, the metrics and ``/health``.
"""

from __future__ import annotations

import os
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
    "Account",
    "MentionIds",
    "Mentions",
    "StoryIndex",
    "hash_text",
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
        from orchestrator import _splice  # noqa: F401 - both or neither, so that one word tells what is in use
    except ImportError as error:
        if _wanted == "cython":
            raise
        FALLBACK_REASON = str(error)
    else:
        _kernel = _compiled

IMPLEMENTATION: str = _kernel.IMPLEMENTATION

if TYPE_CHECKING:
    from orchestrator._merge_py import Account, MentionIds, Mentions, StoryIndex, hash_text, reduce_sentiment
else:
    Account = _kernel.Account
    MentionIds = _kernel.MentionIds
    StoryIndex = _kernel.StoryIndex
    Mentions = _kernel.Mentions
    hash_text = _kernel.hash_text
    reduce_sentiment = _kernel.reduce_sentiment
