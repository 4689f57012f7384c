"""How good a clustering is: BCubed, after Bagga and Baldwin 1998, over mentions.

For each mention, precision is the share of its story that truly belongs with it, recall the share of what truly
belongs with it that is in its story, both with itself counted; over all mentions these are averaged. Of the usual
measures it is the one that punishes a heap of everything and a story a mention alike (Amigó et al. 2009).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike


@dataclass(frozen=True, slots=True)
class Score:
    """How well stories that were found match the true ones.

    Attributes:
        precision: BCubed, from 0 to 1.
        recall: likewise.
        found: how many stories were found.
        true: how many there are.
    """

    precision: float
    recall: float
    found: int
    true: int

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall."""
        return 2 * self.precision * self.recall / (self.precision + self.recall)


def bcubed(found: ArrayLike, true: ArrayLike) -> Score:
    """The score of mentions whose stories are *found*, and whose true ones are *true*: a number each, at least one."""
    columns, own = np.unique(np.asarray(found), return_inverse=True)
    rows, right = np.unique(np.asarray(true), return_inverse=True)
    pairs, together = np.unique(right * len(columns) + own, return_counts=True)
    # Of the mentions that share both stories each sees the same: together / all of its story, together / all of its.
    squares = together.astype(np.float64) ** 2
    precision = (squares / np.bincount(own)[pairs % len(columns)]).sum() / len(own)
    recall = (squares / np.bincount(right)[pairs // len(columns)]).sum() / len(own)
    return Score(float(precision), float(recall), len(columns), len(rows))


def pooled(brands: Sequence[tuple[ArrayLike, ArrayLike]]) -> Score:
    """The score over the mentions of all *brands*, (found, true) each; no story belongs to two brands."""
    return bcubed(_apart([found for found, _ in brands]), _apart([true for _, true in brands]))


def _apart(brands: Sequence[ArrayLike]) -> list[int]:
    """The numbers of all *brands*, changed so that no two brands share one."""
    numbers: list[int] = []
    for brand in brands:
        first = max(numbers, default=-1) + 1
        numbers += (np.unique(np.asarray(brand), return_inverse=True)[1] + first).tolist()
    return numbers
