"""The measure kernel's pure twin: the definition of what :mod:`orchestrator.kernels._measure` computes.

Owns what is added up over the chunks of a batch: how large they and their clusters are, and their sentiment. Knows
neither what a label means nor units of sentiment other than counts and shares; it tells which chunks need a closer
look. Both twins answer the same, bit by bit: sentiment is summed in integers.

Source: the contract's rule of counting (:mod:`orchestrator.contract.chunk`) and the rules of sentiment in
``docs/insights.md``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.contract.chunk import Chunk, Cluster, Sentiment

IMPLEMENTATION = "python"

FIXED_ONE = 2**32
"""Fixed-point sums count units of 2**-32: exact, so that their order does not matter."""

SHARE_TOLERANCE = 0.01
"""How far the three sentiment values may be from 1 in sum and still be shares (workers round them)."""

RATED_EXTRA = 20
"""So many more mentions rated than there are may be a matter of definition."""

SURE_SHARES = (0.99, 1.01)
"""Three values whose sum is between these are shares: the tolerance less what a sum of rounded values may be off."""

MAYBE_PERCENT = (98.0, 102.0)
"""Three values whose sum is not between these are no percent: the tolerance, and as much again."""


class Measured(NamedTuple):
    """What :func:`measure_chunks` found, in the order of the chunks.

    Attributes:
        mentions: of each chunk: what it says itself, else the sum of its clusters.
        loose: those of each chunk that are in none of its clusters; 0 where its clusters have more than it says.
        sizes: mentions of all clusters, one chunk's behind the other's: what it says itself, else different ones.
        stops: where in *sizes* each chunk's end.
        labels: of all clusters, each once.
        ids: of all clusters.
        unusual: places of chunks whose sentiment may be something else than what :func:`reduce_sentiment` takes it
            for, or whose numbers may be implausible; of all others both is certain not to be so.
    """

    mentions: list[int]
    loose: list[int]
    sizes: list[int]
    stops: list[int]
    labels: set[str]
    ids: list[str]
    unusual: list[int]


def measure_chunks(chunks: Sequence[Chunk], counts: Sequence[int]) -> Measured:
    """Go through *chunks* and their clusters once; *counts* are different mentions by row of their batch."""
    measured = Measured([], [], [], [], set(), [], [])
    for place, chunk in enumerate(chunks):
        sizes = [_size(cluster, counts) for cluster in chunk.clusters]
        inside = sum(sizes)
        said = None if chunk.meta is None else chunk.meta.mention_count
        mentions = inside if said is None else said
        measured.mentions.append(mentions)
        measured.loose.append(max(0, mentions - inside))
        measured.sizes.extend(sizes)
        measured.stops.append(len(measured.sizes))
        measured.labels.update([cluster.label for cluster in chunk.clusters])
        measured.ids.extend([cluster.id for cluster in chunk.clusters])
        if max(sizes, default=0) > mentions or not _is_usual(chunk.sentiment, mentions):
            measured.unusual.append(place)
    return measured


def _size(cluster: Cluster, counts: Sequence[int]) -> int:
    if cluster.mention_count is not None:
        return cluster.mention_count
    if not 0 <= cluster.mentions < len(counts):
        raise IndexError(f"row {cluster.mentions} of a batch of {len(counts)}")
    return counts[cluster.mentions]


def _is_usual(sentiment: Sentiment, size: int) -> bool:
    """Whether *sentiment* is plain counts or plain shares, and plausible for so many mentions.

    Nearly all are. A closer look would cost as much as the rest of a small chunk's fold.
    """
    if sentiment.unit is not None:
        return False
    positive, neutral, negative = sentiment.positive or 0.0, sentiment.neutral or 0.0, sentiment.negative or 0.0
    rated, score = positive + neutral + negative, sentiment.score
    if SURE_SHARES[0] < rated < SURE_SHARES[1]:
        return -1.0 <= score <= 1.0
    whole = positive.is_integer() and neutral.is_integer() and negative.is_integer()
    return whole and -rated <= score <= rated <= size + RATED_EXTRA and not MAYBE_PERCENT[0] < rated < MAYBE_PERCENT[1]


def reduce_sentiment(sentiments: Sequence[Sentiment], mentions: Sequence[int]) -> tuple[int, int, int, int]:
    """Sum up the sentiment of chunks.

    Args:
        sentiments: one a chunk.
        mentions: the size of each chunk.

    Returns:
        (positive, neutral, negative, score) in units of 1 / :data:`FIXED_ONE`, exact.
    """
    positive = neutral = negative = score = 0
    for sentiment, size in zip(sentiments, mentions, strict=True):
        added = _into_fixed(sentiment, size)
        positive += added[0]
        neutral += added[1]
        negative += added[2]
        score += added[3]
    return positive, neutral, negative, score


def _into_fixed(sentiment: Sentiment, size: int) -> tuple[int, int, int, int]:
    """One chunk's counts; shares (a sum of 1, or a part of a mention) are taken of its mentions."""
    positive, neutral, negative = sentiment.positive or 0.0, sentiment.neutral or 0.0, sentiment.negative or 0.0
    total = positive + neutral + negative
    whole = positive.is_integer() and neutral.is_integer() and negative.is_integer()
    if whole and abs(total - 1.0) > SHARE_TOLERANCE:
        return to_fixed(positive), to_fixed(neutral), to_fixed(negative), to_fixed(sentiment.score)
    plus = to_fixed(positive / total * size)
    minus = min(to_fixed(negative / total * size), size * FIXED_ONE - plus)
    # The neutral share takes the rounding, so that the three are the chunk's mentions exactly.
    return plus, size * FIXED_ONE - plus - minus, minus, to_fixed(sentiment.score * size)


def to_fixed(value: float) -> int:
    """The nearest fixed-point number, ties to even; scaling by a power of two is exact."""
    return round(value * FIXED_ONE)
