"""The bars of a brand's trend, worked out from its points: plain numbers, no HTML, no I/O, time as an argument.

A bar is a slot of time, empty slots included, so that a quiet night looks like one. Heights are in percent of the
highest bar; the parts of a bar are its sentiment.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from orchestrator.http.documents import SentimentSums
from orchestrator.http.view import number, shares, signed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.contract.insights import Trend, TrendPoint

HOURS, DAYS = 48, 8
HEIGHT = 100.0
GAP = 0.2  # of a slot's width


@dataclass(frozen=True, slots=True)
class Part:
    """One sentiment's rectangle in a bar."""

    name: str
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class Bar:
    """One slot of time."""

    x: float
    width: float
    title: str
    parts: Sequence[Part]


@dataclass(frozen=True, slots=True)
class Chart:
    """Bars from the oldest to the newest slot; ``described`` says in words what they show."""

    name: str
    bars: Sequence[Bar]
    first: str
    last: str
    highest: str
    described: str


def trend_charts(trend: Trend, now: datetime) -> tuple[Chart, ...]:
    """The last 48 hours and the last eight days, as of *now* (UTC); nothing if neither has a mention."""
    hour = now.replace(minute=0, second=0, microsecond=0)
    day = hour.replace(hour=0)
    hours = [hour - timedelta(hours=back) for back in reversed(range(HOURS))]
    days = [day - timedelta(days=back) for back in reversed(range(DAYS))]
    charts = (
        _chart("Last 48 hours", trend.hourly, hours, "%d %b, %H:%M"),
        _chart("Last 8 days", trend.daily, days, "%d %b"),
    )
    return tuple(chart for chart in charts if chart is not None)


def _chart(name: str, points: Sequence[TrendPoint], slots: Sequence[datetime], label: str) -> Chart | None:
    by_start = {point.start[: len("2026-01-31T00")]: point for point in points}
    shown = [by_start.get(slot.strftime("%Y-%m-%dT%H")) for slot in slots]
    amounts = [max(0, point.mentions) if point else 0 for point in shown]
    highest = max(amounts)
    if not highest:
        return None
    bars = [
        _bar(index, len(slots), slot.strftime(label), point, amount / highest)
        for index, (slot, point, amount) in enumerate(zip(slots, shown, amounts, strict=True))
    ]
    total = number(sum(amounts))
    return Chart(
        name=name,
        bars=bars,
        first=slots[0].strftime(label),
        last=slots[-1].strftime(label),
        highest=number(highest),
        described=f"{name}: {total} mentions, at most {number(highest)} in one bar",
    )


def _bar(index: int, count: int, label: str, point: TrendPoint | None, share_of_highest: float) -> Bar:
    slot = 100 / count
    title = f"{label}: no mentions"
    parts: list[Part] = []
    if point is not None and point.mentions > 0:
        title = f"{label}: {number(point.mentions)} mentions, net sentiment {signed(point.net_sentiment)}"
        top = HEIGHT
        sentiment = SentimentSums(point.positive, point.neutral, point.negative)
        for share in shares(sentiment) or shares(SentimentSums(neutral=1.0)):
            height = share.percent * share_of_highest
            top -= height
            parts.append(Part(share.name, round(top, 2), round(height, 2)))
    return Bar(round(index * slot + slot * GAP / 2, 3), round(slot * (1 - GAP), 3), title, parts)
