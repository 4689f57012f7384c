"""Labelled titles, and what a worker would make of them: chunks of clusters.

A folder of titles has two files. ``titles.tsv`` has a title a line, behind the story that it truly belongs to and a
tab; ``embeddings_f16.npy`` has the embedding of each, in the same order. The folder is named to the bench: such
collections have licences of their own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray

from bench._vectors import Matrix

CHUNK_TITLES = 40
EXAMPLE_TITLES = 3
BRAND_STORIES = 12
LONG_CHUNKS = 2  # that many chunks of one story alone are a brand that its story can fall apart in

CENTROIDS = "centroids"
EXAMPLES = "examples"
LABELS = "labels"
SENT = (CENTROIDS, EXAMPLES, LABELS)
"""What workers send beside labels and counts: centroids and example texts, example texts, or mere ids."""

Order = NDArray[np.int64]
"""Numbers of titles, in the order in which they were published."""


@dataclass(frozen=True, slots=True)
class Titles:
    """Titles, each with its embedding (a unit row, float32) and the number of its true story."""

    texts: list[str]
    vectors: Matrix
    stories: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.texts)

    @classmethod
    def read(cls, folder: Path) -> Titles:
        """The titles in *folder*.

        Raises:
            click.UsageError: it has not both files, or they do not fit each other.
        """
        try:
            # not splitlines(): a title may have line separators of its own
            lines = (folder / "titles.tsv").read_text(encoding="utf-8").removesuffix("\n").split("\n")
            vectors = np.load(folder / "embeddings_f16.npy")
        except (OSError, ValueError) as error:
            raise click.UsageError(f"{folder}: expected titles.tsv and embeddings_f16.npy: {error}") from None
        names, tabs, texts = zip(*(line.partition("\t") for line in lines), strict=True)
        if "" in tabs:
            raise click.UsageError(f"titles.tsv, line {tabs.index('') + 1}: expected a story, a tab and a title")
        if vectors.ndim != 2 or len(vectors) != len(lines):
            raise click.UsageError(f"embeddings_f16.npy: expected {len(lines)} rows, got the shape {vectors.shape}")
        return cls(list(texts), directions(vectors), np.unique(names, return_inverse=True)[1])


@dataclass(frozen=True, slots=True)
class TitleCluster:
    """What a worker found alike: some titles of one chunk, by their numbers."""

    titles: tuple[int, ...]
    label: str
    examples: tuple[str, ...]
    centroid: NDArray[np.float32]


Chunks = list[list[TitleCluster]]
"""What the workers of one brand send, chunk by chunk."""


def directions(rows: NDArray[np.floating]) -> Matrix:
    """The rows' directions as float32; a row of zeros has none and stays."""
    exact = rows.astype(np.float64)
    norms = np.linalg.norm(exact, axis=1, keepdims=True)
    return np.ascontiguousarray(exact / np.where(norms > 0, norms, 1.0), dtype=np.float32)


def chunks_of(titles: Titles, order: Order, *, grouped: bool) -> Chunks:
    """The titles in that *order* as chunks.

    Each title is a cluster; or, *grouped*, all titles of a chunk that belong to one story are. The latter is what a
    worker that makes no mistake within a chunk sends.
    """
    cuts = range(0, len(order), CHUNK_TITLES)
    return [
        [_cluster(titles, numbers) for numbers in _groups(titles, order[cut : cut + CHUNK_TITLES], grouped=grouped)]
        for cut in cuts
    ]


def _groups(titles: Titles, numbers: Order, *, grouped: bool) -> Iterable[list[int]]:
    groups: dict[int, list[int]] = {}
    for number in numbers.tolist():
        groups.setdefault(int(titles.stories[number]) if grouped else number, []).append(number)
    return groups.values()


def _cluster(titles: Titles, numbers: Sequence[int]) -> TitleCluster:
    texts = [titles.texts[number] for number in numbers[:EXAMPLE_TITLES]]
    centroid = directions(titles.vectors[list(numbers)].mean(axis=0, keepdims=True))[0]
    return TitleCluster(tuple(numbers), texts[0], tuple(texts), centroid)


def order_of(titles: Titles, seed: int, *, shuffled: bool) -> Order:
    """All titles in the order in which they were published: a *shuffled* one by *seed*, or that of the file."""
    return np.random.default_rng(seed).permutation(len(titles)) if shuffled else np.arange(len(titles))


def brands_of(titles: Titles, order: Order, seed: int) -> Iterator[tuple[str, list[Order]]]:
    """Which brands there are, by kind, each as its titles in that *order*.

    All titles are one brand; each dozen of stories, drawn by *seed*, is one; and each long story alone is one.
    """
    yield "all stories", [order]
    sizes = np.bincount(titles.stories)
    drawn = np.random.default_rng([seed, BRAND_STORIES]).permutation(len(sizes))
    dozens = drawn[: len(drawn) // BRAND_STORIES * BRAND_STORIES].reshape(-1, BRAND_STORIES)
    if len(dozens):
        yield f"{BRAND_STORIES} stories", [_only(titles, order, dozen) for dozen in dozens]
    long = np.flatnonzero(sizes >= min(LONG_CHUNKS * CHUNK_TITLES, sizes.max()))
    yield "one story", [_only(titles, order, story) for story in long]


def _only(titles: Titles, order: Order, stories: NDArray[np.int64] | np.int64) -> Order:
    return order[np.isin(titles.stories[order], stories)]
