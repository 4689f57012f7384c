"""A picture of how a cost grows; needs matplotlib (extra ``bench``)."""

from __future__ import annotations

from pathlib import Path

import click

from bench._harness import Report


def growth(report: Report, path: Path, unit: str) -> None:
    """Draw every column of *report* over its first one, both axes logarithmic, into *path* (``.png``, ``.svg``)."""
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415 - optional, and slow to import
    except ImportError:
        raise click.ClickException("--plot needs matplotlib: pip install 'service3-orchestrator[bench]'") from None
    figure = Figure(figsize=(7, 5), layout="constrained")
    axes = figure.subplots()
    for number, name in enumerate(report.columns[1:], 1):
        points = [(row[0], row[number]) for row in report.rows if isinstance(row[number], float)]
        if points:
            axes.plot(*zip(*points, strict=True), marker="o", label=name)
    axes.set(xscale="log", yscale="log", xlabel=report.columns[0], ylabel=unit, title=report.title)
    axes.grid(visible=True, which="both", alpha=0.3)
    axes.legend()
    figure.savefig(path)
    click.echo(f"wrote {path}", err=True)
