"""The score of the Numenta Anomaly Benchmark, and labelled series of counts to score detectors on.

A detector marks records. In each labelled window the earliest marked record counts, the more the earlier it is; every
marked record outside costs, the less the nearer it is behind a window; a window without any costs as a false negative.
The first records, in which detectors learn, count nowhere.

Source: Lavin and Ahmad, "Evaluating real-time anomaly detection algorithms", ICMLA 2015 (arXiv 1510.03336), written
from what it defines. Whether it gives what others got is told by :mod:`bench._nab_published`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Marks = NDArray[np.bool_]
Times = NDArray[np.int64]

PROBATION_SHARE, PROBATION_OF_AT_MOST = 0.15, 5_000
"""Records to learn from: this share of a series, or of so many records if it is longer."""

FAR = 3.0
"""Widths of the window behind its end from which on a false alarm costs all that it can cost."""

LABELS_FILE = "labels.json"
_STEEPNESS = 5.0


class Profile(NamedTuple):
    """What a window found, a record marked in vain, and a window missed count."""

    name: str
    found: float
    in_vain: float
    missed: float


PROFILES = (
    Profile("standard", 1.0, 0.11, 1.0),
    Profile("low FP", 1.0, 0.22, 1.0),
    Profile("low FN", 1.0, 0.11, 2.0),
)


class Window(NamedTuple):
    """A labelled stretch of records, both ends included, and the record of the label in it, if one is told."""

    first: int
    last: int
    label: int | None = None


@dataclass(frozen=True, slots=True)
class Series:
    """The counts of one brand.

    Attributes:
        name: its file's.
        times: Unix seconds of each record, rising.
        counts: mentions since the record before.
        windows: the labelled stretches, in their order.
    """

    name: str
    times: Times
    counts: NDArray[np.int64]
    windows: tuple[Window, ...]

    @property
    def probation(self) -> int:
        """How many records count nowhere."""
        return int(PROBATION_SHARE * min(len(self.times), PROBATION_OF_AT_MOST))

    @property
    def scored(self) -> list[int]:
        """The numbers of the windows that count: those that do not lie in the probation as a whole."""
        return [number for number, window in enumerate(self.windows) if window.last >= self.probation]

    @property
    def days(self) -> float:
        """Days of the records that count."""
        return float(self.times[-1] - self.times[self.probation]) / 86_400

    def inside(self) -> NDArray[np.int64]:
        """The number of the window that each record lies in, -1 outside."""
        numbers = np.full(len(self.times), -1)
        for number, window in enumerate(self.windows):
            numbers[window.first : window.last + 1] = number
        return numbers


def worth(position: float | NDArray[np.float64]) -> NDArray[np.float64]:
    """The scaled sigmoid: from nearly 1 at the left edge of a window, -1, over 0 at its right edge to -1 beyond."""
    place = np.asarray(position, dtype=float)
    return np.where(place >= FAR, -1.0, 2 / (1 + np.exp(_STEEPNESS * np.minimum(place, FAR))) - 1)


def rewards(series: Series, profile: Profile) -> NDArray[np.float64]:
    """What it counts to mark each record, as the first one of its window."""
    records = np.arange(len(series.times))
    behind = np.full(len(records), FAR)
    gains = np.zeros(len(records))
    for window in series.windows:
        width = window.last - window.first + 1
        after = records > window.last
        behind[after] = (records[after] - window.last) / (width - 1)
        inside = slice(window.first, window.last + 1)
        gains[inside] = worth((records[inside] - window.last - 1) / width) / worth(-1.0) * profile.found
    return np.where(series.inside() >= 0, gains, worth(behind) * profile.in_vain)


def raw_score(series: Series, marks: Marks, profile: Profile) -> float:
    """The score of one series; it has no bound below, because each mark in vain costs."""
    gains, inside = rewards(series, profile), series.inside()
    marked = marks & (np.arange(len(marks)) >= series.probation)
    total = float(gains[marked & (inside < 0)].sum())
    for number in series.scored:
        found = gains[marked & (inside == number)]
        total += float(found.max()) if len(found) else -profile.missed
    return total


def score(of: Sequence[Series], marks: Sequence[Marks], profile: Profile) -> float:
    """The score of all series: 100 for every window found with its first record and nothing else, 0 for no mark.

    At least one has a window that counts.
    """
    windows = sum(len(series.scored) for series in of)
    raw = sum(raw_score(series, its, profile) for series, its in zip(of, marks, strict=True))
    return 100 * (raw / windows + profile.missed) / (profile.found + profile.missed)


def read_folder(folder: Path) -> list[Series]:
    """The series of *folder*: ``NAME.csv`` with ``timestamp,value`` each, and ``labels.json``.

    The latter has for each name ``windows``, pairs of times, and may have ``labels``, the times of what is meant.

    Raises:
        ValueError: a file has another form; the message names it.
    """
    try:
        labels = json.loads((folder / LABELS_FILE).read_bytes())
        series = [_read_series(file, labels.get(file.stem, {})) for file in sorted(folder.glob("*.csv"))]
    except (OSError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise ValueError(f"{folder} is no folder of labelled counts: {error}") from error
    if not any(one.scored for one in series):
        raise ValueError(f"{folder} has no *.csv with a labelled window after its probation")
    return series


def _read_series(file: Path, labels: dict[str, list[object]]) -> Series:
    header, *lines = file.read_text(encoding="utf-8").split()
    rows = [line.rsplit(",", 1) for line in _joined(lines)]
    if header != "timestamp,value" or not rows:
        raise ValueError(f"{file.name} has no lines after a first one that says timestamp,value")
    times = np.array([_seconds(at) for at, _ in rows])
    counts = np.array([int(float(count)) for _, count in rows])
    if (np.diff(times) < 0).any() or (counts < 0).any():
        raise ValueError(f"{file.name} must have rising times and no negative counts")
    told = sorted(map(_seconds, labels.get("labels", [])))
    windows = [tuple(map(_seconds, pair)) for pair in labels.get("windows", [])]  # type: ignore[call-overload]
    return Series(file.stem, times, counts, tuple(_window(times, told, *pair) for pair in sorted(windows)))


def _joined(words: Sequence[str]) -> Iterator[str]:
    """Lines from words: a time may have a blank between day and hour."""
    day = ""
    for word in words:
        if "," in word:
            yield f"{day}T{word}" if day else word
            day = ""
        else:
            day = word


def _seconds(text: object) -> int:
    """Unix seconds of a time without a zone, which is taken for UTC."""
    return int(datetime.fromisoformat(str(text)).replace(tzinfo=UTC).timestamp())


def _window(times: Times, told: Sequence[int], start: int, end: int) -> Window:
    first, last = int(np.searchsorted(times, start)), int(np.searchsorted(times, end, "right")) - 1
    if last <= first:
        raise ValueError(f"a window from {start} to {end} (Unix seconds) holds no two records")
    label = next((at for at in told if start <= at <= end), None)
    return Window(first, last, None if label is None else int(np.searchsorted(times, label)))
