"""The stretch of time that a brand's page shows, and its slots: one bar each. Pure, time as an argument."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from http import HTTPStatus
from typing import Final

from orchestrator.contract.times import parse_ms
from orchestrator.http.problems import ProblemError
from orchestrator.http.span import Step, iso, kept_since

_HOUR: Final = timedelta(hours=1)


class Period(StrEnum):
    """For how long back somebody looks; the value is its name in addresses."""

    DAY = "24h"
    TWO_DAYS = "48h"
    WEEK = "8d"

    @property
    def slot_hours(self) -> int:
        """How long a bar is: on a phone a hundred and ninety-two would be lines."""
        return 3 if self is Period.WEEK else 1

    @property
    def words(self) -> str:
        """How people call it."""
        if self is Period.WEEK:
            return "today and the seven days before"
        return "24 hours" if self is Period.DAY else "48 hours"

    @property
    def short(self) -> str:
        """Its name on a narrow screen."""
        return {Period.DAY: "24 h", Period.TWO_DAYS: "48 h", Period.WEEK: "8 d"}[self]

    def slots(self, now: datetime) -> list[Slot]:
        """The slots up to *now* (UTC), oldest first; they begin at whole hours of the day, whatever *now* is."""
        length, last = self.slot_hours * _HOUR, self.slot_of(now).start
        back = 23 if self is Period.DAY else 47
        # The longest one is of whole days, as many as are kept.
        first = kept_since(Step.HOUR, now) if self is Period.WEEK else last - back * _HOUR
        return [Slot(first + place * length, length) for place in range((last - first) // length + 1)]

    def slot_of(self, moment: datetime) -> Slot:
        """The slot that holds *moment*."""
        start = Step.HOUR.floor(moment)
        return Slot(start - timedelta(hours=start.hour % self.slot_hours), self.slot_hours * _HOUR)


@dataclass(frozen=True, slots=True)
class Slot:
    """A stretch of some hours of UTC; ``end`` is the first instant after it."""

    start: datetime
    length: timedelta

    @property
    def end(self) -> datetime:
        """The first instant after it."""
        return self.start + self.length

    @property
    def iso(self) -> str:
        """Where it begins, as in addresses."""
        return iso(self.start)

    @property
    def words(self) -> str:
        """``Fri 27 Nov, 14:00 to 15:00 UTC``."""
        return f"{self.start:%a} {self.start.day} {self.start:%b, %H:%M} to {self.end:%H:%M} UTC"

    def holds(self, moment: datetime) -> bool:
        """Whether *moment* lies in it."""
        return self.start <= moment < self.end


def moment_of(text: str | None) -> datetime | None:
    """The time in *text* (ISO 8601); None if it is none, or lies outside the years that datetime knows."""
    at_ms = parse_ms(text) if text else None
    if at_ms is None:
        return None
    try:
        return datetime.fromtimestamp(at_ms // 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def read_slot(text: str, period: Period, now: datetime) -> Slot:
    """The slot of *period* that holds the time in *text*.

    Raises:
        ProblemError: 400: it is no time, or one of which nothing is kept.
    """
    moment, oldest = moment_of(text), kept_since(Step.HOUR, now)
    if moment is None or not oldest <= moment <= now:
        raise ProblemError(
            HTTPStatus.BAD_REQUEST, f"at must be a time of ISO 8601 from {iso(oldest)} to {iso(now)}, which is now."
        )
    return period.slot_of(moment)
