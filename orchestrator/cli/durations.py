"""Durations as people type them, ago or from now: ``45s``, ``30m``, ``2h``, ``3d``."""

from __future__ import annotations

import re
from typing import Final

_DURATION: Final = re.compile(r"(\d{1,6})([smhd])", re.ASCII)
_MILLISECONDS: Final = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


def duration_ms(text: str) -> int | None:
    """How long *text* is; None: it is none."""
    found = _DURATION.fullmatch(text)
    return None if found is None else int(found[1]) * _MILLISECONDS[found[2]]
