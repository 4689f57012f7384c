"""What a brand's chunks are about: topics of a pane, and how many mentions speak of them.

Spellings of a topic are one by the normal form (:mod:`orchestrator.brand.normal_form`); it is shown in the most
frequent one. A chunk that repeats a topic counts once for it. The brand's own name is no topic, nor are stop words,
addresses and what is no name.

A topic that names clusters of its chunk counts their mentions: those whose label it is, else those whose label has all
its words. Where the worker tells a number, that is taken. Otherwise all that is known is how many mentions the chunk
has. The two are kept apart: a topic *weighs* :data:`COUNTED` for a counted mention, and one for a mention of a chunk
that tells no number. So one integer holds both sums exactly, and counted mentions come first in every order.

Bounded: a pane keeps its heaviest :data:`MAX_TOPICS`, and at most as many more until it is pruned. That is done right
after the chunk that passed the bound, so that the cut of batches does not show.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from sys import getsizeof
from typing import NamedTuple

from orchestrator.brand.labels import is_name
from orchestrator.brand.measures import Measures
from orchestrator.brand.normal_form import cut, normal_form, without_frame
from orchestrator.contract.chunk import Chunk, TopicCount, topic_text

MAX_TOPICS = 256
"""Kept of a pane. Workers name a handful a chunk; the summary shows ten."""

MAX_SPELLINGS = 8
"""Most spellings of a topic that a pane tells apart; mentions in further ones still count for the topic."""

MAX_TOPIC_CHARS = 200
"""A topic is a title; a longer text is cut."""

COUNTED = 2**64
"""What a counted mention weighs. A window has fewer mentions."""

_WEIGHT_BYTES = 48  # in memory: a number of more than 64 bits

_KNOWN_NAMES = 8_192
_KNOWN_TOPICS = 64
_KNOWN_LABELS = 2_048
_KNOWN_CHARS = 128
_CARRYING_TOPICS = 64
_CARRYING_CLUSTERS = 256
"""So many topics of a chunk are looked for within so many labels: each with each takes a second where both are full."""


class _Name(NamedTuple):
    key: str
    words: frozenset[str]


@lru_cache(_KNOWN_NAMES)
def _name(text: str) -> _Name:
    if not is_name(text):
        return _Name("", frozenset())
    form = normal_form(text)
    return _Name(form.key, frozenset(form.words))


def topic_key(text: str) -> str:
    """What all spellings of a topic have in common; empty for a text that names none."""
    return _name(cut(text)).key


def topics_of(chunk: Chunk, mentions: int, sizes: Sequence[int]) -> dict[str, int]:
    """What each topic of *chunk* weighs, by its first spelling.

    Args:
        chunk: one that was decoded.
        mentions: how many it has.
        sizes: mentions of its clusters.
    """
    named: dict[str, int] = {}
    labels = [_name(cut(cluster.label)) for cluster in chunk.clusters]
    for label, size in zip(labels, sizes, strict=True):
        named[label.key] = named.get(label.key, 0) + size
    seen = {"", topic_key(chunk.brand)}
    weights: dict[str, int] = {}
    for topic in chunk.topics or ():
        text, told = topic_text(topic), None if isinstance(topic, str) else topic.mentions
        key, words = _name(cut(text))
        if key in seen:
            continue
        seen.add(key)
        counted = named.get(key) if told is None else told
        if counted is None and len(weights) < _CARRYING_TOPICS:
            within = [
                size for label, size in zip(labels[:_CARRYING_CLUSTERS], sizes, strict=False) if words <= label.words
            ]
            counted = sum(within) if within else None
        weights[text] = mentions if counted is None else counted * COUNTED
    return weights


def topics_by_pane(panes: Sequence[int], chunks: Sequence[Chunk], measures: Measures) -> dict[int, dict[str, int]]:
    """What the topics of a brand's *chunks* weigh in each pane, by their texts: the sums of :func:`topics_of`.

    To look for every topic in every label would cost as much as the rest of a fold. So chunks that say the same are
    looked at as one, and a topic that is within no label of the whole batch is not looked for in each chunk.
    """
    if _are_alike(panes, chunks, measures):
        counted, size, mentions = topics_of(chunks[0], 0, [1]), sum(measures.sizes), sum(measures.mentions)
        return {panes[0]: {text: size * COUNTED if weight else mentions for text, weight in counted.items()}}
    added: dict[int, dict[str, int]] = {}
    outside = _Outside(chunks, measures)
    sums: dict[tuple[int, tuple[str | TopicCount, ...]], int] = {}
    for place, (pane, chunk, mentions) in enumerate(zip(panes, chunks, measures.mentions, strict=True)):
        if not chunk.topics:
            continue
        alike = pane, tuple(chunk.topics)
        if alike in sums:
            sums[alike] += mentions
            continue
        if outside.has_all(chunk.topics):
            its = dict.fromkeys(map(topic_text, chunk.topics), 0)  # now, because the order of spellings matters
            sums[alike] = mentions
        else:
            its = topics_of(chunk, mentions, measures.sizes_of(place))
        weights = added.setdefault(pane, {})
        for text, weight in its.items():
            weights[text] = weights.get(text, 0) + weight
    for (pane, topics), mentions in sums.items():
        for text in map(topic_text, topics):
            added[pane][text] += mentions
    return added


def _are_alike(panes: Sequence[int], chunks: Sequence[Chunk], measures: Measures) -> bool:
    """Whether all *chunks* have one pane, the same topics without numbers, and one cluster of the same label."""
    all_topics = [chunk.topics for chunk in chunks]
    return (
        len(measures.labels) == 1
        and measures.stops == list(range(1, len(chunks) + 1))
        and panes.count(panes[0]) == len(panes)
        and all_topics.count(all_topics[0]) == len(all_topics)
        and all(isinstance(topic, str) for topic in all_topics[0] or ())
    )


_NOTHING: frozenset[str] = frozenset()
_apart: dict[str, set[str]] = {}
"""Labels that a topic is known not to be within, by topic: both come again and again, batch by batch."""


class _Outside(dict["str | TopicCount", "str | None"]):
    """The keys of topics that are in no label of a batch; None for those that may be, and for those with numbers."""

    def __init__(self, chunks: Sequence[Chunk], measures: Measures) -> None:
        super().__init__()
        self._labels = measures.labels
        self._own = topic_key(chunks[0].brand) if chunks else ""
        self._keys: set[str] = set()
        self._words: set[str] = set()

    def __missing__(self, topic: str | TopicCount) -> str | None:
        """Look for *topic* in the batch."""
        found = None
        if isinstance(topic, str):
            key = topic_key(topic)
            if key in {"", self._own}:
                found = ""
            elif self._labels <= _apart.get(topic, _NOTHING) or self._is_apart(topic):
                found = key
        self[topic] = found
        return found

    def _is_apart(self, topic: str) -> bool:
        """Whether *topic* is none of the labels and not made of their words; remembered where that is cheap."""
        if not self._keys:
            names = [_name(cut(label)) for label in self._labels]
            self._keys = {"", *[name.key for name in names]}
            self._words = set[str]().union(*[name.words for name in names])
        key, words = _name(cut(topic))
        if key in self._keys or words <= self._words:
            return False
        if len(self._labels) <= _KNOWN_LABELS:
            if len(_apart) >= _KNOWN_TOPICS:
                _apart.clear()
            known = _apart.setdefault(topic, set())
            if len(known) > _KNOWN_LABELS:
                known.clear()
            known.update([label for label in self._labels if len(label) <= _KNOWN_CHARS])
        return True

    def has_all(self, topics: Sequence[str | TopicCount]) -> bool:
        """Whether all *topics* are in no label, and different ones."""
        keys = [self[topic] for topic in topics]
        return not (None in keys or "" in keys or len(set(keys)) < len(keys))


class Topic:
    """One topic of one pane: what it weighs, and how many mentions each spelling stands for."""

    __slots__ = ("spellings", "weight")

    def __init__(self, weight: int = 0, spellings: dict[str, int] | None = None) -> None:
        self.weight = weight
        self.spellings = {} if spellings is None else spellings

    def add(self, spelling: str, weight: int) -> None:
        """Count *weight* more, written as *spelling*."""
        self.weight += weight
        self.spell(spelling, sum(divmod(weight, COUNTED)))

    def spell(self, spelling: str, mentions: int) -> None:
        """So many *mentions* are written as *spelling*; beyond the bound of spellings that is not told apart."""
        if spelling in self.spellings or len(self.spellings) < MAX_SPELLINGS:
            self.spellings[spelling] = self.spellings.get(spelling, 0) + mentions


class PaneTopics:
    """The topics of one pane by key."""

    __slots__ = ("by_key",)

    def __init__(self, by_key: dict[str, Topic] | None = None) -> None:
        self.by_key = {} if by_key is None else by_key

    def __len__(self) -> int:
        return len(self.by_key)

    def add(self, key: str, text: str, weight: int) -> bool:
        """Count *weight* for the topic *key*, written as *text*; returns whether it is new in the pane."""
        topic = self.by_key.get(key)
        new = topic is None
        if topic is None:
            topic = self.by_key[key] = Topic()
        topic.add(_shown(text), weight)
        return new

    def take_in(self, other: PaneTopics) -> list[str]:
        """Count the topics of *other* here as well; returns the keys that are new in the pane."""
        new = [key for key in other.by_key if key not in self.by_key]
        for key, topic in other.by_key.items():
            known = self.by_key.setdefault(key, Topic())
            known.weight += topic.weight
            for spelling, mentions in topic.spellings.items():
                known.spell(spelling, mentions)
        return new

    def prune(self) -> dict[str, Topic]:
        """Drop all but the heaviest :data:`MAX_TOPICS` (ties: by key) and return the dropped ones."""
        ranked = sorted(self.by_key.items(), key=lambda item: (-item[1].weight, item[0]))
        self.by_key = dict(ranked[:MAX_TOPICS])
        return dict(ranked[MAX_TOPICS:])

    def rekeyed(self) -> PaneTopics:
        """The same topics by the keys that their usual spellings have now; what names no topic any more is dropped.

        For what an older version counted by a rule of its own. Topics that were two and are one keep both counts.
        """
        renewed = PaneTopics()
        for topic in self.by_key.values():
            key = topic_key(max(topic.spellings, key=topic.spellings.__getitem__, default=""))
            if key:
                renewed.take_in(PaneTopics({key: topic}))
        return renewed


@lru_cache(_KNOWN_NAMES)
def _shown(text: str) -> str:
    return without_frame(text[:MAX_TOPIC_CHARS]).strip()


class TopicTotals:
    """Topics of all panes of the window together, kept up to date as panes change and leave."""

    __slots__ = ("_panes", "_weights")

    def __init__(self) -> None:
        self._weights: dict[str, int] = {}
        # In how many panes: weights cannot tell when a topic is gone, because a chunk may have no mentions.
        self._panes: dict[str, int] = {}

    def held_bytes(self) -> int:
        """Bytes in memory; the keys are those of the panes."""
        return getsizeof(self._weights) + getsizeof(self._panes) + len(self._weights) * _WEIGHT_BYTES

    def add(self, key: str, weight: int, panes: int) -> None:
        """Count *weight* more, in so many *panes* that did not have the topic."""
        self._weights[key] = self._weights.get(key, 0) + weight
        if panes:
            self._panes[key] = self._panes.get(key, 0) + panes

    def subtract(self, topics: dict[str, Topic]) -> None:
        """Take the *topics* of one pane out again."""
        for key, topic in topics.items():
            self._weights[key] -= topic.weight
            self._panes[key] -= 1
            if not self._panes[key]:
                del self._weights[key], self._panes[key]

    def weight(self, key: str) -> int:
        """What the topic *key* weighs in all panes of the window."""
        return self._weights.get(key, 0)

    def heaviest(self, count: int) -> list[tuple[str, int]]:
        """The *count* topics with most weight, as key and weight; ties by key."""
        if not self._weights:
            return []
        # A bound first: comparing numbers is ten times faster than sorting pairs.
        bound = heapq.nlargest(count, self._weights.values())[-1]
        candidates = [(-weight, key) for key, weight in self._weights.items() if weight >= bound]
        return [(key, -negated) for negated, key in heapq.nsmallest(count, candidates)]


def twins(keys: Iterable[str], panes: Sequence[PaneTopics]) -> list[list[str]]:
    """*keys* in their order, those together whose usual spellings have the same words in another order."""
    keys = list(keys)
    letters = Counter(map(_letters, keys))
    groups: dict[object, list[str]] = {}
    for key in keys:
        # Spellings are looked for in every pane, so only where the letters say that it may be worth it.
        mark = key if letters[_letters(key)] == 1 else normal_form(most_frequent([key], panes)).words
        groups.setdefault(mark, []).append(key)
    return list(groups.values())


@lru_cache(_KNOWN_NAMES)
def _letters(key: str) -> str:
    return "".join(sorted(key))


def most_frequent(keys: Sequence[str], panes: Sequence[PaneTopics]) -> str:
    """The spelling of *keys* with most mentions in *panes*; among equals the first in the alphabet."""
    spellings: Counter[str] = Counter()
    for pane in panes:
        for key in keys:
            if key in pane.by_key:
                spellings.update(pane.by_key[key].spellings)
    return min(spellings.items(), key=lambda item: (-item[1], item[0]))[0]


def weight_in(keys: Sequence[str], panes: Sequence[PaneTopics]) -> int:
    """What *keys* weigh in *panes*."""
    return sum(pane.by_key[key].weight for pane in panes for key in keys if key in pane.by_key)
