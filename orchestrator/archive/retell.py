"""A brand as readers saw it at a time: from a base and the records after it.

Pure; where they come from is the business of :mod:`orchestrator.objects`. The work is bounded by what lies between the
base and that time, the memory by the state, one record, and what a journal keeps.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.archive.explain import Heading
from orchestrator.archive.refold import Refold, config_of
from orchestrator.brand.panes import first_pane, panes_per_window
from orchestrator.errors import NothingToExplainError

if TYPE_CHECKING:
    from orchestrator.archive.explain import Journal
    from orchestrator.archive.record import Record
    from orchestrator.archive.snapshot import Snapshot
    from orchestrator.brand.state import BrandState


@dataclass(frozen=True, slots=True)
class Retold:
    """What was told.

    Attributes:
        summary: as the last commit with one wrote it.
        state: of that commit, as of its summary.
        heading: which commit that was, and as of when its summary is.
        records: that were folded for it.
    """

    summary: bytes
    state: BrandState
    heading: Heading
    records: int


def retell(
    brand: str,
    base: Snapshot | None,
    records: Iterable[tuple[Record, str]],
    *,
    at_ms: int | None = None,
    journal: Journal | None = None,
) -> Retold:
    """What readers saw at *at_ms* (Unix ms; None: after the last record), and in a *journal* which chunks made it.

    Args:
        brand: whose.
        base: the state to begin with; None: the first record is the brand's first.
        records: those after it, in the order of the chain, each with the name of its object.
        at_ms: a summary that is younger does not count.
        journal: is told what each chunk added.

    Raises:
        NothingToExplainError: there was no summary then.
        ArchiveError: the records are damaged, do not follow, or were folded by other rules.
    """
    refold = Refold(brand) if base is None else Refold.after(base)
    count = 0
    for record, name in records:
        # A commit whose batch was folded before that time, and whose summary came after it.
        if at_ms is not None and record.summary_ms > at_ms:
            break
        if journal is not None:
            refold.watch = lambda record, found, name=name: journal.take(record, found, name)
        refold.take(record)
        if journal is not None:
            window_ms = config_of(record).window_ms
            journal.advance(first_pane(record.clock_ms, window_ms), panes_per_window(window_ms))
        count += 1
    published = refold.published()
    if published is None:
        raise NothingToExplainError(f"brand {brand!r} had no summary then, as far back as its archive leads")
    summary, state, last = published
    return Retold(summary, state, Heading(brand, state.clock_ms, last.cid, last.version), count)
