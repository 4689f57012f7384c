# distutils: language = c++
# cython: language_level=3
# cython: boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
# The loops below index only what they have sized themselves; every def checks its arguments first.
"""The digests kernel, compiled; its definition is the pure twin :mod:`orchestrator.kernels.digests_py`.

Owns what is remembered of chunkIds, and how they are digested. Same names, signatures and answers as the twin, bit by
bit, but for what it says of its memory.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.string cimport memcpy

from orchestrator.kernels.common cimport Field, PyUnicode_AsUTF8AndSize

import secrets as _secrets

IMPLEMENTATION = "cython"

cdef extern from "digests.h" namespace "digests" nogil:
    size_t ENTRY_BYTES
    size_t DIGEST_BYTES

    cdef cppclass Blake2b:
        @staticmethod
        void of(const char* data, size_t size, unsigned char* out) noexcept

    cdef cppclass Numbers:
        Numbers()
        void mentions(int64_t count) noexcept
        void sentiment(double value) noexcept
        void cluster(int64_t mentions, bint scored, double score) noexcept
        uint32_t digest() noexcept

    cdef cppclass Entry:
        pass

    cdef cppclass Generation:
        size_t size()
        const Entry* data()

    ctypedef enum Found:
        FRESH
        KNOWN
        CONFLICT

    cdef cppclass Table:
        Table()
        Table(uint64_t secret)
        const Generation& younger()
        const Generation& older()
        size_t held()
        void load(const char* younger, size_t younger_count, const char* older, size_t older_count) except +
        Found take(const char* id, size_t size, uint32_t numbers) except +
        void rotate(size_t kept) except +


cdef Field* _clusters = new Field(b"clusters")
cdef Field* _meta = new Field(b"meta")
cdef Field* _sentiment = new Field(b"sentiment")
cdef Field* _said_of_meta = new Field(b"mention_count")
cdef Field* _said_of_cluster = new Field(b"mention_count")
cdef Field* _row = new Field(b"mentions")
cdef Field* _cluster_score = new Field(b"sentiment_score")
cdef Field* _positive = new Field(b"positive")
cdef Field* _neutral = new Field(b"neutral")
cdef Field* _negative = new Field(b"negative")
cdef Field* _score = new Field(b"score")


def numbers_of(list chunks not None, list counts not None) -> bytes:
    """What stands for the numbers of each of *chunks*, 4 bytes each; *counts* are different mentions by row."""
    cdef bytes out = PyBytes_FromStringAndSize(NULL, len(chunks) * sizeof(uint32_t))
    cdef char* at = PyBytes_AS_STRING(out)
    cdef uint32_t value
    for chunk in chunks:
        value = _digest_of(chunk, counts)
        memcpy(at, &value, sizeof(value))
        at += sizeof(value)
    return out


cdef uint32_t _digest_of(chunk, list counts) except? 0:
    cdef Numbers numbers
    cdef int64_t size, inside = 0
    cdef list clusters = _clusters.of(chunk)
    cdef object said, score, meta = _meta.of(chunk), sentiment = _sentiment.of(chunk)
    for cluster in clusters:
        said = _said_of_cluster.of(cluster)
        size = _counted(counts, _row.of(cluster)) if said is None else said
        inside += size
        score = _cluster_score.of(cluster)
        numbers.cluster(size, score is not None, 0.0 if score is None else score)
    said = None if meta is None else _said_of_meta.of(meta)
    numbers.mentions(inside if said is None else said)
    numbers.sentiment(_number(_positive.of(sentiment)))
    numbers.sentiment(_number(_neutral.of(sentiment)))
    numbers.sentiment(_number(_negative.of(sentiment)))
    numbers.sentiment(_number(_score.of(sentiment)))
    return numbers.digest()


cdef inline double _number(value) except? -1.0:
    return 0.0 if value is None else <double> value


cdef inline int64_t _counted(list counts, Py_ssize_t row) except? -1:
    if not 0 <= row < len(counts):
        raise IndexError(f"row {row} of a batch of {len(counts)}")
    return counts[row]


def digest(str text not None) -> bytes:
    """What is remembered of a chunkId, so that any id costs the same: BLAKE2b with 12 bytes of output."""
    cdef Py_ssize_t size
    cdef const char* data = PyUnicode_AsUTF8AndSize(text, &size)
    cdef bytes out = PyBytes_FromStringAndSize(NULL, DIGEST_BYTES)
    Blake2b.of(data, size, <unsigned char*> PyBytes_AS_STRING(out))
    return out


cdef class Digests:
    """Two generations of what is remembered of chunkIds, the younger and the older one.

    An entry is the digest of an id, and 4 bytes that stand for its chunk's numbers, 0 where nothing is known of them.
    """

    cdef Table _table

    def __init__(self) -> None:
        self._table = Table(_secrets.randbits(64) | 1)

    @property
    def younger(self) -> int:
        """How many entries the younger generation has."""
        return self._table.younger().size()

    @property
    def older(self) -> int:
        """How many the older one has."""
        return self._table.older().size()

    @property
    def held_bytes(self) -> int:
        """Bytes in memory."""
        return self._table.held()

    def load(self, bytes younger not None, bytes older not None) -> None:
        """Become the generations that are stored as *younger* and *older*; of entries with one digest the first counts.

        Raises:
            ValueError: one does not consist of whole entries.
        """
        cdef const char* first = PyBytes_AS_STRING(younger)
        cdef const char* second = PyBytes_AS_STRING(older)
        cdef size_t first_size = len(younger), second_size = len(older)
        if first_size % ENTRY_BYTES or second_size % ENTRY_BYTES:
            raise ValueError(f"{first_size} and {second_size} bytes of digests: no whole entries")
        with nogil:
            self._table.load(first, first_size // ENTRY_BYTES, second, second_size // ENTRY_BYTES)

    def take(self, list ids not None, bytes numbers=None) -> tuple:
        """Remember the chunks with these *ids* in the younger generation, but those that are known.

        Args:
            ids: in their order.
            numbers: 4 bytes for each, little-endian, 0 = nothing is known; None: of none.

        Returns:
            The new entries, in their order; places in *ids* of those that were known, whichever generation knew them or
            if they stood in *ids* before; and those of them whose numbers are known to be others.
        """
        cdef Py_ssize_t size, place, count = len(ids)
        cdef size_t before = self._table.younger().size()
        cdef const char* data
        cdef const char* stated = NULL
        cdef uint32_t number = 0
        cdef Found found
        cdef list known = [], conflicts = []
        if numbers is not None:
            if len(numbers) != count * sizeof(uint32_t):
                raise ValueError(f"{len(numbers)} bytes of numbers of {count} chunks")
            stated = PyBytes_AS_STRING(numbers)
        for place in range(count):
            data = PyUnicode_AsUTF8AndSize(<str?> ids[place], &size)
            if stated:
                memcpy(&number, stated + place * sizeof(uint32_t), sizeof(uint32_t))
            found = self._table.take(data, size, number)
            if found != FRESH:
                known.append(place)
                if found == CONFLICT:
                    conflicts.append(place)
        return _stored(&self._table.younger(), before), known, conflicts

    def rotate(self, size_t kept) -> None:
        """Forget the older generation; the younger one takes its place, but for its newest *kept* entries.

        Raises:
            ValueError: it has fewer.
        """
        if kept > self._table.younger().size():
            raise ValueError(f"{kept} of {self._table.younger().size()} entries")
        self._table.rotate(kept)

    def dump(self) -> tuple:
        """The younger and the older generation as they are stored."""
        return _stored(&self._table.younger(), 0), _stored(&self._table.older(), 0)


cdef bytes _stored(const Generation* generation, size_t first):
    """The entries from *first* on."""
    return PyBytes_FromStringAndSize(
        <const char*> generation.data() + first * ENTRY_BYTES, (generation.size() - first) * ENTRY_BYTES
    )
