"""What a brand's chunks are about: topics of a pane, weighted by the mentions of their chunks.

Texts that differ only in case, Unicode form or runs of blanks are one topic; it is shown in its most frequent
spelling. A chunk that repeats a topic counts once for it.

Bounded: a pane keeps its heaviest :data:`MAX_TOPICS`, and at most as many more until it is pruned. That is done right
after the chunk that passed the bound, so that the cut of batches does not show.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence

from orchestrator.brand.labels import is_name
from orchestrator.brand.normal_form import normal_form

MAX_TOPICS = 256
"""Kept of a pane. Workers name a handful a chunk; the summary shows ten."""

MAX_SPELLINGS = 8
"""Most spellings of a topic that a pane tells apart; mentions in further ones still count for the topic."""

MAX_TOPIC_CHARS = 200
"""A topic is a title; a longer text is cut."""


def topic_key(text: str) -> str:
    """What all spellings of a topic have in common; empty for a text that names none."""
    return normal_form(text).key if is_name(text) else ""


def distinct_topics(topics: Sequence[str]) -> Iterable[str]:
    """The topics of one chunk, each once, in its first spelling."""
    if len(topics) == 1:
        return topics
    first: dict[str, str] = {}
    for topic in topics:
        first.setdefault(topic_key(topic), topic)
    return first.values()


class Topic:
    """One topic of one pane: its mentions, and how many of them each spelling stands for."""

    __slots__ = ("mentions", "spellings")

    def __init__(self, mentions: int = 0, spellings: dict[str, int] | None = None) -> None:
        self.mentions = mentions
        self.spellings = {} if spellings is None else spellings

    def add(self, spelling: str, mentions: int) -> None:
        """Count *mentions* more, written as *spelling*."""
        self.mentions += mentions
        if spelling in self.spellings:
            self.spellings[spelling] += mentions
        elif len(self.spellings) < MAX_SPELLINGS:
            self.spellings[spelling] = mentions


class PaneTopics:
    """The topics of one pane by key."""

    __slots__ = ("by_key",)

    def __init__(self, by_key: dict[str, Topic] | None = None) -> None:
        self.by_key = {} if by_key is None else by_key

    def __len__(self) -> int:
        return len(self.by_key)

    def add(self, key: str, text: str, mentions: int) -> bool:
        """Count *mentions* for the topic *key*, written as *text*; returns whether it is new in the pane."""
        topic = self.by_key.get(key)
        new = topic is None
        if topic is None:
            topic = self.by_key[key] = Topic()
        topic.add(text[:MAX_TOPIC_CHARS].strip(), mentions)
        return new

    def prune(self) -> dict[str, Topic]:
        """Drop all but the heaviest :data:`MAX_TOPICS` (ties: by key) and return the dropped ones."""
        ranked = sorted(self.by_key.items(), key=lambda item: (-item[1].mentions, item[0]))
        self.by_key = dict(ranked[:MAX_TOPICS])
        return dict(ranked[MAX_TOPICS:])


class TopicTotals:
    """Topics of all panes of the window together, kept up to date as panes change and leave."""

    __slots__ = ("_mentions", "_panes")

    def __init__(self) -> None:
        self._mentions: dict[str, int] = {}
        # In how many panes: mentions cannot tell when a topic is gone, because a chunk may have none.
        self._panes: dict[str, int] = {}

    def add(self, key: str, mentions: int, panes: int) -> None:
        """Count *mentions* more, in so many *panes* that did not have the topic."""
        self._mentions[key] = self._mentions.get(key, 0) + mentions
        if panes:
            self._panes[key] = self._panes.get(key, 0) + panes

    def subtract(self, topics: dict[str, Topic]) -> None:
        """Take the *topics* of one pane out again."""
        for key, topic in topics.items():
            self._mentions[key] -= topic.mentions
            self._panes[key] -= 1
            if not self._panes[key]:
                del self._mentions[key], self._panes[key]

    def heaviest(self, count: int) -> list[tuple[str, int]]:
        """The *count* topics with most mentions, as key and mentions; ties by key."""
        if not self._mentions:
            return []
        # A bound first: comparing numbers is ten times faster than sorting pairs.
        bound = heapq.nlargest(count, self._mentions.values())[-1]
        candidates = [(-mentions, key) for key, mentions in self._mentions.items() if mentions >= bound]
        return [(key, -negated) for negated, key in heapq.nsmallest(count, candidates)]
