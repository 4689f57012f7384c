"""Volume and sentiment by the hour and the day, for the last seven days and today.

Hours are kept as exact tallies; a day is the sum of its hours. A chunk counts in the hour of its stamped time, so a
late one corrects the hour that it belongs to, also where it is too late for the window. Days are those of UTC.

Source: the design's ``trend:brand:<brand>``, laid out in :mod:`orchestrator.contract.insights`.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from orchestrator.brand.codec import number_in
from orchestrator.brand.panes import HOUR_MS, HOURS_PER_DAY, PANES_PER_HOUR, Present, first_hour
from orchestrator.brand.sentiment import Tally, to_number
from orchestrator.contract.insights import DAY_FIELD, HOUR_FIELD, TrendPoint
from orchestrator.contract.times import iso_utc_seconds

PREFIX = b"h:"

_HOUR_BYTES = 450  # in memory: a tally, its numbers, its entry
_DATE_CHARS = len("2026-11-23")


class Trend:
    """The hours of one brand, by their number since the epoch."""

    def __init__(self) -> None:
        self._hours: dict[int, Tally] = {}
        self._first = 0
        self._dirty: set[int] = set()
        self._removed: list[int] = []

    @classmethod
    def load(cls, fields: Mapping[bytes, bytes]) -> Trend:
        """The trend with the hours among *fields*."""
        trend = cls()
        for name, value in fields.items():
            if name.startswith(PREFIX):
                trend._hours[number_in(name)] = Tally.decode(name, value)
        return trend

    def held_bytes(self) -> int:
        """Bytes in memory."""
        return len(self._hours) * _HOUR_BYTES

    def fold(self, added: Mapping[int, Tally]) -> None:
        """Count what was *added* to panes."""
        for pane, tally in added.items():
            hour = pane // PANES_PER_HOUR
            if hour < self._first:  # the window may be set to reach further back than the trend
                continue
            self._hours.setdefault(hour, Tally()).add(tally)
            self._dirty.add(hour)

    def advance(self, now_ms: int) -> None:
        """Forget hours of days that the trend no longer covers."""
        first = first_hour(now_ms)
        if first <= self._first:
            return
        self._first = first
        for hour in [hour for hour in self._hours if hour < first]:
            del self._hours[hour]
            self._dirty.discard(hour)
            self._removed.append(hour)

    def reanchor(self, present: Present) -> None:
        """Count what is in hours of the future in the present one instead; :meth:`rewrite` after it."""
        for hour in sorted(self._hours):
            to = present.move(hour, HOUR_MS)
            if to != hour:
                self._hours.setdefault(to, Tally()).add(self._hours.pop(hour))
                self._removed.append(hour)

    def take_changes(self, put: dict[bytes, bytes], remove: list[bytes]) -> tuple[dict[bytes, bytes], list[bytes]]:
        """Add the changed state fields to *put* and *remove*; returns the published fields to set and to delete."""
        for hour in self._dirty:
            put[b"%b%d" % (PREFIX, hour)] = self._hours[hour].encode()
        remove.extend(b"%b%d" % (PREFIX, hour) for hour in self._removed)
        shown = {_hour_field(hour): _point(hour, self._hours[hour]) for hour in sorted(self._dirty)}
        for day in sorted({hour // HOURS_PER_DAY for hour in self._dirty}):
            shown[_day_field(day)] = _point(day * HOURS_PER_DAY, self._day(day))
        gone = [_hour_field(hour) for hour in self._removed]
        # The day of a removed hour is removed, too: advance() forgets whole days. A repair may leave some of its hours.
        gone += [_day_field(day) for day in sorted({hour // HOURS_PER_DAY for hour in self._removed})]
        gone = [name for name in gone if name not in shown]
        self._dirty = set()
        self._removed = []
        return shown, gone

    def rewrite(self) -> None:
        """Write every hour with the next changes, and publish it again."""
        self._dirty.update(self._hours)

    def _day(self, day: int) -> Tally:
        total = Tally()
        for hour in range(day * HOURS_PER_DAY, (day + 1) * HOURS_PER_DAY):
            if hour in self._hours:
                total.add(self._hours[hour])
        return total


def _hour_field(hour: int) -> bytes:
    return HOUR_FIELD + iso_utc_seconds(hour * HOUR_MS).encode()


def _day_field(day: int) -> bytes:
    return DAY_FIELD + iso_utc_seconds(day * HOURS_PER_DAY * HOUR_MS)[:_DATE_CHARS].encode()


def _point(hour: int, tally: Tally) -> bytes:
    positive, neutral, negative, score = map(to_number, tally.sums)
    start = iso_utc_seconds(hour * HOUR_MS)
    point = TrendPoint(start, tally.chunks, tally.mentions, positive, neutral, negative, score, tally.net())
    return msgspec.json.encode(point)
