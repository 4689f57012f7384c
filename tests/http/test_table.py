"""Numbers as CSV: readable by programs, harmless in a spreadsheet; pure."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.http.table import csv_table


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "  =1", "\N{FULLWIDTH EQUALS SIGN}1"]
)
def test_a_formula_becomes_text(text: str) -> None:
    """Whatever a spreadsheet would run gets an apostrophe; the rest of it stays."""
    [[cell]] = csv.reader(io.StringIO(csv_table([], [[text]]).decode().removeprefix("\r\n"), newline=""))
    assert cell == f"'{text}"


def test_numbers_stay_numbers() -> None:
    """A negative number is none of these texts, and nothing known is an empty cell."""
    assert csv_table(["a", "b", "c"], [[-0.5, None, 3]]) == b"a,b,c\r\n-0.5,,3\r\n"


@given(st.lists(st.lists(st.text(), min_size=2, max_size=2), max_size=5))
def test_every_text_keeps_to_its_cell(rows: list[list[str]]) -> None:
    """Quotes, commas and line ends of foreign texts begin no cell and no row."""
    table = csv_table(["x", "y"], rows).decode()
    read = list(csv.reader(io.StringIO(table, newline="")))
    assert [len(row) for row in read] == [2] * (len(rows) + 1)
