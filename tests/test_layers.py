"""Who may import whom: every arrow between packages points down, as the package's docstring draws it."""

from __future__ import annotations

import ast
from pathlib import Path

PACKAGE = Path(__file__).parent.parent / "orchestrator"

EVERYWHERE = {"orchestrator", "errors"}
"""The version number and the errors."""

RULES = {"_merge", "kernels", "contract"}
WORK = {"lane", "scheduler", "store", "brand", "process", *RULES}

ALLOWED: dict[str, set[str]] = {
    "__main__": {"cli"},
    "cli": {"demo", "service", "http", "settings", "store", "contract", "process", "kernels"},
    "demo": {"store", "contract"},
    "service": {"http", "settings", "alerts", *WORK},
    "http": {"store", "contract", "process"},
    "scheduler": WORK - {"scheduler"},
    "lane": WORK - {"lane", "scheduler"},
    "settings": {"alerts", "contract", "process"},
    "alerts": {"contract", "process"},
    "store": {"contract", "process"},
    "brand": RULES,
    "contract": {"kernels"},
    "kernels": {"_merge"},
    "_merge": set(),
    "process": set(),
    "errors": set(),
}
"""By package (or module at the top): what it may import beside itself. A new package needs a line here."""

FACES = ("cli", "http", "service", "settings")
"""Packages that others import by their face alone; ``store`` has side doors, which its docstring names."""


def _room(module: str) -> str:
    """The package, or module at the top, that *module* belongs to."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else parts[0]


def _imports(path: Path) -> set[str]:
    """Modules of ours that *path* imports when it runs; what only names a type is no arrow."""
    found: set[str] = set()
    todo: list[ast.AST] = [ast.parse(path.read_text(encoding="utf-8"))]
    while todo:
        node = todo.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            todo.extend(node.orelse)
            continue
        if isinstance(node, ast.ImportFrom) and node.module == "orchestrator":
            rooms = {entry.name for entry in node.names} & ALLOWED.keys()
            found |= {f"orchestrator.{name}" for name in rooms} or {"orchestrator"}
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("orchestrator."):
            found.add(node.module)
        todo.extend(ast.iter_child_nodes(node))
    return found


def _arrows() -> list[tuple[str, str, str]]:
    """(package, module that imports, module that is imported), of arrows from one package to another."""
    modules = {path: ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts) for path in PACKAGE.rglob("*.py")}
    return [
        (_room(source), source, target)
        for path, source in sorted(modules.items())
        for target in sorted(_imports(path))
        if _room(target) not in {_room(source), *EVERYWHERE}
    ]


def test_every_import_points_down() -> None:
    """No package imports one that stands above it, and none forms a circle with another."""
    wrong = [f"{source} imports {target}" for room, source, target in _arrows() if _room(target) not in ALLOWED[room]]
    assert wrong == []


def test_the_order_has_no_circle() -> None:
    """The table itself can be put in an order in which everything stands above what it imports."""
    left = {room: targets - {room} for room, targets in ALLOWED.items()}
    while left:
        free = {room for room, targets in left.items() if not targets & left.keys()}
        assert free, f"a circle among {sorted(left)}"
        left = {room: targets for room, targets in left.items() if room not in free}


def test_faces_are_the_only_way_in() -> None:
    """What a package re-exports is imported from its face, so that its modules may change."""
    inside = [
        f"{source} imports {target}"
        for _, source, target in _arrows()
        if _room(target) in FACES and target != f"orchestrator.{_room(target)}"
    ]
    assert inside == []


def test_an_arrow_that_points_up_would_be_seen(tmp_path: Path) -> None:
    """The reader of imports finds one inside a function, and leaves out what only names a type."""
    module = tmp_path / "module.py"
    module.write_text(
        "from typing import TYPE_CHECKING\n"
        "from orchestrator import __version__\n"
        "if TYPE_CHECKING:\n    from orchestrator.http import Status\n"
        "def late():\n    from orchestrator import demo\n    from orchestrator.cli.run import run\n"
    )
    assert _imports(module) == {"orchestrator", "orchestrator.demo", "orchestrator.cli.run"}
