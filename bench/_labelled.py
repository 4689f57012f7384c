"""Detectors on labelled series of counts: ours as the service runs it, and others record by record.

Ours gets every record as chunks at the record's time, and marks the records at which an episode opens. The others
score every record; an alarm is the first of those at or above a threshold, until they have been below it for 90
minutes. Their threshold is the usual one, or the one that gives them the false alarms of ours, or the one with the best
score of the benchmark: the last is chosen on the labels that it is measured by, and flatters them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np
from numpy.typing import NDArray

from bench._nab import PROFILES, Marks, Series, score
from orchestrator.brand.panes import pane_of
from orchestrator.brand.spikes import Spikes

Scores = NDArray[np.float64]

RECORDS_PER_HOUR = 12
RECORDS_PER_DAY = 24 * RECORDS_PER_HOUR
ALARM_GAP = 18  # records of five minutes
MONTH_DAYS = 30
CHUNK = 25
"""Mentions of a chunk, for ours; chunks of one give the same."""

_MIN_MENTIONS = 5
_SHESD_DAYS = 7
_CANDIDATES = 60
_NORMAL = 1.4826
"""The median absolute deviation of a normal distribution is its standard deviation divided by this."""


def opening_marks(series: Series) -> Marks:
    """Ours: the records at which an episode opens."""
    marks = np.zeros(len(series.times), dtype=bool)
    spikes, since = Spikes(), ""
    for record, (at_s, count) in enumerate(zip(series.times.tolist(), series.counts.tolist(), strict=True)):
        spikes.advance(at_s * 1000)
        if count:
            sizes = [CHUNK] * (count // CHUNK) + [count % CHUNK] * bool(count % CHUNK)
            spikes.fold([pane_of(at_s * 1000)] * len(sizes), sizes)
        episode = spikes.open_episode()
        if episode is not None and episode.timestamp != since:
            marks[record] = True
            since = episode.timestamp
    return marks


def sigma_scores(counts: NDArray[np.int64]) -> Scores:
    """Mean + k sigma of the last day."""
    days = np.lib.stride_tricks.sliding_window_view(counts.astype(float), RECORDS_PER_DAY)[:-1]
    scores = np.zeros(len(counts))
    scores[RECORDS_PER_DAY:] = (counts[RECORDS_PER_DAY:] - days.mean(1)) / np.maximum(days.std(1), 1.0)
    return scores * (counts >= _MIN_MENTIONS)


def ewma_scores(counts: NDArray[np.int64]) -> Scores:
    """EWMA z: exponentially weighted mean and variance with a half-life of a day."""
    keep = 2 ** (-1 / RECORDS_PER_DAY)
    mean, variance = float(counts[:RECORDS_PER_DAY].mean()), float(counts[:RECORDS_PER_DAY].var())
    scores = np.zeros(len(counts))
    for record in range(RECORDS_PER_DAY, len(counts)):
        error = float(counts[record]) - mean
        scores[record] = error / max(variance, 1.0) ** 0.5
        mean += (1 - keep) * error
        variance = keep * (variance + (1 - keep) * error * error)
    return scores * (counts >= _MIN_MENTIONS)


def shesd_scores(counts: NDArray[np.int64]) -> Scores:
    """S-H-ESD, each record as the newest of the last week: its robust deviation once the course of the day is off.

    The course is the median of each hour of the day, what is left is measured in median absolute deviations. Source:
    Hochenbaum, Vallis and Kejariwal, "Automatic anomaly detection in the cloud via statistical learning", 2017. The
    original tests a batch; the test of its newest record, whose critical value the threshold stands for, is this score.
    """
    values, span = counts.astype(float), _SHESD_DAYS * RECORDS_PER_DAY
    hours = np.arange(len(values)) // RECORDS_PER_HOUR % 24
    scores = np.zeros(len(values))
    for start in range(RECORDS_PER_DAY, len(values), RECORDS_PER_HOUR):  # what is learned changes once an hour
        past, of = values[max(0, start - span) : start], hours[max(0, start - span) : start]
        course = np.array([np.median(past[of == hour]) for hour in range(24)])
        rest = past - course[of]
        deviation = max(1.0, _NORMAL * float(np.median(np.abs(rest - np.median(rest)))))
        now = slice(start, start + RECORDS_PER_HOUR)
        scores[now] = (values[now] - course[hours[now]] - np.median(rest)) / deviation
    return scores * (counts >= _MIN_MENTIONS)


OTHERS: dict[str, tuple[Callable[[NDArray[np.int64]], Scores], float]] = {
    "mean + k sigma": (sigma_scores, 3.0),
    "EWMA z": (ewma_scores, 3.0),
    "S-H-ESD": (shesd_scores, 3.0),
}
"""How each scores, and its usual threshold."""


def alarms(scores: Scores, threshold: float) -> Marks:
    """One mark for each stretch of records at or above *threshold*."""
    above = np.flatnonzero(scores >= threshold)
    marks = np.zeros(len(scores), dtype=bool)
    marks[above[np.diff(above, prepend=-ALARM_GAP - 1) > ALARM_GAP]] = True
    return marks


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a detector did on all series.

    Attributes:
        scores: the benchmark's, by :data:`~bench._nab.PROFILES`.
        found: labelled windows with an alarm, of how many.
        false: alarms outside of all windows, a brand-month of 30 days.
        delay_min: minutes from the labels to the first alarm of their windows, the median; None without a label.
    """

    scores: tuple[float, ...]
    found: tuple[int, int]
    false: float
    delay_min: float | None

    @classmethod
    def of(cls, series: Sequence[Series], marks: Sequence[Marks]) -> Verdict:
        """The verdict on *marks*, which are in the order of *series*."""
        delays: list[float] = []
        found = in_vain = 0
        for one, its in zip(series, marks, strict=True):
            inside = one.inside()
            scored = its & (np.arange(len(its)) >= one.probation)
            in_vain += int((scored & (inside < 0)).sum())
            for number in one.scored:
                hits = np.flatnonzero(scored & (inside == number))
                found += bool(len(hits))
                label = one.windows[number].label
                if len(hits) and label is not None:
                    delays.append(float(one.times[hits[0]] - one.times[label]) / 60)
        months = sum(one.days for one in series) / MONTH_DAYS
        return cls(
            tuple(score(series, marks, profile) for profile in PROFILES),
            (found, sum(len(one.scored) for one in series)),
            in_vain / months,
            median(delays) if delays else None,
        )

    def row(self, name: str) -> list[object]:
        """A row of the table."""
        return [
            name,
            *(round(score, 1) for score in self.scores),
            "/".join(map(str, self.found)),
            self.false,
            self.delay_min,
        ]


COLUMNS = ["detector", *(f"NAB {profile.name}" for profile in PROFILES), "windows", "false a month", "delay min"]


def compare(series: Sequence[Series]) -> list[list[object]]:
    """One row for ours and three for each of the others: as usual, at the false alarms of ours, at its best."""
    ours = Verdict.of(series, [opening_marks(one) for one in series])
    rows = [ours.row("ours")]
    for name, (method, usual) in OTHERS.items():
        scores = [method(one.counts) for one in series]
        thresholds = np.quantile(np.concatenate(scores), 1 - np.geomspace(1e-5, 0.05, _CANDIDATES))
        tried = [(float(k), Verdict.of(series, [alarms(its, k) for its in scores])) for k in thresholds]
        # Of those with at most as many false alarms as ours, the one with most.
        equal = max(
            (one for one in tried if one[1].false <= ours.false), key=lambda one: one[1].false, default=tried[0]
        )
        best = max(tried, key=lambda one: one[1].scores[0])
        rows.append(Verdict.of(series, [alarms(its, usual) for its in scores]).row(f"{name}, k = {usual:g}"))
        rows += [v.row(f"{name}, {told}, k = {k:.3g}") for told, (k, v) in (("equal", equal), ("best", best))]
    return rows
