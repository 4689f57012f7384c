"""The fold kernel's pure twin: the definition of what :mod:`orchestrator.kernels._fold` computes.

Owns what happens to a cluster once it is known which story it belongs to: the loop over a chunk's
clusters, a story's account, the set of its mention ids. Which story that is, is the merge kernel's
business (:mod:`orchestrator.kernels.merge_py`). Knows no clock and no Redis; both twins answer the same.

Source: the rule of stories in ``docs/insights.md``.
"""

from __future__ import annotations

from array import array
from collections import Counter, deque
from functools import lru_cache
from itertools import islice
from sys import getsizeof
from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import Meta, Struct

from orchestrator.errors import InvalidStateError
from orchestrator.kernels.headline import MARGIN, count_spelling
from orchestrator.kernels.measure_py import to_fixed
from orchestrator.kernels.merge_py import NOBODY, StoryIndex

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from orchestrator.contract.chunk import Chunk, Cluster
    from orchestrator.kernels.rows import Centroids, MentionRows
    from orchestrator.kernels.tokens_py import PlainText

IMPLEMENTATION = "python"

MAX_CAPACITY = 2**16
"""Mention ids that one set can remember: the compiled table numbers them in 16 bits."""

STORED_FIELDS = 21
"""Of a story in storage: what :func:`pack_stories` tells of it, and among these the five that the index tells.

:class:`StoredStory` and ``stored.h`` read them."""

TOLD_PANES = 2
"""In how many panes it is known what a story was told as."""

MOST_STORED = 2**62
"""No number in storage is greater. A chunk adds 10**9 times 10**4 to one at most, so none that was counted ever is; and
kernels hold them in 64 bits, in which one that was made up must leave room to be counted on."""

PART_BYTES = 24
"""Of a part of a story's ids in storage: key, number of the first id, number after the last one."""

KNOWN_LABELS = 8_192
"""Labels whose words a folder remembers."""

KNOWN_CHARS = 256
"""Longer labels are rare, and would make that memory depend on senders."""

RESTING_LABELS = 1_024
"""Labels whose words a folder goes on remembering when it rests: they take about a kilobyte each."""

CLUSTER_WORDS = 24
"""Words that a cluster is compared by: those of its label, then those of the texts that it lists."""

TEXT_CHARS = 256
"""Of a listed text: what comes later would not be among these words, and takes time."""

CHUNK_TEXT_CHARS = 64_000
"""And of all texts of a chunk together, as if each cluster had three: where there are many, each is read less far."""

LISTED_TEXTS = 3
"""``FIRST_TEXTS`` of :mod:`orchestrator.kernels.rows`, which cannot be imported here: it needs this kernel."""


def text_share(clusters: int) -> int:
    """Characters that are read of each text in a chunk of so many *clusters*, at least one."""
    return min(TEXT_CHARS, CHUNK_TEXT_CHARS // (clusters * LISTED_TEXTS))


_STORY_BYTES, _ID_BYTES, _PANE_HELD_BYTES, _LABEL_BYTES = 1_300, 150, 250, 700
"""In memory, roughly: a story without the following, a mention id, a pane of a story, a known label."""

_pack = msgspec.msgpack.encode


class MentionIds:
    """The newest *capacity* distinct mention ids of one story, as hashes, oldest first.

    ``total`` counts all that were ever added; the id numbered *n* is remembered while *n* >= ``total - capacity``.
    """

    def __init__(self, capacity: int) -> None:
        if not 0 < capacity < MAX_CAPACITY:
            raise ValueError(f"capacity {capacity}: expected 1 to {MAX_CAPACITY - 1}")
        self.capacity = capacity
        self.total = 0
        self._order: deque[int] = deque(maxlen=capacity)
        self._times: dict[int, int] = {}  # how often a hash is among them: once, but for what damaged storage says

    @property
    def known(self) -> int:
        """How many are remembered."""
        return len(self._order)

    @property
    def looks(self) -> int:
        """Groups of the compiled twin's table that were looked at beyond the ids' own; a dict has none."""
        return 0

    def add(self, hashes: Sequence[int], old: Sequence[int] | None = None) -> int:
        """Remember *hashes* (uint64, all different), but those whose *old* hash is known; how many that were new."""
        if old is not None and len(old) != len(hashes):
            raise ValueError(f"{len(old)} old hashes of {len(hashes)} ids")
        fresh = 0
        for place, key in enumerate(map(int, hashes)):
            if key in self._times or (old is not None and int(old[place]) in self._times):
                continue
            if len(self._order) == self.capacity:
                self._forget(self._order[0])
            self._order.append(key)
            self._times[key] = 1
            self.total += 1
            fresh += 1
        return fresh

    def _forget(self, key: int) -> None:
        self._times[key] -= 1
        if not self._times[key]:
            del self._times[key]

    def dump(self, start: int, stop: int) -> bytes:
        """The hashes numbered *start* to *stop* as little-endian 64-bit words; forgotten ones are left out."""
        first = self.total - len(self._order)
        hashes = list(self._order)[max(0, start - first) : max(0, stop - first)]
        return b"".join(value.to_bytes(8, "little") for value in hashes)

    def load(self, total: int, data: bytes) -> None:
        """Become the set whose newest ids are those in *data*, of *total* that were ever added."""
        hashes = [int.from_bytes(data[at : at + 8], "little") for at in range(0, len(data), 8)]
        hashes = hashes[max(0, len(hashes) - self.capacity) :]
        if total < len(hashes) or len(data) % 8:
            raise ValueError(f"{len(data)} bytes of hashes of {total} ids")
        self.total = total
        self._order = deque(hashes, self.capacity)
        self._times = Counter(hashes)


PaneTally = tuple[int, int, int, int, int]
"""A pane and what it adds to a story: members, mentions, weight of the members with a score, their weighted score."""


_PANE_BYTES = 48
_MOST_SCORE = 2**126  # the kernel holds it in 128 bits

IMPOSSIBLE_PANES = "a pane twice, or a number that none can have"
"""What is wrong with panes in storage of the right size."""


def _word(value: int) -> bytes:
    return value.to_bytes(8, "little", signed=True)


class Account:
    """What a story counts, pane by pane, and what it shows.

    Attributes:
        mentions: of all panes.
        label: the headline in its most usual spelling.
        label_mentions: weight of the members that write it so.
        spellings: other spellings of the headline, with the weight of their members.
        words: those of the headline; None after loading, until somebody asks.
        told: the label that leads in the newest pane, see :meth:`tell`; ``told_lead`` is by how much weight.
        told_pane: that pane, -1 for none.
        before, before_lead, before_pane: the same of the pane before it that has members.
        heaviest: weight of the heaviest member.
        first_seen_ms: earliest stamped time of a member.
        last_seen_ms: latest stamped time of a member.
        flagged_at_ms: latest stamped time of a member that a worker flagged as a spike, None if there was none.
    """

    def __init__(self) -> None:
        self.mentions = 0
        self.label = ""
        self.label_mentions = 0
        self.spellings: tuple[tuple[str, int], ...] = ()
        self.words: tuple[str, ...] | None = ()
        self.told_pane = self.before_pane = -1
        self.told = self.before = ""
        self.told_lead = self.before_lead = 0
        self.heaviest = 0
        self.first_seen_ms = 0
        self.last_seen_ms = 0
        self.flagged_at_ms: int | None = None
        self._panes: dict[int, PaneTally] = {}

    def add(self, cluster: Cluster, at_ms: int, pane: int, weight: int, mentions: int) -> bool:
        """Count a member of *weight* that brings so many new *mentions*; whether it is the first of its pane."""
        known = self._panes.get(pane, (pane, 0, 0, 0, 0))
        score = cluster.sentiment_score
        self._panes[pane] = (
            pane,
            known[1] + 1,
            known[2] + mentions,
            known[3] + (0 if score is None else weight),
            known[4] + (0 if score is None else to_fixed(score * weight)),
        )
        self.mentions += mentions
        self.first_seen_ms = min(self.first_seen_ms, at_ms) if self.heaviest else at_ms
        self.last_seen_ms = max(self.last_seen_ms, at_ms)
        self.heaviest = max(self.heaviest, weight)
        if cluster.spike:
            self.flagged_at_ms = max(self.flagged_at_ms or 0, at_ms)
        return known[1] == 0

    def tell(self, label: str, pane: int, weight: int) -> None:
        """Let the *label* of a member vote for what its *pane* is told as, in the two newest panes.

        A label that has more than half of a pane's weight leads there (Boyer and Moore, 1981), by at least what it has
        more than all others together.
        """
        if pane > self.told_pane:
            self.before_pane, self.before, self.before_lead = self.told_pane, self.told, self.told_lead
            self.told_pane, self.told, self.told_lead = pane, label, weight
        elif pane == self.told_pane:
            self.told, self.told_lead = _vote(self.told, self.told_lead, label, weight)
        elif pane > self.before_pane:
            self.before_pane, self.before, self.before_lead = pane, label, weight
        elif pane == self.before_pane:
            self.before, self.before_lead = _vote(self.before, self.before_lead, label, weight)

    def drop(self, pane: int) -> bool:
        """Forget a pane; whether it was the last one."""
        self.mentions -= self._panes.pop(pane)[2]
        return not self._panes

    def panes(self) -> list[PaneTally]:
        """What each pane adds, in the order of their first members."""
        return list(self._panes.values())

    def dump(self) -> bytes:
        """The panes for storage: four little-endian 64-bit words and the score in 128 bits each."""
        return b"".join(
            b"".join(map(_word, tally[:4])) + tally[4].to_bytes(16, "little", signed=True)
            for tally in self._panes.values()
        )

    def load(self, data: bytes) -> None:
        """Take the panes back from what :meth:`dump` gave."""
        if not data or len(data) % _PANE_BYTES:
            raise ValueError(f"{len(data)} bytes are no panes")
        self._panes = {}
        for start in range(0, len(data), _PANE_BYTES):
            words = [int.from_bytes(data[at : at + 8], "little", signed=True) for at in range(start, start + 32, 8)]
            score = int.from_bytes(data[start + 32 : start + _PANE_BYTES], "little", signed=True)
            self._panes[words[0]] = (words[0], words[1], words[2], words[3], score)
        self.mentions = sum(tally[2] for tally in self._panes.values())
        counts = [number for tally in self._panes.values() for number in tally[1:4]]
        if len(self._panes) * _PANE_BYTES < len(data) or min(counts) < 0:
            raise ValueError(IMPOSSIBLE_PANES)
        scores = [tally[4] for tally in self._panes.values()]
        if max(self.mentions, *counts) > MOST_STORED or max(map(abs, scores)) > _MOST_SCORE:
            raise ValueError(IMPOSSIBLE_PANES)


def _vote(leader: str, lead: int, label: str, weight: int) -> tuple[str, int]:
    if label == leader:
        return leader, lead + weight
    return (leader, lead - weight) if weight <= lead else (label, weight - lead)


class Story(Account):
    """A story's own account; its direction is the index's.

    Attributes:
        key: greater = younger.
        id: stable name.
        examples: the first mentions that its heaviest member lists, cut.
        ids: its mention ids.
        segment: number of the stored segment that holds its fields as they were last stored, -1 if they never were.
        stored_bytes: what they take there, or nearly so.
        stored_ids: ids that storage holds, or would hold if the oldest had not left.
        old_ids: the first of the ids, so many: from before the brand had a key; they are remembered by old hashes.
        held_bytes: what it takes in memory, as :func:`grown_bytes` found it last.
    """

    def __init__(self, key: int, story_id: str, ids: MentionIds) -> None:
        super().__init__()
        self.key = key
        self.id = story_id
        self.examples: tuple[str, ...] = ()
        self.ids = ids
        self.segment = -1
        self.stored_bytes = 0
        self.stored_ids = 0
        self.old_ids = self.held_bytes = 0

    def release(self) -> None:
        """Give back what it has for being a story, because it is none any more; it may still be listed somewhere."""
        self.ids = MentionIds(1)
        self._panes = {}
        self.examples = self.spellings = self.words = ()
        self.told = self.before = ""

    def has_old_ids(self) -> bool:
        """Whether it remembers ids from before the brand had a key."""
        return self.old_ids > self.ids.total - self.ids.known


def grown_bytes(stories: Iterable[Story]) -> int:
    """By how many bytes of memory *stories* have grown since this was last asked of them; the index is apart."""
    grown = 0
    for story in stories:
        texts = (story.id, story.label, story.told, story.before, *story.examples, *dict(story.spellings))
        panes = story.panes()
        now = _STORY_BYTES + _ID_BYTES * story.ids.known + _PANE_HELD_BYTES * len(panes) + sum(map(getsizeof, texts))
        grown += now - story.held_bytes
        story.held_bytes = now
    return grown


def pack_stories(stories: Collection[Story], index: StoryIndex, removed: Sequence[int]) -> tuple[bytes, list[int]]:
    """What became of stories, as MessagePack for storage.

    Args:
        stories: those that changed.
        index: knows where they point.
        removed: keys of those that left.

    Returns:
        a segment: the stories as a whole each, and the keys; how many bytes each story takes in it.
    """
    packed = [_pack(_fields(story, index)) for story in stories]
    return _pack((list(map(msgspec.Raw, packed)), removed)), list(map(len, packed))


def _fields(story: Story, index: StoryIndex) -> tuple[object, ...]:
    return (
        story.key,
        story.id,
        story.label,
        story.heaviest,
        story.first_seen_ms,
        story.last_seen_ms,
        story.flagged_at_ms,
        story.ids.total,
        story.dump(),
        story.examples,
        *index.dump(story.key),
        story.old_ids,
        story.label_mentions,
        story.spellings,
        None if story.told_pane < 0 else story.told_pane,
        None if story.before_pane < 0 else story.before_pane,
        ((story.told, story.told_lead), (story.before, story.before_lead)),
    )


def take_new_ids(stories: Iterable[Story]) -> tuple[bytes, bytes, int]:
    """The ids that *stories* got since this was last asked.

    Returns:
        what there is as (key, number of the first id, number after the last one), and the hashes, one part after the
        other, both as little-endian 64-bit words; by how much what lives in storage grows, in bytes.
    """
    parts: array[int] = array("q")
    hashes: list[bytes] = []
    grown = 0
    for story in stories:
        ids = story.ids
        _take_part(story, max(story.stored_ids, ids.total - ids.known), ids.total, parts, hashes)
        grown += stored_id_bytes(ids.total, ids.capacity) - stored_id_bytes(story.stored_ids, ids.capacity)
        story.stored_ids = ids.total
    return parts.tobytes(), b"".join(hashes), grown


def stored_id_bytes(stored: int, capacity: int) -> int:
    """What *stored* ids of a story take in storage, in one part."""
    return PART_BYTES + 8 * min(stored, capacity) if stored else 0


def remembered_bytes(stories: Mapping[int, Story], parts: Sequence[int]) -> int:
    """What *stories* (by key) still remember of *parts*, in bytes of storage, each part on its own."""
    total = 0
    for key, first, stop in _threes(parts):
        story = stories.get(key)
        if story is not None:
            ids = min(stop, story.ids.total) - max(first, story.ids.total - story.ids.known)
            total += PART_BYTES + 8 * ids if ids > 0 else 0
    return total


def rescue_ids(stories: Mapping[int, Story], old_parts: Sequence[int]) -> tuple[bytes, bytes]:
    """What *stories* (by key) still remember of *old_parts*, which storage loses; see :func:`take_new_ids`.

    Parts of a story that follow on each other become one, or a story that gets an id a commit would be mostly parts.
    """
    parts: array[int] = array("q")
    hashes: list[bytes] = []
    for key, first, stop in _joined(sorted(_threes(old_parts))):
        story = stories.get(key)
        if story is not None:
            _take_part(story, max(first, story.ids.total - story.ids.known), stop, parts, hashes)
    return parts.tobytes(), b"".join(hashes)


def _threes(parts: Sequence[int]) -> Iterable[tuple[int, int, int]]:
    return zip(parts[::3], parts[1::3], parts[2::3], strict=True)


def _joined(parts: Iterable[tuple[int, ...]]) -> Iterable[list[int]]:
    joined: list[list[int]] = []
    for key, first, stop in parts:
        if joined and joined[-1][0] == key and joined[-1][2] == first:
            joined[-1][2] = stop
        else:
            joined.append([key, first, stop])
    return joined


def _take_part(story: Story, first: int, stop: int, parts: array[int], hashes: list[bytes]) -> None:
    stop = min(stop, story.ids.total)  # damaged storage may have named others
    if first < stop:
        parts.extend((story.key, first, stop))
        hashes.append(story.ids.dump(first, stop))


StoredNumber = Annotated[int, Meta(ge=0, le=MOST_STORED)]
"""One that the kernels hold in 64 bits."""


class StoredStory(Struct, array_like=True):
    """A story as a segment holds it; those written before a field was thought of have its default."""

    key: StoredNumber
    id: str
    label: str
    heaviest: StoredNumber
    first_seen_ms: StoredNumber
    last_seen_ms: StoredNumber
    flagged_at_ms: StoredNumber | None
    ids_total: StoredNumber
    panes: bytes
    examples: tuple[str, ...]
    total: bytes
    words: list[str]
    weights: bytes
    longest: Annotated[int, Meta(ge=0, le=2**31 - 1)] = 0
    mass: Annotated[float, Meta(ge=0)] = 0.0
    old_ids: StoredNumber | None = None  # of before brands had keys: all
    label_mentions: StoredNumber | None = None  # until format 4: the label was the heaviest member's
    spellings: tuple[tuple[str, StoredNumber], ...] = ()
    told_pane: StoredNumber | None = None
    before_pane: StoredNumber | None = None
    told: tuple[
        tuple[str, StoredNumber], ...
    ] = ()  # of these two panes, unless it was stored by one who did not listen


_segments = msgspec.msgpack.Decoder(tuple[list[StoredStory], list[int]])
_parts = msgspec.msgpack.Decoder(tuple[list[msgspec.Raw], msgspec.Raw])


def read_segment(prefix: bytes, number: int, value: bytes) -> tuple[list[StoredStory], list[int]]:
    """The stories in segment *number*, and the keys of those that left.

    Raises:
        InvalidStateError: it cannot be read.
    """
    try:
        return _segments.decode(value)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidStateError(f"state field {prefix + b'%d' % number!r} cannot be read: {error}") from None


def sizes_in(value: bytes) -> list[int]:
    """How many bytes each story takes in a segment that :func:`read_segment` reads.

    As :func:`pack_stories` told it: a log is cleaned by these sizes, and must not be cleaned at another commit after a
    restart than without one, or what an archive is folded to would lie in other fields than the live state.
    """
    return [len(memoryview(story)) for story in _parts.decode(value)[0]]


def rewritten(prefix: bytes, number: int, value: bytes) -> bytes:
    """The same segment as this version would write it: what the compiled twin reads. Raises like the above."""
    stories, removed = read_segment(prefix, number, value)
    # No story has a key of more than 63 bits.
    return _pack((stories, [key for key in removed if key < 2**63]))


class StoredIds:
    """The mention ids in segments, until their stories take them back; *capacity* is how many a story remembers."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._parts: dict[int, list[tuple[int, bytes]]] = {}

    def take(self, parts: bytes, hashes: bytes) -> None:
        """Take in what :func:`take_new_ids` gave.

        Raises:
            ValueError: it was something else.
        """
        if fault := fault_of(parts, hashes):
            raise ValueError(fault)
        at = 0
        for key, first, stop in _threes(array("q", parts)):
            size = (stop - first) * 8
            self._parts.setdefault(key, []).append((first, hashes[at : at + size]))
            at += size

    def give(self, story: Story, total: int) -> None:
        """Let *story* have the newest of its *total* ids back."""
        at, data = max(0, total - self.capacity), []
        for first, hashes in sorted(self._parts.get(story.key, [])):
            stop = first + len(hashes) // 8
            if stop > total:
                raise InvalidStateError(lack_of(story.key, stop, total, missing=False))
            if first <= at < stop:
                data.append(hashes[(at - first) * 8 :])
                at = stop
        if at != total:
            raise InvalidStateError(lack_of(story.key, at, total, missing=True))
        story.ids.load(total, b"".join(data))
        story.stored_ids = total


def fault_of(parts: bytes, hashes: bytes) -> str:
    """What is wrong with *parts* and *hashes* of a segment of ids; empty: nothing."""
    if len(hashes) % 8:
        return f"{len(hashes)} bytes of hashes"
    if len(parts) % PART_BYTES:
        return f"{len(parts)} bytes of parts"
    size = 0
    for _, first, stop in _threes(array("q", parts)):
        if not 0 <= first < stop:
            return f"a part from id {first} to {stop}"
        size += 8 * (stop - first)
    return "" if size == len(hashes) else f"{len(hashes)} bytes of hashes, expected {size}"


def lack_of(key: int, number: int, total: int, *, missing: bool) -> str:
    """Why story *key* of *total* ids cannot have them back."""
    if missing:
        return f"story {key}: id number {number} of {total} is missing"
    return f"story {key}: there is an id number {number} of {total}"


class StoredStories:
    """The newest form of each story in segments that come one after the other, until they are stories again.

    *prefix* is what the names of the fields that hold the segments begin with.
    """

    def __init__(self, prefix: bytes) -> None:
        self._prefix = prefix
        self._newest: dict[int, tuple[int, int, StoredStory]] = {}

    def take(self, number: int, value: bytes) -> bytes:
        """Take in segment *number*, as :func:`pack_stories` gave it.

        Returns:
            the keys of the stories in it, as 64-bit words.

        Raises:
            InvalidStateError: it cannot be read.
        """
        stored, removed = read_segment(self._prefix, number, value)
        for story, size in zip(stored, sizes_in(value), strict=True):
            self._newest[story.key] = number, size, story
        for key in removed:
            self._newest.pop(key, None)
        return b"".join(_word(story.key) for story in stored)

    def last_key(self) -> int:
        """The greatest key of a story that has not left; -1 without any. Call it after the last segment."""
        return max(self._newest, default=-1)

    def restore(self, ids: StoredIds, index: StoryIndex) -> tuple[list[Story], int, int]:
        """The stories that have not left, by key, after :meth:`last_key`; their directions and words go to *index*.

        Returns:
            the stories; what they take in storage, and what their ids do, in bytes.

        Raises:
            InvalidStateError: something of a story is missing or does not fit the rest.
        """
        stories = [self._restored(*self._newest[key], ids, index) for key in sorted(self._newest)]
        id_bytes = sum(stored_id_bytes(story.stored_ids, ids.capacity) for story in stories)
        return stories, sum(story.stored_bytes for story in stories), id_bytes

    def _restored(self, number: int, size: int, stored: StoredStory, ids: StoredIds, index: StoryIndex) -> Story:
        story = Story(stored.key, stored.id, MentionIds(ids.capacity))
        story.first_seen_ms, story.last_seen_ms = stored.first_seen_ms, stored.last_seen_ms
        story.label, story.heaviest = stored.label, stored.heaviest
        story.label_mentions = stored.heaviest if stored.label_mentions is None else stored.label_mentions
        story.spellings, story.words = stored.spellings, None
        if len(stored.told) == TOLD_PANES:
            (story.told, story.told_lead), (story.before, story.before_lead) = stored.told
            story.told_pane = -1 if stored.told_pane is None else stored.told_pane
            story.before_pane = -1 if stored.before_pane is None else stored.before_pane
        story.flagged_at_ms = stored.flagged_at_ms
        story.examples = stored.examples
        story.segment, story.stored_bytes = number, size
        story.old_ids = stored.ids_total if stored.old_ids is None else stored.old_ids
        ids.give(story, stored.ids_total)
        if story.old_ids > stored.ids_total:
            raise InvalidStateError(f"story {story.key}: {story.old_ids} of {stored.ids_total} ids are old")
        try:
            story.load(stored.panes)
            index.load(story.key, stored.total, stored.words, stored.weights, stored.longest, stored.mass)
        except ValueError as error:
            name = self._prefix + b"%d" % number
            raise InvalidStateError(f"story {story.key} in state field {name!r}: {error}") from None
        return story


Meaning = tuple[tuple[str, ...], str, tuple[str, ...]]
"""Of a label: its words, how it is shown, and the words of that."""


class StoryFolder:
    """Lets clusters join stories, one after the other; a subclass founds stories and lets them leave.

    Args:
        threshold: least cosine of centroids at which a cluster joins a story.
        label_threshold: least cosine of words.
        most: stories that may be left after a chunk.
        words: the distinct words of a label or another text.
        spelling: a label as it is to be shown, of bounded length.
        plain: finds the same words as *words* in texts that are plain, at less cost; the twin has no use for it.

    Attributes:
        index: where the stories point.
        records: the stories by key.
        dirty: those that changed, by key; the one who stores them empties it.
        in_pane: the stories that have members in a pane, by pane.
        joined: None, or a list to which each cluster adds which story it joined (its key), and how many mentions it
            brought; nothing of the fold depends on it.
    """

    def __init__(
        self,
        threshold: float,
        label_threshold: float,
        most: int,
        words: Callable[[str], tuple[str, ...]],
        spelling: Callable[[str], str],
        plain: PlainText | None = None,  # noqa: ARG002 - the other twin's
    ) -> None:
        self.index = StoryIndex(threshold, label_threshold)
        self.records: dict[int, Story] = {}
        self.dirty: dict[int, Story] = {}
        self.in_pane: dict[int, list[Story]] = {}
        self.joined: list[tuple[int, int]] | None = None
        self._most = most
        self._words = words
        self._spelling = spelling
        self._known_meaning = lru_cache(KNOWN_LABELS)(self._meaning)

    def rest(self) -> None:
        """Let go of what only a fold needs, until the next one; of many known labels the newest stay."""
        self.index.rest()
        if self._known_meaning.cache_info().currsize > RESTING_LABELS:
            self._known_meaning.cache_clear()  # this twin cannot choose

    def folder_bytes(self) -> int:
        """Bytes in memory of what is known of labels and of where the stories point, at rest."""
        return self.index.held_bytes() + self._known_meaning.cache_info().currsize * _LABEL_BYTES

    def admit(self, stories: list[Story]) -> None:
        """Let *stories* that storage had be among ``records`` and ``in_pane``."""
        for story in stories:
            self.records[story.key] = story
            for pane, *_ in story.panes():
                self.in_pane.setdefault(pane, []).append(story)

    def found(self, chunk: Chunk, place: int) -> Story:
        """A new story, founded by the cluster at *place* of *chunk*, and among ``records``."""
        raise NotImplementedError

    def examples(self, mentions: MentionRows, row: int, share: int) -> tuple[str, ...]:
        """What a story shows of the mentions in *row*, of which *share* characters each may be looked at."""
        raise NotImplementedError

    def evict(self) -> None:
        """Let the least of the stories leave."""
        raise NotImplementedError

    def fold(
        self,
        chunks: Sequence[Chunk],
        times: Sequence[int],
        panes: Sequence[int],
        centroids: Centroids,
        mentions: MentionRows,
    ) -> int:
        """Let the clusters of *chunks* join or found stories; how many clusters that were.

        Args:
            chunks: in the order that counts.
            times: the stamped time of each, Unix milliseconds.
            panes: the pane of each.
            centroids: the rows that the clusters name.
            mentions: likewise.
        """
        self.index.begin(centroids.values, centroids.offsets)
        count = 0
        for chunk, at_ms, pane in zip(chunks, times, panes, strict=True):
            share = text_share(len(chunk.clusters) or 1)
            for place in range(len(chunk.clusters)):
                self._join(chunk, place, at_ms, pane, mentions, share)
            count += len(chunk.clusters)
            while len(self.records) > self._most:
                self.evict()
        return count

    def _join(self, chunk: Chunk, place: int, at_ms: int, pane: int, mentions: MentionRows, share: int) -> None:
        cluster = chunk.clusters[place]
        row = cluster.mentions
        if not 0 <= row < len(mentions):
            raise IndexError(f"row {row} of a batch of {len(mentions)}")
        place_of_row = slice(mentions.offsets[row], mentions.offsets[row + 1])
        hashes = mentions.hashes[place_of_row].tolist()
        # Texts fewer than the count says are examples: then it is taken at its word.
        size = len(hashes) if cluster.mention_count is None else cluster.mention_count
        weight = size or 1
        centroid = NOBODY if cluster.centroid is None else cluster.centroid
        meaning = self._meaning_of(cluster.label)
        words = self._words_of(cluster.label, meaning[0], mentions.texts(row), share)
        key = self.index.match(words, centroid)
        story = self.records[key] if key >= 0 else self.found(chunk, place)
        self.index.join(story.key, words, centroid, weight)
        self._name(story, meaning, weight)
        story.tell(meaning[1], pane, weight)
        added = size
        if size == len(hashes):
            old = mentions.old_hashes[place_of_row].tolist() if hashes and story.has_old_ids() else None
            if old is not None and not old:
                raise ValueError("the batch lacks the hashes by which a story knows its old ids")
            added = story.ids.add(hashes, old)
        if weight > story.heaviest:
            story.examples = self.examples(mentions, row, share)
        if story.add(cluster, at_ms, pane, weight, added):
            self.in_pane.setdefault(pane, []).append(story)
        self.dirty[story.key] = story
        if self.joined is not None:
            self.joined.append((story.key, added))

    def _name(self, story: Story, meaning: Meaning, weight: int) -> None:
        """Let the label of a member that has just joined contend for the headline of its story."""
        _, spelling, words = meaning
        if story.words is None:
            story.words = self._words(story.label)
        if words == story.words:
            count_spelling(story, spelling, weight)
        elif not story.words or (
            self.index.shared(story.key, words) > self.index.shared(story.key, story.words) * MARGIN
        ):
            story.words, story.label, story.label_mentions, story.spellings = words, spelling, weight, ()

    def _meaning_of(self, label: str) -> Meaning:
        """What *label* means; labels come again and again."""
        return self._known_meaning(label) if len(label) <= KNOWN_CHARS else self._meaning(label)

    def _meaning(self, label: str) -> Meaning:
        words, spelling = self._words(label), self._spelling(label)
        # A headline's words are those of what is shown: that is all that storage has of it.
        return words, spelling, words if spelling == label else self._words(spelling)

    def _words_of(self, label: str, words: tuple[str, ...], texts: Sequence[str], share: int) -> tuple[str, ...]:
        """What a cluster is compared by; of each text *share* characters are read."""
        if not texts:
            return words[:CLUSTER_WORDS]
        distinct = dict.fromkeys(words)
        for text in texts:
            if text != label:
                distinct.update(dict.fromkeys(self._words(text[:share])))
        return tuple(islice(distinct, CLUSTER_WORDS))
