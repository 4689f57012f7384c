"""What single chunks added to a brand's numbers, for whoever asks why a number is what it is.

Nobody is told of it while the service folds: what is wanted here is kept apart from the state, and nothing of the state
depends on whether somebody watches.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from orchestrator.brand.normal_form import normal_form
from orchestrator.brand.topics import COUNTED, topic_key, topics_of

if TYPE_CHECKING:
    from orchestrator.brand.measures import Measures
    from orchestrator.brand.panes import Stamps
    from orchestrator.contract.chunk import Chunk
    from orchestrator.contract.decode import ChunkBatch


@dataclass(frozen=True, slots=True)
class Counted:
    """One chunk, as the fold counted it.

    Attributes:
        chunk: as it was decoded.
        index: its place among the items of its batch.
        at_ms: the time that counts for it, Unix ms.
        late: it came too late for the window, and counts in its hour of the trend alone.
        mentions: how many it has.
        sizes: mentions of its clusters, of those without a name too.
        joined: of each cluster with a name, in their order: the key of the story that it joined, and how many mentions
            it brought; of a late chunk nothing.
    """

    chunk: Chunk
    index: int
    at_ms: int
    late: bool
    mentions: int
    sizes: Sequence[int]
    joined: Sequence[tuple[int, int]]


Watch = Callable[[Sequence[Counted]], None]
"""Is told the chunks of a batch, in their order, after they were counted."""


def counted(
    batch: ChunkBatch, stamps: Stamps, measures: Measures, joined: Sequence[tuple[int, int]]
) -> Sequence[Counted]:
    """The chunks of *batch*; *joined* are those of the named clusters of all that are not late, in their order."""
    late, rest = set(stamps.late), iter(joined)
    return [
        Counted(
            chunk,
            batch.indices[place],
            stamps.times[place],
            place in late,
            measures.mentions[place],
            measures.sizes_of(place),
            [] if place in late else list(islice(rest, len(measures.named[place].clusters))),
        )
        for place, chunk in enumerate(batch.chunks)
    ]


class TopicName:
    """A topic, as all its spellings are: those with its words in another order as well."""

    def __init__(self, text: str) -> None:
        self._key, self._words = topic_key(text), normal_form(text).words

    def mentions_in(self, one: Counted) -> tuple[int, int]:
        """What *one* adds to it: mentions that are counted, and those of a chunk that tells no number of it."""
        if one.late or not one.chunk.topics:
            return 0, 0
        weights = topics_of(one.chunk, one.mentions, one.sizes)
        counted, in_chunks_of = divmod(sum(weight for text, weight in weights.items() if self.covers(text)), COUNTED)
        return counted, in_chunks_of

    def covers(self, text: str) -> bool:
        """Whether *text* is a spelling of it."""
        return bool(self._key) and (topic_key(text) == self._key or normal_form(text).words == self._words)
