"""Tests of time in the rules."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.brand.panes import first_pane, pane_of, stamp, stamp_all
from orchestrator.contract.times import iso_utc
from tests.brand.support import DAY_MS, HOUR_MS, MINUTE_MS, NOW_MS, chunk


@pytest.mark.parametrize(
    ("offset_ms", "retimed"),
    [
        (0, False),
        (5 * MINUTE_MS, False),
        (5 * MINUTE_MS + 1, True),
        (-DAY_MS, False),  # 12:00 yesterday starts the window's first pane
        (-DAY_MS - 1, True),
    ],
)
def test_stamp_believes_times_within_the_window(offset_ms: int, retimed: bool) -> None:  # noqa: FBT001
    """A worker's time counts from the window's first pane up to five minutes ahead; else the arrival does."""
    at_ms = NOW_MS if retimed else NOW_MS + offset_ms
    assert stamp(iso_utc(NOW_MS + offset_ms), NOW_MS, DAY_MS) == (at_ms, retimed)


def test_stamp_reaches_back_to_the_start_of_the_first_pane() -> None:
    """Within a pane, the window still holds the whole pane that it began in."""
    now_ms = NOW_MS + 14 * MINUTE_MS
    assert stamp(iso_utc(NOW_MS - DAY_MS), now_ms, DAY_MS) == (NOW_MS - DAY_MS, False)


@given(st.none() | st.text() | st.integers(0, 2**42).map(iso_utc), st.integers(0, 2**42), st.integers(1, 30 * HOUR_MS))
def test_stamp_always_lands_in_the_window(text: str | None, now_ms: int, window_ms: int) -> None:
    """Whatever a worker says, the chunk's pane is one that the summary shows."""
    at_ms, _ = stamp(text, now_ms, window_ms)
    assert first_pane(now_ms, window_ms) <= pane_of(at_ms) <= pane_of(now_ms + 5 * MINUTE_MS)


def test_stamp_all_agrees_with_stamp() -> None:
    """A batch's times are those of its chunks one by one, and the retimed are counted."""
    texts = [None, "2025-01-01T00:00:00Z", iso_utc(NOW_MS - HOUR_MS), iso_utc(NOW_MS - HOUR_MS)]
    times, retimed = stamp_all([chunk(processed_at=text) for text in texts], NOW_MS, DAY_MS)
    assert times == [NOW_MS, NOW_MS, NOW_MS - HOUR_MS, NOW_MS - HOUR_MS]
    assert retimed == 2
