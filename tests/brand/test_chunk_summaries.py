"""Tests of chunk summaries."""

from __future__ import annotations

from orchestrator.brand.chunk_summaries import MAX_SUMMARIES, MAX_SUMMARY_CHARS, ChunkSummaries
from tests.brand.support import chunk


def test_summaries_keep_the_newest_twenty_newest_first() -> None:
    """Of many chunk summaries the last ones that came are shown, the very last first."""
    summaries = ChunkSummaries()
    chunks = [chunk(summary=f"summary {number}") for number in range(30)]
    summaries.fold(chunks, [5] * 30)
    assert summaries.newest() == [f"summary {number}" for number in range(29, 29 - MAX_SUMMARIES, -1)]


def test_summaries_skip_blank_and_cut_long_summaries() -> None:
    """A blank summary says nothing, a long one is cut."""
    summaries = ChunkSummaries()
    summaries.fold([chunk(summary=" \n"), chunk(), chunk(summary="x" * 9999)], [5, 5, 5])
    assert summaries.newest() == ["x" * (MAX_SUMMARY_CHARS - 1) + "…"]


def test_summaries_leave_with_their_pane() -> None:
    """A summary is shown as long as the window holds the pane of its chunk."""
    summaries = ChunkSummaries()
    summaries.fold([chunk(summary="old"), chunk(summary="new")], [5, 6])
    summaries.advance(6)
    assert summaries.newest() == ["new"]


def test_summaries_survive_storage() -> None:
    """What was stored is read back; without a change nothing is written."""
    summaries = ChunkSummaries()
    summaries.fold([chunk(summary="a"), chunk(summary="b")], [5, 6])
    put: dict[bytes, bytes] = {}
    summaries.take_changes(put)
    assert ChunkSummaries.load(put).newest() == ["b", "a"]
    again: dict[bytes, bytes] = {}
    summaries.take_changes(again)
    assert again == {}
