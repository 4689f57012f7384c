"""A time of the past as people type it."""

from __future__ import annotations

import time

import pytest

from orchestrator.cli.past_times import past_ms
from orchestrator.cli.terminal import Misuse
from tests.cli.conftest import Invoke


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-23T10:15:00Z", 1_795_428_900_000),
        ("2026-11-23", 1_795_392_000_000),
        ("20261123", 1_795_392_000_000),
        ("1795428900", 1_795_428_900_000),
        ("1795428900000", 1_795_428_900_000),
        ("978307200", 978_307_200_000),
        ("1970-01-02", 86_400_000),
    ],
)
def test_time_is_iso_8601_or_unix_time(text: str, expected: int) -> None:
    """In seconds or milliseconds, from 2001 on."""
    assert past_ms("--at", text) == expected


def test_duration_is_so_long_ago(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the clock of this machine."""
    monkeypatch.setattr(time, "time", lambda: 10_000.0)
    assert past_ms("--at", "2h") == 2_800_000
    assert past_ms("--at", None) is None


@pytest.mark.parametrize("text", ["2026", " 2026 ", "978307199", "978307199.9", "0", "202611", "1e9", "soon", ""])
def test_what_is_no_time_is_told_with_what_is(text: str) -> None:
    """A year alone is no second of 1970, nor is any other small number."""
    with pytest.raises(Misuse) as caught:
        past_ms("--at", text)
    number = text.strip().replace(".", "", 1).isdigit()
    assert f"--at is {text!r}{', a number and no time since 2001' if number else ''}, expected" in str(caught.value)
    assert "2026-11-23T10:15:00Z" in str(caught.value)


@pytest.mark.parametrize(
    "arguments",
    [
        ("summary", "x", "--at", "2026"),
        ("explain", "x", "--total", "--at", "2026"),
        ("explain", "x", "--hour", "2026"),
        ("archive", "show", "x", "--at", "2026"),
        ("rebuild", "x", "--dry-run", "--until", "2026"),
        ("failed", "list", "x", "--since", "2026"),
        ("failed", "list", "x", "--until", "2026"),
        ("brands", "pause", "x", "--until", "2026"),
    ],
    ids=" ".join,
)
def test_every_command_refuses_a_year_alone(
    invoke: Invoke, arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    """It would be read as some minutes of 1970."""
    monkeypatch.setenv("ARCHIVE_URL", f"file://{tmp_path}")
    refused = invoke(*arguments)
    assert (refused.exit_code, f"{arguments[-2]} is '2026', a number and no time since 2001" in refused.stderr) == (
        2,
        True,
    )
