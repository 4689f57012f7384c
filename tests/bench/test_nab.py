"""The score of the labelled benchmark: its definition, its bounds, and what it reads."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from bench import spikes
from bench._courses import COURSES
from bench._labelled import Verdict, alarms
from bench._nab import PROFILES, Marks, Series, Window, read_folder, score, worth
from bench._nab_published import checks, relative_entropy, windowed_gaussian

STANDARD, LOW_FP, LOW_FN = PROFILES
SERIES = Series("one", np.arange(0, 300_000, 300), np.ones(1000, dtype=int), (Window(400, 499, 450), Window(700, 799)))


def marked(*records: int) -> list[Marks]:
    """The marks of a detector that marks these."""
    marks = np.zeros(1000, dtype=bool)
    marks[list(records)] = True
    return [marks]


@pytest.mark.parametrize(
    ("position", "value"), [(-1.0, 0.98661), (-0.5, 0.84828), (0.0, 0.0), (1.0, -0.98661), (3, -1)]
)
def test_worth_is_the_scaled_sigmoid(position: float, value: float) -> None:
    """The values that the paper names."""
    assert float(worth(position)) == pytest.approx(value, abs=1e-5)


def test_score_goes_from_nothing_to_all() -> None:
    """No mark is 0, the first record of every window is 100, and further marks in it change nothing."""
    for profile in PROFILES:
        assert score([SERIES], marked(), profile) == 0
        assert score([SERIES], marked(400, 700), profile) == pytest.approx(100)
        assert score([SERIES], marked(400, 450, 700, 799), profile) == pytest.approx(100)


def test_early_marks_are_worth_more_and_marks_in_vain_cost() -> None:
    """Half of a window later is worth less; a mark far behind a window costs all, one right behind it little."""
    early = score([SERIES], marked(400, 700), STANDARD)
    late = score([SERIES], marked(450, 700), STANDARD)
    assert early > late > score([SERIES], marked(700), STANDARD)
    cost = early - score([SERIES], marked(300, 400, 700), STANDARD)
    assert cost == pytest.approx(100 * 0.11 / (2 * 2))  # two windows, and 2 from a miss to a find
    assert early - score([SERIES], marked(400, 501, 700), STANDARD) < cost / 5
    assert early - score([SERIES], marked(300, 400, 700), LOW_FP) == pytest.approx(2 * cost)


def test_nothing_counts_in_the_probation() -> None:
    """The first 15 percent are there to learn from."""
    assert SERIES.probation == 150
    assert score([SERIES], marked(149, 400, 700), STANDARD) == pytest.approx(100)
    assert score([SERIES], marked(150, 400, 700), STANDARD) < 100


def test_a_verdict_counts_windows_and_alarms_in_vain() -> None:
    """Windows found of all, alarms outside by the month, minutes from the label."""
    verdict = Verdict.of([SERIES], marked(10, 300, 460, 900))
    assert verdict.found == (1, 2)
    assert verdict.false == pytest.approx(2 / ((1000 - 150 - 1) * 300 / 86_400 / 30))
    assert verdict.delay_min == 50


def test_alarms_last_until_scores_have_been_low_for_a_while() -> None:
    """A gap of 90 minutes ends one."""
    scores = np.zeros(100)
    scores[[10, 20, 28, 47]] = 5.0
    assert np.flatnonzero(alarms(scores, 5.0)).tolist() == [10, 47]


def write_folder(folder: Path) -> None:
    """A week of usual counts with one burst, which is labelled."""
    rng = np.random.default_rng(3)
    counts = rng.poisson(6, 7 * 288)
    counts[1500:1510] += 300
    times = [
        str(np.datetime64("2026-03-02T00:00:00") + np.timedelta64(300 * record, "s")) for record in range(len(counts))
    ]
    lines = [f"{at.replace('T', ' ')},{count}" for at, count in zip(times, counts, strict=True)]
    (folder / "acme.csv").write_text("\n".join(["timestamp,value", *lines]) + "\n")
    labels = {"acme": {"windows": [[f"{times[1400]}.000000", f"{times[1600]}.000000"]], "labels": [times[1500]]}}
    (folder / "labels.json").write_text(json.dumps(labels))


def test_the_command_scores_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ours finds the burst of a brand nobody has published; its scorer has nothing to be checked by then."""
    write_folder(tmp_path)
    series = read_folder(tmp_path)
    assert (series[0].name, series[0].windows) == ("acme", (Window(1400, 1600, 1500),))
    assert checks(series) == []
    monkeypatch.setattr(spikes, "COURSES", COURSES[:2])
    monkeypatch.setattr(spikes, "COURSE_DRAWS", 1)
    monkeypatch.setattr(spikes, "BRANDS", spikes.BRANDS[:2])
    result = CliRunner().invoke(spikes.command, ["--brands", "1", "--counts", str(tmp_path), "--json"])
    parts = json.loads(result.stdout)["parts"]
    assert next(row["detector"] for row in parts["labelled"]["rows"]) == "ours"
    assert parts["labelled"]["rows"][0]["windows"] == "1/1"
    assert len(parts["courses"]["rows"]) == 2
    assert [row["kind"] for row in parts["kinds"]["rows"]] == ["mood", "mood", "mood", "story", "mood", "story"]
    assert all(row["false a month"] <= 3 for row in parts["kinds"]["rows"])


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("labels.json", "[]"),
        ("labels.json", "{"),
        ("labels.json", '{"acme": {"windows": [["soon", "later"]]}}'),
        ("labels.json", '{"acme": {"windows": [["2020-01-01 00:00:00", "2020-01-02 00:00:00"]]}}'),
        ("labels.json", "{}"),
        ("acme.csv", "time,count\n2026-03-02 00:00:00,1\n"),
        ("acme.csv", "timestamp,value\n2026-03-02 00:00:00,many\n"),
        ("acme.csv", "timestamp,value\n2026-03-02 00:05:00,1\n2026-03-02 00:00:00,1\n"),
    ],
)
def test_a_folder_of_another_form_is_refused(tmp_path: Path, name: str, text: str) -> None:
    """The error names the folder, and no figure is made up."""
    write_folder(tmp_path)
    (tmp_path / name).write_text(text)
    with pytest.raises(ValueError, match=tmp_path.name):
        read_folder(tmp_path)


def test_the_published_detectors_mark_what_they_describe() -> None:
    """A value that no normal tail reaches, and a histogram never seen before; usual counts are neither."""
    counts = np.array([10, 11, 9, 10] * 200)
    assert not windowed_gaussian(counts)[50:].any()  # the first ones have no deviation yet
    assert not relative_entropy(counts)[51 + 4 :].any()
    counts[600] = 1000
    assert np.flatnonzero(windowed_gaussian(counts)[50:]).tolist() == [550]
    counts[600:640] = 1000
    assert relative_entropy(counts)[600:640].any()
