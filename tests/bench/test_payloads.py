"""The chunks that benchmarks push are chunks, and their stories are there when they are said to be."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest

from bench import _payloads
from orchestrator.brand.outputs import FoldConfig
from orchestrator.brand.state import BrandState
from orchestrator.contract.decode import decode_batch

NOW_MS = 1_735_689_600_000


def stories_of(chunks: Iterable[bytes], brand: str) -> int:
    """How many stories a brand has after *chunks*, none of which is rejected or a repetition."""
    batch = decode_batch(list(chunks), brand)
    assert not batch.rejected
    assert len({chunk.chunk_id for chunk in batch.chunks}) == len(batch.chunks)
    state = BrandState(FoldConfig())
    state.fold(batch, NOW_MS)
    return state.story_count


@pytest.mark.parametrize(("centroids", "packed"), [(True, False), (False, False), (True, True)], ids=["b", "c", "f32"])
def test_large_founds_all_stories_first_and_no_other_later(*, centroids: bool, packed: bool) -> None:
    """After the founding chunks every story is there; those that come later join one."""
    founding = _payloads.founding(100)
    assert founding == 13
    chunks = list(_payloads.large(40, stories=100, centroids=centroids, packed=packed))
    assert stories_of(chunks[: founding - 1], "bench") < 100
    assert stories_of(chunks[:founding], "bench") == 100
    assert stories_of(chunks, "bench") == 100


def test_texts_found_all_stories_first_and_no_other_later() -> None:
    """Those of one story have its words, in whatever order; none comes twice."""
    founding = _payloads.founding(100)
    chunks = list(_payloads.texts(60, stories=100))
    assert stories_of(chunks[: founding - 1], "bench") < 100
    assert stories_of(chunks[:founding], "bench") == 100
    assert stories_of(chunks, "bench") == 100
    batch = decode_batch(chunks, "bench")
    hashes = batch.mentions.hashes.tolist()
    assert len(set(hashes)) == len(hashes) == 60 * _payloads.CLUSTERS * _payloads.EXAMPLES


def test_large_packs_the_vectors_that_it_writes_out() -> None:
    """(f32) says the same as (b), but for numbers that float32 cannot hold."""
    written, packed = (decode_batch(list(_payloads.large(3, packed=form)), "bench") for form in (False, True))
    assert len(packed.centroids) == 3 * _payloads.CLUSTERS
    assert np.array_equal(written.centroids.values, packed.centroids.values)
    assert [chunk.clusters for chunk in written.chunks] == [chunk.clusters for chunk in packed.chunks]


def test_large_takes_any_brand() -> None:
    """What the brand's name holds is no placeholder of the template."""
    assert stories_of(_payloads.large(2, "50% off", stories=16), "50% off") == 16


def test_large_lists_ids_of_its_own() -> None:
    """No mention comes twice, in whichever chunk or cluster."""
    batch = decode_batch(list(_payloads.large(20, stories=10, centroids=False)), "bench")
    clusters = [cluster for chunk in batch.chunks for cluster in chunk.clusters]
    assert len(clusters) == 20 * _payloads.CLUSTERS
    hashes = batch.mentions.hashes.tolist()
    assert len(set(hashes)) == len(hashes) == len(clusters) * _payloads.MENTIONS
