"""What is measured of a batch: sizes, what is in no story, who has a name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.brand.labels import is_name, noise_ids
from orchestrator.brand.measures import measure
from orchestrator.contract.chunk import Chunk, Cluster, chunk_mentions, cluster_mentions
from tests.brand.support import chunk

COUNTS = [0, 3, 7]

chunks = st.builds(
    chunk,
    clusters=st.lists(
        st.builds(
            Cluster,
            id=st.sampled_from(["0", "-1", "launch", "noise"]),
            label=st.sampled_from(["Late flight", "", "Outliers", "refund"]),
            mentions=st.integers(0, 2),
            mention_count=st.none() | st.integers(0, 9),
        ),
        max_size=3,
    ),
    mentions=st.none() | st.integers(0, 20),
)


@given(st.lists(chunks, max_size=5))
def test_measures_are_those_of_the_contract(batch: list[Chunk]) -> None:
    """Chunk by chunk and cluster by cluster, as the contract counts them."""
    measures = measure(batch, COUNTS)
    assert measures.mentions == [chunk_mentions(one, COUNTS) for one in batch]
    for place, one in enumerate(batch):
        sizes = [cluster_mentions(cluster, COUNTS) for cluster in one.clusters]
        named = [part for part in one.clusters if is_name(part.label) and not noise_ids([part.id])]
        assert measures.sizes_of(place) == sizes
        assert measures.named[place].clusters == named
        inside = sum(cluster_mentions(cluster, COUNTS) for cluster in named)
        assert measures.apart[place] == max(0, measures.mentions[place] - inside)


@pytest.mark.parametrize("label", ["Late flight", "Late flights"])
def test_named_chunks_are_the_chunks_where_all_have_names(label: str) -> None:
    """Nothing is copied where nothing is left out."""
    batch = [chunk(clusters=[Cluster("0", label, 0)])]
    assert measure(batch, COUNTS).named is batch
