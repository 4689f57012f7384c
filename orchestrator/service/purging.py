"""A brand and all that is kept of it go for good: first out of Redis, then out of the archive.

Owns the order. First the right to put records of the brand is taken: who had it is waited for. Then all that Redis has
goes in one step, with the lease and with what waits for the archive, so that nobody has anything more to put. Only then
objects and bases are removed, until there are none. So nothing comes back behind it. All of it may be done again, and
what remains is told.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Final

from orchestrator.archive.record import folder_of
from orchestrator.errors import ArchiveError
from orchestrator.process.masking import printable
from orchestrator.service.placing import must_fit
from orchestrator.service.right import WAIT_S, the_right
from orchestrator.store import checked, layout_of
from orchestrator.store.purge import HOLD_S, Purged, purge
from orchestrator.store.runner import ScriptRunner

if TYPE_CHECKING:
    import redis

    from orchestrator.objects.objects import Objects
    from orchestrator.objects.place import Entry

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
    kept_before = _kept_of_the_right(client, brand)
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
    # Where its key was not there before, the right itself was none of what was kept.
    keys = purged.keys - (had and not kept_before)
    return replace(purged, keys=keys, objects=counted[0], objects_size=counted[1], remains=remains)


def _kept_of_the_right(client: redis.Redis, brand: str) -> bool:
    """Whether the key with the right is there already: it says more than who has it."""
    return bool(checked(ScriptRunner(client).run([("EXISTS", layout_of(client).keys(brand).archiving)])[0]))


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
            try:
                objects.remove([entry.name for entry in ours])
            except ArchiveError as error:
                return _counted_all_the_same(objects, ours, counted, str(error))
            odd, found = odd + len(some) - len(ours), found + len(ours)
            _count(ours, counted)
        if not found:
            break
    else:
        return f"somebody else puts objects into {folder}"
    return f"{odd} files in {folder} are none of an archive's and stay" if odd else ""


def _counted_all_the_same(objects: Objects, ours: Sequence[Entry], counted: list[int], why: str) -> str:
    """Count which of *ours* went before it failed; *why*, and that nobody can tell where that is so."""
    try:
        left = {entry.name for entry in objects.list(ours[0].name.partition("/")[0])}
    except ArchiveError:
        return f"{why}; how many of the last {len(ours)} went before that cannot be seen"
    _count([entry for entry in ours if entry.name not in left], counted)
    return why


def _count(gone: Sequence[Entry], counted: list[int]) -> None:
    counted[0] += len(gone)
    counted[1] += sum(entry.size for entry in gone)
