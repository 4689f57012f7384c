"""Whether this process has so much to do that others should come before it for its brands.

It has if brands wait for a lane without a pause, or the processor leaves no time. That is said for a while longer than
it is so: where all have much to do, all should say so all the time, else brands would wander to whoever is ahead for a
moment, and their states be loaded again.

Pure; time is an argument, in seconds of one monotonic clock.
"""

from __future__ import annotations

from typing import Final

CROWDED_S: Final = 0.5
"""For so long brands have to wait for lanes without a pause; a burst is worked off by then."""

LASTING_S: Final = 10.0
"""For so long it is said at least."""


class Strain:
    """What the dispatcher and the heartbeat have seen lately."""

    def __init__(self) -> None:
        self._crowded_s: float | None = None
        self._until_s = float("-inf")

    def look(self, now_s: float, *, waiting: bool) -> None:
        """Lanes were given to brands, and some are *waiting* for one still, or none is."""
        if not waiting:
            self._crowded_s = None
        elif self._crowded_s is None:
            self._crowded_s = now_s

    def lasts(self, now_s: float, *, busy: bool) -> bool:
        """Whether the process is strained, or was lately.

        Args:
            now_s: when.
            busy: whether the processor leaves no time.
        """
        crowded = self._crowded_s is not None and now_s - self._crowded_s >= CROWDED_S
        if busy or crowded:
            self._until_s = now_s + LASTING_S
        return now_s <= self._until_s
