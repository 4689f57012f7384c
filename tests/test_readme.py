"""The README and the documents say what the code says: settings with their defaults, chunks, decisions."""

from __future__ import annotations

import re
from pathlib import Path

from orchestrator.contract.decode import decode_batch, decode_chunk
from tools.reference import setting_rows

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
# the rows under the header of the configuration table
TABLE = re.compile(r"(?<=\| variable \| default \| meaning \|\n\|---\|---\|---\|\n)(?:\|.*\n)*")


def settings_rows() -> list[str]:
    """The README's table of settings, as it has to stand there."""
    return [
        f"| `{name}` | {f'`{default}`' if default else ''} | {meaning} |" for name, default, meaning in setting_rows()
    ]


def test_readme_lists_every_setting_with_its_default() -> None:
    """The configuration table has one row a setting, in the order of the code, with its default and meaning."""
    assert TABLE.findall(README) == ["\n".join(settings_rows()) + "\n"], "write it anew with `make schemas`"


def test_examples_for_workers_are_chunks() -> None:
    """Every document in docs/chunks.md is accepted, and both forms of its centroid are the same row."""
    documents = re.findall(r"```json\n(.*)\n```", (ROOT / "docs" / "chunks.md").read_text())
    items = [document.encode() for document in documents]
    names = ["nike-1", "acme-17", "acme-18", "acme-19", "acme-20"]
    assert [chunk.chunk_id for chunk in map(decode_chunk, items)] == names
    centroids = decode_batch(items[3:], "acme").centroids
    assert centroids.row(0).tolist() == centroids.row(1).tolist() == [0.5, -0.25, 1.0]


def test_decisions_are_numbered_and_listed() -> None:
    """Records are numbered without gaps, and the index names each with its title."""
    folder = ROOT / "docs" / "decisions"
    records = sorted(folder.glob("0*.md"))
    titles = [record.read_text().splitlines()[0] for record in records]
    assert [int(record.name[:4]) for record in records] == list(range(1, len(records) + 1))
    rows = re.findall(r"^\| \[(\d+)\]\((.*)\) \| (.*) \|$", (folder / "README.md").read_text(), re.MULTILINE)
    assert [(name, f"# {number}. {title}") for number, name, title in rows] == [
        (record.name, title) for record, title in zip(records, titles, strict=True)
    ]


if __name__ == "__main__":
    (ROOT / "README.md").write_text(TABLE.sub(lambda _: "\n".join(settings_rows()) + "\n", README))
