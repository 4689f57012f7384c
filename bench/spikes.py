"""The spike detector in simulation: ours beside mean + k sigma and EWMA z, at equal false alarms.

Each method gives every pane a score; false alarms are episodes on quiet days after the warm-up.
They are counted at the threshold that is usual for the method; recall is compared at the
threshold that gives each the false alarms that ours makes at 40.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import click
import numpy as np
from numpy.typing import NDArray

from bench._harness import Report
from bench._traffic import PANES_PER_DAY, Burst, Counts, Traffic
from orchestrator.brand.detector import Detector
from orchestrator.brand.episodes import MIN_MENTIONS, OPEN_SCORE, QUIET_PANES

Scores = NDArray[np.float64]

USUAL = Traffic(20)
BRANDS = (
    Traffic(2),
    Traffic(5),
    Traffic(20, kappa=0.0),
    USUAL,
    Traffic(20, kappa=0.3),
    Traffic(20, swing=0.8),
    Traffic(100),
    Traffic(20, chunk=10),
    Traffic(1.5, kappa=0.0, swing=0.0, chunk=30),
)
QUIET_DAYS = 21
BURST_DAYS = 9
_NEVER = -1e9


def detector_scores(counts: Counts, chunk: int = 1) -> Scores:
    """Ours: the score of each pane."""
    detector = Detector.begin(0)
    looks = [detector.settle(count, count * chunk) for count in counts.tolist()]
    return np.array([look.stretch.score if look.seen.count > look.seen.mean else 0.0 for look in looks])


def sigma_scores(counts: Counts, _chunk: int = 1) -> Scores:
    """Mean + k sigma of the last day: how many sigmas each pane is above."""
    days = np.lib.stride_tricks.sliding_window_view(counts.astype(float), PANES_PER_DAY)[:-1]
    scores = np.full(len(counts), _NEVER)
    scores[PANES_PER_DAY:] = (counts[PANES_PER_DAY:] - days.mean(1)) / np.maximum(days.std(1), 1.0)
    return _at_least_a_few(scores, counts)


def ewma_scores(counts: Counts, _chunk: int = 1) -> Scores:
    """EWMA z: exponentially weighted mean and variance with a half-life of a day."""
    keep = 2 ** (-1 / PANES_PER_DAY)
    mean, variance = float(counts[:PANES_PER_DAY].mean()), float(counts[:PANES_PER_DAY].var())
    scores = np.full(len(counts), _NEVER)
    for pane in range(PANES_PER_DAY, len(counts)):
        error = float(counts[pane]) - mean
        scores[pane] = error / max(variance, 1.0) ** 0.5
        mean += (1 - keep) * error
        variance = keep * (variance + (1 - keep) * error * error)
    return _at_least_a_few(scores, counts)


def _at_least_a_few(scores: Scores, counts: Counts) -> Scores:
    return np.where(counts >= MIN_MENTIONS, scores, _NEVER)


@dataclass(frozen=True, slots=True)
class Method:
    """A way to score panes and the threshold that is usual for it."""

    name: str
    scores: Callable[[Counts, int], Scores]
    usual: float


METHODS = (
    Method("negative binomial", detector_scores, OPEN_SCORE),
    Method("mean + k sigma", sigma_scores, 3.0),
    Method("EWMA z", ewma_scores, 3.0),
)


def episodes(scores: Scores, threshold: float) -> int:
    """Alarms, counted once until they have been below the threshold for some panes."""
    alarms = np.flatnonzero(scores >= threshold)
    return 0 if not len(alarms) else 1 + int((np.diff(alarms) > QUIET_PANES).sum())


def threshold_for(scores: Sequence[Scores], wanted: int) -> float:
    """The lowest threshold with at most *wanted* episodes over all of *scores*."""
    candidates = np.unique(np.concatenate(scores))
    low, high = 0, len(candidates) - 1
    while low < high:
        middle = (low + high) // 2
        if sum(episodes(one, float(candidates[middle])) for one in scores) > wanted:
            low = middle + 1
        else:
            high = middle
    return float(candidates[low])


def delays(method: Method, traffic: Traffic, threshold: float, brands: int) -> list[int]:
    """Panes from the start of a burst to the alarm, for the bursts that raise one."""
    rng = np.random.default_rng(2)
    found = []
    burst = Burst()
    for _ in range(brands):
        counts, start = burst.put(traffic, BURST_DAYS, rng)
        during = method.scores(counts, traffic.chunk)[start : start + burst.panes]
        alarms = np.flatnonzero(during >= threshold)
        if len(alarms):
            found.append(int(alarms[0]))
    return found


def quiet_scores(method: Method, traffic: Traffic, brands: int) -> list[Scores]:
    """Scores of days without a burst, after the warm-up."""
    rng = np.random.default_rng(1)
    drawn = [traffic.draw(traffic.rates(QUIET_DAYS, rng), rng) for _ in range(brands)]
    return [method.scores(counts, traffic.chunk)[PANES_PER_DAY:] for counts in drawn]


def compare(traffic: Traffic, brands: int) -> list[float | str | None]:
    """One row: false alarms a day at the usual threshold and recall at equal false alarms, of each method."""
    days = brands * (QUIET_DAYS - 1)
    row: list[float | str | None] = [_name(traffic)]
    wanted = 0
    for method in METHODS:
        quiet = quiet_scores(method, traffic, brands)
        alarms = sum(episodes(one, method.usual) for one in quiet)
        ours = method is METHODS[0]
        wanted = alarms if ours else wanted
        found = delays(method, traffic, method.usual if ours else threshold_for(quiet, wanted), brands)
        row += [alarms / days, len(found) / brands]
        if ours:
            row.append(sum(found) / len(found) if found else None)
    return row


def _name(traffic: Traffic) -> str:
    parts = [f"{traffic.mean:g}"]
    parts += [f"kappa {traffic.kappa:g}"] if traffic.kappa != USUAL.kappa else []
    parts += [f"swing {traffic.swing:g}"] if traffic.swing != USUAL.swing else []
    parts += [f"chunks of {traffic.chunk}"] if traffic.chunk != USUAL.chunk else []
    return ", ".join(parts)


@click.command()
@click.option("--brands", default=40, show_default=True, help="Simulated brands of each kind.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(brands: int, *, as_json: bool) -> None:
    """Spike detection on simulated brands: false alarms, and recall of a fourfold burst of 90 minutes."""
    columns = [
        "mentions a pane",
        "ours: false",
        "recall",
        "delay",
        "k sigma: false",
        "recall ",
        "EWMA: false",
        " recall",
    ]
    report = Report("Spikes: false alarms a day as usually set; recall at equal false alarms", columns)
    report.rows += [compare(traffic, brands) for traffic in BRANDS]
    report.notes += [
        f"unless named: kappa {USUAL.kappa:g}, a daily swing of {USUAL.swing:g}; the delay is in panes of 15 minutes",
        f"{brands} brands each: {QUIET_DAYS - 1} quiet days, and a fourfold burst of 90 minutes on day {BURST_DAYS}",
        "usual settings: a score of 40, k = 3, z = 3; nominal are 96 panes at 1 in 10,000: 0.0096 false alarms a day",
    ]
    report.show(as_json=as_json)
