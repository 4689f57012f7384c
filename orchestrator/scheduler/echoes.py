"""Hints that our own commits cause, and the brands of which it is doubtful whether they have work.

A commit shortens its queue, and so the server tells of that key as it does of a push. Taken for a push, each chunk of a
quiet brand would cost two visits, and the second one finds nothing. Whether it was a push as well cannot be told by the
hint; but one question about all such brands costs less than a visit to one of them.

Pure; time is an argument, in seconds of one monotonic clock. Source:
``docs/decisions/0062-what-a-quiet-visit-costs.md``.
"""

from __future__ import annotations

from collections import OrderedDict

ECHO_S = 0.05
"""So long after a visit that drained its brand a hint is probably of the visit's own commit. One that comes later is
followed at once."""

DOUBT_S = 0.02
"""Between two questions: together, so that those who drain hundreds of brands a second ask about some at a time."""


class Echoes:
    """What is to be asked about, and which hints are echoes."""

    def __init__(self) -> None:
        self._until_s: OrderedDict[str, float] = OrderedDict()
        self._doubted: dict[str, None] = {}  # an ordered set
        self._next_s = float("-inf")

    def drained(self, brand: str, now_s: float) -> None:
        """A visit drained *brand*, and no hint has come since: the next one is probably of its commit."""
        while self._until_s and next(iter(self._until_s.values())) <= now_s:
            self._until_s.popitem(last=False)
        self._until_s.pop(brand, None)  # the dict stays in the order of time
        self._until_s[brand] = now_s + ECHO_S

    def is_echo(self, brand: str, now_s: float) -> bool:
        """Whether a hint for *brand* is probably of our own commit; the one after it is none."""
        return now_s < self._until_s.pop(brand, float("-inf"))

    def doubt(self, brand: str) -> None:
        """*brand* may have work: ask."""
        self._doubted[brand] = None

    @property
    def due_s(self) -> float:
        """When to ask, if anything is in doubt."""
        return self._next_s if self._doubted else float("inf")

    def take(self, now_s: float) -> list[str]:
        """The brands to ask about now."""
        taken, self._doubted = list(self._doubted), {}
        self._next_s = now_s + DOUBT_S
        return taken
