"""Times on the wire: from Unix milliseconds to ISO 8601 in UTC, and back from whatever workers write.

Every document that this service writes takes its times from here, so that all have one form. Read are RFC 3339 in full
(small letters, any offset, any fraction, the leap second), the rest of ISO 8601 that Python reads, the dates of mail
and HTTP, and Unix time as number or text. What could be meant in two ways ("11/27/2026") is no time.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_LAST_MS = 253_402_300_799_999  # 9999-12-31T23:59:59.999Z

_LEAST_MS = 1e11
"""Unix time from here on is milliseconds: as such it is March 1973, as seconds it would be the year 5138."""

_LEAST_TYPED_MS = 978_307_200_000  # 2001-01-01T00:00:00Z
_BASIC_DATE_CHARS = len("20261123")
_EPOCH_TEXT = re.compile(r"\d{1,20}(?:\.\d{0,20})?", re.ASCII)
_CLOCK = r"(?P<hour>\d\d):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:[.,](?P<fraction>\d+))?)?"
_ZONE = r"(?P<zone>Z|UTC?|GMT|[+-]\d\d(?::?[0-5]\d)?)"
_MOMENT = re.compile(
    rf"(?P<year>\d{{4}})-(?P<month>\d\d)-(?P<day>\d\d)(?:T|\s+){_CLOCK}(?:\s*{_ZONE}(?:\[[^\[\]]*\])?)?",
    re.ASCII | re.IGNORECASE,
)
_MAIL = re.compile(
    rf"(?:[A-Z]{{3}},\s*)?(?P<day>\d{{1,2}})\s+(?P<name>[A-Z]{{3}})\s+(?P<year>\d{{4}})\s+{_CLOCK}\s*{_ZONE}",
    re.ASCII | re.IGNORECASE,
)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


Moment = tuple[int, bool]
"""A time as Unix milliseconds, and whether it says of itself in which zone it is; if not, UTC was assumed."""


@lru_cache(maxsize=1024)  # the chunks of a batch have few different times
def iso_utc(at_ms: int) -> str:
    """*at_ms* (Unix milliseconds) as ISO 8601 in UTC with milliseconds and ``Z``."""
    # Not by fromtimestamp(): it takes a float and would round some milliseconds down.
    moment = _EPOCH + at_ms * _MILLISECOND
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def iso_utc_seconds(at_ms: int) -> str:
    """Like :func:`iso_utc`, to the second."""
    return iso_utc(at_ms)[:-5] + "Z"


def parse_ms(text: str) -> int | None:
    """The time in *text* as Unix milliseconds, None if it has none; see :func:`read_time`."""
    moment = read_time(text)
    return None if moment is None else moment[0]


def typed_ms(text: str) -> int | None:
    """The time in *text* as a person types it, in Unix milliseconds; None if it has none.

    A bare number of before 2001 is none: ``2026`` is meant as a year, and is no half an hour of 1970.
    """
    at_ms = parse_ms(text)
    early = at_ms is not None and at_ms < _LEAST_TYPED_MS and text.strip().replace(".", "", 1).isdigit()
    return None if early and len(text.strip()) != _BASIC_DATE_CHARS else at_ms


def read_time(value: str | float) -> Moment | None:
    """The time that *value* says, None if it says none."""
    if not isinstance(value, str):
        return _of_epoch(value)
    if value[4:5] == "-":  # nearly every text; what cannot be Unix time has no need to be looked at more closely
        try:
            return _of_iso(value)
        except ValueError:
            pass
    return _read_slowly(value.strip())


def _of_iso(text: str) -> Moment:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        return (moment.replace(tzinfo=UTC) - _EPOCH) // _MILLISECOND, False
    return (moment - _EPOCH) // _MILLISECOND, True


def _of_epoch(value: float) -> Moment | None:
    """Unix time in seconds or milliseconds, which its size tells apart."""
    if not -_LAST_MS <= value <= _LAST_MS:
        return None
    # Seconds are rounded to microseconds first: 1795753359.458 times 1000 is less than ...458.
    at_ms = int(value // 1) if abs(value) >= _LEAST_MS else round(value * 1e6) // 1000
    return at_ms, True


def _read_slowly(text: str) -> Moment | None:
    # Before ISO 8601: the digits of Unix time in milliseconds can be read as a date of the Middle Ages.
    if _EPOCH_TEXT.fullmatch(text) and len(text) != _BASIC_DATE_CHARS:
        return _of_epoch(float(text))
    found = _MOMENT.fullmatch(text) or _MAIL.fullmatch(text)
    try:
        return _of_parts(found.groupdict()) if found else _of_iso(text.upper())
    except ValueError:
        return None


def _of_parts(parts: dict[str, str | None]) -> Moment | None:
    """The moment that *parts* tell.

    Raises:
        ValueError: there is no such day or month.
    """
    numbers = {name: int(parts.get(name) or 0) for name in ("year", "month", "day", "hour", "minute", "second")}
    hour, minute, second = numbers["hour"], numbers["minute"], numbers["second"]
    past_midnight = hour == 24 and not minute and not second  # noqa: PLR2004 - the end of a day, ISO 8601
    if (hour > 23 and not past_midnight) or minute > 59 or second > 60:  # noqa: PLR2004 - hours, minutes, seconds
        return None
    name = parts.get("name")
    month = numbers["month"] if name is None else _MONTHS.index(name.lower()) + 1
    day = datetime(numbers["year"], month, numbers["day"], tzinfo=UTC)
    # The leap second is the second after, as in Unix time.
    clock_ms = ((hour * 60 + minute) * 60 + second) * 1000 + int(f"{parts['fraction'] or ''}000"[:3])
    zone = parts["zone"]
    return (day - _EPOCH) // _MILLISECOND + clock_ms - _offset_ms(zone), zone is not None


def _offset_ms(zone: str | None) -> int:
    if zone is None or zone[0] not in "+-":
        return 0
    minutes = int(zone[1:3]) * 60 + int(zone[3:].removeprefix(":") or 0)
    return (-minutes if zone[0] == "-" else minutes) * 60_000
