"""A brand and all that is kept of it go for good: first out of Redis, then out of the archive.

Owns the order. First the right to put records of the brand is taken: who had it is waited for. Then all that Redis has
goes in one step, with the lease and with what waits for the archive, so that nobody has anything more to put. Only then
objects and bases are removed, until there are none. So nothing comes back behind it. All of it may be done again, and
what remains is told.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Final

from orchestrator.archive.record import folder_of
from orchestrator.errors import ArchiveError
from orchestrator.process.masking import printable
from orchestrator.service.placing import must_fit
from orchestrator.service.right import WAIT_S, the_right
from orchestrator.store.purge import HOLD_S, Purged, purge

if TYPE_CHECKING:
    import redis

    from orchestrator.objects.objects import Objects

_SLICE: Final = 1_000
_ROUNDS: Final = 5


def purge_brand(  # noqa: PLR0913 - what goes, and what tests replace
    client: redis.Redis,
    brand: str,
    objects: Objects | None,
    *,
    queue: bool = False,
    letters: bool = False,
    hold_s: float = HOLD_S,
    wait_s: float = WAIT_S,
    sleep: Callable[[float], object] = time.sleep,
) -> Purged:
    """Remove all that is kept of *brand*, in Redis and in the archive.

    Args:
        client: of the server.
        brand: which is not registered any more.
        objects: of the archive; None: there is none, or what it has of the brand is to stay.
        queue: the chunks that wait go, too.
        letters: the dead letters go, too.
        hold_s: for so long nobody acquires the brand after it.
        wait_s: for so long somebody is waited for who puts records of it.
        sleep: waits.

    Raises:
        StoreError: Redis gave no answer; do it again. That the archive gives none is in the result.
    """
    if objects is None:
        return purge(client, brand, queue=queue, letters=letters, hold_s=hold_s)
    with the_right(client, brand, wait_s=wait_s, sleep=sleep) as had:
        # In any case: with what waits in Redis goes the right to put it, so who does not leave puts one object more.
        purged = purge(client, brand, queue=queue, letters=letters, hold_s=hold_s)
    counted = [0, 0]
    why = f"somebody put records of it for more than {wait_s:g} s"
    # Once more, since it went, too: a compaction asks for it before it puts what it has read.
    with the_right(client, brand, wait_s=wait_s, sleep=sleep) as again:
        if had and again:
            try:
                must_fit(client, objects)
                why = _empty(objects, brand, counted)
            except ArchiveError as error:
                why = str(error)
    remains = why and f"in {objects.shown}: {printable(why)}"
    keys = purged.keys - had  # the right itself was none of what was kept
    return replace(purged, keys=keys, objects=counted[0], objects_size=counted[1], remains=remains)


def archived(objects: Objects, brand: str) -> tuple[int, int]:
    """How many objects there are of *brand*, bases included, and their bytes.

    Raises:
        ArchiveUnavailableError: no answer.
        ArchiveError: refused.
    """
    objects.folders()  # refused where there is no folder, which would look as if nothing were there
    count = size = 0
    for entry in objects.list(folder_of(brand)):
        count, size = count + 1, size + entry.size
    return count, size


def _empty(objects: Objects, brand: str, counted: list[int]) -> str:
    """Remove everything of *brand*, *counted*; why something remains."""
    objects.folders()  # as above
    folder, odd = folder_of(brand), 0
    for _ in range(_ROUNDS):
        entries, odd, found = objects.list(folder), 0, 0
        while some := list(islice(entries, _SLICE)):
            ours = [entry for entry in some if not entry.odd]
            objects.remove([entry.name for entry in ours])
            odd, found = odd + len(some) - len(ours), found + len(ours)
            counted[0] += len(ours)
            counted[1] += sum(entry.size for entry in ours)
        if not found:
            break
    else:
        return f"somebody else puts objects into {folder}"
    return f"{odd} files in {folder} are none of an archive's and stay" if odd else ""
