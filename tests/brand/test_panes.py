"""Tests of time in the rules."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.brand.panes import LATE, RETIMED, ZONELESS, first_hour, first_pane, pane_of, stamp, stamp_all
from orchestrator.contract.times import iso_utc
from tests.brand.support import DAY_MS, HOUR_MS, MINUTE_MS, NOW_MS, chunk


@pytest.mark.parametrize(
    ("offset_ms", "expected"),
    [
        (0, (NOW_MS, 0)),
        (5 * MINUTE_MS, (NOW_MS + 5 * MINUTE_MS, 0)),
        (5 * MINUTE_MS + 1, (NOW_MS, RETIMED)),
        (-DAY_MS, (NOW_MS - DAY_MS, 0)),  # 12:00 yesterday starts the window's first pane
        (-DAY_MS - 1, (NOW_MS - DAY_MS - 1, LATE)),
        (-7 * DAY_MS - 12 * HOUR_MS, (NOW_MS - 7 * DAY_MS - 12 * HOUR_MS, LATE)),  # 00:00, the trend's start
        (-7 * DAY_MS - 12 * HOUR_MS - 1, (NOW_MS, RETIMED)),
    ],
)
def test_stamp_believes_times_as_far_as_something_covers_them(offset_ms: int, expected: tuple[int, int]) -> None:
    """A worker's time counts from the trend's first hour up to five minutes ahead; else the arrival does."""
    assert stamp(iso_utc(NOW_MS + offset_ms), NOW_MS, DAY_MS) == expected


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (NOW_MS / 1000 - 60, (NOW_MS - MINUTE_MS, 0)),
        (float(NOW_MS), (NOW_MS, 0)),
        ("2026-11-23T11:00:00", (NOW_MS - HOUR_MS, ZONELESS)),
        ("2026-11-22", (NOW_MS - 36 * HOUR_MS, LATE | ZONELESS)),
        ("2026-11-23T21:00:00", (NOW_MS, RETIMED | ZONELESS)),  # local time of Tokyo, nine hours ahead
        ("lately", (NOW_MS, RETIMED)),
    ],
)
def test_stamp_tells_what_is_odd(said: str | float, expected: tuple[int, int]) -> None:
    """Numbers are times; a time without a zone is one of UTC, and said to be without."""
    assert stamp(said, NOW_MS, DAY_MS) == expected


def test_stamp_reaches_back_to_the_start_of_the_first_pane() -> None:
    """Within a pane, the window still holds the whole pane that it began in."""
    now_ms = NOW_MS + 14 * MINUTE_MS
    assert stamp(iso_utc(NOW_MS - DAY_MS), now_ms, DAY_MS) == (NOW_MS - DAY_MS, 0)


@given(
    st.none() | st.text() | st.floats() | st.integers(0, 2**42).map(iso_utc),
    st.integers(0, 2**42),
    st.integers(1, 30 * HOUR_MS),
)
def test_stamp_always_lands_where_something_is_counted(said: str | float | None, now_ms: int, window_ms: int) -> None:
    """Whatever a worker says, the chunk's pane is one that the summary shows, or it is late and the trend has it."""
    at_ms, odd = stamp(said, now_ms, window_ms)
    late = bool(odd & LATE)
    inside = first_pane(now_ms, window_ms) <= pane_of(at_ms) <= pane_of(now_ms + 5 * MINUTE_MS)
    assert inside != late
    assert at_ms // HOUR_MS >= first_hour(now_ms) or not late
    assert at_ms == now_ms or not odd & RETIMED


def test_stamp_all_agrees_with_stamp() -> None:
    """A batch's times are those of its chunks one by one, and the odd ones are counted."""
    said = [None, "2025-01-01T00:00:00Z", iso_utc(NOW_MS - HOUR_MS), "2026-11-21T12:00", iso_utc(NOW_MS - HOUR_MS)]
    stamps = stamp_all([chunk(processed_at=text) for text in said], NOW_MS, DAY_MS)
    assert stamps.times == [NOW_MS, NOW_MS, NOW_MS - HOUR_MS, NOW_MS - 2 * DAY_MS, NOW_MS - HOUR_MS]
    assert (stamps.late, stamps.retimed, stamps.zoneless) == ([3], 2, 1)
