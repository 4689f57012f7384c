"""Merging a batch of clusters into K stories: the pure twin, the compiled kernel, numpy."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import click
import numpy as np

from bench import _vectors
from bench._harness import Report, median_s
from orchestrator import _merge_py, merge
from orchestrator.contract.decode import Centroids

INCOMING = 256
THRESHOLD = 0.75
PURE_INCOMING = 2  # the pure twin is measured on these and scaled up


def filled(kernel: ModuleType, rows: _vectors.Matrix) -> Any:
    """An index whose stories are *rows*."""
    index = kernel.StoryIndex(THRESHOLD)
    for key, row in enumerate(rows):
        index.load(key, row.tobytes(), [], b"")
    return index


def merge_batch(index: Any, batch: Centroids, first_key: int) -> None:
    """Let each row of *batch* join its story or found one, in order."""
    index.begin(batch.values, batch.offsets)
    for row in range(len(batch)):
        found = index.match((), row)
        index.join(first_key + row if found < 0 else found, (), row, 1.0)


def kernel_contender(kernel: ModuleType, rows: _vectors.Matrix, new: _vectors.Matrix) -> Callable[[], Any]:
    """Measures a twin, each round on stories that no round before has moved."""
    batch = Centroids.of(list(new))

    def fill() -> Callable[[], None]:
        index = filled(kernel, rows)
        return lambda: merge_batch(index, batch, len(rows))

    return fill


def numpy_contender(rows: _vectors.Matrix, new: _vectors.Matrix) -> Callable[[], Any]:
    """One product per cluster with all stories: what a first version would do."""

    def fill() -> Callable[[], None]:
        sums = rows.copy()
        units = np.concatenate([rows, np.empty_like(new)])
        return lambda: _numpy_per_item(sums, units, len(rows), new)

    return fill


def _numpy_per_item(sums: _vectors.Matrix, units: _vectors.Matrix, count: int, new: _vectors.Matrix) -> None:
    sums = np.concatenate([sums, np.zeros_like(new)])
    for row in new:
        similarities = units[:count] @ row
        best = int(np.argmax(similarities))
        if similarities[best] < THRESHOLD:
            best, count = count, count + 1
        sums[best] += row
        units[best] = sums[best] / np.linalg.norm(sums[best])


@click.command()
@click.option("--stories", "sizes", multiple=True, type=int, default=[100, 1_000, 10_000], show_default=True)
@click.option("--rounds", default=5, show_default=True)
@click.option("--embeddings", type=click.Path(path_type=Path, exists=True), help="unit vectors, an .npy file")
@click.option("--json", "as_json", is_flag=True)
def command(sizes: tuple[int, ...], rounds: int, embeddings: Path | None, as_json: bool) -> None:  # noqa: FBT001
    """Merge 256 clusters of 384 dimensions into K stories."""
    columns = ["stories", "pure ms", "compiled ms", "numpy per item ms", "pure / compiled"]
    report = Report(f"merge of {INCOMING} clusters, d = {_vectors.DIMENSIONS}", columns)
    report.notes.append(f"the pure twin is measured on {PURE_INCOMING} clusters and scaled")
    for size in sizes:
        rows = _vectors.stories(size, embeddings)
        new = _vectors.incoming(rows, INCOMING)
        contenders = {"numpy": numpy_contender(rows, new)}
        if merge.IMPLEMENTATION == "cython":
            contenders["compiled"] = kernel_contender(importlib.import_module("orchestrator._merge"), rows, new)
        times = median_s(contenders, rounds)
        pure = median_s({"pure": kernel_contender(_merge_py, rows, new[:PURE_INCOMING])}, 1)["pure"]
        pure_ms = pure * 1e3 * INCOMING / PURE_INCOMING
        compiled = times.get("compiled")
        compiled_ms = None if compiled is None else compiled * 1e3
        report.rows.append(
            (size, pure_ms, compiled_ms, times["numpy"] * 1e3, None if compiled_ms is None else pure_ms / compiled_ms)
        )
    report.show(as_json=as_json)
