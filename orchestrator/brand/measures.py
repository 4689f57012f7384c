"""How large the chunks of a batch and their clusters are, and which clusters have a name: measured once for all rules.

A small chunk is folded in five microseconds. So everything here is done for a whole batch by functions that loop in C,
and what is known of a label is not asked again.

Source: the contract's rule of counting (:mod:`orchestrator.contract.chunk`), the rule of names
(:mod:`orchestrator.brand.labels`).
"""

from __future__ import annotations

from itertools import accumulate, chain, pairwise
from operator import attrgetter, sub
from typing import TYPE_CHECKING, NamedTuple

from msgspec.structs import replace

from orchestrator.brand.labels import nameless_labels, noise_ids

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from orchestrator.contract.chunk import Chunk, Cluster

_clusters_of = attrgetter("clusters")
_label_of = attrgetter("label")
_id_of = attrgetter("id")
_count_of = attrgetter("mention_count")
_row_of = attrgetter("mentions")


class Measures(NamedTuple):
    """What was measured of a batch's chunks, in their order.

    Attributes:
        mentions: of each chunk, see :func:`~orchestrator.contract.chunk.chunk_mentions`.
        apart: those of each chunk that are in no cluster with a name.
        sizes: mentions of all clusters, one chunk's behind the other's.
        stops: where in *sizes* each chunk's end.
        labels: of all clusters.
        named: the chunks without the clusters that have no name.
    """

    mentions: list[int]
    apart: list[int]
    sizes: list[int]
    stops: list[int]
    labels: set[str]
    named: Sequence[Chunk]

    def sizes_of(self, place: int) -> list[int]:
        """The sizes of the clusters of the chunk at *place*."""
        return self.sizes[self.stops[place - 1] if place else 0 : self.stops[place]]


def measure(chunks: Sequence[Chunk], counts: Sequence[int]) -> Measures:
    """Measure *chunks*; *counts* are different mentions by row of their batch."""
    clusters = list(map(_clusters_of, chunks))
    flat: list[Cluster] = list(chain.from_iterable(clusters))
    sizes = _sizes(flat, counts)
    stops = list(accumulate(map(len, clusters)))
    totals = sizes if _one_each(clusters) else _sums(sizes, stops)
    mentions = [
        total if (meta := chunk.meta) is None or meta.mention_count is None else meta.mention_count
        for chunk, total in zip(chunks, totals, strict=True)
    ]
    labels = set(map(_label_of, flat))
    nameless, noise = nameless_labels(labels), noise_ids(list(map(_id_of, flat)))
    if not nameless and not noise:
        return Measures(mentions, _left_over(mentions, totals), sizes, stops, labels, chunks)
    kept = [cluster.label not in nameless and cluster.id not in noise for cluster in flat]
    totals = _sums([size if keep else 0 for size, keep in zip(sizes, kept, strict=True)], stops)
    named = [
        replace(chunk, clusters=[one for one in chunk.clusters if one.label not in nameless and one.id not in noise])
        for chunk in chunks
    ]
    return Measures(mentions, _left_over(mentions, totals), sizes, stops, labels, named)


def _one_each(clusters: Sequence[Sequence[Cluster]]) -> bool:
    return list(map(len, clusters)).count(1) == len(clusters)


def _sizes(clusters: list[Cluster], counts: Sequence[int]) -> list[int]:
    said = list(map(_count_of, clusters))
    rows = map(_row_of, clusters)
    if said.count(None) == len(said):
        return list(map(counts.__getitem__, rows))
    return [counts[row] if count is None else count for row, count in zip(rows, said, strict=True)]


def _sums(sizes: list[int], stops: Sequence[int]) -> list[int]:
    return [sum(sizes[start:stop]) for start, stop in pairwise([0, *stops])]


def _left_over(mentions: Iterable[int], totals: Iterable[int]) -> list[int]:
    left = list(map(sub, mentions, totals))
    # A chunk may say that it has fewer mentions than its clusters: then none is left.
    return [max(0, one) for one in left] if left and min(left) < 0 else left
