"""``python -m tests.lane.memory_probe URL BRAND``: drain a queue like a lane would, and tell what memory that took.

A process of its own: the tests' own memory must not hide what is measured. Prints JSON: by how many bytes the process
grew at its largest beyond what it had before the queue was read, and how many items each batch had.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from orchestrator.brand.outputs import FoldConfig
from orchestrator.contract.decode import Limits
from orchestrator.lane.session import BrandSession
from orchestrator.lane.session_config import SessionConfig
from orchestrator.process import memory
from orchestrator.store import Store, connect

_STATUS = Path("/proc/self/status")


def _kilobytes(name: str) -> int:
    (line,) = [line for line in _STATUS.read_text().splitlines() if line.startswith(name)]
    return int(line.split()[1])


def main() -> None:
    """Drain the queue of the brand that the command line names."""
    url, brand = sys.argv[1:]
    session = BrandSession(
        Store(connect(url, timeout_s=60.0, pool_size=4)), SessionConfig("probe", FoldConfig(), Limits()), brand
    )
    session.open()
    memory.settle()
    before = _kilobytes("VmRSS:")
    items = []
    while not (step := session.step(fold_ahead=True)).idle:
        items.append(step.items)
    session.release()
    print(json.dumps({"grown": (_kilobytes("VmHWM:") - before) * 1024, "items": items}))  # noqa: T201 - its answer


if __name__ == "__main__":
    main()
