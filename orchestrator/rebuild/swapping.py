"""Putting a rebuilt state in place while the brand goes on: fold what was committed meanwhile, then swap on top of it.

The swap is one commit on the commit that was folded last. Where somebody committed in between it is refused, and what
came is folded and it is tried again; each time less has come. A brand that never rests is kept still for the last try:
its chunks wait in the queue for as long as that takes. Readers see one step, from the old state to the new one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from typing import Final, Protocol

from orchestrator.archive.record import Record
from orchestrator.archive.snapshot import Snapshot
from orchestrator.errors import BrandBusyError, StaleStateError
from orchestrator.objects.brand_archive import BrandArchive
from orchestrator.rebuild.tail import records_between
from orchestrator.rebuild.task import Folding, Task

TRIES: Final = 5
"""While the brand goes on; then it is kept still."""

_PAUSE_S: Final = 0.05
"""Before the second try, twice as long before each further one: a visit of a lane takes some milliseconds."""


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
            BrandBusyError: somebody works on the brand.
        """

    def kept_still(self, brand: str) -> AbstractContextManager[None]:
        """Nobody takes chunks of the brand within the block."""


@dataclass(frozen=True, slots=True)
class Swapped:
    """What was put in place.

    Attributes:
        over: the commit that it stands on.
        version: of the brand after it.
        tail: records that were folded on top of the rebuilt state.
        items: what workers pushed in them.
        tries: how often it was tried.
        still: whether the brand was kept still for it.
    """

    over: str
    version: int
    tail: int
    items: int
    tries: int
    still: bool


def catch_up(folding: Folding, archive: BrandArchive, live: Live, cid: str) -> None:
    """Fold what was committed since, up to the commit *cid*, which was read before.

    Raises:
        ArchiveError: a record is missing, or another state was put in place meanwhile.
    """
    waiting = live.waiting(folding.refold.brand)  # before the archive: what is not here any more is there
    folding.take_all(records_between(archive, waiting, folding.snapshot(), cid))


def swap(
    task: Task,
    state: Snapshot,
    own: Mapping[str, int | float],
    archive: BrandArchive,
    live: Live,
    *,
    sleep: Callable[[float], object] = time.sleep,
) -> Swapped:
    """Put *state*, which *task* gave, in place with all that came since, and the brand's settings *own* with it.

    Cancelled or killed before the commit, it changed nothing; a brand that was kept still goes on by itself.

    Raises:
        ArchiveError: a record is missing, or another state was put in place meanwhile.
        StaleStateError, BrandBusyError: also while the brand was kept still: somebody else puts a state in place.
        StoreError: Redis gave no answer or refused; the brand is as before, or swapped.
    """
    folding = Folding.begin(task, state)
    with ExitStack() as stack:
        tries = 0
        while True:
            still = tries == TRIES
            if still:
                stack.enter_context(live.kept_still(task.brand))
            tries += 1
            over = live.cid(task.brand)
            catch_up(folding, archive, live, over)
            try:
                version = live.swap_in(folding.snapshot(), over=over, own=own)
            except (StaleStateError, BrandBusyError):
                if still:
                    raise
                if tries < TRIES:
                    sleep(_PAUSE_S * 2 ** (tries - 1))
                continue
            return Swapped(over, version, folding.commits, sum(folding.fates.values()), tries, still)
