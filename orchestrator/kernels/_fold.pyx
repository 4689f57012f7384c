# distutils: language = c++
# cython: language_level=3
# cython: boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
# The loops below index only what they have sized themselves; every def checks its arguments first.
"""The fold kernel, compiled; its definition is the pure twin :mod:`orchestrator.kernels.fold_py`.

Owns what happens to a cluster once it is known which story it belongs to: the loop over a chunk's
clusters, a story's account, the set of its mention ids. Which story that is, is the merge kernel's
business (:mod:`orchestrator._merge`). Knows no clock and no Redis. Same names, signatures and
answers as the twin, bit by bit.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.ref cimport Py_INCREF
from cpython.tuple cimport PyTuple_New, PyTuple_SET_ITEM
from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset
from libcpp cimport bool
from libcpp.algorithm cimport sort
from libcpp.string cimport string
from libcpp.string_view cimport string_view
from libcpp.vector cimport vector

from orchestrator._merge cimport StoryIndex
from orchestrator.kernels.common cimport (
    Field, KERNEL_LAYOUT, PyUnicode_AsUTF8AndSize, PyUnicode_DecodeUTF8, Writer, fixed, held_by, int128_t, text_bytes,
    wide, write_text
)
from orchestrator.kernels.stored cimport MISSING, WHOLE, Hasher as WordHasher, Lack, Parts, Run, Stories, StoredStory
from orchestrator.kernels.stored cimport Words

from itertools import islice
from zlib import crc32 as _zlib_crc32

from orchestrator import _merge as _merge_kernel
from orchestrator.errors import InvalidStateError
from orchestrator.kernels import fold_py as _fold_py, hash_keys as _hash_keys, merge_py as _merge_py
from orchestrator.kernels import headline as _headline
from orchestrator.kernels.headline import count_spelling

IMPLEMENTATION = "cython"

# It calls the other by place, not by name: one of another build would end the process without a word.
if getattr(_merge_kernel, "LAYOUT", None) != KERNEL_LAYOUT:
    raise ImportError(
        "orchestrator._merge and orchestrator.kernels._fold are not of one build: install the package again"
        " (ORCHESTRATOR_MERGE=python runs without either)"
    )

cdef extern from "texts.h" namespace "fold" nogil:
    bint has_texts(const char* at, const char* stop) noexcept
    bint is_simple(const char* at, const char* stop) noexcept
    bint next_simple(const char** at, const char* stop, string_view* text) noexcept
    bint has_blank(string_view text) noexcept

cdef extern from "tokens.h" namespace "tokens" nogil:
    cdef cppclass WordSet:
        bool add(string_view word) except +

    cdef cppclass Reader:
        WordSet stops
        WordSet no_plurals
        WordSet frames
        vector[string_view] tokens
        vector[string_view] stems
        vector[string_view] words
        bool read(const char* text, size_t size) except +
        void find_words() except +
        string key() except +

cdef extern from "Python.h":
    bint PyUnicode_IS_COMPACT_ASCII(object text)
    str PyUnicode_DecodeASCII(const char* data, Py_ssize_t size, const char* errors)

cdef extern from "hash.h" nogil:
    uint64_t unkeyed_text_hash "unkeyed_hash"(const char* data, Py_ssize_t size) noexcept

    cdef cppclass Hasher:
        Hasher()
        Hasher(const char* key)
        uint64_t text(const char* data, Py_ssize_t size)
        uint64_t number(uint64_t unkeyed)

cdef extern from "ids.h" namespace "fold" nogil:
    cdef cppclass Ids:
        Ids()
        Ids(size_t capacity)
        int64_t total()
        size_t known()
        size_t looks()
        size_t held()
        void expect(const uint64_t* hashes, size_t count)
        size_t add(const uint64_t* hashes, size_t count) except +
        size_t add(const uint64_t* hashes, const uint64_t* old, size_t count) except +
        void copy(int64_t start, int64_t stop, uint64_t* out)
        void load(int64_t total, const uint64_t* hashes, size_t count) except +

cdef extern from "checksum.h" namespace "checksum" nogil:
    const size_t LEAST_FOLDED
    bool can_fold() noexcept
    uint32_t native_crc32 "checksum::crc32"(uint32_t before, const char* data, size_t size) noexcept

cdef bint _folds = can_fold()

cdef int64_t NOBODY = _merge_py.NOBODY
cdef Py_ssize_t MAX_CAPACITY = _fold_py.MAX_CAPACITY
cdef Py_ssize_t KEY_BYTES = _hash_keys.KEY_BYTES
cdef size_t STORED_FIELDS = _fold_py.STORED_FIELDS
cdef size_t TOLD_PANES = _fold_py.TOLD_PANES
cdef Py_ssize_t KNOWN_LABELS = _fold_py.KNOWN_LABELS
cdef Py_ssize_t KNOWN_CHARS = _fold_py.KNOWN_CHARS
cdef Py_ssize_t CLUSTER_WORDS = _fold_py.CLUSTER_WORDS
cdef Py_ssize_t RESTING_LABELS = _fold_py.RESTING_LABELS
cdef double MARGIN = _headline.MARGIN
cdef int64_t MOST_STORED = _fold_py.MOST_STORED
cdef int128_t MOST_SCORE = <int128_t> 1 << 126

cdef enum:
    # bytes in memory, as CPython has them
    COLLECTED = 16  # before what the cyclic collector knows
    TUPLE_BYTES = 40 + 8  # and 8 an element
    SPELLING_BYTES = COLLECTED + 56 + 32 + 8  # a pair, its number, its place
    PANE_ENTRY_BYTES = 9  # of a story in the list of a pane, which has some room to grow
    FLAG_BYTES = 32
    LABEL_BYTES = COLLECTED + 64 + 112  # the meaning and the entry

cdef enum:
    GIL_WORTH_IDS = 4096  # some 50 us; while they are remembered others may run

cdef Field* _clusters_of = new Field(b"clusters")
cdef Field* _label_of = new Field(b"label")
cdef Field* _row_of = new Field(b"mentions")
cdef Field* _count_of = new Field(b"mention_count")
cdef Field* _centroid_of = new Field(b"centroid")
cdef Field* _score_of = new Field(b"sentiment_score")
cdef Field* _spike_of = new Field(b"spike")


def hash_text(str text, bytes key) -> int:
    """A 64-bit hash of *text* under *key*, the same on every machine and in every release: stored state holds it."""
    cdef Py_ssize_t size
    cdef const char* data = PyUnicode_AsUTF8AndSize(text, &size)
    return _hasher(key).text(data, size)


def unkeyed_hash(str text) -> int:
    """The hash of *text* that formats 2 and 3 hold. Anybody can make texts that have the same."""
    cdef Py_ssize_t size
    cdef const char* data = PyUnicode_AsUTF8AndSize(text, &size)
    return unkeyed_text_hash(data, size)


def under_key(bytes hashes, bytes key) -> bytes:
    """What unkeyed *hashes* (little-endian 64-bit words) become under *key*, in their order."""
    cdef Hasher hasher = _hasher(key)
    cdef Py_ssize_t place, count = len(hashes) // sizeof(uint64_t)
    cdef const uint64_t* unkeyed = <const uint64_t*> PyBytes_AS_STRING(hashes)
    cdef bytes keyed = PyBytes_FromStringAndSize(NULL, count * sizeof(uint64_t))
    cdef uint64_t* out = <uint64_t*> PyBytes_AS_STRING(keyed)
    for place in range(count):
        out[place] = hasher.number(unkeyed[place])
    return keyed


def crc32(bytes data not None, uint32_t before=0) -> int:
    """What ``zlib.crc32`` gives."""
    if not _folds and <size_t> len(data) >= LEAST_FOLDED:
        return _zlib_crc32(data, before)
    return native_crc32(before, PyBytes_AS_STRING(data), len(data))


cdef Hasher _hasher(bytes key) except *:
    if len(key) != KEY_BYTES:
        raise ValueError(f"a key of {len(key)} bytes, expected {KEY_BYTES}")
    return Hasher(PyBytes_AS_STRING(key))


@cython.final
cdef class PlainText:
    """Reads texts that are plain.

    Args:
        stops: words that say nothing.
        no_plurals: words that end like plurals and are none.
        frames: words that may stand before a title; with punctuation behind one of them a text is not plain.

    Raises:
        ValueError: a word is empty or longer than 15 characters, or there are more than 512.
    """

    cdef Reader _reader
    cdef bint _busy

    def __init__(self, stops, no_plurals, frames) -> None:
        _add_words(&self._reader.stops, stops)
        _add_words(&self._reader.no_plurals, no_plurals)
        _add_words(&self._reader.frames, frames)

    def read(self, str text not None) -> tuple | None:
        """Words, key and tokens of *text* (:class:`~orchestrator.brand.normal_form.Normal`); None: it is not plain."""
        cdef string key
        if not self._begin(text):
            return None
        try:
            key = self._reader.key()
            tokens = tuple(_texts_of(&self._reader.tokens))
            return self._words(), PyUnicode_DecodeASCII(key.data(), key.size(), NULL), tokens
        finally:
            self._busy = False

    cdef tuple words_of(self, const char* text, size_t size):
        """The words of an ASCII text alone; None: it is not plain."""
        if self._busy or not self._reader.read(text, size):
            return None
        self._busy = True
        try:
            return self._words()
        finally:
            self._busy = False

    cdef bint _begin(self, str text) except -1:
        cdef Py_ssize_t size
        cdef const char* data
        # Making a tuple may let another thread run, which may want to read: to it no text is plain meanwhile.
        if self._busy or not PyUnicode_IS_COMPACT_ASCII(text):
            return False
        data = PyUnicode_AsUTF8AndSize(text, &size)
        self._busy = self._reader.read(data, size)
        return self._busy

    cdef tuple _words(self):
        if self._reader.stems.size():
            self._reader.find_words()
            return tuple(_texts_of(&self._reader.words))
        return (" ".join(_texts_of(&self._reader.tokens)),) if self._reader.tokens.size() else ()


cdef int _add_words(WordSet* words, texts) except -1:
    cdef Py_ssize_t size
    cdef const char* data
    for text in texts:
        data = PyUnicode_AsUTF8AndSize(text, &size)
        if not words.add(string_view(data, size)):
            raise ValueError(f"{text!r}: expected a short word")
    return 0


cdef list _texts_of(const vector[string_view]* views):
    cdef size_t place
    return [
        PyUnicode_DecodeASCII(views[0][place].data(), views[0][place].size(), NULL) for place in range(views.size())
    ]


cdef class MentionIds:
    """The newest *capacity* distinct mention ids of one story, as hashes, oldest first.

    ``total`` counts all that were ever added; the id numbered *n* is remembered while *n* >= ``total - capacity``.
    """

    cdef readonly Py_ssize_t capacity
    cdef Ids _ids

    def __init__(self, Py_ssize_t capacity) -> None:
        if not 0 < capacity < MAX_CAPACITY:
            raise ValueError(f"capacity {capacity}: expected 1 to {MAX_CAPACITY - 1}")
        self.capacity = capacity
        self._ids = Ids(capacity)

    @property
    def total(self) -> int:
        """How many were ever added."""
        return self._ids.total()

    @property
    def known(self) -> int:
        """How many are remembered."""
        return self._ids.known()

    @property
    def looks(self) -> int:
        """Groups of the table that were looked at beyond the ids' own: the measure of its work."""
        return self._ids.looks()

    def add(self, const uint64_t[::1] hashes, const uint64_t[::1] old=None) -> int:
        """Remember *hashes* (uint64, all different), but those whose *old* hash is known; how many that were new."""
        if old is not None and old.shape[0] != hashes.shape[0]:
            raise ValueError(f"{old.shape[0]} old hashes of {hashes.shape[0]} ids")
        if hashes.shape[0] == 0:
            return 0
        if old is not None:
            return self._ids.add(&hashes[0], &old[0], hashes.shape[0])
        return self._ids.add(&hashes[0], hashes.shape[0])

    def dump(self, int64_t start, int64_t stop) -> bytes:
        """The hashes numbered *start* to *stop* as little-endian 64-bit words; forgotten ones are left out."""
        cdef bytes dumped
        start, stop = max(start, self._first()), min(stop, self._ids.total())
        if start >= stop:
            return b""
        dumped = PyBytes_FromStringAndSize(NULL, (stop - start) * 8)
        self._ids.copy(start, stop, <uint64_t*> PyBytes_AS_STRING(dumped))
        return dumped

    cdef int64_t _first(self) noexcept:
        """The number of the oldest one that is remembered."""
        return self._ids.total() - <int64_t> self._ids.known()

    def load(self, int64_t total, bytes data) -> None:
        """Become the set whose newest ids are those in *data*, of *total* that were ever added."""
        cdef Py_ssize_t count = len(data) // 8
        cdef Py_ssize_t known = min(count, self.capacity)
        if total < known or len(data) % 8:
            raise ValueError(f"{len(data)} bytes of hashes of {total} ids")
        self._ids.load(total, (<const uint64_t*> <const char*> data) + (count - known), known)


cdef struct PaneTally:
    int64_t pane
    int64_t members
    int64_t mentions
    int64_t scored
    int128_t score


cdef bint _is_possible(const PaneTally* tally) noexcept:
    """Whether a pane in storage can have been counted, and can be counted on."""
    return (
        min(tally.members, tally.mentions, tally.scored) >= 0
        and max(tally.members, tally.mentions, tally.scored) <= MOST_STORED
        and -MOST_SCORE <= tally.score <= MOST_SCORE
    )


cdef class Account:
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

    cdef readonly int64_t mentions
    cdef public str label
    cdef public int64_t label_mentions
    cdef public tuple spellings
    cdef public tuple words
    cdef public str told
    cdef public str before
    cdef public int64_t told_pane
    cdef public int64_t before_pane
    cdef public int64_t told_lead
    cdef public int64_t before_lead
    cdef public int64_t heaviest
    cdef public int64_t first_seen_ms
    cdef public int64_t last_seen_ms
    cdef public object flagged_at_ms
    cdef vector[PaneTally] _panes

    def __init__(self) -> None:
        self.label = ""
        self.spellings = self.words = ()
        self.told = self.before = ""
        self.told_pane = self.before_pane = -1

    cpdef bint add(self, cluster, int64_t at_ms, int64_t pane, int64_t weight, int64_t mentions) except *:
        """Count a member of *weight* that brings so many new *mentions*; whether it is the first of its pane."""
        cdef PaneTally* tally = self._tally(pane)
        score = _score_of.of(cluster)
        tally.members += 1
        tally.mentions += mentions
        if score is not None:
            tally.scored += weight
            tally.score += fixed(<double> score * weight)
        self.mentions += mentions
        self.first_seen_ms = min(self.first_seen_ms, at_ms) if self.heaviest else at_ms
        self.last_seen_ms = max(self.last_seen_ms, at_ms)
        self.heaviest = max(self.heaviest, weight)
        if _spike_of.of(cluster):
            self.flagged_at_ms = max(self.flagged_at_ms or 0, at_ms)
        return tally.members == 1

    def tell(self, str label not None, int64_t pane, int64_t weight) -> None:
        """Let the *label* of a member vote for what its *pane* is told as, in the two newest panes.

        A label that has more than half of a pane's weight leads there (Boyer and Moore, 1981), by at least what it has
        more than all others together.
        """
        self._tell(label, pane, weight)

    cdef int _tell(self, str label, int64_t pane, int64_t weight) except -1:
        if pane > self.told_pane:
            self.before_pane, self.before, self.before_lead = self.told_pane, self.told, self.told_lead
            self.told_pane, self.told, self.told_lead = pane, label, weight
        elif pane == self.told_pane:
            if label is self.told or label == self.told:
                self.told_lead += weight
            elif weight <= self.told_lead:
                self.told_lead -= weight
            else:
                self.told, self.told_lead = label, weight - self.told_lead
        elif pane > self.before_pane:
            self.before_pane, self.before, self.before_lead = pane, label, weight
        elif pane == self.before_pane:
            if label is self.before or label == self.before:
                self.before_lead += weight
            elif weight <= self.before_lead:
                self.before_lead -= weight
            else:
                self.before, self.before_lead = label, weight - self.before_lead
        return 0

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
            found.append((tally.pane, tally.members, tally.mentions, tally.scored, wide(tally.score)))
        return found

    def dump(self) -> bytes:
        """The panes for storage: four little-endian 64-bit words and the score in 128 bits each."""
        return (<const char*> self._panes.data())[:self._panes.size() * sizeof(PaneTally)]

    def load(self, bytes data) -> None:
        """Take the panes back from what :meth:`dump` gave."""
        self._load(<const char*> data, len(data))

    cdef int _load(self, const char* data, size_t size) except -1:
        cdef size_t place
        cdef vector[int64_t] numbers
        if size == 0 or size % sizeof(PaneTally):
            raise ValueError(f"{size} bytes are no panes")
        self._panes.resize(size // sizeof(PaneTally))
        memcpy(self._panes.data(), data, size)
        self.mentions = 0
        for place in range(self._panes.size()):
            tally = &self._panes[place]
            if not _is_possible(tally) or tally.mentions > MOST_STORED - self.mentions:
                raise ValueError(_fold_py.IMPOSSIBLE_PANES)
            self.mentions += tally.mentions
            numbers.push_back(tally.pane)
        sort(numbers.begin(), numbers.end())
        for place in range(1, numbers.size()):
            if numbers[place] == numbers[place - 1]:
                raise ValueError(_fold_py.IMPOSSIBLE_PANES)
        return 0


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
        old_ids: the first of the ids, so many: from before the brand had a key; they are remembered by old hashes.
        held_bytes: what it takes in memory, as :func:`grown_bytes` found it last.
    """

    cdef readonly int64_t key
    cdef readonly str id
    cdef public object examples
    cdef readonly MentionIds ids
    cdef public int64_t segment
    cdef public int64_t stored_bytes
    cdef public int64_t stored_ids
    cdef public int64_t old_ids
    cdef public int64_t held_bytes

    def __init__(self, int64_t key, str story_id, MentionIds ids not None) -> None:
        Account.__init__(self)
        self.key = key
        self.id = story_id
        self.examples = ()
        self.ids = ids
        self.segment = -1
        self.stored_bytes = 0
        self.stored_ids = 0
        self.old_ids = self.held_bytes = 0

    def release(self) -> None:
        """Give back what it has for being a story, because it is none any more; it may still be listed somewhere."""
        self.ids = MentionIds(1)
        self._panes = vector[PaneTally]()
        self.examples = self.spellings = self.words = ()
        self.told = self.before = ""

    cpdef bint has_old_ids(self) noexcept:
        """Whether it remembers ids from before the brand had a key."""
        return self.old_ids > self.ids._first()


def grown_bytes(stories) -> int:
    """By how many bytes of memory *stories* have grown since this was last asked of them; the index is apart."""
    cdef Story story
    cdef int64_t now, grown = 0
    for story in stories:
        now = _memory_of(story)
        grown += now - story.held_bytes
        story.held_bytes = now
    return grown


cdef int64_t _memory_of(Story story) except -1:
    cdef int64_t held = STORY_BYTES + text_bytes(story.id) + text_bytes(story.label)
    held += story.ids._ids.held() + held_by(story._panes) + story._panes.size() * PANE_ENTRY_BYTES
    # often the very label, which is counted by now
    held += 0 if story.told is story.label else text_bytes(story.told)
    held += 0 if story.before is story.label or story.before is story.told else text_bytes(story.before)
    held += _memory_of_texts(story.examples)
    if story.words:  # the texts themselves are the index's, or those of a known label
        held += COLLECTED + TUPLE_BYTES + 8 * len(<tuple> story.words)
    if story.flagged_at_ms is not None:
        held += FLAG_BYTES
    for text, _ in story.spellings:
        held += SPELLING_BYTES + text_bytes(text)
    return held


cdef int64_t _memory_of_texts(tuple texts) except -1:
    cdef int64_t held = 0
    if texts:
        held = COLLECTED + TUPLE_BYTES
        for text in texts:
            held += 8 + text_bytes(text)
    return held


def pack_stories(stories, StoryIndex index not None, removed) -> tuple[bytes, list]:
    """What became of stories, as MessagePack for storage.

    Args:
        stories: those that changed.
        index: knows where they point.
        removed: keys of those that left.

    Returns:
        a segment: the stories as a whole each, and the keys; how many bytes each story takes in it.
    """
    cdef Writer writer
    cdef Story story
    cdef list sizes = []
    cdef size_t before
    writer.array(2)
    writer.array(len(stories))
    for story in stories:
        before = writer.out.size()
        _write_story(&writer, story)
        index.write(story.key, &writer)
        writer.integer(story.old_ids)
        _write_headline(&writer, story)
        _write_told(&writer, story)
        sizes.append(writer.out.size() - before)
        if len(sizes) == 1:  # the others will hardly be larger
            writer.out.reserve(len(stories) * (writer.out.size() + writer.out.size() // 4))
    writer.array(len(removed))
    for key in removed:
        writer.integer(key)
    return PyBytes_FromStringAndSize(writer.out.data(), writer.out.size()), sizes


cdef int _write_story(Writer* writer, Story story) except -1:
    writer.array(STORED_FIELDS)
    writer.integer(story.key)
    write_text(writer, story.id)
    write_text(writer, story.label)
    writer.integer(story.heaviest)
    writer.integer(story.first_seen_ms)
    writer.integer(story.last_seen_ms)
    if story.flagged_at_ms is None:
        writer.nil()
    else:
        writer.integer(story.flagged_at_ms)
    writer.integer(story.ids._ids.total())
    writer.binary(<const char*> story._panes.data(), story._panes.size() * sizeof(PaneTally))
    writer.array(len(story.examples))
    for text in story.examples:
        write_text(writer, text)
    return 0


cdef int _write_headline(Writer* writer, Story story) except -1:
    cdef int64_t count
    writer.integer(story.label_mentions)
    writer.array(len(story.spellings))
    for text, count in story.spellings:
        writer.array(2)
        write_text(writer, text)
        writer.integer(count)
    return 0


cdef int _write_told(Writer* writer, Story story) except -1:
    for pane in (story.told_pane, story.before_pane):
        if pane < 0:
            writer.nil()
        else:
            writer.integer(pane)
    writer.array(2)
    writer.array(2)
    write_text(writer, story.told)
    writer.integer(story.told_lead)
    writer.array(2)
    write_text(writer, story.before)
    writer.integer(story.before_lead)
    return 0


cdef struct Part:
    int64_t key
    int64_t first
    int64_t stop


def take_new_ids(stories) -> tuple[bytes, bytes, int]:
    """The ids that *stories* got since this was last asked.

    Returns:
        what there is as (key, number of the first id, number after the last one), and the hashes, one part after the
        other, both as little-endian 64-bit words; by how much what lives in storage grows, in bytes.
    """
    cdef Story story
    cdef list having = []
    cdef vector[Part] parts
    cdef int64_t grown = 0
    for story in stories:
        _add_part(story, max(story.stored_ids, story.ids._first()), story.ids._ids.total(), &parts, having)
        grown -= _stored_bytes(story)
        story.stored_ids = story.ids._ids.total()
        grown += _stored_bytes(story)
    return _packed_parts(parts), _hashes_of(parts, having), grown


cdef inline int64_t _stored_bytes(Story story) noexcept:
    """What the ids of a story take in storage, in one part."""
    if story.stored_ids == 0:
        return 0
    return sizeof(Part) + min(story.stored_ids, <int64_t> story.ids.capacity) * sizeof(uint64_t)


def remembered_bytes(dict stories, const int64_t[::1] parts) -> int:
    """What *stories* (by key) still remember of *parts*, in bytes of storage, each part on its own."""
    cdef Story story
    cdef Py_ssize_t place
    cdef int64_t first, stop, total = 0
    for place in range(0, parts.shape[0] - 2, 3):
        story = stories.get(parts[place])
        if story is not None:
            first = max(parts[place + 1], story.ids._first())
            stop = min(parts[place + 2], <int64_t> story.ids._ids.total())
            if first < stop:
                total += sizeof(Part) + (stop - first) * sizeof(uint64_t)
    return total


def rescue_ids(dict stories, const int64_t[::1] old_parts) -> tuple[bytes, bytes]:
    """What *stories* (by key) still remember of *old_parts*, which storage loses; see :func:`take_new_ids`.

    Parts of a story that follow on each other become one, or a story that gets an id a commit would be mostly parts.
    """
    cdef Story story
    cdef list having = []
    cdef vector[Part] old, parts
    cdef Part part
    cdef size_t place
    old.resize(old_parts.shape[0] // 3)
    if old.size():
        memcpy(old.data(), &old_parts[0], old.size() * sizeof(Part))
    sort(old.begin(), old.end(), &_comes_before)
    place = 0
    while place < old.size():
        part = old[place]
        place += 1
        while place < old.size() and old[place].key == part.key and old[place].first == part.stop:
            part.stop = old[place].stop
            place += 1
        story = stories.get(part.key)
        if story is not None:
            _add_part(story, max(part.first, story.ids._first()), part.stop, &parts, having)
    return _packed_parts(parts), _hashes_of(parts, having)


cdef bool _comes_before(const Part& left, const Part& right) noexcept nogil:
    return left.key < right.key or (left.key == right.key and left.first < right.first)


cdef int _add_part(Story story, int64_t first, int64_t stop, vector[Part]* parts, list having) except -1:
    """Those of a story's ids that it has: damaged storage may have named others, which are not in the ring."""
    cdef Part part
    stop = min(stop, <int64_t> story.ids._ids.total())
    if first < stop:
        part.key, part.first, part.stop = story.key, first, stop
        parts.push_back(part)
        having.append(story)
    return 0


cdef bytes _packed_parts(const vector[Part]& parts):
    return (<const char*> parts.data())[:parts.size() * sizeof(Part)] if parts.size() else b""


cdef bytes _hashes_of(const vector[Part]& parts, list stories):
    """The hashes of *parts*, copied once."""
    cdef Story story
    cdef size_t place
    cdef int64_t count = 0
    for place in range(parts.size()):
        count += parts[place].stop - parts[place].first
    cdef bytes hashes = PyBytes_FromStringAndSize(NULL, count * 8)
    cdef uint64_t* out = <uint64_t*> PyBytes_AS_STRING(hashes)
    for place in range(parts.size()):
        story = stories[place]
        story.ids._ids.copy(parts[place].first, parts[place].stop, out)
        out += parts[place].stop - parts[place].first
    return hashes


cdef class StoredIds:
    """The mention ids in segments, until their stories take them back; *capacity* is how many a story remembers."""

    cdef readonly int64_t capacity
    cdef Parts _parts
    cdef list _hashes

    def __init__(self, int64_t capacity) -> None:
        self.capacity = capacity
        self._hashes = []

    def take(self, bytes parts not None, bytes hashes not None) -> None:
        """Take in what :func:`take_new_ids` gave.

        Raises:
            ValueError: it was something else.
        """
        if len(parts) % sizeof(Part) or len(hashes) % sizeof(uint64_t) or not self._parts.take(
            string_view(PyBytes_AS_STRING(parts), len(parts)), string_view(PyBytes_AS_STRING(hashes), len(hashes))
        ):
            raise ValueError(_fold_py.fault_of(parts, hashes))
        self._hashes.append(hashes)  # the parts point into it


cdef class StoredStories:
    """The newest form of each story in segments that come one after the other, until they are stories again.

    *prefix* is what the names of the fields that hold the segments begin with.
    """

    cdef bytes _prefix
    cdef list _values
    cdef Stories _found
    cdef vector[size_t] _newest

    def __init__(self, bytes prefix not None) -> None:
        self._prefix = prefix
        self._values = []

    def take(self, int64_t number, bytes value not None) -> bytes:
        """Take in segment *number*, as :func:`pack_stories` gave it.

        Returns:
            the keys of the stories in it, as 64-bit words.

        Raises:
            InvalidStateError: it cannot be read.
        """
        cdef size_t place, before = self._found.stories.size()
        if not self._found.take(PyBytes_AS_STRING(value), len(value), number):
            foreign, value = value, _fold_py.rewritten(self._prefix, number, value)
            sizes = _fold_py.sizes_in(foreign)
            if not self._found.take(PyBytes_AS_STRING(value), len(value), number):
                raise InvalidStateError(f"state field {self._prefix + b'%d' % number!r} cannot be read")
            for place in range(before, self._found.stories.size()):
                self._found.stories[place].size = sizes[place - before]
        self._values.append(value)  # what was found points into it
        cdef bytes keys = PyBytes_FromStringAndSize(NULL, (self._found.stories.size() - before) * sizeof(int64_t))
        cdef int64_t* out = <int64_t*> PyBytes_AS_STRING(keys)
        for place in range(before, self._found.stories.size()):
            out[place - before] = self._found.stories[place].key
        return keys

    def last_key(self) -> int:
        """The greatest key of a story that has not left; -1 without any. Call it after the last segment."""
        self._newest = self._found.newest()
        return self._found.stories[self._newest.back()].key if self._newest.size() else -1

    def restore(self, StoredIds ids not None, StoryIndex index not None) -> tuple[list, int, int]:
        """The stories that have not left, by key, after :meth:`last_key`; their directions and words go to *index*.

        Returns:
            the stories; what they take in storage, and what their ids do, in bytes.

        Raises:
            InvalidStateError: something of a story is missing or does not fit the rest.
        """
        cdef list stories = []
        cdef size_t place
        cdef Story story
        cdef const StoredStory* its
        cdef vector[uint64_t] hashes
        cdef Words known = Words(WordHasher(PyBytes_AS_STRING(<bytes> _hash_keys.fresh_key())))
        cdef int64_t story_bytes = 0, id_bytes = 0
        ids._parts.sort()
        index.know(&known)
        self._reserve(index)
        for place in range(self._newest.size()):
            its = &self._found.stories[self._newest[place]]
            story = _new_story(its.key, _text(its.id), ids.capacity)
            self._tell(story, its)
            _give_ids(story, its.ids_total, ids, &hashes)
            if story.old_ids > its.ids_total:
                raise InvalidStateError(f"story {story.key}: {story.old_ids} of {its.ids_total} ids are old")
            try:
                story._load(its.panes.data(), its.panes.size())
                index.read(its[0], self._found.texts.data(), &known)
            except ValueError as error:
                name = self._prefix + b"%d" % its.segment
                raise InvalidStateError(f"story {story.key} in state field {name!r}: {error}") from None
            story_bytes += its.size
            id_bytes += _stored_bytes(story)
            stories.append(story)
        return stories, story_bytes, id_bytes

    cdef int _reserve(self, StoryIndex index) except -1:
        """Room for all at once, where growing would copy them again and again and leave room to spare."""
        cdef size_t place, first = 0
        cdef vector[size_t] sizes
        index.reserve(0, self._newest.size())
        for place in range(self._newest.size()):
            sizes.push_back(self._found.stories[self._newest[place]].total.size())
        sort(sizes.begin(), sizes.end())
        for place in range(sizes.size()):
            if place + 1 == sizes.size() or sizes[place + 1] != sizes[place]:
                if sizes[place] >= sizeof(float) and sizes[place] % sizeof(float) == 0:
                    index.reserve(sizes[place] // sizeof(float), place + 1 - first)
                first = place + 1
        return 0

    cdef int _tell(self, Story story, const StoredStory* its) except -1:
        """Let *story* have what it says itself in storage, but for its panes and ids."""
        story.first_seen_ms, story.last_seen_ms = its.first_seen_ms, its.last_seen_ms
        story.label, story.heaviest = _text(its.label), its.heaviest
        story.label_mentions = its.label_mentions if its.label_mentions >= 0 else its.heaviest
        story.words = None
        if its.flagged_at_ms >= 0:
            story.flagged_at_ms = its.flagged_at_ms
        story.examples = self._texts(its.examples)
        story.spellings = self._spellings(its.spellings)
        if its.told.count == TOLD_PANES:
            (story.told, story.told_lead), (story.before, story.before_lead) = self._spellings(its.told)
            story.told_pane, story.before_pane = its.told_pane, its.before_pane
        else:
            story.told = story.before = ""
            story.told_pane = story.before_pane = -1
        story.old_ids = its.old_ids if its.old_ids >= 0 else its.ids_total
        story.segment, story.stored_bytes = its.segment, its.size
        return 0

    cdef tuple _texts(self, Run run):
        cdef size_t place
        cdef tuple texts = PyTuple_New(run.count)
        for place in range(run.count):
            text = _text(self._found.texts[run.first + place])
            Py_INCREF(text)
            PyTuple_SET_ITEM(texts, place, text)
        return texts

    cdef tuple _spellings(self, Run run):
        cdef size_t place
        if run.count == 0:
            return ()
        return tuple([
            (_text(self._found.texts[place]), self._found.counts[place])
            for place in range(run.first, run.first + run.count)
        ])


cdef Story _new_story(int64_t key, str story_id, Py_ssize_t capacity):
    """The same as ``Story(key, story_id, MentionIds(capacity))``, without looking at arguments."""
    cdef MentionIds ids = MentionIds.__new__(MentionIds)
    cdef Story story = Story.__new__(Story)
    ids.capacity = capacity
    ids._ids = Ids(capacity)
    story.key, story.id, story.ids = key, story_id, ids
    return story


cdef inline str _text(string_view text):
    return PyUnicode_DecodeUTF8(text.data(), text.size(), NULL)


cdef int _give_ids(Story story, int64_t total, StoredIds ids, vector[uint64_t]* hashes) except -1:
    """Let *story* have the newest of its *total* ids back."""
    cdef int64_t number
    cdef Lack lack = ids._parts.gather(story.key, max(0, total - ids.capacity), total, hashes, &number)
    if lack != WHOLE:
        raise InvalidStateError(_fold_py.lack_of(story.key, number, total, missing=lack == MISSING))
    story.ids._ids.load(total, hashes.data(), hashes.size())
    story.stored_ids = total
    return 0


cdef struct Share:
    # what a cluster brings to its story
    const uint64_t* hashes
    const uint64_t* old
    int64_t known
    int64_t size
    int64_t weight


cdef int64_t _remember(Ids* ids, const Share* share, bint old) except? -1 nogil:
    """Let a story know what a cluster brings; how many ids were new."""
    if not old or share.known == 0:
        return ids.add(share.hashes, share.known)
    if share.old == NULL:
        raise ValueError("the batch lacks the hashes by which a story knows its old ids")
    return ids.add(share.hashes, share.old, share.known)


cdef class StoryFolder:
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

    cdef readonly StoryIndex index
    cdef readonly dict records
    cdef public dict dirty
    cdef readonly dict in_pane
    cdef public list joined
    cdef object _words
    cdef object _spelling
    cdef PlainText _plain
    cdef dict _known_labels
    cdef int64_t _label_bytes
    cdef list _joined
    cdef Py_ssize_t _most

    def __init__(
        self, double threshold, double label_threshold, Py_ssize_t most, words, spelling, PlainText plain=None
    ) -> None:
        self.index = StoryIndex(threshold, label_threshold)
        self.records = {}
        self.dirty = {}
        self.in_pane = {}
        self.joined = None
        self._most = most
        self._words = words
        self._spelling = spelling
        self._plain = plain
        self._known_labels = {}
        self._label_bytes = 0
        self._joined = []

    def rest(self) -> None:
        """Let go of what only a fold needs, until the next one; of many known labels the newest stay."""
        cdef Py_ssize_t many = len(self._known_labels) - RESTING_LABELS
        self.index.rest()
        self._joined = []
        if many > 0:
            self._known_labels = dict(islice(self._known_labels.items(), many, None))
            self._label_bytes = sum([_memory_of_label(label, its) for label, its in self._known_labels.items()])

    cpdef int64_t folder_bytes(self):
        """Bytes in memory of what is known of labels and of where the stories point, at rest."""
        return self.index.held_bytes() + self._known_labels.__sizeof__() + self._label_bytes

    def admit(self, list stories not None) -> None:
        """Let *stories* that storage had be among ``records`` and ``in_pane``."""
        cdef Story story
        cdef size_t place
        for story in stories:
            self.records[story.key] = story
            for place in range(story._panes.size()):
                self.in_pane.setdefault(story._panes[place].pane, []).append(story)

    def found(self, chunk, place):
        """A new story, founded by the cluster at *place* of *chunk*, and among ``records``."""
        raise NotImplementedError

    def examples(self, mentions, row, share):
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
        cdef Rows rows = Rows(mentions)
        cdef Py_ssize_t count = 0
        cdef int64_t at_ms, pane
        cdef list clusters
        cdef vector[Share] shares
        cdef Py_ssize_t share
        self.index.begin(centroids.values, centroids.offsets)
        for chunk, at_ms, pane in zip(chunks, times, panes, strict=True):
            clusters = _clusters_of.of(chunk)
            share = _fold_py.text_share(len(clusters) or 1)
            self._join_all(chunk, clusters, pane, rows, &shares, share)
            self._count_all(clusters, at_ms, pane, rows, &shares, share)
            count += len(clusters)
            while len(self.records) > self._most:
                self.evict()
        return count

    cdef int _join_all(
        self, chunk, list clusters, int64_t pane, Rows rows, vector[Share]* shares, Py_ssize_t text_share
    ) except -1:
        """Decide which story each of *clusters* joins; in the order that counts, since each join moves its story.

        What the stories count is looked up in memory that is far away: it is asked for here and needed a chunk later.
        """
        cdef Share share
        cdef Story story
        cdef tuple words, meaning
        cdef str label
        cdef object said
        cdef int64_t key
        cdef Py_ssize_t centroid, place = 0
        self._joined.clear()
        shares.clear()
        for cluster in clusters:
            share.known = rows.take(_row_of.of(cluster), &share.hashes, &share.old)
            # Texts fewer than the count says are examples: then it is taken at its word.
            said = _count_of.of(cluster)
            share.size = share.known if said is None else said
            share.weight = share.size if share.size > 0 else 1
            said = _centroid_of.of(cluster)
            centroid = NOBODY if said is None else said
            label = _label_of.of(cluster)
            meaning = self._meaning_of(label)
            words = self._words_of(label, <tuple> meaning[0], _row_of.of(cluster), rows, text_share)
            key = self.index.match(words, centroid)
            if key >= 0:
                story = self.records[key]
            else:
                story = self.found(chunk, place)
                key = story.key
            self.index.join(key, words, centroid, share.weight)
            self._name(story, meaning, share.weight)
            story._tell(<str> meaning[1], pane, share.weight)
            if share.size == share.known:
                story.ids._ids.expect(share.hashes, share.known)
            self._joined.append(story)
            shares.push_back(share)
            place += 1
        return 0

    cdef int _count_all(
        self, list clusters, int64_t at_ms, int64_t pane, Rows rows, vector[Share]* shares, Py_ssize_t text_share
    ) except -1:
        """Let each story count the cluster that joined it."""
        cdef Story story
        cdef Share* share
        cdef int64_t added, held = 0
        cdef Py_ssize_t place = 0
        for cluster in clusters:
            story, share = self._joined[place], &shares[0][place]
            place += 1
            added = share.size
            if share.size == share.known:
                held += share.known
                if held < GIL_WORTH_IDS:
                    added = _remember(&story.ids._ids, share, story.has_old_ids())
                else:
                    held = 0
                    old = story.has_old_ids()
                    with nogil:
                        added = _remember(&story.ids._ids, share, old)
            if share.weight > story.heaviest:
                story.examples = self.examples(rows.mentions, cluster.mentions, text_share)
            if story.add(cluster, at_ms, pane, share.weight, added):
                self.in_pane.setdefault(pane, []).append(story)
            self.dirty[story.key] = story
            if self.joined is not None:
                self.joined.append((story.key, added))
        return 0

    cdef int _name(self, Story story, tuple meaning, int64_t weight) except -1:
        """Let the label of a member that has just joined contend for the headline of its story."""
        cdef tuple words = <tuple> meaning[2]
        if story.words is None:
            story.words = self._words(story.label)
        # Mostly it is the very label, and what is known of it the very object.
        if words is story.words or words == story.words:
            story.words = words
            if meaning[1] is story.label:
                story.label_mentions += weight
            else:
                count_spelling(story, meaning[1], weight)
        elif not story.words or (
            self.index.shared(story.key, words) > self.index.shared(story.key, story.words) * MARGIN
        ):
            story.words, story.label, story.label_mentions, story.spellings = words, <str> meaning[1], weight, ()
        return 0

    cdef tuple _words_of(self, str label, tuple words, Py_ssize_t row, Rows rows, Py_ssize_t share):
        """What a cluster is compared by: the words of its label, and of the texts that it lists."""
        cdef dict distinct
        cdef str text
        cdef const char* start = NULL
        cdef const char* stop = NULL
        if not rows.may_have_texts(row, &start, &stop):
            return words if len(words) <= CLUSTER_WORDS else words[:CLUSTER_WORDS]
        distinct = dict.fromkeys(words)
        if start == NULL or self._plain is None or not is_simple(start, stop):
            for text in rows.mentions.texts(row):
                if text != label:
                    distinct.update(dict.fromkeys(self._words(text if len(text) <= share else text[:share])))
        else:
            self._add_simple_words(label, start, stop, distinct, share)
        words = tuple(distinct)
        return words if len(words) <= CLUSTER_WORDS else words[:CLUSTER_WORDS]

    cdef int _add_simple_words(
        self, str label, const char* at, const char* stop, dict distinct, Py_ssize_t share
    ) except -1:
        """Add the words of simple JSON strings; none of them becomes an object, if all is well."""
        cdef string_view text
        cdef tuple its
        cdef Py_ssize_t size
        cdef const char* known = PyUnicode_AsUTF8AndSize(label, &size)
        while len(distinct) < CLUSTER_WORDS and next_simple(&at, stop, &text):
            if not has_blank(text) or text == string_view(known, size):
                continue
            if <Py_ssize_t> text.size() > share:
                text = text.substr(0, share)
            its = self._plain.words_of(text.data(), text.size())
            if its is None:
                its = self._words(PyUnicode_DecodeASCII(text.data(), text.size(), NULL))
            for word in its:
                distinct[word] = None
        return 0

    cdef tuple _meaning_of(self, str label):
        """What *label* means; labels come again and again, and texts do not."""
        cdef tuple found = self._known_labels.get(label)
        if found is None:
            words, spelling = self._words(label), self._spelling(label)
            # A headline's words are those of what is shown: that is all that storage has of it.
            found = words, spelling, words if spelling == label else self._words(spelling)
            if len(label) <= KNOWN_CHARS:
                if len(self._known_labels) >= KNOWN_LABELS:
                    self._known_labels.clear()
                    self._label_bytes = 0
                self._known_labels[label] = found
                self._label_bytes += _memory_of_label(label, found)
        return found


cdef int64_t _memory_of_label(str label, tuple meaning) except -1:
    """A label and what it means; mostly the label is the spelling, and its words are those of both."""
    cdef int64_t held = LABEL_BYTES + text_bytes(label) + _memory_of_texts(<tuple> meaning[0])
    if meaning[1] is not label:
        held += text_bytes(<str> meaning[1])
    if meaning[2] is not meaning[0]:
        held += _memory_of_texts(<tuple> meaning[2])
    return held


cdef Py_ssize_t STORY_BYTES = Story.__basicsize__ + MentionIds.__basicsize__ + 2 * COLLECTED


@cython.final
cdef class Rows:
    """The mentions of a batch, within reach of C."""

    cdef readonly object mentions
    cdef const uint64_t[::1] _hashes
    cdef const uint64_t[::1] _old
    cdef const int64_t[::1] _offsets
    cdef const int64_t[:, ::1] _spots
    cdef object _items

    def __init__(self, mentions) -> None:
        self.mentions = mentions
        self._spots = mentions.spots
        self._items = mentions.items
        self._hashes = mentions.hashes
        self._old = mentions.old_hashes
        self._offsets = mentions.offsets

    cdef Py_ssize_t take(self, Py_ssize_t row, const uint64_t** hashes, const uint64_t** old) except -1:
        """How many different mentions *row* has, and where they begin; *old* is NULL if there are no such hashes."""
        cdef int64_t first, stop
        if not 0 <= row < self._offsets.shape[0] - 1:
            raise IndexError(f"row {row} of a batch of {self._offsets.shape[0] - 1}")
        first, stop = self._offsets[row], self._offsets[row + 1]
        if not 0 <= first <= stop <= self._hashes.shape[0]:
            raise IndexError(f"row {row} from {first} to {stop} of {self._hashes.shape[0]} hashes")
        hashes[0] = &self._hashes[first] if first < stop else NULL
        old[0] = &self._old[first] if first < stop and stop <= self._old.shape[0] else NULL
        return stop - first

    cdef bint may_have_texts(self, Py_ssize_t row, const char** first, const char** behind) except -1:
        """Whether the first mentions of *row* may be more than ids, by the bytes of their JSON text; where that is."""
        cdef bytes item
        cdef int64_t start, stop
        if row >= self._spots.shape[0]:
            return True
        item, start, stop = self._items[self._spots[row, 0]], self._spots[row, 1], self._spots[row, 2]
        if not 0 <= start <= stop <= len(item):
            raise IndexError(f"row {row} from {start} to {stop} of {len(item)} bytes")
        first[0], behind[0] = PyBytes_AS_STRING(item) + start, PyBytes_AS_STRING(item) + stop
        return has_texts(first[0], behind[0])
