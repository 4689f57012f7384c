# distutils: language = c++
# cython: language_level=3
# cython: boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
# The loops below index only what they have sized themselves; every def checks its arguments first.
"""The fold kernel, compiled; its definition is the pure twin :mod:`orchestrator._fold_py`.

Owns what happens to a cluster once it is known which story it belongs to: the loop over a chunk's
clusters, a story's account, the set of its mention ids. Which story that is, is the merge kernel's
business (:mod:`orchestrator._merge`). Knows no clock and no Redis. Same names, signatures and
answers as the twin, bit by bit.
"""

from libc.math cimport nearbyint
from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset
from libcpp.vector cimport vector

from orchestrator import _fold_py, _merge_py
from orchestrator.merge import StoryIndex

IMPLEMENTATION = "cython"

cdef extern from "Python.h":
    const char* PyUnicode_AsUTF8AndSize(object text, Py_ssize_t* size) except NULL

cdef extern from "_hash.h" nogil:
    uint64_t text_hash "hash_text"(const char* data, Py_ssize_t size) noexcept

cdef extern from *:
    """
    static inline void fold_prefetch(const void *address) { __builtin_prefetch(address); }
    """
    ctypedef signed long long int128_t "__int128"
    void fold_prefetch(const void* address) noexcept nogil

cdef double FIXED_ONE = _merge_py.FIXED_ONE
cdef int64_t NOBODY = _merge_py.NOBODY
cdef Py_ssize_t MAX_CAPACITY = _fold_py.MAX_CAPACITY
cdef Py_ssize_t GROWS_FAST = 64  # ids: stories with more will have many more, and each growth is a walk through memory
cdef Py_ssize_t PREFETCH_MOST = 64  # lines under way: more than any machine can ask for at once


def hash_text(str text) -> int:
    """A 64-bit hash of *text*, the same on every machine and in every release: stored state holds it.

    Strings of up to 8 bytes cannot collide with others of their length (each step is a bijection).
    """
    cdef Py_ssize_t size
    cdef const char* data = PyUnicode_AsUTF8AndSize(text, &size)
    return text_hash(data, size)


cdef class MentionIds:
    """The newest *capacity* distinct mention ids of one story, as hashes, oldest first.

    ``total`` counts all that were ever added; the id numbered *n* is remembered while *n* >= ``total - capacity``.
    """

    # A ring of hashes, and a table that finds them: open addressing with linear probing, in each slot the place in the
    # ring + 1 (0 = free) and above it 16 bits of the hash, so that a look at the ring, which is far away in memory, is
    # needed for what is there only. Slots of forgotten ids stay: the ring says what they are. When they are too
    # many, the table is made anew.
    cdef readonly Py_ssize_t capacity
    cdef readonly int64_t total
    cdef readonly Py_ssize_t known
    cdef vector[uint64_t] _ring  # hash of id number n at n % capacity
    cdef vector[uint32_t] _table
    cdef size_t _used  # slots

    def __init__(self, Py_ssize_t capacity) -> None:
        if not 0 < capacity < MAX_CAPACITY:
            raise ValueError(f"capacity {capacity}: expected 1 to {MAX_CAPACITY - 1}")
        self.capacity = capacity
        self.total = 0
        self.known = 0
        self._used = 0

    def add(self, const uint64_t[::1] hashes) -> int:
        """Remember *hashes* (uint64, all different); how many of them were not known."""
        return self._add(&hashes[0], hashes.shape[0]) if hashes.shape[0] else 0

    cdef Py_ssize_t _add(self, const uint64_t* hashes, Py_ssize_t count) except -1:
        cdef Py_ssize_t place, fresh = 0
        self._reserve(count)
        for place in range(count):
            fresh += self._remember(hashes[place])
        return fresh

    cdef inline void _prefetch(self, const uint64_t* hashes, Py_ssize_t count) noexcept nogil:
        """Ask for what :meth:`_add` will look at: a story's table is larger than the nearest cache."""
        cdef size_t mask = self._table.size() - 1
        cdef Py_ssize_t place
        if self._table.size():
            for place in range(min(count, PREFETCH_MOST)):
                fold_prefetch(&self._table[hashes[place] & mask])

    cdef int _reserve(self, Py_ssize_t count) except -1:
        """Room for *count* more hashes in the ring, and free slots for them in the table."""
        # by the number of the last, not by how many are known: a loaded set may lack the oldest
        cdef Py_ssize_t wanted = min(self.total + count, self.capacity)
        if <Py_ssize_t> self._ring.size() < wanted:
            if wanted >= GROWS_FAST:
                self._ring.reserve(min(self.capacity, wanted + wanted // 2))
            self._ring.resize(wanted)
        # A count beyond the capacity is added in rounds, each of which finds the table as it leaves it.
        if (self._used + min(count, self.capacity)) * 4 >= self._table.size() * 3:
            self._rebuild(wanted)
        return 0

    cdef int _rebuild(self, Py_ssize_t wanted) except -1:
        """Make the table anew, with room for *wanted* hashes and as many again before the next time, or nearly so."""
        cdef size_t size = 8
        cdef int64_t number
        if wanted >= GROWS_FAST:
            wanted = min(2 * wanted, self.capacity)
        while size * 5 < (<size_t> wanted + 1) * 8:
            size *= 2
        self._table.assign(size, 0)
        self._used = 0
        for number in range(self.total - self.known, self.total):
            self._enter(number % self.capacity, self._ring[number % self.capacity])
        return 0

    cdef inline void _enter(self, Py_ssize_t place, uint64_t key) noexcept nogil:
        cdef size_t mask = self._table.size() - 1
        cdef size_t slot = key & mask
        while self._table[slot] != 0:
            slot = (slot + 1) & mask
        self._table[slot] = <uint32_t> (place + 1) | <uint32_t> (key >> 48) << 16
        self._used += 1

    cdef inline bint _remember(self, uint64_t key) except -1:
        cdef size_t mask = self._table.size() - 1
        cdef size_t slot = key & mask
        cdef uint32_t tag = <uint32_t> (key >> 48)
        cdef uint32_t found
        cdef Py_ssize_t place
        while True:
            found = self._table[slot]
            if found == 0:
                break
            if found >> 16 == tag and self._ring[(found & 0xFFFF) - 1] == key:
                return False
            slot = (slot + 1) & mask
        place = self.total % self.capacity
        self._ring[place] = key
        self._table[slot] = <uint32_t> (place + 1) | tag << 16
        self._used += 1
        self.total += 1
        self.known = min(self.known + 1, self.capacity)
        if self._used * 8 >= self._table.size() * 7:
            self._rebuild(self.known)
        return True

    def dump(self, int64_t start, int64_t stop) -> bytes:
        """The hashes numbered *start* to *stop* as little-endian 64-bit words; forgotten ones are left out."""
        cdef int64_t number
        cdef vector[uint64_t] hashes
        for number in range(max(start, self.total - self.known), min(stop, self.total)):
            hashes.push_back(self._ring[number % self.capacity])
        return (<const char*> hashes.data())[:hashes.size() * 8] if hashes.size() else b""

    def load(self, int64_t total, bytes data) -> None:
        """Become the set whose newest ids are those in *data*, of *total* that were ever added."""
        cdef Py_ssize_t count = len(data) // 8
        cdef Py_ssize_t known = min(count, self.capacity)
        cdef const uint64_t* hashes = (<const uint64_t*> <const char*> data) + (count - known)
        cdef Py_ssize_t place
        if total < known or len(data) % 8:
            raise ValueError(f"{len(data)} bytes of hashes of {total} ids")
        self._ring.assign(min(total, self.capacity), 0)
        self.known = known
        self.total = total
        for place in range(known):
            self._ring[(total - known + place) % self.capacity] = hashes[place]
        self._rebuild(known)


cdef struct PaneTally:
    int64_t pane
    int64_t members
    int64_t mentions
    int64_t scored
    int128_t score


cdef class Account:
    """What a story counts, pane by pane, and what it shows.

    Attributes:
        mentions: of all panes.
        label: that of the heaviest member, the first of equals.
        label_weight: of that member.
        first_seen_ms: earliest stamped time of a member.
        last_seen_ms: latest stamped time of a member.
        flagged_at_ms: latest stamped time of a member that a worker flagged as a spike, None if there was none.
    """

    cdef readonly int64_t mentions
    cdef public object label
    cdef public int64_t label_weight
    cdef public int64_t first_seen_ms
    cdef public int64_t last_seen_ms
    cdef public object flagged_at_ms
    cdef vector[PaneTally] _panes

    def __init__(self) -> None:
        self.label = ""

    cpdef bint add(self, cluster, int64_t at_ms, int64_t pane, int64_t weight, int64_t mentions) except *:
        """Count a member of *weight* that brings so many new *mentions*; whether it is the first of its pane."""
        cdef PaneTally* tally = self._tally(pane)
        score = cluster.sentiment_score
        tally.members += 1
        tally.mentions += mentions
        if score is not None:
            tally.scored += weight
            tally.score += _fixed(<double> score * weight)
        self.mentions += mentions
        self.first_seen_ms = min(self.first_seen_ms, at_ms) if self.label_weight else at_ms
        self.last_seen_ms = max(self.last_seen_ms, at_ms)
        if weight > self.label_weight:
            self.label, self.label_weight = cluster.label, weight
        if cluster.spike:
            self.flagged_at_ms = max(self.flagged_at_ms or 0, at_ms)
        return tally.members == 1

    cdef PaneTally* _tally(self, int64_t pane) except NULL:
        """The pane's tally; nearly always the newest, so the search begins there."""
        cdef PaneTally fresh
        cdef Py_ssize_t place = self._panes.size()
        while place > 0:
            place -= 1
            if self._panes[place].pane == pane:
                return &self._panes[place]
        memset(&fresh, 0, sizeof(fresh))
        fresh.pane = pane
        self._panes.push_back(fresh)
        return &self._panes.back()

    def drop(self, int64_t pane) -> bool:
        """Forget a pane; whether it was the last one."""
        cdef size_t place
        for place in range(self._panes.size()):
            if self._panes[place].pane == pane:
                self.mentions -= self._panes[place].mentions
                self._panes.erase(self._panes.begin() + place)
                return self._panes.size() == 0
        raise KeyError(pane)

    def panes(self) -> list:
        """What each pane adds, in the order of their first members."""
        cdef size_t place
        cdef list found = []
        for place in range(self._panes.size()):
            tally = &self._panes[place]
            found.append((tally.pane, tally.members, tally.mentions, tally.scored, _wide(tally.score)))
        return found

    def dump(self) -> bytes:
        """The panes for storage: four little-endian 64-bit words and the score in 128 bits each."""
        return (<const char*> self._panes.data())[:self._panes.size() * sizeof(PaneTally)]

    def load(self, bytes data) -> None:
        """Take the panes back from what :meth:`dump` gave."""
        cdef size_t place
        if not data or len(data) % sizeof(PaneTally):
            raise ValueError(f"{len(data)} bytes are no panes")
        self._panes.resize(len(data) // sizeof(PaneTally))
        memcpy(self._panes.data(), <const char*> data, len(data))
        self.mentions = 0
        for place in range(self._panes.size()):
            self.mentions += self._panes[place].mentions


cdef inline int128_t _fixed(double value) noexcept nogil:
    """The nearest fixed-point number, ties to even; scaling by a power of two is exact."""
    return <int128_t> nearbyint(value * FIXED_ONE)


cdef object _wide(int128_t value):
    return (int(<int64_t> (value >> 64)) << 64) + <uint64_t> value


cdef class Story(Account):
    """A story's own account; its direction is the index's.

    Attributes:
        key: greater = younger.
        id: stable name.
        examples: the first mentions that its heaviest member lists, cut.
        ids: its mention ids.
        segment: number of the stored segment that holds its fields as they were last stored, -1 if they never were.
        stored_bytes: what they take there, or nearly so.
        stored_ids: ids that storage holds, or would hold if the oldest had not left.
    """

    cdef readonly int64_t key
    cdef readonly str id
    cdef public object examples
    cdef readonly MentionIds ids
    cdef public int64_t segment
    cdef public int64_t stored_bytes
    cdef public int64_t stored_ids

    def __init__(self, int64_t key, str story_id, MentionIds ids not None) -> None:
        Account.__init__(self)
        self.key = key
        self.id = story_id
        self.examples = ()
        self.ids = ids
        self.segment = -1
        self.stored_bytes = 0
        self.stored_ids = 0


def take_new_ids(stories) -> tuple[bytes, bytes]:
    """The ids that *stories* got since this was last asked.

    Returns:
        what there is as (key, number of the first id, number behind the last one), and the hashes, one part behind the
        other; both as little-endian 64-bit words.
    """
    cdef Story story
    cdef vector[int64_t] parts
    cdef vector[uint64_t] hashes
    cdef int64_t number
    for story in stories:
        number = max(story.stored_ids, story.ids.total - story.ids.known)
        if number < story.ids.total:
            parts.push_back(story.key)
            parts.push_back(number)
            parts.push_back(story.ids.total)
            for number in range(number, story.ids.total):
                hashes.push_back(story.ids._ring[number % story.ids.capacity])
        story.stored_ids = story.ids.total
    if parts.size() == 0:
        return b"", b""
    return (<const char*> parts.data())[:parts.size() * 8], (<const char*> hashes.data())[:hashes.size() * 8]


cdef class StoryFolder:
    """Lets clusters join stories, one after the other; a subclass founds stories and lets them leave.

    Args:
        threshold: least similarity at which a cluster joins a story.
        most: stories that may be left behind by a chunk.
        words: the label words of a label.

    Attributes:
        index: where the stories point.
        records: the stories by key.
        dirty: those that changed, by key; whoever stores them empties it.
        in_pane: the stories that have members in a pane, by pane.
    """

    cdef readonly object index
    cdef readonly dict records
    cdef public dict dirty
    cdef readonly dict in_pane
    cdef object _words, _match, _join_index
    cdef Py_ssize_t _most

    def __init__(self, double threshold, Py_ssize_t most, words) -> None:
        self.index = StoryIndex(threshold)
        self.records = {}
        self.dirty = {}
        self.in_pane = {}
        self._most = most
        self._words = words
        self._match, self._join_index = self.index.match, self.index.join

    def found(self, chunk, place):
        """A new story, founded by the cluster at *place* of *chunk*, and among ``records``."""
        raise NotImplementedError

    def examples(self, mentions, row):
        """What a story shows of the mentions in *row*."""
        raise NotImplementedError

    def evict(self) -> None:
        """Let the least of the stories leave."""
        raise NotImplementedError

    def fold(self, chunks, times, panes, centroids, mentions) -> int:
        """Let the clusters of *chunks* join or found stories; how many clusters that were.

        Args:
            chunks: in the order that counts.
            times: the stamped time of each, Unix milliseconds.
            panes: the pane of each.
            centroids: the rows that the clusters name.
            mentions: likewise.
        """
        cdef const uint64_t[::1] hashes = mentions.hashes
        cdef const int64_t[::1] offsets = mentions.offsets
        cdef const uint64_t* first = &hashes[0] if hashes.shape[0] else NULL
        cdef Py_ssize_t count = 0, place, row
        cdef int64_t at_ms, pane
        cdef list clusters
        self.index.begin(centroids.values, centroids.offsets)
        for chunk, at_ms, pane in zip(chunks, times, panes, strict=True):
            clusters = chunk.clusters
            for place in range(len(clusters)):
                cluster = clusters[place]
                row = cluster.mentions
                if not 0 <= row < offsets.shape[0] - 1 or not 0 <= offsets[row] <= offsets[row + 1] <= hashes.shape[0]:
                    raise IndexError(f"row {row} of a batch of {offsets.shape[0] - 1}")
                self._join(
                    chunk, place, cluster, at_ms, pane, first + offsets[row], offsets[row + 1] - offsets[row], mentions
                )
            count += len(clusters)
            while len(self.records) > self._most:
                self.evict()
        return count

    cdef int _join(
        self, chunk, Py_ssize_t place, cluster, int64_t at_ms, int64_t pane,
        const uint64_t* hashes, Py_ssize_t hash_count, mentions
    ) except -1:
        cdef Story story
        cdef tuple label_words = self._words(cluster.label)
        # Texts fewer than the count says are examples: then it is taken at its word.
        cdef object said = cluster.mention_count
        cdef int64_t size = hash_count if said is None else said
        cdef int64_t weight = size if size > 0 else 1
        cdef int64_t added = size
        cdef object centroid = cluster.centroid
        if centroid is None:
            centroid = NOBODY
        cdef object key = self._match(label_words, centroid)
        if key >= 0:
            story = self.records[key]
        else:
            story = self.found(chunk, place)
            key = story.key
        if size == hash_count:
            story.ids._prefetch(hashes, hash_count)
        self._join_index(key, label_words, centroid, weight)
        if size == hash_count:
            added = story.ids._add(hashes, hash_count)
        if weight > story.label_weight:  # the member that gives the label from now on
            story.examples = self.examples(mentions, cluster.mentions)
        if story.add(cluster, at_ms, pane, weight, added):
            self.in_pane.setdefault(pane, []).append(story)
        self.dirty[key] = story
        return 0
