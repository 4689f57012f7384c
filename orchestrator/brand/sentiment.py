"""Tallies: exact sums of how many chunks there were, of how many mentions, with which sentiment.

Sums of sentiment are integers in units of 2**-32. So totals do not depend on the order of chunks or the cut of
batches, and what leaves the window leaves no rounding error.

Source: the design's rule on sentiment. In which dialect a chunk is written (counts, or shares of its mentions), and
what it adds, is decided by the merge kernel, ``merge.reduce_sentiment``.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from orchestrator.brand.codec import FieldDecoder, pack, pack_wide, unpack_wide
from orchestrator.contract.chunk import Chunk, Sentiment
from orchestrator.kernels.merge import FIXED_ONE, reduce_sentiment

Sums = tuple[int, int, int, int]
"""Positive, neutral, negative and score, in units of 2**-32."""


class TallyFields(Struct, array_like=True):
    """A tally as a field holds it."""

    chunks: int
    mentions: int
    sums: list[bytes]


_decoder = FieldDecoder(TallyFields)


class Tally:
    """Chunks, mentions and sentiment of some stretch of time."""

    __slots__ = ("chunks", "mentions", "negative", "neutral", "positive", "score")

    def __init__(self, chunks: int = 0, mentions: int = 0, sums: Sums = (0, 0, 0, 0)) -> None:
        self.chunks = chunks
        self.mentions = mentions
        self.positive, self.neutral, self.negative, self.score = sums

    @property
    def sums(self) -> Sums:
        """The exact sums."""
        return self.positive, self.neutral, self.negative, self.score

    def add(self, other: Tally) -> None:
        """Take *other* in."""
        self.chunks += other.chunks
        self.mentions += other.mentions
        self.positive += other.positive
        self.neutral += other.neutral
        self.negative += other.negative
        self.score += other.score

    def subtract(self, other: Tally) -> None:
        """Take *other* out again, which was added before."""
        self.chunks -= other.chunks
        self.mentions -= other.mentions
        self.positive -= other.positive
        self.neutral -= other.neutral
        self.negative -= other.negative
        self.score -= other.score

    def net(self) -> float | None:
        """Net sentiment ``(P - N) / (P + U + N)``, from -1 to 1; None if nothing has a sentiment."""
        counted = self.positive + self.neutral + self.negative
        return (self.positive - self.negative) / counted if counted else None

    def encode(self) -> bytes:
        """As bytes of msgpack."""
        return pack(self.to_fields())

    def to_fields(self) -> list[object]:
        """As a value that msgpack can hold inside another."""
        return [self.chunks, self.mentions, [pack_wide(total) for total in self.sums]]

    @classmethod
    def decode(cls, name: bytes, value: bytes) -> Tally:
        """The inverse of :meth:`encode`; *name* is the field's, for the error."""
        return cls.of_fields(_decoder.read(name, value))

    @classmethod
    def of_fields(cls, fields: TallyFields) -> Tally:
        """The inverse of :meth:`to_fields`."""
        positive, neutral, negative, score = map(unpack_wide, fields.sums)
        return cls(fields.chunks, fields.mentions, (positive, neutral, negative, score))


def to_number(units: int) -> float:
    """A fixed-point sum as the nearest float, without noise beyond nine decimals."""
    # Nine and not six: three rounded sums must still add up to the mentions within 1e-6.
    return round(units / FIXED_ONE, 9)


def tally_by_pane(panes: Sequence[int], chunks: Sequence[Chunk], mentions: Sequence[int]) -> dict[int, Tally]:
    """What *chunks* add to each pane; their panes and mentions are in the same order."""
    sentiments = [chunk.sentiment for chunk in chunks]
    if panes.count(panes[0]) == len(panes):  # nearly every batch lies in one pane
        return {panes[0]: _tally(sentiments, mentions)}
    groups: dict[int, tuple[list[Sentiment], list[int]]] = {}
    for pane, sentiment, count in zip(panes, sentiments, mentions, strict=True):
        group = groups.setdefault(pane, ([], []))
        group[0].append(sentiment)
        group[1].append(count)
    return {pane: _tally(*group) for pane, group in groups.items()}


def _tally(sentiments: Sequence[Sentiment], mentions: Sequence[int]) -> Tally:
    return Tally(len(sentiments), sum(mentions), reduce_sentiment(sentiments, mentions))
