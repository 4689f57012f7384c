"""Tests of chunk summaries."""

from __future__ import annotations

import pytest

from orchestrator.brand.chunk_summaries import MAX_SUMMARIES, MAX_SUMMARY_CHARS, ChunkSummaries, separated
from orchestrator.contract.chunk import Chunk, Cluster
from tests.brand.support import chunk, listed


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


def labelled(summary: str, *labels: str) -> Chunk:
    """A chunk of that summary whose clusters have those labels."""
    return chunk(summary=summary, clusters=[Cluster("0", label, listed()) for label in labels])


@pytest.mark.parametrize(
    ("summary", "expected"),
    [
        ("Late flight Lost bag", "Late flight · Lost bag"),
        ("Lost bag  Late flight", "Lost bag · Late flight"),
        ("Late flight Late flight delayed", "Late flight · Late flight delayed"),
        ("Lost bag Late fli", "Lost bag · Late fli"),  # cut by the worker
        ("Late flight late FLIGHT! Report: Lost bag", "Late flight · Lost bag"),
        ("Late flight", "Late flight"),
        ("Late flight and lost bag.", "Late flight and lost bag."),
        ("Lost baggage", "Lost baggage"),
        ("It went well", "It went well"),
    ],
)
def test_labels_that_run_together_are_separated(summary: str, expected: str) -> None:
    """A summary that is but labels one after the other can be read; any other is left as it is."""
    labels = ["Late flight", "Lost bag", "Late flight delayed", "late FLIGHT!", "Report: Lost bag", ""]
    assert separated(labelled(summary, *labels)) == expected


def test_fold_keeps_the_newest_of_a_long_batch() -> None:
    """As folding chunk by chunk would."""
    at_once, one_by_one = ChunkSummaries(), ChunkSummaries()
    chunks = [chunk(number, summary=f"{number}" if number % 3 else None) for number in range(99)]
    at_once.fold(chunks, range(99))
    for number, one in enumerate(chunks):
        one_by_one.fold([one], [number])
    assert at_once.newest() == one_by_one.newest()
    assert at_once.newest()[0] == "98"
