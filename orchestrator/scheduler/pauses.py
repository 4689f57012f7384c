"""Which brands are paused, as this process knows it: read anew when something changed, over when their time is.

Owns the knowledge and decides when it has to be read again; the guard is in Redis, so what is known here late costs an
acquire that is refused, and no more. Pure: times are the server's, in Unix milliseconds.
"""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.contract.pauses import Pause


class Pauses:
    """The pauses of registered brands.

    Attributes:
        holding: those that hold, by brand, as of the last look.
    """

    def __init__(self) -> None:
        self.holding: Mapping[str, Pause] = {}
        self._known: Mapping[str, Pause] = {}
        self._stamp: object = None  # no stamp of the store's equals it
        self._doubted = False

    def forget(self) -> None:
        """What is known may be wrong: other brands are registered, or an acquire was refused."""
        self._doubted = True  # the stamp stays: what changes meanwhile is a change all the same

    def outdated(self, stamp: object) -> bool:
        """Whether they have to be read, because *stamp* is another one than when they were, or they were forgotten."""
        return self._doubted or stamp != self._stamp

    def changed(self, stamp: object) -> bool:
        """Whether somebody paused, resumed or purged a brand since they were read."""
        return self._stamp is not None and stamp != self._stamp

    def take_over(self, known: Mapping[str, Pause], stamp: object) -> None:
        """They were read, after *stamp* was."""
        self._known = known
        self._stamp = stamp
        self._doubted = False

    def look(self, now_ms: int) -> bool:
        """Find out which hold at *now_ms*; whether others do than at the last look."""
        holding = {brand: pause for brand, pause in self._known.items() if pause.holds(now_ms)}
        changed = holding != self.holding
        self.holding = holding
        return changed
