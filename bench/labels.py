"""Merging clusters that have labels only: the compiled kernel and its pure twin, all labels different."""

from __future__ import annotations

import importlib
import random
from pathlib import Path
from types import ModuleType

import click

from bench._harness import Report, median_s
from bench._merge_peers import LABEL_THRESHOLD, THRESHOLD, Merge
from bench._plot import growth
from orchestrator.kernels import choice
from orchestrator.kernels import merge_py as _merge_py

VOCABULARY = 20_000
PURE_UP_TO = 1_000  # labels


def distinct_labels(count: int, seed: int = 1) -> list[tuple[str, ...]]:
    """*count* different labels of three to seven words, as frequent as words are (Zipf)."""
    rng = random.Random(seed)
    vocabulary = [f"w{number}" for number in range(VOCABULARY)]
    cumulated = [0.0]
    for number in range(VOCABULARY):
        cumulated.append(cumulated[-1] + 1 / (number + 5))
    labels: dict[tuple[str, ...], None] = {}
    while len(labels) < count:
        words = rng.choices(vocabulary, cum_weights=cumulated[1:], k=rng.randint(3, 7))
        labels[tuple(sorted(set(words)))] = None
    return list(labels)


def merge_labels(kernel: ModuleType, labels: list[tuple[str, ...]]) -> Merge:
    """Merges all labels into an empty index."""

    def run() -> None:
        index = kernel.StoryIndex(THRESHOLD, LABEL_THRESHOLD)
        for key, words in enumerate(labels):
            found = index.match(words, -1)
            index.join(key if found < 0 else found, words, -1, 1.0)

    return run


@click.command()
@click.option("--labels", "sizes", multiple=True, type=int, default=[100, 1_000, 10_000, 100_000], show_default=True)
@click.option("--rounds", default=3, show_default=True)
@click.option("--plot", type=click.Path(path_type=Path), help="draw the growth into this file")
@click.option("--json", "as_json", is_flag=True)
def command(*, sizes: tuple[int, ...], rounds: int, plot: Path | None, as_json: bool) -> None:
    """Merge n different labels, starting from none."""
    report = Report("Merge of n different labels, ms", ["n", "compiled", "pure twin"])
    for size in sizes:
        labels = distinct_labels(size)
        contenders = {}
        if choice.IMPLEMENTATION == "cython":
            contenders["compiled"] = merge_labels(importlib.import_module("orchestrator._merge"), labels)
        if size <= PURE_UP_TO:
            contenders["pure twin"] = merge_labels(_merge_py, labels)
        times = median_s(contenders, rounds)
        report.rows.append((size, *(times[name] * 1e3 if name in times else None for name in report.columns[1:])))
    report.show(as_json=as_json)
    if plot is not None:
        growth(report, report.columns[1:], plot, "ms")
