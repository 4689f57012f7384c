"""Periods and their slots: whole hours up to now, and only times of which something is kept."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from orchestrator.http.period import Period, moment_of, read_slot
from orchestrator.http.problems import ProblemError

NOW = datetime(2026, 3, 1, 13, 40, tzinfo=UTC)


@pytest.mark.parametrize(
    ("period", "first", "last", "count"),
    [
        (Period.DAY, "2026-02-28T14:00:00Z", "2026-03-01T13:00:00Z", 24),
        (Period.TWO_DAYS, "2026-02-27T14:00:00Z", "2026-03-01T13:00:00Z", 48),
        (Period.WEEK, "2026-02-22T00:00:00Z", "2026-03-01T12:00:00Z", 7 * 8 + 5),
    ],
)
def test_slots_reach_from_the_beginning_to_now(period: Period, first: str, last: str, count: int) -> None:
    """One after the other without a gap, the running one the last; the longest period is all days that are kept."""
    slots = period.slots(NOW)
    assert (slots[0].iso, slots[-1].iso, len(slots)) == (first, last, count)
    assert all(one.end == other.start for one, other in pairwise(slots))
    assert slots[-1].holds(NOW)


def test_a_slot_is_found_by_any_time_in_it() -> None:
    """Also with an offset; its words say the zone."""
    slot = read_slot("2026-03-01T12:59:59+01:00", Period.DAY, NOW)
    assert (slot.iso, slot.words) == ("2026-03-01T11:00:00Z", "Sun 1 Mar, 11:00 to 12:00 UTC")
    assert read_slot("2026-03-01T11:00:00Z", Period.WEEK, NOW).iso == "2026-03-01T09:00:00Z"


@pytest.mark.parametrize("text", ["x", "2026-02-21T23:59:59Z", "2026-03-01T13:41:00Z", "9999-12-31T23:59:59-12:00"])
def test_a_time_of_which_nothing_is_kept_is_refused(text: str) -> None:
    """The answer names the parameter and what would be right."""
    with pytest.raises(ProblemError, match="at must be a time of ISO 8601 from 2026-02-22T00:00:00Z"):
        read_slot(text, Period.DAY, NOW)


def test_moment_of_reads_times_alone() -> None:
    """Anything else is none."""
    assert moment_of("2026-03-01T13:40:00Z") == NOW
    assert moment_of("2026-03-01T13:40:00Z") - timedelta(0) == NOW  # type: ignore[operator]
    assert (moment_of(None), moment_of(""), moment_of("soon")) == (None, None, None)
