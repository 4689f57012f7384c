"""Decides once which kernels run: the compiled ones if all of them are there, else their pure twins.

``ORCHESTRATOR_MERGE`` unset: compiled if possible; ``cython``: a failed load is fatal (images, CI);
``python``: the twins. All or none, so that one word tells what is in use. Log, metrics and ``/health`` name it.
"""

from __future__ import annotations

import os
from importlib import import_module
from importlib.util import find_spec
from typing import Literal

COMPILED = (
    "orchestrator._merge",
    "orchestrator.kernels._digests",
    "orchestrator.kernels._entries",
    "orchestrator.kernels._fold",
    "orchestrator.kernels._measure",
    "orchestrator.kernels._scan",
)

IMPLEMENTATION: Literal["cython", "python"] = "python"
"""Which kernels are in use."""

FALLBACK_REASON: str | None = None
"""Why the compiled kernels are not in use although nobody asked for the twins; None if all is well."""

_wanted = os.environ.get("ORCHESTRATOR_MERGE", "")
if _wanted not in {"", "cython", "python"}:
    raise ImportError(f"ORCHESTRATOR_MERGE={_wanted!r}: expected 'cython', 'python' or nothing")

if _wanted != "python":
    # Only the merge kernel is loaded here, because the others import modules that ask this one.
    missing = next((name for name in COMPILED if find_spec(name) is None), None)
    FALLBACK_REASON = None if missing is None else f"No module named {missing!r}"
    try:
        import_module(COMPILED[0])
    except ImportError as error:
        FALLBACK_REASON = str(error)
    if FALLBACK_REASON is None:
        IMPLEMENTATION = "cython"
    elif _wanted == "cython":
        raise ImportError(FALLBACK_REASON)
