"""The history: one entry a minute for a day and one an hour for a month, in two rings of Redis, written and read back.

Pure. A minute has one place in its ring, and an hour in the other one, so that no ring grows and an entry of yesterday
gives way. An hour is worked out from its minutes, again with each of them, so it may be written any number of times.
Entries that are read are untrusted: bounded, and left out where they are not ours or not of the ring's time.

Source: ``orchestrator:history`` in ``docs/redis-protocol.md``.
"""

from __future__ import annotations

from enum import StrEnum
from math import isfinite
from typing import TYPE_CHECKING, Any, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MINUTES: Final = 24 * 60
MINUTE_MS: Final = 60_000
HOUR_MINUTES: Final = 60
HOURS: Final = 31 * 24
MAX_ENTRY_BYTES: Final = 256
_MOST: Final = 1e15


class Period(StrEnum):
    """For how long back somebody looks; the value is its name in addresses."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"

    @property
    def minutes(self) -> int:
        """How long it is."""
        return {Period.DAY: 1, Period.WEEK: 7, Period.MONTH: 30}[self] * MINUTES

    @property
    def step_minutes(self) -> int:
        """From one entry to the next."""
        return 1 if self is Period.DAY else HOUR_MINUTES


class Minute(msgspec.Struct, frozen=True, array_like=True):
    """What was seen in one minute; None: nobody could tell.

    Attributes:
        minute: Unix time in minutes, by the clock of Redis.
        chunks: that waited in all queues.
        oldest_s: for how long the brand that waited longest had seen no commit.
        rate: chunks that were folded a second, on average.
        dead_letters: in the lists of all brands.
    """

    minute: int
    chunks: int | None = None
    oldest_s: float | None = None
    rate: float | None = None
    dead_letters: int | None = None

    @property
    def place(self) -> bytes:
        """The field of the ring."""
        return b"%d" % (self.minute % MINUTES)

    def entry(self) -> bytes:
        """The minute as it is stored."""
        return msgspec.json.encode(self)


class Hour(msgspec.Struct, frozen=True, array_like=True):
    """What was seen in one hour, as its minutes tell; None: none of them does.

    Attributes:
        hour: Unix time in hours, by the clock of Redis.
        chunks: most that waited in all queues.
        oldest_s: for how long at most the brand that waited longest had seen no commit.
        rate: chunks that were folded a second, on average.
        dead_letters: most in the lists of all brands.
    """

    hour: int
    chunks: int | None = None
    oldest_s: float | None = None
    rate: float | None = None
    dead_letters: int | None = None

    @property
    def minute(self) -> int:
        """Its first one."""
        return self.hour * HOUR_MINUTES

    @property
    def place(self) -> bytes:
        """The field of the ring."""
        return b"%d" % (self.hour % HOURS)

    def entry(self) -> bytes:
        """The hour as it is stored."""
        return msgspec.json.encode(self)


Step = Minute | Hour
"""Both have a minute at which they begin, and the same numbers."""


def hour_of(hour: int, minutes: Sequence[Minute]) -> Hour:
    """The *hour* (Unix time in hours) to which those of *minutes* belong that are of it."""
    own = [each for each in minutes if each.minute // HOUR_MINUTES == hour]
    rates = [each.rate for each in own if each.rate is not None]
    return Hour(
        hour,
        chunks=max((each.chunks for each in own if each.chunks is not None), default=None),
        oldest_s=max((each.oldest_s for each in own if each.oldest_s is not None), default=None),
        rate=round(sum(rates) / len(rates), 3) if rates else None,
        dead_letters=max((each.dead_letters for each in own if each.dead_letters is not None), default=None),
    )


def places_of_hour(minute: int) -> list[bytes]:
    """The places of the minutes before *minute* (Unix time in minutes) that are of its hour."""
    return [Minute(each).place for each in range(minute - minute % HOUR_MINUTES, minute)]


def read_day(entries: Iterable[tuple[bytes, bytes]], now_minute: int) -> list[Minute]:
    """The minutes of the last day at *now_minute*, the oldest first, from fields and *entries* of the ring."""
    found = (_read(_decode_minute, place, entry) for place, entry in entries)
    day = [each for each in found if each is not None and now_minute - MINUTES < each.minute <= now_minute]
    return sorted(day, key=lambda each: each.minute)


def read_hours(entries: Iterable[tuple[bytes, bytes]], now_minute: int, period: Period) -> list[Hour]:
    """The hours of *period* at *now_minute*, the oldest first, from fields and *entries* of the ring."""
    now, hours = now_minute // HOUR_MINUTES, period.minutes // HOUR_MINUTES
    found = (_read(_decode_hour, place, entry) for place, entry in entries)
    kept = [each for each in found if each is not None and now - hours < each.hour <= now]
    return sorted(kept, key=lambda each: each.hour)


def _read(decode: Any, place: bytes, entry: bytes) -> Any:
    """The minute or hour of *entry*, None if it is none of ours in *place*."""
    if len(entry) > MAX_ENTRY_BYTES:
        return None
    try:
        found = decode(entry)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    numbers = (found.chunks, found.oldest_s, found.rate, found.dead_letters)
    if found.place != place or not all(number is None or _plausible(number) for number in numbers):
        return None
    return found


def _plausible(number: float) -> bool:
    return isfinite(number) and 0 <= number <= _MOST


_decode_minute: Any = msgspec.json.Decoder(Minute).decode
_decode_hour: Any = msgspec.json.Decoder(Hour).decode
