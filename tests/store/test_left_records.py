"""Records of brands that left the registry are found by the names of their keys, whatever else there is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orchestrator.contract.keys import LEFT_TURN_KEY
from orchestrator.store.layouts import layout_of
from orchestrator.store.left_records import TURN_MS, Search, take_turn

if TYPE_CHECKING:
    from collections.abc import Iterator

    import redis

ODD = ("{0} plain", "{0} a{{b}}c", "{0}:chunks", "{0} result:brand:x:chunks", "{0}}}:records", "{{{0}", "{0} é")


@pytest.fixture
def client(any_client: redis.Redis) -> Iterator[redis.Redis]:
    """A server, and a cluster, at which nobody searches."""
    any_client.delete(LEFT_TURN_KEY)
    yield any_client
    any_client.delete(LEFT_TURN_KEY)


def searched(client: redis.Redis, registered: list[str], brand: str) -> set[str]:
    """What is found of a test's own."""
    going = Search(client, registered)
    while going.step():
        pass
    return {one for one in going.found if brand in one}


def test_records_of_others_are_found_by_their_brands(client: redis.Redis, brand: str) -> None:
    """Whatever the name; not those of registered ones, not empty ones, and nobody else's keys."""
    names = [odd.format(brand) for odd in ODD]
    keys_of = layout_of(client).keys
    others = [
        f"orchestrator:{{{brand}}}:records",
        f"orchestrator:{{result:brand:{brand}:chunks}}:other:records",
        f"orchestrator:{{result:brand:{brand}:chunks:records",
    ]
    try:
        for name in names:
            client.rpush(keys_of(name).records, "{}")
            client.hset(keys_of(name).archiving, "bytes", 0)
        for other in others:
            client.rpush(other, "{}")
        client.rpush(b"orchestrator:{result:brand:" + brand.encode() + b"\xff:chunks}:records", "{}")
        assert searched(client, [], brand) == set(names)
        assert searched(client, names[:3], brand) == set(names[3:])
        client.delete(keys_of(names[3]).records)
        assert searched(client, names[:3], brand) == set(names[4:])
    finally:
        for name in names:
            client.delete(keys_of(name).records)
            client.delete(keys_of(name).archiving)
        for other in others:
            client.delete(other)
        client.delete(b"orchestrator:{result:brand:" + brand.encode() + b"\xff:chunks}:records")


def test_one_process_searches_an_hour(client: redis.Redis) -> None:
    """Fifty minutes long nobody else does, also where it died."""
    assert (take_turn(client), take_turn(client)) == (True, False)
    assert 0 < client.pttl(LEFT_TURN_KEY) <= TURN_MS
