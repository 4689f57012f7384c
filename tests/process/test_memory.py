"""The settings of the process: they are made, and in a process of their own so that the tests keep theirs."""

from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.process import memory


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


def test_every_start_collects_rarely() -> None:
    """Before the first command's modules are imported: there are hundreds of them, and no cycle to be found."""
    code = "import gc; from orchestrator.cli import program; program.program = lambda **_: print(gc.get_threshold()[0])"
    assert answers_of(f"{code}; program.main()") == ["50000"]


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


def machine(root: Path, cgroup: str, limits: dict[str, str]) -> Path:
    """A machine whose process is in *cgroup*, with files of *limits* below sys/fs/cgroup."""
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/self/cgroup").write_text(cgroup)
    for name, text in limits.items():
        path = root / "sys/fs/cgroup" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_allowed_bytes_without_groups_are_the_machines(tmp_path: Path) -> None:
    """Where nothing can be read, nothing is limited but by what there is."""
    assert memory.allowed_bytes(tmp_path) == memory.allowed_bytes(machine(tmp_path, "0::/\n", {"memory.max": "max\n"}))
    assert memory.allowed_bytes(tmp_path) > 100 << 20


@pytest.mark.parametrize(
    ("cgroup", "limits"),
    [
        ("0::/\n", {"memory.max": "1048576\n"}),
        ("0::/a/b\n", {"a/b/memory.max": "max\n", "a/memory.max": "1048576\n", "memory.max": "2097152\n"}),
        ("0::/docker/4711\n", {"memory.max": "1048576\n"}),
        ("4:cpu:/x\n3:memory,hugetlb:/x\n", {"memory/x/memory.limit_in_bytes": "1048576\n"}),
        ("3:memory:/x\n", {"memory/memory.limit_in_bytes": "1048576\n"}),
    ],
    ids=["v2", "v2 parent", "v2 container", "v1", "v1 container"],
)
def test_allowed_bytes_are_the_least_limit_of_the_groups(tmp_path: Path, cgroup: str, limits: dict[str, str]) -> None:
    """Both versions, the own group and those above it, and a container that sees its own group at the top."""
    assert memory.allowed_bytes(machine(tmp_path, cgroup, limits)) == 1 << 20


@pytest.mark.parametrize("text", ["9223372036854771712\n", "0\n", "-1\n", "", "much\n", "\u0661\n"])
def test_allowed_bytes_take_no_limit_that_is_none(tmp_path: Path, text: str) -> None:
    """Version 1 says "no limit" by a huge number; what is no number limits nothing."""
    root = machine(tmp_path, "3:memory:/\nnonsense\n", {"memory/memory.limit_in_bytes": text})
    assert memory.allowed_bytes(root) == memory.allowed_bytes(tmp_path / "none")
