"""The window of one brand: what was counted pane by pane, and the totals over its panes.

A chunk changes one pane only, the one that its stamped time names. What is told about the window is the sum of
its panes. It is kept as running totals, which stay exact because all sums are integers. The panes of the window
before are kept too, for comparison only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter

from msgspec import Struct

from orchestrator.brand.codec import FieldDecoder, number_in, pack
from orchestrator.brand.growth import Growth, Span, change
from orchestrator.brand.measures import Measures
from orchestrator.brand.panes import HOUR_MS, PANE_MS, Present, panes_per_window
from orchestrator.brand.sentiment import Tally, TallyFields, tally_by_pane
from orchestrator.brand.topics import (
    COUNTED,
    MAX_TOPICS,
    PaneTopics,
    Topic,
    TopicTotals,
    most_frequent,
    topic_key,
    topics_by_pane,
    topics_of,
    twins,
    weight_in,
)
from orchestrator.brand.units import NO_ODDITIES, Oddities
from orchestrator.contract.chunk import Chunk
from orchestrator.kernels.measure import FIXED_ONE

PREFIX = b"p:"

_LATE_START_PANES = HOUR_MS // PANE_MS
"""A brand counts as watched for the whole window before if its first chunk came at most this long after that began."""


_TWINS_AMONG = 64
"""Topics that are looked through for the same words in another order; a few times as many as are shown."""


@dataclass(frozen=True, slots=True)
class TopicView:
    """A topic of the window: its most frequent spelling, its mentions, and its mentions in the window before.

    ``mentions`` are counted ones, or, where none is counted, the same as ``in_chunks_of``: mentions of the chunks that
    named the topic and told no number. ``before`` is in the same measure, and None while the brand has not been watched
    for the whole window before.
    """

    topic: str
    mentions: int
    before: int | None
    in_chunks_of: int = 0

    @property
    def change(self) -> float | None:
        """Growth against the window before; None without a basis."""
        return change(self.mentions, self.before)

    @property
    def new(self) -> bool:
        """Whether the window before is known and has nothing of it."""
        return self.before == 0


class _TopicFields(Struct, array_like=True):
    key: str
    counted: int
    spellings: dict[str, int]
    in_chunks_of: int | None = None  # states of format 2 have but one number, which is this one

    @property
    def weight(self) -> int:
        """What the topic weighs."""
        return self.counted if self.in_chunks_of is None else self.counted * COUNTED + self.in_chunks_of


class _PaneFields(Struct, array_like=True):
    tally: TallyFields
    topics: list[_TopicFields]
    in_no_story: int = 0


_PANE_BYTES, _TOPIC_BYTES, _SPELLING_BYTES = 1_000, 270, 90
"""In memory, measured: a pane, a topic's objects and entry, a spelling's; without the characters of texts."""

_decoder = FieldDecoder(_PaneFields)


class _Pane:
    __slots__ = ("in_no_story", "tally", "topics")

    def __init__(self, tally: Tally, topics: PaneTopics, in_no_story: int = 0) -> None:
        self.tally = tally
        self.topics = topics
        self.in_no_story = in_no_story

    def encode(self) -> bytes:
        topics = [
            (key, topic.weight // COUNTED, topic.spellings, topic.weight % COUNTED)
            for key, topic in self.topics.by_key.items()
        ]
        return pack([self.tally.to_fields(), topics, self.in_no_story])

    @classmethod
    def decode(cls, name: bytes, value: bytes) -> _Pane:
        fields = _decoder.read(name, value)
        topics = {one.key: Topic(one.weight, one.spellings) for one in fields.topics}
        return cls(Tally.of_fields(fields.tally), PaneTopics(topics), fields.in_no_story)


def _bytes_of(pane: _Pane, value: bytes) -> int:
    """What *pane* takes in memory whose field is *value*: the texts are nearly all of that."""
    spellings = sum([len(topic.spellings) for topic in pane.topics.by_key.values()])
    return _PANE_BYTES + len(pane.topics) * _TOPIC_BYTES + spellings * _SPELLING_BYTES + len(value)


class Window:
    """The panes of one brand, of the window and of the one before it, and the totals of the window.

    Attributes:
        total: the tally of the whole window.
        before: that of the window before.
        in_no_story: mentions of the whole window that are in no cluster with a name.
    """

    def __init__(self, window_ms: int) -> None:
        self.total = Tally()
        self.before = Tally()
        self.in_no_story = 0
        self._span = panes_per_window(window_ms)
        self._late = min(_LATE_START_PANES, self._span // 2)
        self._first = 0
        self._since: int | None = None
        self._panes: dict[int, _Pane] = {}
        self._topics = TopicTotals()
        self._dirty: set[int] = set()
        self._removed: list[int] = []
        self._pane_bytes: dict[int, int] = {}

    @classmethod
    def load(cls, window_ms: int, fields: Mapping[bytes, bytes], since: int | None) -> Window:
        """The window over all panes among *fields*; :meth:`advance` then sets where it begins."""
        window = cls(window_ms)
        window._since = since
        for name, value in fields.items():
            if name.startswith(PREFIX):
                number = number_in(name)
                pane = window._panes[number] = _Pane.decode(name, value)
                window._pane_bytes[number] = _bytes_of(pane, value)
                window._enter(pane)
        return window

    @property
    def since(self) -> int | None:
        """The oldest pane that a chunk was ever stamped with."""
        return self._since

    @property
    def newest(self) -> int | None:
        """The newest pane with chunks; None without any."""
        return max(self._panes, default=None)

    def due_first(self) -> int | None:
        """The first pane that the window will have when the totals or the comparison change next; None: never."""
        inside = [number for number in self._panes if number >= self._first]
        if self._since is None or not inside:
            return None
        changes = [
            min(inside) + 1,  # a pane leaves the window
            min(self._panes) + 1 + self._span,  # a pane leaves the window before
            self._since - self._late + self._span,  # the brand is watched for the whole window before
        ]
        return min(first for first in changes if first > self._first)

    def fold(
        self, panes: Sequence[int], chunks: Sequence[Chunk], measures: Measures, odd: Oddities = NO_ODDITIES
    ) -> dict[int, Tally]:
        """Count *chunks*, whose panes are in the same order; returns what was added to each pane."""
        added = tally_by_pane(panes, chunks, measures.mentions, odd)
        for number, tally in added.items():
            pane = self._panes.get(number)
            if pane is None:
                pane = self._panes[number] = _Pane(Tally(), PaneTopics())
            pane.tally.add(tally)
            self.total.add(tally)
            self._dirty.add(number)
            self._since = number if self._since is None else min(self._since, number)
        self._fold_apart(panes, measures.apart)
        self._fold_topics(panes, chunks, measures)
        return added

    def advance(self, first: int) -> None:
        """Make *first* the oldest pane of the window; panes older than the window before are forgotten."""
        if first <= self._first:
            return
        for number in [number for number in self._panes if number < first]:
            # A pane leaves the totals once, when it leaves the window; it is dropped one window later.
            if number >= self._first:
                self._leave(self._panes[number])
            if number < first - self._span:
                self.before.subtract(self._panes[number].tally)
                del self._panes[number]
                self._dirty.discard(number)
                self._removed.append(number)
        self._first = first

    def reanchor(self, present: Present) -> tuple[int, int]:
        """Count what is in panes of the future in the present one instead; returns how many chunks and mentions.

        Call it before the first :meth:`advance`, and :meth:`rewrite` after it.
        """
        chunks = mentions = 0
        for number in sorted(self._panes):
            to = present.move(number, PANE_MS)
            if to == number:
                continue
            moved = self._panes.pop(number)
            self._removed.append(number)
            chunks += moved.tally.chunks
            mentions += moved.tally.mentions
            pane = self._panes.setdefault(to, _Pane(Tally(), PaneTopics()))
            pane.tally.add(moved.tally)
            pane.in_no_story += moved.in_no_story
            pane.topics.take_in(moved.topics)
            if len(pane.topics) > 2 * MAX_TOPICS:
                pane.topics.prune()
        self._recount()
        if self._since is not None:
            self._since = present.move(self._since, PANE_MS)
        return chunks, mentions

    def heaviest_topics(self, count: int) -> list[TopicView]:
        """The *count* topics of the window with most mentions, ties by key."""
        start = self._first - self._span
        watched = self.watched_before
        before = [pane.topics for number, pane in self._panes.items() if start <= number < self._first]
        inside = [pane.topics for number, pane in self._panes.items() if number >= self._first]
        weights = dict(self._topics.heaviest(max(count, _TWINS_AMONG)))
        ranked = [(-sum(weights[key] for key in keys), keys) for keys in twins(weights, inside)]
        views = []
        for negated, keys in sorted(ranked)[:count]:
            counted, in_chunks_of = divmod(-negated, COUNTED)
            earlier = divmod(weight_in(keys, before), COUNTED)
            mentions, then = (counted, earlier[0]) if counted else (in_chunks_of, earlier[1])
            views.append(TopicView(most_frequent(keys, inside), mentions, then if watched else None, in_chunks_of))
        return views

    @property
    def watched_before(self) -> bool:
        """Whether the brand was watched for the whole window before, so that there is something to compare with."""
        return self._since is not None and self._since <= self._first - self._span + self._late

    def changes(self) -> tuple[float | None, float | None]:
        """Growth of the mentions against the window before, and the difference of net sentiment."""
        if not self.watched_before:
            return None, None
        net, earlier = self.total.net(), self.before.net()
        grown = change(self.total.mentions, self.before.mentions)
        return grown, None if net is None or earlier is None else net - earlier

    @property
    def watched_from(self) -> int:
        """The first pane of the window in which the brand was watched."""
        return self._first if self._since is None else max(self._first, self._since)

    def grown(self, span: Span, count: int) -> list[tuple[str, Growth]]:
        """The *count* topics that have most mentions more in the stretch of *span* than before it, ties by key."""
        inside = [pane.topics for number, pane in self._panes.items() if number in span.stretch]
        after = [pane.topics for number, pane in self._panes.items() if number >= span.stretch.stop]
        found = []
        for key in {key for topics in inside for key in topics.by_key}:
            weight = weight_in([key], inside)
            counted, in_chunks_of = divmod(weight, COUNTED)
            # What is neither in the stretch nor after it: cheaper than to look through all panes before it.
            before = divmod(max(0, self._topics.weight(key) - weight - weight_in([key], after)), COUNTED)
            growth = span.growth(counted or in_chunks_of, before[0] if counted else before[1])
            if growth.excess > 0:
                found.append((-growth.excess, key, growth))
        return [
            (most_frequent([key], inside), growth) for _, key, growth in sorted(found, key=itemgetter(0, 1))[:count]
        ]

    def negative_in(self, pane: int) -> tuple[int, int]:
        """Negative mentions of *pane*, and all of it that have a sentiment; in the window or the one before."""
        found = self._panes.get(pane)
        if found is None:
            return 0, 0
        positive, neutral, negative, _ = found.tally.sums
        return round(negative / FIXED_ONE), round((positive + neutral + negative) / FIXED_ONE)

    def mentions_in(self, pane: int) -> int:
        """All mentions of *pane*, in the window or the one before."""
        return self._panes[pane].tally.mentions if pane in self._panes else 0

    def net_in(self, panes: range) -> float | None:
        """Net sentiment of those of the *panes* that lie in the window; None if nothing in them has a sentiment."""
        total = Tally()
        for number in range(max(panes.start, self._first), panes.stop):
            if number in self._panes:
                total.add(self._panes[number].tally)
        return total.net()

    def take_changes(self, put: dict[bytes, bytes], remove: list[bytes]) -> None:
        """Add the fields that changed to *put* and those that went to *remove*."""
        for number in self._dirty:
            pane = self._panes[number]
            value = put[b"%b%d" % (PREFIX, number)] = pane.encode()
            self._pane_bytes[number] = _bytes_of(pane, value)
        for number in self._removed:
            self._pane_bytes.pop(number, None)
        remove.extend(b"%b%d" % (PREFIX, number) for number in self._removed)
        self._dirty = set()
        self._removed = []

    def held_bytes(self) -> int:
        """Bytes in memory, after :meth:`take_changes`: by what the panes' fields are long."""
        return sum(self._pane_bytes.values()) + self._topics.held_bytes()

    def rewrite(self) -> None:
        """Write every pane with the next changes, its topics by the keys of the present rule."""
        for pane in self._panes.values():
            pane.topics = pane.topics.rekeyed()
        self._recount()
        self._dirty.update(self._panes)

    def _recount(self) -> None:
        """Have the totals of topics anew from the panes."""
        self._topics = TopicTotals()
        for number, pane in self._panes.items():
            if number >= self._first:
                self._enter_topics(pane)

    def _enter(self, pane: _Pane) -> None:
        self.total.add(pane.tally)
        self.in_no_story += pane.in_no_story
        self._enter_topics(pane)

    def _enter_topics(self, pane: _Pane) -> None:
        for key, topic in pane.topics.by_key.items():
            self._topics.add(key, topic.weight, 1)

    def _leave(self, pane: _Pane) -> None:
        self.total.subtract(pane.tally)
        self.before.add(pane.tally)
        self.in_no_story -= pane.in_no_story
        self._topics.subtract(pane.topics.by_key)

    def _fold_apart(self, panes: Sequence[int], apart: Sequence[int]) -> None:
        self.in_no_story += sum(apart)
        if panes.count(panes[0]) == len(panes):  # nearly every batch lies in one pane
            self._panes[panes[0]].in_no_story += sum(apart)
            return
        for number, mentions in zip(panes, apart, strict=True):
            self._panes[number].in_no_story += mentions

    def _fold_topics(self, panes: Sequence[int], chunks: Sequence[Chunk], measures: Measures) -> None:
        for number, added in topics_by_pane(panes, chunks, measures).items():
            topics = self._panes[number].topics
            # Where nothing can be pruned, the order of chunks does not matter, and a batch is counted at once.
            if len(topics) + len(added) <= 2 * MAX_TOPICS:
                self._count_topics(topics, added)
                continue
            # Else chunk by chunk, pruned after the same chunk as in batches of one: how they are cut must not show.
            for place, chunk in enumerate(chunks):
                if panes[place] == number:
                    self._count_topics(topics, topics_of(chunk, measures.mentions[place], measures.sizes_of(place)))
                    if len(topics) > 2 * MAX_TOPICS:
                        self._topics.subtract(topics.prune())

    def _count_topics(self, topics: PaneTopics, added: Mapping[str, int]) -> None:
        for text, weight in added.items():
            key = topic_key(text)
            self._topics.add(key, weight, int(topics.add(key, text, weight)))
