"""Putting a rebuilt state in place while the brand goes on: fold what was committed meanwhile, then swap on top of it.

The swap is one commit on the commit that was folded last. Where somebody committed in between it is refused, and what
came is folded and it is tried again; each time less has come. A brand that never rests is held for the last try: its
chunks wait in the queue for as long as that takes. Readers see one step, from the old state to the new one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Final, Protocol

from orchestrator.archive.record import Record
from orchestrator.archive.snapshot import Snapshot
from orchestrator.errors import ArchiveError, BrandBusyError, LeaseLostError, StaleStateError
from orchestrator.rebuild.tail import records_between
from orchestrator.rebuild.task import Folding

TRIES: Final = 5
"""While the brand goes on; then it is held."""

_LOOKS: Final = 3
"""For records that are on their way from Redis to the archive."""


class Held(Protocol):
    """A brand to which nobody else commits."""

    @property
    def cid(self) -> str:
        """Id of its last commit."""

    def put(self, snapshot: Snapshot, *, own: Mapping[str, int | float]) -> int:
        """As :meth:`Live.swap_in`, on top of that commit."""


class Live(Protocol):
    """A brand where it is folded and read."""

    def cid(self, brand: str) -> str:
        """Id of its last commit."""

    def waiting(self, brand: str) -> Sequence[Record]:
        """What still waits for the archive, the oldest first."""

    def swap_in(self, snapshot: Snapshot, *, over: str, own: Mapping[str, int | float]) -> int:
        """Put *snapshot* in place of the commit *over*, with the settings *own*; returns the brand's version after it.

        Raises:
            StaleStateError: *over* is not the last commit (any more).
            BrandBusyError, LeaseLostError: somebody works on the brand.
        """

    def held(self, brand: str) -> AbstractContextManager[Held]:
        """Nobody else commits to the brand within the block, whoever worked on it; its queue grows."""


@dataclass(frozen=True, slots=True)
class Swapped:
    """What was put in place.

    Attributes:
        over: the commit that it stands on.
        version: of the brand after it.
        tail: records that were folded on top of the rebuilt state.
        items: what workers pushed in them.
        tries: how often it was tried.
        held: whether the brand was held for it.
    """

    over: str
    version: int
    tail: int
    items: int
    tries: int
    held: bool


def catch_up(folding: Folding, live: Live, cid: str) -> None:
    """Fold what was committed since, up to the commit *cid*, which was read before.

    Raises:
        ArchiveError: a record is missing, or a state that was put in place meanwhile.
    """
    for look in range(1, _LOOKS + 1):
        waiting = live.waiting(folding.task.brand)  # before the archive: what is not here any more is there
        since = folding.snapshot() if folding.cid else None
        try:
            folding.take_all(records_between(folding.archive, waiting, since, cid))
        except ArchiveError:
            if look == _LOOKS:
                raise
        else:
            return


def swap(folding: Folding, own: Mapping[str, int | float], live: Live) -> Swapped:
    """Put what *folding* folded in place with all that came since, and the brand's settings *own* with it.

    Cancelled or killed before the commit, it changed nothing.

    Raises:
        ArchiveError: a record is missing, or a state that was put in place meanwhile.
        StaleStateError, BrandBusyError, LeaseLostError: also while the brand was held: others put a state in place.
        StoreError: Redis gave no answer or refused; the brand is as before, or swapped.
    """
    brand = folding.task.brand

    def done(over: str, version: int, tries: int, *, held: bool) -> Swapped:
        return Swapped(over, version, folding.commits, sum(folding.fates.values()), tries, held)

    for tries in range(1, TRIES + 1):
        over = live.cid(brand)
        catch_up(folding, live, over)
        try:
            return done(over, live.swap_in(folding.snapshot(), over=over, own=own), tries, held=False)
        except (StaleStateError, BrandBusyError, LeaseLostError):
            continue
    try:
        with live.held(brand) as still:
            catch_up(folding, live, still.cid)
            return done(still.cid, still.put(folding.snapshot(), own=own), TRIES + 1, held=True)
    except (StaleStateError, LeaseLostError) as error:
        # No lane takes a brand that lives: it was another rebuild or import, or more than a minute.
        told = "another state was put in place meanwhile (`orchestrator audit` tells), or it took more than a minute"
        raise type(error)(f"{error}: {told}. Nothing was changed here: run this again") from None
