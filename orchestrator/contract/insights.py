"""What readers of a brand get beside the summary: trend points and recent chunks, on the wire.

Owns the layout of ``trend:brand:<brand>`` and of the entries of ``chunks:recent:brand:<brand>``
(those of ``spike:brand:<brand>`` are :class:`~orchestrator.contract.summary.SpikeEpisode`).

The trend is a HASH: a field per hour, ``hour:2026-11-23T10:00:00Z``, and per day of UTC,
``day:2026-11-23``, each a :class:`TrendPoint`, and ``expected:2026-11-23T10:00:00Z``, an
:class:`ExpectedHour`. Hours are kept for seven days and today, days for :data:`HISTORY_DAYS`. A field that is older
may still be there until the brand's next commit; :func:`read_trend` leaves points out that are older than its reader
asks for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
from msgspec import Struct

from orchestrator.contract.summary import Time

HOUR_FIELD = b"hour:"
DAY_FIELD = b"day:"
EXPECTED_FIELD = b"expected:"
TREND_DAYS = 7
"""Whole days of the past that the trend's hours cover, beside today."""

HISTORY_DAYS = 400
"""Days that the trend's days cover, today included."""


class TrendPoint(Struct, frozen=True, rename="camel"):
    """Volume and sentiment of one hour or day; ``start`` is its first instant."""

    start: Time
    chunks: int
    mentions: int
    positive: float
    neutral: float
    negative: float
    score: float
    net_sentiment: float | None


class ExpectedHour(Struct, frozen=True, rename="camel"):
    """What was expected of one hour by what was known when it began, also of an hour without any mention.

    ``expected`` are the mentions that were likely, ``upperBound`` the fewest that would have opened an episode, had the
    hour been looked at as a whole. There is none before a brand was watched for a day; the newest is of the next hour.
    """

    start: Time
    expected: float
    upper_bound: int


@dataclass(frozen=True, slots=True)
class Trend:
    """A brand's trend, oldest point first."""

    hourly: list[TrendPoint]
    daily: list[TrendPoint]
    expected: list[ExpectedHour] = field(default_factory=list)


_decoder = msgspec.json.Decoder(TrendPoint)
_expected_decoder = msgspec.json.Decoder(ExpectedHour)


def read_trend(fields: Mapping[bytes, bytes], since: str) -> Trend:
    """The trend in the *fields* of its hash.

    Args:
        fields: as Redis returns them; what is no trend point is left out.
        since: ISO 8601 in UTC (or a leading part of it); points that start before are left out.
    """
    trend = Trend([], [])
    series: dict[bytes, tuple[msgspec.json.Decoder[Any], list[Any]]] = {
        HOUR_FIELD: (_decoder, trend.hourly),
        DAY_FIELD: (_decoder, trend.daily),
        EXPECTED_FIELD: (_expected_decoder, trend.expected),
    }
    for name, value in fields.items():
        decoder, points = series.get(name[: name.find(b":") + 1], (None, []))
        if decoder is None:
            continue
        try:
            point = decoder.decode(value)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            continue
        if point.start >= since:
            points.append(point)
    for _, points in series.values():
        points.sort(key=lambda point: point.start)
    return trend


MAX_RECENT = 50
"""Recent chunks of a brand that are kept, and that a reader gets at most."""


class RecentSentiment(Struct, frozen=True, rename="camel", omit_defaults=True):
    """As the worker sent it: counts or shares."""

    score: float
    positive: float | None = None
    neutral: float | None = None
    negative: float | None = None


class RecentCluster(Struct, frozen=True, rename="camel"):
    """A cluster of a recent chunk, with the number of its mentions."""

    id: str
    label: str
    mentions: int
    spike: bool


class RecentChunk(Struct, frozen=True, rename="camel"):
    """One chunk as it was folded; ``processedAt`` is the time that counts, ``mentions`` its size."""

    chunk_id: str
    brand: str
    processed_at: Time
    mentions: int
    sentiment: RecentSentiment
    topics: list[str]
    clusters: list[RecentCluster]
    cluster_count: int
    spike_detected: bool
    summary: str
