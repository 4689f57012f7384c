"""The gate must be able to fail: survivors are told, and what cannot be judged is no kill."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from tests.mutants import gate
from tests.mutants.gate import COPIED, ROOT, GateError, Mutant, check_control, first_failure, killer, survivors
from tests.mutants.guard import Guard
from tests.mutants.guards import GUARDS, python_mutants
from tests.mutants.lua import EQUIVALENT, lua_mutants

if TYPE_CHECKING:
    from pathlib import Path

SOURCE = "def larger(value: int) -> bool:\n    return value > 3\n"
TEST = "from orchestrator.guard import larger\n\ndef test_it() -> None:\n    assert larger(4)\n"


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small tree with one module and one test of it, in place of the real one."""
    for name, text in (("orchestrator/guard.py", SOURCE), ("tests/test_guard.py", TEST)):
        path = tmp_path / name
        path.parent.mkdir()
        (path.parent / "__init__.py").touch()
        path.write_text(text)
    for name in COPIED:
        (tmp_path / name).mkdir(exist_ok=True)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    monkeypatch.setattr(gate, "ROOT", tmp_path)
    return tmp_path


def _mutant(tree: Path, instead: str) -> Mutant:
    return Guard("orchestrator/guard.py", "value > 3", instead, "tests/test_guard.py").mutant(tree)


def test_killer_names_the_test_that_notices(tree: Path) -> None:
    """The change is made in a copy: the tree itself keeps its guard."""
    assert killer(_mutant(tree, "value > 4")) == "test_it"
    assert (tree / "orchestrator/guard.py").read_text() == SOURCE


def test_survivors_are_those_that_no_test_notices(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One killed, one alive, one that nobody can notice; each with its line of the report."""
    killed, alive = _mutant(tree, "value > 4"), _mutant(tree, "value > 2")
    equivalent = Mutant("other", alive.path, alive.text, alive.tests, equivalent="the same for whole numbers")
    assert survivors([killed, alive, equivalent], workers=1) == [alive]
    words = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert words == ["killed", "SURVIVED", "equivalent"]


def test_a_mutant_that_cannot_be_imported_is_no_kill(tree: Path) -> None:
    """Its tests were never run."""
    with pytest.raises(GateError, match="did not run"):
        killer(_mutant(tree, "value > 3\nraise RuntimeError"))


def test_a_mutant_that_hangs_is_killed_and_a_slow_machine_kills_none(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """How long is too long is measured by the same tests without a mutant."""
    mutant = _mutant(tree, "value > 2")
    monkeypatch.setattr(gate, "LEAST_S", 0.0)
    assert killer(mutant, within_s=check_control([mutant])) == ""
    assert killer(mutant, within_s=0.001) == "no end within 0 s"


def test_a_test_that_does_not_exist_is_no_kill(tree: Path) -> None:
    """A renamed test must not look like a guard that is guarded."""
    with pytest.raises(GateError, match="did not run"):
        first_failure(tree, ["tests/test_guard.py::test_renamed"])


def test_the_control_refuses_tests_that_fail_anyway(tree: Path) -> None:
    """What fails without a mutant would seem to kill everything."""
    mutant = _mutant(tree, "value > 4")
    check_control([mutant])
    (tree / "orchestrator/guard.py").write_text(mutant.text)
    with pytest.raises(GateError, match="test_it fails without a mutant"):
        check_control([mutant])


@pytest.mark.parametrize(("guard", "instead"), [("value > 5", "x"), ("value", "x"), ("value > 3", "value > 3")])
def test_a_row_that_does_not_fit_its_file_is_refused(tree: Path, guard: str, instead: str) -> None:
    """Text that is gone, that stands there twice, or that is not changed."""
    with pytest.raises(ValueError, match="must be once"):
        Guard("orchestrator/guard.py", guard, instead, "tests/test_guard.py").mutant(tree)


def test_every_row_of_the_table_fits_and_names_tests() -> None:
    """Each guard is where its row says, the names differ, and the tests exist."""
    assert len({mutant.name for mutant in python_mutants()}) == len(GUARDS)
    for guard in GUARDS:
        assert guard.tests, guard.name
        for test in guard.tests:
            file, _, name = test.partition("::")
            path = ROOT / file  # or a folder, whose tests are all run
            assert path.is_dir() or f"def {name}" in path.read_text(encoding="utf-8"), test


def test_every_guard_of_the_scripts_has_its_mutant() -> None:
    """The reader of the scripts finds the lines it is there for; ``python -m tests.mutants`` decides their fate."""
    names = [mutant.name for mutant in lua_mutants()]
    for code in (
        "DUP",
        "FENCED",
        "STALE",
        "HEAD",
        "TYPE",
        "FULL",
        "BUSY",
        "META",
        "NEWER",
        "FORMAT",
        "SIZE",
        "ARCHIVE",
    ):
        assert any(f"'{code}'" in name for name in names), code
    assert len(names) >= 40
    assert set(EQUIVALENT) <= set(names)
