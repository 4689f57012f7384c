"""The merge kernel's pure twin: the definition of what :mod:`orchestrator._merge` computes.

Owns the similarity merge of clusters into stories; the part that goes by words is in
:mod:`orchestrator.kernels.words_py`. Knows no chunk's history, no clock, no Redis. Both twins answer the same, bit by
bit: sums of directions are rounded to float32 after every step, similarities are compared on a grid (:data:`GRID`).

Plain Python on purpose: it is what a machine without a compiler runs, and what a reader checks the
compiled loops against. Source: the rule of stories in ``docs/insights.md``.
"""

from __future__ import annotations

import math
from array import array
from itertools import pairwise
from operator import mul
from typing import TYPE_CHECKING, Any

from orchestrator.kernels.words_py import GRID, MAX_WORDS, NOBODY, WordSpace

if TYPE_CHECKING:
    from collections.abc import Sequence

IMPLEMENTATION = "python"

FIRST_RENEWAL = 8
"""Clusters after which what all clusters are compared against is taken from the stories for the first time; then it is
taken anew whenever a quarter more clusters have come."""

CENTRED_SCALE = 1.6
"""By how much directions are farther apart once what stories have in common is taken away; a threshold goes with it.

Where the mean direction has the squared length m, 1 - cos grows by 1 / (1 - m); embeddings of one brand have an m of
some 0.375.
"""

PRIOR_STORIES = 5
"""Stories without a direction that the mean is taken over too: what few stories have in common may be their story."""

LEAST_DIRECTION = 2.0**-10
"""Length of a sum, as a share of its weight, below which it is no direction but what rounding has left."""

MOST_COUNTED = 2**62
"""Stories that storage may say to have a word: as many as can be counted on from in 64 bits."""

MOST_WEIGHT = 1e30
"""Of a word, of members together or of a sum in storage: far more than any has, and no square of it overflows."""

IMPOSSIBLE = "a word twice, or a number that no story has"
"""What is wrong with a story in storage whose parts are of the right sizes."""

_SUM_BYTES = 500
"""In memory, beside the numbers of a story's sum: the array and the entries of four dicts."""

__all__ = ["GRID", "MAX_WORDS", "NOBODY", "StoryIndex"]


class StoryIndex:
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

    def __init__(self, threshold: float, label_threshold: float) -> None:
        self.folded = 0
        self.renewed_at = 0
        self._plain_threshold = round(threshold * GRID)
        self._centred_threshold = round((1 - CENTRED_SCALE * (1 - threshold)) * GRID)
        self._rows: list[array[float] | None] = []
        self._sums: dict[int, dict[int, array[float]]] = {}  # dimension -> key -> sum
        self._masses: dict[int, float] = {}  # weight of the members that are in the sum
        self._norms: dict[int, float] = {}  # lengths of the centred sums
        self._centres: dict[int, array[float]] = {}  # dimension -> mean direction
        self._dimension: dict[int, int] = {}  # of stories that have a centroid
        self._words = WordSpace(label_threshold)

    def __len__(self) -> int:
        return len(self._words)

    @property
    def looked_at(self) -> int:
        """Stories that clusters were led to by a word, ever: the work of comparing words."""
        return self._words.looked_at

    def rest(self) -> None:
        """Let go of the batch begun last: until the next one there are no rows."""
        self._rows = []

    def held_bytes(self) -> int:
        """Bytes in memory, at rest; roughly: only the compiled twin knows its blocks."""
        sums = sum(len(keys) * (_SUM_BYTES + 4 * size) for size, keys in self._sums.items())
        return sums + self._words.held_bytes()

    def begin(self, values: Any, offsets: Any) -> None:
        """Take the centroids of a batch: row *i* is ``values[offsets[i]:offsets[i + 1]]``, float32."""
        numbers, cuts = values.tolist(), offsets.tolist()
        self._rows = [_unit(numbers[start:stop]) for start, stop in pairwise(cuts)]

    def match(self, words: Sequence[str], row: int) -> int:
        """The key of the story that a cluster belongs to, else :data:`NOBODY`.

        That is the most similar one that is similar enough, the oldest of equals: by centroid, and only if none is,
        by words, among the stories without a centroid of the cluster's dimension.
        """
        unit = self._rows[row] if row >= 0 else None
        if unit is None:
            return self._words.match(words, ())
        compared = self._sums.get(len(unit), {})
        found = self._match_centroid(unit, compared)
        return found if found != NOBODY else self._words.match(words, compared)

    def _match_centroid(self, unit: array[float], sums: dict[int, array[float]]) -> int:
        centre = self._centres.get(len(unit))
        threshold = self._plain_threshold
        if centre is not None:
            threshold = self._centred_threshold
            unit = _scaled(_minus(unit, 1.0, centre))
        # Rounding to float32 has left a length of nearly 1. It must not count: what is equal is to be 1 exactly,
        # and not beside a point where the grid's rounding changes.
        length = _length(unit)
        steps, negated = threshold - 1, 0
        for key in sums:
            norm = self._norms[key] * length
            similarity = math.fsum(map(mul, unit, self._centred(key))) / norm if norm else 0.0
            steps, negated = max((steps, negated), (round(similarity * GRID), -key))
        return -negated if steps >= threshold else NOBODY

    def _centred(self, key: int) -> array[float]:
        """Where story *key* points, beside the mean direction."""
        total = self._sums[self._dimension[key]][key]
        centre = self._centres.get(len(total))
        return total if centre is None else _minus(total, self._masses[key], centre)

    def _mean_direction(self, dimension: int) -> array[float] | None:
        """The mean of the stories' directions, the oldest first; None if no story has one."""
        sums = self._sums[dimension]
        norms = {key: _length(sums[key]) for key in sorted(sums)}
        norms = {key: norm for key, norm in norms.items() if norm > self._masses[key] * LEAST_DIRECTION}
        means = [0.0] * dimension
        for key, norm in norms.items():
            for place, number in enumerate(sums[key]):
                means[place] += number / norm
        return array("f", [mean / (len(norms) + PRIOR_STORIES) for mean in means]) if norms else None

    def join(self, key: int, words: Sequence[str], row: int, weight: float) -> None:
        """Add a member to story *key*, which is founded if there is none.

        A centroid of another dimension than the story's own does not count.
        """
        self._words.join(key, words, weight)
        unit = self._rows[row] if row >= 0 else None
        if unit is not None and self._dimension.setdefault(key, len(unit)) == len(unit):
            total = self._sums.setdefault(len(unit), {}).setdefault(key, array("f", bytes(4 * len(unit))))
            for place, number in enumerate(unit):
                total[place] += weight * number
            self._masses[key] = self._masses.get(key, 0.0) + weight
            self._norms[key] = _length(self._centred(key))
        self.folded += 1
        # Here and not before the next cluster: what leaves in between must not count, or it would matter when.
        if self.folded >= max(FIRST_RENEWAL, self.renewed_at * 5 // 4):
            self.renewed_at = self.folded
            self._words.renew()
            self._centres = {size: mean for size in self._sums if (mean := self._mean_direction(size))}
            self._norms = {key: _length(self._centred(key)) for key in self._dimension}

    def shared(self, key: int, words: Sequence[str]) -> float:
        """How much of what the members of story *key* say a text of *words* says.

        The sum of what the story's words weigh, divided by the root of their number: so a long text has no advantage.
        """
        return self._words.shared(key, words)

    def remove(self, key: int) -> None:
        """Forget story *key*."""
        self._words.remove(key)
        dimension = self._dimension.pop(key, None)
        if dimension is not None:
            del self._sums[dimension][key], self._norms[key], self._masses[key]

    def dump(self, key: int) -> tuple[bytes, list[str], bytes, int, float]:
        """Story *key* for storage.

        Returns:
            sum (little-endian float32), words, their weights (little-endian float64), the most words of a member,
            weight of the members in the sum.
        """
        dimension = self._dimension.get(key)
        total = b"" if dimension is None else self._sums[dimension][key].tobytes()
        return total, *self._words.dump(key), self._masses.get(key, 0.0)

    def load(self, key: int, total: bytes, words: Sequence[str], weights: bytes, longest: int, mass: float) -> None:
        """Bring story *key* back from what :meth:`dump` gave, after the background.

        A *mass* of 0 is one that was not stored: the members are taken as pointing all the same way.
        """
        if len(weights) != 8 * len(words) or len(total) % 4:
            raise ValueError("words, weights and sum do not fit each other")
        if key in self._dimension or key in self._words:
            raise ValueError(f"story {key} is there already")
        if len(set(words)) < len(words) or not all(abs(weight) <= MOST_WEIGHT for weight in array("d", weights)):
            raise ValueError(IMPOSSIBLE)
        numbers = array("f", total)
        if total and not (_length(numbers) <= MOST_WEIGHT and mass <= MOST_WEIGHT):
            raise ValueError(IMPOSSIBLE)
        self._words.load(key, words, weights, longest)
        if total:
            self._dimension[key] = len(numbers)
            self._sums.setdefault(len(numbers), {})[key] = numbers
            self._masses[key] = mass or length_of(total)
            self._norms[key] = _length(self._centred(key))

    def dump_background(self) -> tuple[int, list[str], bytes, list[bytes]]:
        """What clusters are compared against, for storage; it changes when ``renewed_at`` does.

        Returns:
            stories that were counted, their words in order, how many of them have each (little-endian, 64 bits), the
            mean direction of each dimension (little-endian float32).
        """
        return *self._words.counts(), [self._centres[size].tobytes() for size in sorted(self._centres)]

    def load_background(
        self,
        counted: tuple[int, int],
        stories: int,
        words: Sequence[str],
        counts: bytes,
        centres: Sequence[bytes],
    ) -> None:
        """Bring back what :meth:`dump_background` gave, before any story; *counted* is folded and renewed_at."""
        numbers = array("q", counts[: 8 * len(words)])
        if len(counts) != 8 * len(words) or not all(1 <= number <= MOST_COUNTED for number in numbers):
            raise ValueError("words and counts do not fit each other")
        if any(len(centre) % 4 or not centre for centre in centres):
            raise ValueError("a mean direction is not one")
        if len(self):
            raise ValueError("there are stories already")
        self.folded, self.renewed_at = counted
        self._words.restore(stories, words, counts)
        self._centres = {len(centre) // 4: array("f", centre) for centre in centres}


def _unit(numbers: list[float]) -> array[float] | None:
    """The unit vector in float32; None for a vector without direction (zero, not finite)."""
    norm = _length(numbers) if all(map(math.isfinite, numbers)) else 0.0
    return array("f", [number / norm for number in numbers]) if norm > 0 else None


def _scaled(numbers: array[float]) -> array[float]:
    """In the direction of *numbers*, of nearly the length 1; zero for zero."""
    norm = _length(numbers)
    return array("f", [number / norm for number in numbers]) if norm > 0 else numbers


def _minus(total: array[float], mass: float, centre: array[float]) -> array[float]:
    return array("f", [number - mass * mean for number, mean in zip(total, centre, strict=True)])


def length_of(total: bytes) -> float:
    """The length of a stored sum; it is stored again, so both twins ask this one for it."""
    return _length(array("f", total))


def _length(numbers: Sequence[float]) -> float:
    return math.sqrt(math.fsum(map(mul, numbers, numbers)))
