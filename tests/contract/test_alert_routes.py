"""Which routes somebody should look at, and what is said of them."""

from __future__ import annotations

from dataclasses import replace

from orchestrator.contract.alert_routes import LONG_MS, RouteState, overdue, said

NOW_MS = 1_772_366_400_000
DESK = RouteState(name="desk", address="https://h.example/…", chooses="every kind; every brand")


def test_a_route_is_looked_at_when_it_has_failed_or_waited_for_long() -> None:
    """What was written just now waits as well, and one retry is no trouble; what is kept is in order."""
    long_ms, short_ms = NOW_MS - LONG_MS - 1, NOW_MS - LONG_MS
    fine = [
        DESK,
        replace(DESK, waiting=1, oldest_ms=short_ms),
        replace(DESK, trouble="status 503", trouble_since_ms=short_ms),
        replace(DESK, kept=3, next_ms=NOW_MS + 1),
    ]
    late = [replace(DESK, waiting=1, oldest_ms=long_ms), replace(DESK, trouble="x", trouble_since_ms=long_ms)]
    assert overdue([*fine, *late], NOW_MS) == late


def test_what_is_wrong_is_said() -> None:
    """How much waits since when, and what the endpoint says."""
    waits = replace(DESK, waiting=1, oldest_ms=NOW_MS)
    assert said(waits) == "desk: 1 alert should have been told since 2026-03-01T12:00:00Z"
    both = replace(waits, waiting=2_000, trouble="status 404")
    assert said(both) == (
        "desk: 2,000 alerts should have been told since 2026-03-01T12:00:00Z; its endpoint takes none: status 404"
    )
