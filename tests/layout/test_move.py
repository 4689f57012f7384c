"""From one server to a cluster: what docs/redis-protocol.md says is to be copied is enough, with braces or without."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest

from orchestrator.contract.keys import BrandKeys
from orchestrator.contract.layout import CLUSTER
from orchestrator.store import Store, connect
from tests.lane.support import Brand
from tests.layout.world import Spread

if TYPE_CHECKING:
    import redis

SHADOWS = ("spike", "mood", "stories", "trend", "recent")


@pytest.mark.parametrize("name", ["plain", "with {braces}", "x}y"])
def test_a_brand_goes_on_where_it_was(redis_url: str, redis_client: redis.Redis, name: str) -> None:
    """Its chunks are duplicates, its trend goes on, its letters are where they were, and nothing else is lost."""
    before = connect(redis_url, timeout_s=10.0, pool_size=4)
    setattr(redis_client, "layout", CLUSTER)  # noqa: B010 - what a client of a cluster has by itself
    one = Brand(before, Store(before), f"moves {name}")
    one.push_ids("a", "b")
    one.push(b"garbage")
    one.visit()
    old, new, inner = BrandKeys.of(one.name), CLUSTER.keys(one.name), CLUSTER.inner(one.name)
    copies = {getattr(old, part): getattr(new, part) for part in ("meta", "state", "segments", "digests0", "digests1")}
    copies |= {getattr(old, part): getattr(inner, part) for part in SHADOWS}
    trend = cast("dict[bytes, bytes]", before.hgetall(old.trend))
    for source, target in copies.items():
        if (dump := before.dump(source)) is not None and source != target:
            redis_client.restore(target, max(0, before.pttl(source)), dump)
    before.close()
    redis_client.delete(old.summary, *(getattr(old, part) for part in SHADOWS))

    spread = Spread(redis_client, Store(redis_client), one.name)
    assert spread.projections.verify([one.name]).owed == []  # nobody has shown anything
    spread.push_ids("b", "c")
    spread.process().visit()
    spread.assert_shown()
    assert (spread.summary()["totalChunks"], spread.summary()["version"] > 1) == (3, True)
    assert spread.payloads() == ["garbage"]
    assert set(trend) <= set(spread.value(new.trend))
