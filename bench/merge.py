"""Merging a batch of clusters into K stories: the compiled kernel, its pure twin, and the peers."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType
from typing import Any

import click

from bench import _vectors
from bench._harness import Report, median_s
from bench._merge_peers import LABEL_THRESHOLD, THRESHOLD, Merge, peers
from bench._plot import growth
from orchestrator.kernels import choice
from orchestrator.kernels import merge_py as _merge_py
from orchestrator.kernels.rows import Centroids

INCOMING = 256
CLUSTERS_BEFORE = 10**6  # so many that none of the rounds comes to a renewal
PURE_INCOMING = 2  # the pure twin is measured on these and scaled up
PURE_UP_TO = 10_000  # stories


def kernel_merge(kernel: ModuleType, rows: _vectors.Matrix, new: _vectors.Matrix) -> Merge:
    """Merges by a twin: as the service does it, clusters join or found in order."""
    index = kernel.StoryIndex(THRESHOLD, LABEL_THRESHOLD)
    mean = rows.sum(axis=0) / (len(rows) + _merge_py.PRIOR_STORIES)
    index.load_background((CLUSTERS_BEFORE, CLUSTERS_BEFORE), len(rows), [], b"", [mean.astype("<f4").tobytes()])
    for key, row in enumerate(rows):
        index.load(key, row.tobytes(), [], b"", 0, 1.0)
    batch = Centroids.of(list(new))
    return lambda: _merge_batch(index, batch, len(rows))


def _merge_batch(index: Any, batch: Centroids, first_key: int) -> None:
    index.begin(batch.values, batch.offsets)
    founded = []
    for row in range(len(batch)):
        found = index.match((), row)
        if found < 0:
            found = first_key + row
            founded.append(found)
        index.join(found, (), row, 1.0)
    for key in founded:
        index.remove(key)


def _measure(size: int, rounds: int, source: Path | None, spectrum: str) -> list[float | None]:
    """Milliseconds of each contender."""
    rows = _vectors.isotropic(size) if spectrum == "isotropic" else _vectors.stories(size, source)
    new = _vectors.incoming(rows, INCOMING)
    contenders: dict[str, Merge | None] = {"compiled": None, **dict(peers(rows, new))}
    if choice.IMPLEMENTATION == "cython":
        contenders["compiled"] = kernel_merge(importlib.import_module("orchestrator._merge"), rows, new)
    times = median_s({name: contender for name, contender in contenders.items() if contender}, rounds)
    pure = None
    if size <= PURE_UP_TO:
        few = kernel_merge(_merge_py, rows, new[:PURE_INCOMING])
        pure = median_s({"pure": few}, 1)["pure"] * INCOMING / PURE_INCOMING
    return [None if value is None else value * 1e3 for value in (*map(times.get, contenders), pure)]


@click.command()
@click.option("--stories", "sizes", multiple=True, type=int, default=[10, 100, 1_000, 10_000], show_default=True)
@click.option("--rounds", default=5, show_default=True)
@click.option("--embeddings", type=click.Path(path_type=Path, exists=True), help="unit vectors, an .npy file")
@click.option("--spectrum", type=click.Choice(["real", "isotropic"]), default="real", show_default=True)
@click.option("--plot", type=click.Path(path_type=Path), help="draw the growth into this file")
@click.option("--json", "as_json", is_flag=True)
def command(
    *, sizes: tuple[int, ...], rounds: int, embeddings: Path | None, spectrum: str, plot: Path | None, as_json: bool
) -> None:
    """Merge 256 clusters of 384 dimensions into K stories."""
    names = ["ours", "np item", "np block", "faiss", "hnsw", "Birch", "pure"]
    title = f"Merge of {INCOMING} clusters into K stories, d = {_vectors.DIMENSIONS}, {spectrum} spectrum, ms"
    report = Report(title, ["K", *names, "block/ours", "pure/ours"])
    for size in sizes:
        times = _measure(size, rounds, embeddings, spectrum)
        ratios = [_ratio(times[names.index(name)], times[0]) for name in ("np block", "pure")]
        report.rows.append((size, *times, *ratios))
    report.notes += [
        (
            "ours: the compiled kernel, clusters join or found stories in order; pure: its twin, "
            f"measured on {PURE_INCOMING} clusters and scaled"
        ),
        "np item, np block: numpy by the same rule, one product a cluster or one a batch",
        "faiss flat and hnswlib only look the nearest story up, hnswlib approximately; Birch has a rule of its own",
    ]
    report.show(as_json=as_json)
    if plot is not None:
        growth(report, names, plot, "ms")


def _ratio(value: float | None, base: float | None) -> float | None:
    return None if value is None or base is None else value / base
