"""The README and the documents say what the code says: settings with their defaults, and links that lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from orchestrator.settings import Settings

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
DOCUMENTS = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
# the rows under the header of the configuration table
TABLE = re.compile(r"(?<=\| variable \| default \| meaning \|\n\|---\|---\|---\|\n)(?:\|.*\n)*")


def settings_rows() -> list[str]:
    """The README's table of settings, as it has to stand there."""
    rows = []
    for name, value in Settings(orchestrator_id="random").masked().items():
        text = f"{value:g}" if isinstance(value, float) else str(value)
        meaning = Settings.model_fields[name.lower()].description
        rows.append(f"| `{name}` | {f'`{text}`' if text else ''} | {meaning} |")
    return rows


def test_readme_lists_every_setting_with_its_default() -> None:
    """The configuration table has one row a setting, in the order of the code, with its default and meaning."""
    assert TABLE.findall(README) == ["\n".join(settings_rows()) + "\n"], "write it anew with `make schemas`"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_documents_link_to_files_that_exist(document: Path) -> None:
    """Every relative link leads to a file or folder of the repository."""
    targets = re.findall(r"\]\((?!https?:|#)([^)#\s]+)", document.read_text())
    assert [target for target in targets if not (document.parent / target).exists()] == []


if __name__ == "__main__":
    (ROOT / "README.md").write_text(TABLE.sub(lambda _: "\n".join(settings_rows()) + "\n", README))
