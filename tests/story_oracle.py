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
    from collections.abc import Sequence

TOLERANCE = 1e-6
"""float32 sums of unit vectors are off by 6e-8 a step; near ties within this may go either way."""


@dataclass(frozen=True)
class Member:
    """One cluster as the rule sees it: words of its label, centroid as sent or None, weight."""

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
    """A story is its members, in order."""

    members: list[Member] = field(default_factory=list)

    def centroid(self) -> list[float] | None:
        """The weighted sum of the members' unit centroids."""
        units = [(member.unit, member.weight) for member in self.members if member.unit]
        if not units:
            return None
        return [math.fsum(weight * unit[axis] for unit, weight in units) for axis in range(len(units[0][0]))]

    def label(self) -> dict[str, float]:
        """The weighted sum of the members' unit word vectors."""
        weights: Counter[str] = Counter()
        for member in self.members:
            for word in member.words:
                weights[word] += member.weight / math.sqrt(len(member.words))  # type: ignore[assignment]
        return dict(weights)


def cosine(left: Sequence[float], right: Sequence[float]) -> float:
    """The cosine of two vectors, 0 where one has no direction."""
    norms = math.sqrt(math.fsum(x * x for x in left)) * math.sqrt(math.fsum(x * x for x in right))
    return math.fsum(x * y for x, y in zip(left, right, strict=True)) / norms if norms else 0.0


def similarity(story: OracleStory, member: Member) -> float | None:
    """How similar a cluster is to a story; None if they do not compare."""
    own, other = member.unit, story.centroid()
    if own is not None and other is not None:
        return cosine(own, other) if len(own) == len(other) else None
    weights = story.label()
    words = sorted(member.words | set(weights))
    if not words:
        return None
    return cosine([float(word in member.words) for word in words], [weights.get(word, 0.0) for word in words])


class Oracle:
    """Stories by key; the key grows with every founding."""

    def __init__(self) -> None:
        self.stories: dict[int, OracleStory] = {}

    def similarities(self, member: Member) -> dict[int, float]:
        """The similarity of *member* to each story that it compares with."""
        found = {key: similarity(story, member) for key, story in self.stories.items()}
        return {key: value for key, value in found.items() if value is not None}

    def join(self, key: int, member: Member) -> None:
        """Let *member* join story *key*, or found it."""
        self.stories.setdefault(key, OracleStory()).members.append(member)


def check_choice(similarities: dict[int, float], threshold: float, chosen: int | None) -> None:
    """Fail unless *chosen* (None: found a new story) is what the rule says, near ties aside."""
    best = max(similarities.values(), default=-math.inf)
    if chosen is None:
        assert best < threshold + TOLERANCE, f"founded a story although one is {best} similar"
        return
    assert chosen in similarities, f"{chosen} does not compare"
    value = similarities[chosen]
    assert value >= threshold - TOLERANCE, f"joined a story that is only {value} similar"
    assert value >= best - TOLERANCE, f"joined a story that is {value} similar while one is {best}"
    ties = [key for key, other in similarities.items() if abs(other - value) < TIE and key < chosen]
    assert not ties, f"joined {chosen} although the older {ties} are as similar"


TIE = 1e-12
"""Closer than this only what is equal by definition; the grid makes it a tie for every way of rounding."""
