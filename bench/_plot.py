"""A picture of how a cost grows; needs matplotlib (extra ``bench``)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from bench._harness import Report

Points = list[tuple[float, float]]


def series(report: Report, names: Sequence[str]) -> dict[str, Points]:
    """Each of the columns *names* over the report's first one, without what was not measured."""
    found: dict[str, Points] = {}
    for name in names:
        column = report.columns.index(name)
        points = [(row[0], row[column]) for row in report.rows if row[column] is not None]
        if points:
            found[name] = sorted(points)
    return found


def growth(report: Report, names: Sequence[str], path: Path, unit: str) -> None:
    """Draw the columns *names* of *report* over its first one, both axes logarithmic, into *path*.

    The suffix of *path* says what it becomes (``.png``, ``.svg``). A size of 0 stands at the left, one decade before
    the next one.
    """
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415 - optional, and slow to import
    except ImportError:
        raise click.ClickException("--plot needs matplotlib: pip install 'service3-orchestrator[bench]'") from None
    figure = Figure(figsize=(7, 5), layout="constrained")
    axes = figure.subplots()
    for name, points in series(report, names).items():
        axes.plot(*zip(*points, strict=True), marker="o", label=name)
    sizes = [row[0] for row in report.rows]
    if 0 in sizes:
        axes.set_xscale("symlog", linthresh=min(filter(None, sizes), default=1))
        axes.set_xticks(sizes)  # its own ticks overlap near 0
    else:
        axes.set_xscale("log")
    axes.set(yscale="log", xlabel=report.columns[0], ylabel=unit, title=report.title)
    axes.grid(visible=True, which="both", alpha=0.3)
    axes.legend()
    figure.savefig(path)
    click.echo(f"wrote {path}", err=True)
