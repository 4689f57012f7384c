"""The measure kernel in use, see :mod:`orchestrator.kernels.choice`: sizes of chunks, sums of their sentiment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.kernels import measure_py
from orchestrator.kernels.choice import IMPLEMENTATION

if TYPE_CHECKING or IMPLEMENTATION == "python":
    _kernel = measure_py
else:
    from orchestrator.kernels import _measure as _kernel

FIXED_ONE = measure_py.FIXED_ONE
RATED_EXTRA = measure_py.RATED_EXTRA
SHARE_TOLERANCE = measure_py.SHARE_TOLERANCE
measure_chunks = _kernel.measure_chunks
reduce_sentiment = _kernel.reduce_sentiment
