"""An independent look at an archive: folded anew it is what Redis has, and every item is in it once."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from orchestrator.archive.record import Fate, Item
from orchestrator.archive.refold import Refold
from orchestrator.brand.outputs import FoldConfig
from orchestrator.brand.state import BrandState
from orchestrator.contract.keys import BrandKeys
from orchestrator.objects.brand_archive import BrandArchive
from orchestrator.store import layout_of, segments
from orchestrator.store.consumed import Consumed

if TYPE_CHECKING:
    from collections.abc import Sequence

    import redis

    from orchestrator.objects.objects import Objects


@dataclass
class Recounted:
    """What an archive has of a brand.

    Attributes:
        items: of the records that lead to the live state, in their order.
        records: how many these are.
        dead: objects beside the way.
        bases: that there are.
    """

    items: list[Item] = field(default_factory=list)
    records: int = 0
    dead: int = 0
    bases: int = 0

    def folded(self) -> Counter[str]:
        """How often each chunk was folded, by its id."""
        return Counter(json.loads(item.payload)["chunkId"] for item in self.items if item.fate is Fate.FOLDED)


def waits(client: redis.Redis, brands: Sequence[str]) -> int:
    """Bytes that wait for the archive."""
    return sum(waiting.bytes for waiting in Consumed(client).waiting(brands).values())


def rests(client: redis.Redis, brands: Sequence[str]) -> bool:
    """Whether nobody folds one of *brands*, all of them paused, and nothing of them waits for the archive.

    A lane that had its brand when it was paused may commit once more: it is done when it has let go.
    """
    inner = layout_of(client).inner
    return not any(client.exists(inner(brand).lock) for brand in brands) and waits(client, brands) == 0


def recount(client: redis.Redis, objects: Objects, brand: str) -> Recounted:
    """What the archive has of *brand*, of which nobody folds and nothing waits while this looks.

    Raises:
        AssertionError: folded anew it is not what Redis has, byte for byte, or something else became of an item.
    """
    inner, archive = layout_of(client).inner(brand), BrandArchive(objects, brand)
    fields = segments.load(client, brand)
    cid: Any = client.hget(inner.meta, "cid") or b""
    way = archive.way_to(cid.decode(), oldest=True)
    assert way.base is None, f"{brand}: the way begins at a base"
    assert archive.strange == []
    key = BrandState.load(FoldConfig(), fields).hashing.key
    refold, found = Refold(brand, key), Recounted(dead=len(way.dead), bases=len(archive.bases()))
    for record in way.records:
        assert refold.take(record) == [], f"{brand}: {record.cid}"
        found.items += record.items
        found.records += 1
    assert refold.cid == cid.decode()
    here = refold.result.fields
    others = sorted(name for name in here.keys() | fields.keys() if here.get(name) != fields.get(name))
    assert others == [], f"{brand}: other fields {others} at {cid!r}, and now {client.hget(inner.meta, 'cid')!r}"
    live: Any = client.get(inner.digests0) or b"", client.get(inner.digests1) or b""
    assert (bytes(refold.result.digests.younger), bytes(refold.result.digests.older)) == live, f"{brand}: other digests"
    assert refold.summary() == client.get(BrandKeys.of(brand).summary), f"{brand}: another summary"
    return found
