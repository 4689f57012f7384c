"""How much more or less than before, in words and by direction."""

from __future__ import annotations

from math import isfinite
from typing import Final

MAX_GROWTH: Final = 1e6
"""Beyond it the digits say nothing."""

MINUS: Final = "\N{MINUS SIGN}"
NONE: Final = "\N{EN DASH}"
"""Shown where there is no value, and never a zero in its place."""


def growth(ratio: float | None) -> tuple[str, str]:
    """Growth against the window before (0.5 = half as many again) in percent, and the word for its direction."""
    if ratio is None:
        return NONE, "unknown"
    percent = round(100 * min(abs(ratio), MAX_GROWTH))
    if percent == 0:
        return "±0 %", "level"
    return (f"+{percent:,} %", "up") if ratio > 0 else (f"{MINUS}{percent:,} %", "down")


def difference(value: float | None) -> tuple[str, str]:
    """A difference of two sentiments, and the word for its direction."""
    if value is None or not isfinite(value):
        return NONE, "unknown"
    rounded = round(max(-2.0, min(2.0, value)), 2)
    if rounded == 0:
        return "±0.00", "level"
    return (f"+{rounded:.2f}", "up") if rounded > 0 else (f"{MINUS}{-rounded:.2f}", "down")
