"""The site of the documents: what its builder reads, made from the pages as they lie in the repository.

Owns ``build/docs``: the pages of ``docs/``, the start of the README as the home page, and under ``repository/``
whatever else a page links to, so that every link leads somewhere in both places. ``make docs`` lays it out and has
Zensical build ``build/site`` from it, as ``zensical.toml`` says. Needs the standard library alone. See
``docs/decisions/0079-a-site-from-the-same-pages.md``.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parent.parent
LAID_OUT: Final = ROOT / "build" / "docs"
HOME: Final = ("service3-orchestrator", "Two commands", "Documentation")
"""The sections of the README that the home page has: its first lines, and these headings."""

_FENCED: Final = re.compile(r"^( *)(```|~~~).*?^\1\2$", re.MULTILINE | re.DOTALL)
_LINK: Final = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)(#[^)\s]*)?\)")
_SECTION: Final = re.compile(r"^(?=##? )", re.MULTILINE)


def lay_out(target: Path, root: Path = ROOT) -> None:
    """Write what the builder reads into *target*, anew.

    Raises:
        FileNotFoundError: a page links to what is not there.
    """
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(root / "docs", target)
    readme = (root / "README.md").read_text(encoding="utf-8")
    waiting = [(root / "README.md", target / "index.md", home(readme))]
    pages = sorted((root / "docs").rglob("*.md"))
    waiting += [(page, target / place(page, root), page.read_text(encoding="utf-8")) for page in pages]
    known = {written for _, written, _ in waiting}
    while waiting:
        source, written, text = waiting.pop()
        written.parent.mkdir(parents=True, exist_ok=True)
        written.write_text(moved(text, source, written, target, root), encoding="utf-8")
        for wanted in linked(text, source):
            copy = target / place(wanted, root)
            if copy in known or (copy.exists() and wanted.is_file()):
                continue
            known.add(copy)
            if wanted.is_dir():
                waiting.append((wanted, copy, listing(wanted)))
            elif wanted.suffix == ".md":
                waiting.append((wanted, copy, wanted.read_text(encoding="utf-8")))
            else:
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(wanted, copy)


def home(readme: str) -> str:
    """The home page: the sections of :data:`HOME`."""
    return "".join(part for part in _SECTION.split(readme) if part.partition("\n")[0].lstrip("# ") in HOME)


def linked(text: str, source: Path) -> list[Path]:
    """The files and folders that the page *text* of *source* links to.

    Raises:
        FileNotFoundError: one of them is not there.
    """
    folder = source if source.is_dir() else source.parent
    return [(folder / target).resolve(strict=True) for target, _ in _LINK.findall(_FENCED.sub("", text))]


def place(path: Path, root: Path) -> Path:
    """Where *path* of the repository lies in the site; for a folder, its page."""
    inside = path.relative_to(root)
    found = inside.relative_to("docs") if inside.parts[0] == "docs" else Path("repository") / inside
    if path.is_dir():
        return found / ("README.md" if (path / "README.md").exists() else "index.md")
    return found


def moved(text: str, source: Path, written: Path, target: Path, root: Path) -> str:
    """*text* with its links as they are from *written*; what is in a fence stays as it is."""
    folder = source if source.is_dir() else source.parent

    def renamed(link: re.Match[str]) -> str:
        wanted = target / place((folder / link[1]).resolve(), root)
        return f"]({os.path.relpath(wanted, written.parent)}{link[2] or ''})"

    pieces, end = [], 0
    for fence in _FENCED.finditer(text):
        pieces += [_LINK.sub(renamed, text[end : fence.start()]), fence[0]]
        end = fence.end()
    return "".join(pieces) + _LINK.sub(renamed, text[end:])


def listing(folder: Path) -> str:
    """A page for a folder that has none: its files."""
    names = sorted(path.name for path in folder.iterdir() if path.is_file())
    return "\n".join([f"# {folder.name.capitalize()}", "", *(f"- [{name}]({name})" for name in names), ""])


if __name__ == "__main__":
    lay_out(LAID_OUT)
    sys.stdout.write(f"laid out in {LAID_OUT.relative_to(ROOT)}\n")
