# cython: language_level=3
"""What other kernels may ask of the merge kernel: what is declared of :class:`StoryIndex` as cpdef, and
those for storage.

Nothing else is theirs. What an index consists of stands here because a compiler must know its size; the functions that
work on it are in ``_merge.pyx`` and out of reach.
"""

cimport cython
from libc.stdint cimport int32_t, int64_t
from libcpp cimport bool
from libcpp.unordered_map cimport unordered_map
from libcpp.vector cimport vector

from libcpp.string_view cimport string_view

from orchestrator.kernels.common cimport Writer
from orchestrator.kernels.stored cimport StoredStory, Words


cdef extern from "best.h" namespace "merge" nogil:
    const int64_t NOBODY
    const double GRID

    cdef cppclass Best:
        int64_t steps
        int64_t key
        void challenge(double similarity, int64_t its) noexcept

cdef extern from "labels.h" namespace "merge" nogil:
    cdef struct Bars:
        int64_t usual
        int64_t brief
        int32_t enough
        Py_ssize_t searched

    cdef struct Slot:
        int64_t key
        int32_t group
        int32_t place
        int32_t longest
        vector[int32_t] words
        vector[double] weights

    cdef cppclass Labels:
        vector[Slot] slots
        Bars bars
        void expect(size_t stories) except +
        void expect_words(size_t words) except +
        int32_t enter(int64_t key) except +
        void leave(int32_t slot) except +
        int32_t new_word() except +
        void free_word(int32_t word) except +
        void ask_nothing() noexcept
        void ask(int32_t word) except +
        void join(int32_t slot, double weight, vector[int32_t]* fresh, vector[int32_t]* left) except +
        void add_asked(int32_t slot, int32_t word, int32_t place) except +
        void reserve(int32_t slot, size_t words) except +
        bool was_last(int32_t slot, int32_t word) noexcept
        void add(int32_t slot, int32_t word, double weight) except +
        void renorm(int32_t slot) noexcept
        bool drop(const Slot& story, size_t place) noexcept
        void renew(int64_t stories, vector[int32_t]* left) except +
        void restore(int64_t stories) noexcept
        void restore_word(int32_t word, int64_t count) noexcept
        double weight(int32_t slot, int32_t word) noexcept
        int64_t counted() noexcept
        int64_t count(int32_t word) noexcept
        int64_t looked_at() noexcept
        size_t held() noexcept
        Py_ssize_t work() noexcept
        void search(int32_t but, Best* best) except +

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
        void reserve(Py_ssize_t count) except +
        void set(Py_ssize_t place, const float* total, double norm) except +
        void copy(Py_ssize_t place, const RoundedStories& other, Py_ssize_t its) except +
        void remove(Py_ssize_t place) except +
        size_t held() noexcept
        void scan(const RoundedRows& rows, Py_ssize_t row, float bar, vector[Survivor]* found) except +

cdef extern from "block.h" namespace "filter" nogil:
    cdef struct Directions:
        const float* totals
        const double* masses
        const double* centre
        const double* norms
        Py_ssize_t padded

    cdef struct Unit:
        const float* numbers
        double length

    cdef cppclass Block:
        Block() except +
        vector[Unit] units
        RoundedRows rows
        vector[Found] found
        void filter(RoundedStories* stories, const Directions& directions, float threshold, size_t most) except +

cdef struct Group:  # the stories whose centroids have one dimension
    Py_ssize_t dimension
    Py_ssize_t padded  # a multiple of LANES; the padding is zero
    int64_t steps  # the least similarity that counts
    vector[double] centre  # the mean direction, of float32 numbers; empty: none is taken away
    vector[float] totals
    vector[double] masses
    vector[double] norms  # of what is left of the totals
    vector[int32_t] slots
    RoundedStories rounded

cdef struct Row:
    int32_t dimension  # 0: no direction
    Py_ssize_t start
    double length  # of the unit vector: rounding to float32 has left nearly 1; 0: not computed yet


@cython.final
cdef class StoryIndex:
    cdef readonly int64_t folded
    cdef readonly int64_t renewed_at
    cdef int64_t _plain_threshold
    cdef int64_t _centred_threshold
    cdef unordered_map[int64_t, int32_t] _slot_of
    cdef vector[Row] _rows
    cdef vector[float] _units
    cdef vector[Group] _groups
    cdef Labels _labels
    cdef dict _word_ids
    cdef list _word_texts
    cdef int64_t _text_bytes  # of the words
    cdef tuple _asked
    cdef vector[int32_t] _fresh
    cdef vector[int32_t] _left
    cdef Py_ssize_t _block_first
    cdef Py_ssize_t _block_count
    cdef int32_t _block_group
    cdef Block _block
    cdef vector[float] _block_units  # of a group with a mean direction: the rows without it
    cdef vector[float] _scratch
    cdef vector[int32_t] _touched_of  # by place in the block's group: place among the touched, or NOBODY
    cdef vector[int32_t] _touched_places
    cdef RoundedStories _touched_rounded
    cdef vector[Survivor] _scanned

    cpdef int64_t match(self, tuple words, Py_ssize_t row) except -2
    cpdef join(self, int64_t key, tuple words, Py_ssize_t row, double weight)
    cpdef double shared(self, int64_t key, tuple words) except? -1.0
    cpdef rest(self)
    cpdef int64_t held_bytes(self)
    cdef int write(self, int64_t key, Writer* writer) except -1
    cdef int reserve(self, Py_ssize_t dimension, Py_ssize_t stories) except -1
    cdef int know(self, Words* known) except -1
    cdef int read(self, const StoredStory& story, const string_view* texts, Words* known) except -1
