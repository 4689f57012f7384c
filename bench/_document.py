"""The tables of a document, made anew by the benchmarks that the document names.

A table stands between a line that says how it is made, ``<!-- bench: pipeline --rounds 1 -->``, and ``<!-- bench end
-->``. Whatever stands between them is what that command printed: its table as Markdown, and below it what was measured
on. So no figure can be there that no command gives, and each says which one does.
"""

from __future__ import annotations

import re
import shlex
import textwrap
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from bench._harness import FILE_COLUMNS, described, shown

if TYPE_CHECKING:
    from bench._harness import Report

_PLACE = re.compile(r"^<!-- bench: ([^\n]+) -->\n(.*?)^<!-- bench end -->$", re.MULTILINE | re.DOTALL)


def commands(text: str) -> list[list[str]]:
    """What the document asks for, as arguments of ``python -m bench``, in its order."""
    return [shlex.split(place[1]) for place in _PLACE.finditer(text)]


def filled(text: str, run: Callable[[list[str]], Sequence[Report]], only: Sequence[str] = ()) -> str:
    """*text* with its tables made anew.

    Args:
        text: the document.
        run: measures by arguments of ``python -m bench``.
        only: names of benchmarks whose tables are made anew; all if there is none.
    """

    def made(place: re.Match[str]) -> str:
        arguments = shlex.split(place[1])
        if only and arguments[0] not in only:
            return place[0]
        tables = "\n".join(map(markdown, run(arguments)))
        return f"<!-- bench: {place[1]} -->\n{tables}<!-- bench end -->"

    return _PLACE.sub(made, text)


def outside(text: str) -> str:
    """What the document says in its own words: all but its tables."""
    return _PLACE.sub("", text)


def markdown(report: Report) -> str:
    """The table of *report*, its notes, and what it was measured on."""
    columns = [" --- ", *(" ---: " for _ in report.columns[1:])]
    rows = [report.columns, *([shown(value) for value in row] for row in report.rows)]
    lines = [f"| {' | '.join(cell.replace('|', '/') for cell in row)} |" for row in rows]
    lines.insert(1, f"|{'|'.join(columns)}|")
    notes = [*report.notes, ", ".join(map(described, report.machine.items()))]
    told = [textwrap.fill(f"- {note}", FILE_COLUMNS, subsequent_indent="  ", break_on_hyphens=False) for note in notes]
    return "\n".join([*lines, "", *told, ""])
