"""The spike detector: in simulation, on days that do not fit it, and on labelled counts that a folder holds.

In simulation and on labelled counts it stands beside mean + k sigma and EWMA z (on the latter S-H-ESD, too), each as it
is usually set and at equal false alarms. Ours is what the service runs, from the chunks to the episode that opens.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from bench import _kinds, _labelled
from bench._courses import BURST, COURSES, DAYS, Course
from bench._harness import Report
from bench._nab import Series, read_folder
from bench._nab_published import checks
from bench._traffic import PANES_PER_DAY, Burst, Counts, Traffic
from orchestrator.brand.episodes import MIN_MENTIONS, QUIET_PANES
from orchestrator.brand.panes import PANE_MS
from orchestrator.brand.spikes import Spikes

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
MONTH_DAYS = 30
COURSE_DRAWS = 3
LABELLED_SHARE = 0.25
"""Of mentions of labelled counts, which have no sentiment, so many are negative."""

_NEVER = -1e9


def openings(counts: Counts, chunk: int = 1) -> list[int]:
    """Ours: the panes at which an episode opens, each pane's chunks folded at its beginning."""
    spikes, since, found = Spikes(), "", []
    for pane, count in enumerate(counts.tolist()):
        spikes.advance(pane * PANE_MS)
        if count:
            spikes.fold([pane] * (count // chunk), [chunk] * (count // chunk))
        episode = spikes.open_episode()
        if episode is not None and episode.timestamp != since:
            found.append(pane)
            since = episode.timestamp
    return found


def sigma_scores(counts: Counts) -> Scores:
    """Mean + k sigma of the last day: how many sigmas each pane is above."""
    days = np.lib.stride_tricks.sliding_window_view(counts.astype(float), PANES_PER_DAY)[:-1]
    scores = np.full(len(counts), _NEVER)
    scores[PANES_PER_DAY:] = (counts[PANES_PER_DAY:] - days.mean(1)) / np.maximum(days.std(1), 1.0)
    return _at_least_a_few(scores, counts)


def ewma_scores(counts: Counts) -> Scores:
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
    scores: Callable[[Counts], Scores]
    usual: float


OTHERS = (
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


def quiet(traffic: Traffic, brands: int) -> list[Counts]:
    """Days without a burst."""
    rng = np.random.default_rng(1)
    return [traffic.draw(traffic.rates(QUIET_DAYS, rng), rng) for _ in range(brands)]


def bursts(traffic: Traffic, brands: int) -> list[tuple[Counts, int]]:
    """Days with a burst on the last, and the pane that it begins with."""
    rng = np.random.default_rng(2)
    return [Burst().put(traffic, BURST_DAYS, rng) for _ in range(brands)]


def _found(method: Method, with_burst: Sequence[tuple[Counts, int]], threshold: float) -> int:
    panes = Burst().panes
    return sum(bool((method.scores(counts)[start : start + panes] >= threshold).any()) for counts, start in with_burst)


def compare(traffic: Traffic, brands: int) -> list[Any]:
    """One row: false alarms a month as usually set and recall at equal false alarms, of each method."""
    without, with_burst = quiet(traffic, brands), bursts(traffic, brands)
    months = brands * (QUIET_DAYS - 1) / MONTH_DAYS
    alarms = sum(len(openings(counts, traffic.chunk)) for counts in without)
    opened = [(openings(counts, traffic.chunk), start) for counts, start in with_burst]
    during = range(Burst().panes)
    delays = [next((pane - start for pane in panes if pane - start in during), None) for panes, start in opened]
    hits = [delay for delay in delays if delay is not None]
    row: list[Any] = [_name(traffic), alarms / months, len(hits) / brands, sum(hits) / len(hits) if hits else None]
    for method in OTHERS:
        scores = [method.scores(counts)[PANES_PER_DAY:] for counts in without]
        usual = sum(episodes(one, method.usual) for one in scores)
        row += [usual / months, _found(method, with_burst, threshold_for(scores, alarms)) / brands]
    return row


def _name(traffic: Traffic) -> str:
    parts = [f"{traffic.mean:g}"]
    parts += [f"kappa {traffic.kappa:g}"] if traffic.kappa != USUAL.kappa else []
    parts += [f"swing {traffic.swing:g}"] if traffic.swing != USUAL.swing else []
    parts += [f"chunks of {traffic.chunk}"] if traffic.chunk != USUAL.chunk else []
    return ", ".join(parts)


def simulated(brands: int) -> Report:
    """Ours beside the others on simulated brands."""
    columns = [
        *("mentions a pane", "ours: false", "recall", "delay"),
        *("k sigma: false", "recall ", "EWMA: false", " recall"),
    ]
    report = Report("Spikes: false alarms a month as usually set; recall at equal false alarms", columns)
    rows = [compare(traffic, brands) for traffic in BRANDS]
    report.rows += rows
    means = [float(np.mean([row[place] or 0.0 for row in rows])) for place in (1, 2, 4, 5, 6, 7)]
    report.rows.append(["all", *means[:2], None, *means[2:]])
    report.notes += [
        f"unless named: kappa {USUAL.kappa:g}, a daily swing of {USUAL.swing:g}; the delay is in panes of 15 minutes",
        f"{brands} brands each: {QUIET_DAYS - 1} quiet days, and a fourfold burst of 90 minutes on day {BURST_DAYS}",
        "usual settings of the others: k = 3, z = 3",
    ]
    return report


def on_course(course: Course) -> list[float | str]:
    """One row: false episodes of each draw, and how many bursts are found."""
    draws = [openings(course.draw(seed)) for seed in range(COURSE_DRAWS)]
    burst_panes = course.burst_panes()
    found = [openings(course.draw(seed, burst_panes)) for seed in range(COURSE_DRAWS)]
    hits = sum(any(pane - start in range(BURST.panes) for pane in panes) for panes in found for start in burst_panes)
    recurring = sum(_recurring(panes) for panes in draws)
    return [
        course.name,
        course.kappa,
        sum(map(len, draws)) / COURSE_DRAWS,
        recurring,
        hits / len(burst_panes) / COURSE_DRAWS,
    ]


def _recurring(panes: Sequence[int]) -> int:
    """Episodes that open within two hours of the same time of day as another one of the same draw."""
    times = np.array([pane % PANES_PER_DAY for pane in panes])
    apart = np.abs(times[:, None] - times[None, :]) if len(times) else np.empty((0, 0))
    near = np.minimum(apart, PANES_PER_DAY - apart) <= 8
    return int((near.sum(1) > 1).sum()) if len(times) else 0


def on_courses() -> Report:
    """Ours on days that hours of UTC do not fit."""
    columns = ["a day's course", "kappa", "false", "recurring", "recall"]
    report = Report(f"Spikes: days that do not fit, {DAYS} of them", columns)
    report.rows += [on_course(course) for course in COURSES]
    report.notes += [
        f"false: of {DAYS} days, mean of {COURSE_DRAWS} draws; recurring: within two hours of another's time of day",
        "recall: of threefold bursts of 30 minutes at two in the afternoon, every third day from the eighth on",
    ]
    return report


def labelled(folder: Path) -> Report:
    """Ours beside the others on the labelled series of *folder*."""
    report = Report(f"Spikes: labelled counts in {folder.name}", _labelled.COLUMNS)
    series = read_folder(folder)
    report.rows += _labelled.compare(series)
    report.notes += [
        f"{len(series)} series, {sum(one.days for one in series) / MONTH_DAYS:.1f} brand-months after the probation",
        "false: alarms outside of all windows; equal: at most the false alarms of ours; best: chosen on these labels",
        *(f"scorer checked: {check.told()}" for check in checks(series)),
    ]
    return report


def kinds(brands: int, series: Sequence[Series]) -> Report:
    """Episodes of mood and of stories: how often they are false, what they find; on *series* how many there are."""
    report = Report("Episodes of mood and of stories", ["kind", "on", "false a month", "recall"])
    for share in _kinds.SHARES:
        found = [_kinds.of_mood(traffic, share, brands) for traffic in BRANDS]
        report.rows.append(["mood", f"simulated, {share:.0%} negative", *_means(found)])
    report.rows.append(["story", "simulated", *_means([_kinds.of_stories(traffic, brands) for traffic in BRANDS])])
    months = sum(len(one.counts) / _labelled.RECORDS_PER_DAY for one in series) / MONTH_DAYS
    opened = [_kinds.of_counts(_by_pane(one), LABELLED_SHARE) for one in series]
    for place, kind in enumerate(("mood", "story") if series else ()):
        report.rows.append([kind, "labelled counts", sum(one[place] for one in opened) / months, None])
    report.notes += [
        f"simulated: the brands above, {brands} of each; quiet: {_kinds.QUIET_DAYS - 1} days",
        f"mood: {_kinds.JUMP:g} times the negative share for 90 minutes at the usual volume",
        f"story: one of {_kinds.STORIES} brings {_kinds.STORY_GROWTH:g} times the brand's mentions for 90 minutes",
        f"labelled counts: sentiment drawn by {LABELLED_SHARE:.0%} negative, in chunks of {_kinds.CHUNK}",
    ]
    return report


def _means(found: Sequence[_kinds.Found]) -> list[float]:
    return [float(np.mean([one.false for one in found])), float(np.mean([one.recall for one in found]))]


def _by_pane(series: Series) -> Counts:
    per_pane = _labelled.RECORDS_PER_HOUR // 4
    whole = len(series.counts) // per_pane * per_pane
    counts: Counts = series.counts[:whole].reshape(-1, per_pane).sum(1)
    return counts


@click.command()
@click.option("--brands", default=12, show_default=True, help="Simulated brands of each kind.")
@click.option(
    "--counts",
    "folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A folder of labelled counts: NAME.csv (timestamp,value) each, and labels.json.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON; courses and labelled counts stand under 'parts'.")
def command(brands: int, folder: Path | None, *, as_json: bool) -> None:
    """Spike detection: false alarms and recall on simulated brands, and scores on labelled counts."""
    report = simulated(brands)
    report.parts["courses"] = on_courses()
    series: Sequence[Series] = ()
    if folder is not None:
        try:
            report.parts["labelled"] = labelled(folder)
            series = read_folder(folder)
        except ValueError as error:
            raise click.BadParameter(str(error), param_hint="--counts") from None
    report.parts["kinds"] = kinds(max(1, brands // 3), series)
    report.show(as_json=as_json)
