"""Small bars as one path; pure."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.http.spark import HEIGHT, LEAST, outline


def heights(path: str, width: int) -> list[int]:
    """The height of each bar that *path* draws, read from it step by step."""
    found, at, level = [], 0, HEIGHT
    for word, text in re.findall(r"([HV])(\d+)", path):
        if word == "V":
            level = int(text)
            continue
        found += [HEIGHT - level] * (int(text) - at)
        at = int(text)
    assert at == width
    return found


def test_bars_stand_in_their_places() -> None:
    """The highest fills the box, a small one is seen, equal neighbours are one step."""
    path = outline([0, 5, 10, 10, 0, 1_000, 1], 1_000)
    assert heights(path, 7) == [0, LEAST, LEAST, LEAST, 0, HEIGHT, LEAST]
    assert path.count("V") == 5


@pytest.mark.parametrize("amounts", [[], [0, 0], [-5, 0]])
def test_nothing_is_drawn_of_nothing(amounts: list[int]) -> None:
    """A line on the ground would look like a little."""
    assert outline(amounts, 10) == ""
    assert outline([1], 0) == ""


@given(st.lists(st.integers(-(10**9), 10**9), min_size=1, max_size=200), st.integers(1, 10**9))
def test_no_bar_leaves_the_box(amounts: list[int], highest: int) -> None:
    """Whatever is stored; and what is more than nothing is seen, what is not is not."""
    path = outline(amounts, highest)
    if path:
        drawn = heights(path, len(amounts))
        assert all(0 <= height <= HEIGHT for height in drawn)
        assert [height > 0 for height in drawn] == [amount > 0 for amount in amounts]
