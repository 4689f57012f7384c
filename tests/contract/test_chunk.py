"""How a chunk's mentions are counted."""

from __future__ import annotations

import pytest

from orchestrator.contract.chunk import Chunk, Cluster, Meta, Sentiment, chunk_mentions, cluster_mentions

COUNTS = [0, 1, 3]
"""How many different mentions the rows of the batch have."""


def cluster(row: int, count: int | None = None) -> Cluster:
    """A cluster whose mentions are that row and that says *count*."""
    return Cluster(id="i", label="l", mentions=row, mention_count=count)


def chunk(clusters: list[Cluster], meta: Meta | None = None) -> Chunk:
    """A chunk of *clusters*."""
    return Chunk(chunk_id="c", brand="b", sentiment=Sentiment(score=0), clusters=clusters, meta=meta)


@pytest.mark.parametrize(("row", "count", "expected"), [(0, None, 0), (2, None, 3), (1, 40, 40), (2, 0, 0)])
def test_cluster_mentions_is_the_count_else_the_distinct_ids(row: int, count: int | None, expected: int) -> None:
    """What a cluster says of its size wins over what it lists."""
    assert cluster_mentions(cluster(row, count), COUNTS) == expected


@pytest.mark.parametrize(("meta", "expected"), [(None, 43), (Meta(), 43), (Meta(7), 7), (Meta(0), 0)])
def test_chunk_mentions_is_the_count_else_the_sum_of_clusters(meta: Meta | None, expected: int) -> None:
    """What a chunk says of its size wins over its clusters."""
    assert chunk_mentions(chunk([cluster(1, 40), cluster(2)], meta), COUNTS) == expected
