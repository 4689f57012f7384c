"""Build the kernels with AddressSanitizer and UndefinedBehaviorSanitizer, and fuzz them for a while.

``python -m tests.fuzz [--seconds N] [--seed N] [--plain]``. Needs GCC with its sanitizers; ``--plain`` fuzzes the
kernels that are installed, without any. The build happens in a temporary folder and leaves the tree alone.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click

ROOT = Path(__file__).parents[2]
SANITIZE = "-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer -O1"


def build(target: Path) -> None:
    """Copy what a build needs to *target* and build the kernels there, with sanitizers."""
    for name in ("orchestrator", "tests"):
        shutil.copytree(ROOT / name, target / name, ignore=shutil.ignore_patterns("__pycache__", "*.so", "*.cpp"))
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, target)
    environment = os.environ | {"CFLAGS": SANITIZE, "CXXFLAGS": SANITIZE, "LDFLAGS": SANITIZE}
    command = [sys.executable, "setup.py", "-q", "build_ext", "--inplace"]
    subprocess.run(command, cwd=target, env=environment | {"ORCHESTRATOR_MERGE": "cython"}, check=True)


def sanitized_environment() -> dict[str, str]:
    """What a Python without sanitizers needs to load kernels that have them."""
    runtimes = [
        subprocess.run(["g++", f"-print-file-name={name}"], check=True, capture_output=True, text=True).stdout.strip()
        for name in ("libasan.so", "libubsan.so", "libstdc++.so")
    ]
    return os.environ | {
        "LD_PRELOAD": ":".join(runtimes),
        "ASAN_OPTIONS": "detect_leaks=0:abort_on_error=1",  # CPython leaves much behind at exit
        "UBSAN_OPTIONS": "print_stacktrace=1",
        "PYTHONMALLOC": "malloc",  # each object an allocation of its own, so that its end is guarded
        "ORCHESTRATOR_MERGE": "cython",
    }


@click.command()
@click.option("--seconds", default=60.0, show_default=True)
@click.option("--seed", type=int, help="first seed; by default the time, so that every run sees something new")
@click.option("--plain", is_flag=True, help="fuzz the installed kernels, without sanitizers")
def main(*, seconds: float, seed: int | None, plain: bool) -> None:
    """Compare the compiled kernels with their twins on random input."""
    if not plain:
        with tempfile.TemporaryDirectory() as folder:
            click.echo("building with sanitizers …")
            build(Path(folder))
            arguments = ["--plain", "--seconds", str(seconds), *(["--seed", str(seed)] if seed is not None else [])]
            command = [sys.executable, "-m", "tests.fuzz", *arguments]
            sys.exit(subprocess.run(command, cwd=folder, env=sanitized_environment(), check=False).returncode)
    from tests.fuzz.targets import TARGETS  # noqa: PLC0415 - imports the kernels

    number = first = int(time.time()) if seed is None else seed
    stop = time.monotonic() + seconds
    while time.monotonic() < stop:
        for target in TARGETS.values():
            target(number)
        number += 1
    click.echo(f"{number - first:,} seeds from {first}, no difference and no report")


if __name__ == "__main__":
    main()
