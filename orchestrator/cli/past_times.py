"""A time of the past as people type it: ISO 8601 in UTC, or how long ago it was."""

from __future__ import annotations

import time

from orchestrator.cli.durations import duration_ms
from orchestrator.cli.terminal import Misuse
from orchestrator.contract.times import parse_ms, typed_ms

EXPECTED = "expected a time such as 2026-11-23T10:15:00Z, 2026-11-23, or 30m, 2h, 3d (ago)"


def past_ms(option: str, text: str | None) -> int | None:
    """*text* of that *option* as Unix ms; None where it was not given.

    Raises:
        Misuse: it is no time.
    """
    if text is None:
        return None
    ago_ms = duration_ms(text)
    at_ms = typed_ms(text) if ago_ms is None else round(time.time() * 1_000) - ago_ms
    if at_ms is None:
        raise Misuse(f"{option} is {text!r}{why_not(text)}, {EXPECTED}")
    return at_ms


def why_not(text: str) -> str:
    """What is wrong with *text* that could be read and is no time all the same; empty: nobody could read it."""
    return "" if parse_ms(text) is None else ", a number and no time since 2001"
