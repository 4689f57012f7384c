"""Hours in which a route stays quiet: spans of local time that begin on days of the week. Pure: times are arguments.

Spans are by the clock on the wall of a zone, and may pass midnight. Where clocks change within a span it is never
shorter than what was said: a time that comes twice begins one at the first and ends one at the second, and one that
does not come at all stands for both of its neighbours, an hour apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY_MIN: Final = 1_440
WEEK_MIN: Final = 7 * DAY_MIN

_MOST_STEPS: Final = 32
"""Spans that are followed when each begins before the one before it ends; a week that has a gap needs fewer."""

_NEAR: Final = (-2, -1, 0, 1)
"""Days, from the present one, on which a span that reaches here may begin: it may have a day, and clocks change."""


@dataclass(frozen=True, slots=True)
class Span:
    """One stretch of quiet.

    Attributes:
        days: on which it begins, 0 is Monday.
        begin_min: minutes of the day at which it begins.
        end_min: those at which it ends, counted from the same midnight: beyond 1,440 it is the next day.
    """

    days: frozenset[int]
    begin_min: int
    end_min: int


@dataclass(frozen=True, slots=True)
class Quiet:
    """All of a route's quiet hours.

    Attributes:
        spans: none: never.
        zone: name of the time zone by whose clocks they are.
    """

    spans: tuple[Span, ...] = ()
    zone: str = "UTC"

    def end_ms(self, at_ms: int) -> int | None:
        """When the quiet that *at_ms* (Unix) falls into is over; None: it falls into none."""
        end_ms = at_ms
        for _ in range(_MOST_STEPS):
            later_ms = max((end for begin, end in self._near(end_ms) if begin <= end_ms < end), default=end_ms)
            if later_ms == end_ms:
                break
            end_ms = later_ms
        return end_ms if end_ms > at_ms else None

    def _near(self, at_ms: int) -> Iterator[tuple[int, int]]:
        """Begin and end, Unix ms, of the spans around *at_ms*."""
        if not self.spans:
            return
        zone = ZoneInfo(self.zone)
        today = datetime.fromtimestamp(at_ms / 1000, zone).date()
        for day in (today + timedelta(days=away) for away in _NEAR):
            for span in self.spans:
                if day.weekday() in span.days:
                    yield min(_instants(day, span.begin_min, zone)), max(_instants(day, span.end_min, zone))


def _instants(day: date, minutes: int, zone: ZoneInfo) -> tuple[int, int]:
    """Both readings, Unix ms, of a clock that shows so many minutes after midnight; mostly they are the same."""
    wall = datetime.combine(day, time.min) + timedelta(minutes=minutes)
    first, second = (wall.replace(tzinfo=zone, fold=fold).timestamp() for fold in (0, 1))
    return round(first * 1000), round(second * 1000)


def leaves_time(spans: Sequence[Span]) -> bool:
    """Whether there is a minute of the week that is in none of *spans*."""
    quiet: set[int] = set()
    for span in spans:
        for day in span.days:
            begin = day * DAY_MIN + span.begin_min
            quiet.update(minute % WEEK_MIN for minute in range(begin, day * DAY_MIN + span.end_min))
    return len(quiet) < WEEK_MIN
