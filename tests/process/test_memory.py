"""The settings of the process: they are made, and in a process of their own so that the tests keep theirs."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest


def answers_of(code: str) -> list[str]:
    """What *code* prints in a new process."""
    result = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return result.stdout.split()


def test_settle_freezes_what_is_alive_and_collects_rarely() -> None:
    """After settling, what was alive is out of the collector's sight and young collections are rare."""
    code = (
        "import gc; from orchestrator.process import memory; memory.settle();"
        "print(gc.get_freeze_count() > 1000, gc.get_threshold()[0] >= 10_000)"
    )
    assert answers_of(code) == ["True", "True"]


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc knows mallopt")
def test_keep_freed_memory_is_understood_by_glibc() -> None:
    """What a batch of eight blocks frees is at hand for the next one: a fraction of the page faults of the first."""
    code = (
        "import resource; from orchestrator.process import memory; print(memory.keep_freed_memory())\n"
        "def faults():\n"
        "    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt\n"
        "    blocks = [b'x' * (2 << 20) for _ in range(8)]\n"
        "    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before\n"
        "first = faults(); print(faults() * 4 < first)"
    )
    assert answers_of(code) == ["True", "True"]


def test_limit_threads_leaves_one_for_linear_algebra() -> None:
    """Nothing here uses linear algebra, so importing numpy starts no thread."""
    code = (
        "from orchestrator.process import memory; memory.limit_threads(); import os, numpy;"
        "tasks = '/proc/self/task'; print(len(os.listdir(tasks)) if os.path.exists(tasks) else 1)"
    )
    assert answers_of(code) == ["1"]
