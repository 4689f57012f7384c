"""Which connections are open, which of them are being served, and which one has to go for a new one.

Pure rules without I/O or time: the order of events decides. A connection waits (from its beginning to its first
request, and between two answers) or is served. A new one always gets a place: if all are taken, the one that has
waited longest goes, so that who holds connections without a use for them loses them first. An ordinary request is
served while fewer than ``served`` are; the places beyond that are the reserve, which only those who wait and
probes can use. A probe counts as waiting, since its answer is at hand: so among all places there is always one to
give away.

Source: nginx and h2o give idle connections up for new ones; closing the new ones instead let 512 idle
connections make every liveness probe fail.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

RESERVE: Final = 16
"""Places beyond those that are served: as many connections may arrive at once before a probe's request is here."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one port.

    Attributes:
        served: ordinary requests that are being answered at the same time.
        per_address: of those, and of connections that wait after one, for one address of clients; 0: no bound. Behind
            a proxy everybody has the proxy's address.
    """

    served: int
    per_address: int = 0


@dataclass(slots=True, eq=False)
class Place:
    """One open connection of *address*."""

    address: str
    gone: bool = field(default=False, init=False)
    known: bool = field(default=False, init=False)  # it has made an ordinary request, so its address counts


class Places:
    """The open connections of one port."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._waiting: dict[Place, None] = {}  # in the order in which they began to wait
        self._served: dict[Place, None] = {}
        self._known: Counter[str] = Counter()

    def __len__(self) -> int:
        """How many connections are open."""
        return len(self._waiting) + len(self._served)

    @property
    def busy(self) -> bool:
        """Whether as many ordinary requests are being answered as may be."""
        return len(self._served) >= self._limits.served

    def enter(self, address: str) -> tuple[Place, Place | None]:
        """A place for a new connection from *address*, and the one that has to be closed for it, if any."""
        evicted = self._evict(next(iter(self._waiting))) if len(self) >= self._limits.served + RESERVE else None
        place = Place(address)
        self._waiting[place] = None
        return place, evicted

    def probe(self, place: Place) -> None:
        """A probe came on *place*: it is answered whatever the limits are, and is the last to go."""
        if not place.gone:
            self.rest(place)

    def serve(self, place: Place) -> tuple[bool, Place | None]:
        """An ordinary request came on *place*: whether to answer it, and the place to be closed for it, if any."""
        if place.gone or self.busy:
            return False, None
        evicted = None
        if self._limits.per_address and not place.known:
            if self._known[place.address] >= self._limits.per_address:
                idle = next((each for each in self._waiting if each.known and each.address == place.address), None)
                if idle is None:
                    return False, None
                evicted = self._evict(idle)
            place.known = True
            self._known[place.address] += 1
        self._waiting.pop(place, None)
        self._served[place] = None
        return True, evicted

    def rest(self, place: Place) -> None:
        """The answer on *place* is out: it waits for another request, from now on."""
        if place.gone:
            return
        self._served.pop(place, None)
        self._waiting.pop(place, None)
        self._waiting[place] = None

    def leave(self, place: Place) -> None:
        """The connection has ended; does nothing for one that was given away."""
        if place.gone:
            return
        place.gone = True
        self._waiting.pop(place, None)
        self._served.pop(place, None)
        if place.known:
            self._known[place.address] -= 1
            if not self._known[place.address]:
                del self._known[place.address]

    def _evict(self, place: Place) -> Place:
        self.leave(place)
        return place
