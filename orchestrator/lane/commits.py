"""From a folded batch to the commit that is sent, and when that carries the summary.

Pure: everything that a commit holds is an argument.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from orchestrator.contract.consumed import Head
from orchestrator.contract.dead_letter import DeadLetter
from orchestrator.store.types import Commit

if TYPE_CHECKING:
    from orchestrator.brand.outputs import Changes
    from orchestrator.contract.decode import Rejected
    from orchestrator.lane.batch import Batch
    from orchestrator.store.types import Peek

SUMMARY_INTERVAL_MS = 1000
"""Under load a summary is written at most this often; a commit that empties the queue always writes it."""


class SummaryPace:
    """When a commit carries the summary.

    Attributes:
        owed: the last commit did not carry the summary, so readers see an older state.
    """

    def __init__(self, *, owed: bool) -> None:
        self.owed = owed
        self._written_ms = 0

    def wants(self, consumed: int, peek: Peek) -> bool:
        """Whether a commit that takes *consumed* chunks of the queue at *peek* is to carry it."""
        return consumed >= peek.queued or peek.now_ms - self._written_ms >= SUMMARY_INTERVAL_MS

    def committed(self, commit: Commit, now_ms: int) -> None:
        """*commit*, of a peek at *now_ms*, is in."""
        self.owed = commit.summary is None
        if not self.owed:
            self._written_ms = now_ms


def commit_of(
    batch: Batch, peek: Peek, changes: Changes, summary: bytes | None, *, cid: str, failed: Sequence[bytes]
) -> Commit:
    """The commit that takes *batch* from the head of the queue.

    Args:
        batch: folded.
        peek: what the head of the queue was read with.
        changes: what the fold changed.
        summary: the whole new one, None to leave the old one.
        cid: a name of its own, by which a retry is recognised.
        failed: dead letters.
    """
    items = batch.items
    return Commit(
        cid=cid,
        expected_cid=peek.cid,
        version=peek.version + 1,
        consumed=len(items),
        head=items[0] if items else b"",
        tail=items[-1] if items else b"",
        put=changes.put,
        remove=changes.remove,
        digests=batch.remembered,
        failed=failed,
        summary=summary,
        # Without its summary the brand is due at once, for the orchestrator that finds the queue empty later.
        due_ms=changes.due_ms if summary is not None else peek.now_ms,
        spikes=changes.spikes,
        moods=changes.moods,
        stories=changes.stories,
        trend_put=changes.trend_put,
        trend_remove=changes.trend_remove,
        recent=changes.recent,
    )


def head_of(commit: Commit, batch: Batch, epoch: int, summary_ms: int, settings: Mapping[str, int | float]) -> Head:
    """What the archive is to know of *commit*, which takes *batch*.

    Args:
        commit: built, but for this.
        batch: folded.
        epoch: of the lease.
        summary_ms: as of when the summary in it is, if it carries one.
        settings: that the batch was folded with.
    """
    return Head(
        cid=commit.cid,
        previous=commit.expected_cid,
        epoch=epoch,
        version=commit.version,
        now_ms=batch.told.now_ms,
        clock_ms=batch.told.clock_ms,
        summary_ms=summary_ms if commit.summary is not None else 0,
        settings=settings,
        items=len(batch.items),
        size=sum(map(len, batch.items)),
        fates=batch.told.fates,
        letters={reject.index: (reject.reason, reject.path) for reject in batch.rejected},
    )


def dead_letters(
    items: Sequence[bytes], rejected: Sequence[Rejected], *, brand: str, now_ms: int, orchestrator_id: str
) -> list[bytes]:
    """The entries for ``failed:brand:<brand>``, one for each rejected item, as JSON."""
    return [
        DeadLetter.of(
            items[reject.index],
            brand=brand,
            reason=reject.reason,
            path=reject.path,
            now_ms=now_ms,
            orchestrator_id=orchestrator_id,
        ).encode()
        for reject in rejected
    ]
