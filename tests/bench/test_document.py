"""Tables of documents: each is the output of a command that stands before it."""

from __future__ import annotations

import importlib
from pathlib import Path

import click
import pytest

from bench._document import commands, filled, markdown, outside
from bench._harness import Report, kept

DOCUMENT = Path(__file__).parents[2] / "docs/performance.md"
TEXT = """\
Text | with a bar.

<!-- bench: decode --rounds 1 -->
| old |
<!-- bench end -->

More.
<!-- bench: labels -->
<!-- bench end -->
"""


def report(*rows: list[object]) -> Report:
    """A table of two columns."""
    return Report("T", ["what", "ms"], list(rows), ["a note"], machine={"cpu": "A", "load before": 3.5})


def test_a_place_is_filled_with_what_its_command_prints() -> None:
    """The command is called with its options; what stands around the places stays as it is."""
    asked: list[list[str]] = []

    def run(arguments: list[str]) -> list[Report]:
        asked.append(arguments)
        return [report(["a|b", 1_234.5], ["c", None])]

    text = filled(TEXT, run)
    assert asked == commands(TEXT) == commands(text) == [["decode", "--rounds", "1"], ["labels"]]
    assert outside(text) == outside(TEXT)
    assert "| old |" not in text
    table = "| what | ms |\n| --- | ---: |\n| a/b | 1,234 |\n| c | - |\n\n- a note\n- cpu A, load before 3.5\n"
    assert text.count(f"-->\n{table}<!-- bench end -->") == 2
    assert filled(text, run) == text


def test_only_the_tables_that_are_asked_for_are_made_anew() -> None:
    """The others stay, and their commands are not run."""
    text = filled(TEXT, lambda arguments: [report([arguments[0], 1])], only=["labels"])
    assert "| old |" in text
    assert "| labels | 1 |" in text
    assert "| decode | 1 |" not in text


def test_notes_are_wrapped_as_prose_is() -> None:
    """A long list of what it was measured on fits the document's columns."""
    lines = markdown(Report("T", ["a"], [[1]], ["word " * 60])).splitlines()
    assert max(map(len, lines)) <= 120


def test_reports_are_kept_instead_of_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """Within the block; behind it they are printed again."""
    with kept() as reports:
        report(["x", 1]).show(as_json=False)
    assert [each.rows for each in reports] == [[["x", 1]]]
    assert not capsys.readouterr().out
    report(["x", 1]).show(as_json=False)
    assert capsys.readouterr().out


def test_the_document_has_no_table_of_its_own() -> None:
    """Each is the output of a command, so none can say what no command gives; and each command can be run."""
    text = DOCUMENT.read_text()
    assert not [line for line in outside(text).splitlines() if line.startswith("|")]
    program = importlib.import_module("bench.__main__")
    program._register()
    asked = commands(text)
    assert {"decode", "history", "idle", "labels", "latency", "memory", "merge", "pipeline", "words"} <= {
        arguments[0] for arguments in asked
    }
    for name, *options in asked:
        with click.Context(program.main) as context:
            program.main.commands[name].make_context(name, list(options), parent=context)
    assert text.count("<!-- bench: ") == text.count("<!-- bench end -->") == len(asked)


def test_the_documents_tables_are_filled() -> None:
    """A place is not left empty when a benchmark is added to it."""
    places = DOCUMENT.read_text().split("<!-- bench: ")[1:]
    assert all(place.split("\n", 1)[1].startswith("| ") for place in places)
