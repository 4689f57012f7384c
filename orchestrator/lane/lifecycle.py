"""The states of a lane and the only ways between them.

Owns the transition table, so that a wrong order of steps fails at once and by
name, and so that health can say what each lane is doing.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

from orchestrator.errors import OrchestratorError


class LaneState(Enum):
    """What a lane is doing; the value is its name in health and logs."""

    LEASING = "leasing"  # acquiring the lease, loading the state
    FOLDING = "folding"  # peek → fold → commit, batch by batch
    WAITING = "waiting"  # leased and drained: for a wake hint, up to the fetch timeout
    TRYING = "trying"  # a suspect chunk is folded in a process of its own
    RELEASING = "releasing"
    CLOSED = "closed"


TRANSITIONS: Final[dict[LaneState, frozenset[LaneState]]] = {
    LaneState.LEASING: frozenset({LaneState.FOLDING, LaneState.RELEASING}),
    LaneState.FOLDING: frozenset({LaneState.WAITING, LaneState.TRYING, LaneState.RELEASING}),
    LaneState.WAITING: frozenset({LaneState.FOLDING, LaneState.RELEASING}),
    LaneState.TRYING: frozenset({LaneState.FOLDING, LaneState.RELEASING}),
    LaneState.RELEASING: frozenset({LaneState.CLOSED}),
    LaneState.CLOSED: frozenset(),
}


class LaneOrderError(OrchestratorError):
    """Raised when a lane is asked to go where its state does not lead: a defect of ours."""


class Lifecycle:
    """The state of one lane and when it entered it."""

    __slots__ = ("since_s", "state")

    def __init__(self, now_s: float) -> None:
        self.state = LaneState.LEASING
        self.since_s = now_s

    def enter(self, state: LaneState, now_s: float) -> None:
        """Go to *state*; staying where one is is no transition and keeps the time of entry.

        Raises:
            LaneOrderError: the table knows no such transition.
        """
        if state is self.state:
            return
        if state not in TRANSITIONS[self.state]:
            raise LaneOrderError(f"a lane cannot go from {self.state.value} to {state.value}")
        self.state = state
        self.since_s = now_s
