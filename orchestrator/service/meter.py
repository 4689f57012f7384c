"""How busy this process is and what it gets done, between one heartbeat and the next.

Pure: takes totals and clocks as arguments. Of the lanes' time counts what their calls took, which is told when a call
ends; so a share may be a little above what was, and is cut at 1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from orchestrator.fleet.members import Load, Rates

if TYPE_CHECKING:
    from orchestrator.process.metrics import Totals

_SHORTEST_S: Final = 0.5
"""Over less a rate says nothing."""

_DECIMALS: Final = 3


class Reading(NamedTuple):
    """What the counters of the process say at one time.

    Attributes:
        at_s: of a monotonic clock.
        cpu_s: processor time of the process.
        memory_bytes: resident.
        totals: since the start.
    """

    at_s: float
    cpu_s: float
    memory_bytes: int
    totals: Totals


def measured(before: Reading, now: Reading, lanes: int) -> tuple[Load, Rates] | None:
    """Load and rates between two readings; None if they are too near to each other.

    Args:
        before: the earlier one.
        now: the later one.
        lanes: how many may work at the same time.
    """
    past_s = now.at_s - before.at_s
    if past_s < _SHORTEST_S:
        return None

    def rate(name: str) -> float:
        done: float = getattr(now.totals, name) - getattr(before.totals, name)
        return round(done / past_s, _DECIMALS)

    load = Load(
        lanes=min(1.0, round(rate("called_s") / lanes, _DECIMALS)),
        cpu=round((now.cpu_s - before.cpu_s) / past_s, _DECIMALS),
        memory_bytes=now.memory_bytes,
    )
    return load, Rates(*(rate(name) for name in ("chunks", "mentions", "brands", "duplicates", "dead_letters")))
