"""What all benchmarks share: fair rounds, one table a terminal can show, the same as JSON.

Contenders run in the same process, in interleaved rounds, and the median of their processor time counts: a machine that
slows down for a while slows all of them down, and what others do meanwhile is not theirs.
"""

from __future__ import annotations

import gc
import json
import math
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
import numpy as np
import redis
from rich.console import Console
from rich.table import Table

from orchestrator.store.server_name import server_name

FILE_COLUMNS = 120

# What the kernels, numpy's BLAS or the peers choose their loops by; names as the Linux kernel writes them.
VECTOR_FLAGS = frozenset(
    {
        *("avx2", "fma", "f16c", "avx_vnni", "avx512f", "avx512bw", "avx512_vnni", "avx512_bf16"),
        *("asimd", "asimdhp", "asimddp", "i8mm", "bf16", "sve", "sve2"),
    }
)


def machine() -> dict[str, Any]:
    """What the figures are measured on."""
    info = Path("/proc/cpuinfo")
    cpu, vectors = describe_cpu(info.read_text() if info.exists() else "")
    return {
        "cpu": cpu or platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "vectors": vectors,
        "python": platform.python_version(),
        "numpy": np.__version__,
    }


def describe_cpu(info: str) -> tuple[str, list[str]]:
    """The processor's name and vector extensions by *info*, a ``/proc/cpuinfo`` of x86-64 or arm64.

    An arm64 kernel does not know a name; there it is the numbers of designer and part. Empty where there is neither.
    """
    pairs = (line.partition(":") for line in info.splitlines())
    fields = {name.strip(): value.strip() for name, _, value in pairs}
    name = fields.get("model name", "")
    if not name and "CPU part" in fields:
        name = f"arm64 implementer {fields.get('CPU implementer', '?')} part {fields['CPU part']}"
    flags = fields.get("flags") or fields.get("Features", "")
    return name, sorted(VECTOR_FLAGS & set(flags.split()))


def percentile(ordered: Sequence[float], share: float) -> float:
    """The least of the *ordered* values that at least *share* of them do not exceed (nearest rank)."""
    return ordered[max(0, math.ceil(len(ordered) * share) - 1)]


def median_s(contenders: Mapping[str, Callable[[], Any]], rounds: int, *, repeat: int = 1) -> dict[str, float]:
    """Median seconds of processor time of each contender over interleaved *rounds*, after one that is not counted.

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
    """Another one first in every round, so that nobody always runs after the same one."""
    first = number % max(1, len(names))
    return names[first:] + names[:first]


def _timed(contender: Callable[[], Any], repeat: int) -> float:
    start = time.process_time()  # of all threads, so that nobody wins by using more of them
    for _ in range(repeat):
        contender()
    return (time.process_time() - start) / repeat


@dataclass
class Report:
    """One table: a title, columns, rows, and notes below it; made before anything is measured.

    Attributes:
        machine: what it is measured on, and how busy that was before the measuring began.
        parts: further tables of the same benchmark, by a name for machines; shown below this one.
    """

    title: str
    columns: Sequence[str]
    rows: list[Sequence[Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    machine: dict[str, Any] = field(default_factory=lambda: machine() | {"load before": round(os.getloadavg()[0], 2)})
    parts: dict[str, Report] = field(default_factory=dict)

    def used(self, client: redis.Redis) -> None:
        """Name the Redis server that *client* talks to among what was measured on."""
        info: Any = client.info("server")
        self.machine["redis"] = server_name(info)

    def show(self, *, as_json: bool) -> None:
        """Print it for people, or as JSON for machines; or have it kept for a document (:func:`kept`)."""
        if (reports := _kept.get()) is not None:
            reports.append(self)
            return
        if as_json:
            click.echo(json.dumps(self.told()))
            return
        table = Table(title=self.title, title_justify="left")
        for number, column in enumerate(self.columns):
            table.add_column(column, justify="left" if number == 0 else "right", overflow="fold")  # cuts no figure off
        for row in self.rows:
            table.add_row(*map(shown, row))
        console = Console()
        if not console.is_terminal:  # a file or a pipe has no width, for which 80 columns are assumed
            console.width = max(console.width, FILE_COLUMNS)
        console.print(table)
        for note in [*self.notes, ", ".join(map(described, self.machine.items()))]:
            console.print(note, style="dim", highlight=False, markup=False)  # a note may say list[float]
        for part in self.parts.values():
            part.show(as_json=False)

    def told(self) -> dict[str, Any]:
        """All of it as JSON can hold it."""
        rows = [dict(zip(self.columns, row, strict=True)) for row in self.rows]
        told = {"title": self.title, "machine": self.machine, "rows": rows, "notes": self.notes}
        return told | ({"parts": {name: part.told() for name, part in self.parts.items()}} if self.parts else {})


_kept: ContextVar[list[Report] | None] = ContextVar("_kept", default=None)


@contextmanager
def kept() -> Iterator[list[Report]]:
    """The reports that are shown meanwhile, which are not printed."""
    reports: list[Report] = []
    token = _kept.set(reports)
    try:
        yield reports
    finally:
        _kept.reset(token)


def described(item: tuple[str, Any]) -> str:
    """A part of what was measured on, in words."""
    name, value = item
    return f"{name} {' '.join(value) or 'none' if isinstance(value, list) else value}"


def shown(value: Any) -> str:
    """A figure as tables show it."""
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return f"{value:,}" if isinstance(value, int) else str(value)
