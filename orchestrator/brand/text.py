"""Texts for people: how a text is clipped to one line, and the summary in words.

Source: the design's rule on text, which follows the rest of the platform: notable mentions, key topics, spikes, up
to three highlights, each on a line of its own; a line without content is left out. The text never says less than the
totals: what is in no story is told, and mentions without stories are mentions. Other rules take :func:`clip` from here;
this module imports none of them but those of names.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from orchestrator.brand.labels import is_name
from orchestrator.brand.normal_form import normal_form
from orchestrator.contract.summary import SpikeEpisode

_NAMED_STORIES = 3
_NAMED_TOPICS = 5
_HIGHLIGHTS = 3
_NAME_CHARS = 120
_HIGHLIGHT_CHARS = 200
_HOUR_AND_MINUTE = slice(len("2026-11-23T"), len("2026-11-23T12:00"))


@dataclass(frozen=True, slots=True)
class Content:
    """What there is to tell.

    Attributes:
        stories: label and mentions, largest first.
        topics: spellings, heaviest first.
        flagged: labels of the stories that workers flagged.
        surge: the open episode in a few words; empty if there is none.
        highlights: chunk summaries, newest first.
        mentions: how many there are in the window.
        in_no_story: how many of them no story has.
    """

    stories: Sequence[tuple[str, int]]
    topics: Sequence[str]
    flagged: Sequence[str]
    surge: str
    highlights: Sequence[str]
    mentions: int = 0
    in_no_story: int = 0


def clip(text: str, chars: int) -> str:
    """*text* on one line, with single blanks, in at most so many *chars*."""
    if len(text) <= chars and text.isascii() and text.isprintable() and "  " not in text:
        return text.strip()  # nearly every text: it is in order already
    # Cut generously before the blanks are put in order: a text may be long.
    line = " ".join(text[: 4 * chars].split())
    return line if len(line) <= chars else line[: chars - 1].rstrip() + "…"


def compose(content: Content) -> str:
    """The text of the summary; lines are separated by a newline."""
    named = islice((one for one in content.stories if is_name(one[0])), _NAMED_STORIES)
    stories = [f"{_name(label)} ({_mentions(mentions)})" for label, mentions in named]
    spikes = [content.surge] if content.surge else []
    spikes += [_name(label) for label in content.flagged[:_NAMED_STORIES] if is_name(label)]
    lines = [
        _line("Notable mentions", stories),
        _apart(content) if stories else _no_stories(content),
        _line("Key topics", [_name(topic) for topic in content.topics[:_NAMED_TOPICS]]),
        _line("Spikes", spikes),
    ]
    lines += [_line("Highlight", [clip(text, _HIGHLIGHT_CHARS)]) for text in _distinct(content.highlights)]
    return "\n".join(line for line in lines if line) or "No mentions in this window."


def _distinct(texts: Sequence[str]) -> list[str]:
    """The first of *texts* that read differently, as many as are shown."""
    distinct: dict[str, str] = {}
    for text in texts:
        distinct.setdefault(normal_form(text).key or text, text)
        if len(distinct) == _HIGHLIGHTS:  # to look into the others costs as much as the rest of a summary
            break
    return list(distinct.values())


def _apart(content: Content) -> str:
    """How much of the whole the stories leave out, so that nobody takes them for all of it."""
    if not content.in_no_story:
        return ""
    percent = 100 * content.in_no_story / content.mentions
    share = f"{percent:.0f} %" if percent >= 1 else "less than 1 %"
    return f"In no story: {content.in_no_story:,} of {_mentions(content.mentions)} ({share})"


def _no_stories(content: Content) -> str:
    return f"{_mentions(content.mentions)}, no stories" if content.mentions else ""


def surge(episode: SpikeEpisode) -> str:
    """The open *episode* in a few words."""
    since = episode.timestamp[_HOUR_AND_MINUTE]
    minutes = episode.window_sec // 60
    usual = f"{episode.expected:,.0f}" if episode.expected >= 1 else "less than 1"
    return f"{_mentions(episode.mention_count)} in {minutes} minutes instead of {usual} (since {since} UTC)"


def _line(title: str, parts: Sequence[str]) -> str:
    return f"{title}: {', '.join(parts)}" if parts else ""


def _name(text: str) -> str:
    return clip(text, _NAME_CHARS)


def _mentions(count: int) -> str:
    return "1 mention" if count == 1 else f"{count:,} mentions"
