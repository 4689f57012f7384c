"""In which unit a chunk's sentiment is, and whether its numbers can be right.

A worker may say the unit. If it does not, the numbers decide: three values that add up to 1 are shares, three that add
up to 100 are percent unless the chunk has about as many mentions, fractions above 1 cannot be shares and so are counts.
All else is as the measure kernel takes it, ``measure.reduce_sentiment``, which knows counts and shares; nearly all
chunks go there as they are, and ``measure.measure_chunks`` tells of those that may not.

A guess may be wrong, and a worker too. What cannot be right is counted as it is, and the chunk as implausible, so that
somebody looks.

Source: the rules of sentiment in ``docs/chunks.md`` and ``docs/insights.md``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from orchestrator.contract.chunk import Chunk, Sentiment, SentimentUnit
from orchestrator.kernels.measure import FIXED_ONE, RATED_EXTRA, SHARE_TOLERANCE, reduce_sentiment

if TYPE_CHECKING:
    from orchestrator.brand.measures import Measures

Sums = tuple[int, int, int, int]
"""Positive, neutral, negative and score, in units of 2**-32."""

PERCENT = 100
PERCENT_TOLERANCE = 1 + 1e-9  # the rest is for sums of rounded values

RATED_FACTOR = 4
"""More mentions rated than four times those that there are, and than ``RATED_EXTRA`` more: no matter of definition."""

_ROUNDING = 1 + 1e-6


class Oddities(NamedTuple):
    """Places of chunks: of those whose sentiment the kernel cannot be given as it is, and of the implausible ones."""

    foreign: Sequence[int]
    implausible: Sequence[int]

    def of(self, places: Sequence[int]) -> Oddities:
        """What is odd about the chunks at *places*, once they stand alone in that order."""
        where = {place: number for number, place in enumerate(places)}
        return Oddities(*([where[place] for place in kind if place in where] for kind in self))


NO_ODDITIES = Oddities((), ())


def look_through(chunks: Sequence[Chunk], measures: Measures) -> Oddities:
    """What is odd about *chunks*, of which the measure kernel has found those that may be."""
    if not measures.unusual:  # nearly always
        return NO_ODDITIES
    foreign: list[int] = []
    implausible: list[int] = []
    for place in measures.unusual:
        sentiment, size = chunks[place].sentiment, measures.mentions[place]
        if not _is_kernels(sentiment, unit_of(sentiment, size)):
            foreign.append(place)
        largest = max(measures.sizes_of(place), default=0)
        if largest > size or not _is_plausible(sums_of(sentiment, size), size):
            implausible.append(place)
    return Oddities(foreign, implausible)


def _is_plausible(sums: Sums, size: int) -> bool:
    positive, neutral, negative, score = sums
    rated = (positive + neutral + negative) / FIXED_ONE
    if rated > RATED_FACTOR * size and rated > size + RATED_EXTRA:
        return False
    # Each mention has a score from -1 to 1; a worker may rate more of them than it counts.
    return abs(score) / FIXED_ONE <= max(rated, size) * _ROUNDING


def unit_of(sentiment: Sentiment, mentions: int) -> SentimentUnit:
    """The unit that *sentiment* says or else seems to be in, in a chunk of so many *mentions*."""
    if sentiment.unit is not None:
        return sentiment.unit
    values = _values(sentiment)
    total = sum(values)
    if abs(total - 1.0) <= SHARE_TOLERANCE:
        return "shares"
    if abs(total - PERCENT) <= PERCENT_TOLERANCE and mentions not in (total, PERCENT):
        return "percent"
    whole = not any(value % 1 for value in values)
    return "counts" if whole or max(values) > 1 else "shares"


def _is_kernels(sentiment: Sentiment, unit: SentimentUnit) -> bool:
    """Whether the kernel takes *sentiment* for what it is."""
    values = _values(sentiment)
    if unit == "percent" or (unit == "shares" and not 0 < sum(values) < 2):  # noqa: PLR2004 - (2, 0, 0) looks like counts
        return False
    if unit == "shares":
        return True
    return not any(value % 1 for value in values) and abs(sum(values) - 1.0) > SHARE_TOLERANCE


def sums_of(sentiment: Sentiment, mentions: int) -> Sums:
    """What a chunk of so many *mentions* adds, whatever unit its *sentiment* is in."""
    unit = unit_of(sentiment, mentions)
    values = _values(sentiment)
    if unit == "counts":
        return _fixed(values[0]), _fixed(values[1]), _fixed(values[2]), _fixed(sentiment.score)
    total = sum(values)
    score = _mean_score(sentiment) if unit == "percent" else sentiment.score
    if not total:  # nothing is rated, but the score is a mean all the same
        return 0, 0, 0, _fixed(score * mentions)
    positive, neutral, negative = (value / total for value in values)
    return reduce_sentiment([Sentiment(score, positive, neutral, negative)], [mentions])


def _mean_score(sentiment: Sentiment) -> float:
    """The mean score of a chunk in percent, from -1 to 1.

    It is percent as well, if the worker says so. If percent was guessed, it may be a mean from -1 to 1 as usual: then
    the reading that is nearer to the balance of the three values is taken.
    """
    as_percent = sentiment.score / PERCENT
    if sentiment.unit is not None:
        return as_percent
    positive, neutral, negative = _values(sentiment)
    balance = (positive - negative) / (positive + neutral + negative)
    return min(as_percent, sentiment.score, key=lambda score: abs(score - balance))


def _values(sentiment: Sentiment) -> tuple[float, float, float]:
    return sentiment.positive or 0.0, sentiment.neutral or 0.0, sentiment.negative or 0.0


def _fixed(value: float) -> int:
    return round(value * FIXED_ONE)
