"""Selects the splice kernel as :mod:`orchestrator.merge` selects its own: compiled if that is, else the pure twin."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator import _splice_py, merge

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

__all__ = ["Scan", "decode_items"]

_kernel: ModuleType = _splice_py
if merge.IMPLEMENTATION == "cython":
    from orchestrator import _splice as _compiled

    _kernel = _compiled

Scan: Callable[..., _splice_py.Scan] = _kernel.Scan
decode_items: Callable[..., _splice_py.Decoded] = _kernel.decode_items
