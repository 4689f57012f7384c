"""The structure of the package: which folder may import which, no circles, and every kernel in the kernels' folder.

Imports are read from the source, those inside functions and those of Cython files included. An import under
``if TYPE_CHECKING`` is one *for types*: it does not run, but it makes a reader go there all the same.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

PACKAGE = Path(__file__).parent.parent / "orchestrator"

MAY_IMPORT: dict[str, set[str]] = {
    "errors": set(),
    "process": {"errors"},
    "tracing": {"errors"},
    "kernels": {"errors"},
    "contract": {"errors", "kernels"},
    "brand": {"errors", "kernels", "contract"},
    "fleet": {"errors", "contract"},
    "store": {"errors", "process", "contract", "fleet"},
    "letters": {"errors", "contract", "store"},
    "lane": {"errors", "process", "tracing", "contract", "brand", "fleet", "store"},
    "archive": {"errors", "kernels", "contract", "brand", "store", "lane"},
    "objects": {"errors", "process", "kernels", "contract", "brand", "store", "lane", "archive"},
    "scheduler": {"errors", "process", "contract", "brand", "fleet", "store", "lane"},
    "alerts": {"errors", "process", "contract"},
    "archivist": {"errors", "process", "contract"},
    "settings": {"errors", "process", "contract", "alerts"},
    "http": {"errors", "process", "contract", "fleet", "store", "letters"},
    "service": {
        *(
            "errors",
            "process",
            "tracing",
            "kernels",
            "contract",
            "brand",
            "fleet",
            "store",
            "letters",
            "lane",
            "archive",
            "objects",
            "scheduler",
        ),
        *("alerts", "archivist", "settings", "http"),
    },
    "rebuild": {
        *("errors", "process", "kernels", "contract", "brand", "store", "lane", "archive", "objects"),
        *("settings", "service"),
    },
    "demo": {"errors", "contract", "store"},
    "worker": {"errors", "contract"},
    "cli": {
        *(
            "errors",
            "process",
            "kernels",
            "contract",
            "fleet",
            "store",
            "letters",
            "archive",
            "objects",
            "alerts",
            "settings",
            "http",
            "service",
            "rebuild",
        ),
        "demo",
    },
    "__main__": {"cli"},
}
"""Which folder (or module at the top) may import which, from the bottom up: none imports what stands below it here."""

MAY_IMPORT_FOR_TYPES: dict[str, set[str]] = {"kernels": {"contract"}, "lane": {"kernels"}}
"""And which, beyond that, for types only."""

PURE = {"kernels", "contract", "brand", "fleet"}
IMPURE = {"trio", "redis", "structlog", "time", "random", "socket", "threading", "asyncio"}
"""What the pure folders do without: I/O, a clock, chance, threads."""

FACES = {"cli", "demo", "http", "letters", "service", "settings", "worker"}
"""Folders that others import by their face alone; ``store`` has side doors, which its docstring names."""

FOLDERS = set(MAY_IMPORT) - {"errors", "__main__"}
KERNEL_SUFFIXES = {".pyx", ".pxd", ".pyi", ".h", ".hpp", ".c", ".cpp", ".so", ".pyd"}

_CYTHON_IMPORT = re.compile(r"^\s*(?:from\s+([\w.]+)\s+c?import\s+\(?(.*)|c?import\s+([\w.]+))", re.MULTILINE)


@dataclass(frozen=True)
class Import:
    """One module imports another.

    Attributes:
        source: the module that imports.
        target: the module that is imported.
        for_types: whether only a type checker does.
        compiled: whether the source is a Cython file.
    """

    source: str
    target: str
    for_types: bool
    compiled: bool


def read_imports(package: Path) -> list[Import]:
    """All imports of the modules in *package*, foreign ones included."""
    files = [path for suffix in ("py", "pyx") for path in sorted(package.rglob(f"*.{suffix}"))]
    modules = {path: ".".join(path.relative_to(package.parent).with_suffix("").parts) for path in files}
    names = {path: name.removesuffix(".__init__") for path, name in modules.items()}
    known = set(names.values())
    return [
        Import(source, f"{module}.{name}" if f"{module}.{name}" in known else module, for_types, path.suffix == ".pyx")
        for path, source in names.items()
        for module, name, for_types in (_python(path) if path.suffix == ".py" else _cython(path))
    ]


def _python(path: Path) -> Iterator[tuple[str, str, bool]]:
    """Module, name in it ("" for the module itself), and whether only for types."""
    todo: list[tuple[ast.AST, bool]] = [(ast.parse(path.read_text(encoding="utf-8")), False)]
    while todo:
        node, for_types = todo.pop()
        if isinstance(node, ast.Import):
            yield from ((entry.name, "", for_types) for entry in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.module, f"{path} has a relative import"
            yield from ((node.module, entry.name, for_types) for entry in node.names)
        elif isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            todo += [(child, True) for child in node.body] + [(child, for_types) for child in node.orelse]
        else:
            todo += [(child, for_types) for child in ast.iter_child_nodes(node)]


def _cython(path: Path) -> Iterator[tuple[str, str, bool]]:
    for module, names, alone in _CYTHON_IMPORT.findall(path.read_text(encoding="utf-8")):
        for name in names.split(",") if module else [""]:
            yield module or alone, name.strip().partition(" ")[0], False


def folder(module: str) -> str | None:
    """The folder or module at the top that *module* belongs to; None for a foreign one and for the package itself."""
    top, _, rest = module.partition(".")
    name = rest.partition(".")[0]
    # the merge kernel's place is fixed, its folder is that of the others all the same
    return {"": None, "_merge": "kernels"}.get(name, name) if top == PACKAGE.name else None


def circle(imports: list[Import]) -> list[str]:
    """Modules that import each other in a circle, empty if none do."""
    graph: dict[str, set[str]] = {}
    for each in imports:
        graph.setdefault(each.source, set()).add(each.target)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def trespasses(imports: list[Import]) -> list[str]:
    """The imports that the tables do not allow."""
    wrong: list[str] = []
    for each in imports:
        source, target = folder(each.source), folder(each.target)
        allowed = {source, None} | MAY_IMPORT.get(source or "", set())
        if each.for_types:
            allowed |= MAY_IMPORT_FOR_TYPES.get(source or "", set())
        impure = source in PURE and each.target.partition(".")[0] in IMPURE
        if target not in allowed or impure:
            wrong.append(f"{each.source} imports {each.target}")
    return wrong


def side_doors(imports: list[Import]) -> list[str]:
    """The imports that go past a folder's face."""
    return [
        f"{each.source} imports {each.target}"
        for each in imports
        if (inside := folder(each.target)) in FACES
        and folder(each.source) not in {inside, None}
        and each.target != f"{PACKAGE.name}.{inside}"
    ]


def strays(package: Path) -> list[str]:
    """Files of kernels that lie outside their folder."""
    return sorted(
        str(path.relative_to(package))
        for path in package.rglob("*")
        if path.suffix in KERNEL_SUFFIXES
        and path.parent != package / "kernels"
        and not (path.parent == package and path.name.startswith("_merge."))
    )


def test_no_modules_import_each_other() -> None:
    """Of two modules one can be read, and tested, without the other."""
    assert circle([each for each in read_imports(PACKAGE) if not each.for_types]) == []


def test_no_modules_import_each_other_for_types() -> None:
    """Types make no exception; but a compiled kernel stands for its twin, whose types are its own."""
    assert circle([each for each in read_imports(PACKAGE) if not each.compiled]) == []


def test_folders_import_what_the_tables_allow() -> None:
    """The store and the rules know nothing of lanes, the rules nothing of Redis, a process nothing of either."""
    assert trespasses(read_imports(PACKAGE)) == []


def test_faces_are_the_only_way_in() -> None:
    """What a folder re-exports is imported from its face, so that its modules may change."""
    assert side_doors(read_imports(PACKAGE)) == []


def test_the_table_is_an_order() -> None:
    """What a folder may import stands before it, so that no two folders may import each other."""
    order = list(MAY_IMPORT)
    assert [name for place, name in enumerate(order) if not MAY_IMPORT[name] <= set(order[:place])] == []


def test_the_table_names_every_folder() -> None:
    """A new folder needs a line in the table, and a reader finds no other."""
    found = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert found == FOLDERS
    assert {path.stem for path in PACKAGE.glob("*.py")} == set(MAY_IMPORT) - FOLDERS | {"__init__"}


def test_kernels_lie_in_their_folder() -> None:
    """Only the merge kernel, whose place is fixed, lies at the top."""
    assert strays(PACKAGE) == []


def write(package: Path, **sources: str) -> Path:
    """A package of modules with those *sources*; ``store__client`` is ``store/client.py``."""
    for name, source in sources.items():
        path = package / f"{name.replace('__', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)
    return package


def test_a_circle_is_found(tmp_path: Path) -> None:
    """Also one that is closed by an import inside a function or for types."""
    package = write(
        tmp_path / PACKAGE.name,
        brand__state="from orchestrator.brand import window",
        brand__window="def late():\n    from orchestrator.brand.topics import Topic",
        brand__topics="if TYPE_CHECKING:\n    from orchestrator.brand.state import BrandState",
    )
    found = read_imports(package)
    assert set(circle(found)) == {f"orchestrator.brand.{name}" for name in ("state", "window", "topics")}
    assert circle([each for each in found if not each.for_types]) == []


def test_a_trespass_is_found(tmp_path: Path) -> None:
    """An import of a folder above, of a clock by the rules, and one that is allowed for types only."""
    package = write(
        tmp_path / PACKAGE.name,
        store__client="import redis\ndef late():\n    from orchestrator.lane.session import Warm",
        brand__state="import time\nfrom trio import sleep\nfrom orchestrator.contract import chunk",
        kernels__fold="if TYPE_CHECKING:\n    from orchestrator.contract.chunk import Chunk",
        kernels__rows="from orchestrator.contract.chunk import Chunk",
    )
    (package / "kernels" / "_fold.pyx").write_text("cimport cython\nfrom orchestrator.process cimport logs as words\n")
    assert sorted(trespasses(read_imports(package))) == [
        "orchestrator.brand.state imports time",
        "orchestrator.brand.state imports trio",
        "orchestrator.kernels._fold imports orchestrator.process",
        "orchestrator.kernels.rows imports orchestrator.contract.chunk",
        "orchestrator.store.client imports orchestrator.lane.session",
    ]


def test_a_stray_kernel_is_found(tmp_path: Path) -> None:
    """A compiled file beside the rules, or at the top under another name."""
    for name in ("_merge.pyx", "_fold.pyx", "kernels/_scan.pyx", "brand/block.h"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert strays(tmp_path) == ["_fold.pyx", "brand/block.h"]


def test_a_side_door_is_found(tmp_path: Path) -> None:
    """A module of a folder with a face, imported by name from outside; within the folder that is no matter."""
    package = write(
        tmp_path / PACKAGE.name,
        service__app="from orchestrator.http import build_app\nfrom orchestrator.http.server import serve",
        http__application="from orchestrator.http.server import serve",
        http__server="",
    )
    assert side_doors(read_imports(package)) == ["orchestrator.service.app imports orchestrator.http.server"]
