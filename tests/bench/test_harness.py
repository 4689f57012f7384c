"""Percentiles, the description of the machine, and the table of the benchmarks."""

from __future__ import annotations

import json

import pytest

from bench._harness import Report, describe_cpu, machine, median_s, percentile

X86 = """\
processor\t: 0
model name\t: A Processor @ 2.4GHz
flags\t\t: fpu sse2 avx avx2 fma avx512f avx512_vnni

processor\t: 1
model name\t: A Processor @ 2.4GHz
flags\t\t: fpu sse2 avx avx2 fma avx512f avx512_vnni
"""
ARM64 = """\
processor\t: 0
BogoMIPS\t: 243.75
Features\t: fp asimd evtstrm aes asimdhp asimddp
CPU implementer\t: 0x41
CPU architecture: 8
CPU part\t: 0xd0c
"""


@pytest.mark.parametrize(
    ("count", "share", "expected"),
    [(1, 0.5, 1), (1, 0.99, 1), (2, 0.5, 1), (3, 0.5, 2), (100, 0.5, 50), (100, 0.99, 99), (500, 0.99, 495), (9, 1, 9)],
)
def test_percentile_is_the_nearest_rank(count: int, share: float, expected: int) -> None:
    """A percentile is a value that was measured: the least one that its share of all do not exceed."""
    assert percentile(range(1, count + 1), share) == expected


@pytest.mark.parametrize(
    ("info", "name", "vectors"),
    [
        (X86, "A Processor @ 2.4GHz", ["avx2", "avx512_vnni", "avx512f", "fma"]),
        (ARM64, "arm64 implementer 0x41 part 0xd0c", ["asimd", "asimddp", "asimdhp"]),
        ("", "", []),
    ],
    ids=["x86-64", "arm64", "no Linux"],
)
def test_cpu_is_described_on_either_architecture(info: str, name: str, vectors: list[str]) -> None:
    """Name and vector extensions are found where the kernel of x86-64 and of arm64 writes them."""
    assert describe_cpu(info) == (name, vectors)


def test_machine_names_what_figures_depend_on() -> None:
    """Every figure comes with processor, cores, vector extensions and versions."""
    found = machine()
    assert found["cpu"]
    assert {"cpu", "cores", "vectors", "python", "numpy"} <= found.keys()


def test_report_as_json_has_rows_by_column_and_the_machine(capsys: pytest.CaptureFixture[str]) -> None:
    """Machines get every row with its columns' names, and what it was measured on, the load before it included."""
    report = Report("T", ["size", "ms"], [(10, 0.5), (20, None)], ["a note"])
    report.show(as_json=True)
    shown = json.loads(capsys.readouterr().out)
    assert shown["rows"] == [{"size": 10, "ms": 0.5}, {"size": 20, "ms": None}]
    assert shown["notes"] == ["a note"]
    assert shown["machine"] == machine() | {"load before": report.machine["load before"]}


def test_report_shows_notes_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    """A note may hold brackets, which the terminal library takes for its own unless told."""
    Report("T", ["size"], [(1_000_000,)], ["list[float]"]).show(as_json=False)
    shown = capsys.readouterr().out
    assert "list[float]" in shown
    assert "1,000,000" in shown


def test_report_cuts_no_figure_off(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """However many columns there are, each figure is there in full, on one line where nothing sets a width."""
    columns = ["K", *(f"contender {number}" for number in range(9))]
    Report("T", columns, [[100_000, *[0.0123] * 9]]).show(as_json=False)
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "100,000" in line]
    assert line.count("0.0123") == 9
    monkeypatch.setattr("bench._harness.FILE_COLUMNS", 40)
    monkeypatch.setenv("COLUMNS", "40")
    Report("T", columns, [[100_000, *[0.0123] * 9]]).show(as_json=False)
    assert "…" not in capsys.readouterr().out


def test_median_runs_everybody_in_every_round() -> None:
    """Each contender runs once more than there are rounds, and nobody always runs after the same one."""
    ran: list[str] = []
    times = median_s({name: lambda name=name: ran.append(name) for name in "abc"}, 2)  # type: ignore[misc] # the default binds
    assert times.keys() == {"a", "b", "c"}
    assert "".join(ran) == "abcbcacab"
