"""How a batch is treated that was begun before and never committed: whole, one item alone, on trial, or condemned.

Something in it may kill the process that reads or folds it. So fewer and fewer items share the fate of the one that
does, and in the end that item is folded in a process of its own (:mod:`orchestrator.lane.trial`). How that ends is the
verdict. Items in whose batch a step hung are known at once, and go on trial at the next attempt, one after the other.

Pure. Source: quarantine in ``docs/redis-protocol.md``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import takewhile

SINGLE_ATTEMPTS = 3
"""From this many peeks without a commit on, a batch is one item: fewer items share the fate of the one that fails."""

TRIAL_ATTEMPTS = 5
"""From this many on, the item is first folded in a process of its own."""

POISON = "poison"
"""The reason of a dead letter whose fold did not survive a process of its own."""


class Treatment(Enum):
    """What to do with the items at the head of a queue."""

    WHOLE = "whole"  # fold them as they are
    SINGLE = "single"  # fold the first ones alone
    TRIAL = "trial"  # try the first ones elsewhere before anything else
    CONDEMN = "condemn"  # move the first one to the dead letters


@dataclass(frozen=True, slots=True)
class Treated:
    """What to do with the first *count* items."""

    how: Treatment
    count: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a trial went. It holds for these items alone, wherever they stand.

    Attributes:
        survivors: in their order.
        killer: the one after them, which the process did not survive; None if there was none.
    """

    survivors: tuple[bytes, ...]
    killer: bytes | None

    @classmethod
    def of(cls, items: Sequence[bytes], survived: int) -> Verdict:
        """Of the trial of *items*, of which so many survived."""
        return cls(tuple(items[:survived]), items[survived] if survived < len(items) else None)

    @property
    def rest(self) -> Verdict | None:
        """What is still to be done once the survivors are committed."""
        return None if self.killer is None else Verdict((), self.killer)


def treatment(items: Sequence[bytes], attempts: int, suspects: int, verdict: Verdict | None) -> Treated:
    """How *items*, the head of the queue, are to be treated.

    Args:
        items: at least one.
        attempts: peeks since the last commit, this one included.
        suspects: items from the head on that were in hand when a step hung, and are not settled since.
        verdict: of the last trial, if something is still to be done about it.
    """
    if verdict is not None:
        # A foreign pop may have brought another item to the head since: it has no verdict.
        spared = len(list(takewhile(lambda pair: pair[0] == pair[1], zip(items, verdict.survivors, strict=False))))
        if spared:
            return Treated(Treatment.SINGLE, spared)
        if not verdict.survivors and verdict.killer == items[0]:
            return Treated(Treatment.CONDEMN, 1)
    if suspects > 0:
        return Treated(Treatment.TRIAL, min(suspects, len(items)))
    if attempts >= TRIAL_ATTEMPTS:
        return Treated(Treatment.TRIAL, 1)
    if attempts >= SINGLE_ATTEMPTS:
        return Treated(Treatment.SINGLE, 1)
    return Treated(Treatment.WHOLE, len(items))
