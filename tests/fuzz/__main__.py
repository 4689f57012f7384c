"""Fuzz the kernels for a while, under AddressSanitizer and UndefinedBehaviorSanitizer.

``python -m tests.fuzz [PART ...] [--seconds N] [--seed N] [--plain]``; all parts share the time:

* ``twins`` compares the compiled kernels with their twins on random input. The build happens in a temporary folder and
  leaves the tree alone; ``--plain`` takes the kernels that are installed, without sanitizers.
* ``guided`` lets libFuzzer search for a document that the scanner errs on (:mod:`tests.fuzz.guided`).

A part whose compiler is missing is named at the end as not run; that is a failure only if it was asked for by name.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

import click

from tests.fuzz import guided

ROOT = Path(__file__).parents[2]
SANITIZE = "-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer -O1"


class Part(NamedTuple):
    """One part of the run: *run* takes seconds and seed and says what was done, or None for a failure."""

    run: Callable[[float, int], str | None]
    is_possible: Callable[[], bool]
    needs: str


def build(target: Path) -> None:
    """Copy what a build needs to *target* and build the kernels there, with sanitizers."""
    for name in ("orchestrator", "tests"):
        shutil.copytree(ROOT / name, target / name, ignore=shutil.ignore_patterns("__pycache__", "*.so", "*.cpp"))
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, target)
    # its runtimes are those of GCC, see sanitized_environment()
    compiler = {"CC": "gcc", "CXX": "g++", "CFLAGS": SANITIZE, "CXXFLAGS": SANITIZE, "LDFLAGS": SANITIZE}
    command = [sys.executable, "setup.py", "-q", "build_ext", "--inplace"]
    subprocess.run(command, cwd=target, env=os.environ | compiler | {"ORCHESTRATOR_MERGE": "cython"}, check=True)


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


def compare_sanitized(seconds: float, seed: int) -> str | None:
    """Compare the kernels with their twins in a process whose kernels have sanitizers."""
    with tempfile.TemporaryDirectory() as folder:
        build(Path(folder))
        command = [sys.executable, "-m", "tests.fuzz", "--plain", "--seconds", str(seconds), "--seed", str(seed)]
        run = subprocess.run(
            command, cwd=folder, env=sanitized_environment(), stdout=subprocess.PIPE, text=True, check=False
        )
    return run.stdout.strip() if run.returncode == 0 else None


def compare(seconds: float, seed: int) -> str:
    """Compare the kernels with their twins; a difference is raised."""
    from tests.fuzz.targets import TARGETS  # noqa: PLC0415 - imports the kernels

    number = seed
    stop = time.monotonic() + seconds
    while time.monotonic() < stop:
        for target in TARGETS.values():
            target(number)
        number += 1
    return f"{number - seed:,} seeds from {seed}, no difference and no report"


PARTS: Final = {
    "twins": Part(compare_sanitized, lambda: shutil.which("g++") is not None, "g++ with its sanitizers (Debian: g++)"),
    "guided": Part(guided.search, guided.is_possible, "clang++ with libFuzzer (Debian: clang libclang-rt-14-dev)"),
}


@click.command()
@click.argument("parts", nargs=-1, type=click.Choice(list(PARTS)))
@click.option("--seconds", default=120.0, show_default=True, help="for all parts together")
@click.option("--seed", type=int, help="first seed; by default the time, so that every run sees something new")
@click.option("--plain", is_flag=True, help="only compare the installed kernels with their twins")
def main(*, parts: tuple[str, ...], seconds: float, seed: int | None, plain: bool) -> None:
    """Fuzz the kernels in every way, or in those that are named."""
    seed = int(time.time()) if seed is None else seed
    if plain:
        click.echo(compare(seconds, seed))
        return
    chosen = parts or tuple(PARTS)
    failed, missing = [], []
    for name in chosen:
        if not PARTS[name].is_possible():
            missing.append(name)
            continue
        outcome = PARTS[name].run(seconds / len(chosen), seed)
        click.echo(f"{name}: {outcome or 'FAILED'}")
        failed += [] if outcome else [name]
    for name in missing:
        click.secho(f"NOT RUN: {name}, for want of {PARTS[name].needs}", fg="red", bold=True, err=True)
    sys.exit(bool(failed or (parts and missing)))


if __name__ == "__main__":
    main()
