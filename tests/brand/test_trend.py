"""Tests of the hourly and daily trend."""

from __future__ import annotations

from orchestrator.brand.episodes import HourAhead, Stretch
from orchestrator.brand.panes import pane_of
from orchestrator.brand.sentiment import Tally
from orchestrator.brand.trend import Trend
from orchestrator.contract.insights import HISTORY_DAYS, read_trend
from orchestrator.kernels.measure import FIXED_ONE
from tests.brand.support import DAY_MS, HOUR_MS, MINUTE_MS, NOW_MS

MIDNIGHT = NOW_MS - 12 * HOUR_MS  # 2026-11-23T00:00:00Z


def tally(mentions: int) -> Tally:
    """One chunk of so many mentions, all of them positive."""
    return Tally(1, mentions, (mentions * FIXED_ONE, 0, 0, mentions * FIXED_ONE))


def test_hours_and_days_sum_their_panes() -> None:
    """Four panes make an hour, the hours of a UTC day its day."""
    trend = Trend()
    trend.fold({pane_of(NOW_MS + quarter * 15 * MINUTE_MS): tally(10) for quarter in range(5)})
    trend.fold({pane_of(MIDNIGHT - 1): tally(1)})
    put, _ = trend.take_changes({}, [])
    shown = read_trend(put, "2026")
    assert [(point.start, point.mentions) for point in shown.hourly] == [
        ("2026-11-22T23:00:00Z", 1),
        ("2026-11-23T12:00:00Z", 40),
        ("2026-11-23T13:00:00Z", 10),
    ]
    assert [(point.start, point.chunks, point.positive, point.net_sentiment) for point in shown.daily] == [
        ("2026-11-22T00:00:00Z", 1, 1.0, 1.0),
        ("2026-11-23T00:00:00Z", 5, 50.0, 1.0),
    ]


def test_only_changed_hours_are_written() -> None:
    """A commit writes the hours of its chunks and their days, however long the history is."""
    trend = Trend()
    trend.fold({pane_of(NOW_MS - hours * HOUR_MS): tally(1) for hours in range(100)})
    trend.take_changes({}, [])
    trend.fold({pane_of(NOW_MS): tally(1)})
    state: dict[bytes, bytes] = {}
    put, remove = trend.take_changes(state, [])
    assert list(state) == [b"h:%d" % (NOW_MS // HOUR_MS)]
    assert sorted(put) == [b"day:2026-11-23", b"hour:2026-11-23T12:00:00Z"]
    assert remove == []


def test_hours_beyond_the_seventh_day_leave_and_their_day_stays() -> None:
    """Seven whole days and today have hours; the day that loses them is what it was."""
    trend = Trend()
    trend.fold({pane_of(MIDNIGHT - 7 * DAY_MS + hours * HOUR_MS): tally(1) for hours in (-1, 0)})
    trend.take_changes({}, [])
    removed: list[bytes] = []
    trend.advance(MIDNIGHT - 1)
    assert trend.take_changes({}, removed) == ({}, [])
    trend.advance(MIDNIGHT)
    put, gone = trend.take_changes({}, removed)
    assert (put, removed) == ({}, [b"h:%d" % ((MIDNIGHT - 7 * DAY_MS - HOUR_MS) // HOUR_MS)])
    assert [name for name in gone if not name.startswith(b"expected:")] == [b"hour:2026-11-15T23:00:00Z"]


def test_four_hundred_days_are_published() -> None:
    """Each of them once, whatever is loaded anew meanwhile, and never one more, in small fields."""
    trend, state = Trend(), dict[bytes, bytes]()
    published: dict[bytes, bytes] = {}
    for day in range(450):
        at_ms = MIDNIGHT + day * DAY_MS
        trend.advance(at_ms)
        trend.fold({pane_of(at_ms): tally(1_000_000 + day)})
        removed: list[bytes] = []
        put, gone = trend.take_changes(state, removed)
        published = {name: value for name, value in published.items() if name not in gone} | put
        state = {name: value for name, value in state.items() if name not in removed}
        if day % 7 == 0:
            trend = Trend.load(state)
            trend.advance(at_ms)
    days = sorted(name for name in published if name.startswith(b"day:"))
    assert (len(days), days[-1]) == (400, b"day:2028-02-15")
    assert sum(len(name) + len(published[name]) for name in days) < 72_000
    assert len(state) == 9


def test_a_brand_that_was_silent_for_years_loses_its_days_in_bounded_work() -> None:
    """No more fields than there can be are named."""
    trend = Trend()
    trend.fold({pane_of(MIDNIGHT): tally(1)})
    trend.advance(MIDNIGHT)
    trend.take_changes({}, [])
    trend.advance(MIDNIGHT + 4_000 * DAY_MS)
    _, gone = trend.take_changes({}, [])
    assert b"day:2026-11-23" in gone
    assert len([name for name in gone if name.startswith(b"day:")]) == 400


def test_what_was_expected_leaves_with_its_day() -> None:
    """It is no part of the state, so a restart in between must not leave it behind; one of before is not published."""
    trend = Trend()
    trend.advance(NOW_MS)
    hours = [(MIDNIGHT - 7 * DAY_MS) // HOUR_MS + each for each in (-1, 0, 30)]
    trend.expect({hour: HourAhead(5.0, Stretch(0.0, 0, 5.0, 0.1, 4)) for hour in hours})
    state: dict[bytes, bytes] = {}
    put, _ = trend.take_changes(state, [])
    assert [(each.start, each.expected, each.upper_bound) for each in read_trend(put, "").expected] == [
        ("2026-11-16T00:00:00Z", 5.0, 19),
        ("2026-11-17T06:00:00Z", 5.0, 19),
    ]
    trend = Trend.load(state)
    trend.advance(NOW_MS)
    trend.advance(NOW_MS + DAY_MS)
    _, gone = trend.take_changes({}, [])
    assert gone == [b"expected:2026-11-16T%02d:00:00Z" % hour for hour in range(24)]
    trend.advance(NOW_MS + 1000 * DAY_MS)
    _, gone = trend.take_changes({}, [])
    assert len(gone) == 8 * 24 + 1


def test_trend_survives_storage() -> None:
    """A loaded trend goes on where the stored one was: the day's sum includes its earlier hours."""
    trend = Trend()
    trend.fold({pane_of(MIDNIGHT): tally(3)})
    state: dict[bytes, bytes] = {}
    trend.take_changes(state, [])
    loaded = Trend.load(state)
    loaded.fold({pane_of(NOW_MS): tally(4)})
    put, _ = loaded.take_changes({}, [])
    assert [point.mentions for point in read_trend(put, "").daily] == [7]


def test_hours_beyond_the_trend_are_left_out() -> None:
    """Where the summary's window is longer than the trend, an older chunk counts in the summary alone."""
    trend = Trend()
    trend.advance(NOW_MS)
    trend.fold({pane_of(MIDNIGHT - 7 * DAY_MS - 1): tally(1), pane_of(MIDNIGHT - 7 * DAY_MS): tally(2)})
    put, _ = trend.take_changes({}, [])
    assert [point.mentions for point in read_trend(put, "").daily] == [2]


def test_day_that_leaves_before_its_commit_is_published_all_the_same() -> None:
    """However commits cut the time: its hours are gone, the day of them stays."""
    trend = Trend()
    trend.fold({pane_of(NOW_MS): tally(7)})
    trend.advance(NOW_MS + 9 * DAY_MS)
    shown = read_trend(trend.take_changes({}, [])[0], "2026")
    assert [(point.start, point.mentions) for point in shown.daily] == [("2026-11-23T00:00:00Z", 7)]
    assert shown.hourly == []


def test_day_that_leaves_both_the_hours_and_the_history_before_its_commit_is_not_published() -> None:
    """It is older than what is kept of days."""
    trend = Trend()
    trend.fold({pane_of(NOW_MS): tally(7)})
    trend.advance(NOW_MS + (HISTORY_DAYS + 1) * DAY_MS)
    shown, gone = trend.take_changes({}, [])
    assert shown == {}
    assert b"day:2026-11-23" in gone
