"""The bulk of a batch as arrays."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.kernels.hashing import hash_text
from orchestrator.kernels.rows import FIRST_TEXTS, Centroids, MentionRows, RowCollector

TEXTS = st.lists(st.sampled_from(["a", "b", "ü", "🚀", "", "one of more than eight bytes"]), max_size=6)


def scanned(lists: list[list[str]]) -> MentionRows:
    """Rows as the compiled scanner leaves them: hashes, and where the first texts stand in the documents."""
    items = [b"x" * number + json.dumps(texts).encode() for number, texts in enumerate(lists)]
    spots = []
    for number, texts in enumerate(lists):
        first = json.dumps(texts[:FIRST_TEXTS]).encode()[1:-1]
        spots.append((number, number + 1, number + 1 + len(first)))
    of = MentionRows.of(lists)
    return MentionRows(of.hashing, of.hashes, of.offsets, items=items, spots=np.array(spots, np.int64).reshape(-1, 3))


@given(first=st.lists(TEXTS, max_size=4), more=st.lists(TEXTS, max_size=4))
def test_mention_rows_are_different_texts_in_their_order(first: list[list[str]], more: list[list[str]]) -> None:
    """Whether found by a scan or given as texts, and in both ways behind each other: hashes, counts, first texts."""
    for rows in (scanned(first).followed_by(more), MentionRows.of(first).followed_by(more)):
        lists = first + more
        assert len(rows) == len(lists)
        assert rows.counts == [len(set(texts)) for texts in lists]
        assert rows.hashes.tolist() == [
            hash_text(text, rows.hashing.key) for texts in lists for text in dict.fromkeys(texts)
        ]
        assert [array.dtype.name for array in (rows.hashes, rows.offsets)] == ["uint64", "int64"]
        assert [rows.first(row) for row in range(len(lists))] == [texts[:FIRST_TEXTS] for texts in lists]


def test_centroids_are_rows_of_any_length() -> None:
    """What goes in as numbers comes out as float32 rows, empty ones included."""
    rows = Centroids.of([[0.1, 2.0], [], np.array([3.0], "<f4")])
    assert [rows.row(number).tolist() for number in range(len(rows))] == [[float(np.float32(0.1)), 2.0], [], [3.0]]
    assert (rows.values.dtype.name, rows.offsets.tolist()) == ("float32", [0, 2, 2, 3])
    assert len(Centroids.of([])) == 0


@pytest.mark.parametrize("first", [0, 7])
def test_collector_numbers_rows_from_where_others_end(first: int) -> None:
    """Rows of documents that are decoded one by one follow on those of the scan."""
    collector = RowCollector(first, 2 * first)
    assert [collector.add_centroid([1.0]), collector.add_centroid([2.0])] == [first, first + 1]
    assert [collector.add_mentions(["a"]), collector.add_mentions([])] == [2 * first, 2 * first + 1]
    assert (collector.centroids, collector.mentions) == ([[1.0], [2.0]], [["a"], []])
