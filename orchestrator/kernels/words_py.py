"""The words of stories, for the merge kernel's pure twin: the definition of what ``kernels/labels.h`` computes.

Owns how similar a cluster and a story are by their words, and how much a word weighs. Which words a text has is the
caller's business; it may know more forms of a word than one.

A word weighs the more the fewer stories have it. How many have it is counted from time to time only
(:meth:`WordSpace.renew`): between two counts a word's weight is the same for every cluster, whatever has come and gone.
Source: ``docs/decisions/0036-stories-of-words.md``.
"""

from __future__ import annotations

import math
from array import array
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

GRID = 2.0**24
"""Similarities are compared in steps of 2**-24, the precision of float32.

What is equal by definition (two stories of one label) must be a tie for every way of rounding, or the
older story would not always win; and the twins may add in different orders.
"""

NOBODY = -1
"""No story is similar enough; as a row: the cluster has no centroid."""

MAX_WORDS = 128
"""Words that a story holds, its heaviest ones."""

LONG_WORDS = 4
"""Where neither a cluster nor any member of a story had so many words, they say too little for a low threshold."""

SHORT_THRESHOLD = 0.75
"""Least similarity of what says so little: "iPhone 17" is not "iPhone 16"."""

SEARCHED_STORIES = 4_096
"""Of the stories that share a word with a cluster, so many are looked at: those of its rarest words first.

What a cluster costs must not be the product of its words and the stories. A word that thousands of stories have says
next to nothing, and a story that shares no rarer one with the cluster is not similar.
"""

WEIGHT_STEPS = 2.0**16
"""Words weigh whole numbers of 2**-16.

A logarithm's last bit depends on the machine; and squares of whole numbers have the same sum in every order.
"""

LEAST_WEIGHT = 0.05
"""Of a word that every story has: it tells nothing, but what consists of such words resembles itself."""


_STORY_BYTES, _ENTRY_BYTES, _WORD_BYTES = 500, 110, 350
"""In memory: dicts and entries of a story, of a word of a story, and of a word."""


def word_weight(stories: int, having: int) -> float:
    """How much a word weighs that so many of *stories* have, in units of 1 / :data:`WEIGHT_STEPS`.

    The constants keep brands of few stories from taking every word for a rare one.
    """
    return float(round(max(LEAST_WEIGHT, math.log((stories + 5) / (having + 3))) * WEIGHT_STEPS))


class WordSpace:
    """Where each story points by its words: the weighted sum of its members' unit vectors (float64)."""

    def __init__(self, threshold: float) -> None:
        self._threshold = round(threshold * GRID)
        self._short_threshold = round(max(threshold, SHORT_THRESHOLD) * GRID)
        self._words: dict[int, dict[str, float]] = {}
        self._norms: dict[int, float] = {}
        self._longest: dict[int, int] = {}
        self._having: dict[str, dict[int, None]] = {}  # word -> keys
        self._stories = 0
        self._counts: dict[str, int] = {}
        self.looked_at = 0  # entries of words' lists, ever

    def __len__(self) -> int:
        return len(self._words)

    def __contains__(self, key: int) -> bool:
        return key in self._words

    def held_bytes(self) -> int:
        """Bytes in memory, roughly."""
        entries = sum(map(len, self._words.values()))
        return len(self._words) * _STORY_BYTES + entries * _ENTRY_BYTES + len(self._having) * _WORD_BYTES

    def match(self, words: Sequence[str], but: Collection[int]) -> int:
        """The key of the most similar story that is similar enough, the oldest of equals, *but* not one of these."""
        weights, length = self._weigh(words)
        best, found = 0, NOBODY
        for key in self._candidates(words):
            if key in but:
                continue
            story = self._words[key]
            total = 0.0
            for word, weight in zip(words, weights, strict=True):  # in order: not by sum(), see _norm
                total += weight * story.get(word, 0.0)
            steps = round(total / (length * self._norms[key]) * GRID)
            long = max(len(words), self._longest[key]) >= LONG_WORDS
            if steps >= (self._threshold if long else self._short_threshold) and (
                found == NOBODY or (steps, -key) > (best, -found)
            ):
                best, found = steps, key
        return found

    def _candidates(self, words: Sequence[str]) -> set[int]:
        """The stories to look at: those of the rarest word, and of further ones while they are few enough."""
        lists = sorted((self._having.get(word, {}) for word in words), key=len)
        found: set[int] = set()
        looked_at = 0
        for keys in lists:
            if looked_at and looked_at + len(keys) > SEARCHED_STORIES:
                break
            looked_at += len(keys)
            found.update(keys)
        self.looked_at += looked_at
        return found

    def _weigh(self, words: Sequence[str]) -> tuple[list[float], float]:
        """What each of *words* weighs, and the length of the vector that they are."""
        weights = [word_weight(self._stories, self._counts.get(word, 0)) for word in words]
        return weights, _norm(weights)

    def join(self, key: int, words: Sequence[str], weight: float) -> None:
        """Add a member to story *key*, which is founded if there is none."""
        story = self._words.setdefault(key, {})
        weights, length = self._weigh(words)
        scale = weight / length if words else 0.0
        for word, own in zip(words, weights, strict=True):
            story[word] = story.get(word, 0.0) + own * scale
            self._having.setdefault(word, {})[key] = None
        if len(story) > MAX_WORDS:
            for word in sorted(story, key=story.__getitem__, reverse=True)[MAX_WORDS:]:  # of equals the newest
                del story[word]
                self._leave(word, key)
        self._norms[key] = _norm(story.values())
        self._longest[key] = max(self._longest.get(key, 0), len(words))

    def _leave(self, word: str, key: int) -> None:
        keys = self._having[word]
        del keys[key]
        if not keys:
            del self._having[word]

    def shared(self, key: int, words: Sequence[str]) -> float:
        """How much of what the members of story *key* say a text of *words* says."""
        story = self._words[key]
        total = 0.0
        for word in words:  # in order: not by sum(), see _norm
            total += story.get(word, 0.0)
        return total / math.sqrt(len(words)) if words else 0.0

    def remove(self, key: int) -> None:
        """Forget story *key*."""
        for word in self._words.pop(key):
            self._leave(word, key)
        del self._norms[key], self._longest[key]

    def renew(self) -> None:
        """Count anew how many stories have each word."""
        self._stories = len(self._words)
        self._counts = {word: len(keys) for word, keys in self._having.items()}

    def counts(self) -> tuple[int, list[str], bytes]:
        """What :meth:`renew` has counted: stories, words in order, and the stories of each (little-endian, 64 bits)."""
        words = sorted(self._counts)
        return self._stories, words, array("q", [self._counts[word] for word in words]).tobytes()

    def restore(self, stories: int, words: Sequence[str], counts: bytes) -> None:
        """Take what :meth:`counts` gave."""
        self._stories = stories
        self._counts = dict(zip(words, array("q", counts), strict=True))

    def dump(self, key: int) -> tuple[list[str], bytes, int]:
        """Story *key* for storage: words, their weights (little-endian float64), the most words of a member."""
        story = self._words[key]
        return list(story), array("d", story.values()).tobytes(), self._longest[key]

    def load(self, key: int, words: Sequence[str], weights: bytes, longest: int) -> None:
        """Bring story *key* back from what :meth:`dump` gave."""
        self._words[key] = dict(zip(words, array("d", weights), strict=True))
        self._norms[key] = _norm(self._words[key].values())
        self._longest[key] = longest
        for word in words:
            self._having.setdefault(word, {})[key] = None


def _norm(weights: Iterable[float]) -> float:
    total = 0.0
    for weight in weights:  # in order and not by sum(), which compensates from Python 3.12 on
        total += weight * weight
    return math.sqrt(total)
