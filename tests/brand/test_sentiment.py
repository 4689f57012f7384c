"""Tests of tallies; the arithmetic of single chunks is tested with the merge kernel."""

from __future__ import annotations

from fractions import Fraction
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.brand.sentiment import Tally, tally_by_pane, to_number
from orchestrator.contract.chunk import Chunk, Sentiment
from tests.brand.support import chunk, sample

values = st.floats(0, 1e9) | st.integers(0, 10**9).map(float)
sentiments = st.builds(Sentiment, st.floats(-1e9, 1e9), *[st.none() | values] * 3)
rows = st.lists(st.tuples(st.integers(0, 3), sentiments, st.integers(0, 10**9)), min_size=1, max_size=8)


@given(rows, st.randoms())
def test_tally_by_pane_does_not_depend_on_order_or_cut(batch: list[tuple[int, Sentiment, int]], random: Random) -> None:
    """Sums are exact: any order and any cut of a batch give the same integers."""
    shuffled = list(batch)
    random.shuffle(shuffled)
    totals: dict[int, Tally] = {}
    for pane, sentiment, mentions in shuffled:
        for added in tally_by_pane([pane], [chunk(sentiment=sentiment)], [mentions]).values():
            totals.setdefault(pane, Tally()).add(added)
    chunks = [chunk(sentiment=sentiment) for _, sentiment, _ in batch]
    at_once = tally_by_pane([row[0] for row in batch], chunks, [row[2] for row in batch])
    assert {pane: tally.encode() for pane, tally in at_once.items()} == {
        pane: tally.encode() for pane, tally in totals.items()
    }


@given(rows)
def test_tally_subtract_leaves_no_trace(batch: list[tuple[int, Sentiment, int]]) -> None:
    """What was added and taken out again is as if it had never been."""
    chunks = [chunk(sentiment=sentiment) for _, sentiment, _ in batch]
    total = Tally(3, 5, (1, 2, 3, -4))
    for tally in tally_by_pane([row[0] for row in batch], chunks, [row[2] for row in batch]).values():
        total.add(tally)
        total.subtract(tally)
    assert total.encode() == Tally(3, 5, (1, 2, 3, -4)).encode()


@given(st.integers(0, 10), st.integers(0, 2**80), st.tuples(*[st.integers(-(2**90), 2**90)] * 4))
def test_tally_survives_storage(chunks: int, mentions: int, sums: tuple[int, int, int, int]) -> None:
    """A stored tally is the tally."""
    tally = Tally(chunks, mentions % 2**63, sums)
    assert Tally.decode(b"h:1", tally.encode()).sums == sums


def test_net_is_none_without_mentions() -> None:
    """Nothing counted has no balance, which is not the same as a balanced one."""
    assert Tally().net() is None
    assert Tally(sums=(3, 0, 1, 0)).net() == 0.5


def test_shares_of_the_samples_add_up_to_their_mentions() -> None:
    """In the shares dialect, positive, neutral and negative of a brand make up its mentions to 1e-6."""
    chunks = [*sample("chunks_shares.ndjson", "nike").chunks]
    sizes = [_size(one) for one in chunks]
    tally = tally_by_pane([0] * len(chunks), chunks, sizes)[0]
    assert abs(sum(map(to_number, tally.sums[:3])) - sum(sizes)) < 1e-6


def test_net_equals_a_recount_by_hand() -> None:
    """Net sentiment is that of fractions added up chunk by chunk, in exact arithmetic."""
    chunks = sample("chunks_shares.ndjson", "nike").chunks
    sizes = [_size(one) for one in chunks]
    balance = sum(
        _share(one, "positive") * size - _share(one, "negative") * size for one, size in zip(chunks, sizes, strict=True)
    )
    net = tally_by_pane([0] * len(chunks), chunks, sizes)[0].net()
    assert net is not None
    assert abs(net - balance / sum(sizes)) < 1e-9


def _size(one: Chunk) -> int:
    assert one.meta is not None
    assert one.meta.mention_count is not None
    return one.meta.mention_count


def _share(one: Chunk, name: str) -> Fraction:
    values = {field: Fraction(getattr(one.sentiment, field)) for field in ("positive", "neutral", "negative")}
    return values[name] / sum(values.values())
