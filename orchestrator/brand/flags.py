"""The workers' own spike flags: a brand counts as flagged while one of the last 30 minutes has a flag.

Source: the design's rule on spikes. Which story a flag belongs to is kept by the stories.
"""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.brand.panes import Present
from orchestrator.contract.chunk import Chunk

FLAG_MS = 1_800_000
"""How long a worker's flag counts, from the end of the minute that its chunk is stamped with."""

_MINUTE_MS = 60_000


def is_flagged(flagged_at_ms: int | None, now_ms: int) -> bool:
    """Whether a flag of that time still counts."""
    return flagged_at_ms is not None and _out_ms(flagged_at_ms // _MINUTE_MS) > now_ms


class Flags:
    """The minutes with a flag that still counts: enough to tell when the flag of the next story runs out."""

    def __init__(self, minutes: Sequence[int] = ()) -> None:
        self._minutes = set(minutes)

    def __bool__(self) -> bool:
        return bool(self._minutes)

    @property
    def minutes(self) -> list[int]:
        """Minutes since the epoch, oldest first."""
        return sorted(self._minutes)

    def fold(self, chunks: Sequence[Chunk], times: Sequence[int], now_ms: int) -> None:
        """Take in the flags of *chunks*, whose stamped times are in the same order."""
        minutes = [at_ms // _MINUTE_MS for at_ms in times]
        # One flag a minute is enough, so under load nearly no chunk has to be looked at.
        wanted = {minute for minute in set(minutes) - self._minutes if _out_ms(minute) > now_ms}
        if not wanted:
            return
        rows = [(chunk, minute) for chunk, minute in zip(chunks, minutes, strict=True) if minute in wanted]
        self._minutes.update([minute for chunk, minute in rows if chunk.spike_detected])
        self._minutes.update([minute for chunk, minute in rows for cluster in chunk.clusters if cluster.spike])

    def advance(self, now_ms: int) -> None:
        """Forget what no longer counts."""
        self._minutes = {minute for minute in self._minutes if _out_ms(minute) > now_ms}

    def reanchor(self, present: Present) -> None:
        """Let flags of the future count from the present minute on."""
        self._minutes = {present.move(minute, _MINUTE_MS) for minute in self._minutes}

    def due_ms(self) -> int | None:
        """When the next flag runs out; None without flags."""
        return _out_ms(min(self._minutes)) if self._minutes else None


def _out_ms(minute: int) -> int:
    return (minute + 1) * _MINUTE_MS + FLAG_MS
