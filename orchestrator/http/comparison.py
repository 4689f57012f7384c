"""Several brands side by side: share of voice, numbers against the window before, the same hours, topics in common.

Pure. Of the mentions of the brands that are compared each has a share, whatever else was said in the world. Hours are
the same instants for all. What a summary does not say is null and no zero: older ones know no changes.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import msgspec

from orchestrator.contract.times import iso_utc_seconds, parse_ms
from orchestrator.http.api_documents import (
    CommonTopic,
    ComparedBrand,
    CompareDocument,
    ComparedState,
    ComparedTopic,
    ComparedTrend,
)
from orchestrator.http.directory import folded
from orchestrator.http.numbers import MAX_TOPIC_CHARS, whole
from orchestrator.http.span import iso
from orchestrator.store.documents import MAX_DOCUMENT_BYTES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.contract.insights import TrendPoint
    from orchestrator.http.span import Span

FEWEST: Final = 2
MOST: Final = 8
"""Brands that can be compared."""

DEFAULT_HOURS: Final = 48
MAX_HOURS: Final = 168
"""Of the trend; the hours of the last seven days are kept whatever the time of the day."""

TOP_TOPICS: Final = 10
COMMON_TOPICS: Final = 15


class _Topic(msgspec.Struct, frozen=True):
    topic: str
    mentions: float = 0
    change: float | None = None
    new: bool = False


class _Changes(msgspec.Struct, frozen=True, rename="camel"):
    mentions: float | None = None
    net_sentiment: float | None = None


class _Excerpt(msgspec.Struct, frozen=True, rename="camel"):
    """What of a summary is compared."""

    generated_at: str = ""
    epoch: int = 0
    version: int = 0
    window_start: str | None = None
    window_end: str | None = None
    total_mentions: float = 0
    net_sentiment: float | None = None
    topics: list[_Topic] = msgspec.field(default_factory=list)
    changes: _Changes | None = None


_decoder = msgspec.json.Decoder(_Excerpt)


@dataclass(frozen=True, slots=True)
class Side:
    """What one brand brings to a comparison; without a summary nothing but its state."""

    state: ComparedState
    commit: str = ""
    mentions: int | None = None
    net: float | None = None
    change: float | None = None
    net_change: float | None = None
    updated: str | None = None
    window_start: str | None = None
    window_end: str | None = None
    topics: Sequence[ComparedTopic] = field(default_factory=tuple)


def side_of(raw: bytes | None) -> Side:
    """What the stored summary *raw* says; it may be anything."""
    if raw is None:
        return Side("waiting")
    if len(raw) > MAX_DOCUMENT_BYTES:
        return Side("unreadable")
    try:
        found = _decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Side("unreadable")
    changes = found.changes or _Changes()
    topics = [
        ComparedTopic(each.topic[:MAX_TOPIC_CHARS], whole(each.mentions), each.change, each.new)
        for each in found.topics
    ]
    return Side(
        state="ready",
        commit=f"{found.epoch}-{found.version}",
        mentions=whole(found.total_mentions),
        net=_within(1.0, found.net_sentiment),
        change=changes.mentions,
        net_change=_within(2.0, changes.net_sentiment),
        updated=_time(found.generated_at),
        window_start=_time(found.window_start),
        window_end=_time(found.window_end),
        topics=topics,
    )


def _within(bound: float, value: float | None) -> float | None:
    return None if value is None else max(-bound, min(bound, value))


def _time(text: str | None) -> str | None:
    at_ms = parse_ms(text or "")
    try:
        return None if at_ms is None else iso_utc_seconds(at_ms)
    except OverflowError:  # with its offset it lies outside the years that datetime knows
        return None


def compared(
    brands: Sequence[str], sides: Sequence[Side], span: Span, trends: Sequence[Sequence[TrendPoint]]
) -> CompareDocument:
    """The document of *brands*; *sides* and *trends*, the points of the hours in *span*, are in their order."""
    total = sum(side.mentions or 0 for side in sides)
    return CompareDocument(
        [
            ComparedBrand(
                brand=brand,
                state=side.state,
                share_of_voice=None if side.mentions is None or not total else round(side.mentions / total, 4),
                mentions=side.mentions,
                net_sentiment=side.net,
                change=side.change,
                net_sentiment_change=side.net_change,
                updated=side.updated,
                window_start=side.window_start,
                window_end=side.window_end,
                topics=list(side.topics[:TOP_TOPICS]),
                trend=ComparedTrend([whole(point.mentions) for point in points], [p.net_sentiment for p in points]),
            )
            for brand, side, points in zip(brands, sides, trends, strict=True)
        ],
        _in_common(sides),
        [iso(start) for start in span.starts],
    )


def _in_common(sides: Sequence[Side]) -> list[CommonTopic]:
    """Topics of at least two of them, those of most brands first, then those with most mentions."""
    found: dict[str, tuple[str, list[int | None]]] = {}
    for place, side in enumerate(sides):
        for topic in side.topics:
            _, mentions = found.setdefault(folded(topic.topic), (topic.topic, [None] * len(sides)))
            mentions[place] = (mentions[place] or 0) + topic.mentions
    common = [
        CommonTopic(name, mentions)
        for name, mentions in found.values()
        if sum(each is not None for each in mentions) >= FEWEST
    ]
    common.sort(key=lambda each: (each.mentions.count(None), -sum(filter(None, each.mentions)), each.topic))
    return common[:COMMON_TOPICS]


def tag_of(brands: Sequence[str], sides: Sequence[Side], span: Span) -> str | None:
    """Changes whenever the document of these does; None if no version tells what one of the brands has."""
    if any(side.state == "unreadable" for side in sides):
        return None
    parts = msgspec.json.encode((brands, [(side.state, side.commit) for side in sides], iso(span.start), iso(span.end)))
    return hashlib.sha256(parts).hexdigest()[:16]
