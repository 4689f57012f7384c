"""One row of a table of guards: in Python, or in Lua where taking away a whole statement is not enough."""

from __future__ import annotations

from pathlib import Path

from tests.mutants.gate import ROOT, Mutant


class Guard:
    """One row of the table.

    Args:
        file: from the root of the tree.
        guard: a text that stands exactly once in *file*.
        instead: what stands there in the mutant.
        tests: what must fail, as arguments for pytest.
    """

    def __init__(self, file: str, guard: str, instead: str, *tests: str) -> None:
        self.file = file
        self.guard = guard
        self.instead = instead
        self.tests = tests

    @property
    def name(self) -> str:
        """The file and what changes in it, on one line."""
        before, after = (" ".join(text.split()) for text in (self.guard, self.instead))
        return f"{self.file.removeprefix('orchestrator/')}: {before} → {after or 'nothing'}"

    def mutant(self, root: Path = ROOT) -> Mutant:
        """The tree at *root* without this guard.

        Raises:
            ValueError: the row does not fit its file (any more), or a file of Python would be none.
        """
        text = (root / self.file).read_text(encoding="utf-8")
        if text.count(self.guard) != 1 or self.guard == self.instead:
            raise ValueError(f"{self.name}: its text is there {text.count(self.guard)} times, it must be once")
        mutated = text.replace(self.guard, self.instead)
        if self.file.endswith(".py"):
            compile(mutated, self.file, "exec")
        return Mutant(self.name, Path(self.file), mutated, self.tests)
