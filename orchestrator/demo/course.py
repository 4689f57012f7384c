"""How much is said of what at a time: the day, the weekend, what happened, and chance with a seed.

Pure: time is an argument. The past and the present of the demo follow the same course, so that what the detector
learned from the one holds for the other.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from orchestrator.demo.brands import BREAKING, DemoBrand, Event, Theme
from orchestrator.demo.chunks import ChunkMaker

HISTORY_DAYS: Final = 9
HOUR_MS: Final = 3_600_000
PANE_MS: Final = 900_000
CHUNKS_PER_PANE: Final = 2
_DAY_HOURS: Final = 24
_PEAK_HOUR: Final = 15  # of UTC: afternoon in Europe, morning in America
_SATURDAY: Final = 5
_RAMP_H: Final = 6.0

BREAKING_TIMES: Final = 110.0
"""So many times what is usual at that hour is said of the story when it breaks.

In proportion, or the afternoon of a busy day would hide for minutes what the night shows at once.
"""

BREAKING_HALF_LIFE_S: Final = 120.0


@dataclass(frozen=True, slots=True)
class Course:
    """What is said of one brand.

    Attributes:
        brand: which one.
        start_ms: when the demo starts, Unix ms; its past is before that.
        breaking_ms: when its story breaks; None: none does.
    """

    brand: DemoBrand
    start_ms: int
    breaking_ms: int | None = None

    def usual_per_hour(self, at_ms: int) -> float:
        """Mentions an hour if nothing happens."""
        hours = at_ms / HOUR_MS
        day = math.cos((hours % _DAY_HOURS - _PEAK_HOUR) / _DAY_HOURS * 2 * math.pi)
        weekday = (int(hours // _DAY_HOURS) + 3) % 7  # the epoch began on a Thursday
        return self.brand.per_hour * (1 + self.brand.swing * day) * (self.brand.weekend if weekday >= _SATURDAY else 1)

    def amounts(self, at_ms: int, hours: float, factor: float = 1.0) -> dict[Theme, float]:
        """Mentions by theme in so many *hours* around *at_ms*; *factor* is chance's."""
        usual = self.usual_per_hour(at_ms) * hours
        weights = {theme: self._weight(theme, at_ms) for theme in self.brand.themes}
        whole = sum(weights.values())
        found = {theme: usual * factor * weight / whole for theme, weight in weights.items()}
        for event in self.brand.events:
            height = _height(event, (at_ms - self.start_ms) / HOUR_MS + event.ago_h)
            theme = self.brand.theme(event.topic)
            if height and event.instead:
                found = {each: amount * (1 - height) for each, amount in found.items()}
                found[theme] += usual * factor * height
            elif height:
                found[theme] += usual * height
        return found

    def broken(self, at_ms: int, seconds: float) -> float:
        """Mentions of the story that breaks, in the *seconds* before *at_ms*."""
        if self.breaking_ms is None or at_ms <= self.breaking_ms:
            return 0.0
        age_s = (at_ms - self.breaking_ms) / 1000
        usual_per_s = self.usual_per_hour(self.breaking_ms) * 1000 / HOUR_MS
        rate: float = usual_per_s * BREAKING_TIMES * 0.5 ** (age_s / BREAKING_HALF_LIFE_S)
        return rate * min(seconds, age_s)

    def _weight(self, theme: Theme, at_ms: int) -> float:
        age_h = (at_ms - self.start_ms) / HOUR_MS
        ramp = 1.0
        if theme.since_h is not None:
            ramp = min(1.0, max(0.0, (age_h + theme.since_h) / _RAMP_H))
        if theme.until_h is not None:
            ramp *= min(1.0, max(0.0, -(age_h + theme.until_h) / _RAMP_H))
        return theme.weight * ramp


def _height(event: Event, age_h: float) -> float:
    """How high an event stands after so many hours: soon at its height, then slowly down to nothing at its end."""
    if not 0 <= age_h < event.hours:
        return 0.0
    place = age_h / event.hours
    return event.excess * min(1.0, place / 0.15, (1 - place) / 0.6)


def history(maker: ChunkMaker, brand: DemoBrand, now_ms: int) -> Iterator[tuple[int, list[bytes]]]:
    """The past of *brand* up to *now_ms*, oldest first: a time (Unix ms), and the chunks that came until then."""
    course, chance = Course(brand, now_ms), random.Random(f"{maker.seed} {brand.name}")  # noqa: S311 - a demonstration
    first = now_ms // PANE_MS - HISTORY_DAYS * _DAY_HOURS * HOUR_MS // PANE_MS
    for pane in range(first, now_ms // PANE_MS + 1):
        factor = math.exp(chance.gauss(0, brand.scatter) - brand.scatter**2 / 2)
        ends = [pane * PANE_MS + PANE_MS * (place + 1) // CHUNKS_PER_PANE - 1 for place in range(CHUNKS_PER_PANE)]
        items = [
            item
            for at_ms in ends
            if at_ms <= now_ms
            and (item := maker.make(brand, at_ms, course.amounts(at_ms, PANE_MS / CHUNKS_PER_PANE / HOUR_MS, factor)))
        ]
        if items:
            yield min(now_ms, ends[-1]), items


def breaking(brand: DemoBrand) -> Theme | None:
    """The theme of *brand* of which the story breaks; None: of another brand, if of any."""
    return brand.theme(BREAKING[1]) if brand is BREAKING[0] else None
