"""Two detectors of the Numenta Anomaly Benchmark as it describes them, and what it published for them.

Both are deterministic. So where the published series are at hand, the scorer of :mod:`bench._nab` can be held against
figures that others got: ``results/*/*_standard_scores.csv`` of the benchmark's repository, raw scores of the profile
``standard`` at the threshold that stands there. A series is known by its length and by how many of its records lie
outside of all windows and the probation.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench._nab import PROFILES, Marks, Series, raw_score

PUBLISHED = {
    (15_902, 13_564): (1.51399683626, -0.692809244546),
    (15_831, 13_501): (1.55848299457, -0.145516222987),
    (15_902, 13_559): (0.763845764094, -1.24821222025),
    (15_853, 13_577): (0.773682061394, 2.45677603817),
    (15_833, 13_501): (0.119750278191, 1.39048222172),
    (15_842, 13_660): (-0.146777355167, 0.5628364391),
    (15_893, 13_553): (-0.799109479229, 1.17136672832),
    (15_851, 13_514): (-0.914196106944, 0.61166286009),
    (15_858, 13_520): (0.26557999349, 0.905444118395),
    (15_866, 13_531): (-2.2051646682, 1.42984898725),
}
"""By length and records outside: what windowedGaussian got, and what relativeEntropy got."""

_GAUSS_WINDOW, _GAUSS_STEP = 6_400, 100
_PUBLISHED_DIGITS = 12
_ENTROPY_BINS, _ENTROPY_WINDOW = 5, 52
_CHI_SQUARED_99 = 13.276704135987622
"""The 99th percentile of the chi-squared distribution with four degrees of freedom."""


def windowed_gaussian(counts: NDArray[np.int64]) -> Marks:
    """Marks what is so far from the mean of a sliding window that its normal tail is 0 in the published digits.

    The window has up to 6,400 records and slides by 100; the tail is of either side; the published threshold is 1.0.
    """
    marks = np.zeros(len(counts), dtype=bool)
    values = counts.astype(float)
    mean = deviation = 0.0
    end = 0
    for record, value in enumerate(values):
        if record:
            tail = 0.5 * math.erfc(abs(value - mean) / deviation / math.sqrt(2))
            marks[record] = round(1 - tail, _PUBLISHED_DIGITS) >= 1.0
        grows = record < _GAUSS_WINDOW
        if grows or record + 1 - end == _GAUSS_STEP:
            end = record + 1
            window = values[max(0, end - _GAUSS_WINDOW) : end]
            mean, deviation = float(np.mean(window)), float(np.std(window)) or 1e-6
    return marks


def relative_entropy(counts: NDArray[np.int64]) -> Marks:
    """Marks a window of 52 records whose histogram of five bins agrees with none seen before (Wang et al., 2011)."""
    low, width = int(counts.min()), (int(counts.max()) - int(counts.min())) / _ENTROPY_BINS
    marks = np.zeros(len(counts), dtype=bool)
    if not width:
        return marks
    bins = np.minimum(np.ceil((counts - low) / width).astype(int), _ENTROPY_BINS - 1)
    known = np.empty((0, _ENTROPY_BINS))
    times: list[int] = []
    for record in range(_ENTROPY_WINDOW - 1, len(counts)):
        shares = np.bincount(bins[record + 1 - _ENTROPY_WINDOW : record + 1], minlength=_ENTROPY_BINS) / _ENTROPY_WINDOW
        statistics = 2 * _ENTROPY_WINDOW * _entropies(shares, known)
        best = int(statistics.argmin()) if len(statistics) else -1
        if best >= 0 and statistics[best] < _CHI_SQUARED_99:
            times[best] += 1
        else:
            marks[record] = bool(times)  # the very first window is the first hypothesis and no anomaly
            known = np.vstack([known, shares])
            times.append(1)
    return marks


def _entropies(shares: NDArray[np.float64], known: NDArray[np.float64]) -> NDArray[np.float64]:
    """Kullback-Leibler divergence of *shares* from each of *known*; infinite where one lacks a bin of it."""
    present = shares > 0
    with np.errstate(divide="ignore"):
        logs = np.log(shares[present]) - np.log(known[:, present])
    result: NDArray[np.float64] = logs @ shares[present]
    return result


@dataclass(frozen=True, slots=True)
class Check:
    """How far our scores of one detector are from those that were published.

    Attributes:
        detector: its name.
        series: how many of the series are known.
        apart: the largest difference of a raw score.
    """

    detector: str
    series: int
    apart: float

    def told(self) -> str:
        """In words."""
        return f"{self.detector} on {self.series} series: at most {self.apart:.1e} from the published raw scores"


DETECTORS: dict[str, Callable[[NDArray[np.int64]], Marks]] = {
    "windowedGaussian": windowed_gaussian,
    "relativeEntropy": relative_entropy,
}


def checks(of: Sequence[Series]) -> list[Check]:
    """Compare on those of the series that were published; empty if none was."""
    known = [(series, PUBLISHED[name]) for series in of if (name := _name(series)) in PUBLISHED]
    if not known:
        return []
    return [
        Check(name, len(known), max(abs(_scored(series, name) - scores[place]) for series, scores in known))
        for place, name in enumerate(DETECTORS)
    ]


def _name(series: Series) -> tuple[int, int]:
    outside = series.inside() < 0
    return len(series.times), int(outside[series.probation :].sum())


def _scored(series: Series, detector: str) -> float:
    return raw_score(series, DETECTORS[detector](series.counts), PROFILES[0])
