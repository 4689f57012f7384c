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


def median_s(contenders: Mapping[str, Callable[[], Any]], rounds: int, *, repeat: int = 1) -> dict[str, float]:
    """Median seconds of each contender over interleaved *rounds*, after one round that is not counted.

    In each round a contender runs *repeat* times on end, for what is so short that the other contenders' traces in the
    caches would be most of what is measured.
    """
    times: dict[str, list[float]] = {name: [] for name in contenders}
    gc.collect()
    gc.disable()  # a collection would hit whichever contender happens to run
    try:
        for number in range(rounds + 1):
            for name in _rotated(list(contenders), number):
                seconds = _timed(contenders[name], repeat)
                if number:
                    times[name].append(seconds)
    finally:
        gc.enable()
    return {name: statistics.median(values) for name, values in times.items()}


def _rotated(names: list[str], number: int) -> list[str]:
    """Another one first in every round, so that nobody always runs behind the same one."""
    first = number % max(1, len(names))
    return names[first:] + names[:first]


def _timed(contender: Callable[[], Any], repeat: int) -> float:
    start = time.perf_counter()
    for _ in range(repeat):
        contender()
    return (time.perf_counter() - start) / repeat


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
