# cython: language_level=3
"""What segments hold, for the fold kernel that reads them and the merge kernel that takes its part: ``stored.h``."""

from libc.stdint cimport int32_t, int64_t, uint64_t
from libcpp cimport bool
from libcpp.string_view cimport string_view
from libcpp.vector cimport vector


cdef extern from "hash.h" nogil:
    cdef cppclass Hasher:
        Hasher()
        Hasher(const char* key)

cdef extern from "stored.h" namespace "stored" nogil:
    cdef struct Run:
        size_t first
        size_t count

    cdef struct StoredStory "stored::Story":
        int64_t key
        int64_t heaviest
        int64_t first_seen_ms
        int64_t last_seen_ms
        int64_t flagged_at_ms
        int64_t ids_total
        int64_t longest
        int64_t old_ids
        int64_t label_mentions
        int64_t told_pane
        int64_t before_pane
        double mass
        string_view id
        string_view label
        string_view panes
        string_view total
        string_view weights
        Run examples
        Run words
        Run spellings
        Run told
        int64_t segment
        int64_t size

    cdef cppclass Stories:
        vector[StoredStory] stories
        vector[string_view] texts
        vector[int64_t] counts
        bool take(const char* data, size_t size, int64_t segment) except +
        vector[size_t] newest() except +

    cdef enum Lack "stored::Parts::Lack":
        WHOLE "stored::Parts::WHOLE"
        BEYOND "stored::Parts::BEYOND"
        MISSING "stored::Parts::MISSING"

    cdef cppclass Parts:
        bool take(string_view parts, string_view hashes) except +
        void sort() except +
        Lack gather(int64_t key, int64_t at, int64_t total, vector[uint64_t]* out, int64_t* number) except +

    cdef cppclass Words:
        Words()
        Words(const Hasher& hasher)
        void reserve(size_t words) except +
        int32_t* at(string_view text) except +
