"""What is drawn of a table."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench._harness import Report
from bench._plot import growth, series

REPORT = Report("T", ["n", "ours", "twin", "peer", "ratio"], [(10, 2.0, None, None, 1.0), (0, 1, 9.0, None, 3.0)])


def test_series_leave_out_what_was_not_measured() -> None:
    """A line has the sizes that were measured, in order; a contender without any has no line."""
    assert series(REPORT, ["ours", "twin", "peer"]) == {"ours": [(0, 1), (10, 2.0)], "twin": [(0, 9.0)]}


def test_growth_writes_a_picture_that_names_the_lines(tmp_path: Path) -> None:
    """The picture has a size of 0, too, and only the columns that were asked for."""
    pytest.importorskip("matplotlib")
    path = tmp_path / "growth.svg"
    growth(REPORT, ["ours", "twin"], path, "ms")
    picture = path.read_text()
    assert "<!-- ours -->" in picture
    assert "<!-- 0 -->" in picture or "<!-- $\\mathdefault{0}$ -->" in picture
    assert "<!-- ratio -->" not in picture
