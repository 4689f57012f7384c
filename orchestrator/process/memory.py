"""What the process asks of its cyclic collector, of its allocator and of its libraries' threads.

Owns the settings of the process as a whole, each with the measurement that it rests on. Changes no result.
"""

from __future__ import annotations

import ctypes
import gc
import os

_GC_THRESHOLD = 50_000
"""Allocations between two young collections: the default of 700 halves the speed on small chunks."""

_KEPT_BYTES = 32 << 20
"""Freed memory that stays at hand, and the size from which a block is the system's own; four batches are 10 MB."""

# parameters of mallopt(3)
_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3


def limit_threads() -> None:
    """Have no threads for linear algebra, which nothing here uses. Call it before numpy is imported."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def settle() -> None:
    """Everything alive now lives until the end: keep the cyclic collector from walking it again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_GC_THRESHOLD, 20, 20)
    keep_freed_memory()


def keep_freed_memory() -> bool:
    """Let the allocator keep what a batch frees for the next one; whether it can.

    Each batch takes blocks of a megabyte for its items, its segments and its request. glibc gives them back at once,
    and the next batch pays a page fault and 4 KiB of zeroes at a time: a tenth of the time on chunks without centroids.
    Other allocators do not know ``mallopt`` and are left alone.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return all(mallopt(parameter, _KEPT_BYTES) == 1 for parameter in (_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD))
