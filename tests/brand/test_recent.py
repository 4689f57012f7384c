"""Tests of the entries for readers of recent chunks."""

from __future__ import annotations

import json

from orchestrator.brand.recent import RecentChunks
from orchestrator.contract.insights import MAX_RECENT
from tests.brand.support import NOW_MS, chunk


def ids(entries: list[bytes]) -> list[str]:
    """Of which chunks *entries* are."""
    return [json.loads(entry)["chunkId"] for entry in entries]


def test_changes_are_the_newest_chunks_once() -> None:
    """Of many chunks the last fifty get an entry, over all batches since the last commit, and only in that one."""
    recent, chunks = RecentChunks(), [chunk(number, clusters=[]) for number in range(2 * MAX_RECENT)]
    for batch in (chunks[:-3], chunks[-3:]):
        recent.fold(batch, [NOW_MS] * len(batch), [1] * len(batch), [0])
    assert ids(recent.take_changes()) == [each.chunk_id for each in chunks[-MAX_RECENT:]]
    assert recent.take_changes() == []
