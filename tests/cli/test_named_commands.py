"""Whoever follows a document, an alert, a page or a message types commands that exist, with options that exist."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.command_tree import named, unknown

ROOT = Path(__file__).parent.parent.parent


def naming() -> Iterator[Path]:
    """The files that may name commands to somebody who uses the program."""
    yield from ROOT.glob("*.md")
    yield from (ROOT / "docs").rglob("*.md")
    yield from (ROOT / "deploy").glob("*.yml")
    for ending in ("py", "html"):
        yield from (ROOT / "orchestrator").rglob(f"*.{ending}")


FILES = {path.relative_to(ROOT).as_posix(): list(named(path.read_text(encoding="utf-8"))) for path in naming()}


@pytest.mark.parametrize("name", sorted(name for name, lines in FILES.items() if lines))
def test_every_command_that_a_file_names_exists(name: str) -> None:
    """With its options; placeholders and values are not looked at."""
    assert {" ".join(words): found for words in FILES[name] if (found := unknown(words))} == {}


def test_files_of_every_kind_name_commands() -> None:
    """The patterns find them, in sentences, in blocks and in the program's own messages."""
    for name in ("README.md", "deploy/alerts.yml"):
        assert FILES[name]
    for name in ("http/templates/ops.html", "fleet/parking.py"):
        assert FILES[f"orchestrator/{name}"]
    assert sum(bool(lines) for name, lines in FILES.items() if name.startswith("docs/runbooks/")) > 10


def test_what_does_not_exist_is_seen() -> None:
    """A command, a command of a group, one of several, and an option; typed, in code and in quotes."""
    text = (
        "`orchestrator nonsense` `failed sell` `brands add|eat`\n`failed drop --accept-loss` 'orchestrator repair --no'"
        " <code>orchestrator nothing</code> `brands:list` `config` `doctor`\n```console\n$ orchestrator push --hard -\n"
        "jq -c . x | orchestrator lift\n```\n`orchestrator brands list --sort oldest` `failed retry --set a=b --all`"
        " The log line `brands bring dead letters only`."
    )
    found = sorted(filter(None, map(unknown, named(text))))
    assert found == ["--accept-loss", "--hard", "--no", "eat", "lift", "nonsense", "nothing", "sell"]
