"""Judges one brand's panes in their order: what was seen, what was expected, how improbable that is.

A pane is judged by what was known when it began: all panes before it but the last one. So its score is the same
while the pane is current and when it is settled later, and a late chunk can only raise it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from msgspec import Struct

from orchestrator.brand.episodes import Stretch, judge
from orchestrator.brand.expectation import SUM_PANES, Expectation, Learner, Observation


@dataclass(frozen=True, slots=True)
class Look:
    """One pane, what was seen in it and what had been expected, and the score of that."""

    pane: int
    seen: Observation
    expected: Expectation
    stretch: Stretch


class Past(Struct, frozen=True, array_like=True):
    """A settled pane: its count, the mean that was expected, and the ceiling that it was judged by."""

    count: int
    mean: float
    ceiling: float = 0.0  # of a state that has none: the mean


class Detector(Struct, array_like=True):
    """What was learned from the settled panes, and what it says about the next ones.

    Attributes:
        following: the oldest pane that is not settled.
        learner: what was learned.
        ahead: what is expected of the following pane.
        past: the settled panes before it, as many as a sum needs.
    """

    following: int
    learner: Learner
    ahead: Expectation
    past: list[Past]

    @classmethod
    def begin(cls, pane: int) -> Detector:
        """Start with *pane*, knowing nothing."""
        learner = Learner()
        return cls(pane, learner, learner.expect(pane), [])

    def settle(self, count: int, squares: int, floor: float = 0.0) -> Look:
        """Look at the following pane for good, learn from it, go on to the next.

        Args:
            count: its mentions.
            squares: the sum of the squared sizes of its chunks.
            floor: a mean that something else than habit explains, and that it is judged by at least.
        """
        pane, expected = self.following, self.ahead
        seen = _observe(count, expected, self.past, floor)
        self.ahead = self.learner.expect(pane + 1)  # before learning from this pane: see the head of the module
        self.learner.learn(pane, seen, expected, squares)
        self.past = [*self.past, _past(seen)][1 - SUM_PANES :]
        self.following = pane + 1
        return Look(pane, seen, expected, judge(seen, expected))

    def against(self, counts: Sequence[int], floor: float) -> Look:
        """Judge other *counts* by what is expected of the following pane and was of those before it; *floor* as above.

        *counts* are of the three panes before and of that one.
        """
        expected = self.ahead
        seen = _observe(counts[-1], expected, self.past, floor, sum(counts[:-1]))
        return Look(self.following, seen, expected, judge(seen, expected))

    def glance(self, counts: Sequence[int]) -> Iterator[Look]:
        """Look at up to two panes that are not settled, from the following one on; nothing is learned."""
        past, expected = self.past, self.ahead
        for place, count in enumerate(counts):
            pane = self.following + place
            seen = _observe(count, expected, past)
            yield Look(pane, seen, expected, judge(seen, expected))
            past = [*past, _past(seen)]
            expected = self.learner.expect(pane + 1)


def _past(seen: Observation) -> Past:
    return Past(seen.count, seen.mean, seen.ceiling)


def _observe(
    count: int, expected: Expectation, past: Sequence[Past], floor: float = 0.0, before_it: int | None = None
) -> Observation:
    """What is seen of *count*; *before_it* is what the panes before had, where that is not what was learned."""
    before = past[1 - SUM_PANES :]
    ceiling = max(expected.mean, expected.ceiling, floor)
    return Observation(
        count,
        expected.mean,
        count + (sum([earlier.count for earlier in before]) if before_it is None else before_it),
        expected.mean + sum([earlier.mean for earlier in before]),
        ceiling,
        ceiling + sum([max(earlier.mean, earlier.ceiling) for earlier in before]),
    )
