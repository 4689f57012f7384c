"""The base of a commit for which nothing was folded: no refold leads to what it leaves, so the archive has to have it.

It is put there before the commit. One of a commit that never came is no harm: no state stands on it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from orchestrator.objects.brand_archive import BrandArchive
from orchestrator.objects.objects import Objects
from orchestrator.store import checked, layout_of
from orchestrator.store.runner import ScriptRunner

if TYPE_CHECKING:
    import redis

    from orchestrator.archive.snapshot import Snapshot
    from orchestrator.settings import Settings


def shown(client: redis.Redis, brand: str) -> tuple[Mapping[bytes, bytes], Sequence[bytes]]:
    """Trend and recent chunks of *brand* as its last commit left them: what a base has beside the state."""
    keys = layout_of(client).inner(brand)
    trend, recent = map(checked, ScriptRunner(client).run([("HGETALL", keys.trend), ("LRANGE", keys.recent, 0, -1)]))
    return _pairs(trend), recent


def keep_base(base: Snapshot, settings: Settings) -> None:
    """Put *base* into the archive, if there is one.

    Raises:
        ArchiveUnavailableError: try again.
        ArchiveError: it is refused.
    """
    if settings.archives:
        with Objects.open(settings.archive_url) as objects:
            BrandArchive(objects, base.brand).put_base(base)


def _pairs(fields: Any) -> dict[bytes, bytes]:
    """What HGETALL answered, in either protocol."""
    return fields if isinstance(fields, dict) else dict(zip(fields[::2], fields[1::2], strict=True))
