"""Times on the wire: from Unix milliseconds to ISO 8601 in UTC, and back.

Every document that this service writes takes its times from here, so that all have one form.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


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
    """ISO 8601 text as Unix milliseconds, None if it is no such text; without an offset it counts as UTC."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) // _MILLISECOND
