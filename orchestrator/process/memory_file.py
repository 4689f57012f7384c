"""A file in memory, to hand a process what it is told: nobody has to feed it while it runs or dies."""

from __future__ import annotations

import contextlib
import os
import tempfile
from typing import IO


def memory_file(name: str) -> IO[bytes]:
    """A file in memory where the kernel has such: a read-only container may have no place for another one."""
    if hasattr(os, "memfd_create"):
        with contextlib.suppress(OSError):  # a sandbox may forbid the call
            return os.fdopen(os.memfd_create(name), "w+b")
    return tempfile.TemporaryFile()
