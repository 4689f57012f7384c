"""``python -m bench``: every benchmark can be told the same things, and all of them run by their defaults."""

from __future__ import annotations

import importlib
from typing import Any

import click
import pytest
from click.testing import CliRunner

BENCHMARKS = {
    "archive",
    "cluster",
    "combined",
    "decode",
    "fleet",
    "footprint",
    "history",
    "idle",
    "labels",
    "latency",
    "memory",
    "merge",
    "pipeline",
    "rebuild",
    "spikes",
    "stories",
    "words",
}
GROWING = {"history", "labels", "merge"}


@pytest.fixture
def main(monkeypatch: pytest.MonkeyPatch) -> click.Group:
    """The program with all of its commands."""
    for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.setenv(variable, "1")  # it sets them for good if they are not
    program = importlib.import_module("bench.__main__")
    program._register()
    group: click.Group = program.main
    return group


def test_every_benchmark_prints_json_and_those_that_grow_draw(main: click.Group) -> None:
    """``--json`` is everybody's option, ``--plot`` that of the ones whose cost is told by a size."""
    options = {name: {param.name for param in command.params} for name, command in main.commands.items()}
    del options["all"]
    assert options.keys() == BENCHMARKS
    assert {name for name, names in options.items() if "as_json" in names} == BENCHMARKS
    assert {name for name, names in options.items() if "plot" in names} == GROWING


def test_all_runs_every_benchmark_by_its_defaults(main: click.Group, monkeypatch: pytest.MonkeyPatch) -> None:
    """None is left out, and each gets what it would get if it were called alone."""
    ran: dict[str, dict[str, Any]] = {}
    for name, command in main.commands.items():
        if name != "all":
            monkeypatch.setattr(command, "callback", lambda name=name, **given: ran.setdefault(name, given))
    CliRunner().invoke(main, ["all"], catch_exceptions=False)
    together = dict(ran)
    ran.clear()
    for name in BENCHMARKS:
        CliRunner().invoke(main, [name], catch_exceptions=False)
    assert together.keys() == BENCHMARKS
    assert together == ran
