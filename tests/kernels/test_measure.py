"""The measure kernel: one suite for both twins, and exact arithmetic that is neither."""

from __future__ import annotations

import importlib
from fractions import Fraction
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct
from msgspec.structs import asdict

from orchestrator.contract.chunk import Chunk, Cluster, Meta, Sentiment, chunk_mentions, cluster_mentions
from orchestrator.kernels import measure, measure_py
from tests.kernels.support import twins_of


@pytest.fixture(params=twins_of("measure"), scope="module")
def kernel(request: pytest.FixtureRequest) -> ModuleType:
    """Each twin in turn."""
    return importlib.import_module(request.param)


NUMBERS = st.sampled_from([0.0, 1.0, 2.0, 0.5, 0.25, 0.3333, 1e9, 0.995]) | st.floats(0, 1e9)
FEELINGS = st.builds(
    Sentiment, score=st.floats(-1e9, 1e9), positive=NUMBERS | st.none(), neutral=NUMBERS, negative=NUMBERS
)


def exact_sentiment(sentiment: Sentiment, size: int) -> list[Fraction]:
    """The rule in exact arithmetic."""
    three = [Fraction(value or 0) for value in (sentiment.positive, sentiment.neutral, sentiment.negative)]
    total = sum(three)
    if all(value.denominator == 1 for value in three) and abs(float(total) - 1) > measure.SHARE_TOLERANCE:
        return [*three, Fraction(sentiment.score)]
    return [value / total * size for value in three] + [Fraction(sentiment.score) * size]


@given(batch=st.lists(st.tuples(FEELINGS, st.integers(0, 10**9)), max_size=8), order=st.randoms())
def test_reduce_sentiment_is_the_exact_sum(kernel: ModuleType, batch: list[Any], order: Any) -> None:
    """Sums are right to rounding of each chunk, equal in both twins, and do not depend on the order."""
    found = kernel.reduce_sentiment(*columns(batch))
    exact, sizes = [exact_sentiment(*pair) for pair in batch], [size for _, size in batch]
    for value, terms in zip(found, list(zip(*exact, strict=True)) or [(), (), (), ()], strict=True):
        # neutral takes what the two others' rounding left, so the size bounds the error of all three
        rounding = sum(
            Fraction(1, 2**31) + (size + abs(term)) / Fraction(2**50) for term, size in zip(terms, sizes, strict=True)
        )
        assert abs(Fraction(value, measure.FIXED_ONE) - sum(terms)) <= rounding
    order.shuffle(batch)
    assert found == measure.reduce_sentiment(*columns(batch))


def columns(batch: list[Any]) -> tuple[list[Sentiment], list[int]]:
    """The pairs of *batch* as two lists."""
    return [feeling for feeling, _ in batch], [size for _, size in batch]


def test_reduce_sentiment_shares_make_up_the_mentions(kernel: ModuleType) -> None:
    """Three thirds of ten mentions are ten mentions to the last unit."""
    third = Sentiment(score=0.1, positive=1 / 3, neutral=1 / 3, negative=1 / 3)
    positive, neutral, negative, score = kernel.reduce_sentiment([third], [10])
    assert positive + neutral + negative == 10 * measure.FIXED_ONE
    assert score == measure.FIXED_ONE


def test_reduce_sentiment_counts_are_added_as_they_are(kernel: ModuleType) -> None:
    """The counts dialect: whole numbers that do not sum to one."""
    counts = Sentiment(score=4.0, positive=5.0, neutral=2.0, negative=1.0)
    one = measure.FIXED_ONE
    assert kernel.reduce_sentiment([counts, counts], [3, 9]) == (10 * one, 4 * one, 2 * one, 8 * one)
    assert kernel.reduce_sentiment([], []) == (0, 0, 0, 0)
    assert kernel.reduce_sentiment([Sentiment(score=0.5)], [7]) == (0, 0, 0, one // 2)


COUNTS = [0, 3, 7, 10**9]
EDGES = st.sampled_from([0.0, 1.0, 0.5, 0.3, 0.2, 0.98, 0.99, 1.01, 2.0, 20.0, 97.9, 98.0, 102.0, 1e9, float("inf")])
SENTIMENTS = st.builds(
    Sentiment,
    EDGES | st.floats(-1e9, 1e9) | st.sampled_from([-1.0, -0.98, -98.0, float("nan")]),
    *[st.none() | EDGES | st.floats(0, 1e9)] * 3,
    st.sampled_from([None, None, None, "counts", "shares", "percent"]),
)
CLUSTERS = st.builds(
    Cluster,
    id=st.sampled_from(["0", "-1", "launch"]),
    label=st.sampled_from(["Late flight", "", "\U0001f44d"]),
    mentions=st.integers(0, len(COUNTS) - 1),
    mention_count=st.none() | st.integers(0, 9),
)
CHUNKS = st.builds(
    Chunk,
    chunk_id=st.just("c"),
    brand=st.just("b"),
    sentiment=SENTIMENTS,
    clusters=st.lists(CLUSTERS, max_size=3),
    meta=st.none() | st.builds(Meta, st.none() | st.integers(0, 130)),
)


@given(st.lists(CHUNKS, max_size=5))
def test_measure_chunks_counts_as_the_contract_does(kernel: ModuleType, chunks: list[Chunk]) -> None:
    """Chunk by chunk and cluster by cluster; and what is usual does not depend on the twin."""
    found = kernel.measure_chunks(chunks, COUNTS)
    clusters = [cluster for chunk in chunks for cluster in chunk.clusters]
    inside = [sum(cluster_mentions(cluster, COUNTS) for cluster in chunk.clusters) for chunk in chunks]
    assert found.mentions == [chunk_mentions(chunk, COUNTS) for chunk in chunks]
    assert found.loose == [max(0, size - one) for size, one in zip(found.mentions, inside, strict=True)]
    assert found.sizes == [cluster_mentions(cluster, COUNTS) for cluster in clusters]
    assert found.stops == [sum(len(one.clusters) for one in chunks[: place + 1]) for place in range(len(chunks))]
    assert (found.labels, found.ids) == ({one.label for one in clusters}, [one.id for one in clusters])
    assert found == measure_py.measure_chunks(chunks, COUNTS)


@pytest.mark.parametrize(
    ("values", "mentions", "usual"),
    [
        ((4.0, 5.0, 2.0, 1.0), 8, True),
        ((4.0, 5.0, 2.0, 1.5), 8, False),  # no whole numbers: counts or shares by a closer look
        ((8.0, 5.0, 2.0, 1.0), 8, True),
        ((9.0, 5.0, 2.0, 1.0), 8, False),
        ((-8.0, 5.0, 2.0, 1.0), 8, True),
        ((-9.0, 5.0, 2.0, 1.0), 8, False),
        ((0.0, 20.0, 2.0, 6.0), 8, True),
        ((0.0, 20.0, 2.0, 7.0), 8, False),
        ((0.0, 50.0, 30.0, 18.0), 200, True),
        ((0.0, 50.0, 30.0, 19.0), 200, False),  # may be percent
        ((0.0, 50.0, 30.0, 21.0), 200, False),
        ((0.0, 50.0, 30.0, 22.0), 200, True),
        ((0.0, None, None, None), 8, True),
        ((1.0, 0.5, 0.25, 0.25), 8, True),
        ((-1.0, 1.0, None, None), 8, True),
        ((1.5, 0.5, 0.25, 0.25), 8, False),
        ((-1.5, 0.5, 0.25, 0.25), 8, False),
        ((0.0, 0.5, 0.25, 0.24), 8, False),  # at the tolerance: a closer look
        ((0.0, 0.5, 0.25, 0.26), 8, False),
        ((0.0, 0.5, 0.25, 0.255), 8, True),
    ],
)
def test_measure_chunks_tells_what_needs_a_closer_look(
    kernel: ModuleType,
    values: tuple[float, float | None, float | None, float | None],
    mentions: int,
    usual: bool,  # noqa: FBT001
) -> None:
    """Plain counts and plain shares do not, as long as they are plausible; a said unit always does."""
    for unit in (None, "counts"):
        sentiment = Sentiment(*values, unit)
        chunk = Chunk("c", "b", sentiment, [], meta=Meta(mentions))
        assert kernel.measure_chunks([chunk], []).unusual == ([] if usual and not unit else [0])


@pytest.mark.parametrize(("said", "unusual"), [(3, []), (2, [0]), (None, [])])
def test_measure_chunks_tells_of_a_cluster_larger_than_its_chunk(
    kernel: ModuleType, said: int | None, unusual: list[int]
) -> None:
    """Whatever the sentiment is."""
    parts = [Cluster("a", "a", 0, mention_count=0), Cluster("b", "b", 1)]
    chunk = Chunk("c", "b", Sentiment(0.0, 0.5, 0.5), parts, meta=None if said is None else Meta(said))
    assert kernel.measure_chunks([chunk], [0, 3]).unusual == unusual


@pytest.mark.parametrize("row", [-1, 2])
def test_measure_chunks_refuses_a_row_that_is_none(kernel: ModuleType, row: int) -> None:
    """A chunk of another batch would be counted with what happens to lie there."""
    with pytest.raises(IndexError, match=f"row {row} of a batch of 2"):
        kernel.measure_chunks([Chunk("c", "b", Sentiment(0.0), [Cluster("a", "a", row)])], [1, 2])


class Feelings(Struct):
    """Like :class:`Sentiment`, but with its fields in other places."""

    negative: float
    neutral: float
    positive: float
    score: float


def test_fields_are_those_of_each_object(kernel: ModuleType) -> None:
    """Whatever type comes first or in between, each object is asked for its own fields, and may lack some."""
    one = Sentiment(4.0, 5.0, 2.0, 1.0)
    mixed = [one, Feelings(1.0, 2.0, 5.0, 4.0), SimpleNamespace(**asdict(one)), one]
    assert kernel.reduce_sentiment(mixed, [8] * 4) == tuple(4 * n * measure.FIXED_ONE for n in (5, 2, 1, 4))
    with pytest.raises(AttributeError, match="negative"):
        kernel.reduce_sentiment([SimpleNamespace(score=1.0, positive=1.0, neutral=1.0)], [8])
