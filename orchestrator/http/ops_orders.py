"""What an operator asks for, read from a form, a link or a body of the API, and checked before anything is done.

Pure but for the errors, which answer the request. A grep is a plain text here, never a pattern: one that takes for ever
would hold up the whole process.
"""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from orchestrator.contract.letters import Selection, Writer
from orchestrator.contract.times import typed_ms
from orchestrator.http.answers import exact_brand
from orchestrator.http.problems import ProblemError
from orchestrator.letters import Action, Order
from orchestrator.process.masking import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_TEXT_CHARS: Final = 256
MAX_INDEX: Final = 100_000_000
MAX_BY_CHARS: Final = 128
MAX_HOURS: Final = 24 * 365
HOUR_MS: Final = 3_600_000

_GROUP: Final = re.compile(r"[0-9a-f]{16}")
FILTERS: Final = ("group", "index", "reason", "path", "grep", "since", "until")


def refused(detail: str) -> ProblemError:
    """What was asked for cannot be understood."""
    return ProblemError(HTTPStatus.BAD_REQUEST, detail)


def signature(who: str, way: str, address: str) -> str:
    """Who asks, for the audit list: what they say to be called, by which way, from where."""
    name = printable(" ".join(who.split())) or "somebody"
    return f"{name[: MAX_BY_CHARS // 2]} ({way}, {address[: MAX_BY_CHARS // 4]})"


def brand_of(values: Mapping[str, str]) -> str | None:
    """The brand that is named, None if none is.

    Raises:
        InvalidBrandError: no brand can have this name.
    """
    name = values.get("brand", "")
    return exact_brand(name) if name else None


def order_of(values: Mapping[str, str], by: str) -> tuple[str | None, Order]:
    """The brand (None: all) and the order in *values*.

    Raises:
        ProblemError: a value is not what it should be, or nobody said which letters are meant; 400, naming it.
        InvalidBrandError: no brand can have this name.
    """
    action = _one_of("action", values, [each.value for each in Action])
    writer = _one_of("writer", values, [each.value for each in Writer], Writer.ORCHESTRATOR.value)
    if action == Action.RETRY.value and writer == Writer.OTHER.value:
        raise refused("Letters of no known shape cannot be sent again: nobody knows what their payload is.")
    if not (values.get("all") == "yes" or any(values.get(name) for name in FILTERS)):
        raise refused(f"Say which letters are meant: one of {', '.join(FILTERS)}, or all=yes.")
    brand = brand_of(values)
    selection = selection_of(values, Writer(writer))
    if selection.index is not None and brand is None:
        raise refused("index needs a brand.")
    return brand, Order(Action(action), selection, by, limit=whole("limit", values, 1, MAX_INDEX))


def selection_of(values: Mapping[str, str], writer: Writer | None = None) -> Selection:
    """The letters that *values* mean, of *writer*, or of the one that is named there, or of any.

    Raises:
        ProblemError: a value is not what it should be; 400, naming it.
    """
    named = values.get("writer")
    if writer is None and named:
        writer = Writer(_one_of("writer", values, [each.value for each in Writer]))
    grep = _text("grep", values)
    return Selection(
        writer=writer,
        reason=_text("reason", values),
        path=_text("path", values),
        since_ms=_moment("since", values),
        until_ms=_moment("until", values),
        grep=None if grep is None else re.compile(re.escape(grep)),
        index=whole("index", values, 0, MAX_INDEX),
        group=_group(values),
    )


def whole(name: str, values: Mapping[str, str], lowest: int, highest: int) -> int | None:
    """A whole number within bounds, None if there is none.

    Raises:
        ProblemError: it is something else.
    """
    text = values.get(name, "")
    if not text:
        return None
    value = int(text) if text.isascii() and text.isdigit() and len(text) <= len(str(highest)) else -1
    if not lowest <= value <= highest:
        raise refused(f"{name} must be a whole number from {lowest} to {highest}.")
    return value


def pause_ms(values: Mapping[str, str]) -> int | None:
    """For how long a brand is to be paused, from ``hours``; None: until somebody resumes it.

    Raises:
        ProblemError: it is no number of hours.
    """
    text = values.get("hours", "").strip()
    if not text:
        return None
    try:
        hours = float(text)
    except ValueError:
        hours = -1.0
    if not 0 < hours <= MAX_HOURS:  # also for what is no number
        raise refused(f"hours must be a number above 0, up to {MAX_HOURS}, or empty.")
    return max(1, round(hours * HOUR_MS))


def _one_of(name: str, values: Mapping[str, str], allowed: list[str], default: str = "") -> str:
    value = values.get(name) or default
    if value not in allowed:
        raise refused(f"{name} must be one of {', '.join(allowed)}.")
    return value


def _text(name: str, values: Mapping[str, str]) -> str | None:
    value = values.get(name) or None
    if value is not None and len(value) > MAX_TEXT_CHARS:
        raise refused(f"{name} must have at most {MAX_TEXT_CHARS} characters.")
    return value


def _moment(name: str, values: Mapping[str, str]) -> int | None:
    value = _text(name, values)
    if value is None:
        return None
    at_ms = typed_ms(value)
    if at_ms is None:
        raise refused(f"{name} must be a time such as 2026-03-01T12:00:00Z.")
    return at_ms


def _group(values: Mapping[str, str]) -> str | None:
    value = values.get("group") or None
    if value is not None and _GROUP.fullmatch(value) is None:
        raise refused("group must be the name of a group: 16 digits and letters from a to f.")
    return value
