"""What a story is called: the label that says most of what the story's members say.

The label of the heaviest member is that of one chunk. The one with most words in common with all members tells the
story better: on labelled news the cosine of the label to the story's centroid rises from 0.70 to 0.82, on tweets from
0.74 to 0.85. So at each join the newcomer's label is compared with the headline so far, by the word weights that the
story has then.

A headline is written in its most usual spelling: mentions are counted by spelling as long as the headline's words stay
the same. Depends on the sequence of members alone.

Source: the rule of headlines in ``docs/insights.md``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

MAX_SPELLINGS = 4
"""Most spellings of a headline that are told apart; later ones are not counted."""


def shared_words(words: Sequence[str], weights: Mapping[str, float]) -> float:
    """How much of a story a label says.

    Args:
        words: the label's.
        weights: the story's words and how heavy they are.

    Returns:
        The sum of the weights of *words*, divided by the root of their number, so that a long label has no advantage.
    """
    total = 0.0
    for word in words:  # in order and not by sum(), which compensates from Python 3.12 on
        total += weights.get(word, 0.0)
    return total / math.sqrt(len(words)) if words else 0.0


class Headline:
    """The headline of one story.

    Attributes:
        words: of the label.
        spellings: mentions by the label as it came, in the order in which they came.
    """

    __slots__ = ("spellings", "words")

    def __init__(self, words: Sequence[str] = (), spellings: Mapping[str, int] | None = None) -> None:
        self.words = tuple(words)
        self.spellings = dict(spellings or {})

    @property
    def text(self) -> str:
        """The most usual spelling, the first of equals; empty as long as there was no member."""
        return max(self.spellings, key=self.spellings.__getitem__, default="")

    def consider(self, label: str, words: Sequence[str], weight: int, weights: Mapping[str, float]) -> None:
        """Take a member in.

        Args:
            label: the member's, a name.
            words: of the label.
            weight: mentions of the member.
            weights: the story's words and how heavy they are, the member's included.
        """
        same = tuple(words) == self.words
        if not same and self.spellings and shared_words(words, weights) <= shared_words(self.words, weights):
            return
        if not same:
            self.words, self.spellings = tuple(words), {}
        if label in self.spellings or len(self.spellings) < MAX_SPELLINGS:
            self.spellings[label] = self.spellings.get(label, 0) + weight
