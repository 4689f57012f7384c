"""What people did, or asked for: one entry of the audit list, written and read back.

Pure. An entry is there *before* its action is tried, so that nothing is done unseen; what came of it is in the answer
and the log. Entries that are read are untrusted: bounded, and left out where they are not ours.

Source: ``orchestrator:audit`` in ``docs/redis-protocol.md``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from orchestrator.contract.times import iso_utc, parse_ms

MAX_ENTRY_BYTES: Final = 4_096
MAX_WHO_CHARS: Final = 128
MAX_VALUE_CHARS: Final = 256
MAX_DETAILS: Final = 12

Value = str | int | float | bool | None


class Act(msgspec.Struct, frozen=True, kw_only=True):
    """One action.

    Attributes:
        at: when it was asked for, ISO 8601 by the clock of Redis.
        by: who asked for it: ``user@host`` in a shell, what a page or program said of itself over HTTP.
        action: what it was: ``retry``, ``drop``, ``edit``, ``pause``, ``resume``, ``purge``, ``repair``, ...
        brand: whose; None for all brands.
        details: which letters, how many, why: short values by name.
    """

    at: str
    by: str
    action: str
    brand: str | None = None
    details: dict[str, Value] = {}

    def entry(self) -> bytes:
        """The act as it is stored, at most :data:`MAX_ENTRY_BYTES`."""
        return msgspec.json.encode(self)


def act(at_ms: int, by: str, action: str, brand: str | None, details: Mapping[str, Value]) -> Act:
    """An act with texts shortened to what an entry holds; details that do not fit are left out, from the last one on.

    Args:
        at_ms: Unix ms by the clock of Redis.
        by: who asked for it.
        action: what it was.
        brand: whose, None for all brands.
        details: short values by name.
    """
    kept = {name: _short(value) for name, value in list(details.items())[:MAX_DETAILS]}
    while True:
        made = Act(at=iso_utc(at_ms), by=_short(by, MAX_WHO_CHARS), action=action, brand=brand, details=kept)
        if not kept or len(made.entry()) <= MAX_ENTRY_BYTES:
            return made
        kept.popitem()


def read_act(entry: bytes) -> Act | None:
    """The act that *entry* tells of, None if it is not one of ours."""
    if len(entry) > MAX_ENTRY_BYTES:
        return None
    try:
        found: Act = _decode(entry)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return found if parse_ms(found.at) is not None else None


def _short(value: Any, most: int = MAX_VALUE_CHARS) -> Any:
    if not isinstance(value, str):
        return value
    # Half of a surrogate pair, as in a name that is no UTF-8, cannot be written.
    text = value.encode("utf-8", "backslashreplace").decode()
    return text if len(text) <= most else f"{text[: most - 1]}…"


_decode: Any = msgspec.json.Decoder(Act).decode
