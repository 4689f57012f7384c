"""What an item says, as the fold understood it: its id, when it counts, how many mentions, which sentiment and topics.

For people who ask the archive questions with tools of their own. Nothing is made of it again: the payload is the truth,
and these are columns beside it. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from orchestrator.archive.record import MAX_ITEM_BYTES, Fate, Record
from orchestrator.brand.measures import measure
from orchestrator.brand.outputs import FoldConfig
from orchestrator.brand.panes import LATE, stamp
from orchestrator.brand.units import sums_of
from orchestrator.contract.chunk import topic_text
from orchestrator.contract.decode import Limits, decode_batch
from orchestrator.kernels.measure import FIXED_ONE

_LIMITS: Final = Limits(max_chunk_bytes=MAX_ITEM_BYTES)


class Told(NamedTuple):
    """What one item says.

    Attributes:
        chunk_id: of the chunk.
        counted_ms: the time it counts at: what its worker says, or its arrival; Unix ms.
        late: it lay before the window, and counts in the trend alone.
        mentions: of the chunk.
        positive: mentions of this kind, as counted; so are the next two.
        neutral: likewise.
        negative: likewise.
        score: sum of the scores.
        topics: their names.
    """

    chunk_id: str
    counted_ms: int
    late: bool
    mentions: int
    positive: float
    neutral: float
    negative: float
    score: float
    topics: Sequence[str]


def told(record: Record) -> list[Told | None]:
    """What each item of *record* says, None where it is no chunk; a duplicate says what the first one said."""
    places = [place for place, item in enumerate(record.items) if item.fate is not Fate.DEAD_LETTER]
    batch = decode_batch([record.items[place].payload for place in places], record.brand, _LIMITS)
    mentions = measure(batch.chunks, batch.mentions.counts).mentions
    window_ms = int(record.settings.get("SUMMARY_WINDOW_SEC", FoldConfig().window_ms / 1000) * 1000)
    found: list[Told | None] = [None] * len(record.items)
    for index, chunk, size in zip(batch.indices, batch.chunks, mentions, strict=True):
        counted_ms, odd = stamp(chunk.processed_at, record.clock_ms, window_ms)
        positive, neutral, negative, score = (value / FIXED_ONE for value in sums_of(chunk.sentiment, size))
        topics = [topic_text(topic) for topic in chunk.topics or ()]
        numbers = (size, positive, neutral, negative, score)
        found[places[index]] = Told(chunk.chunk_id, counted_ms, bool(odd & LATE), *numbers, topics)
    return found
