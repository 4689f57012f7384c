# distutils: language = c++
# cython: language_level=3
"""Decodes a batch of items, taking the centroids out of the documents on the way.

The compiled twin of :mod:`orchestrator._splice_py`: same function, same answers. Centroids go from bytes straight
into float32 rows (``_splice_scan.h``); a row number takes their place, and msgspec validates the small rest. The GIL
is released while the documents are scanned. Decides nothing about chunks: *decode* and *slowly* do.
"""

import msgspec
import numpy as np

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.list cimport PyList_GET_SIZE
from libc.stdint cimport int64_t
from libc.string cimport memcpy
from libcpp cimport bool as c_bool
from libcpp.vector cimport vector

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

    cdef cppclass Splicer:
        vector[float] values
        vector[int64_t] offsets
        vector[char] rest
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
        decode: the typed decoder, for documents whose centroids are gone.
        slowly: decodes any document or raises; appends its centroids to the list, numbered from the count given.

    Returns:
        chunks, their positions among the items, (position, error) of the others, and the centroids as
        values (float32) and offsets (int64) of rows.
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
    cdef list chunks = [], errors = [], slow_rows = []
    cdef str found_brand
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
            chunk = _decode_slowly(index, items[index], brand, slowly, splicer, slow_rows, errors)
            if chunk is None:
                continue
        chunks.append(chunk)
    refused = {index for index, _ in errors}
    indices = [index for index in range(len(items)) if index not in refused] if refused else list(range(len(items)))
    return chunks, indices, errors, *_rows(splicer, slow_rows)


cdef int _scan(vector[Document]* documents, Splicer* splicer, Py_ssize_t max_bytes) except -1 nogil:
    cdef Document* document
    cdef size_t index
    for index in range(documents.size()):
        document = &documents[0][index]
        document.verdict = SLOW
        if document.size > max_bytes:
            continue
        document.rest_start = splicer.rest.size()
        document.verdict = splicer.run(document.data, document.size, &document.found)
        document.rest_size = splicer.rest.size() - document.rest_start
    return 0


cdef inline bytes _rest(Document* document, Splicer* splicer, bytes item):
    """What msgspec is to validate. It looks only at the strings that it keeps, so UTF-8 is checked here."""
    if document.verdict == SPLICED:
        item = PyBytes_FromStringAndSize(splicer.rest.data() + document.rest_start, document.rest_size)
    if not document.found.ascii:
        item.decode()
    return item


cdef object _decode_slowly(
    Py_ssize_t index, bytes item, str brand, slowly, Splicer* splicer, list slow_rows, list errors
):
    """The chunk in an unusual document; None if there is none, then the reason is among *errors*."""
    known_rows = len(slow_rows)
    try:
        return slowly(item, brand, slow_rows, splicer.offsets.size() - 1 + known_rows)
    except InvalidChunkError as error:
        del slow_rows[known_rows:]
        errors.append((index, error))
        return None


cdef tuple _rows(Splicer* splicer, list slow_rows):
    """All rows: those of the scan, then those of *slow_rows*."""
    cdef size_t scanned = splicer.offsets.size()
    sizes = [len(row) for row in slow_rows]
    values = np.empty(splicer.values.size() + sum(sizes), dtype=np.float32)
    offsets = np.empty(scanned + len(sizes), dtype=np.int64)
    cdef float[::1] value_view = values
    cdef int64_t[::1] offset_view = offsets
    if splicer.values.size():
        memcpy(&value_view[0], splicer.values.data(), splicer.values.size() * sizeof(float))
    memcpy(&offset_view[0], splicer.offsets.data(), scanned * sizeof(int64_t))
    cdef Py_ssize_t place, start = splicer.values.size()
    for place, row in enumerate(slow_rows):
        values[start:start + sizes[place]] = row
        start += sizes[place]
        offset_view[scanned + place] = start
    return values, offsets
