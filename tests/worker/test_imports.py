"""What a worker has to install for :mod:`orchestrator.worker`: nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

SCRIPT = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
from orchestrator.worker import AsyncPusher, Chunk, Cluster, Pusher, Sentiment, prepare
print(prepare(Chunk(brand="b", sentiment=Sentiment(score=1), clusters=[Cluster(mentions=["m"], centroid=[0.5])],
                    processed_at=0)).chunk_id)
print(*sorted(name.partition(".")[0] for name in sys.modules if name.partition(".")[0] not in sys.stdlib_module_names))
"""


def test_worker_needs_the_standard_library_alone() -> None:
    """Without any installed package it builds, names and checks a chunk, and it brings no module but the project's."""
    command = [sys.executable, "-S", "-E", "-s", "-c", SCRIPT]
    name, modules = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    assert name.startswith("c1-")
    assert set(modules.split()) <= {"__main__", "orchestrator"}
