"""Embeddings for benchmarks: real ones from a file, or drawn with a spectrum like theirs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

DIMENSIONS = 384
Matrix = NDArray[np.float32]


def stories(count: int, source: Path | None, seed: int = 7) -> Matrix:
    """*count* unit vectors: rows of *source* (an ``.npy`` file), with noise where it has too few of them.

    Without a file they are drawn with a decaying spectrum, like that of sentence embeddings.
    """
    rng = np.random.default_rng(seed)
    if source is None:
        scale = (np.arange(DIMENSIONS) + 4.0) ** -0.55
        return unit(rng.normal(size=(count, DIMENSIONS)) * scale)
    known = np.load(source).astype(np.float32)
    rows = known[rng.permutation(len(known))[: min(count, len(known))]]
    if count > len(known):
        more = known[rng.integers(len(known), size=count - len(known))]
        rows = np.concatenate([rows, noisy(more, 0.6, rng)])
    return unit(rows)


def isotropic(count: int, seed: int = 7) -> Matrix:
    """*count* unit vectors without any structure: the worst case of every pruning."""
    return unit(np.random.default_rng(seed).normal(size=(count, DIMENSIONS)))


def incoming(rows: Matrix, count: int, seed: int = 8) -> Matrix:
    """*count* vectors near some of *rows*: new clusters of known stories."""
    rng = np.random.default_rng(seed)
    return noisy(rows[rng.integers(len(rows), size=count)], 0.4, rng)


def noisy(rows: Matrix, amount: float, rng: np.random.Generator) -> Matrix:
    """*rows* with noise of *amount* times their length."""
    noise = rng.normal(size=rows.shape) * (amount / np.sqrt(rows.shape[1]))
    return unit(rows + noise)


def unit(rows: Any) -> Matrix:
    """The rows' directions as contiguous float32."""
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.ascontiguousarray(rows / norms, dtype=np.float32)
