"""What the process asks of its cyclic collector, of its allocator and of its libraries' threads.

Owns the settings of the process as a whole, each with the measurement that it rests on. Changes no result.
"""

from __future__ import annotations

import ctypes
import gc
import os
from pathlib import Path

_GC_THRESHOLD = 50_000
"""Allocations between two young collections: the default of 700 halves the speed on small chunks."""

_KEPT_BYTES = 32 << 20
"""Freed memory that stays at hand, and the size from which a block is the system's own; four batches are 10 MB."""

_UNLIMITED_BYTES = 1 << 60
"""Version 1 of control groups says "no limit" by a number beyond any machine."""

# parameters of mallopt(3)
_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3


def limit_threads() -> None:
    """Have no threads for linear algebra, which nothing here uses. Call it before numpy is imported."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def collect_rarely() -> None:
    """Look for cycles a seventieth as often. While modules are imported there are none to find.

    Starting the service takes a sixth less processor time by it.
    """
    gc.set_threshold(_GC_THRESHOLD, 20, 20)


def allowed_bytes(root: Path = Path("/")) -> int:
    """How much memory this process may use: that of the machine, or the least limit of its control groups.

    Both versions of control groups are looked at, each from the process's own group upwards, since the limits of all of
    them hold. What cannot be read limits nothing.

    Args:
        root: where ``proc`` and ``sys`` are.
    """
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"), *_group_limits(root)]
    return min(limit for limit in limits if 0 < limit < _UNLIMITED_BYTES)


def _group_limits(root: Path) -> list[int]:
    limits = []
    for line in _read(root / "proc/self/cgroup").splitlines():
        _, _, rest = line.partition(":")
        controllers, _, group = rest.partition(":")
        if not controllers:
            top, name = root / "sys/fs/cgroup", "memory.max"
        elif "memory" in controllers.split(","):
            top, name = root / "sys/fs/cgroup/memory", "memory.limit_in_bytes"
        else:
            continue
        # Within a container the group's path may be the host's, while its own group is mounted at the top.
        own = Path(group.strip("/"))
        for folder in (own, *own.parents):
            text = _read(top / folder / name).strip()
            limits += [int(text)] if text.isdecimal() else []  # else it is "max"
    return limits


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except (OSError, ValueError):
        return ""


def settle() -> None:
    """Everything alive now lives until the end: keep the cyclic collector from walking it again and again."""
    gc.collect()
    gc.freeze()
    collect_rarely()
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
