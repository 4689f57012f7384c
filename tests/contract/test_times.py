"""Times on the wire, read and written."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.contract.times import iso_utc, iso_utc_seconds, parse_ms, read_time

NOON_MS = 1_795_435_200_000  # 2026-11-23T12:00:00Z


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-23T12:00:00Z",
        "2026-11-23t12:00:00z",
        "2026-11-23 12:00:00Z",
        "2026-11-23T12:00:00.000456+00:00",
        "2026-11-23T12:00:00.000456789012Z",
        "2026-11-23T12:00:00,0Z",
        "2026-11-23T12:00Z",
        "2026-11-23T13:30:00+01:30",
        "2026-11-23T04:00:00-0800",
        "2026-11-23T04:00:00-08",
        "2026-11-23T12:00:00-00:00",
        "2026-11-23T11:59:60Z",
        "2026-11-24T00:59:60+13:00",
        "2026-11-23T24:00:00+12:00",
        "20261123T120000Z",
        "20261123t120000z",
        "2026-W48-1T12:00:00Z",
        " \t2026-11-23T12:00:00Z\n",
        "2026-11-23 12:00:00 UTC",
        "2026-11-23 12:00:00 GMT",
        "2026-11-23 07:00:00 -0500",
        "2026-11-23T13:00:00+01:00[Europe/Paris]",
        "Mon, 23 Nov 2026 12:00:00 +0000",
        "Mon, 23 Nov 2026 12:00:00 GMT",
        "23 nov 2026 13:00 +0100",
        "1795435200",
        "1795435200.0",
        "1795435200000",
        "1795435200000.75",
        1795435200,
        1795435200.0004,
        1795435200000.0,
    ],
)
def test_read_time_reads_every_way_of_writing_an_instant(text: str | float) -> None:
    """Every form of one instant that names its zone is the same number."""
    assert read_time(text) == (NOON_MS, True)


@pytest.mark.parametrize(
    ("text", "at_ms"),
    [
        ("2026-11-23T12:00:00", NOON_MS),
        ("2026-11-23 12:00", NOON_MS),
        (" 2026-11-23t12:00:00.5 ", NOON_MS + 500),
        ("2026-11-23", NOON_MS - 12 * 3_600_000),
        ("20261123", NOON_MS - 12 * 3_600_000),
        ("2026-W48-1", NOON_MS - 12 * 3_600_000),
    ],
)
def test_read_time_takes_a_time_without_zone_for_utc_and_says_so(text: str, at_ms: int) -> None:
    """A date alone is its first instant."""
    assert read_time(text) == (at_ms, False)


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "yesterday", "now", "\0", "2026-13-01T00:00:00Z", "2026-11-31T00:00:00z", "2026-11-23T25:00:00Z",
        "2026-11-23T24:00:01Z", "2026-11-23T12:60:00Z", "2026-11-23T12:00:61Z", "2026-11-23T12:00:00+25:00:00:00",
        "11/23/2026 12:00", "23.11.2026 12:00", "12:00:00Z", "2026", "-5", "+1795435200",
        "1795435200s", "1.8e9x", "1e400", "9" * 400, "2026-11-23T12:00:00[Europe/Paris]", "Mon, 23 Foo 2026 12:00 GMT",
        "Mon, 23 Nov 2026 12:00:00", "31 Feb 2026 12:00 GMT", "9999-12-31T23:59:60Z" + "!",
        float("inf"), float("-inf"), float("nan"), 1e300,
    ],
)  # fmt: skip
def test_read_time_refuses_what_may_be_meant_in_two_ways(text: str | float) -> None:
    """What is no time, or not clearly one, has none."""
    moment = read_time(text)
    assert moment is None or moment[0] < 10**9  # "2026" may be seconds; nobody means the seventies


def test_parse_ms_is_the_number_alone() -> None:
    """The same for who does not ask for the zone."""
    assert (parse_ms("2026-11-23T12:00:00Z"), parse_ms("?")) == (NOON_MS, None)


@given(
    st.text() | st.floats() | st.from_regex(r"\A\s?\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)?\Z")
)
def test_read_time_never_raises(value: str | float) -> None:
    """Any text or number has a time or none."""
    moment = read_time(value)
    assert moment is None or isinstance(moment[0], int)


@given(st.integers(100_000_000_000, 253_402_300_799_999))
def test_read_time_keeps_the_millisecond(at_ms: int) -> None:
    """As seconds with a fraction or as milliseconds, number or text, the last digit survives."""
    seconds: list[str | float] = [at_ms / 1000, f"{at_ms // 1000}.{at_ms % 1000:03}"] if at_ms < 4 * 10**12 else []
    for value in [float(at_ms), str(at_ms), *seconds]:
        assert read_time(value) == (at_ms, True)


@given(st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(9999, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_iso_utc_is_the_inverse_of_parse_ms(moment: datetime) -> None:
    """A time survives being written, to the millisecond."""
    at_ms = parse_ms(moment.isoformat())
    assert at_ms is not None
    assert parse_ms(iso_utc(at_ms)) == at_ms
    assert parse_ms(iso_utc_seconds(at_ms)) == at_ms // 1000 * 1000


@given(st.integers(0, 4_102_444_800_000))
def test_iso_utc_always_has_milliseconds_and_z(at_ms: int) -> None:
    """One form for every time, so that texts sort as times do."""
    text = iso_utc(at_ms)
    assert len(text) == len("2026-11-23T12:00:00.123Z")
    assert text.endswith("Z")
    assert int(text[-4:-1]) == at_ms % 1000
