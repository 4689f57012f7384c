# distutils: language = c++
# cython: language_level=3
# cython: boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
# The loops below index only what they have sized themselves; every def checks its arguments first.
"""The merge kernel, compiled; its definition is the pure twin :mod:`orchestrator.kernels.merge_py`.

Owns the similarity merge of clusters into stories. Knows no chunk's history, no clock, no Redis. Same names, signatures
and answers as the twin, bit by bit: products are added in double precision in a fixed order, whatever the machine's
vectors are.
"""

from cython.operator cimport dereference
from libc.math cimport nearbyint, sqrt
from libc.stdint cimport int32_t, int64_t
from libc.string cimport memcpy, memset
from libcpp.algorithm cimport sort
from libcpp.string_view cimport string_view
from libcpp.unordered_map cimport unordered_map
from libcpp.utility cimport pair
from libcpp.vector cimport vector

from orchestrator.kernels.common cimport (
    KERNEL_LAYOUT, PyUnicode_AsUTF8AndSize, PyUnicode_DecodeUTF8,
    PyUnicode_IS_ASCII, Writer, held_block, held_by, text_bytes,
    write_text
)
from orchestrator.kernels.stored cimport StoredStory, Words

from orchestrator.kernels import merge_py as _merge_py, words_py as _words_py

IMPLEMENTATION = "cython"
LAYOUT = KERNEL_LAYOUT

cdef extern from "loops.h" nogil:
    const int LANES
    double loops_square_sum(const float* row, Py_ssize_t size) noexcept
    void loops_scale(const float* row, double norm, float* unit, Py_ssize_t size) noexcept
    void loops_add(float* total, const float* unit, double weight, Py_ssize_t padded) noexcept
    void loops_minus(const float* total, double mass, const double* centre, float* out, Py_ssize_t padded) noexcept
    void loops_add_unit(double* sums, const float* row, double norm, Py_ssize_t size) noexcept

cdef extern from "products.h" namespace "filter" nogil:
    int instructions
    int best_instructions() noexcept

cdef extern from "block.h" namespace "filter" nogil:
    double similarity(const Directions& stories, Py_ssize_t place, Unit unit) noexcept

cdef int64_t FIRST_RENEWAL = _merge_py.FIRST_RENEWAL
cdef int64_t PRIOR_STORIES = _merge_py.PRIOR_STORIES
cdef double LEAST_DIRECTION = _merge_py.LEAST_DIRECTION
cdef int64_t MOST_COUNTED = _merge_py.MOST_COUNTED
cdef double MOST_WEIGHT = _merge_py.MOST_WEIGHT
cdef double CENTRED_SCALE = _merge_py.CENTRED_SCALE
cdef int32_t LONG_WORDS = _words_py.LONG_WORDS
cdef double SHORT_THRESHOLD = _words_py.SHORT_THRESHOLD
cdef Py_ssize_t SEARCHED_STORIES = _words_py.SEARCHED_STORIES
# Below this many products a loop takes less time than getting the GIL back may take.
cdef Py_ssize_t GIL_WORTH_PRODUCTS = 100_000
# A block's products hold for the stories that no cluster of it has touched; the touched ones are looked at again for
# each cluster, which at this number costs about as much as the products of a block with a thousand stories.
cdef Py_ssize_t BLOCK_ROWS = 256
cdef Py_ssize_t MOST_TOUCHED = 512
cdef int32_t NO_GROUP = -1
cdef Py_ssize_t SLOT_NODE_BYTES = 24  # of the map of slots: the next node, key and slot
cdef Py_ssize_t NUMBER_BYTES = 32  # an int of Python
cdef size_t MOST_SURVIVORS = 64  # a cluster with more of them is compared at its turn, against a bar that rises


def use_instructions(int level) -> int:
    """Let the filter run on instructions of *level* (0: any machine; 1, 2: better ones), as far as there are any.

    For tests, which try them all; what is chosen changes no result. Returns the level before.
    """
    global instructions
    previous = instructions
    instructions = min(level, best_instructions())
    return previous


cdef inline Py_ssize_t _padded(Py_ssize_t size) noexcept nogil:
    return (size + LANES - 1) // LANES * LANES


cdef inline float _least(Group* group) noexcept nogil:
    """The least similarity that counts."""
    return <float> (<double> group.steps / GRID)


cdef inline float _reached(Best* best) noexcept nogil:
    """The similarity of the best story so far; without one, the least that counts."""
    return <float> (<double> best.steps / GRID)


cdef inline Group* _group_of(StoryIndex index, int32_t slot) noexcept:
    return &index._groups[index._labels.slots[slot].group]


cdef inline float* _total(StoryIndex index, int32_t slot) noexcept:
    """Where a story points."""
    cdef Group* group = _group_of(index, slot)
    return &group.totals[index._labels.slots[slot].place * group.padded]


cdef inline Directions _directions(Group* group) noexcept nogil:
    cdef Directions directions
    directions.totals, directions.norms, directions.padded = group.totals.data(), group.norms.data(), group.padded
    directions.masses = group.masses.data()
    directions.centre = group.centre.data() if group.centre.size() else NULL
    return directions


cdef inline Unit _unit_of(StoryIndex index, Row* row) noexcept nogil:
    """A row as it is, with its length."""
    cdef Unit unit
    if row.length == 0:  # where a mean direction is taken away, nobody asks
        row.length = sqrt(loops_square_sum(&index._units[row.start], row.dimension))
    unit.numbers, unit.length = &index._units[row.start], row.length
    return unit


cdef int32_t _find(StoryIndex index, int64_t key) except -1:
    cdef unordered_map[int64_t, int32_t].iterator known = index._slot_of.find(key)
    if known == index._slot_of.end():
        raise KeyError(key)
    return dereference(known).second


cdef int32_t _new_slot(StoryIndex index, int64_t key) except -1:
    """The slot of a new story."""
    cdef int32_t slot = index._labels.enter(key)
    index._slot_of[key] = slot
    return slot


cdef void _normalise(StoryIndex index, const float* values, const int64_t* offsets, Py_ssize_t count) noexcept nogil:
    cdef Py_ssize_t number, size, start = 0
    cdef double norm
    for number in range(count):
        size = offsets[number + 1] - offsets[number]
        norm = sqrt(loops_square_sum(values + offsets[number], size))
        index._rows[number].start = start
        index._rows[number].dimension = 0
        if norm > 0 and norm < 1e300:  # false for NaN, too
            index._rows[number].dimension = <int32_t> size
            loops_scale(values + offsets[number], norm, &index._units[start], size)
            index._rows[number].length = 0
            start += _padded(size)


cdef Row _unit(StoryIndex index, Py_ssize_t row):
    cdef Row none
    none.dimension = 0
    none.start = 0
    none.length = 0
    if row >= <Py_ssize_t> index._rows.size():
        raise IndexError(f"row {row} of a batch of {index._rows.size()}")
    return index._rows[row] if row >= 0 else none


cdef int _match_centroid(StoryIndex index, Py_ssize_t row, int32_t number, Best* best) except -1:
    cdef Group* group = &index._groups[number]
    best.steps = group.steps
    if not (index._block_first <= row < index._block_first + index._block_count and index._block_group == number):
        _begin_block(index, row, number)
    return _best_of_block(index, group, row - index._block_first, best)


cdef int _begin_block(StoryIndex index, Py_ssize_t first, int32_t number) except -1:
    """Filter the stories for the rows from *first* on that have the group's dimension."""
    cdef Py_ssize_t count = 0
    cdef Py_ssize_t most = min(BLOCK_ROWS, <Py_ssize_t> index._rows.size() - first)
    cdef Group* group = &index._groups[number]
    while count < most and index._rows[first + count].dimension == group.dimension:
        count += 1
    index._block_first, index._block_count, index._block_group = first, count, number
    index._touched_of.assign(group.slots.size(), <int32_t> NOBODY)
    index._touched_places.clear()
    index._touched_rounded = RoundedStories(group.padded, _least(group))
    if count * len(index) * group.dimension < GIL_WORTH_PRODUCTS:
        _filter_block(index, group)
    else:
        with nogil:
            _filter_block(index, group)
    return 0


cdef int _filter_block(StoryIndex index, Group* group) except -1 nogil:
    cdef Py_ssize_t place
    index._block.units.resize(index._block_count)
    if group.centre.size():
        index._block_units.resize(index._block_count * group.padded)
        for place in range(index._block_count):
            _centre_unit(index, group, place)
    else:
        for place in range(index._block_count):
            index._block.units[place] = _unit_of(index, &index._rows[index._block_first + place])
    index._block.filter(&group.rounded, _directions(group), _least(group), MOST_SURVIVORS)
    return 0


cdef int _centre_unit(StoryIndex index, Group* group, Py_ssize_t place) except -1 nogil:
    """Take the mean direction away from a row, for the block."""
    cdef const float* own = &index._units[index._rows[index._block_first + place].start]
    cdef float* numbers = &index._block_units[place * group.padded]
    cdef double norm
    index._scratch.resize(group.padded)
    loops_minus(own, 1.0, group.centre.data(), index._scratch.data(), group.padded)
    norm = sqrt(loops_square_sum(index._scratch.data(), group.dimension))
    memset(numbers + group.dimension, 0, (group.padded - group.dimension) * sizeof(float))
    if norm > 0:
        loops_scale(index._scratch.data(), norm, numbers, group.dimension)
    else:
        memset(numbers, 0, group.dimension * sizeof(float))
    index._block.units[place].numbers = numbers
    index._block.units[place].length = sqrt(loops_square_sum(numbers, group.dimension))
    return 0


cdef int _best_of_block(StoryIndex index, Group* group, Py_ssize_t row, Best* best) except -1:
    """Compare a row with what the filter left: stories as they were, and those touched since as they are now."""
    cdef Survivor survivor
    cdef Unit unit = index._block.units[row]
    if index._block.found[row].too_many:
        return _best_of_all(index, group, row, unit, best)
    _verify_untouched(index, group, &index._block.found[row].stories, unit, best)
    # The touched ones after the others: by then the bar is high, and most of them need no exact product.
    if index._touched_places.size():
        index._scanned.clear()
        index._touched_rounded.scan(index._block.rows, row, _reached(best), &index._scanned)
        for survivor in index._scanned:
            survivor.place = index._touched_places[survivor.place]
            _compare(index, group, survivor, unit, best)
    # The story that set the bar may have moved away since: then what the bar kept out may be the best.
    if _reached(best) < index._block.rows.bar(row):
        return _best_of_all(index, group, row, unit, best)
    return 0


cdef int _best_of_all(StoryIndex index, Group* group, Py_ssize_t row, Unit unit, Best* best) except -1:
    """Compare a row with all stories as they are now."""
    index._scanned.clear()
    group.rounded.scan(index._block.rows, row, _reached(best), &index._scanned)
    _verify(index, group, &index._scanned, unit, best)
    return 0


cdef void _verify_untouched(
    StoryIndex index, Group* group, vector[Survivor]* found, Unit unit, Best* best
) noexcept nogil:
    cdef Survivor survivor
    cdef size_t place
    for place in range(found.size()):
        survivor = found[0][place]
        if index._touched_of[survivor.place] < 0:
            _compare(index, group, survivor, unit, best)


cdef void _verify(StoryIndex index, Group* group, vector[Survivor]* found, Unit unit, Best* best) noexcept nogil:
    cdef size_t place
    for place in range(found.size()):
        _compare(index, group, found[0][place], unit, best)


cdef inline void _compare(StoryIndex index, Group* group, Survivor survivor, Unit unit, Best* best) noexcept nogil:
    """Let a story contend with its exact similarity, unless even its bound is too small."""
    if survivor.bound * GRID < best.steps:
        return
    best.challenge(
        similarity(_directions(group), survivor.place, unit), index._labels.slots[group.slots[survivor.place]].key
    )


cdef int32_t _group(StoryIndex index, Py_ssize_t dimension, bint make) except -2:
    cdef int32_t number
    for number in range(<int32_t> index._groups.size()):
        if index._groups[number].dimension == dimension:
            return number
    if not make:
        return NO_GROUP
    index._groups.resize(index._groups.size() + 1)
    index._groups.back().dimension = dimension
    index._groups.back().padded = _padded(dimension)
    index._groups.back().steps = index._plain_threshold
    index._groups.back().rounded = RoundedStories(_padded(dimension), _least(&index._groups.back()))
    return <int32_t> index._groups.size() - 1


cdef int _join_centroid(StoryIndex index, int32_t slot, Row unit, double weight) except -1:
    cdef Group* group
    if index._labels.slots[slot].group < 0:
        _enter_group(index, slot, _group(index, unit.dimension, True))
    group = _group_of(index, slot)
    if group.dimension != unit.dimension:
        return 0
    loops_add(_total(index, slot), &index._units[unit.start], weight, group.padded)
    group.masses[index._labels.slots[slot].place] += weight
    return _renorm(index, slot)


cdef int _enter_group(StoryIndex index, int32_t slot, int32_t number) except -1:
    cdef Group* group = &index._groups[number]
    index._labels.slots[slot].group = number
    index._labels.slots[slot].place = <int32_t> group.slots.size()
    if group.slots.size() == group.slots.capacity():
        _make_room(group, group.slots.size() + group.slots.size() // 8 + 8)
    group.slots.push_back(slot)
    group.norms.push_back(0.0)
    group.masses.push_back(0.0)
    group.totals.resize(group.slots.size() * group.padded, 0.0)
    return 0


cdef int _make_room(Group* group, Py_ssize_t stories) except -1:
    """Room for so many. Vectors alone would double: of the directions that is most of what a brand takes in memory."""
    group.totals.reserve(stories * group.padded)
    group.masses.reserve(stories)
    group.norms.reserve(stories)
    group.slots.reserve(stories)
    group.rounded.reserve(stories)
    return 0


cdef int _leave_group(StoryIndex index, Group* group, int32_t place) except -1:
    cdef int32_t last = <int32_t> group.slots.size() - 1
    cdef float* totals
    if place != last:
        totals = group.totals.data()
        memcpy(totals + place * group.padded, totals + last * group.padded, group.padded * sizeof(float))
        group.norms[place] = group.norms[last]
        group.masses[place] = group.masses[last]
        group.slots[place] = group.slots[last]
        index._labels.slots[group.slots[place]].place = place
    group.rounded.remove(place)
    index._block_count = 0  # places have changed
    group.slots.pop_back()
    group.norms.pop_back()
    group.masses.pop_back()
    group.totals.resize(last * group.padded)
    return 0


cdef int _renorm(StoryIndex index, int32_t slot) except -1:
    cdef int32_t number = index._labels.slots[slot].group
    cdef int32_t place = index._labels.slots[slot].place
    _round(index, &index._groups[number], place)
    return _touch(index, &index._groups[number], number, place)


cdef int _round(StoryIndex index, Group* group, Py_ssize_t place) except -1 nogil:
    """Keep the length and the rounded form of where a story points up to date."""
    cdef const float* direction = &group.totals[place * group.padded]
    if group.centre.size():
        index._scratch.resize(group.padded)
        loops_minus(direction, group.masses[place], group.centre.data(), index._scratch.data(), group.padded)
        direction = index._scratch.data()
    group.norms[place] = sqrt(loops_square_sum(direction, group.dimension))
    group.rounded.set(place, direction, group.norms[place])
    return 0


cdef int _set_centre(StoryIndex index, Group* group, const float* centre) except -1 nogil:
    """Let *centre*, or nothing, be what is taken away from directions; their rounded forms are those before."""
    cdef int64_t steps = index._centred_threshold if centre else index._plain_threshold
    cdef Py_ssize_t place
    if centre:
        group.centre.assign(group.padded, 0.0)
        for place in range(group.dimension):
            group.centre[place] = centre[place]
    else:
        group.centre.clear()
    if steps != group.steps:
        group.steps = steps
        group.rounded = RoundedStories(group.padded, _least(group))
    return 0


cdef int _renew_centre(StoryIndex index, Group* group) except -1 nogil:
    """Take the mean direction of the stories, the oldest first, and compare with it from now on."""
    cdef vector[pair[int64_t, int32_t]] order
    cdef vector[double] sums
    cdef vector[float] means
    cdef Py_ssize_t place
    cdef size_t each
    cdef double norm
    cdef int64_t count = 0
    sums.assign(group.padded, 0.0)
    for place in range(<Py_ssize_t> group.slots.size()):
        order.push_back(pair[int64_t, int32_t](index._labels.slots[group.slots[place]].key, <int32_t> place))
    sort(order.begin(), order.end())
    for each in range(order.size()):
        place = order[each].second
        norm = sqrt(loops_square_sum(&group.totals[place * group.padded], group.dimension))
        if norm > group.masses[place] * LEAST_DIRECTION:
            loops_add_unit(sums.data(), &group.totals[place * group.padded], norm, group.dimension)
            count += 1
    means.resize(group.padded)
    for place in range(group.dimension):
        means[place] = <float> (sums[place] / <double> (count + PRIOR_STORIES))
    _set_centre(index, group, means.data() if count else NULL)
    for place in range(<Py_ssize_t> group.slots.size()):
        _round(index, group, place)
    return 0


cdef int _touch(StoryIndex index, Group* group, int32_t number, int32_t place) except -1:
    """Let the block know of a story that has moved."""
    if index._block_count == 0 or number != index._block_group:
        return 0
    if <size_t> place >= index._touched_of.size():
        index._touched_of.resize(place + 1, <int32_t> NOBODY)
    if index._touched_of[place] < 0:
        index._touched_of[place] = <int32_t> index._touched_places.size()
        index._touched_places.push_back(place)
    if <Py_ssize_t> index._touched_places.size() > MOST_TOUCHED:
        index._block_count = 0
        return 0
    index._touched_rounded.copy(index._touched_of[place], group.rounded, place)
    return 0


cdef int64_t _match_words(StoryIndex index, tuple words, int32_t but) except -2:
    """The most similar by words of the stories that are not in the group *but*."""
    cdef Best best
    best.steps, best.key = index._labels.bars.usual, NOBODY
    _ask(index, words)
    if index._labels.work() < GIL_WORTH_PRODUCTS:
        index._labels.search(but, &best)
    else:
        with nogil:
            index._labels.search(but, &best)
    return best.key


cdef int _ask(StoryIndex index, tuple words) except -1:
    """Let the query be *words*; who joins a story has mostly just been compared."""
    if index._asked is words:
        return 0
    index._labels.ask_nothing()
    for word in words:
        index._labels.ask(<int32_t> index._word_ids.get(word, NOBODY))
    index._asked = words
    return 0


cdef int _join_words(StoryIndex index, int32_t slot, tuple words, double weight) except -1:
    cdef size_t each
    _ask(index, words)
    index._labels.join(slot, weight, &index._fresh, &index._left)
    for each in range(index._fresh.size()):
        word = words[index._fresh[each]]
        index._labels.add_asked(slot, _word_id(index, word), index._fresh[each])
    index._labels.renorm(slot)
    return _forget_words(index)


cdef int32_t _word_id(StoryIndex index, object text) except -1:
    cdef int32_t word
    known = index._word_ids.get(text)
    if known is not None:
        return known
    word = index._labels.new_word()
    if word < len(index._word_texts):
        index._word_texts[word] = text
    else:
        index._word_texts.append(text)
    index._word_ids[text] = word
    index._text_bytes += text_bytes(text)
    index._asked = None
    return word


cdef int _forget_words(StoryIndex index) except -1:
    """Let the words that were left by all go."""
    cdef int32_t word
    cdef size_t each
    for each in range(index._left.size()):
        word = index._left[each]
        index._text_bytes -= text_bytes(index._word_texts[word])
        del index._word_ids[index._word_texts[word]]
        index._word_texts[word] = None
        index._labels.free_word(word)
        index._asked = None
    return 0


cdef int32_t _loaded_slot(
    StoryIndex index, int64_t key, Py_ssize_t words, Py_ssize_t weights, Py_ssize_t total
) except -1:
    """The slot of a story that comes back, if the bytes of its *weights* and *total* fit."""
    if weights != 8 * words or total % 4:
        raise ValueError("words, weights and sum do not fit each other")
    if index._slot_of.count(key):
        raise ValueError(f"story {key} is there already")
    return _new_slot(index, key)


cdef inline int _load_word(StoryIndex index, int32_t slot, int32_t word, double weight) except -1:
    """Let a story that comes back have a word more."""
    if index._labels.was_last(slot, word) or not -MOST_WEIGHT <= weight <= MOST_WEIGHT:
        raise ValueError(_merge_py.IMPOSSIBLE)
    index._labels.add(slot, word, weight)
    return 0


cdef int _load_direction(
    StoryIndex index, int32_t slot, const char* total, Py_ssize_t size, int32_t longest, double mass
) except -1:
    """Let a story whose words are there point where it did."""
    cdef double length
    index._labels.renorm(slot)
    index._labels.slots[slot].longest = longest
    if size == 0:
        return 0
    _enter_group(index, slot, _group(index, size // 4, True))
    memcpy(_total(index, slot), total, size)
    group = _group_of(index, slot)
    length = sqrt(loops_square_sum(_total(index, slot), group.dimension))
    if not (length <= MOST_WEIGHT and mass <= MOST_WEIGHT):  # so with NaN, too
        raise ValueError(_merge_py.IMPOSSIBLE)
    if mass == 0:  # of an early version
        mass = _merge_py.length_of(total[:size])
    group.masses[index._labels.slots[slot].place] = mass
    return _renorm(index, slot)


cdef int _renew(StoryIndex index) except -1:
    cdef size_t number
    index.renewed_at = index.folded
    index._labels.renew(index._slot_of.size(), &index._left)
    index._block_count = 0  # it was filtered against directions that are others now
    with nogil:
        for number in range(index._groups.size()):
            _renew_centre(index, &index._groups[number])
    index._asked = None
    return _forget_words(index)


cdef class StoryIndex:
    """Where each story points, and which story a cluster belongs to.

    A story has a key (greater = younger), the weighted sum of its members' unit centroids (float32) and the
    weighted sum of their words' unit vectors (float64). A row names a centroid of the batch begun last.

    Args:
        threshold: least cosine of centroids at which a cluster joins a story.
        label_threshold: least cosine of words, where there are no centroids to compare.

    Attributes:
        folded: clusters that ever joined, those of stories that left included.
        renewed_at: of them, those that had joined when words were last counted and mean directions last taken.
    """

    def __init__(self, double threshold, double label_threshold) -> None:
        self._plain_threshold = <int64_t> nearbyint(threshold * GRID)
        self._centred_threshold = <int64_t> nearbyint((1 - CENTRED_SCALE * (1 - threshold)) * GRID)
        self._labels.bars.usual = <int64_t> nearbyint(label_threshold * GRID)
        self._labels.bars.brief = <int64_t> nearbyint(max(label_threshold, SHORT_THRESHOLD) * GRID)
        self._labels.bars.enough = LONG_WORDS
        self._labels.bars.searched = SEARCHED_STORIES
        self._word_ids = {}
        self._word_texts = []
        self._block_count = 0

    def __len__(self) -> int:
        return self._slot_of.size()

    @property
    def looked_at(self) -> int:
        """Stories that clusters were led to by a word, ever: the work of comparing words."""
        return self._labels.looked_at()

    cpdef rest(self):
        """Let go of the batch begun last: until the next one there are no rows."""
        self._block_count = 0
        self._rows = vector[Row]()
        self._units = vector[float]()
        self._block = Block()
        self._block_units = vector[float]()
        self._scratch = vector[float]()
        self._touched_of = vector[int32_t]()
        self._touched_places = vector[int32_t]()
        self._touched_rounded = RoundedStories()
        self._scanned = vector[Survivor]()
        self._asked = None

    cpdef int64_t held_bytes(self):
        """Bytes in memory, at rest; the work is a look at each dimension, whatever the number of stories and words."""
        cdef size_t number, held = self._labels.held() + held_by(self._groups)
        for number in range(self._groups.size()):
            group = &self._groups[number]
            held += held_by(group.centre) + held_by(group.totals) + held_by(group.masses) + held_by(group.norms)
            held += held_by(group.slots) + group.rounded.held()
        held += self._slot_of.size() * held_block(SLOT_NODE_BYTES)
        held += held_block(self._slot_of.bucket_count() * sizeof(void*))
        held += len(self._word_ids) * NUMBER_BYTES + self._text_bytes
        held += self._word_ids.__sizeof__() + self._word_texts.__sizeof__()
        return held

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
                _normalise(self, &values[0] if values.shape[0] else NULL, &offsets[0], count)

    cpdef int64_t match(self, tuple words, Py_ssize_t row) except -2:
        """The key of the story that a cluster belongs to, else :data:`NOBODY`.

        That is the most similar one that is similar enough, the oldest of equals: by centroid, and only if none is,
        by words, among the stories without a centroid of the cluster's dimension.
        """
        cdef Best best
        cdef Row unit = _unit(self, row)
        cdef int32_t group = _group(self, unit.dimension, False) if unit.dimension else NO_GROUP
        best.key = NOBODY
        if group >= 0 and self._groups[group].slots.size():
            _match_centroid(self, row, group, &best)
            if best.key >= 0 or self._groups[group].slots.size() == self._slot_of.size():
                return best.key
        return _match_words(self, words, group) if words else NOBODY

    cpdef join(self, int64_t key, tuple words, Py_ssize_t row, double weight):
        """Add a member to story *key*, which is founded if there is none.

        A centroid of another dimension than the story's own does not count.
        """
        cdef unordered_map[int64_t, int32_t].iterator known = self._slot_of.find(key)
        cdef int32_t slot = dereference(known).second if known != self._slot_of.end() else _new_slot(self, key)
        cdef Row unit = _unit(self, row)
        _join_words(self, slot, words, weight)
        if unit.dimension:
            _join_centroid(self, slot, unit, weight)
        self.folded += 1
        # Here and not before the next cluster: what leaves in between must not count, or it would matter when.
        if self.folded >= max(FIRST_RENEWAL, self.renewed_at * 5 // 4):
            _renew(self)

    cpdef double shared(self, int64_t key, tuple words) except? -1.0:
        """How much of what the members of story *key* say a text of *words* says.

        The sum of what the story's words weigh, divided by the root of their number: so a long text has no advantage.
        """
        cdef int32_t slot = _find(self, key)
        cdef double total = 0.0
        for word in words:
            known = self._word_ids.get(word)
            if known is not None:
                total += self._labels.weight(slot, known)
        return total / sqrt(<double> len(words)) if words else 0.0

    def remove(self, int64_t key) -> None:
        """Forget story *key*."""
        cdef int32_t slot = _find(self, key)
        cdef Slot* story = &self._labels.slots[slot]
        cdef size_t place
        self._left.clear()
        for place in range(story.words.size()):
            if self._labels.drop(story[0], place):
                self._left.push_back(story.words[place])
        _forget_words(self)
        if story.group >= 0:
            _leave_group(self, _group_of(self, slot), story.place)
        self._labels.leave(slot)
        self._slot_of.erase(key)

    def dump(self, int64_t key) -> tuple[bytes, list[str], bytes, int, float]:
        """Story *key* for storage.

        Returns:
            sum (little-endian float32), words, their weights (little-endian float64), the most words of a member,
            weight of the members in the sum.
        """
        cdef size_t place
        cdef int32_t slot = _find(self, key)
        cdef Slot* story = &self._labels.slots[slot]
        words = [self._word_texts[story.words[place]] for place in range(story.words.size())]
        weights = (<const char*> story.weights.data())[:story.weights.size() * sizeof(double)] if words else b""
        if story.group < 0:
            return b"", words, weights, story.longest, 0.0
        total = <const char*> _total(self, slot)
        group = _group_of(self, slot)
        return total[:group.dimension * sizeof(float)], words, weights, story.longest, group.masses[story.place]

    cdef int write(self, int64_t key, Writer* writer) except -1:
        """Append story *key* as :meth:`dump` gives it, as five values of MessagePack."""
        cdef int32_t slot = _find(self, key)
        cdef Slot* story = &self._labels.slots[slot]
        cdef size_t place
        if story.group < 0:
            writer.binary(NULL, 0)
        else:
            writer.binary(<const char*> _total(self, slot), _group_of(self, slot).dimension * sizeof(float))
        writer.array(story.words.size())
        for place in range(story.words.size()):
            write_text(writer, self._word_texts[story.words[place]])
        writer.binary(<const char*> story.weights.data(), story.weights.size() * sizeof(double))
        writer.integer(story.longest)
        writer.real(_group_of(self, slot).masses[story.place] if story.group >= 0 else 0.0)
        return 0

    def load(
        self, int64_t key, bytes total, list words, bytes weights, int32_t longest, double mass
    ) -> None:
        """Bring story *key* back from what :meth:`dump` gave, after the background.

        A *mass* of 0 is one that was not stored: the members are taken as pointing all the same way.
        """
        cdef int32_t slot = _loaded_slot(self, key, len(words), len(weights), len(total))
        cdef const double* numbers = <const double*> <const char*> weights
        cdef Py_ssize_t place
        for place in range(len(words)):
            _load_word(self, slot, _word_id(self, words[place]), numbers[place])
        _load_direction(self, slot, <const char*> total, len(total), longest, mass)

    cdef int reserve(self, Py_ssize_t dimension, Py_ssize_t stories) except -1:
        """Make room for so many stories whose centroids have that dimension; 0: all stories."""
        if dimension == 0:
            self._labels.expect(stories)
            self._slot_of.reserve(stories)
            return 0
        return _make_room(&self._groups[_group(self, dimension, True)], stories)

    cdef int know(self, Words* known) except -1:
        """Let *known* have the words that are numbered, those with bytes of their own: they stay where they are."""
        cdef Py_ssize_t size
        cdef const char* data
        cdef int32_t word
        known.reserve(len(self._word_texts))
        for word in range(len(self._word_texts)):
            text = self._word_texts[word]
            if text is not None and PyUnicode_IS_ASCII(text):
                data = PyUnicode_AsUTF8AndSize(text, &size)
                known.at(string_view(data, size))[0] = word
        return 0

    cdef int read(self, const StoredStory& story, const string_view* texts, Words* known) except -1:
        """Bring a story back from where it stands in a segment, as :meth:`load` does; *texts* are all of storage's."""
        cdef size_t place
        cdef int32_t* word
        cdef double weight
        cdef string_view text
        cdef int32_t slot = _loaded_slot(self, story.key, story.words.count, story.weights.size(), story.total.size())
        self._labels.reserve(slot, story.words.count)
        for place in range(story.words.count):
            text = texts[story.words.first + place]
            word = known.at(text)
            if word[0] < 0:
                word[0] = _word_id(self, PyUnicode_DecodeUTF8(text.data(), text.size(), NULL))
            memcpy(&weight, story.weights.data() + place * sizeof(double), sizeof(double))
            _load_word(self, slot, word[0], weight)
        return _load_direction(self, slot, story.total.data(), story.total.size(), <int32_t> story.longest, story.mass)

    def dump_background(self) -> tuple[int, list[str], bytes, list[bytes]]:
        """What clusters are compared against, for storage; it changes when ``renewed_at`` does.

        Returns:
            stories that were counted, their words in order, how many of them have each (little-endian, 64 bits), the
            mean direction of each dimension (little-endian float32).
        """
        cdef vector[int64_t] counts
        cdef vector[float] centre
        cdef int32_t word
        cdef size_t number
        words = sorted([text for text, word in self._word_ids.items() if self._labels.count(word)])
        for text in words:
            counts.push_back(self._labels.count(self._word_ids[text]))
        packed = (<const char*> counts.data())[:counts.size() * sizeof(int64_t)] if words else b""
        centres = []
        for number in range(self._groups.size()):
            group = &self._groups[number]
            if group.centre.size():
                centre.assign(group.centre.begin(), group.centre.begin() + group.dimension)
                centres.append((<const char*> centre.data())[:group.dimension * sizeof(float)])
        return self._labels.counted(), words, packed, sorted(centres, key=len)

    def load_background(self, counted, int64_t stories, list words, bytes counts, centres) -> None:
        """Bring back what :meth:`dump_background` gave, before any story; *counted* is folded and renewed_at."""
        cdef const int64_t* numbers = <const int64_t*> <const char*> counts
        cdef bytes centre
        cdef Py_ssize_t place
        cdef bint fit = len(counts) == 8 * len(words)
        for place in range(len(words) if fit else 0):
            fit &= 1 <= numbers[place] <= MOST_COUNTED
        if not fit:
            raise ValueError("words and counts do not fit each other")
        for centre in centres:
            if len(centre) % 4 or not centre:
                raise ValueError("a mean direction is not one")
        if len(self):
            raise ValueError("there are stories already")
        self.folded, self.renewed_at = counted
        self._labels.restore(stories)
        self._labels.expect_words(len(words))
        for place in range(len(words)):
            self._labels.restore_word(_word_id(self, words[place]), numbers[place])
        for centre in centres:
            group = &self._groups[_group(self, len(centre) // 4, True)]
            _set_centre(self, group, <const float*> <const char*> centre)
