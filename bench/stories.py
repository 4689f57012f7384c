"""Stories of real titles: how well ours match the true ones, beside what else could merge clusters.

Titles come in chunks of forty. A worker's clusters are perfect within their chunk (*grouped*) or single titles, and it
sends centroids, or labels with example texts, or labels alone. Only measures: rules and thresholds of the product are
the product's (:mod:`bench._stories_ours`), those of the others stand in :mod:`bench._stories_peers`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path

import click
import numpy as np

from bench._harness import Report
from bench._stories_data import CENTROIDS, EXAMPLES, LONG_CHUNKS, SENT, Chunks, TitleCluster, Titles
from bench._stories_data import CHUNK_TITLES, brands_of, chunks_of
from bench._stories_ours import our_stories
from bench._stories_peers import FINEST_STEP, FIRST_MATCH, LEADER, RUNNING_MEAN, Dense, Rule, Space
from bench._stories_peers import best_threshold, follow, tf_idf, word_sets
from bench._stories_score import Score, pooled
from orchestrator.brand.outputs import FoldConfig

COLUMNS = ("set, contender", "threshold", "precision", "recall", "F1", "found", "true")

Found = Callable[[float], Score]


@dataclass(frozen=True, slots=True)
class SetOfBrands:
    """Brands of one kind whose workers work alike: what one row's figures are over."""

    name: str
    sends: str
    titles: Titles
    brands: list[Chunks]

    def score(self, joined: Sequence[Sequence[int]]) -> Score:
        """The score if the clusters of each brand *joined* those stories."""
        return pooled([self._by_title(chunks, stories) for chunks, stories in zip(self.brands, joined, strict=True)])

    def _by_title(self, chunks: Chunks, stories: Sequence[int]) -> tuple[list[int], list[int]]:
        clusters = _clusters(chunks)
        found = [story for cluster, story in zip(clusters, stories, strict=True) for _ in cluster.titles]
        return found, [int(self.titles.stories[title]) for cluster in clusters for title in cluster.titles]


def _clusters(chunks: Chunks) -> list[TitleCluster]:
    return [cluster for chunk in chunks for cluster in chunk]


def sets_of(titles: Titles, seed: int | None) -> Iterator[SetOfBrands]:
    """Every kind of brand with every kind of worker; an order by *seed*, or that of the file."""
    for sends, (form, grouped), (kind, orders) in product(
        SENT, (("grouped", True), ("single", False)), list(brands_of(titles, seed))
    ):
        brands = [chunks_of(titles, order, grouped=grouped) for order in orders]
        yield SetOfBrands(f"{sends} {form}, {kind}", sends, titles, brands)


def ours(of: SetOfBrands) -> tuple[float | None, Score]:
    """The product, by its own thresholds."""
    return None, of.score([our_stories(chunks, of.sends) for chunks in of.brands])


def first_match(of: SetOfBrands) -> tuple[float | None, Score]:
    """The first story whose leader is similar enough by the threshold that the product has for centroids."""
    threshold = FoldConfig().similarity_threshold
    return threshold, _peer(of, FIRST_MATCH, _plain_space(of))(threshold)


def plain_cosine(of: SetOfBrands) -> tuple[float | None, Score]:
    """The nearest story by cosine, at the best of all thresholds."""
    return best_threshold(_peer(of, RUNNING_MEAN, _plain_space(of)))


def tf_idf_leader(of: SetOfBrands) -> tuple[float | None, Score]:
    """The nearest leader by the rarity of its words, at the best of all thresholds."""
    return best_threshold(_peer(of, LEADER, partial(tf_idf, examples=of.sends in {CENTROIDS, EXAMPLES})))


CONTENDERS: dict[str, Callable[[SetOfBrands], tuple[float | None, Score]]] = {
    "ours": ours,
    "first match": first_match,
    "plain cosine": plain_cosine,
    "tf-idf leader": tf_idf_leader,
}


def _plain_space(of: SetOfBrands) -> Callable[[list[TitleCluster]], Space]:
    return Dense if of.sends == CENTROIDS else partial(word_sets, examples=of.sends == EXAMPLES)


def _peer(of: SetOfBrands, rule: Rule, space: Callable[[list[TitleCluster]], Space]) -> Found:
    """The score that *rule* reaches in that space, by threshold."""
    spaces = [space(_clusters(chunks)) for chunks in of.brands]
    weights = [[len(cluster.titles) for cluster in _clusters(chunks)] for chunks in of.brands]

    def score(threshold: float) -> Score:
        return of.score([follow(rule, *brand, threshold) for brand in zip(spaces, weights, strict=True)])

    return score


def rows_of(titles: Titles, seed: int | None, only: Sequence[str] = ()) -> Iterator[tuple[str | float | None, ...]]:
    """The rows of the table, but *only* those whose names have all of these words in them."""
    for each in sets_of(titles, seed):
        for contender, run in CONTENDERS.items():
            name = f"{each.name}, {contender}"
            if all(word in name for word in only):
                threshold, score = run(each)
                yield name, threshold, score.precision, score.recall, score.f1, score.found, score.true


@click.command()
@click.option("--data", type=click.Path(path_type=Path), help="Folder of titles.tsv and embeddings_f16.npy.")
@click.option("--seed", default=1, show_default=True, help="Of the order in which titles come, and of the dozens.")
@click.option("--order", type=click.Choice(["shuffled", "file"]), default="shuffled", show_default=True)
@click.option("--only", multiple=True, help="Only rows that have this in their name; again: and this.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(*, data: Path | None, seed: int, order: str, only: tuple[str, ...], as_json: bool) -> None:
    """Stories of labelled titles: BCubed over mentions, and how many stories were found of how many true ones."""
    report = Report("Stories of labelled titles, BCubed", COLUMNS)
    if data is None:  # figures of made-up text would say nothing about real ones
        report.notes.append("nothing measured: name a folder of labelled titles with --data")
    else:
        titles = Titles.read(data)
        report.rows += rows_of(titles, seed if order == "shuffled" else None, only)
        report.notes += _notes(titles, seed, order)
    report.show(as_json=as_json)


def _notes(titles: Titles, seed: int, order: str) -> list[str]:
    clusters = _clusters(chunks_of(titles, _first_order(titles, seed, order), grouped=True))
    return [
        f"{len(titles):,} titles, {order} order, seed {seed}; {len(titles) / len(clusters):.3g} to a grouped cluster",
        "centroids: with labels and examples; examples: labels and texts; labels: labels and mere ids",
        (
            f"one story: each that fills {LONG_CHUNKS} chunks of {CHUNK_TITLES}, alone in its brand; "
            "figures of several brands are over all of their mentions"
        ),
        "ours: the product as it is by default; first match: the first leader at the product's threshold of centroids",
        (
            f"plain cosine (nearest running mean) and tf-idf (nearest leader): at the threshold, in steps of "
            f"{FINEST_STEP}, that is best on the very set; tf-idf knows all texts before"
        ),
    ]


def _first_order(titles: Titles, seed: int, order: str) -> "np.ndarray":
    return next(brands_of(titles, seed if order == "shuffled" else None))[1][0]
