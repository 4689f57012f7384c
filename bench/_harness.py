"""What all benchmarks share: fair rounds, one table a terminal can show, the same as JSON.

Contenders run in the same process, in interleaved rounds, and the median counts: a machine that slows down for a
while slows all of them down.
"""

from __future__ import annotations

import gc
import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    flags: set[str] = set()
    if info.exists():
        lines = dict(line.split(":", 1) for line in info.read_text().splitlines() if ":" in line)
        fields = {name.strip(): value.strip() for name, value in lines.items()}
        cpu = fields.get("model name", cpu)
        flags = set(fields.get("flags", "").split()) & {"avx2", "avx512f", "avx512_vnni"}
    return {
        "cpu": cpu,
        "cores": os.cpu_count(),
        "vectors": sorted(flags),
        "python": platform.python_version(),
        "load": round(os.getloadavg()[0], 2),
    }


def median_s(contenders: Mapping[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """Median seconds of each contender over interleaved *rounds*, after one round that is not counted.

    A contender may be a callable that returns another one: then only the inner call is timed.
    """
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(rounds + 1):
        for name, contender in contenders.items():
            seconds = _timed(contender)
            if number:
                times[name].append(seconds)
    return {name: statistics.median(values) for name, values in times.items()}


def _timed(contender: Callable[[], Any]) -> float:
    gc.collect()
    gc.disable()
    try:
        start = time.perf_counter()
        inner = contender()
        if callable(inner):
            start = time.perf_counter()
            inner()
        return time.perf_counter() - start
    finally:
        gc.enable()


@dataclass
class Report:
    """One table: a title, columns, rows, and notes below it."""

    title: str
    columns: Sequence[str]
    rows: list[Sequence[Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def show(self, *, as_json: bool) -> None:
        """Print it for people, or as JSON for machines."""
        if as_json:
            rows = [dict(zip(self.columns, row, strict=True)) for row in self.rows]
            click.echo(json.dumps({"title": self.title, "machine": machine(), "rows": rows, "notes": self.notes}))
            return
        table = Table(title=self.title, title_justify="left")
        for number, column in enumerate(self.columns):
            table.add_column(column, justify="left" if number == 0 else "right")
        for row in self.rows:
            table.add_row(*map(_shown, row))
        console = Console()
        console.print(table)
        for note in [*self.notes, ", ".join(f"{name} {value}" for name, value in machine().items())]:
            console.print(note, style="dim", highlight=False)


def _shown(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return str(value)
