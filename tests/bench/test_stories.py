"""The bench of stories: its measure, what it makes of a folder of titles, and that it can tell good from bad."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from bench import _stories_ours, _stories_peers, stories
from bench._stories_data import CENTROIDS, SENT, TitleCluster, Titles, chunks_of, directions, order_of
from bench._stories_ours import our_stories
from bench._stories_peers import FIRST_MATCH, LEADER, RUNNING_MEAN, Dense, Rule, best_threshold, follow
from bench._stories_score import Score, bcubed, pooled
from orchestrator.contract.decode import Limits

STORIES = 24
TITLES = 9  # of each story
NAMES = [
    f"{sends} {form}, {kind}, {contender}"
    for sends, form, kind, contender in product(
        SENT, ("grouped", "single"), ("all stories", "12 stories", "one story"), stories.CONTENDERS
    )
]


def word(number: int) -> str:
    """A word of letters for each number; none is another one's plural."""
    return "".join(chr(ord("a") + int(digit)) for digit in f"{number:04}") + "o"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Titles that anybody can tell apart: those of a story share five of six words and nearly one direction."""
    where = tmp_path_factory.mktemp("titles")
    rng = np.random.default_rng(5)
    truth = rng.permutation(np.repeat(np.arange(STORIES), TITLES))
    lines = [
        f"{story + 7}\t{' '.join(word(5 * int(story) + place) for place in range(5))} {word(1000 + number)}\n"
        for number, story in enumerate(truth)
    ]
    (where / "titles.tsv").write_text("".join(lines), encoding="utf-8")
    vectors = directions(np.eye(STORIES)[truth] + rng.normal(size=(len(truth), STORIES)) * 0.02)
    np.save(where / "embeddings_f16.npy", vectors.astype(np.float16))
    return where


def run(*arguments: str | Path) -> Any:
    """What the command prints as JSON."""
    result = CliRunner().invoke(stories.command, [*map(str, arguments), "--json"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return json.loads(result.output)


@pytest.fixture(scope="module")
def report(folder: Path) -> Any:
    """The whole table of the made-up titles."""
    return run("--data", folder)


def slow_bcubed(found: Sequence[int], true: Sequence[int]) -> tuple[float, float]:
    """BCubed as it is told: over all mentions, one mention after the other."""
    everybody = range(len(found))
    precisions, recalls = [], []
    for one in everybody:
        with_it = {other for other in everybody if found[other] == found[one]}
        belonging = {other for other in everybody if true[other] == true[one]}
        precisions.append(len(with_it & belonging) / len(with_it))
        recalls.append(len(with_it & belonging) / len(belonging))
    return sum(precisions) / len(found), sum(recalls) / len(found)


def test_bcubed_of_a_worked_example() -> None:
    """Of aaabb, found as aa and abb: (1 + 1 + 1/3 + 2/3 + 2/3) / 5 precise; (2/3 + 2/3 + 1/3 + 1 + 1) / 5 recalled."""
    score = bcubed([4, 4, 9, 9, 9], [0, 0, 0, 1, 1])
    assert (score.precision, score.recall, score.f1) == pytest.approx((11 / 15, 11 / 15, 11 / 15))
    assert (score.found, score.true) == (2, 2)


def test_bcubed_of_extremes() -> None:
    """A heap of everything is recalled and imprecise, a story a mention the other way round."""
    true = [0, 0, 1, 1]
    assert bcubed([5, 5, 5, 5], true) == Score(0.5, 1.0, 1, 2)
    assert bcubed([0, 1, 2, 3], true) == Score(1.0, 0.5, 4, 2)
    assert bcubed([8, 8, 3, 3], true).f1 == 1.0


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=40))
def test_bcubed_is_what_its_definition_says(mentions: list[tuple[int, int]]) -> None:
    """Whatever the stories: as mention by mention."""
    found, true = map(list, zip(*mentions, strict=True))
    score = bcubed(found, true)
    assert (score.precision, score.recall) == pytest.approx(slow_bcubed(found, true), abs=1e-12)
    assert (score.found, score.true) == (len(set(found)), len(set(true)))


def test_pooled_keeps_brands_apart() -> None:
    """Equal numbers in two brands are two stories; the mean is over mentions, not over brands."""
    score = pooled([([0, 0, 0], [0, 0, 0]), ([0], [0]), ([1, 1], [0, 1])])
    assert score == Score(pytest.approx(5 / 6), 1.0, 3, 4)  # type: ignore[arg-type]


def test_titles_become_clusters_of_their_chunk(folder: Path) -> None:
    """Grouped, a chunk's titles of one story are one cluster: first title, three of them, their mean direction."""
    titles = Titles.read(folder)
    (first, *rest) = chunks_of(titles, order_of(titles, 3, shuffled=True), grouped=True)
    assert [sum(len(one.titles) for one in chunk) for chunk in (first, *rest)] == [40] * 5 + [16]
    assert len({int(titles.stories[one.titles[0]]) for one in first}) == len(first)
    largest = max(first, key=lambda one: len(one.titles))
    assert len({int(titles.stories[title]) for title in largest.titles}) == 1
    assert largest.examples == tuple(titles.texts[title] for title in largest.titles[:3])
    assert largest.label == largest.examples[0]
    mean = titles.vectors[list(largest.titles)].sum(axis=0)
    np.testing.assert_allclose(largest.centroid, mean / np.linalg.norm(mean), rtol=1e-5)


def test_titles_come_single_in_the_order_of_the_file(folder: Path) -> None:
    """The other form and the other order: a cluster a title, as they stand there."""
    titles = Titles.read(folder)
    chunks = chunks_of(titles, order_of(titles, 3, shuffled=False), grouped=False)
    assert [one.titles for chunk in chunks for one in chunk] == [(number,) for number in range(len(titles))]


@pytest.mark.parametrize(
    ("lines", "rows", "complaint"),
    [("1\ta\n2 b\n", 2, "line 2"), ("1\ta\n", 2, "expected 1 rows"), (None, 1, "titles.tsv")],
)
def test_a_folder_of_another_form_is_refused(tmp_path: Path, lines: str | None, rows: int, complaint: str) -> None:
    """With the file and the line that are wrong."""
    if lines is not None:
        (tmp_path / "titles.tsv").write_text(lines)
    np.save(tmp_path / "embeddings_f16.npy", np.ones((rows, 3), np.float16))
    with pytest.raises(click.UsageError, match=complaint):
        Titles.read(tmp_path)


def test_the_table_has_a_row_for_every_set_and_contender(report: Any) -> None:
    """Three kinds of brands, three of documents, two of clusters, four contenders; and the machine."""
    assert [row["set, contender"] for row in report["rows"]] == NAMES
    assert all(set(row) == set(stories.COLUMNS) for row in report["rows"])
    assert {row["true"] for row in report["rows"] if "one story" not in row["set, contender"]} == {STORIES}
    assert report["machine"]["cores"]


def test_nobody_errs_where_stories_cannot_be_mistaken(report: Any) -> None:
    """Whatever is sent, in whatever form; only a leader that is fixed is unlike what has other examples beside it."""
    scores = {row["set, contender"]: row["F1"] for row in report["rows"]}
    torn = {f"examples grouped, {kind}, first match" for kind in ("all stories", "12 stories")}
    assert {name for name, f1 in scores.items() if f1 < 1} == torn
    assert {row["precision"] for row in report["rows"]} == {1.0}
    assert all((row["found"] > row["true"]) == (row["set, contender"] in torn) for row in report["rows"])


def test_a_seed_says_it_all(folder: Path) -> None:
    """The same seed gives the same rows, another one other brands; the file's order is neither."""
    only = ("--data", folder, "--only", "ours", "--only", "12 stories")
    assert run(*only, "--seed", "2")["rows"] == run(*only, "--seed", "2")["rows"]
    titles = Titles.read(folder)
    orders = [order_of(titles, seed, shuffled=True).tolist() for seed in (1, 1, 2)]
    assert orders[0] == orders[1] != orders[2]
    assert run(*only, "--order", "file")["notes"][0].startswith("216 titles, file, seed 1")


def test_only_names_rows(folder: Path) -> None:
    """All texts have to be there; what is left out is not measured."""
    rows = run("--data", folder, "--only", "centroids grouped", "--only", "ours")["rows"]
    assert [row["set, contender"] for row in rows] == [
        name for name in NAMES if name.startswith("centroids grouped") and name.endswith("ours")
    ]


def test_without_a_folder_it_says_so() -> None:
    """All benchmarks run by their defaults: this one then has nothing to measure, and does not fail."""
    report = run()
    assert report["rows"] == []
    assert "--data" in report["notes"][0]


def test_people_get_a_table(folder: Path) -> None:
    """The same figures for a terminal."""
    output = CliRunner().invoke(stories.command, ["--data", str(folder), "--only", "centroids single"]).output
    assert "plain cosine" in output
    assert "precision" in output


def clusters_at(*degrees: float) -> list[TitleCluster]:
    """Clusters whose centroids lie in a plane, at those angles."""
    angles = np.radians(degrees)
    rows = directions(np.stack([np.cos(angles), np.sin(angles)], axis=1))
    return [TitleCluster((number,), "", (), row) for number, row in enumerate(rows)]


@pytest.mark.parametrize(("rule", "joined"), [(FIRST_MATCH, [0, 0, 1]), (LEADER, [0, 0, 1]), (RUNNING_MEAN, [0, 0, 0])])
def test_only_a_mean_follows_its_story(rule: Rule, joined: list[int]) -> None:
    """The third is 55 degrees from the first and 40 from the mean of both: cosines of 0.57 and 0.77."""
    assert follow(rule, Dense(clusters_at(0, 30, 55)), [1, 1, 1], 0.75) == joined


@pytest.mark.parametrize(("rule", "joined"), [(FIRST_MATCH, [0, 1, 0]), (LEADER, [0, 1, 1])])
def test_the_first_match_is_not_the_nearest(rule: Rule, joined: list[int]) -> None:
    """The third is similar enough to both, and nearer to the second."""
    assert follow(rule, Dense(clusters_at(0, 60, 35)), [1, 1, 1], 0.75) == joined


def test_a_mean_is_that_of_all_members() -> None:
    """Lengths that are kept up to date are the lengths of the sums, weights included."""
    rng = np.random.default_rng(3)
    rows = directions(rng.normal(size=(60, 4)))
    weights = rng.integers(1, 5, size=60).tolist()
    clusters = [TitleCluster((number,), "", (), row) for number, row in enumerate(rows)]
    joined = follow(RUNNING_MEAN, Dense(clusters), weights, 0.6)
    sums: list[Any] = []
    for row, weight, story in zip(rows.astype(float), weights, joined, strict=True):
        similarities = [float(row @ total) / float(np.linalg.norm(total)) for total in sums]
        best = max(range(len(sums)), key=similarities.__getitem__, default=-1)
        assert story == (best if sums and similarities[best] >= 0.6 else len(sums))
        sums += [np.zeros(4)] if story == len(sums) else []
        sums[story] += weight * row


def test_clusters_without_words_stay_alone() -> None:
    """What cannot be compared joins nothing."""
    clusters = [
        TitleCluster((number,), label, (), np.zeros(1, np.float32)) for number, label in enumerate(("", "", "a"))
    ]
    space = _stories_peers.word_sets(clusters, examples=False)
    assert follow(LEADER, space, [1, 1, 1], 0.1) == [0, 1, 2]


def test_the_search_finds_the_best_threshold() -> None:
    """Tenths, then half and quarter of that around the best; of equals the highest."""
    assert best_threshold(lambda at: Score(1 - abs(at - 0.325), 1.0, 1, 1))[0] == 0.325
    assert best_threshold(lambda at: Score(1.0, 1.0, round(at), 1))[0] == 0.975


def test_ours_is_the_product_s_fold(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Clusters that were folded one by one and whole chunks must agree, or no figure is given."""
    titles = Titles.read(folder)
    chunks = chunks_of(titles, order_of(titles, 1, shuffled=True), grouped=False)
    joined = our_stories(chunks, CENTROIDS)
    truth = [int(titles.stories[one.titles[0]]) for chunk in chunks for one in chunk]
    assert len(set(joined)) == len(set(truth)) == len(set(zip(joined, truth, strict=True)))
    one_by_one = _stories_ours._one_by_one
    monkeypatch.setattr(_stories_ours, "_one_by_one", lambda *given: [*one_by_one(*given)[:-1], "another"])
    with pytest.raises(RuntimeError, match="in whole chunks"):
        our_stories(chunks, CENTROIDS)


def test_a_refused_chunk_is_no_figure(folder: Path) -> None:
    """What the product does not take is not measured."""
    titles = Titles.read(folder)
    long = TitleCluster((0,), "x" * Limits().max_chunk_bytes, (), titles.vectors[0])
    with pytest.raises(RuntimeError, match="refuses"):
        our_stories([[long]], CENTROIDS)
