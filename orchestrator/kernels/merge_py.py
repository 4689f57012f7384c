"""The merge kernel's pure twin: the definition of what :mod:`orchestrator._merge` computes.

Owns the similarity merge of clusters into stories and the reduction of sentiment. Knows no chunk's
history, no clock, no Redis. Both twins answer the same, bit by bit: sums of directions are rounded to float32 after
every step, similarities are compared on a grid (:data:`GRID`), sentiment is summed in integers.

Plain Python on purpose: it is what a machine without a compiler runs, and what a reader checks the
compiled loops against. Source: the rule of stories and sentiment in ``docs/insights.md``.
"""

from __future__ import annotations

import math
from array import array
from itertools import pairwise
from operator import mul
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from orchestrator.contract.chunk import Sentiment

IMPLEMENTATION = "python"

FIXED_ONE = 2**32
"""Fixed-point sums count units of 2**-32: exact, so that their order does not matter."""

GRID = 2.0**24
"""Similarities are compared in steps of 2**-24, the precision of float32.

What is equal by definition (two stories of one label) must be a tie for every way of rounding, or the
older story would not always win; and the twins may add in different orders.
"""

MAX_WORDS = 128
"""Words that a story's label direction holds; later words of a full story are not admitted."""

SHARE_TOLERANCE = 0.01
"""How far the three sentiment values may be from 1 in sum and still be shares (workers round them)."""

NOBODY = -1
"""No story is similar enough; as a row: the cluster has no centroid."""


class StoryIndex:
    """Where each story points, and which story a cluster belongs to.

    A story has a key (greater = younger), the weighted sum of its members' unit centroids (float32) and the
    weighted sum of their labels' unit word vectors (float64). A row names a centroid of the batch begun last.
    """

    def __init__(self, threshold: float) -> None:
        self._threshold = round(threshold * GRID)
        self._rows: list[array[float] | None] = []
        self._sums: dict[int, dict[int, array[float]]] = {}  # dimension -> key -> sum
        self._norms: dict[int, float] = {}
        self._dimension: dict[int, int] = {}  # of stories that have a centroid
        self._words: dict[int, dict[str, float]] = {}
        self._word_norms: dict[int, float] = {}
        self._having: dict[str, dict[int, None]] = {}  # word -> keys

    def __len__(self) -> int:
        return len(self._words)

    def begin(self, values: Any, offsets: Any) -> None:
        """Take the centroids of a batch: row *i* is ``values[offsets[i]:offsets[i + 1]]``, float32."""
        numbers, cuts = values.tolist(), offsets.tolist()
        self._rows = [_unit(numbers[start:stop]) for start, stop in pairwise(cuts)]

    def match(self, words: Sequence[str], row: int) -> int:
        """The key of the most similar story that is similar enough, the oldest of equals; else :data:`NOBODY`."""
        unit = self._rows[row] if row >= 0 else None
        found = ((round(similarity * GRID), -key) for key, similarity in self._similarities(words, unit))
        steps, negated = max(found, default=(self._threshold - 1, 0))
        return -negated if steps >= self._threshold else NOBODY

    def _similarities(self, words: Sequence[str], unit: array[float] | None) -> Iterable[tuple[int, float]]:
        """Every story that can be compared: by centroid where both have one, else by label."""
        if unit is not None:
            # Rounding to float32 has left a length of nearly 1. It must not count: what is equal is to be 1 exactly,
            # and not beside a point where the grid's rounding changes.
            length = _length(unit)
            for key, total in self._sums.get(len(unit), {}).items():
                norm = self._norms[key]
                yield key, math.fsum(map(mul, unit, total)) / (norm * length) if norm else 0.0
        share = 1 / math.sqrt(len(words)) if words else 0.0
        for key in {key for word in words for key in self._having.get(word, ())}:
            if unit is None or key not in self._dimension:
                weights = self._words[key]
                yield key, sum(weights.get(word, 0.0) for word in words) * share / self._word_norms[key]

    def join(self, key: int, words: Sequence[str], row: int, weight: float) -> None:
        """Add a member to story *key*, which is founded if there is none."""
        self._join_words(key, words, weight)
        unit = self._rows[row] if row >= 0 else None
        if unit is None:
            return
        dimension = self._dimension.setdefault(key, len(unit))
        total = self._sums.setdefault(dimension, {}).setdefault(key, array("f", bytes(4 * dimension)))
        for place, number in enumerate(unit):
            total[place] += weight * number
        self._norms[key] = _length(total)

    def _join_words(self, key: int, words: Sequence[str], weight: float) -> None:
        weights = self._words.setdefault(key, {})
        share = weight / math.sqrt(len(words)) if words else 0.0
        for word in words:
            if word in weights or len(weights) < MAX_WORDS:
                weights[word] = weights.get(word, 0.0) + share
                self._having.setdefault(word, {})[key] = None
        self._word_norms[key] = _norm(weights.values())

    def remove(self, key: int) -> None:
        """Forget story *key*."""
        for word in self._words.pop(key):
            keys = self._having[word]
            del keys[key]
            if not keys:
                del self._having[word]
        del self._word_norms[key]
        dimension = self._dimension.pop(key, None)
        if dimension is not None:
            del self._sums[dimension][key], self._norms[key]

    def dump(self, key: int) -> tuple[bytes, list[str], bytes]:
        """Story *key* for storage: sum (little-endian float32), words, their weights (little-endian float64)."""
        weights = self._words[key]
        dimension = self._dimension.get(key)
        total = b"" if dimension is None else self._sums[dimension][key].tobytes()
        return total, list(weights), array("d", weights.values()).tobytes()

    def load(self, key: int, total: bytes, words: Sequence[str], weights: bytes) -> None:
        """Bring story *key* back from what :meth:`dump` gave."""
        if len(weights) != 8 * len(words) or len(total) % 4:
            raise ValueError("words, weights and sum do not fit each other")
        if key in self._words:
            raise ValueError(f"story {key} is there already")
        self._words[key] = dict(zip(words, array("d", weights), strict=True))
        self._word_norms[key] = _norm(self._words[key].values())
        for word in words:
            self._having.setdefault(word, {})[key] = None
        if total:
            numbers = array("f", total)
            self._dimension[key] = len(numbers)
            self._sums.setdefault(len(numbers), {})[key] = numbers
            self._norms[key] = _length(numbers)


def _unit(numbers: list[float]) -> array[float] | None:
    """The unit vector in float32; None for a vector without direction (zero, not finite)."""
    norm = _length(numbers) if all(map(math.isfinite, numbers)) else 0.0
    return array("f", [number / norm for number in numbers]) if norm > 0 else None


def _length(numbers: Sequence[float]) -> float:
    return math.sqrt(math.fsum(map(mul, numbers, numbers)))


def _norm(weights: Iterable[float]) -> float:
    total = 0.0
    for weight in weights:  # in order and not by sum(), which compensates from Python 3.12 on
        total += weight * weight
    return math.sqrt(total)


def reduce_sentiment(sentiments: Sequence[Sentiment], mentions: Sequence[int]) -> tuple[int, int, int, int]:
    """Sum up the sentiment of chunks.

    Args:
        sentiments: one a chunk.
        mentions: the size of each chunk.

    Returns:
        (positive, neutral, negative, score) in units of 1 / :data:`FIXED_ONE`, exact.
    """
    positive = neutral = negative = score = 0
    for sentiment, size in zip(sentiments, mentions, strict=True):
        added = _into_fixed(sentiment, size)
        positive += added[0]
        neutral += added[1]
        negative += added[2]
        score += added[3]
    return positive, neutral, negative, score


def _into_fixed(sentiment: Sentiment, size: int) -> tuple[int, int, int, int]:
    """One chunk's counts; shares (a sum of 1, or a part of a mention) are taken of its mentions."""
    positive, neutral, negative = sentiment.positive or 0.0, sentiment.neutral or 0.0, sentiment.negative or 0.0
    total = positive + neutral + negative
    whole = positive.is_integer() and neutral.is_integer() and negative.is_integer()
    if whole and abs(total - 1.0) > SHARE_TOLERANCE:
        return to_fixed(positive), to_fixed(neutral), to_fixed(negative), to_fixed(sentiment.score)
    plus = to_fixed(positive / total * size)
    minus = min(to_fixed(negative / total * size), size * FIXED_ONE - plus)
    # The neutral share takes the rounding, so that the three are the chunk's mentions exactly.
    return plus, size * FIXED_ONE - plus - minus, minus, to_fixed(sentiment.score * size)


def to_fixed(value: float) -> int:
    """The nearest fixed-point number, ties to even; scaling by a power of two is exact."""
    return round(value * FIXED_ONE)
