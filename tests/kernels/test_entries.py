"""Tests of the entries of recent chunks."""

from __future__ import annotations

import importlib
import json
from types import ModuleType
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.brand.text import clip
from orchestrator.contract.chunk import Chunk, Cluster, Meta, Sentiment, TopicCount
from orchestrator.contract.insights import RecentChunk
from orchestrator.kernels import entries_py
from tests.kernels.support import COMPILED, twins_of

KERNELS = twins_of("entries")
TIME = "2026-11-23T12:00:00.000Z"
COUNTS = [5, 2, 0, 7]


@pytest.fixture(params=KERNELS, scope="module")
def kernel(request: pytest.FixtureRequest) -> ModuleType:
    """Each twin in turn."""
    return importlib.import_module(request.param)


def chunk(*clusters: Cluster, sentiment: Sentiment | None = None, **fields: Any) -> Chunk:
    """A chunk of *clusters*."""
    return Chunk("c-1", "nike", sentiment or Sentiment(0.0), list(clusters), **fields)


def entry(kernel: ModuleType, own: Chunk, mentions: int = 9) -> Any:
    """The entry of *own*, read."""
    return json.loads(kernel.encode_entry(own, TIME, mentions, COUNTS, clip))


def test_entry_counts_mentions_in_numbers(kernel: ModuleType) -> None:
    """A recent chunk tells sizes, not mention texts, and the time that counts; readers of today can read it."""
    own = chunk(Cluster("a", "A", 1), meta=Meta(9), topics=["t", TopicCount("u", 3)], summary="Said.")
    found = entry(kernel, own)
    assert (found["chunkId"], found["brand"], found["mentions"], found["processedAt"]) == ("c-1", "nike", 9, TIME)
    assert found["clusters"] == [{"id": "a", "label": "A", "mentions": 2, "spike": False}]
    assert (found["clusterCount"], found["topics"], found["summary"]) == (1, ["t", "u"], "Said.")
    assert set(RecentChunk.__struct_encode_fields__) == set(found)
    read = msgspec.json.decode(kernel.encode_entry(own, TIME, 9, COUNTS, clip), type=RecentChunk)
    assert (read.cluster_count, read.clusters[0].mentions) == (1, 2)


def test_entry_tells_what_a_worker_said_of_sentiment(kernel: ModuleType) -> None:
    """And nothing of what it did not say."""
    assert entry(kernel, chunk(sentiment=Sentiment(-0.5)))["sentiment"] == {"score": -0.5}
    told = {"score": 1.0, "positive": 3.0, "neutral": 0.25, "negative": 0.0}
    assert entry(kernel, chunk(sentiment=Sentiment(**told, unit="counts")))["sentiment"] == told


@pytest.mark.parametrize(
    ("flagged", "of_chunk", "of_cluster"),
    [(None, None, False), (False, False, False), (True, None, False), (None, True, True)],
)
def test_entry_tells_of_flags(
    kernel: ModuleType,
    flagged: bool | None,  # noqa: FBT001
    of_chunk: bool | None,  # noqa: FBT001
    of_cluster: bool,  # noqa: FBT001
) -> None:
    """Of the chunk's own and of those of its clusters, the small ones as well."""
    clusters = [Cluster("", "", 3) for _ in range(entries_py.MAX_CLUSTERS)]
    found = entry(kernel, chunk(*clusters, Cluster("", "", 2, spike=of_chunk), spike_detected=flagged))
    assert found["spikeDetected"] is bool(flagged or of_chunk)
    one = entry(kernel, chunk(Cluster("", "", 3, spike=of_chunk)))
    assert one["clusters"][0]["spike"] is of_cluster


def test_entry_is_bounded(kernel: ModuleType) -> None:
    """A huge chunk makes a small entry: its largest clusters, its first topics, cut texts."""
    clusters = [Cluster("x" * 4096, "y" * 4096, 0, mention_count=number) for number in range(500)]
    own = chunk(*clusters, topics=["z" * 4096] * 1000, summary="s" * 60_000, sentiment=Sentiment(1e9))
    assert len(kernel.encode_entry(own, TIME, 10**9, [0], clip)) < 12_000
    sizes = [cluster["mentions"] for cluster in entry(kernel, own)["clusters"]]
    assert sizes == list(range(499, 499 - entries_py.MAX_CLUSTERS, -1))


def test_entry_lists_the_largest_cluster_first(kernel: ModuleType) -> None:
    """Among clusters of one size the order is the chunk's."""
    sizes = {"a": 1, "b": 3, "c": 1, "d": 3}
    found = entry(kernel, chunk(*(Cluster(name, name, 0, mention_count=size) for name, size in sizes.items())))
    assert [cluster["id"] for cluster in found["clusters"]] == ["b", "d", "a", "c"]


@pytest.mark.parametrize("row", [-1, 4, 2**40])
def test_entry_refuses_rows_that_are_not_there(kernel: ModuleType, row: int) -> None:
    """A cluster without a count of its own has the mentions of its row."""
    with pytest.raises(IndexError, match=f"^row {row} of a batch of 4$"):
        entry(kernel, chunk(Cluster("a", "A", row)))


TEXTS = (
    st.text(max_size=12) | st.text(' ab"\\\n\x1f\x7f~\u00e9', max_size=12) | st.sampled_from(["", "a" * 200, "a" * 401])
)
NUMBERS = st.floats(-1e9, 1e9) | st.integers(-(10**9), 10**9).map(float) | st.sampled_from([0.0, -0.0, 1e15, 0.1])
CLUSTERS = st.builds(
    Cluster, TEXTS, TEXTS, st.integers(0, 3), st.none(), st.none() | st.booleans(), st.none() | st.integers(0, 10**9)
)
CHUNKS = st.builds(
    Chunk,
    TEXTS,
    TEXTS,
    st.builds(Sentiment, NUMBERS, *[st.none() | NUMBERS] * 3),
    st.lists(CLUSTERS, max_size=13),
    topics=st.none() | st.lists(TEXTS | st.builds(TopicCount, TEXTS), max_size=22),
    summary=st.none() | TEXTS,
    spike_detected=st.none() | st.booleans(),
)


@pytest.mark.skipif(not COMPILED, reason="no compiled kernel on this machine")
@given(CHUNKS, st.integers(0, 2**62))
def test_twins_write_the_same_bytes(own: Chunk, mentions: int) -> None:
    """Whatever signs are in the texts, however long they are, and whatever the numbers look like."""
    pure, compiled = (importlib.import_module(name).encode_entry(own, TIME, mentions, COUNTS, clip) for name in KERNELS)
    assert pure == compiled


@pytest.mark.parametrize("number", [1e15, -1e15, 999_999_999_999_999.0, 1e16, 1e22, 5e-324, -0.0, 0.1, 1e300])
def test_numbers_are_written_as_the_encoder_does(kernel: ModuleType, number: float) -> None:
    """Also those that no worker may send."""
    own = chunk(sentiment=Sentiment(number))
    written = b'{"score":' + msgspec.json.encode(number) + b"}"
    assert written in kernel.encode_entry(own, TIME, 0, COUNTS, clip)
