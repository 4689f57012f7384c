"""The reader of plain text in use, see :mod:`orchestrator.kernels.choice`: the words of most texts, fast."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.kernels import tokens_py
from orchestrator.kernels.choice import IMPLEMENTATION

if TYPE_CHECKING or IMPLEMENTATION == "python":
    _kernel = tokens_py
else:
    from orchestrator.kernels import _fold as _kernel

PlainText = _kernel.PlainText
