"""What a user would merge clusters with otherwise, each as favourable as it can be made.

Each peer is made from K stories and merges a batch of clusters. numpy follows the service's rule exactly (a story moves
with each cluster that joins it, the next cluster sees that); the libraries only look for the nearest story, or
follow a rule of their own (Birch).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from bench._vectors import Matrix

THRESHOLD = 0.75
LABEL_THRESHOLD = 0.175
SLOW_BEYOND = 10_000  # stories beyond which building the peer takes minutes

Merge = Callable[[], Any]


class NumpyStories:
    """Sums and unit rows of stories, with room for new ones."""

    def __init__(self, rows: Matrix, spare: int) -> None:
        room = np.zeros((spare, rows.shape[1]), np.float32)
        self.sums = np.concatenate([rows, room])
        self.units = self.sums.copy()
        self.known = self.count = len(rows)

    def join(self, best: int, similarity: float, row: Matrix) -> int:
        """Let *row* join the best story, or found one; which one it was."""
        if similarity < THRESHOLD:
            best, self.count = self.count, self.count + 1
        self.sums[best] += row
        self.units[best] = self.sums[best] / np.linalg.norm(self.sums[best])
        return best

    def forget_founded(self) -> None:
        """Make room for the next round."""
        self.sums[self.known : self.count] = 0
        self.count = self.known


def numpy_per_item(rows: Matrix, new: Matrix) -> Merge:
    """One product with all stories for each cluster: what a first version does."""
    stories = NumpyStories(rows, len(new))

    def merge() -> None:
        stories.forget_founded()
        for row in new:
            similarities = stories.units[: stories.count] @ row
            best = int(np.argmax(similarities))
            stories.join(best, similarities[best], row)

    return merge


def numpy_blocked(rows: Matrix, new: Matrix) -> Merge:
    """One product for the whole batch, corrected for the stories that earlier clusters of it have moved."""
    stories = NumpyStories(rows, len(new))
    products = np.zeros((len(new), stories.known + len(new)), np.float32)  # once: fresh memory costs more than the sums

    def merge() -> None:
        stories.forget_founded()
        np.matmul(new, stories.units[: stories.known].T, out=products[:, : stories.known])
        for number, row in enumerate(new):
            similarities = products[number, : stories.count]
            best = int(np.argmax(similarities))
            best = stories.join(best, similarities[best], row)
            products[number + 1 :, best] = new[number + 1 :] @ stories.units[best]

    return merge


def peers(rows: Matrix, new: Matrix) -> Iterator[tuple[str, Merge | None]]:
    """The peers' names and what they do; None where a peer is not installed or takes too long to build."""
    yield "numpy per item", numpy_per_item(rows, new)
    yield "numpy blocked", numpy_blocked(rows, new)
    yield "faiss flat", _or_none(_faiss_flat, rows, new)
    small = len(rows) <= SLOW_BEYOND
    yield "hnswlib", _or_none(_hnsw, rows, new) if small else None
    yield "Birch", _or_none(_birch, rows, new) if small else None


def _or_none(make: Callable[[Matrix, Matrix], Merge], rows: Matrix, new: Matrix) -> Merge | None:
    try:
        return make(rows, new)
    except ImportError:
        return None


def _faiss_flat(rows: Matrix, new: Matrix) -> Merge:
    import faiss  # noqa: PLC0415 - optional

    faiss.omp_set_num_threads(1)
    index = faiss.IndexFlatIP(rows.shape[1])
    index.add(rows)
    return lambda: index.search(new, 1)


def _hnsw(rows: Matrix, new: Matrix) -> Merge:
    import hnswlib  # noqa: PLC0415 - optional

    index = hnswlib.Index(space="ip", dim=rows.shape[1])
    index.init_index(max_elements=len(rows), ef_construction=100, M=16)
    index.add_items(rows)
    index.set_num_threads(1)
    index.set_ef(50)
    return lambda: index.knn_query(new, k=1)


def _birch(rows: Matrix, new: Matrix) -> Merge:
    from sklearn.cluster import Birch  # noqa: PLC0415 - optional

    # for unit vectors a cosine of c is a distance of sqrt(2 - 2c)
    tree = Birch(threshold=float(np.sqrt(2 - 2 * THRESHOLD)), n_clusters=None, compute_labels=False)
    tree.partial_fit(rows)
    return lambda: tree.partial_fit(new)
