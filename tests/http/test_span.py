"""Stretches of the past: what is asked for, and points that stand in their places; pure."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.contract.insights import HISTORY_DAYS
from orchestrator.http.problems import ProblemError
from orchestrator.http.span import MAX_POINT_BYTES, Step, iso, kept_since, last_hours, read_span

NOW = datetime(2026, 3, 1, 12, 34, 56, tzinfo=UTC)
STORED = {
    "start": "1999-01-01T00:00:00Z",
    "chunks": 2,
    "mentions": 7,
    "positive": 3.0,
    "neutral": 3.0,
    "negative": 1.0,
    "score": 1.5,
    "netSentiment": 0.2,
}


@pytest.mark.parametrize(
    ("since", "until", "step", "start", "end"),
    [
        (None, None, Step.HOUR, "2026-02-22T13:00:00Z", "2026-03-01T13:00:00Z"),
        (None, None, Step.DAY, "2026-02-23T00:00:00Z", "2026-03-02T00:00:00Z"),
        ("2026-02-28", None, Step.HOUR, "2026-02-28T00:00:00Z", "2026-03-01T13:00:00Z"),
        ("2026-03-01T10:59:59Z", "2026-03-01T11:00:01Z", Step.HOUR, "2026-03-01T10:00:00Z", "2026-03-01T12:00:00Z"),
        ("2026-03-01T10:00+02:00", "2026-03-01T09:00:00Z", Step.HOUR, "2026-03-01T08:00:00Z", "2026-03-01T09:00:00Z"),
        ("2025-12-31", "2026-01-01T00:00:00Z", Step.DAY, "2025-12-31T00:00:00Z", "2026-01-01T00:00:00Z"),
        ("2026-03-01", "2999-01-01", Step.DAY, "2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z"),
        ("2026-03-01", "9999-12-31T23:59:59Z", Step.HOUR, "2026-03-01T00:00:00Z", "2026-03-01T13:00:00Z"),
        (None, "2026-02-25", Step.HOUR, "2026-02-22T00:00:00Z", "2026-02-25T00:00:00Z"),
    ],
)
def test_span_is_rounded_and_ends_with_the_running_one(
    since: str | None, until: str | None, step: Step, start: str, end: str
) -> None:
    """What is asked for is covered by whole hours or days; the future has no zeros, a default stays in what is kept."""
    span = read_span(since, until, step, NOW)
    assert (iso(span.start), iso(span.end)) == (start, end)
    assert len(span.starts) == len(span.fields) == span.count


@pytest.mark.parametrize(
    ("since", "until", "step", "said"),
    [
        ("yesterday", None, Step.HOUR, "from must be a time of ISO 8601"),
        (None, "12", Step.HOUR, "to must be a time of ISO 8601"),
        ("2026-03-01T10:00:00 01:00", None, Step.HOUR, "a plus in an address is %2B"),
        ("0001-01-01T00:00:00+23:00", None, Step.DAY, "and not '0001-01-01T00:00:00+23:00'"),
        ("٢٠٢٦-03-01", None, Step.DAY, "from must be a time"),
        ("2026-02-21", None, Step.HOUR, "from must be 2026-02-22T00:00:00Z or later with step=hour"),
        ("2025-01-01", None, Step.DAY, "from must be 2025-01-26T00:00:00Z or later with step=day"),
        (None, "2020-01-01", Step.DAY, "from must be before to"),
        ("2026-03-01", "2026-03-01", Step.HOUR, "from is 2026-03-01T00:00:00Z, to is 2026-03-01T00:00:00Z"),
        ("2027-01-01", None, Step.DAY, "not in the future"),
        ("9" * 5_000, None, Step.DAY, "and not '" + "9" * 40 + "'"),
    ],
)
def test_span_refuses_what_cannot_be(since: str | None, until: str | None, step: Step, said: str) -> None:
    """Naming the parameter, what it says and what would be right; what is not kept any more is no zero."""
    with pytest.raises(ProblemError) as refused:
        read_span(since, until, step, NOW)
    assert said in refused.value.detail
    assert len(refused.value.detail) < 300


def test_points_stand_in_their_places() -> None:
    """A missing one is zero with its own start; one that is not ours, too, and no field can move to another place."""
    span = last_hours(4, NOW)
    stored = json.dumps(STORED).encode()
    points = span.points([None, stored, b"{", b" " * MAX_POINT_BYTES + stored])
    assert [point.start for point in points] == [f"2026-03-01T{hour:02}:00:00Z" for hour in (9, 10, 11, 12)]
    assert [point.mentions for point in points] == [0, 7, 0, 0]
    assert [point.net_sentiment for point in points] == [None, 0.2, None, None]


def test_fields_are_those_of_the_trend() -> None:
    """Hours by their instant, days by their date."""
    assert last_hours(1, NOW).fields == [b"hour:2026-03-01T12:00:00Z"]
    assert read_span("2026-02-28", "2026-03-01", Step.DAY, NOW).fields == [b"day:2026-02-28"]


@given(st.datetimes(datetime(2024, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)), st.sampled_from(Step))  # noqa: DTZ001
def test_all_that_is_kept_can_be_asked_for(now: datetime, step: Step) -> None:
    """From its oldest point on, at any time of the day, and nothing older."""
    oldest = kept_since(step, now)
    span = read_span(iso(oldest), None, step, now)
    assert span.start == oldest
    assert span.starts[-1] <= now < span.end
    assert span.count <= HISTORY_DAYS
    with pytest.raises(ProblemError):
        read_span(iso(oldest - timedelta(seconds=1)), None, step, now)
