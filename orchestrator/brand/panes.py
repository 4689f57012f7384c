"""Time in the rules: panes of 15 minutes, the window over them, and which pane a chunk belongs to.

Pure arithmetic on Unix milliseconds. A pane is named by its number since the epoch. So the panes of all brands and
orchestrators are the same, and four of them make an hour of UTC.

Source: the design's rule on time. No chunk is dropped because of its time: one without a usable ``processedAt`` is
stamped with its arrival and counted as retimed.
"""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.contract.chunk import Chunk
from orchestrator.contract.times import parse_ms

PANE_MS = 900_000
HOUR_MS = 3_600_000
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


def stamp(processed_at: str | None, now_ms: int, window_ms: int) -> tuple[int, bool]:
    """The time that counts for a chunk.

    Args:
        processed_at: what the worker says, any text.
        now_ms: the arrival.
        window_ms: length of the window.

    Returns:
        The time in Unix milliseconds, and whether it is the arrival because *processed_at* is not usable.
    """
    at_ms = None if processed_at is None else parse_ms(processed_at)
    if at_ms is None or at_ms > now_ms + MAX_AHEAD_MS or pane_of(at_ms) < first_pane(now_ms, window_ms):
        return now_ms, True
    return at_ms, False


def stamp_all(chunks: Sequence[Chunk], now_ms: int, window_ms: int) -> tuple[list[int], int]:
    """The times of *chunks* that arrived at *now_ms*, and how many of them were retimed."""
    known: dict[str | None, tuple[int, bool]] = {}  # parsing costs as much as the rest of a small chunk's fold
    times: list[int] = []
    retimed = 0
    for chunk in chunks:
        text = chunk.processed_at
        stamped = known.get(text)
        if stamped is None:
            stamped = known[text] = stamp(text, now_ms, window_ms)
        times.append(stamped[0])
        retimed += stamped[1]
    return times, retimed
