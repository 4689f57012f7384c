"""Stories of real titles: how well ours match the true ones, beside what else could merge clusters.

Titles come in chunks of forty. A worker's clusters are perfect within their chunk (*grouped*) or single titles, and it
sends centroids, or labels with example texts, or labels alone. Only measures: rules and thresholds of the product are
the product's (:mod:`bench._stories_ours`), those of the others stand in :mod:`bench._stories_peers`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path

import click

from bench._harness import Report
from bench._stories_data import (
    BRAND_STORIES,
    CENTROIDS,
    CHUNK_TITLES,
    LABELS,
    LONG_CHUNKS,
    SENT,
    Chunks,
    Order,
    TitleCluster,
    Titles,
    brands_of,
    chunks_of,
    order_of,
)
from bench._stories_ours import our_stories
from bench._stories_peers import (
    FINEST_STEP,
    FIRST_MATCH,
    LEADER,
    RUNNING_MEAN,
    Dense,
    Rule,
    Space,
    best_threshold,
    follow,
    tf_idf,
    word_sets,
)
from bench._stories_score import Score, pooled
from orchestrator.brand.outputs import FoldConfig

COLUMNS = ("set, contender", "threshold", "precision", "recall", "F1", "found", "true")

NOTES = (
    "centroids come with labels and example texts, examples with labels; labels come with mere ids",
    (
        f"{BRAND_STORIES} stories: each dozen, drawn by the seed, is a brand; one story: each that fills {LONG_CHUNKS} "
        "chunks is one; figures are over the mentions of all such brands"
    ),
    "ours: the product by its defaults; first match: the first leader, at the product's threshold for centroids",
    (
        "plain cosine (nearest running mean) and tf-idf leader (nearest): at the best threshold of this very set, "
        f"searched in steps of {FINEST_STEP} with the truth in hand; tf-idf knows the brand's texts from the start"
    ),
)

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


def sets_of(titles: Titles, order: Order, seed: int) -> Iterator[SetOfBrands]:
    """Every kind of brand with every kind of worker."""
    kinds = list(brands_of(titles, order, seed))
    for sends, form, (kind, orders) in product(SENT, ("grouped", "single"), kinds):
        brands = [chunks_of(titles, own, grouped=form == "grouped") for own in orders]
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
    return best_threshold(_peer(of, LEADER, partial(tf_idf, examples=of.sends != LABELS)))


CONTENDERS: dict[str, Callable[[SetOfBrands], tuple[float | None, Score]]] = {
    "ours": ours,
    "first match": first_match,
    "plain cosine": plain_cosine,
    "tf-idf leader": tf_idf_leader,
}


def _plain_space(of: SetOfBrands) -> Callable[[list[TitleCluster]], Space]:
    return Dense if of.sends == CENTROIDS else partial(word_sets, examples=of.sends != LABELS)


def _peer(of: SetOfBrands, rule: Rule, space: Callable[[list[TitleCluster]], Space]) -> Found:
    """The score that *rule* reaches in that space, by threshold."""
    spaces = [space(_clusters(chunks)) for chunks in of.brands]
    weights = [[len(cluster.titles) for cluster in _clusters(chunks)] for chunks in of.brands]

    def score(threshold: float) -> Score:
        return of.score([follow(rule, *brand, threshold) for brand in zip(spaces, weights, strict=True)])

    return score


def rows_of(sets: Iterable[SetOfBrands], only: Sequence[str] = ()) -> Iterator[tuple[str | float | None, ...]]:
    """The rows of the table, but *only* those whose names have all of these texts in them."""
    for each in sets:
        for contender, run in CONTENDERS.items():
            name = f"{each.name}, {contender}"
            if all(text in name for text in only):
                threshold, score = run(each)
                yield name, threshold, score.precision, score.recall, score.f1, score.found, score.true


@click.command()
@click.option("--data", type=click.Path(path_type=Path), help="Folder of titles.tsv and embeddings_f16.npy.")
@click.option("--seed", default=1, show_default=True, help="Of the shuffled order, and of which stories make a dozen.")
@click.option("--order", type=click.Choice(["shuffled", "file"]), default="shuffled", show_default=True)
@click.option("--only", multiple=True, metavar="TEXT", help="Only rows with this in their name; if repeated, with all.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(*, data: Path | None, seed: int, order: str, only: tuple[str, ...], as_json: bool) -> None:
    """Stories of labelled titles: BCubed over mentions, and how many stories were found of how many true ones."""
    report = Report("Stories of labelled titles, BCubed over mentions", COLUMNS)
    if data is None:  # not measured on made-up text instead: it would say nothing of real one
        report.notes.append("nothing measured: name a folder of labelled titles with --data")
    else:
        titles = Titles.read(data)
        published = order_of(titles, seed, shuffled=order == "shuffled")
        report.rows += rows_of(sets_of(titles, published, seed), only)
        grouped = len(_clusters(chunks_of(titles, published, grouped=True)))
        report.notes.append(
            f"{len(titles):,} titles, {order}, seed {seed}, chunks of {CHUNK_TITLES}: "
            f"{len(titles) / grouped:.3g} titles to a grouped cluster"
        )
        report.notes += NOTES
    report.show(as_json=as_json)
