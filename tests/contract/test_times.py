"""Times on the wire, read and written."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.contract.times import iso_utc, iso_utc_seconds, parse_ms

NOON_MS = 1_795_435_200_000  # 2026-11-23T12:00:00Z


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-23T12:00:00Z",
        "2026-11-23T12:00:00.000456+00:00",
        "2026-11-23T12:00:00",
        "2026-11-23T13:30:00+01:30",
        "20261123T120000Z",
    ],
)
def test_parse_ms_reads_iso_8601(text: str) -> None:
    """Every common form of one instant is the same number; without an offset it is UTC."""
    assert parse_ms(text) == NOON_MS


@pytest.mark.parametrize("text", ["", "yesterday", "1795435200", "2026-13-01T00:00:00Z", "2026-11-23T25:00:00Z", "\0"])
def test_parse_ms_refuses_other_text(text: str) -> None:
    """What is no ISO 8601 date has no time."""
    assert parse_ms(text) is None


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
