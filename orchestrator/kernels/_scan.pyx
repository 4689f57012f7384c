# distutils: language = c++
# cython: language_level=3
"""Decodes a batch of items, taking centroids and mentions out of the documents on the way.

The compiled twin of :mod:`orchestrator.kernels.scan_py`: same functions, same answers. Centroids go from bytes straight
into float32 rows, mentions into rows of hashes (``scanner.h``); a row number takes their place, and msgspec
validates the small rest. The documents are scanned without the GIL, ahead of their turn if there is other work to do
(``scan_batch.h``). Decides nothing about chunks: *decode* and *slowly* do.
"""

import msgspec
import numpy as np

cimport cython

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.list cimport PyList_GET_SIZE
from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memcpy
from libcpp cimport bool as c_bool
from libcpp.memory cimport unique_ptr
from libcpp.vector cimport vector

from orchestrator.kernels.rows import Centroids, MentionRows, RowCollector
from orchestrator.errors import InvalidChunkError

IMPLEMENTATION = "cython"
_MALFORMED = (msgspec.MsgspecError, RecursionError, ValueError)

cdef extern from "hash.h" nogil:
    cdef cppclass Hasher:
        Hasher(const char* key)

cdef extern from "base64.h" namespace "base64" nogil:
    int instructions
    int best_instructions() noexcept

cdef extern from "scan_batch.h" namespace "scan" nogil:
    cdef enum Verdict:
        PLAIN
        REDUCED
        SLOW

    cdef struct Survey:
        c_bool ascii
        c_bool escapes

    cdef cppclass MentionHashes "scan::Mentions":
        vector[uint64_t] hashes
        vector[uint64_t] old_hashes
        vector[int64_t] offsets
        vector[int64_t] spots
        size_t walked
        size_t rows()
        void hash_by(const Hasher& hasher, c_bool old_too)

    cdef cppclass Scanner:
        vector[float] values
        vector[int64_t] offsets
        vector[char] rest
        MentionHashes mentions
        void reset() except +

    cdef cppclass Document:
        Survey found
        Verdict verdict
        size_t rest_start
        size_t rest_size

    cdef cppclass Batch:
        vector[Document] documents
        unique_ptr[Scanner] scanner
        Batch(Scanner* owned, Py_ssize_t max_bytes) except +
        void add(const char* data, Py_ssize_t size) except +
        void start() except +
        void finish() except +


def use_instructions(int level) -> int:
    """Let base64 be read by instructions of *level* (0: any machine; 1, 2: better ones), as far as there are any.

    For tests, which try them all; what is chosen changes no result. Returns the level before.
    """
    global instructions
    previous = instructions
    instructions = min(level, best_instructions())
    return previous


@cython.no_gc  # no cycle goes through it, and a cycle that it hangs on must not clear the items under its thread
cdef class Scan:
    """The documents of a batch while they are scanned; :func:`decode_items` takes what that finds, once.

    Args:
        items: documents.
        max_bytes: larger ones are not scanned.
        hashing: how their mentions are hashed.
        ahead: begin at once, on a thread of its own that needs no GIL; else :func:`decode_items` does it.
    """

    cdef readonly list items
    cdef readonly object hashing
    cdef Batch* _batch

    def __cinit__(self, list items, Py_ssize_t max_bytes, hashing, *, bint ahead=False):
        cdef bytes item, key = hashing.key  # Hashing has seen to its size
        self.hashing = hashing
        self.items = list(items)  # a copy: the bytes are read without asking Python
        self._batch = new Batch(_take_scanner(), max_bytes)
        self._batch.scanner.get().mentions.hash_by(Hasher(PyBytes_AS_STRING(key)), hashing.old_too)
        for item in self.items:
            self._batch.add(PyBytes_AS_STRING(item), PyBytes_GET_SIZE(item))
        if ahead:
            self._batch.start()

    def __dealloc__(self):
        if self._batch != NULL:
            with nogil:
                del self._batch


# Fresh memory costs a page fault every 4 KiB, which was a fifth of the time; so one scanner stays at hand. A scan
# at the same time makes its own.
cdef Scanner* _idle = NULL


cdef Scanner* _take_scanner() except NULL:
    global _idle
    cdef Scanner* scanner = _idle
    _idle = NULL
    return scanner if scanner != NULL else new Scanner()


cdef int _give_back(Batch* batch) except -1:
    global _idle
    batch.scanner.get().reset()
    if _idle == NULL:
        _idle = batch.scanner.release()
    return 0


def decode_items(Scan scan not None, str brand, decode, slowly) -> tuple:
    """Decode the items of *scan*, and wait for it.

    Args:
        scan: what is scanned; it is used up.
        brand: whose they must be, None for anybody's.
        decode: the typed decoder, for documents that have row numbers in the place of rows.
        slowly: decodes any document or raises; its rows go to the collector.

    Returns:
        chunks, their positions among the items, (position, error) of the others, centroids and mentions.
    """
    cdef Batch* batch = scan._batch
    if batch == NULL:
        raise ValueError("the scan is used up")
    scan._batch = NULL
    try:
        with nogil:
            batch.finish()
        found = _decode_items(scan, brand, decode, slowly, batch)
        _give_back(batch)
    finally:
        del batch
    return found


cdef tuple _decode_items(Scan scan, str brand, decode, slowly, Batch* batch):
    cdef Scanner* scanner = batch.scanner.get()
    cdef Document* document
    cdef Py_ssize_t index
    cdef list chunks = [], errors = [], items = scan.items
    cdef str found_brand
    collected = RowCollector(scanner.offsets.size() - 1, scanner.mentions.rows())
    for index in range(PyList_GET_SIZE(items)):
        document = &batch.documents[index]
        chunk = None
        if document.verdict != SLOW:
            try:
                chunk = decode(_rest(document, scanner, items[index]))
            except _MALFORMED:
                pass
            else:
                found_brand = chunk.brand
                if brand is not None and found_brand != brand:
                    chunk = None
        if chunk is None:
            try:
                chunk = slowly(items[index], brand, collected)
            except InvalidChunkError as error:
                errors.append((index, error))
                continue
        chunks.append(chunk)
    refused = {index for index, _ in errors}
    indices = [index for index in range(len(items)) if index not in refused] if refused else list(range(len(items)))
    mentions = _mentions(scanner, collected.mentions, items, scan.hashing)
    return chunks, indices, errors, _centroids(scanner, collected.centroids), mentions


cdef inline bytes _rest(Document* document, Scanner* scanner, bytes item):
    """What msgspec is to validate. It looks only at the strings that it keeps, so UTF-8 is checked here."""
    if not document.found.ascii:
        item.decode()
    if document.verdict == PLAIN:
        return item
    return PyBytes_FromStringAndSize(scanner.rest.data() + document.rest_start, document.rest_size)


cdef object _centroids(Scanner* scanner, list collected):
    """The rows of the scan, then those that were collected."""
    cdef size_t scanned = scanner.offsets.size()
    sizes = [len(row) for row in collected]
    values = np.empty(scanner.values.size() + sum(sizes), dtype=np.float32)
    offsets = np.empty(scanned + len(sizes), dtype=np.int64)
    cdef float[::1] value_view = values
    cdef int64_t[::1] offset_view = offsets
    if scanner.values.size():
        memcpy(&value_view[0], scanner.values.data(), scanner.values.size() * sizeof(float))
    memcpy(&offset_view[0], scanner.offsets.data(), scanned * sizeof(int64_t))
    cdef Py_ssize_t place, start = scanner.values.size()
    for place, row in enumerate(collected):
        values[start:start + sizes[place]] = row
        start += sizes[place]
        offset_view[scanned + place] = start
    return Centroids(values, offsets)


cdef object _mentions(Scanner* scanner, list collected, list items, hashing):
    """Likewise; the scanned rows find their first texts in *items*."""
    hashes, old_hashes = _numbers(scanner.mentions.hashes), _numbers(scanner.mentions.old_hashes)
    offsets = np.empty(scanner.mentions.offsets.size(), dtype=np.int64)
    spots = np.empty((scanner.mentions.rows(), 3), dtype=np.int64)
    cdef int64_t[::1] offset_view = offsets
    cdef int64_t[:, ::1] spot_view = spots
    if spot_view.shape[0]:
        memcpy(&spot_view[0, 0], scanner.mentions.spots.data(), scanner.mentions.spots.size() * sizeof(int64_t))
    memcpy(&offset_view[0], scanner.mentions.offsets.data(), scanner.mentions.offsets.size() * sizeof(int64_t))
    scanned = MentionRows(hashing, hashes, offsets, items=items, spots=spots)
    scanned.old_hashes, scanned.walked = old_hashes, scanner.mentions.walked
    return scanned.followed_by(collected)


cdef object _numbers(const vector[uint64_t]& found):
    numbers = np.empty(found.size(), dtype=np.uint64)
    cdef uint64_t[::1] view = numbers
    if found.size():
        memcpy(&view[0], found.data(), found.size() * sizeof(uint64_t))
    return numbers
