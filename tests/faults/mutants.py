"""The mutation gate: every line of the Lua files that can be taken away is taken away, and some test must notice.

A mutant is the package with one statement of one script missing. It runs in a copy of the tree, so that nothing in the
real one is touched. Usage: ``python -m tests.faults.mutants [NAME ...]``; without names all of them.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
LUA = Path("orchestrator/store/lua")
SUITES = ("tests/store/test_store.py", "tests/faults/test_schedules.py")
WORKERS = 2

# One statement on a line of its own: a guard, a call of Redis, or a section written.
_REMOVABLE = re.compile(
    r"^\s*(if .* then .* end|redis\.p?call\(.*\)|write\(.*\)|if wrong then return wrong end)\s*(--.*)?$"
)
_BLOCK_GUARD = re.compile(r"^\s*return \{ '(?!OK)[A-Z]+'")

EQUIVALENT = {
    "commit.lua: redis.pcall('UNLINK', seen1)": "RENAME frees the old generation as well, only not in the background",
}
"""Lines whose absence cannot be seen in any answer or key, and why they stand there."""


@dataclass(frozen=True)
class Mutant:
    """One script without one of its lines."""

    file: str
    number: int
    line: str

    @property
    def name(self) -> str:
        """File and the line's text, which survive other edits."""
        return f"{self.file}: {self.line}"


def mutants() -> list[Mutant]:
    """Every mutant, by reading the scripts."""
    found = []
    for path in sorted((ROOT / LUA).glob("*.lua")):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines()):
            text = line.partition(" --")[0].strip()
            if _REMOVABLE.match(line) or _BLOCK_GUARD.match(line):
                found.append(Mutant(path.name, number, text))
    return found


def kills(mutant: Mutant) -> str:
    """The test that fails with *mutant*; empty if it survives."""
    with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
        tree = Path(folder)
        for name in ("orchestrator", "tests"):
            shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "pyproject.toml", tree)
        path = tree / LUA / mutant.file
        lines = path.read_text(encoding="utf-8").splitlines()
        lines[mutant.number] = ""
        path.write_text("\n".join(lines), encoding="utf-8")
        return first_failure(tree)


def first_failure(tree: Path) -> str:
    """Run the suites in *tree* until one test fails; its name, or nothing."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *SUITES]
    environment = os.environ | {"PYTHONPATH": str(tree)}
    run = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, check=False, timeout=300)
    if run.returncode == 0:
        return ""
    failed = re.search(r"^(?:FAILED|ERROR) \S+::(\S+)", run.stdout, re.MULTILINE)
    assert failed, run.stdout[-2000:] + run.stderr[-2000:]
    return failed.group(1)


def survivors(chosen: list[Mutant], report: bool = True) -> list[Mutant]:  # noqa: FBT001, FBT002
    """Those of *chosen* that no test notices, the known equivalent ones left out."""
    alive = []
    with ThreadPoolExecutor(WORKERS) as pool:
        for mutant, killer in zip(chosen, pool.map(kills, chosen), strict=True):
            if report:
                print(f"{'killed by ' + killer if killer else 'SURVIVED':70.70}  {mutant.name}", flush=True)  # noqa: T201
            if not killer and mutant.name not in EQUIVALENT:
                alive.append(mutant)
    return alive


def main() -> None:
    """Run the gate; exit with 1 if a mutant survives."""
    wanted = sys.argv[1:]
    chosen = [mutant for mutant in mutants() if not wanted or any(word in mutant.name for word in wanted)]
    alive = survivors(chosen)
    print(f"{len(chosen)} mutants, {len(alive)} survivors")  # noqa: T201
    sys.exit(bool(alive))


if __name__ == "__main__":
    main()
