"""The documents lead somewhere: links and files that they name exist, and their lines have one width."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FOLDERS = (ROOT / "docs", ROOT / "tests", ROOT / "bench", ROOT / "deploy")
DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted(path for folder in FOLDERS for path in folder.rglob("*.md"))]
NAMING_FILES = ("CONTRIBUTING.md", "docs/architecture.md", "docs/glossary.md", "docs/releasing.md")
WIDTH = 120

_FENCED = re.compile(r"^( *)```.*?^\1```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\((?!https?:|#)([^)#\s]+)")
_ANCHOR = re.compile(r"\]\((?!https?:)([^)#\s]*)#([^)\s]+)\)")
_HEADING = re.compile(r"^#{1,6} +(.*?) *#*$", re.MULTILINE)
_FILE = re.compile(r"`([\w./-]+(?:\.(?:pyx|pxd|pyi|py|h|lua|md|toml|yml|json|example)|/))`")


def prose(text: str) -> str:
    """*text* with its fenced blocks emptied, line numbers kept."""
    return _FENCED.sub(lambda block: "\n" * block[0].count("\n"), text)


def dead_links(document: Path) -> Iterator[str]:
    """The relative links of *document* that lead nowhere."""
    for target in _LINK.findall(document.read_text(encoding="utf-8")):
        if not (document.parent / target).exists():
            yield target


def anchors(text: str) -> set[str]:
    """What a link may name of a page: its headings, as a reader of the repository and the site spell them."""
    found: set[str] = set()
    for heading in _HEADING.findall(prose(text)):
        shown = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").strip().lower()
        found.add(re.sub(r"[^\w\- ]", "", shown).replace(" ", "-"))
    return found


def dead_anchors(document: Path) -> Iterator[str]:
    """The links of *document* into a page, its own or another one, that name no heading there."""
    for target, anchor in _ANCHOR.findall(prose(document.read_text(encoding="utf-8"))):
        page = document.parent / target if target else document
        if page.suffix == ".md" and page.exists() and anchor not in anchors(page.read_text(encoding="utf-8")):
            yield f"{target}#{anchor}"


def missing_files(text: str) -> set[str]:
    """Files and folders named in backticks, from the root or from the package, that do not exist."""
    return {
        name
        for name in _FILE.findall(prose(text))
        if "/" in name and not any((base / name).exists() for base in (ROOT, ROOT / "orchestrator"))
    }


def long_lines(text: str) -> Iterator[int]:
    """Numbers of lines that are too long and could have been broken: no row of a table, no code, no link."""
    for number, line in enumerate(prose(text).splitlines(), start=1):
        free = re.sub(r"\]\([^)]*\)", "]", line)
        if len(free) > WIDTH and not line.startswith(("|", "    ")):
            yield number


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_documents_link_to_files_that_exist(document: Path) -> None:
    """Every relative link leads to a file or folder of the repository."""
    assert list(dead_links(document)) == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_documents_link_to_headings_that_exist(document: Path) -> None:
    """Every anchor is a heading of its page."""
    assert list(dead_anchors(document)) == []


@pytest.mark.parametrize("name", NAMING_FILES)
def test_documents_name_files_that_exist(name: str) -> None:
    """Every file in backticks is there."""
    assert missing_files((ROOT / name).read_text(encoding="utf-8")) == set()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_documents_keep_their_width(document: Path) -> None:
    """Prose is wrapped like code, so that a diff shows the sentence that changed."""
    assert list(long_lines(document.read_text(encoding="utf-8"))) == []


def test_checks_see_what_is_wrong(tmp_path: Path) -> None:
    """A dead link, a missing file and a long line are noticed; a table, code and a long link are not."""
    wide = "x" * (WIDTH + 1)
    text = f"[here](no.md) `lane/nowhere.py` `brand/`\n{wide}\n| {wide}\n    {wide}\n```\n{wide} `no/file.py`\n```\n"
    document = tmp_path / "page.md"
    document.write_text(f"{text}[this]({wide})\n", encoding="utf-8")
    assert next(dead_links(document)) == "no.md"
    assert missing_files(text) == {"lane/nowhere.py"}
    assert list(long_lines(document.read_text(encoding="utf-8"))) == [2]


def test_check_sees_headings_that_are_missing(tmp_path: Path) -> None:
    """In the page itself and in another one; a page that is missing is a dead link, and what is in a fence is text."""
    page = tmp_path / "page.md"
    links = "[x](#a-b_c-d) [y](page.md#e) [z](#g) [z](page.md#h) [z](no.md#h)"
    page.write_text(f"# A `b_c`, d!\n## [E](f)\n{links}\n```\n# G\n[z](#i)\n```\n", encoding="utf-8")
    assert list(dead_anchors(page)) == ["#g", "page.md#h"]


def test_llms_txt_names_every_page() -> None:
    """The form of llmstxt.org; each page for readers stands in it under its own title, and no link is dead."""
    document = ROOT / "docs" / "llms.txt"
    text = document.read_text(encoding="utf-8")
    assert text.startswith("# service3-orchestrator\n\n> ")
    assert list(dead_links(document)) == []
    named = dict(re.findall(r"^- \[([^\]]+)\]\(([^)]+)\)", text, re.MULTILINE))
    folders = (ROOT / "docs", ROOT / "docs" / "how-to", ROOT / "docs" / "reference")
    pages = [page for folder in folders for page in folder.glob("*.md")]
    titles = {page.relative_to(ROOT / "docs").as_posix(): page.read_text().splitlines()[0][2:] for page in pages}
    assert {path: title for title, path in named.items() if path in titles} == titles
