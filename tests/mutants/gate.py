"""Runs mutants: a copy of the tree, the change, the tests that guard it, and who noticed.

Knows neither Lua nor which guards there are. A mutant counts as killed only if a test *failed*. A tree whose tests
could not even be collected is an error of the gate, and so is a test that fails without any mutant.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
COPIED: Final = ("orchestrator", "tests", "bench")
CONTROL_S: Final = 3600.0
"""For the tests without a mutant, which take as long as the machine lets them."""

LEAST_S: Final = 120.0
"""For the tests of one mutant, and longer where the control took long: one that hangs is noticed too."""

PATIENCE: Final = 3.0
"""So many times as long as all tests together took without a mutant, on a machine that may be busier by then."""

_TESTS_FAILED: Final = 1  # exit code of pytest; all others but 0 mean that the tests did not run
_FAILURE: Final = re.compile(r"^(?:FAILED|ERROR) \S+::(\S+)", re.MULTILINE)


class GateError(Exception):
    """Raised when the gate cannot judge: the tests did not run, or fail without a mutant."""


@dataclass(frozen=True)
class Mutant:
    """The tree with one file changed.

    Attributes:
        name: the file and the guard's text, which survive edits elsewhere in the file.
        path: of the file, from the root of the tree.
        text: the whole file without the guard.
        tests: what to run, as arguments for pytest.
        equivalent: why nobody can notice, empty if somebody must.
    """

    name: str
    path: Path
    text: str
    tests: tuple[str, ...]
    equivalent: str = ""


def killer(mutant: Mutant, within_s: float = LEAST_S) -> str:
    """The test that fails with *mutant*; empty if it survives. Tests that have no end *within_s* hang.

    Raises:
        GateError: the tests did not run.
    """
    with _copied() as tree:
        (tree / mutant.path).write_text(mutant.text, encoding="utf-8")
        return first_failure(tree, mutant.tests, within_s)


def check_control(mutants: Iterable[Mutant]) -> float:
    """Run all tests of *mutants* on an unchanged copy: only what passes there can kill.

    Returns:
        seconds within which the tests of a mutant that does not hang end.

    Raises:
        GateError: one fails, or they did not run.
    """
    tests = sorted({test for mutant in mutants for test in mutant.tests})
    started = time.monotonic()
    if tests:
        with _copied() as tree:
            failed = first_failure(tree, tests, CONTROL_S)
        if failed:
            raise GateError(f"{failed} fails without a mutant")
    return LEAST_S + PATIENCE * (time.monotonic() - started)


@contextmanager
def _copied() -> Iterator[Path]:
    """A copy of the tree, compiled kernels included, without what Python compiled."""
    with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
        tree = Path(folder)
        for name in COPIED:
            shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "pyproject.toml", tree)
        yield tree


def first_failure(tree: Path, tests: Sequence[str], within_s: float = LEAST_S) -> str:
    """Run *tests* in *tree* until one fails; its name, or nothing.

    Raises:
        GateError: they did not run.
    """
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests]
    # PYTHONPATH: an installed orchestrator must not be found before the copy.
    environment = os.environ | {"PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        run = subprocess.run(
            command, cwd=tree, env=environment, capture_output=True, text=True, check=False, timeout=within_s
        )
    except subprocess.TimeoutExpired:
        return f"no end within {within_s:.0f} s"
    if run.returncode == 0:
        return ""
    failed = _FAILURE.search(run.stdout)
    if run.returncode != _TESTS_FAILED or failed is None:
        raise GateError(f"the tests did not run: {run.stdout[-2000:]}{run.stderr[-2000:]}")
    return failed.group(1)


def survivors(
    mutants: Sequence[Mutant], *, workers: int, report: bool = True, within_s: float = LEAST_S
) -> list[Mutant]:
    """Those of *mutants* that no test notices, the known equivalent ones left out.

    Raises:
        GateError: it cannot be told.
    """
    alive = []
    with ThreadPoolExecutor(workers) as pool:
        for mutant, killed_by in zip(mutants, pool.map(partial(killer, within_s=within_s), mutants), strict=True):
            if report:
                fate = f"killed by {killed_by}" if killed_by else "equivalent" if mutant.equivalent else "SURVIVED"
                print(f"{fate:78.78}  {mutant.name}", flush=True)  # noqa: T201 - a program's output
            if not killed_by and not mutant.equivalent:
                alive.append(mutant)
    return alive
