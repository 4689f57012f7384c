"""A brand's summary as a person would tell it: a few sentences, made of the numbers that the page shows.

Pure. Labels are foreign text: they come out between quotation marks, without characters that order a direction.
"""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Any, Final

import msgspec

from orchestrator.contract.episode_words import quoted
from orchestrator.contract.summary import Drivers
from orchestrator.http.movement import MINUS
from orchestrator.http.period import moment_of
from orchestrator.http.story_view import state_of
from orchestrator.http.view import mood, net_sentiment, number, share_in_words, signed

if TYPE_CHECKING:
    from orchestrator.http.documents import StoredStory, StoredSummary

LEAST_SHARE: Final = 0.02
"""Stories with less of all mentions are not worth a sentence."""

_LEVEL: Final = 0.03
_CLEAR: Final = 0.3
_MOOD_WORDS: Final = {"positive": "positive", "negative": "negative", "balanced": "balanced"}
_MINUTES: Final = 60


def in_words(brand: str, summary: StoredSummary) -> list[str]:
    """Paragraphs: how much and in which mood, what is unusual, what it is about; nothing without mentions."""
    if not summary.total_mentions > 0:
        return [f"Nothing was said about {brand} in {_window(summary)}."]
    paragraphs = [
        f"{_volume(brand, summary)} {_mood(summary)}".strip(),
        _unusual(summary),
        " ".join(sentence for sentence in (_about(summary), _moving(summary), _liked(summary)) if sentence),
    ]
    return [paragraph for paragraph in paragraphs if paragraph]


def _window(summary: StoredSummary) -> str:
    start, end = moment_of(summary.window_start), moment_of(summary.window_end)
    if start is None or end is None or end <= start:
        return "the window"
    minutes = (end - start).total_seconds() / _MINUTES
    hours = round(minutes / _MINUTES)
    return f"the last {hours} hours" if hours > 1 else f"the last {max(1, round(minutes))} minutes"


def _volume(brand: str, summary: StoredSummary) -> str:
    total = summary.total_mentions
    said = f"{brand} was mentioned {number(total)} time{'' if total == 1 else 's'} in {_window(summary)}"
    change = summary.changes.mentions
    if change is None or not isfinite(change):
        return f"{said}."
    if abs(change) < _LEVEL:
        return f"{said}, about as often as in the time before."
    return f"{said}, {number(round(100 * min(abs(change), 1e4)))} % {'more' if change > 0 else 'less'} than before."


def _mood(summary: StoredSummary) -> str:
    net = net_sentiment(summary)
    if net is None:
        return ""
    word, change = mood(net), summary.changes.net_sentiment
    clearly = "clearly " if abs(net) >= _CLEAR and word in {"positive", "negative"} else ""
    said = f"The mood is {clearly}{_MOOD_WORDS.get(word, word)} ({signed(net)}"
    if change is None or not isfinite(change) or abs(change) < _LEVEL:
        return f"{said})."
    return f"{said}) and has {'risen' if change > 0 else 'fallen'} by {abs(change):.2f}."


def _unusual(summary: StoredSummary) -> str:
    episode = summary.spike
    if episode is None:
        return "A worker flagged something within the last half hour." if summary.spike_detected else ""
    count, usual, seconds = (_number(episode.get(key)) for key in ("mentionCount", "expected", "windowSec"))
    since = episode.get("timestamp")
    began = moment_of(since) if isinstance(since, str) else None
    if count is None or usual is None:
        return "Far more is said than usual."
    when = "" if began is None else f"since {began:%H:%M} UTC "
    stretch = "" if not seconds else f" within {round(seconds / _MINUTES)} minutes"
    expected = number(round(usual)) if usual >= 1 else "less than one"
    said = f"Far more is said {when}than usual: {number(count)} mentions{stretch}, where {expected} would be normal."
    return " ".join([said, *_cause(episode, count)])


def _cause(episode: dict[str, Any], count: float) -> list[str]:
    """What an episode is about, in a sentence; none where that is not known."""
    try:
        drivers = msgspec.convert(episode.get("drivers"), Drivers)
    except msgspec.ValidationError:  # of an older version, or of somebody else
        return []
    if not drivers.stories:
        return []
    share = share_in_words(drivers.stories[0].mentions, count)
    most = f", {share} of them" if share else ""
    return [f"It is about {quoted(drivers.stories[0].label)}{most}."]


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value) or value < 0:
        return None
    return float(value)


def _large(summary: StoredSummary) -> list[StoredStory]:
    return [story for story in summary.clusters[:10] if story.mentions >= LEAST_SHARE * summary.total_mentions]


def _name(story: StoredStory) -> str:
    return quoted(story.label or story.id)


def _about(summary: StoredSummary) -> str:
    stories = _large(summary)
    if not stories:
        return ""
    share = share_in_words(stories[0].mentions, summary.total_mentions)
    said = f"Most is about {_name(stories[0])}" + (f", {share} of all mentions" if share else "")
    others = [_name(story) for story in stories[1:3]]
    if not others:
        return f"{said}."
    return f"{said}; then {'comes' if len(others) == 1 else 'come'} {' and '.join(others)}."


def _moving(summary: StoredSummary) -> str:
    sentences = []
    for state, words in (("new", "New"), ("growing", "Growing"), ("fading", "Fading")):
        names = [_name(story) for story in _large(summary) if state_of(story) == state][:2]
        if names:
            sentences.append(f"{words}: {' and '.join(names)}.")
    return " ".join(sentences)


def _liked(summary: StoredSummary) -> str:
    rated = [(story.sentiment_score, story) for story in _large(summary) if story.sentiment_score is not None]
    if not rated:
        return ""
    best, worst = max(rated, key=lambda pair: pair[0]), min(rated, key=lambda pair: pair[0])
    parts = []
    if best[0] >= _CLEAR:
        parts.append(f"People like {_name(best[1])} most ({signed(best[0])})")
    if worst[0] <= -_CLEAR:
        begin = "and are most critical of" if parts else "People are most critical of"
        parts.append(f"{begin} {_name(worst[1])} ({MINUS}{abs(worst[0]):.2f})")
    return f"{' '.join(parts)}." if parts else ""
