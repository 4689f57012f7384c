"""Volume and sentiment by the hour for the last seven days and today, and by the day for 400 days.

Hours are kept as exact tallies; a day is the sum of its hours. A chunk counts in the hour of its stamped time, so a
late one corrects the hour that it belongs to, also where it is too late for the window. Days are those of UTC. When its
hours go, a day is what it will ever be: it stays published and is not part of the state, which only knows the oldest
one (``t``).

Beside the hours stands what was expected of each. That is published once and not part of the state: it was known when
the hour began, and no late chunk changes it.

Source: the design's ``trend:brand:<brand>``, laid out in :mod:`orchestrator.contract.insights`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol

import msgspec

from orchestrator.brand.codec import FieldDecoder, number_in, pack
from orchestrator.brand.panes import HOUR_MS, HOURS_PER_DAY, PANES_PER_HOUR, Present, first_hour
from orchestrator.brand.sentiment import Tally, to_number
from orchestrator.contract.insights import (
    DAY_FIELD,
    EXPECTED_FIELD,
    HISTORY_DAYS,
    HOUR_FIELD,
    TREND_DAYS,
    ExpectedHour,
    TrendPoint,
)
from orchestrator.contract.times import iso_utc_seconds

PREFIX = b"h:"
OLDEST_FIELD = b"t"

_HOUR_BYTES = 450  # in memory: a tally, its numbers, its entry
_DATE_CHARS = len("2026-11-23")
_DECIMALS = 2
_oldest_decoder = FieldDecoder(int)
_OUTLOOK_HOURS = (TREND_DAYS + 1) * HOURS_PER_DAY + 1
"""At most so many hours, from the first one of the trend on, have an outlook: all of it and the one to come."""


class Outlook(Protocol):
    """What is expected of an hour; the bound is asked for when it is published, since it costs a search."""

    @property
    def mean(self) -> float:
        """Mentions that are likely."""

    def upper_bound(self) -> int:
        """The fewest mentions that would open an episode."""


class Trend:
    """The hours of one brand, by their number since the epoch."""

    def __init__(self) -> None:
        self._hours: dict[int, Tally] = {}
        self._first = 0
        self._dirty: set[int] = set()
        self._removed: list[int] = []
        self._outlook: dict[int, Outlook] = {}
        self._past: set[int] = set()
        self._oldest: int | None = None  # the first day that may be published
        self._oldest_dirty = False
        self._past_days: set[int] = set()
        self._parting: dict[int, bytes] = {}  # days whose hours left before the day was published as they made it

    @classmethod
    def load(cls, fields: Mapping[bytes, bytes]) -> Trend:
        """The trend with the hours among *fields*."""
        trend = cls()
        for name, value in fields.items():
            if name.startswith(PREFIX):
                trend._hours[number_in(name)] = Tally.decode(name, value)
        if OLDEST_FIELD in fields:
            trend._oldest = _oldest_decoder.read(OLDEST_FIELD, fields[OLDEST_FIELD])
        elif trend._hours:
            trend._reach(min(trend._hours))
        return trend

    def held_bytes(self) -> int:
        """Bytes in memory."""
        return len(self._hours) * _HOUR_BYTES

    def hour(self, hour: int) -> Tally:
        """The tally of an *hour* since the epoch; an empty one if nothing of it is kept."""
        return self._hours.get(hour) or Tally()

    def fold(self, added: Mapping[int, Tally]) -> None:
        """Count what was *added* to panes."""
        for pane, tally in added.items():
            hour = pane // PANES_PER_HOUR
            if hour < self._first:  # the window may be set to reach further back than the trend
                continue
            self._hours.setdefault(hour, Tally()).add(tally)
            self._dirty.add(hour)
            self._reach(hour)

    def _reach(self, hour: int) -> None:
        """The day of *hour* is published, or will be."""
        day = hour // HOURS_PER_DAY
        if self._oldest is None or day < self._oldest:
            self._oldest, self._oldest_dirty = day, True

    def expect(self, outlook: Mapping[int, Outlook]) -> None:
        """Publish with the next changes what is expected of hours."""
        self._outlook.update(outlook)

    def advance(self, now_ms: int) -> None:
        """Forget hours of days that the trend no longer covers."""
        first = first_hour(now_ms)
        if first <= self._first:
            return
        # Of which hours there was an outlook nobody kept; there is none beyond the hour after the last one.
        if self._first:
            self._past.update(range(self._first, min(first, self._first + _OUTLOOK_HOURS)))
        self._first = first
        for day in {hour // HOURS_PER_DAY for hour in self._dirty if hour < first}:
            self._parting[day] = _point(day * HOURS_PER_DAY, self._day(day))
        self._forget_days(now_ms // HOUR_MS // HOURS_PER_DAY + 1 - HISTORY_DAYS)
        for hour in [hour for hour in self._hours if hour < first]:
            del self._hours[hour]
            self._dirty.discard(hour)
            self._removed.append(hour)

    def _forget_days(self, first: int) -> None:
        """Days before the day *first* are no longer published."""
        if self._oldest is None or first <= self._oldest:
            return
        # A brand that was silent for years has none beyond those that it had when it was last advanced.
        self._past_days.update(range(self._oldest, min(first, self._oldest + HISTORY_DAYS)))
        self._oldest, self._oldest_dirty = first, True

    def reanchor(self, present: Present) -> None:
        """Count what is in hours of the future in the present one instead; :meth:`rewrite` after it."""
        for hour in sorted(self._hours):
            to = present.move(hour, HOUR_MS)
            if to != hour:
                self._hours.setdefault(to, Tally()).add(self._hours.pop(hour))
                self._removed.append(hour)

    def take_changes(self, put: dict[bytes, bytes], remove: list[bytes]) -> tuple[dict[bytes, bytes], list[bytes]]:
        """Add the changed state fields to *put* and *remove*; returns the published fields to set and to delete."""
        put.update((b"%b%d" % (PREFIX, hour), self._hours[hour].encode()) for hour in self._dirty)
        remove.extend(b"%b%d" % (PREFIX, hour) for hour in self._removed)
        if self._oldest_dirty:
            put[OLDEST_FIELD] = pack(self._oldest)
        shown = self._shown()
        gone = [name for name in self._gone() if name not in shown]
        self._dirty, self._past, self._past_days, self._removed = set(), set(), set(), []
        self._outlook, self._parting, self._oldest_dirty = {}, {}, False
        return shown, gone

    def _shown(self) -> dict[bytes, bytes]:
        """The published fields that changed: hours, days, what is expected of hours."""
        shown = {_hour_field(hour): _point(hour, self._hours[hour]) for hour in sorted(self._dirty)}
        days = {hour // HOURS_PER_DAY for hour in self._dirty}
        points = {day: _point(day * HOURS_PER_DAY, self._day(day)) for day in days}
        points |= {day: point for day, point in self._parting.items() if self._oldest is None or day >= self._oldest}
        shown |= {_day_field(day): points[day] for day in sorted(points)}
        outlook = {hour: one for hour, one in self._outlook.items() if hour >= self._first}
        return shown | {_expected_field(hour): _expected(hour, one) for hour, one in outlook.items()}

    def _gone(self) -> Iterator[bytes]:
        """The published fields that go, unless they are set anew."""
        yield from map(_hour_field, self._removed)
        # A day outlives hours that became too old, and not those that a repair took out of the future.
        yield from map(_day_field, sorted({hour // HOURS_PER_DAY for hour in self._removed if hour >= self._first}))
        yield from map(_day_field, sorted(self._past_days))
        yield from map(_expected_field, sorted(self._past))

    def rewrite(self) -> None:
        """Write every hour with the next changes, and publish it again."""
        self._dirty.update(self._hours)
        self._oldest_dirty = self._oldest is not None

    def _day(self, day: int) -> Tally:
        total = Tally()
        for hour in range(day * HOURS_PER_DAY, (day + 1) * HOURS_PER_DAY):
            if hour in self._hours:
                total.add(self._hours[hour])
        return total


def _hour_field(hour: int) -> bytes:
    return HOUR_FIELD + iso_utc_seconds(hour * HOUR_MS).encode()


def _expected_field(hour: int) -> bytes:
    return EXPECTED_FIELD + iso_utc_seconds(hour * HOUR_MS).encode()


def _expected(hour: int, outlook: Outlook) -> bytes:
    start = iso_utc_seconds(hour * HOUR_MS)
    return msgspec.json.encode(ExpectedHour(start, round(outlook.mean, _DECIMALS), outlook.upper_bound()))


def _day_field(day: int) -> bytes:
    return DAY_FIELD + iso_utc_seconds(day * HOURS_PER_DAY * HOUR_MS)[:_DATE_CHARS].encode()


def _point(hour: int, tally: Tally) -> bytes:
    positive, neutral, negative, score = map(to_number, tally.sums)
    start = iso_utc_seconds(hour * HOUR_MS)
    point = TrendPoint(start, tally.chunks, tally.mentions, positive, neutral, negative, score, tally.net())
    return msgspec.json.encode(point)
