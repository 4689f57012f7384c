"""Numbers as CSV (RFC 4180) that a spreadsheet opens as numbers and runs nothing of.

Pure. Brand names and labels are foreign: what a spreadsheet would take for a formula gets an apostrophe in front.
Source: OWASP, "CSV injection".
"""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

CSV_TYPE: Final = "text/csv"
CSV_CONTENT_TYPE: Final = "text/csv; charset=utf-8; header=present"

Cell = str | float | None
_WIDE: Final = "\N{FULLWIDTH EQUALS SIGN}\N{FULLWIDTH PLUS SIGN}\N{FULLWIDTH HYPHEN-MINUS}\N{FULLWIDTH COMMERCIAL AT}"
_FORMULAS: Final = tuple(f"=+-@\t\r\n{_WIDE}")


def csv_table(header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> bytes:
    """The table as UTF-8; None is an empty cell."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(header)
    writer.writerows([_cell(value) for value in row] for row in rows)
    return text.getvalue().encode(errors="replace")


def _cell(value: Cell) -> Cell:
    # Blanks before it do not keep a spreadsheet from taking it for a formula.
    return f"'{value}" if isinstance(value, str) and value.lstrip(" ").startswith(_FORMULAS) else value
