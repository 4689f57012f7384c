"""The words in which an unacceptable chunk is told of, for the service and for those who write workers.

Owns what both say: the decoder of the service (:mod:`orchestrator.contract.decode`), whose words stand in dead letters,
and :mod:`orchestrator.worker`, which tells the same before a chunk is pushed. Imports the standard library alone, as
workers do without the service's libraries.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from orchestrator.contract import mending

SHOWN_CHARS: Final = 48
"""Of an unacceptable value: enough to recognise it, too little to quote a text."""

NOT_BASE64: Final = "expected base64 of little-endian float32 numbers"


def with_value(reason: str, value: Any) -> str:
    """What was expected, and what there is instead."""
    expected, _, got = reason.partition(", got ")
    if isinstance(value, mending.Odd):
        return f"{value.token} is no JSON. {expected}"
    if got.startswith("`") and isinstance(value, (str, int, float)):
        return f"{reason} {json.dumps(value)[:SHOWN_CHARS]}"
    if got or isinstance(value, dict):
        return reason
    if isinstance(value, (str, list)):
        return f"{reason}, got length {len(value)}"
    return f"{reason}, got {json.dumps(value)[:SHOWN_CHARS]}"


def not_among(choices: Sequence[str], value: object) -> str:
    """A word that is none of the *choices*."""
    *others, last = sorted(f"`{choice}`" for choice in choices)
    return f"Expected {', '.join(others)} or {last}, got {json.dumps(value)[:SHOWN_CHARS]}"


def not_whole(value: float) -> str:
    """A number of mentions with a fraction."""
    return f"expected a whole number, got {value!r}"


def no_floats(size: int) -> str:
    """Base64 of *size* bytes, which are no 32-bit numbers."""
    return f"expected a multiple of 4 bytes after base64, got {size}"


def too_large(size: int, most: int) -> str:
    """A document of *size* bytes."""
    return f"the chunk has {size} bytes, at most {most} are allowed"
