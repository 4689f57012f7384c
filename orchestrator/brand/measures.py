"""How large the chunks of a batch and their clusters are, and which clusters have a name: measured once for all rules.

A small chunk is folded in five microseconds. So chunks are gone through by a kernel, and what is known of a label is
not asked again.

Source: the contract's rule of counting (:mod:`orchestrator.contract.chunk`), the rule of names
(:mod:`orchestrator.brand.labels`).
"""

from __future__ import annotations

from itertools import compress, pairwise
from typing import TYPE_CHECKING, NamedTuple

from msgspec.structs import replace

from orchestrator.brand.labels import nameless_labels, noise_ids
from orchestrator.kernels.measure import measure_chunks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.contract.chunk import Chunk


class Measures(NamedTuple):
    """What was measured of a batch's chunks, in their order.

    Attributes:
        mentions: of each chunk, see :func:`~orchestrator.contract.chunk.chunk_mentions`.
        apart: those of each chunk that are in no cluster with a name.
        sizes: mentions of all clusters, one chunk's behind the other's.
        stops: where in *sizes* each chunk's end.
        labels: of all clusters.
        named: the chunks without the clusters that have no name.
        unusual: places of the chunks whose numbers need a closer look (:mod:`orchestrator.brand.units`).
    """

    mentions: list[int]
    apart: list[int]
    sizes: list[int]
    stops: list[int]
    labels: set[str]
    named: Sequence[Chunk]
    unusual: Sequence[int] = ()

    def sizes_of(self, place: int) -> list[int]:
        """The sizes of the clusters of the chunk at *place*."""
        return self.sizes[self.stops[place - 1] if place else 0 : self.stops[place]]


def measure(chunks: Sequence[Chunk], counts: list[int]) -> Measures:
    """Measure *chunks*; *counts* are different mentions by row of their batch."""
    mentions, apart, sizes, stops, labels, ids, unusual = measure_chunks(chunks, counts)
    nameless, noise = nameless_labels(labels), noise_ids(ids)
    if not nameless and not noise:
        return Measures(mentions, apart, sizes, stops, labels, chunks, unusual)
    kept = [[one.label not in nameless and one.id not in noise for one in chunk.clusters] for chunk in chunks]
    named = [
        replace(chunk, clusters=list(compress(chunk.clusters, keeps)))
        for chunk, keeps in zip(chunks, kept, strict=True)
    ]
    inside = [
        sum(compress(sizes[start:stop], keeps))
        for (start, stop), keeps in zip(pairwise([0, *stops]), kept, strict=True)
    ]
    # A chunk may say that it has fewer mentions than its clusters: then none is left.
    apart = [max(0, total - one) for total, one in zip(mentions, inside, strict=True)]
    return Measures(mentions, apart, sizes, stops, labels, named, unusual)
