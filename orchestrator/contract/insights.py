"""What readers of a brand get beside the summary: trend points and recent chunks, on the wire.

Owns the layout of ``trend:brand:<brand>`` and of the entries of ``chunks:recent:brand:<brand>``
(those of ``spike:brand:<brand>`` are :class:`~orchestrator.contract.summary.SpikeEpisode`).

The trend is a HASH: a field per hour, ``hour:2026-11-23T10:00:00Z``, and per day of UTC,
``day:2026-11-23``, each a :class:`TrendPoint`. A field that is older than seven days may still be there until the
brand's next commit; :func:`read_trend` leaves such points out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec
from msgspec import Struct

from orchestrator.contract.summary import Time

HOUR_FIELD = b"hour:"
DAY_FIELD = b"day:"
TREND_DAYS = 7
"""Whole days of the past that the trend covers, beside today."""


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


@dataclass(frozen=True, slots=True)
class Trend:
    """A brand's trend, oldest point first."""

    hourly: list[TrendPoint]
    daily: list[TrendPoint]


_decoder = msgspec.json.Decoder(TrendPoint)


def read_trend(fields: Mapping[bytes, bytes], since: str) -> Trend:
    """The trend in the *fields* of its hash.

    Args:
        fields: as Redis returns them; what is no trend point is left out.
        since: ISO 8601 in UTC (or a leading part of it); points that start before are left out.
    """
    hourly: list[TrendPoint] = []
    daily: list[TrendPoint] = []
    for name, value in fields.items():
        series = hourly if name.startswith(HOUR_FIELD) else daily if name.startswith(DAY_FIELD) else None
        if series is None:
            continue
        try:
            point = _decoder.decode(value)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            continue
        if point.start >= since:
            series.append(point)
    hourly.sort(key=lambda point: point.start)
    daily.sort(key=lambda point: point.start)
    return Trend(hourly, daily)


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
