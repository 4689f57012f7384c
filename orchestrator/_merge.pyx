# distutils: language = c++
# cython: language_level=3
# cython: boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
# The loops below index only what they have sized themselves; every def checks its arguments first.
"""The merge kernel, compiled; its definition is the pure twin :mod:`orchestrator.kernels.merge_py`.

Owns the similarity merge of clusters into stories and the reduction of sentiment. Knows no chunk's
history, no clock, no Redis. Same names, signatures and answers as the twin, bit by bit: products are added in double
precision in a fixed order, whatever the machine's vectors are.
"""

from cpython.bytes cimport PyBytes_FromStringAndSize
from cython.operator cimport dereference
from libc.math cimport nearbyint, sqrt
from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset
from libcpp.string cimport string
from libcpp.unordered_map cimport unordered_map
from libcpp.vector cimport vector

from orchestrator.kernels import merge_py as _merge_py

IMPLEMENTATION = "cython"

cdef extern from "Python.h":
    const char* PyUnicode_AsUTF8AndSize(object text, Py_ssize_t* size) except NULL

cdef extern from "msgpack.h" namespace "msgpack":
    cdef cppclass Writer:
        string out
        void array(size_t count) except +
        void text(const char* data, size_t size) except +
        void binary(const char* data, size_t size) except +

cdef extern from "loops.h" nogil:
    ctypedef signed long long int128_t "__int128"
    const int LANES
    double loops_square_sum(const float* row, Py_ssize_t size) noexcept
    void loops_scale(const float* row, double norm, float* unit, Py_ssize_t size) noexcept
    void loops_add(float* total, const float* unit, double weight, Py_ssize_t padded) noexcept

cdef extern from "filter.h" namespace "filter" nogil:
    cdef struct Survivor:
        int32_t place
        float bound

    cdef struct Found:
        vector[Survivor] stories
        bint too_many

    cdef cppclass RoundedRows "filter::Rows":
        float bar(Py_ssize_t row) noexcept

    cdef cppclass RoundedStories "filter::Stories":
        RoundedStories() except +
        RoundedStories(Py_ssize_t padded, float threshold) except +
        void set(Py_ssize_t place, const float* total, double norm) except +
        void copy(Py_ssize_t place, const RoundedStories& other, Py_ssize_t its) except +
        void remove(Py_ssize_t place) except +
        void scan(const RoundedRows& rows, Py_ssize_t row, float bar, vector[Survivor]* found) except +

    int instructions
    int best_instructions() noexcept

cdef extern from "block.h" namespace "filter" nogil:
    cdef struct Directions:
        const float* totals
        const double* norms
        Py_ssize_t padded

    cdef struct Unit:
        const float* numbers
        double length

    double similarity(const Directions& stories, Py_ssize_t place, Unit unit) noexcept

    cdef cppclass Block:
        vector[Unit] units
        RoundedRows rows
        vector[Found] found
        void filter(RoundedStories* stories, const Directions& directions, float threshold, size_t most) except +

cdef double GRID = _merge_py.GRID
cdef double FIXED_ONE = _merge_py.FIXED_ONE
cdef double SHARE_TOLERANCE = _merge_py.SHARE_TOLERANCE
cdef size_t MAX_WORDS = _merge_py.MAX_WORDS
cdef int64_t NOBODY = -1
# Below this many products a loop takes less time than getting the GIL back may take.
cdef Py_ssize_t GIL_WORTH_PRODUCTS = 100_000
# A block's products hold for the stories that no cluster of it has touched; the touched ones are looked at again for
# each cluster, which at this number costs about as much as the products of a block with a thousand stories.
cdef Py_ssize_t BLOCK_ROWS = 256
cdef Py_ssize_t MOST_TOUCHED = 512
cdef double ROUNDING = 1e-9  # more than sums of words can be off by
cdef Py_ssize_t LOOKUP_COST = 32  # of one word in one story (it is far away in memory), in postings summed up
cdef size_t MOST_SURVIVORS = 64  # a cluster with more of them is compared at its turn, against a bar that rises


def use_instructions(int level) -> int:
    """Let the filter run on instructions of *level* (0: any machine; 1, 2: better ones), as far as there are any.

    For tests, which try them all; what is chosen changes no result. Returns the level before.
    """
    global instructions
    previous = instructions
    instructions = min(level, best_instructions())
    return previous


cdef struct Posting:
    int32_t slot
    double weight

cdef struct WordPlace:
    int32_t word
    int32_t place  # in the word's postings

cdef struct StorySlot:
    int64_t key
    int32_t group  # NOBODY: no centroid
    int32_t place  # in the group
    vector[WordPlace] words

cdef struct Group:  # the stories whose centroids have one dimension
    Py_ssize_t dimension
    Py_ssize_t padded  # a multiple of LANES; the padding is zero
    vector[float] totals
    vector[double] norms
    vector[int32_t] slots
    RoundedStories rounded

cdef struct Row:
    int32_t dimension  # 0: no direction
    Py_ssize_t start
    double length  # of the unit vector: rounding to float32 has left nearly 1

cdef struct Best:
    int64_t steps
    int64_t key


cdef class StoryIndex:
    """Where each story points, and which story a cluster belongs to.

    A story has a key (greater = younger), the weighted sum of its members' unit centroids (float32) and the
    weighted sum of their labels' unit word vectors (float64). A row names a centroid of the batch begun last.
    """

    cdef int64_t _threshold
    cdef vector[Row] _rows
    cdef vector[float] _units
    cdef vector[Group] _groups
    cdef vector[StorySlot] _slots
    cdef vector[int32_t] _free_slots
    cdef unordered_map[int64_t, int32_t] _slot_of
    cdef dict _word_ids
    cdef list _word_texts
    cdef vector[int32_t] _free_words
    cdef vector[vector[Posting]] _postings
    cdef vector[double] _word_norms  # by slot
    cdef vector[double] _label_sums  # by slot, valid where _label_stamps is the current stamp
    cdef vector[uint32_t] _label_stamps
    cdef vector[int32_t] _touched
    cdef vector[int32_t] _query  # the words looked for, as ids, NOBODY for unknown ones
    cdef vector[int32_t] _rare  # the same by frequency
    cdef uint32_t _stamp
    cdef Py_ssize_t _block_first
    cdef Py_ssize_t _block_count
    cdef int32_t _block_group
    cdef Block _block
    cdef vector[int32_t] _touched_of  # by place in the block's group: place among the touched, or NOBODY
    cdef vector[int32_t] _touched_places
    cdef RoundedStories _touched_rounded
    cdef vector[Survivor] _scanned

    def __init__(self, double threshold) -> None:
        self._threshold = <int64_t> nearbyint(threshold * GRID)
        self._word_ids = {}
        self._word_texts = []
        self._stamp = 0
        self._block_count = 0

    def __len__(self) -> int:
        return self._slot_of.size()

    def begin(self, const float[::1] values, const int64_t[::1] offsets) -> None:
        """Take the centroids of a batch: row *i* is ``values[offsets[i]:offsets[i + 1]]``, float32."""
        cdef Py_ssize_t count = offsets.shape[0] - 1
        cdef Py_ssize_t number
        if count < 0 or offsets[0] != 0 or offsets[count] != values.shape[0]:
            raise ValueError("offsets do not delimit values")
        for number in range(count):
            if offsets[number] > offsets[number + 1]:
                raise ValueError("offsets decrease")
        self._block_count = 0
        self._rows.resize(count)
        self._units.assign(values.shape[0] + count * LANES, 0.0)
        if count:
            with nogil:
                self._normalise(&values[0] if values.shape[0] else NULL, &offsets[0], count)

    cdef void _normalise(self, const float* values, const int64_t* offsets, Py_ssize_t count) noexcept nogil:
        cdef Py_ssize_t number, size, start = 0
        cdef double norm
        for number in range(count):
            size = offsets[number + 1] - offsets[number]
            norm = sqrt(loops_square_sum(values + offsets[number], size))
            self._rows[number].start = start
            self._rows[number].dimension = 0
            if norm > 0 and norm < 1e300:  # false for NaN, too
                self._rows[number].dimension = <int32_t> size
                loops_scale(values + offsets[number], norm, &self._units[start], size)
                self._rows[number].length = sqrt(loops_square_sum(&self._units[start], size))
                start += _padded(size)

    def match(self, tuple words, Py_ssize_t row) -> int:
        """The key of the most similar story that is similar enough, the oldest of equals; else :data:`NOBODY`."""
        cdef Best best
        cdef Row unit = self._unit(row)
        best.steps = self._threshold
        best.key = NOBODY
        if unit.dimension:
            self._match_centroid(row, unit, &best)
        if words and (unit.dimension == 0 or self._without_centroid() > 0):
            self._match_label(words, unit.dimension == 0, &best)
        return best.key

    cdef Row _unit(self, Py_ssize_t row):
        cdef Row none
        none.dimension = 0
        none.start = 0
        none.length = 0
        if row >= <Py_ssize_t> self._rows.size():
            raise IndexError(f"row {row} of a batch of {self._rows.size()}")
        return self._rows[row] if row >= 0 else none

    cdef Py_ssize_t _without_centroid(self) noexcept:
        cdef Py_ssize_t count = self._slot_of.size()
        cdef size_t group
        for group in range(self._groups.size()):
            count -= self._groups[group].slots.size()
        return count

    cdef int _match_centroid(self, Py_ssize_t row, Row unit, Best* best) except -1:
        cdef int32_t group = self._group(unit.dimension, False)
        if group < 0 or self._groups[group].slots.size() == 0:
            return 0
        if not (self._block_first <= row < self._block_first + self._block_count and self._block_group == group):
            self._begin_block(row, group)
        self._best_of_block(&self._groups[group], row - self._block_first, unit, best)
        return 0

    cdef int _begin_block(self, Py_ssize_t first, int32_t group) except -1:
        """Filter the stories for the rows from *first* on that have the group's dimension."""
        cdef Py_ssize_t count = 0
        cdef Py_ssize_t most = min(BLOCK_ROWS, <Py_ssize_t> self._rows.size() - first)
        while count < most and self._rows[first + count].dimension == self._groups[group].dimension:
            count += 1
        self._block_first, self._block_count, self._block_group = first, count, group
        self._touched_of.assign(self._groups[group].slots.size(), <int32_t> NOBODY)
        self._touched_places.clear()
        self._touched_rounded = RoundedStories(self._groups[group].padded, self._least())
        if count * len(self) * self._groups[group].dimension < GIL_WORTH_PRODUCTS:
            self._filter_block(&self._groups[group])
        else:
            with nogil:
                self._filter_block(&self._groups[group])
        return 0

    cdef int _filter_block(self, Group* group) except -1 nogil:
        cdef Py_ssize_t place
        self._block.units.resize(self._block_count)
        for place in range(self._block_count):
            self._block.units[place] = self._unit_of(self._rows[self._block_first + place])
        self._block.filter(&group.rounded, self._directions(group), self._least(), MOST_SURVIVORS)
        return 0

    cdef inline Unit _unit_of(self, Row row) noexcept nogil:
        cdef Unit unit
        unit.numbers, unit.length = &self._units[row.start], row.length
        return unit

    cdef inline Directions _directions(self, Group* group) noexcept nogil:
        cdef Directions directions
        directions.totals, directions.norms, directions.padded = group.totals.data(), group.norms.data(), group.padded
        return directions

    cdef inline float _least(self) noexcept nogil:
        """The least similarity that counts."""
        return <float> (<double> self._threshold / GRID)

    cdef int _best_of_block(self, Group* group, Py_ssize_t row, Row unit, Best* best) except -1:
        """Compare a row with what the filter left: stories as they were, and those touched since as they are now."""
        cdef Survivor survivor
        if self._block.found[row].too_many:
            return self._best_of_all(group, row, unit, best)
        self._verify_untouched(group, &self._block.found[row].stories, unit, best)
        if self._touched_places.size():
            self._scanned.clear()
            self._touched_rounded.scan(self._block.rows, row, self._reached(best), &self._scanned)
            for survivor in self._scanned:
                survivor.place = self._touched_places[survivor.place]
                self._compare(group, survivor, unit, best)
        # The story that set the bar may have moved away since: then what the bar kept out may be the best.
        if self._reached(best) < self._block.rows.bar(row):
            return self._best_of_all(group, row, unit, best)
        return 0

    cdef int _best_of_all(self, Group* group, Py_ssize_t row, Row unit, Best* best) except -1:
        """Compare a row with all stories as they are now."""
        self._scanned.clear()
        group.rounded.scan(self._block.rows, row, self._reached(best), &self._scanned)
        self._verify(group, &self._scanned, unit, best)
        return 0

    cdef inline float _reached(self, Best* best) noexcept nogil:
        """The similarity of the best story so far; without one, the least that counts."""
        return <float> (<double> best.steps / GRID)

    cdef void _verify_untouched(
        self, Group* group, vector[Survivor]* found, Row unit, Best* best
    ) noexcept nogil:
        cdef Survivor survivor
        cdef size_t place
        for place in range(found.size()):
            survivor = found[0][place]
            if self._touched_of[survivor.place] < 0:
                self._compare(group, survivor, unit, best)

    cdef void _verify(self, Group* group, vector[Survivor]* found, Row unit, Best* best) noexcept nogil:
        cdef size_t place
        for place in range(found.size()):
            self._compare(group, found[0][place], unit, best)

    cdef inline void _compare(self, Group* group, Survivor survivor, Row unit, Best* best) noexcept nogil:
        """Let a story contend with its exact similarity, unless even its bound is too small."""
        if survivor.bound * GRID < best.steps:
            return
        _challenge(
            best, similarity(self._directions(group), survivor.place, self._unit_of(unit)),
            self._slots[group.slots[survivor.place]].key,
        )

    cdef int _touch(self, Group* group, int32_t number, int32_t place) except -1:
        """Keep the rounded form of a story that has moved up to date, in the block's eyes too."""
        group.rounded.set(place, &group.totals[place * group.padded], group.norms[place])
        if self._block_count == 0 or number != self._block_group:
            return 0
        if <size_t> place >= self._touched_of.size():
            self._touched_of.resize(place + 1, <int32_t> NOBODY)
        if self._touched_of[place] < 0:
            self._touched_of[place] = <int32_t> self._touched_places.size()
            self._touched_places.push_back(place)
        if <Py_ssize_t> self._touched_places.size() > MOST_TOUCHED:
            self._block_count = 0
            return 0
        self._touched_rounded.copy(self._touched_of[place], group.rounded, place)
        return 0

    cdef int _match_label(self, tuple words, bint all_stories, Best* best) except -1:
        """Compare with the stories that share words, by way of the words that few stories have.

        Let a label have n words, of which r are left out. A story's unit direction has at most the length 1 on these,
        so they add at most sqrt(r) to a sum that must reach bar * sqrt(n): a story with none of the other words is
        out if r < bar * bar * n. The r words left out are the most frequent ones.
        """
        cdef Py_ssize_t work = 0
        cdef size_t place
        cdef object word_id
        self._query.clear()
        for word in words:
            word_id = self._word_ids.get(word)
            self._query.push_back(<int32_t> NOBODY if word_id is None else <int32_t> word_id)
        for place in range(self._query.size()):
            work += self._frequency(self._query[place])
        if work < GIL_WORTH_PRODUCTS:
            self._best_of_labels(all_stories, best)
        else:
            with nogil:
                self._best_of_labels(all_stories, best)
        return 0

    cdef inline Py_ssize_t _frequency(self, int32_t word) noexcept nogil:
        return self._postings[word].size() if word >= 0 else 0

    cdef int _best_of_labels(self, bint all_stories, Best* best) except -1 nogil:
        cdef Py_ssize_t count = self._query.size()
        cdef double bar = (<double> best.steps - 1) / GRID
        cdef Py_ssize_t needed = _needed_words(count, bar)
        cdef Py_ssize_t summed = 0
        cdef int32_t slot
        self._by_frequency()
        self._next_stamp()
        # Beyond the needed words, a list is worth summing up while that is cheaper than to look the word up
        # in each of the stories found so far.
        while summed < needed or (
            summed < count
            and self._frequency(self._rare[summed]) <= LOOKUP_COST * <Py_ssize_t> self._touched.size()
        ):
            self._sum_word(self._rare[summed], summed < needed)
            summed += 1
        # A first look that needs neither root nor division: most stories share a frequent word and nothing else.
        bar *= (1 - ROUNDING) * sqrt(<double> count)
        for slot in self._touched:
            if summed == count and self._label_sums[slot] < bar * self._word_norms[slot]:
                continue
            if all_stories or self._slots[slot].group < 0:
                self._compare_label(slot, summed, best)
        return 0

    cdef void _by_frequency(self) noexcept nogil:
        """The query's words, the rarest first."""
        cdef size_t place, hole
        cdef int32_t word
        self._rare = self._query
        for place in range(1, self._rare.size()):
            word, hole = self._rare[place], place
            while hole > 0 and self._frequency(self._rare[hole - 1]) > self._frequency(word):
                self._rare[hole] = self._rare[hole - 1]
                hole -= 1
            self._rare[hole] = word

    cdef int _sum_word(self, int32_t word, bint admit) except -1 nogil:
        """Add a word's weights to the stories that have it; to those not met before only if they are to be admitted."""
        cdef size_t place
        cdef Posting posting
        if word < 0:
            return 0
        for place in range(self._postings[word].size()):
            posting = self._postings[word][place]
            if self._label_stamps[posting.slot] != self._stamp:
                if not admit:
                    continue
                self._label_stamps[posting.slot] = self._stamp
                self._label_sums[posting.slot] = 0.0
                self._touched.push_back(posting.slot)
            self._label_sums[posting.slot] += posting.weight
        return 0

    cdef void _compare_label(self, int32_t slot, Py_ssize_t summed, Best* best) noexcept nogil:
        """Let a story contend, unless the words summed up and the most that the others can add are too little."""
        cdef double norm = self._word_norms[slot]
        cdef double share = 1 / sqrt(<double> self._query.size())
        cdef double known = self._label_sums[slot] / norm
        cdef double left = 1 - known * known / summed
        cdef double most = known
        cdef double total = 0.0
        cdef int32_t word
        if left > 0:
            most += sqrt(left * (self._query.size() - summed))
        if most * share * GRID < <double> best.steps - 1:
            return
        for word in self._query:  # in the label's own order, so that the sum does not depend on frequencies
            total += self._weight(slot, word)
        _challenge(best, total * share / norm, self._slots[slot].key)

    cdef inline double _weight(self, int32_t slot, int32_t word) noexcept nogil:
        cdef Py_ssize_t place = self._word_place(slot, word)
        return 0.0 if place < 0 else self._postings[word][self._slots[slot].words[place].place].weight

    cdef void _next_stamp(self) noexcept nogil:
        self._touched.clear()
        self._stamp += 1
        if self._stamp == 0:
            self._label_stamps.assign(self._label_stamps.size(), 0)
            self._stamp = 1

    def join(self, int64_t key, tuple words, Py_ssize_t row, double weight) -> None:
        """Add a member to story *key*, which is founded if there is none."""
        cdef unordered_map[int64_t, int32_t].iterator known = self._slot_of.find(key)
        cdef int32_t slot = dereference(known).second if known != self._slot_of.end() else self._new_slot(key)
        cdef Row unit = self._unit(row)
        cdef Group* group
        self._join_words(slot, words, weight)
        if unit.dimension == 0:
            return
        if self._slots[slot].group < 0:
            self._enter_group(slot, self._group(unit.dimension, True))
        group = &self._groups[self._slots[slot].group]
        if group.dimension != unit.dimension:
            raise ValueError(f"a centroid of {unit.dimension} numbers cannot join a story of {group.dimension}")
        loops_add(&group.totals[self._slots[slot].place * group.padded], &self._units[unit.start], weight, group.padded)
        self._renorm(slot)

    cdef int _renorm(self, int32_t slot) except -1:
        cdef int32_t number = self._slots[slot].group
        cdef int32_t place = self._slots[slot].place
        cdef Group* group = &self._groups[number]
        group.norms[place] = sqrt(loops_square_sum(&group.totals[place * group.padded], group.dimension))
        return self._touch(group, number, place)

    cdef int32_t _new_slot(self, int64_t key) except -1:
        cdef int32_t slot
        if self._free_slots.size():
            slot = self._free_slots.back()
            self._free_slots.pop_back()
        else:
            slot = <int32_t> self._slots.size()
            self._slots.resize(slot + 1)
            self._label_sums.resize(slot + 1)
            self._word_norms.resize(slot + 1)
            self._label_stamps.resize(slot + 1, 0)
        self._slots[slot].key = key
        self._slots[slot].group = -1
        self._word_norms[slot] = 0.0
        self._slots[slot].words.clear()
        self._slot_of[key] = slot
        return slot

    cdef int32_t _group(self, Py_ssize_t dimension, bint make) except -2:
        cdef int32_t number
        for number in range(<int32_t> self._groups.size()):
            if self._groups[number].dimension == dimension:
                return number
        if not make:
            return -1
        self._groups.resize(self._groups.size() + 1)
        self._groups.back().dimension = dimension
        self._groups.back().padded = _padded(dimension)
        self._groups.back().rounded = RoundedStories(_padded(dimension), self._least())
        return <int32_t> self._groups.size() - 1

    cdef int _enter_group(self, int32_t slot, int32_t number) except -1:
        cdef Group* group = &self._groups[number]
        self._slots[slot].group = number
        self._slots[slot].place = <int32_t> group.slots.size()
        group.slots.push_back(slot)
        group.norms.push_back(0.0)
        group.totals.resize(group.slots.size() * group.padded, 0.0)
        return 0

    cdef int _join_words(self, int32_t slot, tuple words, double weight) except -1:
        cdef double share = weight / sqrt(<double> len(words)) if words else 0.0
        cdef Py_ssize_t place
        cdef WordPlace entry
        for word in words:
            place = self._word_place(slot, self._word_ids.get(word, -1))
            if place >= 0:
                entry = self._slots[slot].words[place]
                self._postings[entry.word][entry.place].weight += share
            elif self._slots[slot].words.size() < MAX_WORDS:
                self._add_word(slot, word, share)
        self._renorm_words(slot)
        return 0

    cdef inline Py_ssize_t _word_place(self, int32_t slot, int32_t word) noexcept nogil:
        cdef size_t place
        for place in range(self._slots[slot].words.size()):
            if self._slots[slot].words[place].word == word:
                return place
        return -1

    cdef int _add_word(self, int32_t slot, object text, double weight) except -1:
        cdef Posting posting
        cdef WordPlace entry
        entry.word = self._word_id(text)
        entry.place = <int32_t> self._postings[entry.word].size()
        posting.slot = slot
        posting.weight = weight
        self._postings[entry.word].push_back(posting)
        self._slots[slot].words.push_back(entry)
        return 0

    cdef int32_t _word_id(self, object text) except -1:
        cdef int32_t word
        known = self._word_ids.get(text)
        if known is not None:
            return known
        if self._free_words.size():
            word = self._free_words.back()
            self._free_words.pop_back()
            self._word_texts[word] = text
        else:
            word = <int32_t> self._postings.size()
            self._postings.resize(word + 1)
            self._word_texts.append(text)
        self._word_ids[text] = word
        return word

    cdef void _renorm_words(self, int32_t slot) noexcept:
        cdef double total = 0.0
        cdef double weight
        cdef size_t place
        cdef WordPlace entry
        for place in range(self._slots[slot].words.size()):
            entry = self._slots[slot].words[place]
            weight = self._postings[entry.word][entry.place].weight
            total += weight * weight
        self._word_norms[slot] = sqrt(total)

    def remove(self, int64_t key) -> None:
        """Forget story *key*."""
        cdef int32_t slot = self._find(key)
        cdef size_t place
        for place in range(self._slots[slot].words.size()):
            self._leave_word(self._slots[slot].words[place])
        if self._slots[slot].group >= 0:
            self._leave_group(&self._groups[self._slots[slot].group], self._slots[slot].place)
        self._slots[slot].words.clear()
        self._slot_of.erase(key)
        self._free_slots.push_back(slot)

    cdef int32_t _find(self, int64_t key) except -1:
        cdef unordered_map[int64_t, int32_t].iterator known = self._slot_of.find(key)
        if known == self._slot_of.end():
            raise KeyError(key)
        return dereference(known).second

    cdef int _leave_word(self, WordPlace entry) except -1:
        """Take one posting out; the last one takes its place and is told so."""
        cdef vector[Posting]* postings = &self._postings[entry.word]
        cdef int32_t moved = postings.back().slot
        postings[0][entry.place] = postings.back()
        self._slots[moved].words[self._word_place(moved, entry.word)].place = entry.place
        postings.pop_back()
        if postings.size() == 0:
            del self._word_ids[self._word_texts[entry.word]]
            self._word_texts[entry.word] = None
            postings.shrink_to_fit()
            self._free_words.push_back(entry.word)
        return 0

    cdef int _leave_group(self, Group* group, int32_t place) except -1:
        cdef int32_t last = <int32_t> group.slots.size() - 1
        cdef float* totals
        if place != last:
            totals = group.totals.data()
            memcpy(totals + place * group.padded, totals + last * group.padded, group.padded * sizeof(float))
            group.norms[place] = group.norms[last]
            group.slots[place] = group.slots[last]
            self._slots[group.slots[place]].place = place
        group.rounded.remove(place)
        self._block_count = 0  # places have changed
        group.slots.pop_back()
        group.norms.pop_back()
        group.totals.resize(last * group.padded)
        return 0

    def dump(self, int64_t key) -> tuple[bytes, list[str], bytes]:
        """Story *key* for storage: sum (little-endian float32), words, their weights (little-endian float64)."""
        cdef int32_t slot = self._find(key)
        cdef Group* group
        cdef vector[double] weights
        cdef size_t place
        cdef WordPlace entry
        words = []
        for place in range(self._slots[slot].words.size()):
            entry = self._slots[slot].words[place]
            words.append(self._word_texts[entry.word])
            weights.push_back(self._postings[entry.word][entry.place].weight)
        packed = (<const char*> weights.data())[:weights.size() * 8] if weights.size() else b""
        if self._slots[slot].group < 0:
            return b"", words, packed
        group = &self._groups[self._slots[slot].group]
        total = <const char*> &group.totals[self._slots[slot].place * group.padded]
        return total[:group.dimension * 4], words, packed

    def pack(self, list keys) -> tuple[bytes, list]:
        """The stories *keys* as :meth:`dump` gives them, as three values of MessagePack each; where each one ends."""
        cdef Writer writer
        cdef list stops = []
        for key in keys:
            self._write(self._find(key), &writer)
            stops.append(writer.out.size())
            if len(stops) == 1:  # the others will hardly be larger
                writer.out.reserve(len(keys) * (writer.out.size() + writer.out.size() // 4))
        return PyBytes_FromStringAndSize(writer.out.data(), writer.out.size()), stops

    cdef int _write(self, int32_t slot, Writer* writer) except -1:
        cdef Group* group
        cdef vector[double] weights
        cdef vector[WordPlace]* entries = &self._slots[slot].words
        cdef Py_ssize_t size
        cdef size_t place
        if self._slots[slot].group < 0:
            writer.binary(NULL, 0)
        else:
            group = &self._groups[self._slots[slot].group]
            writer.binary(
                <const char*> &group.totals[self._slots[slot].place * group.padded], group.dimension * sizeof(float)
            )
        writer.array(entries.size())
        for place in range(entries.size()):
            data = PyUnicode_AsUTF8AndSize(self._word_texts[entries[0][place].word], &size)
            writer.text(data, size)
            weights.push_back(self._postings[entries[0][place].word][entries[0][place].place].weight)
        writer.binary(<const char*> weights.data(), weights.size() * sizeof(double))
        return 0

    def load(self, int64_t key, bytes total, list words, bytes weights) -> None:
        """Bring story *key* back from what :meth:`dump` gave."""
        cdef int32_t slot
        cdef Group* group
        cdef const double* numbers = <const double*> <const char*> weights
        cdef Py_ssize_t place
        if len(weights) != 8 * len(words) or len(total) % 4:
            raise ValueError("words, weights and sum do not fit each other")
        if self._slot_of.count(key):
            raise ValueError(f"story {key} is there already")
        slot = self._new_slot(key)
        for place in range(len(words)):
            self._add_word(slot, words[place], numbers[place])
        self._renorm_words(slot)
        if total:
            self._enter_group(slot, self._group(len(total) // 4, True))
            group = &self._groups[self._slots[slot].group]
            memcpy(&group.totals[self._slots[slot].place * group.padded], <const char*> total, len(total))
            self._renorm(slot)


cdef Py_ssize_t _needed_words(Py_ssize_t count, double bar) noexcept nogil:
    """How many of *count* words a story must have one of, to be *bar* similar; all of them for a bar of 0 or less."""
    cdef Py_ssize_t left_out = 0
    while bar > 0 and left_out < count and left_out + 1 < bar * bar * count:
        left_out += 1
    return count - left_out


cdef inline Py_ssize_t _padded(Py_ssize_t size) noexcept nogil:
    return (size + LANES - 1) // LANES * LANES


cdef inline void _challenge(Best* best, double similarity, int64_t key) noexcept nogil:
    """Let a story contend: greater similarity wins, the older story among equals."""
    cdef int64_t steps = <int64_t> nearbyint(similarity * GRID)
    if steps > best.steps or (steps == best.steps and (best.key < 0 or key < best.key)):
        best.steps = steps
        best.key = key


cdef struct Feeling:
    double positive
    double neutral
    double negative
    double score
    int64_t size


def reduce_sentiment(sentiments, mentions) -> tuple[int, int, int, int]:
    """Sum up the sentiment of chunks.

    Args:
        sentiments: one a chunk.
        mentions: the size of each chunk.

    Returns:
        (positive, neutral, negative, score) in units of 1 / :data:`FIXED_ONE`, exact.
    """
    cdef vector[Feeling] feelings
    cdef Feeling feeling
    cdef int128_t sums[4]
    for sentiment, size in zip(sentiments, mentions, strict=True):
        feeling.positive = _number(sentiment.positive)
        feeling.neutral = _number(sentiment.neutral)
        feeling.negative = _number(sentiment.negative)
        feeling.score = sentiment.score
        feeling.size = size
        feelings.push_back(feeling)
    memset(sums, 0, sizeof(sums))
    with nogil:
        _sum_feelings(&feelings, sums)
    return _wide(sums[0]), _wide(sums[1]), _wide(sums[2]), _wide(sums[3])


cdef inline double _number(value) except? -1.0:
    return 0.0 if value is None else <double> value


cdef object _wide(int128_t value):
    return (int(<int64_t> (value >> 64)) << 64) + <uint64_t> value


cdef void _sum_feelings(vector[Feeling]* feelings, int128_t* sums) noexcept nogil:
    cdef size_t place
    for place in range(feelings.size()):
        _add_feeling(&feelings[0][place], sums)


cdef inline bint _is_whole(double value) noexcept nogil:
    return value == nearbyint(value)


cdef inline int128_t _fixed(double value) noexcept nogil:
    """The nearest fixed-point number, ties to even; scaling by a power of two is exact."""
    return <int128_t> nearbyint(value * FIXED_ONE)


cdef void _add_feeling(Feeling* feeling, int128_t* sums) noexcept nogil:
    """One chunk's counts; shares (a sum of 1, or a part of a mention) are taken of its mentions."""
    cdef double total = feeling.positive + feeling.neutral + feeling.negative
    cdef double size = <double> feeling.size
    cdef int128_t whole, plus, minus
    if (_is_whole(feeling.positive) and _is_whole(feeling.neutral) and _is_whole(feeling.negative)
            and not -SHARE_TOLERANCE <= total - 1.0 <= SHARE_TOLERANCE):
        sums[0] += _fixed(feeling.positive)
        sums[1] += _fixed(feeling.neutral)
        sums[2] += _fixed(feeling.negative)
        sums[3] += _fixed(feeling.score)
        return
    whole = <int128_t> feeling.size << 32
    plus = _fixed(feeling.positive / total * size)
    minus = min(_fixed(feeling.negative / total * size), whole - plus)
    # The neutral share takes the rounding, so that the three are the chunk's mentions exactly.
    sums[0] += plus
    sums[1] += whole - plus - minus
    sums[2] += minus
    sums[3] += _fixed(feeling.score * size)
