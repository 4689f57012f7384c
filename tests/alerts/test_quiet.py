"""Quiet hours: by the clock on the wall, over midnight, and never shorter than what was said where clocks change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.alerts.quiet import DAY_MIN, Quiet, Span, leaves_time

ALL_DAYS = frozenset(range(7))
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "America/Santiago")
NIGHT = Span(ALL_DAYS, 22 * 60, 31 * 60)
DAY_MS = 86_400_000


def ms(text: str) -> int:
    """Unix milliseconds of an ISO time."""
    return round(datetime.fromisoformat(text).timestamp() * 1000)


def end(quiet: Quiet, at: str) -> str | None:
    """When the quiet around *at* is over, in the zone's own time."""
    end_ms = quiet.end_ms(ms(at))
    return None if end_ms is None else datetime.fromtimestamp(end_ms / 1000, ZoneInfo(quiet.zone)).isoformat()


@pytest.mark.parametrize(
    ("at", "over"),
    [
        ("2026-07-01T21:59:59+02:00", None),
        ("2026-07-01T22:00:00+02:00", "2026-07-02T07:00:00+02:00"),
        ("2026-07-02T06:59:59+02:00", "2026-07-02T07:00:00+02:00"),
        ("2026-07-02T07:00:00+02:00", None),
        # the nights in which clocks change last an hour less and an hour more
        ("2026-03-28T23:00:00+01:00", "2026-03-29T07:00:00+02:00"),
        ("2026-10-24T23:00:00+02:00", "2026-10-25T07:00:00+01:00"),
    ],
)
def test_a_night_reaches_over_midnight(at: str, over: str | None) -> None:
    """By the clocks of the route's zone, whatever they do."""
    assert end(Quiet((NIGHT,), "Europe/Berlin"), at) == over


@pytest.mark.parametrize(
    ("at", "over"),
    [
        # 02:30 comes twice: quiet from the first to the second
        ("2026-10-25T02:10:00+02:00", None),
        ("2026-10-25T02:30:00+02:00", "2026-10-25T02:45:00+01:00"),
        ("2026-10-25T02:50:00+02:00", "2026-10-25T02:45:00+01:00"),
        ("2026-10-25T02:45:00+01:00", None),
        # 02:30 does not come at all: an hour of both neighbours is quiet
        ("2026-03-29T01:29:00+01:00", None),
        ("2026-03-29T01:30:00+01:00", "2026-03-29T03:45:00+02:00"),
        ("2026-03-29T03:44:00+02:00", "2026-03-29T03:45:00+02:00"),
    ],
)
def test_quiet_is_never_shorter_than_said_where_clocks_change(at: str, over: str | None) -> None:
    """A quarter of an hour that comes twice, or not at all."""
    assert end(Quiet((Span(ALL_DAYS, 150, 165),), "Europe/Berlin"), at) == over


def test_days_are_those_on_which_a_span_begins() -> None:
    """Friday's night ends on Saturday, and Saturday has none of its own."""
    fridays = Quiet((Span(frozenset({4}), 22 * 60, 31 * 60),))
    assert end(fridays, "2026-07-03T23:00:00+00:00") == "2026-07-04T07:00:00+00:00"
    assert end(fridays, "2026-07-04T06:00:00+00:00") == "2026-07-04T07:00:00+00:00"
    assert end(fridays, "2026-07-04T23:00:00+00:00") is None


def test_spans_that_meet_are_one() -> None:
    """The end is that of the last one."""
    whole = Span(frozenset({5}), 0, DAY_MIN)
    evening, morning = Span(frozenset({4}), 20 * 60, DAY_MIN), Span(frozenset({6}), 0, 9 * 60)
    assert end(Quiet((morning, whole, evening)), "2026-07-03T21:00:00+00:00") == "2026-07-05T09:00:00+00:00"


def test_no_spans_are_never_quiet() -> None:
    """And ask no zone."""
    assert Quiet((), "Nowhere/None").end_ms(0) is None


def test_a_week_without_a_gap_is_seen() -> None:
    """Else nothing would ever be told; a span of Sunday reaches into Monday."""
    assert not leaves_time([Span(ALL_DAYS, 0, DAY_MIN)])
    assert not leaves_time([Span(ALL_DAYS, 720, 720 + DAY_MIN)])
    assert leaves_time([Span(frozenset(range(6)), 0, DAY_MIN)])
    assert not leaves_time([Span(frozenset(range(6)), 0, DAY_MIN), Span(frozenset({6}), 0, DAY_MIN)])


spans = st.builds(
    lambda days, begin, length: Span(frozenset(days), begin, begin + length),
    st.sets(st.integers(0, 6), min_size=1),
    st.integers(0, DAY_MIN - 1),
    st.integers(1, DAY_MIN),
)
times_ms = st.integers(ms("2025-01-01T00:00:00+00:00"), ms("2028-01-01T00:00:00+00:00"))


@given(st.lists(spans, min_size=1, max_size=4).filter(leaves_time), st.sampled_from(ZONES), times_ms)
def test_the_end_is_the_first_time_that_is_not_quiet(found: list[Span], zone: str, at_ms: int) -> None:
    """Every minute before it is, and whoever asks there is told the same end; no quiet lasts for ever."""
    quiet = Quiet(tuple(found), zone)
    end_ms = quiet.end_ms(at_ms)
    if end_ms is None:
        return
    assert at_ms < end_ms <= at_ms + 9 * DAY_MS
    assert quiet.end_ms(end_ms) is None
    for between_ms in range(at_ms, end_ms, max(60_000, (end_ms - at_ms) // 20)):
        assert quiet.end_ms(between_ms) == end_ms


@given(st.lists(spans, min_size=1, max_size=3).filter(leaves_time), st.sampled_from(ZONES), times_ms)
def test_whatever_the_clock_on_the_wall_says_is_quiet_is(found: list[Span], zone: str, at_ms: int) -> None:
    """Compared with a plain reading of that clock, which knows nothing of changes: quiet is never shorter."""
    wall = datetime.fromtimestamp(at_ms / 1000, ZoneInfo(zone)).replace(tzinfo=None)
    midnight = wall.replace(hour=0, minute=0, second=0, microsecond=0)
    for back in (0, 1):
        day = midnight - timedelta(days=back)
        minutes = (wall - day) / timedelta(minutes=1)
        if any(day.weekday() in span.days and span.begin_min <= minutes < span.end_min for span in found):
            assert Quiet(tuple(found), zone).end_ms(at_ms) is not None


@given(st.lists(spans, min_size=1, max_size=3), times_ms)
def test_where_clocks_never_change_the_plain_reading_is_all(found: list[Span], at_ms: int) -> None:
    """In UTC nothing else is quiet."""
    now = datetime.fromtimestamp(at_ms / 1000, UTC)
    week_min = now.weekday() * DAY_MIN + now.hour * 60 + now.minute
    minutes = {
        minute % (7 * DAY_MIN)
        for span in found
        for day in span.days
        for minute in range(day * DAY_MIN + span.begin_min, day * DAY_MIN + span.end_min)
    }
    if leaves_time(found):
        assert (Quiet(tuple(found)).end_ms(at_ms) is not None) == (week_min in minutes)
