"""Tests of reading the trend."""

from __future__ import annotations

import msgspec

from orchestrator.contract.insights import ExpectedHour, TrendPoint, read_trend


def point(start: str) -> bytes:
    """A point of one chunk."""
    return msgspec.json.encode(TrendPoint(start, 1, 2, 1.0, 1.0, 0.0, 1.0, 0.5))


def test_read_trend_sorts_and_leaves_out_what_is_old_or_foreign() -> None:
    """Hours and days come apart and in order; expired points, other fields and damage do not count."""
    fields = {
        b"hour:2026-11-23T11:00:00Z": point("2026-11-23T11:00:00Z"),
        b"hour:2026-11-23T10:00:00Z": point("2026-11-23T10:00:00Z"),
        b"day:2026-11-23": point("2026-11-23T00:00:00Z"),
        b"day:2026-11-01": point("2026-11-01T00:00:00Z"),
        b"hour:2026-11-23T12:00:00Z": b'{"start":1}',
        b"day:2026-11-22": b"\xff",
        b"note": b"not ours",
        b"expected:2026-11-23T11:00:00Z": b'{"start":"2026-11-23T11:00:00Z","expected":7.5,"upperBound":30}',
        b"expected:2026-11-01T11:00:00Z": b'{"start":"2026-11-01T11:00:00Z","expected":7.5,"upperBound":30}',
    }
    trend = read_trend(fields, "2026-11-16")
    assert [one.start for one in trend.hourly] == ["2026-11-23T10:00:00Z", "2026-11-23T11:00:00Z"]
    assert [one.start for one in trend.daily] == ["2026-11-23T00:00:00Z"]
    assert trend.expected == [ExpectedHour("2026-11-23T11:00:00Z", 7.5, 30)]
