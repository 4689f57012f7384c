"""The base of a commit for which nothing was folded: no refold leads to what it leaves, so the archive has to have it.

It is put there before the commit. One of a commit that never came is no harm: no state stands on it. It is put behind
the right to put, and only under a lease that lives: a purge takes both before it empties the archive, so it waits for
the base and removes it, or the base is not put any more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from orchestrator.errors import ArchiveUnavailableError, LeaseLostError
from orchestrator.objects.brand_archive import BrandArchive
from orchestrator.objects.objects import Objects
from orchestrator.service.placing import must_fit
from orchestrator.service.right import the_right
from orchestrator.store import checked, layout_of
from orchestrator.store.runner import ScriptRunner

if TYPE_CHECKING:
    import redis

    from orchestrator.archive.snapshot import Snapshot
    from orchestrator.settings import Settings
    from orchestrator.store import Lease, Store

WAIT_S: Final = 30.0
"""For so long somebody is waited for who puts records of the brand: one object, as a rule."""


def shown(client: redis.Redis, brand: str) -> tuple[Mapping[bytes, bytes], Sequence[bytes]]:
    """Trend and recent chunks of *brand* as its last commit left them: what a base has beside the state."""
    keys = layout_of(client).inner(brand)
    trend, recent = map(checked, ScriptRunner(client).run([("HGETALL", keys.trend), ("LRANGE", keys.recent, 0, -1)]))
    return _pairs(trend), recent


def keep_base(
    client: redis.Redis, store: Store, lease: Lease, base: Snapshot, settings: Settings, *, wait_s: float = WAIT_S
) -> None:
    """Put *base* into the archive, if there is one, under *lease*.

    Raises:
        ArchiveMisplacedError: it is not the one that Redis knows.
        ArchiveUnavailableError: try again.
        ArchiveError: it is refused.
        LeaseLostError: the brand is somebody else's, or was purged; nothing was put.
        StoreError: Redis gave no answer.
    """
    if not settings.archives:
        return
    brand = base.brand
    with the_right(client, brand, wait_s=wait_s) as had:
        if not had:
            raise ArchiveUnavailableError(
                f"somebody puts records of brand {brand!r} into the archive for more than {wait_s:g} s; try again"
            )
        if store.renew([lease]):
            raise LeaseLostError(f"brand {brand!r} was taken from us, or purged: nothing was put into the archive")
        with Objects.open(settings.archive_url) as objects:
            must_fit(client, objects)
            BrandArchive(objects, brand).put_base(base)


def _pairs(fields: Any) -> dict[bytes, bytes]:
    """What HGETALL answered, in either protocol."""
    return fields if isinstance(fields, dict) else dict(zip(fields[::2], fields[1::2], strict=True))
