"""Units of sentiment: said or guessed, and what cannot be right in any."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.brand.measures import measure
from orchestrator.brand.sentiment import Tally, tally_by_pane, to_number
from orchestrator.brand.units import Oddities, look_through, sums_of, unit_of
from orchestrator.contract.chunk import Chunk, Cluster, Meta, Sentiment, SentimentUnit
from orchestrator.kernels.measure import FIXED_ONE
from tests.brand.support import chunk


def said(
    positive: float, neutral: float, negative: float, score: float = 0, unit: SentimentUnit | None = None
) -> Sentiment:
    """A sentiment, its values in the order in which people say them."""
    return Sentiment(float(score), float(positive), float(neutral), float(negative), unit)


def odd_of(chunks: list[Chunk], counts: list[int] | None = None) -> Oddities:
    """What is odd about *chunks*."""
    return look_through(chunks, measure(chunks, counts or []))


def counted(sentiment: Sentiment, mentions: int) -> list[float]:
    """What a chunk of so many *mentions* adds, as numbers."""
    return [to_number(total) for total in sums_of(sentiment, mentions)]


@pytest.mark.parametrize(
    ("sentiment", "mentions", "unit"),
    [
        (said(0.5, 0.3, 0.2), 10, "shares"),
        (said(1, 0, 0), 10, "shares"),
        (said(0.8, 0.7, 0.1), 10, "shares"),  # not a whole, but no value is more than one
        (said(20, 30, 50), 20, "percent"),
        (said(33.3, 33.3, 33.3), 20, "percent"),
        (said(33, 33, 33), 20, "percent"),
        (said(34, 34, 33), 7, "percent"),
        (said(20, 30, 52), 20, "counts"),
        (said(20, 30, 50), 100, "counts"),  # the same either way
        (said(33, 33, 33), 99, "counts"),
        (said(33, 33, 33), 100, "counts"),  # one of them is not rated
        (said(5, 2, 1), 3, "counts"),
        (said(0, 0, 0), 10, "counts"),
        (said(12.4, 3.3, 4.3), 20, "counts"),  # sums of probabilities
        (said(1, 0, 0, unit="counts"), 10, "counts"),
        (said(20, 30, 50, unit="counts"), 20, "counts"),
        (said(2, 0, 0, unit="shares"), 20, "shares"),
        (said(1, 0, 0, unit="percent"), 20, "percent"),
    ],
)
def test_unit_is_what_is_said_else_what_the_numbers_are_like(
    sentiment: Sentiment, mentions: int, unit: SentimentUnit
) -> None:
    """A worker's word counts; without it the sum of the values decides, beside the chunk's mentions."""
    assert unit_of(sentiment, mentions) == unit


@pytest.mark.parametrize(
    ("sentiment", "expected"),
    [
        (said(20, 30, 50, -30), [4, 6, 10, -6]),
        (said(20, 30, 50, -0.3), [4, 6, 10, -6]),  # a mean from -1 to 1, as near to (20 - 50) % as can be
        (said(50, 0, 50, 0.4), [10, 0, 10, 0.08]),  # nearer to no balance at all as percent
        (said(20, 30, 50, -0.3, "percent"), [4, 6, 10, -0.06]),
        (said(10, 10, 0, 5, "percent"), [10, 10, 0, 1]),  # only a part was rated: as with shares, it stands for all
        (said(0, 0, 0, 50, "percent"), [0, 0, 0, 10]),
        (said(0, 0, 0, 0.5, "shares"), [0, 0, 0, 10]),
        (said(2, 0, 0, 0.5, "shares"), [20, 0, 0, 10]),
        (said(0.5, 0.25, 0.25, 0.5, "shares"), [10, 5, 5, 10]),
        (said(1, 0, 0, 1, "counts"), [1, 0, 0, 1]),
        (said(0.5, 0.25, 0.25, 0.5, "counts"), [0.5, 0.25, 0.25, 0.5]),
        (said(12.5, 3.25, 4.25, 8.25), [12.5, 3.25, 4.25, 8.25]),
    ],
)
def test_units_are_brought_to_mentions(sentiment: Sentiment, expected: list[float]) -> None:
    """Percent and shares are taken of the chunk's twenty mentions, counts are added as they are."""
    assert counted(sentiment, 20) == expected
    batch = [chunk(sentiment=sentiment, clusters=[], mentions=20)]
    tally = tally_by_pane([0], batch, [20], odd_of(batch))
    assert [to_number(total) for total in tally[0].sums] == expected


@pytest.mark.parametrize(
    ("sentiment", "mentions", "implausible"),
    [
        (said(5, 2, 1, 4), 3, False),  # the README's sample
        (said(20, 0, 0), 5, False),
        (said(21, 0, 0), 5, False),  # more than four times, but not twenty more
        (said(26, 0, 0), 6, False),  # twenty more, no more
        (said(27, 0, 0), 6, True),
        (said(200, 100, 100), 100, False),
        (said(201, 100, 100), 100, True),
        (said(0.5, 0.3, 0.2, 1), 100, False),
        (said(0.5, 0.3, 0.2, -1.1), 100, True),
        (said(5, 2, 1, -8), 3, False),
        (said(5, 2, 1, -9), 3, True),
        (said(0, 0, 0, -7), 7, False),
        (said(0, 0, 0, 8), 7, True),
        (said(20, 30, 50, -30), 20, False),
        (said(20, 30, 50, -130), 20, True),
        (said(200, 30, 50, 0, "percent"), 20, False),
        (said(0.5, 0.5, 0, 1, "counts"), 0, False),
    ],
)
def test_numbers_that_cannot_be_right_are_implausible(sentiment: Sentiment, mentions: int, implausible: bool) -> None:  # noqa: FBT001
    """More rated than four times the mentions and than twenty more; a score that no mentions can have."""
    odd = odd_of(
        [chunk(clusters=[], mentions=n, sentiment=one) for n, one in ((1, said(1, 0, 0)), (mentions, sentiment))]
    )
    assert list(odd.implausible) == [1] * implausible


@pytest.mark.parametrize(
    ("own", "row", "meta", "implausible"),
    [
        (5, 0, 5, False),
        (6, 0, 5, True),
        (None, 1, 3, False),
        (None, 1, 2, True),
        (None, 1, None, False),
        (1, 0, 0, True),
    ],
)
def test_a_cluster_is_no_larger_than_its_chunk(own: int | None, row: int, meta: int | None, implausible: bool) -> None:  # noqa: FBT001
    """By what it says of its size, or by what it lists."""
    parts = [Cluster("a", "a", 0, mention_count=0), Cluster("b", "b", row, mention_count=own)]
    one = Chunk("c", "b", said(0.5, 0.5, 0), parts, meta=None if meta is None else Meta(meta))
    odd = odd_of([one], [0, 3])
    assert list(odd.implausible) == [0] * implausible


values = st.sampled_from([0.0, 1.0, 0.5, 0.3, 0.2, 5.0, 20.0, 30.0, 50.0, 12.4, 99.0, 400.0]) | st.floats(0, 1e9)
sentiments = st.builds(
    Sentiment,
    values | st.floats(-1e9, 1e9),
    *[st.none() | values] * 3,
    st.sampled_from([None, "counts", "shares", "percent"]),
)
rows = st.lists(
    st.tuples(st.integers(0, 2), sentiments, st.integers(0, 130) | st.integers(0, 10**9)), min_size=1, max_size=6
)


@given(rows)
def test_look_through_is_a_look_at_each(batch: list[tuple[int, Sentiment, int]]) -> None:
    """Whatever else is in a batch, each chunk is odd or not by itself, and adds what it is worth."""
    chunks = [chunk(sentiment=sentiment, clusters=[], mentions=size) for _, sentiment, size in batch]
    panes, sizes = [row[0] for row in batch], [row[2] for row in batch]
    odd = odd_of(chunks)
    alone = [odd_of([one]) for one in chunks]
    assert list(odd.foreign) == [place for place, one in enumerate(alone) if one.foreign]
    assert list(odd.implausible) == [place for place, one in enumerate(alone) if one.implausible]
    tallies = tally_by_pane(panes, chunks, sizes, odd)
    for pane, tally in tallies.items():
        total = Tally()
        for at, sentiment, size in batch:
            if at == pane:
                total.add(Tally(1, size, sums_of(sentiment, size)))
        assert tally.sums == total.sums
        assert (tally.chunks, tally.mentions) == (total.chunks, total.mentions)
    assert sum(tally.implausible for tally in tallies.values()) == len(odd.implausible)


@given(sentiments, st.integers(0, 10**6))
def test_shares_and_percent_make_up_the_mentions(sentiment: Sentiment, mentions: int) -> None:
    """Whatever is a part of the mentions adds up to them, exactly."""
    positive, neutral, negative, _ = sums_of(sentiment, mentions)
    if unit_of(sentiment, mentions) != "counts" and any((sentiment.positive, sentiment.neutral, sentiment.negative)):
        assert positive + neutral + negative == mentions * FIXED_ONE
