# distutils: language = c++
# cython: language_level=3
# cython: boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
# The loops below index only what they have sized themselves; rows, which chunks name, are checked.
"""The measure kernel, compiled; its definition is the pure twin :mod:`orchestrator.kernels.measure_py`.

Owns what is added up over the chunks of a batch: how large they and their clusters are, and their sentiment. Same
names, signatures and answers as the twin, bit by bit.
"""

from libc.math cimport nearbyint
from libc.stdint cimport int64_t
from libc.string cimport memset
from libcpp.vector cimport vector

from orchestrator.kernels.common cimport FIXED_BITS, Field, fixed, int128_t, wide

from orchestrator.kernels import measure_py as _measure_py

IMPLEMENTATION = "cython"

cdef double SHARE_TOLERANCE = _measure_py.SHARE_TOLERANCE
cdef int64_t RATED_EXTRA = _measure_py.RATED_EXTRA
cdef double SURE_SHARES_FROM = _measure_py.SURE_SHARES[0]
cdef double SURE_SHARES_TO = _measure_py.SURE_SHARES[1]
cdef double MAYBE_PERCENT_FROM = _measure_py.MAYBE_PERCENT[0]
cdef double MAYBE_PERCENT_TO = _measure_py.MAYBE_PERCENT[1]

cdef Field* _clusters = new Field(b"clusters")
cdef Field* _meta = new Field(b"meta")
cdef Field* _sentiment = new Field(b"sentiment")
cdef Field* _said_of_meta = new Field(b"mention_count")
cdef Field* _said_of_cluster = new Field(b"mention_count")
cdef Field* _row = new Field(b"mentions")
cdef Field* _label = new Field(b"label")
cdef Field* _id = new Field(b"id")
cdef Field* _unit = new Field(b"unit")
cdef Field* _positive = new Field(b"positive")
cdef Field* _neutral = new Field(b"neutral")
cdef Field* _negative = new Field(b"negative")
cdef Field* _score = new Field(b"score")


cdef struct ChunkSentiment:
    double positive
    double neutral
    double negative
    double score
    int64_t size


cdef struct ClusterSizes:  # of one chunk
    int64_t total
    int64_t largest


def measure_chunks(chunks, list counts):
    """Go through *chunks* and their clusters once; *counts* are different mentions by row of their batch."""
    cdef list mentions = [], loose = [], sizes = [], stops = [], ids = [], unusual = []
    cdef set labels = set()
    cdef ClusterSizes inside
    cdef ChunkSentiment values
    cdef Py_ssize_t place = 0
    cdef object said
    for chunk in chunks:
        _add_clusters(_clusters.of(chunk), counts, sizes, labels, ids, &inside)
        stops.append(len(sizes))
        said = _said(chunk)
        if said is None:
            said = inside.total
        sentiment = _sentiment.of(chunk)
        _read(sentiment, said, &values)
        mentions.append(said)
        loose.append(max(0, values.size - inside.total))
        if inside.largest > values.size or _unit.of(sentiment) is not None or not _is_usual(&values):
            unusual.append(place)
        place += 1
    return _measure_py.Measured(mentions, loose, sizes, stops, labels, ids, unusual)


cdef inline object _said(chunk):
    """How many mentions *chunk* says that it has, or None."""
    meta = _meta.of(chunk)
    return None if meta is None else _said_of_meta.of(meta)


cdef int _add_clusters(
    list clusters, list counts, list sizes, set labels, list ids, ClusterSizes* inside
) except -1:
    """Append what is known of each of one chunk's *clusters*, and sum up their sizes."""
    cdef object said
    cdef int64_t size
    inside.total = inside.largest = 0
    for cluster in clusters:
        said = _said_of_cluster.of(cluster)
        if said is None:
            said = _counted(counts, _row.of(cluster))
        size = said
        sizes.append(said)
        inside.total += size
        inside.largest = max(inside.largest, size)
        labels.add(_label.of(cluster))
        ids.append(_id.of(cluster))
    return 0


cdef inline object _counted(list counts, Py_ssize_t row):
    if not 0 <= row < len(counts):
        raise IndexError(f"row {row} of a batch of {len(counts)}")
    return counts[row]


cdef inline int _read(sentiment, size, ChunkSentiment* values) except -1:
    values.positive = _number(_positive.of(sentiment))
    values.neutral = _number(_neutral.of(sentiment))
    values.negative = _number(_negative.of(sentiment))
    values.score = _score.of(sentiment)
    values.size = size
    return 0


cdef inline double _number(value) except? -1.0:
    return 0.0 if value is None else <double> value


cdef inline bint _is_whole(double value) noexcept nogil:
    return value == nearbyint(value)


cdef bint _is_usual(ChunkSentiment* values) noexcept nogil:
    """Whether a sentiment without a unit is plain counts or plain shares, and plausible for so many mentions.

    Nearly all are. A closer look would cost as much as the rest of a small chunk's fold.
    """
    cdef double rated = values.positive + values.neutral + values.negative
    if SURE_SHARES_FROM < rated < SURE_SHARES_TO:
        return -1.0 <= values.score <= 1.0
    return (
        _is_whole(values.positive) and _is_whole(values.neutral) and _is_whole(values.negative)
        and -rated <= values.score <= rated <= <double> (values.size + RATED_EXTRA)
        and not MAYBE_PERCENT_FROM < rated < MAYBE_PERCENT_TO
    )


def reduce_sentiment(sentiments, mentions) -> tuple[int, int, int, int]:
    """Sum up the sentiment of chunks.

    Args:
        sentiments: one a chunk.
        mentions: the size of each chunk.

    Returns:
        (positive, neutral, negative, score) in units of 1 / :data:`FIXED_ONE`, exact.
    """
    cdef vector[ChunkSentiment] chunks
    cdef ChunkSentiment chunk
    cdef int128_t sums[4]
    for sentiment, size in zip(sentiments, mentions, strict=True):
        _read(sentiment, size, &chunk)
        chunks.push_back(chunk)
    memset(sums, 0, sizeof(sums))
    with nogil:
        _sum_chunks(&chunks, sums)
    return wide(sums[0]), wide(sums[1]), wide(sums[2]), wide(sums[3])


cdef void _sum_chunks(vector[ChunkSentiment]* chunks, int128_t* sums) noexcept nogil:
    cdef size_t place
    for place in range(chunks.size()):
        _add_chunk(&chunks[0][place], sums)


cdef void _add_chunk(ChunkSentiment* chunk, int128_t* sums) noexcept nogil:
    """One chunk's counts; shares (a sum of 1, or a part of a mention) are taken of its mentions."""
    cdef double total = chunk.positive + chunk.neutral + chunk.negative
    cdef double size = <double> chunk.size
    cdef int128_t whole, plus, minus
    if (_is_whole(chunk.positive) and _is_whole(chunk.neutral) and _is_whole(chunk.negative)
            and not -SHARE_TOLERANCE <= total - 1.0 <= SHARE_TOLERANCE):
        sums[0] += fixed(chunk.positive)
        sums[1] += fixed(chunk.neutral)
        sums[2] += fixed(chunk.negative)
        sums[3] += fixed(chunk.score)
        return
    whole = <int128_t> chunk.size << FIXED_BITS
    plus = fixed(chunk.positive / total * size)
    minus = min(fixed(chunk.negative / total * size), whole - plus)
    # The neutral share takes the rounding, so that the three are the chunk's mentions exactly.
    sums[0] += plus
    sums[1] += whole - plus - minus
    sums[2] += minus
    sums[3] += fixed(chunk.score * size)
