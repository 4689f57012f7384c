"""What one step of a session did, as a plain value for metrics, logs and alerts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.brand.outputs import FoldReport

NOTHING_FOLDED = FoldReport()


@dataclass(frozen=True, slots=True)
class Step:
    """What one step did.

    Attributes:
        idle: nothing to do: the queue is empty and the summary is current.
        suspect: nothing was done: the item at the head wants a trial first.
        fold: what was folded.
        items: taken from the queue; 0 for a refresh.
        duplicates: chunks that were folded before; conflicts are among them unless they became dead letters.
        conflicts: chunks with the id of one that was folded before, and other numbers.
        conflicting: ids of the first of these.
        failed: items that became dead letters, poisonous ones included.
        poisoned: items that did not survive their trial.
        duplicate_commit: an earlier delivery of the same commit had been applied already.
        failed_dropped: old dead letters that the cap pushed out.
        published: whether the summary was written.
        fold_s: seconds of decoding and folding.
        queued: chunks left in the queue.
        alerts: how many this commit wrote into the outbox.
        opened: the kinds of the episodes that opened.
        alerts_dropped: the oldest ones that the cap of the outbox pushed out.
    """

    idle: bool = False
    suspect: bool = False
    fold: FoldReport = NOTHING_FOLDED
    items: int = 0
    duplicates: int = 0
    conflicts: int = 0
    conflicting: Sequence[str] = ()
    failed: int = 0
    poisoned: int = 0
    duplicate_commit: bool = False
    failed_dropped: int = 0
    published: bool = False
    fold_s: float = 0.0
    queued: int = 0
    alerts: int = 0
    opened: Sequence[str] = ()
    alerts_dropped: int = 0
