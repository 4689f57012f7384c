"""Changes in words."""

from __future__ import annotations

import pytest

from orchestrator.http.movement import NONE, difference, growth


@pytest.mark.parametrize(
    ("ratio", "words", "direction"),
    [
        (None, NONE, "unknown"),
        (0.001, "±0 %", "level"),
        (0.5, "+50 %", "up"),
        (-0.123, "\N{MINUS SIGN}12 %", "down"),
        (1e300, "+100,000,000 %", "up"),
    ],
)
def test_growth_is_told_in_percent(ratio: float | None, words: str, direction: str) -> None:
    """With its sign; what is not known is a dash and no zero."""
    assert growth(ratio) == (words, direction)


@pytest.mark.parametrize(
    ("value", "words", "direction"),
    [
        (None, NONE, "unknown"),
        (float("nan"), NONE, "unknown"),
        (-0.001, "±0.00", "level"),
        (0.25, "+0.25", "up"),
        (-0.5, "\N{MINUS SIGN}0.50", "down"),
        (1e9, "+2.00", "up"),
    ],
)
def test_difference_is_told_with_its_sign(value: float | None, words: str, direction: str) -> None:
    """Two digits, within what a difference can be."""
    assert difference(value) == (words, direction)
