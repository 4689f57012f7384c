"""Combined chunks say what their parts say, as far as a chunk can."""

from __future__ import annotations

import json

import pytest

from bench import _payloads
from bench.combined import combine, processor_s


@pytest.mark.parametrize("merged", [True, False])
@pytest.mark.parametrize("centroids", [True, False])
def test_combined_chunks_bring_the_mentions_of_their_parts(merged: bool, centroids: bool) -> None:  # noqa: FBT001
    """All of them are taken, and nothing is lost or doubled."""
    chunks = list(_payloads.large(20, stories=10, centroids=centroids))
    whole = list(combine(chunks, 16, merged=merged))
    assert len(whole) == 2
    assert processor_s(whole)[1] == processor_s(chunks)[1] > 0
    labels = [cluster["label"] for cluster in json.loads(whole[0])["clusters"]]
    assert len(labels) == (10 if merged else 16 * _payloads.CLUSTERS)
    assert len(set(labels)) == 10
