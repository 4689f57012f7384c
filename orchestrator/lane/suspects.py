"""How a batch is treated that was begun before and never committed: whole, one item alone, on trial, or condemned.

Something in it may kill the process that reads or folds it. So fewer and fewer items share the fate of the one that
does, and in the end that item is folded in a process of its own (:mod:`orchestrator.lane.trial`). How that ends is the
verdict.

Pure. Source: quarantine in ``docs/redis-protocol.md``.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

SINGLE_ATTEMPTS = 3
"""From this many peeks without a commit on, a batch is one item: fewer items share the fate of the one that fails."""

TRIAL_ATTEMPTS = 5
"""From this many on, the item is first folded in a process of its own."""

POISON = "poison"
"""The reason of a dead letter whose fold did not survive a process of its own."""


class Treatment(Enum):
    """What to do with the items at the head of a queue."""

    WHOLE = "whole"  # fold them as they are
    SINGLE = "single"  # fold the first one alone
    TRIAL = "trial"  # try the first one elsewhere before anything else
    CONDEMN = "condemn"  # move the first one to the dead letters


@dataclass(frozen=True, slots=True)
class Verdict:
    """How the trial of *item* went. It holds for that item alone, wherever it stands."""

    item: bytes
    died: bool


def treatment(head: bytes, attempts: int, verdict: Verdict | None) -> Treatment:
    """How the item *head* and those after it are to be treated.

    Args:
        head: the first item of the queue.
        attempts: peeks since the last commit, this one included.
        verdict: of the last trial, if there was one since the last commit.
    """
    # A foreign pop may have brought another item to the head since: it has no verdict.
    tried = verdict is not None and verdict.item == head
    if verdict is not None and tried and verdict.died:
        return Treatment.CONDEMN
    if attempts >= TRIAL_ATTEMPTS and not tried:
        return Treatment.TRIAL
    return Treatment.SINGLE if attempts >= SINGLE_ATTEMPTS else Treatment.WHOLE
