"""Time in the rules: panes of 15 minutes, the window over them, and which pane a chunk belongs to.

Pure arithmetic on Unix milliseconds. A pane is named by its number since the epoch. So the panes of all brands and
orchestrators are the same, and four of them make an hour of UTC.

Source: the design's rule on time. No chunk is dropped because of its time. One that is too late for the window counts
in the hour of the trend that it belongs to, and nowhere else: in the summary, or in the eyes of the detector, old news
would be news. One without a usable ``processedAt`` is stamped with its arrival and counted as retimed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.contract.chunk import Chunk
from orchestrator.contract.insights import TREND_DAYS
from orchestrator.contract.times import read_time

PANE_MS = 900_000
HOUR_MS = 3_600_000
DAY_MS = 86_400_000
HOURS_PER_DAY = 24
PANES_PER_HOUR = HOUR_MS // PANE_MS
MAX_AHEAD_MS = 300_000
"""How far a worker's clock may be ahead of that of Redis; a later time is not usable."""


def pane_of(at_ms: int) -> int:
    """The pane that *at_ms* lies in."""
    return at_ms // PANE_MS


def first_pane(now_ms: int, window_ms: int) -> int:
    """The oldest pane of the window at *now_ms*; all of it belongs to the window as long as a part of it does."""
    return (now_ms - window_ms) // PANE_MS


def panes_per_window(window_ms: int) -> int:
    """How many whole panes a window has, at least one."""
    return max(1, window_ms // PANE_MS)


def first_hour(now_ms: int) -> int:
    """The oldest hour since the epoch that the trend covers at *now_ms*."""
    return (now_ms // HOUR_MS // HOURS_PER_DAY - TREND_DAYS) * HOURS_PER_DAY


@dataclass(frozen=True, slots=True)
class Present:
    """Where the present lies, for what is stamped with a time that is not possible yet.

    Attributes:
        now_ms: the present.
    """

    now_ms: int

    def move(self, at: int, unit_ms: int) -> int:
        """*At*, a number of units of *unit_ms* since the epoch, or the present one if all of *at* is in the future."""
        return self.now_ms // unit_ms if at > (self.now_ms + MAX_AHEAD_MS) // unit_ms else at

    def move_ms(self, at_ms: int) -> int:
        """*At_ms*, or the present if it is in the future."""
        return self.move(at_ms, 1)


RETIMED = 1
"""The time is the arrival, because what the worker says is not usable."""

LATE = 1 << 32
"""The time lies before the window; the chunk counts in the trend alone."""

ZONELESS = 1 << 64
"""The worker did not say of which zone its time is, and UTC was assumed."""

_COUNT = (1 << 32) - 1
"""The oddities are so far apart that a sum over chunks holds the number of each."""


@dataclass(frozen=True, slots=True)
class Stamps:
    """The stamps of some chunks: the times in their order, which places are late, and how many were what."""

    times: list[int]
    late: list[int]
    retimed: int
    zoneless: int


def stamp(processed_at: str | float | None, now_ms: int, window_ms: int) -> tuple[int, int]:
    """The time that counts for a chunk.

    Args:
        processed_at: what the worker says, any text or number.
        now_ms: the arrival.
        window_ms: length of the window.

    Returns:
        The time in Unix milliseconds, and what is odd about it: a sum of :data:`RETIMED`, :data:`LATE`,
        :data:`ZONELESS`; nearly always 0.
    """
    moment = None if processed_at is None else read_time(processed_at)
    if moment is None:
        return now_ms, RETIMED
    at_ms, zoned = moment
    odd = 0 if zoned else ZONELESS
    if at_ms <= now_ms + MAX_AHEAD_MS:
        if pane_of(at_ms) >= first_pane(now_ms, window_ms):
            return at_ms, odd
        if at_ms >= first_hour(now_ms) * HOUR_MS:
            return at_ms, odd | LATE
    return now_ms, odd | RETIMED


def stamp_all(chunks: Sequence[Chunk], now_ms: int, window_ms: int) -> Stamps:
    """The stamps of *chunks* that arrived at *now_ms*."""
    known: dict[str | float | None, tuple[int, int]] = {}  # parsing costs as much as the rest of a small chunk's fold
    times: list[int] = []
    odd = 0
    for chunk in chunks:
        said = chunk.processed_at
        stamped = known.get(said)
        if stamped is None:
            stamped = known[said] = stamp(said, now_ms, window_ms)
        times.append(stamped[0])
        odd += stamped[1]
    late: list[int] = []
    if odd // LATE & _COUNT:
        late = [place for place, chunk in enumerate(chunks) if known[chunk.processed_at][1] & LATE]
    return Stamps(times, late, odd & _COUNT, odd // ZONELESS)
