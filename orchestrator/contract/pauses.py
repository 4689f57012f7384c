"""A brand that an operator paused: the mark that says so, and how it is told to people.

A mark is a JSON object ``{"untilMs":n|null,"sinceMs":n,"reason":"...","by":"..."}`` with ``untilMs`` first: acquire.lua
reads the end by this very beginning, and so does :func:`Pause.read`, so that the two never disagree about whether a
pause is over. A mark that cannot be read is one without an end: somebody put it there, and somebody has to resume.
Every mark is untrusted bytes. Source: ``orchestrator:paused`` in ``docs/redis-protocol.md``.
"""

from __future__ import annotations

import re
import shlex
import unicodedata
from dataclasses import dataclass, replace
from typing import Any, Final

import msgspec

from orchestrator.contract.times import iso_utc_seconds
from orchestrator.errors import PauseError

MAX_MARK_BYTES: Final = 4_096
"""Of a mark that is read; a longer one is not ours."""

MAX_REASON_CHARS: Final = 256
MAX_BY_CHARS: Final = 128

_UNTIL: Final = re.compile(rb'\{"untilMs":([0-9]+),')
_LAST_MS: Final = 253_402_300_799_999  # 9999-12-31T23:59:59.999Z


class _Mark(msgspec.Struct, rename="camel"):
    until_ms: int | None = None
    since_ms: int = 0
    reason: str = ""
    by: str = ""


@dataclass(frozen=True, slots=True)
class Pause:
    """That a brand is paused.

    Attributes:
        reason: why, in the operator's words; may be empty.
        by: who paused it; empty if the mark does not say.
        since_ms: since when, Unix ms of the server; 0 if the mark does not say.
        until_ms: when it ends by itself, Unix ms of the server; None: when somebody resumes it.
    """

    reason: str
    by: str
    since_ms: int
    until_ms: int | None

    @classmethod
    def read(cls, mark: bytes) -> Pause:
        """What *mark* says, cut to what we would have written."""
        found = _UNTIL.match(mark[:MAX_MARK_BYTES])
        until_ms = int(found.group(1)) if found else None
        try:
            told: _Mark = _decode(mark)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            told = _Mark(reason="its mark cannot be read")
        since_ms = told.since_ms if 0 < told.since_ms <= _LAST_MS else 0
        return cls(told.reason[:MAX_REASON_CHARS], told.by[:MAX_BY_CHARS], since_ms, until_ms)

    def mark(self) -> bytes:
        """As it is written."""
        return msgspec.json.encode(_Mark(self.until_ms, self.since_ms, self.reason, self.by))

    def for_strangers(self) -> Pause:
        """The same without who said so, which may name users and hosts."""
        return replace(self, by="")

    def holds(self, now_ms: int) -> bool:
        """Whether it still holds at *now_ms* of the server."""
        return self.until_ms is None or self.until_ms > now_ms

    def __str__(self) -> str:
        by = f" by {self.by}" if self.by else ""
        since = f" since {iso_utc_seconds(self.since_ms)}" if self.since_ms else ""
        until = f" until {_when(self.until_ms)}" if self.until_ms is not None else ""
        reason = f": {self.reason}" if self.reason else ""
        return f"paused{by}{since}{until}{reason}"


def resuming(brand: str) -> str:
    """The command that ends the pause of *brand*."""
    return f"orchestrator brands resume {shlex.quote(brand)}"


def check_reason(reason: str) -> str:
    """Return *reason* trimmed.

    Raises:
        PauseError: it is too long, or more than a line of text.
    """
    return _line("a reason", reason, MAX_REASON_CHARS)


def check_by(by: str) -> str:
    """Return *by* trimmed.

    Raises:
        PauseError: it is too long, or more than a line of text.
    """
    return _line("who pauses", by, MAX_BY_CHARS)


def _line(what: str, text: str, most: int) -> str:
    text = text.strip()
    if len(text) > most:
        raise PauseError(f"{what} has {len(text)} characters, at most {most} are allowed")
    if any(unicodedata.category(char) in {"Cc", "Cs"} for char in text):
        raise PauseError(f"{what} must be one line of text, got {text!r}")
    return text


def _when(at_ms: int) -> str:
    return iso_utc_seconds(at_ms) if at_ms <= _LAST_MS else "the end of time"


_decode: Any = msgspec.json.Decoder(_Mark).decode
