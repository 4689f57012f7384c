"""What the pages show, worked out from a summary: plain values, no HTML, no I/O.

Templates only place these values; every string is untrusted and is escaped there. Numbers may be anything that
JSON can hold, so shares are computed defensively.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from datetime import UTC, datetime
from math import isfinite
from typing import TYPE_CHECKING, Any, Final

import msgspec

from orchestrator.contract.episode_words import about, drivers_of, quoted, stories_in_words, topics_in_words
from orchestrator.contract.summary import Drivers, SpikeEpisode
from orchestrator.contract.times import parse_ms
from orchestrator.http.movement import MINUS, NONE, difference
from orchestrator.http.movement import growth as _change

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.http.documents import SentimentSums, StoredSummary, StoredTopic

SHOWN_TOPICS = 15
SHOWN_EPISODES = 10
POSITIVE_FROM, NEGATIVE_TO = 0.05, -0.05  # between them a mood is called balanced
KINDS: Final = {"volume": "Spike", "mood": "Mood", "story": "Story"}


@dataclass(frozen=True, slots=True)
class Time:
    """A point in time, for machines and for people."""

    iso: str
    text: str


@dataclass(frozen=True, slots=True)
class Share:
    """One part of the sentiment: its name, amount, percentage and where its bar begins."""

    name: str
    amount: str
    percent: float
    start: float


@dataclass(frozen=True, slots=True)
class TopicRow:
    """A topic with the length of its bar in percent of the heaviest."""

    topic: str
    mentions: str
    percent: float
    change: str
    direction: str


@dataclass(frozen=True, slots=True)
class SpikeNotice:
    """The open episode in words; None of the numbers need be known."""

    mentions: str
    expected: str
    since: Time | None
    about: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OtherNotice:
    """An open episode that is not of volume, in words."""

    title: str
    said: str
    since: Time | None
    about: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class EpisodeRow:
    """One episode of the past, or an open one."""

    kind: str
    began: Time | None
    ended: Time | None
    mentions: str
    expected: str
    score: str
    about: str = ""


@dataclass(frozen=True, slots=True)
class BrandView:
    """Everything on a brand's page."""

    updated: Time | None
    window_start: Time | None
    window_end: Time | None
    mentions: str
    chunks: str
    story_count: str
    net: str
    mood: str
    shares: Sequence[Share]
    topics: Sequence[TopicRow]
    spiking: bool
    spike: SpikeNotice | None
    change: str
    direction: str
    net_change: str
    net_direction: str
    in_no_story: str
    chunk_summaries: Sequence[str]
    implausible: str


def number(value: float) -> str:
    """A number with groups of thousands and at most one decimal; in powers of ten where it would fill the page."""
    if abs(value) >= 1e15:  # noqa: PLR2004 - doubles stop being exact whole numbers about here
        return f"{value:.3g}"
    rounded = round(value, 1)
    return f"{rounded:,.0f}" if rounded == int(rounded) else f"{rounded:,.1f}"


def signed(value: float | None) -> str:
    """A value between -1 and 1 with its sign; a dash where there is none."""
    return NONE if value is None else f"{value:+.2f}".replace("-", MINUS)


def mood(value: float | None) -> str:
    """The word for a sentiment value; also the name of its colour."""
    if value is None:
        return "none"
    if value >= POSITIVE_FROM:
        return "positive"
    return "negative" if value <= NEGATIVE_TO else "balanced"


def time_of(text: str | None) -> Time | None:
    """Parse an ISO 8601 time of a document; None for anything else."""
    if not text:
        return None
    at_ms = parse_ms(text)
    if at_ms is None:
        return None
    try:
        moment = datetime.fromtimestamp(at_ms // 1000, UTC)
    except (ValueError, OverflowError):  # with its offset it lies outside the years that datetime knows
        return None
    return Time(moment.strftime("%Y-%m-%dT%H:%M:%SZ"), moment.strftime("%d %b %Y, %H:%M UTC"))


def net_sentiment(summary: StoredSummary) -> float | None:
    """The document's own, within its bounds."""
    value = summary.net_sentiment
    return None if value is None else max(-1.0, min(1.0, value))


def is_spiking(summary: StoredSummary) -> bool:
    """Whether the worker flags or our detector say that something is up."""
    return summary.spike_detected or summary.spike is not None


def shares(sentiment: SentimentSums) -> tuple[Share, ...]:
    """The three parts as percentages of their sum; nothing when there is nothing to share."""
    parts = [
        ("positive", max(0.0, sentiment.positive)),
        ("neutral", max(0.0, sentiment.neutral)),
        ("negative", max(0.0, sentiment.negative)),
    ]
    total = sum(amount for _, amount in parts)
    if not (isfinite(total) and total > 0):
        return ()
    result, start = [], 0.0
    for name, amount in parts:
        percent = round(amount / total * 100, 2)
        result.append(Share(name, number(amount), percent, round(start, 2)))
        start += percent
    return tuple(result)


def share_in_words(part: float, whole: float) -> str:
    """A part of a whole in percent; empty if there is no whole, or less than all of the part in it."""
    if not (isfinite(part) and isfinite(whole) and 0 <= part <= whole and whole > 0):
        return ""
    percent = 100 * part / whole
    return "less than 1 %" if 0 < percent < 1 else f"{percent:.0f} %"


def percent_of(value: float, largest: float) -> float:
    """The length of a bar beside the one of the *largest*."""
    return round(max(0.0, value) / largest * 100, 2) if largest > 0 and isfinite(largest) else 0.0


def _topic_mentions(topic: StoredTopic) -> str:
    """What is counted, and what is only known of the chunks, so that nobody takes one for the other."""
    counted, chunks = number(topic.mentions), f"in chunks of {number(topic.in_chunks_of)}"
    if not topic.in_chunks_of:
        return counted
    return chunks if topic.mentions == topic.in_chunks_of else f"{counted}, and {chunks}"


def _topic_row(topic: StoredTopic, largest: float) -> TopicRow:
    change, direction = ("new", "up") if topic.new else _change(topic.change)
    return TopicRow(topic.topic, _topic_mentions(topic), percent_of(topic.mentions, largest), change, direction)


def _spike_notice(summary: StoredSummary) -> SpikeNotice | None:
    episode = summary.spike
    if episode is None:
        return None

    def text(key: str) -> str:
        value = episode.get(key)
        if not isinstance(value, int | float) or isinstance(value, bool) or not isfinite(value):
            return NONE
        return number(round(value) if value >= 1 else value)

    since = episode.get("timestamp")
    began = time_of(since) if isinstance(since, str) else None
    return SpikeNotice(text("mentionCount"), text("expected"), began, tuple(_about(episode)))


def _drivers_in_words(episode: SpikeEpisode) -> str:
    drivers = drivers_of(episode)
    return "" if drivers is None else stories_in_words(drivers) or topics_in_words(drivers)


def _about(episode: dict[str, Any]) -> list[str]:
    try:
        drivers = msgspec.convert(episode.get("drivers"), Drivers)
    except msgspec.ValidationError:  # of an older version, or of somebody else
        return []
    return about(drivers)


def open_others(summary: StoredSummary) -> list[SpikeEpisode]:
    """The open episodes of mood and of stories that the summary tells of; what is none is left out."""
    found = []
    for stored in [summary.mood, *summary.story_episodes[:SHOWN_EPISODES]]:
        with contextlib.suppress(msgspec.ValidationError):
            found.append(msgspec.convert(stored, SpikeEpisode))
    return found


def other_notice(episode: SpikeEpisode) -> OtherNotice:
    """What an open episode of mood or of a story says."""
    drivers = drivers_of(episode)
    label = "" if isinstance(episode.label, msgspec.UnsetType) else quoted(episode.label)
    title = f"A story outgrows what is usual: {label}" if episode.kind == "story" else "The mood has turned"
    lines = () if drivers is None else tuple(about(drivers))
    return OtherNotice(title, _counted(episode, ""), time_of(episode.timestamp), lines)


def said_of(episode: SpikeEpisode) -> str:
    """What was counted in an episode of any kind, and what was expected of it."""
    named = episode.kind == "story" and not isinstance(episode.label, msgspec.UnsetType)
    return _counted(episode, f" of {quoted(str(episode.label))}" if named else "")


def _counted(episode: SpikeEpisode, of: str) -> str:
    what = "negative mentions" if episode.kind == "mood" else "mentions"
    return f"{number(episode.mention_count)} {what}{of} where {number(round(episode.expected))} were expected"


def in_order(listed: Sequence[SpikeEpisode], still_open: Sequence[SpikeEpisode]) -> list[SpikeEpisode]:
    """The episodes of all lists, oldest first, and those that are open where no list has them (they expire)."""
    known = {_name(episode) for episode in listed}
    both = [*listed, *(episode for episode in still_open if _name(episode) not in known)]
    return sorted(both, key=lambda episode: episode.timestamp)


def _name(episode: SpikeEpisode) -> tuple[object, ...]:
    return episode.kind, episode.timestamp, episode.story_id


def episode_rows(episodes: Sequence[SpikeEpisode]) -> list[EpisodeRow]:
    """The newest episodes, newest first."""
    return [
        EpisodeRow(
            kind=KINDS[episode.kind],
            began=time_of(episode.timestamp),
            ended=None if episode.ended_at is msgspec.UNSET else time_of(episode.ended_at),
            mentions=number(episode.mention_count),
            expected=number(episode.expected),
            score=number(episode.spike_score),
            about=_drivers_in_words(episode),
        )
        for episode in reversed(episodes[-SHOWN_EPISODES:])
    ]


def brand_view(summary: StoredSummary) -> BrandView:
    """Everything that a brand's page shows."""
    topics = summary.topics[:SHOWN_TOPICS]
    heaviest_topic = max((topic.mentions for topic in topics), default=0.0)
    net = net_sentiment(summary)
    story_count = summary.cluster_count or len(summary.clusters)
    change, direction = _change(summary.changes.mentions)
    net_change, net_direction = difference(summary.changes.net_sentiment)
    return BrandView(
        updated=time_of(summary.generated_at),
        window_start=time_of(summary.window_start),
        window_end=time_of(summary.window_end),
        mentions=number(summary.total_mentions),
        chunks=number(summary.total_chunks),
        story_count=number(story_count),
        net=signed(net),
        mood=mood(net),
        shares=shares(summary.sentiment),
        topics=[_topic_row(topic, heaviest_topic) for topic in topics],
        spiking=is_spiking(summary),
        spike=_spike_notice(summary),
        change=change,
        direction=direction,
        net_change=net_change,
        net_direction=net_direction,
        in_no_story=share_in_words(summary.mentions_in_no_story, summary.total_mentions),
        chunk_summaries=[line for line in summary.chunk_summaries if line.strip()],
        implausible=number(summary.implausible_chunks) if summary.implausible_chunks else "",
    )
