"""What the page of a comparison shows, worked out from its document: plain values, no HTML, no I/O."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from orchestrator.http.movement import NONE, difference, growth
from orchestrator.http.spark import HEIGHT, Spark, outline
from orchestrator.http.view import Time, mood, number, signed, time_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.http.api_documents import ComparedBrand, CompareDocument, ComparedTopic

MAX_ROWS: Final = 48
"""Of the table of values; more hours are added up to fewer rows."""


@dataclass(frozen=True, slots=True)
class Period:
    """A stretch of time that people choose from."""

    hours: int
    words: str


PERIODS: Final = (Period(24, "24 h"), Period(48, "48 h"), Period(168, "7 days"))


@dataclass(frozen=True, slots=True)
class Row:
    """One brand; ``state`` is that of the document."""

    name: str
    state: str
    share: str
    percent: float
    mentions: str
    change: str
    direction: str
    net: str
    mood: str
    net_change: str
    net_direction: str
    updated: Time | None


@dataclass(frozen=True, slots=True)
class TopicWords:
    """A topic of one brand."""

    topic: str
    mentions: str
    change: str
    direction: str


@dataclass(frozen=True, slots=True)
class Column:
    """A brand's bars and topics."""

    name: str
    spark: Spark
    highest: str
    topics: Sequence[TopicWords]


@dataclass(frozen=True, slots=True)
class ComparisonView:
    """Everything on the page.

    Attributes:
        rows: a brand each.
        columns: the same brands with what is drawn of them.
        box: width and height of the drawings.
        first, last: the first and the last hour of the drawings.
        highest: mentions of the highest bar of all, which has the full height; empty if there is none.
        values: rows of the table of values: a time, and the mentions of each brand.
        each: how long a row of that table is.
        common: topics in common, with the mentions of each brand.
        periods: what can be chosen, and which one it is.
    """

    rows: Sequence[Row]
    columns: Sequence[Column]
    box: tuple[int, int]
    first: Time | None
    last: Time | None
    highest: str
    values: Sequence[tuple[Time | None, Sequence[str]]]
    each: str
    common: Sequence[tuple[str, Sequence[str]]]
    periods: Sequence[tuple[Period, bool]]


def comparison_view(document: CompareDocument, hours: int) -> ComparisonView:
    """What the page of *document* shows, whose trends have so many *hours*."""
    highest = max((max(brand.trend.mentions, default=0) for brand in document.brands), default=0)
    per_row = -(-hours // MAX_ROWS)
    return ComparisonView(
        rows=[_row(brand) for brand in document.brands],
        columns=[_column(brand, highest) for brand in document.brands],
        box=(hours, HEIGHT),
        first=time_of(document.hours[0]),
        last=time_of(document.hours[-1]),
        highest=number(highest) if highest else "",
        values=[
            (
                time_of(document.hours[start]),
                [number(sum(brand.trend.mentions[start : start + per_row])) for brand in document.brands],
            )
            for start in range(0, hours, per_row)
        ],
        each="hour" if per_row == 1 else f"{per_row} hours",
        common=[
            (topic.topic, [NONE if each is None else number(each) for each in topic.mentions])
            for topic in document.common_topics
        ],
        periods=[(period, period.hours == hours) for period in PERIODS],
    )


def _row(brand: ComparedBrand) -> Row:
    percent = 100 * (brand.share_of_voice or 0)
    change, direction = growth(brand.change)
    net_change, net_direction = difference(brand.net_sentiment_change)
    return Row(
        name=brand.brand,
        state=brand.state,
        share=NONE if brand.share_of_voice is None else f"{percent:.1f} %",
        percent=round(percent, 2),
        mentions=NONE if brand.mentions is None else number(brand.mentions),
        change=change,
        direction=direction,
        net=signed(brand.net_sentiment),
        mood=mood(brand.net_sentiment),
        net_change=net_change,
        net_direction=net_direction,
        updated=time_of(brand.updated),
    )


def _column(brand: ComparedBrand, highest: int) -> Column:
    amounts = brand.trend.mentions
    most = max(amounts, default=0)
    described = f"{number(sum(amounts))} mentions in {len(amounts)} hours, at most {number(most)} in one"
    return Column(
        name=brand.brand,
        spark=Spark(outline(amounts, highest), len(amounts), described),
        highest=number(most),
        topics=[_topic(topic) for topic in brand.topics],
    )


def _topic(topic: ComparedTopic) -> TopicWords:
    change, direction = ("new", "up") if topic.new else growth(topic.change)
    return TopicWords(topic.topic, number(topic.mentions), change, direction)
