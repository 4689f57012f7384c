# distutils: language = c++
# cython: language_level=3
"""Decodes a batch of items, taking centroids and mentions out of the documents on the way.

The compiled twin of :mod:`orchestrator._splice_py`: same function, same answers. Centroids go from bytes straight
into float32 rows, mentions into rows of hashes (``_splice_scan.h``); a row number takes their place, and msgspec
validates the small rest. The GIL is released while the documents are scanned. Decides nothing about chunks: *decode*
and *slowly* do.
"""

import msgspec
import numpy as np

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.list cimport PyList_GET_SIZE
from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memcpy
from libcpp cimport bool as c_bool
from libcpp.vector cimport vector

from orchestrator.contract.rows import Centroids, MentionRows, RowCollector
from orchestrator.errors import InvalidChunkError

IMPLEMENTATION = "cython"
_MALFORMED = (msgspec.MsgspecError, RecursionError, ValueError)

cdef extern from "_splice_scan.h" namespace "splice" nogil:
    cdef enum Verdict:
        PLAIN
        SPLICED
        SLOW

    cdef struct Survey:
        c_bool ascii
        c_bool escapes

    cdef cppclass MentionHashes "splice::Mentions":
        vector[uint64_t] hashes
        vector[int64_t] offsets
        vector[int64_t] spots
        size_t rows()

    cdef cppclass Splicer:
        vector[float] values
        vector[int64_t] offsets
        vector[char] rest
        MentionHashes mentions
        int64_t document_number
        void reset() except +
        Verdict run(const char* data, Py_ssize_t size, Survey* found) except +


cdef struct Document:
    const char* data
    Py_ssize_t size
    Survey found
    Verdict verdict
    size_t rest_start
    size_t rest_size


def decode_items(list items, str brand, Py_ssize_t max_bytes, decode, slowly) -> tuple:
    """Decode *items*.

    Args:
        items: documents.
        brand: whose they must be, None for anybody's.
        max_bytes: larger ones are left to *slowly*, unread.
        decode: the typed decoder, for documents that have row numbers in the place of rows.
        slowly: decodes any document or raises; its rows go to the collector.

    Returns:
        chunks, their positions among the items, (position, error) of the others, centroids and mentions.
    """
    cdef Splicer* splicer = _take_splicer()
    try:
        return _decode_items(items, brand, max_bytes, decode, slowly, splicer)
    finally:
        _give_back(splicer)


# Fresh memory costs a page fault every 4 KiB, which was a fifth of the time; so one splicer stays at hand. A second
# thread that decodes at the same time makes its own.
cdef Splicer* _idle = NULL


cdef Splicer* _take_splicer() except NULL:
    global _idle
    cdef Splicer* splicer = _idle
    _idle = NULL
    return splicer if splicer != NULL else new Splicer()


cdef void _give_back(Splicer* splicer) except *:
    global _idle
    splicer.reset()
    if _idle == NULL:
        _idle = splicer
    else:
        del splicer


cdef tuple _decode_items(list items, str brand, Py_ssize_t max_bytes, decode, slowly, Splicer* splicer):
    cdef vector[Document] documents
    cdef Document* document
    cdef Py_ssize_t index
    cdef bytes item
    documents.resize(len(items))
    for index, item in enumerate(items):
        documents[index].data = PyBytes_AS_STRING(item)
        documents[index].size = PyBytes_GET_SIZE(item)
    with nogil:
        _scan(&documents, splicer, max_bytes)
    cdef list chunks = [], errors = []
    cdef str found_brand
    collected = RowCollector(splicer.offsets.size() - 1, splicer.mentions.rows())
    for index in range(PyList_GET_SIZE(items)):
        document = &documents[index]
        chunk = None
        if document.verdict != SLOW:
            try:
                chunk = decode(_rest(document, splicer, items[index]))
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
    centroids, mentions = _centroids(splicer, collected.centroids), _mentions(splicer, collected.mentions, items)
    return chunks, indices, errors, centroids, mentions


cdef int _scan(vector[Document]* documents, Splicer* splicer, Py_ssize_t max_bytes) except -1 nogil:
    cdef Document* document
    cdef size_t index
    for index in range(documents.size()):
        document = &documents[0][index]
        document.verdict = SLOW
        if document.size > max_bytes:
            continue
        document.rest_start = splicer.rest.size()
        splicer.document_number = index
        document.verdict = splicer.run(document.data, document.size, &document.found)
        document.rest_size = splicer.rest.size() - document.rest_start
    return 0


cdef inline bytes _rest(Document* document, Splicer* splicer, bytes item):
    """What msgspec is to validate. It looks only at the strings that it keeps, so UTF-8 is checked here."""
    if not document.found.ascii:
        item.decode()
    if document.verdict == PLAIN:
        return item
    return PyBytes_FromStringAndSize(splicer.rest.data() + document.rest_start, document.rest_size)


cdef object _centroids(Splicer* splicer, list collected):
    """The rows of the scan, then those that were collected."""
    cdef size_t scanned = splicer.offsets.size()
    sizes = [len(row) for row in collected]
    values = np.empty(splicer.values.size() + sum(sizes), dtype=np.float32)
    offsets = np.empty(scanned + len(sizes), dtype=np.int64)
    cdef float[::1] value_view = values
    cdef int64_t[::1] offset_view = offsets
    if splicer.values.size():
        memcpy(&value_view[0], splicer.values.data(), splicer.values.size() * sizeof(float))
    memcpy(&offset_view[0], splicer.offsets.data(), scanned * sizeof(int64_t))
    cdef Py_ssize_t place, start = splicer.values.size()
    for place, row in enumerate(collected):
        values[start:start + sizes[place]] = row
        start += sizes[place]
        offset_view[scanned + place] = start
    return Centroids(values, offsets)


cdef object _mentions(Splicer* splicer, list collected, list items):
    """Likewise; the scanned rows find their first texts in *items*."""
    hashes = np.empty(splicer.mentions.hashes.size(), dtype=np.uint64)
    offsets = np.empty(splicer.mentions.offsets.size(), dtype=np.int64)
    spots = np.empty((splicer.mentions.rows(), 3), dtype=np.int64)
    cdef uint64_t[::1] hash_view = hashes
    cdef int64_t[::1] offset_view = offsets
    cdef int64_t[:, ::1] spot_view = spots
    if hash_view.shape[0]:
        memcpy(&hash_view[0], splicer.mentions.hashes.data(), splicer.mentions.hashes.size() * sizeof(uint64_t))
    if spot_view.shape[0]:
        memcpy(&spot_view[0, 0], splicer.mentions.spots.data(), splicer.mentions.spots.size() * sizeof(int64_t))
    memcpy(&offset_view[0], splicer.mentions.offsets.data(), splicer.mentions.offsets.size() * sizeof(int64_t))
    return MentionRows(hashes, offsets, items=items, spots=spots).followed_by(collected)
