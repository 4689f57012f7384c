"""How a route of alerts stands: what its process knows of it, for pages, probes and commands. No secrets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from orchestrator.contract.times import iso_utc_seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteState:
    """One route.

    Attributes:
        name: of the route.
        address: where it leads, the server alone.
        chooses: which alerts it tells and when, in words.
        waiting: alerts that it should have told by now.
        kept: alerts that wait for their time: the end of quiet hours, the next digest.
        oldest_ms: Unix ms at which the oldest of those that wait was due; None: none waits.
        next_ms: Unix ms at which the first of those that are kept is due; None: none is kept.
        quiet_until_ms: Unix ms at which the quiet hours that it is in are over; None: it is in none.
        digest_ms: it tells alerts together, once in so long; 0: each by itself.
        delivered_ms: Unix ms at which its endpoint last took a message of this process; None: not yet, or not known.
        trouble: why its last message was not taken; empty: it was, or there was none.
        trouble_since_ms: Unix ms of the first message in a row that was not taken.
    """

    name: str
    address: str
    chooses: str
    waiting: int = 0
    kept: int = 0
    oldest_ms: int | None = None
    next_ms: int | None = None
    quiet_until_ms: int | None = None
    digest_ms: int = 0
    delivered_ms: int | None = None
    trouble: str = ""
    trouble_since_ms: int | None = None


@dataclass(frozen=True, slots=True)
class RouteStates:
    """All routes of one process.

    Attributes:
        routes: in the order of their file.
        problem: why the file of routes that is there now is not in force; empty: it is.
        counted: whether what waits is known; it is not before the first look, nor while Redis does not answer.
    """

    routes: Sequence[RouteState] = ()
    problem: str = ""
    counted: bool = False


LONG_MS: Final = 60_000
"""What waits for longer is said to wait: an alert that was written just now does."""

TESTING: Final = "see what its endpoint answers: orchestrator alerts test {}"


def overdue(states: Sequence[RouteState], now_ms: int) -> list[RouteState]:
    """Those of *states* that somebody should look at: for long they fail, or what they should have told waits."""
    return [state for state in states if any(now_ms - since_ms > LONG_MS for since_ms in _since(state))]


def _since(state: RouteState) -> list[int]:
    return [since_ms for since_ms in (state.oldest_ms, state.trouble_since_ms) if since_ms is not None]


def said(state: RouteState) -> str:
    """What is wrong with a route, in words."""
    parts = []
    if state.waiting and state.oldest_ms is not None:
        count = f"{state.waiting:,} alert{'' if state.waiting == 1 else 's'}"
        parts.append(f"{count} should have been told since {iso_utc_seconds(state.oldest_ms)}")
    if state.trouble:
        parts.append(f"its endpoint takes none: {state.trouble}")
    return f"{state.name}: {'; '.join(parts)}"
