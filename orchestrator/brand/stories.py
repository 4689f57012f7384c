"""Stories: the clusters of many chunks that speak of the same thing, merged.

Owns which clusters are one story, what a story counts, and when it leaves. Pure: time comes in as stamped times
and panes; similarity and id sets are the merge kernel's. Storage layout: ``s:`` holds the format and the next key,
``s:<key>`` one story, ``m:<key>:<n>`` its mention ids (:mod:`orchestrator.brand.mentions`).

Source: the rule of stories (``docs/insights.md``). Everything is decided cluster by cluster in the order of the
chunks, so the cut of batches and restarts change nothing; a story lives while a pane of the window has it.
"""

from __future__ import annotations

import heapq
import re
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TYPE_CHECKING

from msgspec import Struct

from orchestrator.brand.codec import FORMAT, FieldDecoder, number_in, pack
from orchestrator.brand.labels import words
from orchestrator.brand.mentions import MentionLog
from orchestrator.brand.notes import clip
from orchestrator.brand.panes import pane_of
from orchestrator.errors import InvalidStateError
from orchestrator.merge import FIXED_ONE, NOBODY, Account, Mentions, StoryIndex

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrator.contract.chunk import Chunk, Cluster
    from orchestrator.contract.decode import ChunkBatch

PREFIX = b"s:"

_MERE_NUMBER = re.compile(r"[+-]?\d*([.,]\d+)*")
_HASHED_ID_BYTES = 6
_MAX_EXAMPLES = 3
_EXAMPLE_CHARS = 120
_MAX_HEAP_ENTRIES = 4  # a story; rebuilding is then paid for by the entries that made it necessary


@dataclass(frozen=True, slots=True)
class Story:
    """One story as readers see it.

    Attributes:
        id: stable name.
        label: that of its heaviest member.
        mentions: within the window.
        members: clusters that joined within the window, the founder included.
        sentiment_score: mention-weighted mean over the window's members that have one, else None.
        first_seen_ms: earliest stamped time of a member.
        last_seen_ms: latest stamped time of a member.
        flagged_at_ms: latest stamped time of a member that a worker flagged as a spike, None if there was none.
        examples: the first mentions that its heaviest member lists, cut.
    """

    id: str
    label: str
    mentions: int
    members: int
    sentiment_score: float | None
    first_seen_ms: int
    last_seen_ms: int
    flagged_at_ms: int | None
    examples: tuple[str, ...] = ()


@dataclass(slots=True)
class StateChanges:
    """Fields of the state hash to set and to delete."""

    put: dict[bytes, bytes] = field(default_factory=dict)
    remove: list[bytes] = field(default_factory=list)


class _StoryFields(Struct, array_like=True):
    """A story as its field holds it."""

    id: str
    label: str
    label_weight: int
    first_seen_ms: int
    last_seen_ms: int
    flagged_at_ms: int | None
    ids_total: int
    panes: bytes
    total: bytes
    words: list[str]
    weights: bytes
    examples: tuple[str, ...] = ()


_story_decoder = FieldDecoder(_StoryFields)
_head_decoder = FieldDecoder(tuple[int, int])


class _Record(Account):
    """A story's own account; its direction is the index's."""

    __slots__ = ("examples", "id", "key", "log", "stored")

    def __init__(self, key: int, story_id: str) -> None:
        super().__init__()
        self.key = key
        self.id = story_id
        self.examples: tuple[str, ...] = ()
        self.log = MentionLog(key)
        self.stored = False

    @property
    def rank(self) -> tuple[int, int, int]:
        """Who leaves first: the smallest, among equals the one not seen for longest, then the oldest."""
        return self.mentions, self.last_seen_ms, self.key

    def view(self) -> Story:
        """The story as readers see it."""
        _, members, _, scored, score = map(sum, zip(*self.panes(), strict=True))
        return Story(
            self.id,
            self.label,
            self.mentions,
            members,
            score / (scored * FIXED_ONE) if scored else None,
            self.first_seen_ms,
            self.last_seen_ms,
            self.flagged_at_ms,
            self.examples,
        )


def _examples(cluster: Cluster) -> tuple[str, ...]:
    return tuple([clip(text, _EXAMPLE_CHARS) for text in cluster.mentions[:_MAX_EXAMPLES]])


class StoryBook:
    """The stories of one brand."""

    def __init__(self, threshold: float, max_stories: int) -> None:
        self._max_stories = max_stories
        self._index = StoryIndex(threshold)
        self._mentions = Mentions()
        self._records: dict[int, _Record] = {}
        self._ids: set[str] = set()
        self._next_key = 0
        self._first_pane = -1
        self._in_pane: dict[int, list[_Record]] = {}
        self._smallest: list[tuple[tuple[int, int, int], _Record]] | None = None
        self._dirty: dict[int, _Record] = {}
        self._removed: list[bytes] = []
        self._head_changed = False

    def __len__(self) -> int:
        return len(self._records)

    def begin_batch(self, batch: ChunkBatch) -> None:
        """Name the batch whose chunks are folded next; the rows of their centroids are its."""
        self._index.begin(batch.centroids.values, batch.centroids.offsets)

    def fold(self, chunk: Chunk, at_ms: int) -> int:
        """Let the clusters of *chunk*, stamped *at_ms*, join or found stories; how many clusters that were."""
        clusters = chunk.clusters
        pane = pane_of(at_ms)
        for place, cluster in enumerate(clusters):
            # Texts fewer than the count says are examples: then it is taken at its word.
            size, count = self._mentions.read(cluster.mentions), cluster.mention_count
            is_complete = count is None or count == size
            if count is not None:
                size = count
            weight = size or 1
            label_words = words(cluster.label)
            row = NOBODY if cluster.centroid is None else cluster.centroid
            key = self._index.match(label_words, row)
            record = self._records[key] if key >= 0 else self._found(chunk, place)
            key = record.key
            self._index.join(key, label_words, row, weight)
            added = record.log.ids.add(self._mentions) if is_complete else size
            if weight > record.label_weight:  # the member that gives the label from now on
                record.examples = _examples(cluster)
            if record.add(cluster, at_ms, pane, weight, added):
                self._in_pane.setdefault(pane, []).append(record)
            self._dirty[key] = record
        while len(self._records) > self._max_stories:
            self._evict()
        return len(clusters)

    def _found(self, chunk: Chunk, place: int) -> _Record:
        key = self._next_key
        self._next_key += 1
        self._head_changed = True
        record = _Record(key, self._free_id(chunk, place))
        self._ids.add(record.id)
        self._records[key] = record
        if self._smallest is not None:
            heapq.heappush(self._smallest, ((0, 0, key), record))
        return record

    def _free_id(self, chunk: Chunk, place: int) -> str:
        """The founding cluster's id if it is more than a number and free, else a short hash."""
        own = chunk.clusters[place].id
        if own not in self._ids and not _MERE_NUMBER.fullmatch(own):
            return own
        text = f"{place}:{chunk.chunk_id}"
        while True:
            text = blake2b(text.encode(), digest_size=_HASHED_ID_BYTES).hexdigest()
            if text not in self._ids:
                return text

    def advance(self, first_pane: int) -> None:
        """Forget the panes before *first_pane*; stories that are in no other leave."""
        if first_pane <= self._first_pane:
            return
        self._first_pane = first_pane
        # At most a window of panes is there, and each story stands once in the list of each of its panes.
        for pane in [pane for pane in self._in_pane if pane < first_pane]:
            for record in self._in_pane.pop(pane):
                if record.key in self._records:
                    self._drop_pane(record, pane)

    def _drop_pane(self, record: _Record, pane: int) -> None:
        if record.drop(pane):
            self._remove(record)
        elif self._smallest is not None:
            heapq.heappush(self._smallest, (record.rank, record))
            if len(self._smallest) > _MAX_HEAP_ENTRIES * len(self._records):
                self._smallest = None  # mostly out of date; the next eviction builds it anew

    def _evict(self) -> None:
        """Remove the story of least rank.

        The heap holds a lower bound of each story's rank: growth is noticed when the entry comes up, shrinking
        adds an entry. So a cluster costs O(log n) at most, however many stories there are.
        """
        if self._smallest is None:
            self._smallest = [(record.rank, record) for record in self._records.values()]
            heapq.heapify(self._smallest)
        while True:
            rank, record = self._smallest[0]
            if record.key not in self._records:
                heapq.heappop(self._smallest)
            elif rank != record.rank:
                heapq.heapreplace(self._smallest, (record.rank, record))
            else:
                self._remove(record)
                return

    def _remove(self, record: _Record) -> None:
        del self._records[record.key]
        self._ids.discard(record.id)
        self._index.remove(record.key)
        self._dirty.pop(record.key, None)
        if record.stored:
            self._removed.append(b"%b%d" % (PREFIX, record.key))
            self._removed.extend(record.log.stored_fields())

    def top(self, count: int) -> list[Story]:
        """The *count* stories with most mentions in the window, the older first among equals."""
        records = list(self._records.values())
        if len(records) > count > 0:
            # a bound first: bare numbers compare five times faster than keys of tuples
            bound = heapq.nlargest(count, [record.mentions for record in records])[-1]
            records = [record for record in records if record.mentions >= bound]
        records.sort(key=lambda record: (-record.mentions, record.key))
        return [record.view() for record in records[:count]]

    def take_changes(self) -> StateChanges:
        """The fields that changed since the last call."""
        changes = StateChanges(remove=self._removed)
        for record in self._dirty.values():
            changes.put[b"%b%d" % (PREFIX, record.key)] = self._encode(record)
            record.log.take_changes(changes.put, changes.remove)
            record.stored = True
        if self._head_changed:
            changes.put[PREFIX] = pack((FORMAT, self._next_key))
        self._dirty, self._removed, self._head_changed = {}, [], False
        return changes

    def _encode(self, record: _Record) -> bytes:
        # The layout of _StoryFields; as a tuple, because a commit may write hundreds of them.
        return pack(
            (
                record.id,
                record.label,
                record.label_weight,
                record.first_seen_ms,
                record.last_seen_ms,
                record.flagged_at_ms,
                record.log.ids.total,
                record.dump(),
                *self._index.dump(record.key),
                record.examples,
            )
        )

    @classmethod
    def load(cls, threshold: float, max_stories: int, fields: Mapping[bytes, bytes]) -> StoryBook:
        """The book whose fields are among *fields*; advance it before the next fold.

        Raises:
            InvalidStateError: a field is damaged, missing or of a foreign format.
        """
        book = cls(threshold, max_stories)
        if PREFIX in fields:
            found, book._next_key = _head_decoder.read(PREFIX, fields[PREFIX])
            if found != FORMAT:
                raise InvalidStateError(f"state field {PREFIX!r} has format {found}, expected {FORMAT}")
        names = [name for name in fields if name.startswith(PREFIX) and name != PREFIX]
        for key, name in sorted((number_in(name), name) for name in names):
            book._load_story(key, name, fields)
        return book

    def _load_story(self, key: int, name: bytes, fields: Mapping[bytes, bytes]) -> None:
        stored = _story_decoder.read(name, fields[name])
        record = _Record(key, stored.id)
        record.first_seen_ms = stored.first_seen_ms
        record.label, record.label_weight = stored.label, stored.label_weight
        record.examples = stored.examples
        record.last_seen_ms, record.flagged_at_ms = stored.last_seen_ms, stored.flagged_at_ms
        record.log.load(stored.ids_total, fields)
        record.stored = True
        try:
            record.load(stored.panes)
            self._index.load(key, stored.total, stored.words, stored.weights)
        except ValueError as error:
            raise InvalidStateError(f"state field {name!r} cannot be read: {error}") from None
        for pane, *_ in record.panes():
            self._in_pane.setdefault(pane, []).append(record)
        self._records[key] = record
        self._ids.add(record.id)
