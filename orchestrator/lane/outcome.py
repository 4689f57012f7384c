"""How a lane's visit to a brand can end."""

from __future__ import annotations

from enum import Enum


class LaneOutcome(Enum):
    """Why a lane let go of its brand; the value is its name in logs and metrics."""

    DRAINED = "drained"  # no work left, and none came within the fetch timeout
    YIELDED = "yielded"  # work is left: another brand's turn, or the service stops
    BUSY = "busy"  # another orchestrator holds the lease
    PAUSED = "paused"  # an operator paused it: its chunks wait
    LEFT = "left"  # a newer version wrote the state: processes of that version go on with it
    LOST = "lost"  # fenced, stale or a moved queue: start over from what Redis holds
    PARKED = "parked"  # needs a human: wrong-typed key, unreadable state
    FULL = "full"  # parked until there is room, among the dead letters or for the archive
    FAILED = "failed"  # retries were used up, or the fold itself failed
