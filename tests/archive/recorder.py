"""Notes what live sessions do as records, beside them: what each batch was folded with, and each commit that is built.

Which of the commits got in nobody notes: the chain tells, from the last one in Redis.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from orchestrator.archive.chain import Chain, chain_to
from orchestrator.archive.record import Item, Record
from orchestrator.contract.consumed import Fate
from orchestrator.lane.batch import Batch
from orchestrator.lane.duplicates import NewChunks
from orchestrator.lane.fates import fates_of
from orchestrator.lane.pipeline import Pipeline

SETTINGS: Mapping[str, int | float] = {
    "SUMMARY_WINDOW_SEC": 86_400,
    "MAX_STORIES": 5_000,
    "MERGE_SIMILARITY_THRESHOLD": 0.75,
    "LABEL_SIMILARITY_THRESHOLD": 0.175,
    "RULES_VERSION": 1,
}


@dataclass(frozen=True)
class Noted:
    """What a batch was folded with, and what became of its items."""

    now_ms: int
    clock_ms: int
    fates: Sequence[Fate]


@dataclass
class Recorder:
    """The records of all commits that were built, by cid."""

    # Left out of what a property test shows: Hypothesis warns of large values instead of telling what failed.
    records: dict[str, Record] = field(default_factory=dict, repr=False)
    noted: dict[Batch, Noted] = field(default_factory=dict, repr=False)

    def chain(self, last: str) -> tuple[Chain, list[Record]]:
        """The chain that leads to that commit, and its records."""
        chain = chain_to(last, self.records.values())
        return chain, [self.records[cid] for cid in chain.live]

    def fold(self, batch: Batch, chunks: Any, new: NewChunks, now_ms: int, clock_ms: int) -> None:
        """*batch* was folded."""
        letters = {one.index: (one.reason, one.path) for one in batch.rejected}
        self.noted[batch] = Noted(now_ms, clock_ms, fates_of(len(batch.items), chunks, new, letters))

    def built(self, batch: Batch, epoch: int, brand: str, clock_ms: int) -> None:
        """Its commit is built."""
        commit, peek = batch.commit, batch.peek
        assert commit is not None
        assert peek is not None
        noted = self.noted.get(batch)
        if noted is None:  # poison, which is folded by nobody
            noted = Noted(peek.now_ms, clock_ms, [Fate.DEAD_LETTER] * len(batch.items))
        letters = {one.index: (one.reason, one.path) for one in batch.rejected}
        items = [
            Item(bytes(payload), fate, *letters.get(place, ("", "")))
            for place, (payload, fate) in enumerate(zip(batch.items, noted.fates, strict=True))
        ]
        summary_ms = peek.now_ms if commit.summary is not None else 0
        times = (noted.now_ms, noted.clock_ms, summary_ms)
        self.records[commit.cid] = Record(
            brand, commit.cid, commit.expected_cid, epoch, commit.version, *times, SETTINGS, items
        )


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    """Every session of the test is noted."""
    found = Recorder()
    fold, refresh, build = Batch.fold, Batch.refresh, Pipeline._build

    def noted_fold(batch: Batch, state: Any, ledger: Any, now_ms: int, **named: Any) -> None:
        chunks, taken = batch._chunks, []

        class Noting:
            def take(self, *args: Any) -> NewChunks:
                new: NewChunks = ledger.take(*args)
                taken.append(new)
                return new

        fold(batch, state, Noting(), now_ms, **named)  # type: ignore[arg-type]
        found.fold(batch, chunks, taken[0], now_ms, state.clock_ms)

    def noted_refresh(batch: Batch, state: Any, ledger: Any, now_ms: int) -> None:
        refresh(batch, state, ledger, now_ms)
        found.noted[batch] = Noted(now_ms, state.clock_ms, [])

    def noted_build(pipeline: Pipeline, batch: Batch, **named: Any) -> None:
        clock_ms = pipeline.state.clock_ms  # a summary may advance it
        build(pipeline, batch, **named)
        found.built(batch, pipeline._lease.epoch, pipeline._lease.brand, clock_ms)

    monkeypatch.setattr(Batch, "fold", noted_fold)
    monkeypatch.setattr(Batch, "refresh", noted_refresh)
    monkeypatch.setattr(Pipeline, "_build", noted_build)
    return found
