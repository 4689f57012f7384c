# distutils: language = c++
# cython: language_level=3
# cython: boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
# The loops below index only what they have sized themselves; rows, which chunks name, are checked.
"""The entries kernel, compiled; its definition is the pure twin :mod:`orchestrator.kernels.entries_py`.

Owns how the entry of a recent chunk is written. Same names, signatures and answers as the twin, byte by byte: what is
not plain is left to what the twin asks.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport int64_t
from libcpp cimport bool
from libcpp.algorithm cimport stable_sort
from libcpp.string cimport string
from libcpp.vector cimport vector

from orchestrator.kernels.common cimport Field, PyUnicode_AsUTF8AndSize, PyUnicode_IS_ASCII

from orchestrator.kernels import entries_py as _entries_py

IMPLEMENTATION = "cython"

cdef extern from "json.h" namespace "json":
    cdef cppclass Writer:
        string out
        void raw(const char* data, size_t size) except +
        void raw(const char* text) except +
        void integer(int64_t value) except +
        bool number(double value) except +
        bool text(const char* data, size_t size) except +
        bool line(const char* data, size_t size, size_t most) except +

cdef object _encode = _entries_py.encode
cdef size_t MAX_CLUSTERS = _entries_py.MAX_CLUSTERS
cdef Py_ssize_t MAX_TOPICS = _entries_py.MAX_TOPICS
cdef size_t NAME_CHARS = _entries_py.NAME_CHARS
cdef size_t SUMMARY_CHARS = _entries_py.SUMMARY_CHARS

cdef enum:
    USUAL_BYTES = 1024  # of an entry

cdef Field* _chunk_id = new Field(b"chunk_id")
cdef Field* _brand = new Field(b"brand")
cdef Field* _sentiment = new Field(b"sentiment")
cdef Field* _topics = new Field(b"topics")
cdef Field* _clusters = new Field(b"clusters")
cdef Field* _spike_detected = new Field(b"spike_detected")
cdef Field* _summary = new Field(b"summary")
cdef Field* _positive = new Field(b"positive")
cdef Field* _neutral = new Field(b"neutral")
cdef Field* _negative = new Field(b"negative")
cdef Field* _score = new Field(b"score")
cdef Field* _id = new Field(b"id")
cdef Field* _label = new Field(b"label")
cdef Field* _row = new Field(b"mentions")
cdef Field* _said_of_cluster = new Field(b"mention_count")
cdef Field* _spike = new Field(b"spike")


cdef struct Sized:
    int64_t mentions
    size_t place


def encode_entry(chunk, str time not None, int64_t mentions, list counts not None, clip) -> bytes:
    """The entry of *chunk* as JSON.

    Args:
        chunk: decoded.
        time: when it counts, as readers get it.
        mentions: how many it has.
        counts: different mentions by row of its batch.
        clip: a text on one line, with single blanks, in at most so many characters; of one in printable ASCII that is
            short enough and has no two blanks in a row it only takes the blanks at both ends.
    """
    cdef Writer writer
    cdef list clusters = _clusters.of(chunk)
    cdef object summary = _summary.of(chunk)
    writer.out.reserve(USUAL_BYTES)
    writer.raw(b'{"chunkId":')
    _write_text(&writer, _chunk_id.of(chunk))
    writer.raw(b',"brand":')
    _write_text(&writer, _brand.of(chunk))
    writer.raw(b',"processedAt":')
    _write_text(&writer, time)
    writer.raw(b',"mentions":')
    writer.integer(mentions)
    _write_sentiment(&writer, _sentiment.of(chunk))
    _write_topics(&writer, _topics.of(chunk), clip)
    flagged = _write_clusters(&writer, clusters, counts, clip)
    writer.raw(b',"clusterCount":')
    writer.integer(len(clusters))
    writer.raw(b',"spikeDetected":')
    _write_truth(&writer, flagged or _spike_detected.of(chunk))
    writer.raw(b',"summary":')
    if summary:
        _write_line(&writer, summary, SUMMARY_CHARS, clip)
    else:
        writer.raw(b'""')
    writer.raw(b"}")
    return PyBytes_FromStringAndSize(writer.out.data(), writer.out.size())


cdef int _write_sentiment(Writer* writer, sentiment) except -1:
    writer.raw(b',"sentiment":{"score":')
    _write_number(writer, _score.of(sentiment))
    _write_part(writer, b',"positive":', _positive.of(sentiment))
    _write_part(writer, b',"neutral":', _neutral.of(sentiment))
    _write_part(writer, b',"negative":', _negative.of(sentiment))
    writer.raw(b"}")
    return 0


cdef inline int _write_part(Writer* writer, const char* name, value) except -1:
    if value is not None:
        writer.raw(name)
        _write_number(writer, value)
    return 0


cdef int _write_topics(Writer* writer, list topics, clip) except -1:
    cdef Py_ssize_t place
    writer.raw(b',"topics":[')
    for place in range(0 if topics is None else min(MAX_TOPICS, <Py_ssize_t> len(topics))):
        topic = topics[place]
        if place:
            writer.raw(b",")
        _write_line(writer, topic if isinstance(topic, str) else topic.topic, NAME_CHARS, clip)
    writer.raw(b"]")
    return 0


cdef bint _write_clusters(Writer* writer, list clusters, list counts, clip) except -1:
    """The largest of them, of equals the first; whether any of all is flagged."""
    cdef vector[Sized] largest
    cdef Sized one
    cdef size_t place
    cdef bint flagged = False
    one.place = 0
    for cluster in clusters:
        said = _said_of_cluster.of(cluster)
        one.mentions = _counted(counts, _row.of(cluster)) if said is None else said
        largest.push_back(one)
        one.place += 1
        if _spike.of(cluster):
            flagged = True
    stable_sort(largest.begin(), largest.end(), &_comes_before)
    writer.raw(b',"clusters":[')
    for place in range(min(MAX_CLUSTERS, largest.size())):
        writer.raw(b',{"id":' if place else b'{"id":')
        _write_cluster(writer, clusters[largest[place].place], largest[place].mentions, clip)
    writer.raw(b"]")
    return flagged


cdef bool _comes_before(const Sized& left, const Sized& right) noexcept nogil:
    return left.mentions > right.mentions


cdef int _write_cluster(Writer* writer, cluster, int64_t mentions, clip) except -1:
    _write_line(writer, _id.of(cluster), NAME_CHARS, clip)
    writer.raw(b',"label":')
    _write_line(writer, _label.of(cluster), NAME_CHARS, clip)
    writer.raw(b',"mentions":')
    writer.integer(mentions)
    writer.raw(b',"spike":')
    _write_truth(writer, _spike.of(cluster))
    writer.raw(b"}")
    return 0


cdef inline int64_t _counted(list counts, Py_ssize_t row) except? -1:
    if not 0 <= row < len(counts):
        raise IndexError(f"row {row} of a batch of {len(counts)}")
    return counts[row]


cdef inline int _write_truth(Writer* writer, value) except -1:
    writer.raw(b"true" if value else b"false")
    return 0


cdef inline int _write_number(Writer* writer, double value) except -1:
    if not writer.number(value):
        _write_json(writer, _encode(value))
    return 0


cdef inline int _write_text(Writer* writer, str text) except -1:
    cdef Py_ssize_t size
    cdef const char* data
    if PyUnicode_IS_ASCII(text):
        data = PyUnicode_AsUTF8AndSize(text, &size)
        if writer.text(data, size):
            return 0
    return _write_json(writer, _encode(text))


cdef inline int _write_line(Writer* writer, str text, size_t most, clip) except -1:
    cdef Py_ssize_t size
    cdef const char* data
    if PyUnicode_IS_ASCII(text):
        data = PyUnicode_AsUTF8AndSize(text, &size)
        if writer.line(data, size, most):
            return 0
    return _write_json(writer, _encode(clip(text, most)))


cdef inline int _write_json(Writer* writer, bytes value) except -1:
    writer.raw(PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value))
    return 0
