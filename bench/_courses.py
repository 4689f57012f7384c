"""Courses of a day that hours of UTC do not fit: a change of clocks, a half-hour zone, a week with days off.

A detector whose day has 24 whole hours of UTC is wrong in a way there that comes back every day or every week: alarms
that are not chance. Each case is a working day in local time, with the counts drawn by chance alone; so every episode
is a false one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from bench._traffic import PANES_PER_DAY, Burst, Counts, Traffic

DAYS = 42
BURST, BURST_HOUR = Burst(3.0, 2), 14
SATURDAY = 5
_PANE = timedelta(minutes=15)
_BEFORE_SPRING = datetime(2026, 3, 9, tzinfo=UTC)
"""Three weeks before the clocks of Berlin change, a Monday; so long after it the days end."""


def soft(hour: float) -> float:
    """A share of the day's height at a local *hour*: it rises from seven to ten and falls from sixteen to nineteen."""
    return float(np.interp(hour, [7, 10, 16, 19], [0.1, 1, 1, 0.1]))


def steep(hour: float) -> float:
    """Everything begins at nine and ends at five."""
    return 1.0 if 9 <= hour < 17 else 0.1


@dataclass(frozen=True, slots=True)
class Course:
    """One kind of day.

    Attributes:
        name: of the row.
        zone: whose local time the day follows.
        day: the share of the height by the local hour.
        days_off: nobody writes on Saturdays and Sundays.
        kappa: scatter beyond chance.
        height: mentions a pane at the top.
    """

    name: str
    zone: str
    day: Callable[[float], float]
    days_off: bool = False
    kappa: float = 0.0
    height: float = 40.0

    def rates(self) -> NDArray[np.float64]:
        """What is to be expected of each pane."""
        return np.array([self._rate(self._local(pane)) for pane in range(DAYS * PANES_PER_DAY)])

    def burst_panes(self) -> list[int]:
        """The first panes of the bursts: at two in the afternoon of every third day, unless that is a day off."""
        panes = [
            pane for pane in range(8 * PANES_PER_DAY, DAYS * PANES_PER_DAY) if self._local(pane).hour == BURST_HOUR
        ]
        starts = [pane for pane in panes if self._local(pane).minute == 0 and pane // PANES_PER_DAY % 3 == 0]
        return [pane for pane in starts if not (self.days_off and self._local(pane).weekday() >= SATURDAY)]

    def draw(self, seed: int, burst_panes: Sequence[int] = ()) -> Counts:
        """Counts of each pane, with a burst from each of *burst_panes* on."""
        rates = self.rates()
        for start in burst_panes:
            rates[start : start + BURST.panes] *= BURST.factor
        return Traffic(self.height, self.kappa).draw(rates, np.random.default_rng(seed))

    def _local(self, pane: int) -> datetime:
        return (_BEFORE_SPRING + pane * _PANE).astimezone(ZoneInfo(self.zone))

    def _rate(self, local: datetime) -> float:
        share = self.day(local.hour + local.minute / 60)
        return self.height * (share * 0.02 if self.days_off and local.weekday() >= SATURDAY else share)


_DAYS = (
    Course("soft, Berlin", "Europe/Berlin", soft),
    Course("steep, Berlin", "Europe/Berlin", steep),
    Course("soft, Kolkata", "Asia/Kolkata", soft),
    Course("steep, Kolkata", "Asia/Kolkata", steep),
    Course("steep, weekdays, Berlin", "Europe/Berlin", steep, days_off=True),
    Course("steep, weekdays, Kolkata", "Asia/Kolkata", steep, days_off=True),
    Course("soft, weekdays, Kolkata", "Asia/Kolkata", soft, days_off=True),
)
COURSES = [replace(one, kappa=kappa) for one in _DAYS for kappa in (0.0, 0.3)]
