"""What routes have to do with the alerts of many brands, counted up."""

from __future__ import annotations

from dataclasses import replace

from orchestrator.alerts.survey import Survey, Tally
from tests.alerts.test_plan import HOURLY, NOW_MS, PLAIN, item

HOUR_MS = 3_600_000


def test_alerts_of_all_brands_are_counted_once_each() -> None:
    """By route; an alert that two routes are late with is one that waits."""
    late_ms = NOW_MS + 2 * HOUR_MS
    survey = Survey()
    survey.add("nike", [PLAIN, HOURLY], [item(1), item(2, NOW_MS + 60_000)], set(), late_ms)
    survey.add("puma", [PLAIN, HOURLY], [item(1, NOW_MS + 120_000, "puma")], set(), late_ms)
    assert (survey.due, survey.of("plain").waiting, survey.of("hourly").waiting) == (3, 3, 3)
    assert (survey.of("plain").alone, survey.of("plain").together) == (["nike", "puma"], [])
    assert (survey.of("hourly").alone, survey.of("hourly").together) == ([], ["nike", "puma"])
    assert survey.of("plain").oldest_ms == NOW_MS


def test_first_of_what_is_kept_says_when_to_look_again() -> None:
    """Whichever brand and route it is of; a route with nothing to do says no time."""
    survey = Survey()
    survey.add("none", [PLAIN], [], set(), NOW_MS)
    assert (survey.next_ms, survey.of("never swept")) == (None, Tally())
    slow = replace(HOURLY, name="slow", digest_ms=6 * HOUR_MS)
    for items in ([item(1)], [item(2), item(3)], []):
        survey.add("nike", [HOURLY, slow], items, set(), NOW_MS)
    hourly, later = survey.of("hourly"), survey.of("slow")
    assert (hourly.kept, hourly.waiting, hourly.oldest_ms) == (3, 0, None)
    assert hourly.next_ms is not None
    assert later.next_ms is not None
    assert (survey.next_ms, hourly.next_ms < later.next_ms) == (hourly.next_ms, True)
