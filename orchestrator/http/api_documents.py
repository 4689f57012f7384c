"""The documents that the read API makes itself, as types; the OpenAPI document is generated from them.

What is passed on as stored has its type in :mod:`orchestrator.contract`. The shape of
``analytics`` is the platform's: its pages read it as it is.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from orchestrator.contract.insights import ExpectedHour, RecentChunk, TrendPoint
from orchestrator.contract.summary import SpikeEpisode, Time
from orchestrator.fleet.view import Standing
from orchestrator.http.span import Step

Date = Annotated[str, msgspec.Meta(extra_json_schema={"format": "date"})]


class BrandsDocument(msgspec.Struct, frozen=True):
    """A page of the names of the registered brands, where no fields were asked for.

    ``total`` counts all registered brands, ``matching`` those that search and filter let pass; ``next`` is the cursor
    of the next page, null at the end.
    """

    brands: list[str]
    total: int
    matching: int
    offset: int
    limit: int
    next: str | None


class BrandNumbers(msgspec.Struct, frozen=True, rename="camel"):
    """A brand and the fields that were asked for.

    ``mentions``, ``net`` (sentiment), ``spiking``, ``stories``, ``topTopic`` and ``updated`` are those of its summary,
    ``change`` and ``netChange`` how the first two differ from the window before, ``episodes`` the kinds of those that
    are open, and ``cause`` the most urgent one in a line, with texts of others; null where it does not say. ``waiting``
    counts chunks in its queue and ``dead`` its dead letters, null where the key has a foreign type; ``state`` is one
    word for how it stands.
    """

    brand: str
    mentions: int | msgspec.UnsetType | None = msgspec.UNSET
    change: float | msgspec.UnsetType | None = msgspec.UNSET
    net: float | msgspec.UnsetType | None = msgspec.UNSET
    net_change: float | msgspec.UnsetType | None = msgspec.UNSET
    spiking: bool | msgspec.UnsetType | None = msgspec.UNSET
    episodes: list[Literal["volume", "mood", "story"]] | msgspec.UnsetType | None = msgspec.UNSET
    cause: str | msgspec.UnsetType | None = msgspec.UNSET
    stories: int | msgspec.UnsetType | None = msgspec.UNSET
    top_topic: str | msgspec.UnsetType | None = msgspec.UNSET
    updated: Time | msgspec.UnsetType | None = msgspec.UNSET
    waiting: int | msgspec.UnsetType | None = msgspec.UNSET
    dead: int | msgspec.UnsetType | None = msgspec.UNSET
    state: Standing | msgspec.UnsetType = msgspec.UNSET


class BrandNumbersDocument(msgspec.Struct, frozen=True, rename="camel"):
    """A page of the registered brands with numbers; the rest is as in a page of names.

    ``asOf`` is the time of ``waiting``, ``dead`` and ``state``, null where they were not needed.
    """

    brands: list[BrandNumbers]
    total: int
    matching: int
    offset: int
    limit: int
    next: str | None
    as_of: Time | None


class OrphanQueue(msgspec.Struct, frozen=True):
    """A queue of a brand that nobody registered; ``why`` says which registered brand its name is like."""

    name: str
    chunks: int
    bytes: int | None
    why: str


class OrphansDocument(msgspec.Struct, frozen=True, rename="camel"):
    """What waits for ever: chunks in queues of brands that nobody registered.

    ``bytes`` is what they take in Redis, null where it does not tell. ``named`` are those with the most chunks.
    ``complete`` is false if the search, at ``asOf``, ended before it had seen every key.
    """

    queues: int
    chunks: int
    bytes: int | None
    complete: bool
    as_of: Time
    named: list[OrphanQueue]


class LagDocument(msgspec.Struct, frozen=True, rename="camel"):
    """What waits for its summary, in all queues of registered brands together; the same from every process.

    ``oldestSeconds``: for so long the brand that waits longest has seen no commit. ``asOf``: time of the count, about a
    second ago. All are null while nobody can count, and 0 only if nothing waits. ``orphans`` are counted apart.
    """

    chunks: int | None
    brands: int | None
    oldest_seconds: float | None
    orphans: OrphansDocument | None
    as_of: Time | None


class TrendDocument(msgspec.Struct, frozen=True):
    """Volume and sentiment of today and the seven days before, by hour and by day of UTC, oldest first.

    ``expected`` is what the orchestrator expected of each hour when it began.
    """

    brand: str
    hourly: list[TrendPoint]
    daily: list[TrendPoint]
    expected: list[ExpectedHour]


class BrandHistoryDocument(msgspec.Struct, frozen=True, rename={"from_": "from", "first_counted": "firstCounted"}):
    """Volume and sentiment from ``from`` to ``to`` (its end), one point for each hour or day of UTC, oldest first.

    An hour or day without a chunk has zeros and a ``netSentiment`` of null. ``firstCounted`` is the start of the oldest
    point with a chunk, null if there is none: before it, the brand may not have been watched.
    """

    brand: str
    step: Step
    from_: Time
    to: Time
    first_counted: Time | None
    points: list[TrendPoint]


ComparedState = Literal["ready", "waiting", "unreadable"]
"""Whether a brand has a summary, has none yet, or one that nobody can read."""


class ComparedTopic(msgspec.Struct, frozen=True):
    """A topic of one brand; ``change`` as in its summary, ``new`` if it was not there in the window before."""

    topic: str
    mentions: int
    change: float | None
    new: bool


class ComparedTrend(msgspec.Struct, frozen=True, rename="camel"):
    """Mentions and net sentiment of the document's ``hours``, one of each for each hour."""

    mentions: list[int]
    net_sentiment: list[float | None]


class ComparedBrand(msgspec.Struct, frozen=True, rename="camel"):
    """One of the compared brands; numbers are those of its summary's window, null where it does not have them.

    ``shareOfVoice`` is its part of the mentions of all brands that are compared here. ``change`` is the growth of
    mentions against the window before (0.5 = half as many again), ``netSentimentChange`` the difference.
    """

    brand: str
    state: ComparedState
    share_of_voice: float | None
    mentions: int | None
    net_sentiment: float | None
    change: float | None
    net_sentiment_change: float | None
    updated: Time | None
    window_start: Time | None
    window_end: Time | None
    topics: list[ComparedTopic]
    trend: ComparedTrend


class CommonTopic(msgspec.Struct, frozen=True):
    """A topic of at least two of the brands: its mentions in each, in their order; null where it is none."""

    topic: str
    mentions: list[int | None]


class CompareDocument(msgspec.Struct, frozen=True, rename="camel"):
    """Brands side by side, in the order in which they were asked for.

    ``hours`` are the beginnings of the hours of every trend, oldest first, the running one last.
    """

    brands: list[ComparedBrand]
    common_topics: list[CommonTopic]
    hours: list[Time]


class SpikesDocument(msgspec.Struct, frozen=True):
    """Spike episodes, oldest first; one without ``endedAt`` is open."""

    brand: str
    spikes: list[SpikeEpisode]


class RecentDocument(msgspec.Struct, frozen=True):
    """The newest chunks that were folded, the newest first, at most 50; each in a short form."""

    brand: str
    chunks: list[RecentChunk]


class DaySentiment(msgspec.Struct, frozen=True):
    """Mentions of one day by sentiment."""

    date: Date
    positive: float
    neutral: float
    negative: float


class SpikePoint(msgspec.Struct, frozen=True, rename="camel"):
    """One episode on the timeline."""

    timestamp: Time
    spike_score: float
    mention_count: int
    threshold: float


class TermWeight(msgspec.Struct, frozen=True):
    """A topic and its mentions in the summary's window."""

    term: str
    weight: float


class AnalyticsDocument(msgspec.Struct, frozen=True, rename="camel"):
    """Everything that the platform's analytics page draws."""

    sentiment_trend: list[DaySentiment]
    spike_timeline: list[SpikePoint]
    topics: list[TermWeight]


class Problem(msgspec.Struct, frozen=True):
    """An error, RFC 9457."""

    type: str
    title: str
    status: int
    detail: str


class UpdateEvent(msgspec.Struct, frozen=True):
    """The data of one server-sent event: a summary was written."""

    brand: str
    epoch: int
    version: int
