"""From a folded batch to its commit: dead letters, and when the summary goes along."""

from __future__ import annotations

import json

import pytest

from orchestrator.contract.decode import decode_batch
from orchestrator.lane.commits import SUMMARY_INTERVAL_MS, SummaryPace, dead_letters
from orchestrator.store.types import Commit, Peek
from tests.lane.support import item

BRAND = "nike"
START_MS = 10 * SUMMARY_INTERVAL_MS


def test_dead_letters_name_reason_path_and_payload() -> None:
    """Each rejected item becomes one entry, with its own bytes, and accepted items become none."""
    items = [item(BRAND, "a"), b"{", b'{"chunkId":7.5}']
    batch = decode_batch(items, BRAND)
    entries = dead_letters(items, batch.rejected, brand=BRAND, now_ms=0, orchestrator_id="o-1")
    documents = [json.loads(entry) for entry in entries]
    assert [document["payload"] for document in documents] == ["{", '{"chunkId":7.5}']
    assert [document["path"] for document in documents] == ["$", "$.chunkId"]
    assert all(document["reason"] for document in documents)
    assert {document["orchestratorId"] for document in documents} == {"o-1"}


def _peek(now_ms: int, queued: int = 9) -> Peek:
    return Peek("cid", 1, 1, now_ms, queued, [])


def _commit(summary: bytes | None) -> Commit:
    return Commit("new", "cid", 2, summary=summary)


@pytest.mark.parametrize(
    ("after_ms", "consumed", "wanted"),
    [(SUMMARY_INTERVAL_MS - 1, 8, False), (SUMMARY_INTERVAL_MS, 8, True), (1, 9, True)],
)
def test_summary_goes_along_once_a_second_and_when_the_queue_is_empty(
    after_ms: int, consumed: int, *, wanted: bool
) -> None:
    """Of 9 queued chunks, a commit of 9 always carries it; one of 8 only a second after the last."""
    pace = SummaryPace(owed=False)
    assert pace.wants(1, _peek(START_MS))
    pace.committed(_commit(b"{}"), START_MS)
    assert pace.wants(consumed, _peek(START_MS + after_ms)) is wanted


def test_summary_is_owed_by_a_commit_without_it() -> None:
    """The debt is paid by the next one that carries it, and that one's time counts."""
    pace = SummaryPace(owed=False)
    owed = []
    for summary in (None, b"{}"):
        pace.committed(_commit(summary), START_MS)
        owed.append(pace.owed)
    assert owed == [True, False]
    assert not pace.wants(1, _peek(START_MS + 1))
