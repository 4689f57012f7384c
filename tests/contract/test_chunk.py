"""How a chunk's mentions are counted."""

from __future__ import annotations

import pytest

from orchestrator.contract.chunk import Chunk, Cluster, Meta, Sentiment, chunk_mentions, cluster_mentions


def cluster(mentions: list[str], count: int | None = None) -> Cluster:
    """A cluster that lists *mentions* and says *count*."""
    return Cluster(id="i", label="l", mentions=mentions, mention_count=count)


def chunk(clusters: list[Cluster], meta: Meta | None = None) -> Chunk:
    """A chunk of *clusters*."""
    return Chunk(chunk_id="c", brand="b", sentiment=Sentiment(score=0), clusters=clusters, meta=meta)


@pytest.mark.parametrize(
    ("mentions", "count", "expected"),
    [([], None, 0), (["a"], None, 1), (["a", "b", "a"], None, 2), (["a"], 40, 40), (["a", "b"], 0, 0)],
)
def test_cluster_mentions_is_the_count_else_the_distinct_ids(
    mentions: list[str], count: int | None, expected: int
) -> None:
    """What a cluster says of its size wins over what it lists."""
    assert cluster_mentions(cluster(mentions, count)) == expected


@pytest.mark.parametrize(("meta", "expected"), [(None, 43), (Meta(), 43), (Meta(7), 7), (Meta(0), 0)])
def test_chunk_mentions_is_the_count_else_the_sum_of_clusters(meta: Meta | None, expected: int) -> None:
    """What a chunk says of its size wins over its clusters."""
    assert chunk_mentions(chunk([cluster(["a"], 40), cluster(["a", "b", "c"])], meta)) == expected
