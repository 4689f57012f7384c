"""How a route of alerts stands: what its process knows of it, for pages, probes and commands. No secrets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


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
