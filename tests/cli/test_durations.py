"""Durations as people type them."""

from __future__ import annotations

import pytest

from orchestrator.cli.durations import duration_ms


@pytest.mark.parametrize(
    ("text", "expected"), [("45s", 45_000), ("30m", 1_800_000), ("2h", 7_200_000), ("3d", 3 * 86_400_000)]
)
def test_durations_have_one_unit(text: str, expected: int) -> None:
    """Seconds, minutes, hours or days."""
    assert duration_ms(text) == expected


@pytest.mark.parametrize("text", ["", "2", "h", "2 h", "-2h", "1.5h", "2h30m", "2w", "1234567s", "2026-11-23", "٢h"])
def test_what_is_no_duration_is_none(text: str) -> None:
    """Then it may be a time."""
    assert duration_ms(text) is None
