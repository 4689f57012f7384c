"""Which twins there are to test."""

from __future__ import annotations

import importlib.util

from orchestrator.kernels.choice import COMPILED as MODULES

COMPILED = all(importlib.util.find_spec(name) is not None for name in MODULES)
"""Whether the compiled kernels are built here."""


def twins_of(kernel: str) -> list[str]:
    """The modules that implement *kernel* ("merge", "fold" or "scan"), the pure twin first."""
    compiled = [name for name in MODULES if name.endswith(f"._{kernel}")] if COMPILED else []
    return [f"orchestrator.kernels.{kernel}_py", *compiled]
