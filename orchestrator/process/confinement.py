"""How much memory a process may take from now on."""

from __future__ import annotations

import resource
from pathlib import Path


def confine_memory(growth_bytes: int) -> None:
    """Let this process grow by no more than *growth_bytes*, and leave no core.

    Where /proc does not tell what it has, time has to do.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    statm = Path("/proc/self/statm")
    if statm.exists():
        most_bytes = int(statm.read_text().split()[0]) * resource.getpagesize() + growth_bytes
        resource.setrlimit(resource.RLIMIT_AS, (most_bytes, most_bytes))
