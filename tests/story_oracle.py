"""The story rule, slow and obvious: every similarity is computed anew from the list of a story's members.

Numbers are plain float64 and sums are exact (``math.fsum``), so that the oracle errs less than what it judges.
The engines round sums to float32 and compare on a grid; :func:`check_choice` allows for that and for no more.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

TOLERANCE = 1e-6
"""float32 sums of unit vectors are off by 6e-8 a step; near ties within this may go either way."""


@dataclass(frozen=True)
class Member:
    """One cluster as the rule sees it: its words, centroid as sent or None, weight."""

    words: frozenset[str]
    centroid: tuple[float, ...] | None
    weight: float

    @property
    def unit(self) -> list[float] | None:
        """The centroid's direction, None without one."""
        if not self.centroid or not all(map(math.isfinite, self.centroid)):
            return None
        norm = math.sqrt(math.fsum(number * number for number in self.centroid))
        return [number / norm for number in self.centroid] if norm else None


@dataclass
class OracleStory:
    """A story is its members, in order, each with what its words weighed when it came."""

    members: list[Member] = field(default_factory=list)
    rarities: list[Mapping[str, float]] = field(default_factory=list)

    @property
    def dimension(self) -> int:
        """Of the first centroid that came; 0 if none did."""
        return next((len(member.unit) for member in self.members if member.unit), 0)

    def centroid(self) -> list[float] | None:
        """The weighted sum of the unit centroids of that dimension."""
        units = [(member.unit, member.weight) for member in self.members if member.unit]
        units = [(unit, weight) for unit, weight in units if len(unit) == self.dimension]
        if not units:
            return None
        return [math.fsum(weight * unit[axis] for unit, weight in units) for axis in range(self.dimension)]

    @property
    def mass(self) -> float:
        """The weight of the members with such a centroid."""
        return math.fsum(one.weight for one in self.members if one.unit and len(one.unit) == self.dimension)

    def label(self) -> dict[str, float]:
        """The weighted sum of the members' unit word vectors."""
        weights: Counter[str] = Counter()
        for member, rarity in zip(self.members, self.rarities, strict=True):
            length = math.sqrt(math.fsum(rarity[word] ** 2 for word in member.words))
            for word in member.words:
                weights[word] += member.weight * rarity[word] / length  # type: ignore[assignment]
        return dict(weights)


@dataclass
class OracleHeadline:
    """A story's headline: the words of it, and the mentions of each of its spellings."""

    words: frozenset[str] = frozenset()
    shown: str = ""
    spellings: Counter[str] = field(default_factory=Counter)

    def consider(self, words: frozenset[str], spelling: str, weight: int, weights: Mapping[str, float]) -> None:
        """Take a member in; *weights* are the story's, the member included."""
        if words != self.words:
            if _share(words, weights) <= _share(self.words, weights) * (1 + 2**-24):
                return
            self.words, self.shown, self.spellings = words, spelling, Counter()
        self.spellings[spelling] += weight
        if self.spellings[spelling] > self.spellings[self.shown]:
            self.shown = spelling


def _share(words: frozenset[str], weights: Mapping[str, float]) -> float:
    return math.fsum(weights.get(word, 0.0) for word in words) / math.sqrt(len(words)) if words else 0.0


def cosine(left: Sequence[float], right: Sequence[float]) -> float:
    """The cosine of two vectors, 0 where one has no direction."""
    norms = math.sqrt(math.fsum(x * x for x in left)) * math.sqrt(math.fsum(x * x for x in right))
    return math.fsum(x * y for x, y in zip(left, right, strict=True)) / norms if norms else 0.0


@dataclass(frozen=True)
class Likeness:
    """How similar a cluster is to a story, and how similar it has to be."""

    similarity: float
    threshold: float
    tolerance: float = TOLERANCE


Tiers = tuple[dict[int, Likeness], dict[int, Likeness]]
"""By story: what compares by centroid, and what compares by words; the second counts if nothing of the first does."""


class Oracle:
    """Stories by key; the key grows with every founding."""

    def __init__(self, threshold: float, label_threshold: float) -> None:
        self.stories: dict[int, OracleStory] = {}
        self._threshold = threshold
        self._label_threshold = label_threshold
        self._joined = 0
        self._next_count = 8
        self._centres: dict[int, list[float]] = {}
        self._counted = 0
        self._counts: dict[str, int] = {}

    def compare(self, member: Member) -> Tiers:
        """How similar *member* is to each story that it compares with."""
        by_centroid, by_words = {}, {}
        for key, story in self.stories.items():
            if member.unit and story.dimension == len(member.unit):
                by_centroid[key] = self._compare_centroids(member.unit, story)
            elif member.words & set(story.label()):
                by_words[key] = self._compare_words(member, story)
        return by_centroid, by_words

    def _compare_centroids(self, unit: list[float], story: OracleStory) -> Likeness:
        """Beside the mean direction, if there is one: then less is in common, and less is demanded."""
        direction = story.centroid() or []
        centre = self._centres.get(len(unit))
        if centre is None:
            return Likeness(cosine(unit, direction), self._threshold)
        mass = story.mass
        own = [number - mean for number, mean in zip(unit, centre, strict=True)]
        other = [number - mass * mean for number, mean in zip(direction, centre, strict=True)]
        # What float32 is off by grows as less is left.
        left = math.hypot(*own) * math.hypot(*other) / mass
        tolerance = TOLERANCE / left if left else math.inf
        return Likeness(cosine(own, other), 1 - 1.6 * (1 - self._threshold), tolerance)

    def _compare_words(self, member: Member, story: OracleStory) -> Likeness:
        label, rarity = story.label(), self._rarity(member)
        words = sorted(member.words | set(label))
        similarity = cosine([rarity.get(word, 0.0) for word in words], [label.get(word, 0.0) for word in words])
        most_words = max(len(one.words) for one in [member, *story.members])
        return Likeness(similarity, self._label_threshold if most_words >= 4 else max(0.75, self._label_threshold))

    def _rarity(self, member: Member) -> dict[str, float]:
        """What each word of *member* weighs, by the stories that had it when they were last counted."""
        counts = {word: self._counts.get(word, 0) for word in member.words}
        return {
            word: round(max(0.05, math.log((self._counted + 5) / (count + 3))) * 65536) / 65536
            for word, count in counts.items()
        }

    def join(self, key: int, member: Member) -> None:
        """Let *member* join story *key*, or found it."""
        story = self.stories.setdefault(key, OracleStory())
        story.members.append(member)
        story.rarities.append(self._rarity(member))
        self._joined += 1
        if self._joined == self._next_count:
            self._next_count = int(self._joined * 1.25)
            self._counted = len(self.stories)
            self._counts = dict(Counter(word for one in self.stories.values() for word in one.label()))
            self._centres = self._mean_directions()

    def _mean_directions(self) -> dict[int, list[float]]:
        """By dimension: the sum of the stories' directions by their number and five."""
        directions: dict[int, list[list[float]]] = {}
        for story in self.stories.values():
            total, mass = story.centroid(), story.mass
            if total and math.hypot(*total) > mass / 1024:
                unit = [number / math.hypot(*total) for number in total]
                directions.setdefault(len(unit), []).append(unit)
        return {
            dimension: [math.fsum(axis) / (len(units) + 5) for axis in zip(*units, strict=True)]
            for dimension, units in directions.items()
        }


def check_choice(tiers: Tiers, chosen: int | None) -> None:
    """Fail unless *chosen* (None: found a new story) is what the rule says, near ties aside."""
    for tier in tiers:
        reached = {key: one for key, one in tier.items() if one.similarity >= one.threshold - one.tolerance}
        sure = {key: one for key, one in tier.items() if one.similarity >= one.threshold + one.tolerance}
        if chosen in reached:
            value = reached[chosen].similarity
            best = max((one.similarity for one in sure.values()), default=value)
            slack = max(one.tolerance for one in [reached[chosen], *sure.values()])
            assert value >= best - slack, f"joined a story that is {value} similar while one is {best}"
            ties = [key for key, one in sure.items() if abs(one.similarity - value) < TIE and key < chosen]
            ties = [key for key in ties if max(sure[key].tolerance, reached[chosen].tolerance) <= TIE_TOLERANCE]
            assert not ties, f"joined {chosen} although the older {ties} are as similar"
            return
        assert not sure, f"chose {chosen} although {sure} are similar enough"
    assert chosen is None, f"joined {chosen}, which is not similar enough: {tiers}"


TIE_TOLERANCE = 1e-4
"""Where float32 is off by more, even what is equal by definition may come out different."""

TIE = 1e-12
"""Closer than this only what is equal by definition; the grid makes it a tie for every way of rounding."""
