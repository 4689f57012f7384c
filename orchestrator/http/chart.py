"""A brand's mentions over time as a chart: plain numbers in percent, no HTML, no I/O, time as an argument.

A bar is a slot of time, empty slots included, so that a quiet night looks like one. Its parts are its sentiment. Beside
it stands what was expected, as far as that is known, and over it the episodes. Every place is in percent of the plot,
so the same chart fits a phone and a desk and its words keep their size.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import floor, isfinite, log10
from typing import TYPE_CHECKING, Final

from msgspec import UNSET

from orchestrator.http.documents import SentimentSums
from orchestrator.http.period import Period, Slot, moment_of
from orchestrator.http.view import KINDS, number, said_of, shares, signed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from orchestrator.contract.insights import ExpectedHour, Trend, TrendPoint
    from orchestrator.contract.summary import SpikeEpisode

GAP: Final = 0.2  # of a slot's width
MAX_EPISODES: Final = 12
MOST_ROOM: Final = 1.5
"""The band may make the scale so much higher than the bars need; above that it goes out of the picture."""

HOUR_CHARS: Final = len("2026-01-31T00")
_TICKS: Final = 4
_MOST: Final = 1e15
MARKS: Final = {"volume": "\N{BLACK UP-POINTING TRIANGLE}", "mood": "\N{BLACK DIAMOND}", "story": "\N{BLACK CIRCLE}"}


@dataclass(frozen=True, slots=True)
class Amounts:
    """What a slot holds: mentions and their sentiment, and what was expected of them; None: that is not known."""

    mentions: int
    sentiment: SentimentSums
    expected: float | None
    upper: float | None

    @property
    def net(self) -> float | None:
        """Net sentiment, None without any."""
        total = self.sentiment.positive + self.sentiment.neutral + self.sentiment.negative
        if not (isfinite(total) and total > 0):
            return None
        return max(-1.0, min(1.0, (self.sentiment.positive - self.sentiment.negative) / total))


@dataclass(frozen=True, slots=True)
class Part:
    """One sentiment's rectangle in a bar."""

    name: str
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class Bar:
    """One slot of time; ``usual_y`` and ``band_y`` are where the expected line and the band's upper edge lie."""

    slot: Slot
    x: float
    width: float
    slot_x: float
    slot_width: float
    words: str
    parts: Sequence[Part]
    usual_y: float | None
    band_y: float | None
    mentions: str
    net: str
    usual: str
    upper: str


@dataclass(frozen=True, slots=True)
class Tick:
    """A line of the scale, or a place on the axis of time; ``at`` in percent."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Mark:
    """An episode in the chart."""

    kind: str
    sign: str
    x: float
    width: float
    words: str
    slot: Slot
    open: bool


@dataclass(frozen=True, slots=True)
class Chart:
    """Bars from the oldest to the newest slot; ``described`` says in words what they show."""

    period: Period
    bars: Sequence[Bar]
    scale: Sequence[Tick]
    times: Sequence[Tick]
    marks: Sequence[Mark]
    described: str
    banded: bool
    start: str
    end: str

    @property
    def kinds(self) -> list[tuple[str, str]]:
        """Sign and word of each kind of episode in it."""
        shown = {mark.kind for mark in self.marks}
        return [(MARKS[kind], word) for kind, word in KINDS.items() if kind in shown]


def amounts_of(trend: Trend, slot: Slot) -> Amounts:
    """What the *trend* tells of a slot."""
    return _Hours(trend).amounts(slot)


def draw(trend: Trend, episodes: Sequence[SpikeEpisode], period: Period, now: datetime) -> Chart | None:
    """The chart of *period* as of *now* (UTC); None if it has no mention."""
    hours, slots = _Hours(trend), period.slots(now)
    amounts = [hours.amounts(slot) for slot in slots]
    highest = max(each.mentions for each in amounts)
    if not highest:
        return None
    top = _top(highest, [each.upper or each.expected or 0.0 for each in amounts])
    scale, top = _scale(top)
    width = 100 / len(slots)
    bars = [
        _bar(place * width, width, slot, each, top)
        for place, (slot, each) in enumerate(zip(slots, amounts, strict=True))
    ]
    return Chart(
        period=period,
        bars=bars,
        scale=scale,
        times=_times(slots, period),
        marks=_marks(episodes, period, slots, now),
        described=_described(slots, amounts, period),
        banded=any(bar.usual_y is not None for bar in bars),
        start=slots[0].iso,
        end=Slot(slots[-1].end, slots[-1].length).iso,
    )


class _Hours:
    """The hours of a trend by their beginning."""

    def __init__(self, trend: Trend) -> None:
        self._points = {point.start[:HOUR_CHARS]: point for point in trend.hourly}
        self._expected = {each.start[:HOUR_CHARS]: each for each in trend.expected}

    def amounts(self, slot: Slot) -> Amounts:
        names = [f"{hour.start:%Y-%m-%dT%H}" for hour in _hours_of(slot)]
        points = [self._points[name] for name in names if name in self._points]
        known = [self._expected[name] for name in names if name in self._expected]
        whole = len(known) == len(names)
        return Amounts(
            sum(_mentions(point) for point in points),
            SentimentSums(
                sum(max(0.0, point.positive) for point in points),
                sum(max(0.0, point.neutral) for point in points),
                sum(max(0.0, point.negative) for point in points),
            ),
            sum(_expected(each) for each in known) if whole else None,
            sum(_upper(each) for each in known) if whole else None,
        )


def _hours_of(slot: Slot) -> Iterator[Slot]:
    hour = Period.DAY.slot_of(slot.start)
    while hour.start < slot.end:
        yield hour
        hour = Slot(hour.end, hour.length)


def _mentions(point: TrendPoint) -> int:
    return max(0, min(point.mentions, int(_MOST)))


def _expected(hour: ExpectedHour) -> float:
    return max(0.0, min(hour.expected, _MOST)) if isfinite(hour.expected) else 0.0


def _upper(hour: ExpectedHour) -> float:
    return max(_expected(hour), float(min(hour.upper_bound, int(_MOST))))


def _top(highest: float, bounds: Sequence[float]) -> float:
    return max(highest, min(max(bounds), MOST_ROOM * highest))


def _scale(top: float) -> tuple[list[Tick], float]:
    """Lines at round numbers, and the height of the picture: the first round number from *top* on."""
    rough = top / _TICKS
    power = 10.0 ** floor(log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough)
    step = max(1.0, step)  # there is no half mention
    count = max(1, -int(-top // step))
    return [Tick(round(100 - 100 * line / count, 2), _round(line * step)) for line in range(count + 1)], count * step


def _round(value: float) -> str:
    """A round number, shortly: ``2,500``, ``25k``, ``1.5M``."""
    for least, unit in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if value >= least:
            size = value / (1e3 if unit == "k" else least)
            return f"{size:,.0f}{unit}" if size == int(size) else f"{size:,.1f}{unit}"
    return number(value)


def _times(slots: Sequence[Slot], period: Period) -> list[Tick]:
    """Days by their date, and hours between them where there is room."""
    step = 24 if period is Period.WEEK else 6 if period is Period.DAY else 12
    return [
        Tick(round(place * 100 / len(slots), 3), _time_text(slot))
        for place, slot in enumerate(slots)
        if slot.start.hour % step == 0 and place * 100 / len(slots) <= 92  # noqa: PLR2004 - later ones are cut off
    ]


def _time_text(slot: Slot) -> str:
    return f"{slot.start:%a} {slot.start.day}" if slot.start.hour == 0 else f"{slot.start:%H:%M}"


def _bar(x: float, width: float, slot: Slot, amounts: Amounts, top: float) -> Bar:
    parts: list[Part] = []
    y = 100.0
    if amounts.mentions > 0:
        for share in shares(amounts.sentiment) or shares(SentimentSums(neutral=1.0)):
            height = share.percent * amounts.mentions / top
            y -= height
            parts.append(Part(share.name, round(max(0.0, y), 2), round(height, 2)))
    return Bar(
        slot=slot,
        x=round(x + width * GAP / 2, 3),
        width=round(width * (1 - GAP), 3),
        slot_x=round(x, 3),
        slot_width=round(width, 3),
        words=in_words(slot, amounts),
        parts=parts,
        usual_y=None if amounts.expected is None else _y(amounts.expected, top),
        band_y=None if amounts.upper is None else _y(amounts.upper, top),
        mentions=number(amounts.mentions),
        net=signed(amounts.net),
        usual="" if amounts.expected is None else number(round(amounts.expected)),
        upper="" if amounts.upper is None else number(amounts.upper),
    )


def _y(value: float, top: float) -> float:
    return round(max(0.0, 100 - 100 * value / top), 2)


def in_words(slot: Slot, amounts: Amounts) -> str:
    """What a bar shows, for who does not see it."""
    if not amounts.mentions:
        said = "no mentions"
    else:
        said = f"{number(amounts.mentions)} mention{'' if amounts.mentions == 1 else 's'}"
    mood = "" if amounts.net is None or not amounts.mentions else f", net sentiment {signed(amounts.net)}"
    if amounts.expected is None or amounts.upper is None:
        return f"{slot.words}: {said}{mood}"
    usual = f"usual: {number(round(amounts.expected))}, unusual from {number(amounts.upper)} on"
    return f"{slot.words}: {said}{mood}; {usual}"


def _described(slots: Sequence[Slot], amounts: Sequence[Amounts], period: Period) -> str:
    total = sum(each.mentions for each in amounts)
    slot, most = max(zip(slots, amounts, strict=True), key=lambda pair: pair[1].mentions)
    unit = "an hour" if period.slot_hours == 1 else f"{period.slot_hours} hours"
    when = period.words if period is Period.WEEK else f"the last {period.words}"
    said = "" if period is Period.WEEK else "in "
    return f"{number(total)} mentions {said}{when}, at most {number(most.mentions)} in {unit} ({slot.words})"


def span_of(episode: SpikeEpisode, now: datetime) -> tuple[datetime, datetime] | None:
    """From when to when an episode was, at the latest until *now*; None if it does not tell."""
    start = moment_of(episode.timestamp)
    end = now if episode.ended_at is UNSET else moment_of(str(episode.ended_at))
    return None if start is None or end is None or end < start else (start, end)


def _marks(episodes: Sequence[SpikeEpisode], period: Period, slots: Sequence[Slot], now: datetime) -> list[Mark]:
    first, last = slots[0].start, slots[-1].end
    marks = []
    for episode in episodes:
        span = span_of(episode, now)
        if span is None or span[1] <= first or span[0] >= last:
            continue
        start, end = max(first, span[0]), min(last, span[1])
        x = 100 * (start - first) / (last - first)
        width = max(0.6, 100 * (end - start) / (last - first))
        kind, is_open = episode.kind, episode.ended_at is UNSET
        words = f"{KINDS[kind]} episode, {Period.DAY.slot_of(span[0]).start:%a %d %b}, {span[0]:%H:%M} to "
        words += "now" if is_open else f"{span[1]:%H:%M} UTC"
        words += f": {said_of(episode)}"
        mark = Mark(
            kind, MARKS[kind], round(x, 3), round(min(width, 100 - x), 3), words, period.slot_of(start), is_open
        )
        marks.append(mark)
    return marks[-MAX_EPISODES:]
