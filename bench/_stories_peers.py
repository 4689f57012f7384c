"""What clusters would be merged with otherwise, each as favourable as it can be made.

All of them take clusters one after the other, as they come. They differ in what they compare (a space), in whether
the first or the nearest story that is similar enough gets the cluster, and in whether a story moves with its members.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from bench._stories_data import TitleCluster
from bench._stories_score import Score

COARSE_STEP = 0.1
FINEST_STEP = 0.025
_WORD = re.compile(r"\w+")

Numbers = NDArray[np.float32]


class Space(Protocol):
    """Clusters as unit vectors, and the sums of those that each story has."""

    def clear(self) -> None:
        """Forget all stories."""

    def products(self, cluster: int, stories: int) -> Numbers:
        """The product of that cluster with the sums of the first *stories*."""

    def add(self, story: int, cluster: int, weight: float) -> None:
        """Add that many times the cluster to the story's sum."""


class Dense:
    """Clusters by their centroids."""

    def __init__(self, clusters: Sequence[TitleCluster]) -> None:
        self._rows = np.stack([cluster.centroid for cluster in clusters])
        self.clear()

    def clear(self) -> None:
        """See :class:`Space`."""
        self._sums = np.zeros_like(self._rows)

    def products(self, cluster: int, stories: int) -> Numbers:
        """See :class:`Space`."""
        found: Numbers = self._sums[:stories] @ self._rows[cluster]
        return found

    def add(self, story: int, cluster: int, weight: float) -> None:
        """See :class:`Space`."""
        self._sums[story] += weight * self._rows[cluster]


class Sparse:
    """Clusters by the weights of their words; a row of the table is a word's weight in each story."""

    def __init__(self, clusters: Sequence[dict[str, float]]) -> None:
        numbers = {word: number for number, word in enumerate(sorted({word for each in clusters for word in each}))}
        self._words = [np.array([numbers[word] for word in each], dtype=np.int64) for each in clusters]
        self._weights = [_unit(each.values()) for each in clusters]
        self._shape = len(numbers), len(clusters)
        self.clear()

    def clear(self) -> None:
        """See :class:`Space`."""
        self._table = np.zeros(self._shape, np.float32)  # not filled with zeros: untouched memory costs nothing

    def products(self, cluster: int, stories: int) -> Numbers:
        """See :class:`Space`."""
        found: Numbers = self._weights[cluster] @ self._table[self._words[cluster], :stories]
        return found

    def add(self, story: int, cluster: int, weight: float) -> None:
        """See :class:`Space`."""
        self._table[self._words[cluster], story] += weight * self._weights[cluster]


def _unit(weights: Iterable[float]) -> Numbers:
    row = np.array(list(weights), dtype=np.float32)
    return row / np.sqrt(row @ row) if len(row) else row


def words_of(cluster: TitleCluster, *, examples: bool) -> list[str]:
    """The words of a cluster's label, and of its *examples*, each text once."""
    texts = dict.fromkeys((cluster.label, *(cluster.examples if examples else ())))
    return [word for text in texts for word in _WORD.findall(text.lower())]


def word_sets(clusters: Sequence[TitleCluster], *, examples: bool) -> Sparse:
    """Clusters by which words they have."""
    return Sparse([dict.fromkeys(words_of(cluster, examples=examples), 1.0) for cluster in clusters])


def tf_idf(clusters: Sequence[TitleCluster], *, examples: bool) -> Sparse:
    """Clusters by how often they have a word, times how rare it is: ``ln((N + 1) / (df + 1)) + 1``, as scikit-learn.

    The rarity is that among all clusters of the brand, as if all of them had been known before the first one came.
    """
    counts = [Counter(words_of(cluster, examples=examples)) for cluster in clusters]
    having = Counter(word for each in counts for word in each)
    rarity = {word: float(np.log((len(counts) + 1) / (df + 1))) + 1 for word, df in having.items()}
    return Sparse([{word: count * rarity[word] for word, count in each.items()} for each in counts])


@dataclass(frozen=True, slots=True)
class Rule:
    """How a cluster finds its story.

    Attributes:
        nearest: the nearest story gets it, if it is similar enough; else the first one that is.
        moves: a story is the sum of its members; else it stays its first one, its leader.
    """

    nearest: bool
    moves: bool


FIRST_MATCH = Rule(nearest=False, moves=False)
LEADER = Rule(nearest=True, moves=False)
RUNNING_MEAN = Rule(nearest=True, moves=True)


def follow(rule: Rule, space: Space, weights: Sequence[int], threshold: float) -> list[int]:
    """The number of the story that each cluster joins or founds; a cluster counts by its weight."""
    space.clear()
    joined: list[int] = []
    norms = np.zeros(len(weights))
    count = 0
    for cluster, weight in enumerate(weights):
        similarities = space.products(cluster, count) / norms[:count]
        story = _choice(similarities, threshold, nearest=rule.nearest)
        if story is None:
            story, count = count, count + 1
            space.add(story, cluster, weight)
            norms[story] = weight
        elif rule.moves:
            product = float(similarities[story]) * norms[story]
            space.add(story, cluster, weight)
            norms[story] = np.sqrt(norms[story] ** 2 + 2 * weight * product + weight**2)
        joined.append(story)
    return joined


def _choice(similarities: NDArray[np.floating], threshold: float, *, nearest: bool) -> int | None:
    if not len(similarities):
        return None
    story = int(np.argmax(similarities)) if nearest else int(np.argmax(similarities >= threshold))
    return story if similarities[story] >= threshold else None


def best_threshold(score: Callable[[float], Score]) -> tuple[float, Score]:
    """The threshold that gives the best F1, and what it gives: searched in tenths, then ever finer around the best.

    It is chosen with the truth in hand, on what it is judged by. Nobody who runs a service can do that.
    """
    known: dict[float, Score] = {}
    step = COARSE_STEP
    tries = [tenth / 10 for tenth in range(1, 10)]
    while step >= FINEST_STEP:
        known |= {at: score(at) for at in tries if at not in known}
        best = max(known, key=lambda at: (known[at].f1, at))
        step /= 2
        tries = [round(best - step, 4), round(best + step, 4)]
    return best, known[best]
