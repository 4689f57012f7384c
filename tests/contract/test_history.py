"""Minutes are written to their place, and read back only if they are ours and of the last day."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.contract.history import (
    HOURS,
    MAX_ENTRY_BYTES,
    MINUTES,
    Hour,
    Minute,
    Period,
    hour_of,
    places_of_hour,
    read_day,
    read_hours,
)

NOW = 29_929_222
NUMBERS = st.none() | st.integers(0, 10**15)
FLOATS = st.none() | st.floats(0, 1e15)


@given(st.integers(NOW - MINUTES + 1, NOW), NUMBERS, FLOATS, FLOATS, NUMBERS)
def test_a_minute_is_read_back(
    minute: int, chunks: int | None, oldest: float | None, rate: float | None, dead: int | None
) -> None:
    """Whatever was known of it, within the bound of an entry."""
    made = Minute(minute, chunks, oldest, rate, dead)
    assert len(made.entry()) <= MAX_ENTRY_BYTES
    assert read_day([(made.place, made.entry())], NOW) == [made]


def test_a_day_comes_in_its_order() -> None:
    """The oldest first; what is of yesterday or of tomorrow is left out."""
    minutes = [Minute(NOW - back, chunks=back) for back in (5, 0, MINUTES - 1, MINUTES, MINUTES + 7, -1)]
    day = read_day([(each.place, each.entry()) for each in minutes], NOW)
    assert [NOW - each.minute for each in day] == [MINUTES - 1, 5, 0]


@pytest.mark.parametrize(
    "entry",
    [
        b"",
        b"\xff",
        b"{}",
        b"[]",
        b"[%d,-1]" % NOW,
        b"[%d,1e999]" % NOW,
        b"[%d,null,1e16]" % NOW,
        b'[%d,"1"]' % NOW,
        b"[%d" % NOW + b" " * MAX_ENTRY_BYTES + b"]",
        b"[" * 200,
        Minute(NOW - 1).entry(),
    ],
)
def test_foreign_entries_are_left_out(entry: bytes) -> None:
    """Also one that stands in another minute's place."""
    assert read_day([(Minute(NOW).place, entry)], NOW) == []


@given(st.integers(NOW // 60 - 30 * 24 + 1, NOW // 60), NUMBERS, FLOATS, FLOATS, NUMBERS)
def test_an_hour_is_read_back(
    hour: int, chunks: int | None, oldest: float | None, rate: float | None, dead: int | None
) -> None:
    """Whatever was known of it, within the bound of an entry."""
    made = Hour(hour, chunks, oldest, rate, dead)
    assert len(made.entry()) <= MAX_ENTRY_BYTES
    assert read_hours([(made.place, made.entry())], NOW, Period.MONTH) == [made]


@pytest.mark.parametrize(("period", "hours"), [(Period.WEEK, 7 * 24), (Period.MONTH, 30 * 24)])
def test_a_period_has_its_hours(period: Period, hours: int) -> None:
    """The oldest first; a ring has room for all of them."""
    made = [Hour(NOW // 60 - back) for back in (5, 0, hours - 1, hours, -1)]
    found = read_hours([(each.place, each.entry()) for each in made], NOW, period)
    assert [NOW // 60 - each.hour for each in found] == [hours - 1, 5, 0]
    assert hours <= HOURS
    assert Minute(NOW).entry() not in {each.entry() for each in made}


def test_an_hour_says_what_its_minutes_say() -> None:
    """The greatest of what waits, the mean of the rate; nothing of what none of them knows."""
    hour = NOW // 60
    minutes = [
        Minute(60 * hour, 3, None, 1.0),
        Minute(60 * hour + 59, 7, 2.5, 2.0, 4),
        Minute(60 * hour + 60, 99, 9.0, 9.0, 9),
    ]
    made = hour_of(hour, [*minutes, Minute(60 * hour - 1, 88)])
    assert made == Hour(hour, 7, 2.5, 1.5, 4)
    assert made.minute == 60 * hour
    assert hour_of(hour, []) == Hour(hour)


def test_the_places_of_an_hour_are_those_before() -> None:
    """In a ring that begins anew at midnight."""
    assert places_of_hour(60 * 24 * 5 + 3) == [b"0", b"1", b"2"]
    assert places_of_hour(60 * 24 * 5) == []
    assert len(places_of_hour(60 * 24 * 5 - 1)) == 59


def test_a_foreign_hour_is_left_out() -> None:
    """As a foreign minute is."""
    hour = Hour(NOW // 60)
    for entry in (b"", b"{}", b"[%d,-1]" % hour.hour, Hour(hour.hour - 1).entry()):
        assert read_hours([(hour.place, entry)], NOW, Period.MONTH) == []
