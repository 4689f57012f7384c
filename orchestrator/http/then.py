"""What was said in a stretch of time, as far as anything of it is kept: plain values, no HTML, no I/O.

Kept are the newest chunks in short (fifty), the stories of the window with examples, and the drivers of episodes with
quotes. What is not kept any more is said: an empty list would look like silence.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING, Final

from orchestrator.contract.episode_words import about, drivers_of
from orchestrator.http.chart import span_of
from orchestrator.http.period import Period, Slot, moment_of
from orchestrator.http.view import KINDS, SHOWN_EPISODES, Time, mood, number, said_of, signed, time_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from orchestrator.contract.insights import RecentChunk
    from orchestrator.contract.summary import SpikeEpisode
    from orchestrator.http.documents import StoredStory, StoredSummary

SHOWN_STORIES: Final = 8
SHOWN_CHUNKS: Final = 10
SHOWN_QUOTES: Final = 2
MAX_QUOTE_CHARS: Final = 280
CURVE_HOURS: Final = 24


@dataclass(frozen=True, slots=True)
class Told:
    """A story in that stretch; ``said`` says how many of its mentions are of it, where that is known."""

    id: str
    label: str
    said: str
    mood: str
    sentiment: str
    quotes: Sequence[str]


@dataclass(frozen=True, slots=True)
class Chunk:
    """A chunk of that stretch."""

    time: Time | None
    mentions: str
    text: str


@dataclass(frozen=True, slots=True)
class Happened:
    """An episode of that stretch, and what it was about."""

    kind: str
    words: str
    about: Sequence[str]


@dataclass(frozen=True, slots=True)
class Then:
    """What was said in ``slot``; ``missing`` says of what nothing is kept."""

    slot: Slot
    words: str
    stories: Sequence[Told]
    chunks: Sequence[Chunk]
    episodes: Sequence[Happened]
    missing: Sequence[str]


def quotes_of(story: StoredStory, most: int = SHOWN_QUOTES) -> list[str]:
    """What was said, cut, each on one line."""
    lines = [" ".join(text[: 4 * MAX_QUOTE_CHARS].split()) for text in story.examples]
    cut = [line if len(line) <= MAX_QUOTE_CHARS else f"{line[: MAX_QUOTE_CHARS - 1]}…" for line in lines if line]
    return list(dict.fromkeys(cut))[:most]


def look_back(
    slot: Slot,
    words: str,
    summary: StoredSummary,
    recent: Sequence[RecentChunk],
    episodes: Sequence[SpikeEpisode],
    now: datetime,
) -> Then:
    """What is known of *slot*.

    Args:
        slot: which stretch.
        words: what the chart shows of it.
        summary: whose stories are looked at.
        recent: the chunks that are kept, newest first.
        episodes: those that are kept.
        now: the time (UTC), up to which an open episode reaches.
    """
    stories = _stories(slot, summary)
    chunks = _chunks(slot, recent)
    return Then(slot, words, stories, chunks, _episodes(slot, episodes, now), _missing(slot, summary, recent))


def _stories(slot: Slot, summary: StoredSummary) -> list[Told]:
    found = []
    for story in summary.clusters:
        first, last = moment_of(story.first_seen), moment_of(story.last_seen)
        if first is None or last is None or not (first < slot.end and last >= slot.start):
            continue
        amount = mentions_in(story, slot, summary)
        if amount != 0:
            found.append((amount if amount is not None else story.mentions, amount is not None, story))
    found.sort(key=lambda each: (each[1], each[0]), reverse=True)
    return [_told(story, amount if known else None) for amount, known, story in found[:SHOWN_STORIES]]


def mentions_in(story: StoredStory, slot: Slot, summary: StoredSummary) -> float | None:
    """Mentions of the *story* in *slot* by its curve; None where that does not reach."""
    end = moment_of(summary.generated_at)
    if end is None or len(story.curve) != CURVE_HOURS:
        return None
    hour = Period.DAY.slot_of(end)
    places = [
        CURVE_HOURS - 1 - int((hour.start - slot.start).total_seconds() // 3600) + offset
        for offset in range(int(slot.length.total_seconds() // 3600))
    ]
    inside = [place for place in places if 0 <= place < CURVE_HOURS]
    if not inside or places[0] < 0:
        return None
    return sum(story.curve[place] for place in inside if isfinite(story.curve[place]) and story.curve[place] > 0)


def _told(story: StoredStory, amount: float | None) -> Told:
    said = f"{number(story.mentions)} in the window" if amount is None else f"{number(amount)} then"
    label = story.label or story.id
    return Told(story.id, label, said, mood(story.sentiment_score), signed(story.sentiment_score), quotes_of(story))


def _chunks(slot: Slot, recent: Sequence[RecentChunk]) -> list[Chunk]:
    found = []
    for chunk in recent:
        moment = moment_of(chunk.processed_at)
        if moment is not None and slot.holds(moment) and chunk.summary.strip():
            found.append(Chunk(time_of(chunk.processed_at), number(chunk.mentions), chunk.summary))
    return found[:SHOWN_CHUNKS]


def _episodes(slot: Slot, episodes: Sequence[SpikeEpisode], now: datetime) -> list[Happened]:
    found = []
    for episode in episodes:
        span = span_of(episode, now)
        if span is not None and span[0] < slot.end and span[1] >= slot.start:
            drivers = drivers_of(episode)
            lines = [] if drivers is None else about(drivers)
            found.append(Happened(KINDS[episode.kind], said_of(episode), lines))
    return found[-SHOWN_EPISODES:]


def _missing(slot: Slot, summary: StoredSummary, recent: Sequence[RecentChunk]) -> list[str]:
    missing = []
    begins = moment_of(summary.window_start)
    if begins is not None and slot.end <= begins:
        missing.append(
            f"Stories are kept as long as the window has mentions of them; it begins at {begins:%a %d %b, %H:%M} UTC, "
            "so those that are gone since are not listed."
        )
    times = [moment for chunk in recent if (moment := moment_of(chunk.processed_at)) is not None]
    if not times:
        missing.append("No chunk of this brand is kept any more.")
    elif slot.start < min(times):
        kept = f"the newest {len(times)} are, since {min(times):%a %d %b, %H:%M} UTC"
        whole = slot.end <= min(times)
        missing.append(f"What chunks said then is {'not' if whole else 'only partly'} kept any more: {kept}.")
    return missing
