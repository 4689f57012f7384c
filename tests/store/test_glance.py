"""A glance at many brands, on a server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis

from orchestrator.contract.keys import PAUSED_KEY, BrandKeys
from orchestrator.errors import ClockSkewError, StoreRefusedError
from orchestrator.store import Store
from orchestrator.store.glance import STRANGE, Part, seen
from orchestrator.store.types import StoreOptions

BRANDS = ["glance-a", "glance-b", "glance: c"]


@pytest.fixture
def client(redis_client: redis.Redis) -> Iterator[redis.Redis]:
    """A server without these brands, before and after."""
    keys = [key for brand in BRANDS for key in (BrandKeys.of(brand).queue, BrandKeys.of(brand).meta)]
    redis_client.delete(*keys, PAUSED_KEY)
    yield redis_client
    redis_client.delete(*keys, PAUSED_KEY)


@pytest.mark.parametrize("brand", BRANDS)
def test_a_part_is_stirred_if_one_of_its_queues_exists(client: redis.Redis, brand: str) -> None:
    """Whatever it is; the others are not."""
    store, parts = Store(client), [Part.of(BRANDS), Part.of(["glance-z"])]
    assert store.glance(parts).stirred == []
    client.rpush(BrandKeys.of(brand).queue, b"x")
    assert store.glance(parts).stirred == [parts[0]]
    client.delete(BrandKeys.of(brand).queue)
    client.set(BrandKeys.of(brand).queue, b"foreign")
    assert store.glance(parts).stirred == [parts[0]]


def test_a_glance_tells_when_brands_are_due(client: redis.Redis) -> None:
    """Zero if never; what is no time, and what cannot be read, is for a claim to look at."""
    keys = [BrandKeys.of(brand).meta for brand in BRANDS]
    store = Store(client)
    assert store.glance([], BRANDS).dues == dict.fromkeys(BRANDS, 0)
    client.hset(keys[0], "due", 1_234)
    client.hset(keys[1], "due", "soon")
    client.set(keys[2], "foreign")
    assert store.glance([], BRANDS).dues == dict(zip(BRANDS, [1_234, STRANGE, STRANGE], strict=True))
    client.hset(keys[1], "due", "9" * 16)
    assert store.glance([], BRANDS[1:2]).dues == {BRANDS[1]: STRANGE}


def test_a_glance_tells_of_pauses_and_the_time_as_a_claim_does(client: redis.Redis) -> None:
    """So that whoever only glances hears of them as soon."""
    store = Store(client)
    claim, glance = store.claim(BRANDS), store.glance([])
    assert glance.pauses == claim.pauses
    assert 0 <= glance.now_ms - claim.now_ms < 60_000
    client.hset(PAUSED_KEY, "", "1")
    assert store.glance([]).pauses == store.claim(BRANDS).pauses != glance.pauses


def test_a_glance_finds_out_whether_redis_serves(client: redis.Redis) -> None:
    """It takes the place of claims, which found out that the server takes no writes, or has another time."""
    client.config_set("min-replicas-to-write", 1)
    try:
        with pytest.raises(StoreRefusedError):
            Store(client).glance([])
    finally:
        client.config_set("min-replicas-to-write", 0)
    store = Store(client, StoreOptions(max_clock_skew_s=1.0))
    store.clock.now_ms = lambda: 1_000  # type: ignore[method-assign]
    with pytest.raises(ClockSkewError):
        store.glance([])


def test_a_part_that_cannot_be_glanced_at_is_stirred() -> None:
    """A server that refuses the command costs claims, and hides no chunk."""
    part = Part.of(BRANDS)
    assert seen([part], [], [redis.ResponseError("NOPERM")]) == ([part], {})
