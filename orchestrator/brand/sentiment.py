"""Tallies: exact sums of how many chunks there were, of how many mentions, with which sentiment.

Sums of sentiment are integers in units of 2**-32. So totals do not depend on the order of chunks or the cut of
batches, and what leaves the window leaves no rounding error.

Source: the design's rule on sentiment. What a chunk adds is decided by the measure kernel,
``measure.reduce_sentiment``, and for units that this does not know by :mod:`orchestrator.brand.units`.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from orchestrator.brand.codec import FieldDecoder, pack, pack_wide, unpack_wide
from orchestrator.brand.units import NO_ODDITIES, Oddities, Sums, sums_of
from orchestrator.contract.chunk import Chunk
from orchestrator.kernels.measure import FIXED_ONE, reduce_sentiment


class TallyFields(Struct, array_like=True):
    """A tally as a field holds it."""

    chunks: int
    mentions: int
    sums: list[bytes]
    implausible: int = 0


_decoder = FieldDecoder(TallyFields)


class Tally:
    """Chunks, mentions and sentiment of some stretch of time, and how many of the chunks are implausible."""

    __slots__ = ("chunks", "implausible", "mentions", "negative", "neutral", "positive", "score")

    def __init__(self, chunks: int = 0, mentions: int = 0, sums: Sums = (0, 0, 0, 0), implausible: int = 0) -> None:
        self.chunks = chunks
        self.mentions = mentions
        self.implausible = implausible
        self.positive, self.neutral, self.negative, self.score = sums

    @property
    def sums(self) -> Sums:
        """The exact sums."""
        return self.positive, self.neutral, self.negative, self.score

    def add(self, other: Tally) -> None:
        """Take *other* in."""
        self.chunks += other.chunks
        self.implausible += other.implausible
        self.mentions += other.mentions
        self.positive += other.positive
        self.neutral += other.neutral
        self.negative += other.negative
        self.score += other.score

    def subtract(self, other: Tally) -> None:
        """Take *other* out again, which was added before."""
        self.chunks -= other.chunks
        self.implausible -= other.implausible
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
        return [self.chunks, self.mentions, [pack_wide(total) for total in self.sums], self.implausible]

    @classmethod
    def decode(cls, name: bytes, value: bytes) -> Tally:
        """The inverse of :meth:`encode`; *name* is the field's, for the error."""
        return cls.of_fields(_decoder.read(name, value))

    @classmethod
    def of_fields(cls, fields: TallyFields) -> Tally:
        """The inverse of :meth:`to_fields`."""
        positive, neutral, negative, score = map(unpack_wide, fields.sums)
        return cls(fields.chunks, fields.mentions, (positive, neutral, negative, score), fields.implausible)


def to_number(units: int) -> float:
    """A fixed-point sum as the nearest float, without noise beyond nine decimals."""
    # Nine and not six: three rounded sums must still add up to the mentions within 1e-6.
    return round(units / FIXED_ONE, 9)


def tally_by_pane(
    panes: Sequence[int], chunks: Sequence[Chunk], mentions: Sequence[int], odd: Oddities = NO_ODDITIES
) -> dict[int, Tally]:
    """What *chunks* add to each pane; their panes and mentions are in the same order, *odd* names their places."""
    if panes.count(panes[0]) == len(panes):  # nearly every batch lies in one pane
        return {panes[0]: _tally(chunks, mentions, odd)}
    groups: dict[int, list[int]] = {}
    for place, pane in enumerate(panes):
        groups.setdefault(pane, []).append(place)
    return {
        pane: _tally([chunks[place] for place in group], [mentions[place] for place in group], odd.of(group))
        for pane, group in groups.items()
    }


def _tally(chunks: Sequence[Chunk], mentions: Sequence[int], odd: Oddities) -> Tally:
    sentiments, sizes = [chunk.sentiment for chunk in chunks], mentions
    if odd.foreign:
        usual = sorted(set(range(len(chunks))).difference(odd.foreign))
        sentiments, sizes = [sentiments[place] for place in usual], [mentions[place] for place in usual]
    tally = Tally(len(chunks), sum(mentions), reduce_sentiment(sentiments, sizes), len(odd.implausible))
    for place in odd.foreign:
        tally.add(Tally(sums=sums_of(chunks[place].sentiment, mentions[place])))
    return tally
