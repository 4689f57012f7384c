"""The stages of a batch: every way that the table names can be gone, and no other."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from orchestrator.brand.outputs import FoldConfig
from orchestrator.brand.state import BrandState
from orchestrator.contract.decode import Limits
from orchestrator.contract.digests import DIGEST_BYTES, digest
from orchestrator.errors import StoreUnavailableError
from orchestrator.kernels.hash_keys import Hashing
from orchestrator.lane.batch import CONFLICT, TORN, TRANSITIONS, Batch, BatchOrderError, Stage, Told, needed
from orchestrator.lane.duplicates import Ledger
from orchestrator.lane.suspects import POISON
from orchestrator.process import failpoints
from orchestrator.store.types import Remember, StoredDigests
from tests.lane.support import item

NOW_MS = 1_764_244_800_000
LIMITS = Limits()


def at(stage: Stage) -> Batch:
    """A batch of nothing that was led to *stage*."""
    batch = Batch()
    batch.stage = stage
    return batch


def decoded(*chunk_ids: str) -> Batch:
    """A batch of these chunks, whose ids nobody knows."""
    batch = Batch([item("nike", chunk_id) for chunk_id in chunk_ids])
    batch.scan(LIMITS, Hashing.of_nobody())
    batch.decode("nike", LIMITS)
    return batch


@pytest.mark.parametrize(("here", "there"), list(itertools.product(Stage, Stage)))
def test_batch_goes_where_the_table_says(here: Stage, there: Stage) -> None:
    """Each edge of the table is open, and anything else is a defect that is named."""
    batch = at(here)
    if (here, there) in TRANSITIONS:
        batch.enter(there)
        assert batch.stage is there
    else:
        with pytest.raises(BatchOrderError, match=f"from {here.value} to {there.value}"):
            batch.enter(there)
        assert batch.stage is here


def test_table_leads_from_the_first_stage_to_the_last() -> None:
    """Every stage can be reached and left, but for the last; every edge has its reason."""
    assert {here for here, _ in TRANSITIONS} == set(Stage) - {Stage.IN}
    assert {there for _, there in TRANSITIONS} == set(Stage) - {Stage.ASKED}
    assert all(TRANSITIONS.values())


def test_batch_is_torn_while_the_state_changes() -> None:
    """Before the fold nothing has changed; after it the batch can still be committed."""
    assert {stage for stage in Stage if at(stage).torn} == {Stage.FOLDING, Stage.BUILDING} == set(TORN)


def test_batch_folds_its_new_chunks() -> None:
    """A chunk that is known and one that is no chunk are told apart from those that are folded."""
    batch = Batch([item("nike", "a"), b"{", item("nike", "b"), item("nike", "b")])
    batch.scan(LIMITS, Hashing.of_nobody())
    batch.decode("nike", LIMITS)
    state, ledger = BrandState.empty(FoldConfig()), Ledger()
    decoded("a").fold(BrandState.empty(FoldConfig()), ledger, NOW_MS)
    batch.fold(state, ledger, NOW_MS)
    assert batch.stage is Stage.FOLDED
    assert (batch.step.fold.chunks, batch.step.items, batch.step.duplicates, batch.step.failed) == (1, 4, 2, 1)
    assert batch.remembered is not None
    assert batch.remembered.entries[:DIGEST_BYTES] == digest("b")


@pytest.mark.usefixtures("armed")
def test_batch_whose_fold_is_interrupted_is_torn() -> None:
    """Its state has changed, and it cannot be folded again."""
    failpoints.arm("session.folded=fail")
    batch, state = decoded("a"), BrandState.empty(FoldConfig())
    with pytest.raises(StoreUnavailableError):
        batch.fold(state, Ledger(), NOW_MS)
    assert batch.torn
    with pytest.raises(BatchOrderError):
        batch.fold(state, Ledger(), NOW_MS)


def test_batch_is_folded_once() -> None:
    """A second fold would count its chunks twice."""
    batch, state = decoded("a"), BrandState.empty(FoldConfig())
    batch.fold(state, Ledger(), NOW_MS)
    with pytest.raises(BatchOrderError):
        batch.fold(state, Ledger(), NOW_MS)


@pytest.mark.parametrize("kept", [False, True])
def test_batch_tells_its_conflicts(*, kept: bool) -> None:
    """They are duplicates; where they are to be kept they are dead letters instead, by their places in the queue."""
    ledger = Ledger()
    decoded("a").fold(BrandState.empty(FoldConfig()), ledger, NOW_MS)
    others = [item("nike", "a", meta={"mentionCount": number}) for number in (70, 71, 72, 73)]
    batch = Batch([b"{", item("nike", "a"), *others])
    batch.scan(LIMITS, Hashing.of_nobody())
    batch.decode("nike", LIMITS)
    batch.fold(BrandState.empty(FoldConfig()), ledger, NOW_MS, conflict_letters=kept)
    step = batch.step
    assert (step.conflicts, step.conflicting, step.duplicates, step.failed) == (
        4,
        ["a"] * 3,
        1 if kept else 5,
        5 if kept else 1,
    )
    letters = [(reject.index, reject.path) for reject in batch.rejected if reject.reason == CONFLICT]
    assert letters == ([(place, "$.chunkId") for place in (2, 3, 4, 5)] if kept else [])


def test_batch_without_chunks_takes_over_digests_of_before() -> None:
    """A refresh may be the first commit after an upgrade; later ones have nothing to write."""
    state, ledger = BrandState.empty(FoldConfig()), Ledger(StoredDigests(younger_set=frozenset({digest("a")})))
    first, second = Batch(), Batch()
    first.refresh(state, ledger, NOW_MS)
    second.refresh(state, ledger, NOW_MS)
    assert first.remembered is not None
    assert first.remembered.how is Remember.REPLACE
    assert second.remembered is None


def test_condemned_batch_is_a_dead_letter_and_no_chunk() -> None:
    """Its item is not even decoded."""
    batch = Batch([item("nike", "a"), item("nike", "b")]).first(1)
    state = BrandState.empty(FoldConfig())
    batch.condemn(state, NOW_MS)
    assert batch.told == Told(NOW_MS, state.clock_ms, "1x")
    assert batch.stage is Stage.FOLDED
    assert [(reject.index, reject.reason) for reject in batch.rejected] == [(0, POISON)]
    assert (batch.step.items, batch.step.failed, batch.step.poisoned, batch.remembered) == (1, 1, 1, None)


def test_arriving_batch_has_its_items_once_they_are_read() -> None:
    """Until then it is asked for, and nothing more."""
    reads: list[int] = []

    class Arriving:
        def read(self) -> list[bytes]:
            reads.append(1)
            return [b"a", b"b"]

    reply: Any = Arriving()
    batch = Batch.arriving(reply)
    assert (batch.stage, list(batch.items)) == (Stage.ASKED, [])
    batch.receive()
    batch.receive()
    assert (list(batch.items), len(reads)) == ([b"a", b"b"], 1)


def test_needed_names_what_is_missing() -> None:
    """A defect says what the batch should have had."""
    assert needed(7, "a peek") == 7
    with pytest.raises(BatchOrderError, match="a batch without a peek"):
        needed(None, "a peek")
