"""From a brand's state to the document that readers get, bounded whatever the state holds.

Only arranges what the other rules know. A document over :data:`~orchestrator.contract.summary.MAX_SUMMARY_BYTES`
shows fewer stories and chunk summaries; totals are never left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from orchestrator.brand.flags import is_flagged
from orchestrator.brand.sentiment import Tally, to_number
from orchestrator.brand.stories import StoryView
from orchestrator.brand.text import Content, clip, compose, surge
from orchestrator.brand.window import TopicView
from orchestrator.contract.summary import (
    MAX_STORY_EPISODES,
    MAX_SUMMARY_BYTES,
    SCHEMA_VERSION,
    SentimentTotals,
    SpikeEpisode,
    StoryTotal,
    Summary,
    TopicTotal,
    WindowChanges,
)
from orchestrator.contract.times import iso_utc

MAX_STORIES_SHOWN = 100
MAX_TOPICS_SHOWN = 10
_STORIES_WITH_EXAMPLES = 20
_LABEL_CHARS = 160
_DECIMALS = 6


@dataclass(frozen=True, slots=True)
class Heading:
    """Of which brand the summary is, as of when, and of which commit."""

    brand: str
    now_ms: int
    window_start_ms: int
    epoch: int
    version: int


@dataclass(frozen=True, slots=True)
class Findings:
    """What the rules found in the window; stories largest first, summaries newest first; changes as the window's."""

    tally: Tally
    topics: Sequence[TopicView]
    stories: Sequence[StoryView]
    story_count: int
    flagged: bool
    episode: SpikeEpisode | None
    chunk_summaries: Sequence[str]
    in_no_story: int = 0
    mood: SpikeEpisode | None = None
    story_episodes: Sequence[SpikeEpisode] = ()
    changes: tuple[float | None, float | None] = (None, None)


def encode_summary(heading: Heading, findings: Findings) -> bytes:
    """The summary as JSON, at most :data:`~orchestrator.contract.summary.MAX_SUMMARY_BYTES` long."""
    shown = findings.stories[:MAX_STORIES_SHOWN]
    stories = [_story_total(story, place, heading.now_ms) for place, story in enumerate(shown)]
    summaries = list(findings.chunk_summaries)
    summary = _build(heading, findings, stories, summaries)
    encoded = msgspec.json.encode(summary)
    while len(encoded) > MAX_SUMMARY_BYTES and (stories or summaries):
        # How many fit is not known: ids and labels may be long, and a character may take many bytes. So halve.
        del stories[len(stories) // 2 :], summaries[len(summaries) // 2 :]
        encoded = msgspec.json.encode(msgspec.structs.replace(summary, clusters=stories, chunk_summaries=summaries))
    return encoded


def _build(heading: Heading, findings: Findings, stories: list[StoryTotal], summaries: list[str]) -> Summary:
    tally = findings.tally
    positive, neutral, negative, score = map(to_number, tally.sums)
    net = tally.net()
    topics = [
        TopicTotal(view.topic, view.mentions, _rounded(view.change), view.in_chunks_of, view.new)
        for view in findings.topics
    ]
    content = Content(
        stories=[(story.label, story.mentions) for story in stories],
        topics=[topic.topic for topic in topics],
        flagged=[story.label for story in stories if story.spike],
        surge="" if findings.episode is None else surge(findings.episode),
        highlights=summaries,
        mentions=tally.mentions,
        in_no_story=findings.in_no_story,
    )
    return Summary(
        brand=heading.brand,
        generated_at=iso_utc(heading.now_ms),
        total_chunks=tally.chunks,
        total_mentions=tally.mentions,
        sentiment=SentimentTotals(positive, neutral, negative, score),
        dominant_topics=[topic.topic for topic in topics],
        clusters=stories,
        spike_detected=findings.flagged or findings.episode is not None,
        summary=compose(content),
        chunk_summaries=summaries,
        schema_version=SCHEMA_VERSION,
        version=heading.version,
        epoch=heading.epoch,
        window_start=iso_utc(heading.window_start_ms),
        window_end=iso_utc(heading.now_ms),
        net_sentiment=_rounded(net),
        topics=topics,
        cluster_count=findings.story_count,
        spike=findings.episode,
        implausible_chunks=tally.implausible,
        mentions_in_no_story=findings.in_no_story,
        mood=findings.mood,
        story_episodes=list(findings.story_episodes[-MAX_STORY_EPISODES:]),
        changes=WindowChanges(*map(_rounded, findings.changes)),
    )


def _story_total(story: StoryView, place: int, now_ms: int) -> StoryTotal:
    return StoryTotal(
        id=story.id,
        label=clip(story.label, _LABEL_CHARS),
        mentions=story.mentions,
        spike=is_flagged(story.flagged_at_ms, now_ms),
        sentiment_score=_rounded(story.sentiment_score),
        members=story.members,
        first_seen=iso_utc(story.first_seen_ms),
        last_seen=iso_utc(story.last_seen_ms),
        examples=list(story.examples) if place < _STORIES_WITH_EXAMPLES else [],
        state=story.state,
        change=_rounded(story.change),
        curve=list(story.curve),
    )


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, _DECIMALS)
