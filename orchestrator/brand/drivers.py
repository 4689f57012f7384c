"""What an episode is about: the stories and topics that have grown most in its stretch, its mood, what was said.

Only names what grew beside the mentions; whether it is the cause nobody can tell from counts. Everything is compared
with the window before the stretch: its mean a pane, times the panes of the stretch.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, TypeVar

from msgspec import structs

from orchestrator.brand.growth import Growth, Span
from orchestrator.brand.normal_form import normal_form
from orchestrator.brand.text import clip
from orchestrator.contract.summary import Drivers, StoryDriver, TopicDriver

if TYPE_CHECKING:
    from orchestrator.brand.stories import StoryBook, StoryView
    from orchestrator.brand.window import Window
    from orchestrator.kernels.fold import Story

T = TypeVar("T")

MAX_DRIVERS = 3
LEAST_SHARE = 0.1
"""Of the growth of the first: what grew less beside it is chance."""

MAX_QUOTES = 2
LABEL_CHARS, TOPIC_CHARS, QUOTE_CHARS, ID_CHARS = 120, 60, 120, 80

_DECIMALS, _NET_DECIMALS = 1, 3


def find_drivers(stories: StoryBook, window: Window, stretch: range) -> Drivers:
    """The drivers of an episode whose highest stretch has the panes *stretch*, as far as these are in the window."""
    span = Span.of(stretch, window.watched_from)
    grown = _notable(stories.grown(span, MAX_DRIVERS))
    quotes = _distinct(text for story, _ in grown for text in story.examples)
    return Drivers(
        [_story_driver(story, growth) for story, growth in grown],
        [_topic_driver(topic, growth) for topic, growth in _notable(window.grown(span, MAX_DRIVERS))],
        _rounded(window.net_in(span.stretch)),
        _rounded(window.net_in(span.before)),
        quotes,
    )


def find_mood_drivers(stories: StoryBook, window: Window, stretch: range) -> Drivers:
    """The same of an episode of mood: the stories whose scores have fallen most, if any has a score."""
    span = Span.of(stretch, window.watched_from)
    found = find_drivers(stories, window, stretch)
    soured = stories.soured(span, MAX_DRIVERS)
    if not soured:
        return found
    return structs.replace(
        found,
        stories=[_story_driver(story, growth) for story, growth in soured],
        quotes=_distinct(text for story, _ in soured for text in story.examples),
    )


def find_story_drivers(stories: StoryBook, window: Window, story: Story, stretch: range) -> Drivers:
    """What the episode of one *story* is about: itself, its own mean score in the stretch and before, what was said."""
    span = Span.of(stretch, window.watched_from)
    view, growth, (mood, before) = stories.told(story, span)
    topics = [_topic_driver(*one) for one in _notable(window.grown(span, MAX_DRIVERS))]
    return Drivers([_story_driver(view, growth)], topics, _rounded(mood), _rounded(before), _distinct(view.examples))


def _story_driver(story: StoryView, growth: Growth) -> StoryDriver:
    return StoryDriver(clip(story.id, ID_CHARS), clip(story.label, LABEL_CHARS), *_numbers(growth))


def _topic_driver(topic: str, growth: Growth) -> TopicDriver:
    return TopicDriver(clip(topic, TOPIC_CHARS), *_numbers(growth))


def _notable(grown: list[tuple[T, Growth]]) -> list[tuple[T, Growth]]:
    """Those of *grown*, the one that grew most first, that did not grow much less than it."""
    return grown[:1] + [one for one in grown[1:] if one[1].excess >= LEAST_SHARE * grown[0][1].excess]


def _numbers(growth: Growth) -> tuple[int, float]:
    return growth.mentions, round(growth.usual, _DECIMALS)


def _rounded(net: float | None) -> float | None:
    return None if net is None else round(net, _NET_DECIMALS)


def _distinct(texts: Iterable[str]) -> list[str]:
    """The first of *texts* that are sentences and read differently."""
    distinct: dict[str, str] = {}
    for text in texts:
        if not _is_id(text):
            distinct.setdefault(normal_form(text).key or text, clip(text, QUOTE_CHARS))
        if len(distinct) == MAX_QUOTES:
            break
    return list(distinct.values())


def _is_id(text: str) -> bool:
    """Whether *text* is a mere name of a mention, such as workers may list instead of what was said."""
    return text.isascii() and " " not in text.strip()
