"""One story of a brand in detail: its course over the last day, its mood, what was said. Plain values, no I/O."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from math import isfinite
from typing import TYPE_CHECKING, Final

from orchestrator.contract.episode_words import drivers_of
from orchestrator.http.movement import NONE, growth
from orchestrator.http.period import Period, Slot, moment_of
from orchestrator.http.spark import outline
from orchestrator.http.then import CURVE_HOURS, quotes_of
from orchestrator.http.view import KINDS, Time, mood, number, percent_of, share_in_words, signed, time_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.contract.insights import RecentChunk
    from orchestrator.contract.summary import SpikeEpisode
    from orchestrator.http.documents import StoredStory, StoredSummary

SHOWN_STORIES: Final = 50
MAX_QUOTES: Final = 5
MAX_CHUNKS: Final = 5
MOST: Final = 2**53
STATES: Final = frozenset({"new", "growing", "peaking", "steady", "fading"})


@dataclass(frozen=True, slots=True)
class StoryRow:
    """A story in the list; ``spark`` is the outline of its last 24 hours, empty where they are not known."""

    id: str
    label: str
    state: str
    mentions: str
    percent: float
    change: str
    direction: str
    mood: str
    sentiment: str
    spark: str
    quote: str
    first_seen: Time | None
    last_seen: Time | None
    spike: bool


@dataclass(frozen=True, slots=True)
class Stories:
    """The largest stories, and how many smaller ones there are."""

    rows: Sequence[StoryRow]
    hidden: int


@dataclass(frozen=True, slots=True)
class Hour:
    """One hour of a story's course; heights in percent of the highest."""

    slot: Slot
    x: float
    width: float
    y: float
    height: float
    words: str


@dataclass(frozen=True, slots=True)
class StoryView:
    """Everything that is known of a story."""

    id: str
    label: str
    state: str
    change: str
    direction: str
    mentions: str
    share: str
    mood: str
    sentiment: str
    members: str
    first_seen: Time | None
    last_seen: Time | None
    quotes: Sequence[str]
    course: Sequence[Hour]
    course_words: str
    chunks: Sequence[str]
    episodes: Sequence[str]


def state_of(story: StoredStory) -> str:
    """The word for how a story stands; empty if its summary does not tell."""
    return story.state if story.state in STATES else ""


def course_of(story: StoredStory, summary: StoredSummary) -> list[Hour]:
    """A bar for each of the last 24 hours; nothing where the summary has no curve."""
    end = moment_of(summary.generated_at)
    amounts = [amount if isfinite(amount) and amount > 0 else 0.0 for amount in story.curve]
    highest = max(amounts, default=0.0)
    if end is None or len(amounts) != CURVE_HOURS or not highest:
        return []
    last, width = Period.DAY.slot_of(end), 100 / CURVE_HOURS
    hours = []
    for place, amount in enumerate(amounts):
        slot = Slot(last.start - timedelta(hours=CURVE_HOURS - 1 - place), last.length)
        height = round(100 * amount / highest, 2)
        words = f"{slot.words}: {number(amount)} mention{'' if amount == 1 else 's'}"
        hours.append(Hour(slot, round(place * width + 0.4, 3), round(width - 0.8, 3), 100 - height, height, words))
    return hours


def stories_of(summary: StoredSummary) -> Stories:
    """The stories that the page lists."""
    shown = summary.clusters[:SHOWN_STORIES]
    largest = max((story.mentions for story in shown), default=0.0)
    return Stories(
        [_row(story, largest) for story in shown],
        max(0, (summary.cluster_count or len(summary.clusters)) - len(shown)),
    )


def _row(story: StoredStory, largest: float) -> StoryRow:
    state = state_of(story)
    told = "" if state == "steady" else state  # most are: a word on each would hide those that are not
    change, direction = growth(story.change)
    return StoryRow(
        id=story.id,
        label=story.label or story.id,
        state=told,
        mentions=number(story.mentions),
        percent=percent_of(story.mentions, largest),
        change="new" if state == "new" and change == NONE else change,
        direction=direction,
        mood=mood(story.sentiment_score),
        sentiment=signed(story.sentiment_score),
        spark=_spark(story),
        quote=next(iter(quotes_of(story, 1)), ""),
        first_seen=time_of(story.first_seen),
        last_seen=time_of(story.last_seen),
        spike=story.spike,
    )


def _spark(story: StoredStory) -> str:
    amounts = [int(max(0, min(amount, MOST))) for amount in story.curve]
    return outline(amounts, max(amounts)) if len(amounts) == CURVE_HOURS else ""


def story_view(
    wanted: str, summary: StoredSummary, recent: Sequence[RecentChunk], episodes: Sequence[SpikeEpisode]
) -> StoryView | None:
    """The story with the id *wanted*; None if the summary does not list it."""
    story = next((each for each in summary.clusters if each.id == wanted), None)
    if story is None:
        return None
    course = course_of(story, summary)
    change, direction = growth(story.change)
    highest = max(course, key=lambda hour: hour.height, default=None)
    return StoryView(
        id=story.id,
        label=story.label or story.id,
        state=state_of(story),
        change=change,
        direction=direction,
        mentions=number(story.mentions),
        share=share_in_words(story.mentions, summary.total_mentions),
        mood=mood(story.sentiment_score),
        sentiment=signed(story.sentiment_score),
        members="" if story.members is None else number(story.members),
        first_seen=time_of(story.first_seen),
        last_seen=time_of(story.last_seen),
        quotes=quotes_of(story, MAX_QUOTES),
        course=course,
        course_words="" if highest is None else f"Mentions an hour in the last 24 hours, most of them {highest.words}",
        chunks=_chunks(story, recent),
        episodes=_episodes(story, episodes),
    )


def _chunks(story: StoredStory, recent: Sequence[RecentChunk]) -> list[str]:
    """What the newest chunks said that had a cluster by that name."""
    found = [
        chunk.summary
        for chunk in recent
        if chunk.summary.strip() and any(story.label and cluster.label == story.label for cluster in chunk.clusters)
    ]
    return list(dict.fromkeys(found))[:MAX_CHUNKS]


def _episodes(story: StoredStory, episodes: Sequence[SpikeEpisode]) -> list[str]:
    """The episodes that were about it, newest first."""
    found = []
    for episode in reversed(episodes):
        drivers, began = drivers_of(episode), moment_of(episode.timestamp)
        own = next((each for each in drivers.stories if each.id == story.id), None) if drivers is not None else None
        if own is not None and began is not None:
            said = f"{number(own.mentions)} of its mentions where {number(round(own.usual))} are usual"
            found.append(f"{KINDS[episode.kind]} episode, {began:%a %d %b, %H:%M} UTC: {said}")
    return found
