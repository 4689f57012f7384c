"""What a route tells and when, in words for people. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from orchestrator.alerts.quiet import DAY_MIN, DAYS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.alerts.quiet import Span
    from orchestrator.alerts.routes import Route

_SHOWN: Final = 5
"""Brands that are named."""


def chooses(route: Route) -> str:
    """Which alerts *route* tells, and when."""
    return "; ".join(_parts(route))


def _parts(route: Route) -> Iterator[str]:
    yield ", ".join(sorted(route.kinds)) if route.kinds else "every kind"
    more = ", …" if len(route.brands) > _SHOWN else ""
    yield f"brands {', '.join(route.brands[:_SHOWN])}{more}" if route.brands else "every brand"
    if route.min_score:
        yield f"score from {route.min_score:g}"
    if route.min_mentions:
        yield f"mentions from {route.min_mentions:,}"
    if route.digest_ms:
        yield f"together every {route.digest_ms // 60_000} min"
    if route.quiet.spans:
        then = "told together at the end" if route.quiet_then == "digest" else "dropped"
        yield f"quiet {', '.join(map(_span, route.quiet.spans))} ({route.quiet.zone}), {then}"


def _span(span: Span) -> str:
    days = "" if len(span.days) == len(DAYS) else f"{' '.join(DAYS[day] for day in sorted(span.days))} "
    end_min = span.end_min if span.end_min <= DAY_MIN else span.end_min - DAY_MIN
    return f"{days}{_clock(span.begin_min)}-{_clock(end_min)}"


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"
