"""Parked brands reach the common list, and leave it, on a real Redis."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec
import pytest
import redis
import trio
from structlog.testing import capture_logs

from orchestrator.contract.fingerprint import Fingerprint
from orchestrator.contract.keys import MEMBERS_KEY, PARKED_KEY
from orchestrator.fleet.noticing import Change, Trouble
from orchestrator.fleet.parking import Code, Parked
from orchestrator.service import notices as module
from orchestrator.service.notices import Notices
from orchestrator.store import connect
from orchestrator.store.members import Told, beat
from orchestrator.store.parked import MAX_PARKED, TTL_S, encode, publish, read_parked, scan
from tests.polling import until
from tests.redis_server import RedisServer

ME, OTHER = "00000000000000aa", "00000000000000bb"
SETTINGS = msgspec.Raw(Fingerprint({}).text().encode())


class Fixed:
    """A scheduler that says what a test wants it to say."""

    def __init__(self) -> None:
        self.found: dict[str, Trouble] = {}
        self.committed: set[str] = set()

    def park(self, brand: str, code: Code = Code.META, *, found_s: float = 0.0) -> None:
        """*brand* is in trouble, found at that time."""
        self.found[brand] = Trouble(code, f"why {brand}", 0.0, found_s)

    def troubles(self) -> Mapping[str, Trouble]:
        """The fixed ones."""
        return self.found

    def take_committed(self) -> set[str]:
        """Those since the last call."""
        taken, self.committed = self.committed, set()
        return taken


@pytest.fixture(autouse=True)
def _nobody(redis_client: redis.Redis) -> Iterator[None]:
    redis_client.delete(PARKED_KEY, MEMBERS_KEY)
    yield
    redis_client.delete(PARKED_KEY, MEMBERS_KEY)


async def look(client: redis.Redis, source: Fixed, name: str = ME) -> dict[str, str]:
    """One look; who says what afterwards."""
    await one_look(Notices(client, name, source), source)
    return {brand: parked.by for brand, parked in read_parked(client).items()}


async def one_look(notices: Notices, source: Fixed) -> None:
    """One look of the same process."""
    await notices._look(source.troubles())


def live(client: redis.Redis, name: str) -> None:
    """The process *name* lives."""
    beat(client, name, 0, Told(name, "1", 4, SETTINGS, 1, 0))


async def test_troubles_are_told_and_taken_back(redis_client: redis.Redis) -> None:
    """With code and reason; the key lives for a minute after the last look."""
    source = Fixed()
    notices = Notices(redis_client, ME, source)
    source.park("a")
    source.park("b", Code.FULL)
    await one_look(notices, source)
    told = read_parked(redis_client)
    assert {brand: (one.code, one.reason) for brand, one in told.items()} == {
        "a": (Code.META, "why a"),
        "b": (Code.FULL, "why b"),
    }
    assert 0 < redis_client.pttl(PARKED_KEY) <= TTL_S * 1000
    del source.found["a"]
    redis_client.pexpire(PARKED_KEY, 9_000)
    await one_look(notices, source)
    assert set(read_parked(redis_client)) == {"b"}
    assert redis_client.pttl(PARKED_KEY) > 9_000
    await notices.leave()
    assert read_parked(redis_client) == {}


async def test_a_commit_of_anybody_takes_an_entry_out_until_it_is_found_again(redis_client: redis.Redis) -> None:
    """So two processes with other settings do not write one after the other for ever."""
    mine, other = Fixed(), Fixed()
    notices = Notices(redis_client, ME, mine)
    live(redis_client, ME)
    mine.park("a")
    await one_look(notices, mine)
    other.committed = {"a", "b"}
    assert await look(redis_client, other, OTHER) == {}
    await one_look(notices, mine)
    assert read_parked(redis_client) == {}
    mine.park("a", found_s=30.0)
    await one_look(notices, mine)
    assert set(read_parked(redis_client)) == {"a"}


async def test_the_entry_of_a_process_that_died_goes(redis_client: redis.Redis) -> None:
    """Whoever has the same against the brand takes it over."""
    source = Fixed()
    source.park("b")
    redis_client.hset(PARKED_KEY, mapping={brand: encode(Parked(Code.META, "x", 7, OTHER)) for brand in "abc"})
    live(redis_client, OTHER)
    assert await look(redis_client, source) == {"a": OTHER, "b": OTHER, "c": OTHER}
    redis_client.delete(MEMBERS_KEY)
    assert await look(redis_client, source) == {"b": ME}
    assert read_parked(redis_client)["b"].since_ms == 7


async def test_a_lost_key_is_filled_again_as_brands_are_looked_at(redis_client: redis.Redis) -> None:
    """Nothing depends on it meanwhile."""
    source = Fixed()
    notices = Notices(redis_client, ME, source)
    source.park("a")
    await one_look(notices, source)
    redis_client.delete(PARKED_KEY)
    source.park("a", found_s=30.0)
    await one_look(notices, source)
    assert set(read_parked(redis_client)) == {"a"}


async def test_news_are_told_at_once(
    redis_client: redis.Redis, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And not with the next look, which this test would not live to see."""
    monkeypatch.setattr(module, "INTERVAL_S", 1e6)
    client = connect(redis_url, timeout_s=5.0, pool_size=2)
    source = Fixed()
    notices = Notices(client, ME, source)
    async with trio.open_nursery() as nursery:
        await nursery.start(notices.run)
        source.park("a")
        notices.wake()
        await until(lambda: "a" in read_parked(redis_client))
        nursery.cancel_scope.cancel()
    client.close()


async def test_a_foreign_key_is_told_once(redis_client: redis.Redis) -> None:
    """Its name and type; the process goes on, and tells all when it is gone."""
    source = Fixed()
    notices = Notices(redis_client, ME, source)
    source.park("a")
    source.committed = {"b"}
    redis_client.rpush(PARKED_KEY, "x")
    with capture_logs() as logs:
        await one_look(notices, source)
        await one_look(notices, source)
    (warning,) = [line["reason"] for line in logs if line["log_level"] == "warning"]
    assert "'orchestrator:parked' is a list, expected a hash" in warning
    redis_client.delete(PARKED_KEY)
    await one_look(notices, source)
    assert set(read_parked(redis_client)) == {"a"}


def test_publish_changes_only_what_is_as_it_was_seen(redis_client: redis.Redis) -> None:
    """Of two that change an entry at once the second does nothing."""
    first, second = Parked(Code.META, "x", 1, ME), Parked(Code.SIZE, "y", 2, OTHER)
    assert publish(redis_client, [Change("a", None, first)]) == {"a"}
    raw = scan(redis_client)["a"].raw
    assert publish(redis_client, [Change("a", None, second)]) == set()
    assert publish(redis_client, [Change("a", b"other", None)]) == set()
    assert publish(redis_client, [Change("a", raw, second), Change("b", None, None)]) == {"a", "b"}
    assert read_parked(redis_client) == {"a": second}
    assert publish(redis_client, [Change("a", encode(second), None)]) == {"a"}
    assert not redis_client.exists(PARKED_KEY)


def test_publish_goes_through_at_maxmemory() -> None:
    """A full Redis is what brands stand still for."""
    one = Parked(Code.FULL, "x", 1, ME)
    with RedisServer() as server:
        client = server.client()
        client.config_set("maxmemory", 1)
        assert publish(client, [Change("a", None, one)]) == {"a"}
        assert read_parked(client) == {"a": one}
        client.close()


def test_publish_is_bounded(redis_client: redis.Redis) -> None:
    """New entries wait for room; a key that somebody else filled is emptied."""
    one = Parked(Code.META, "x", 1, ME)
    redis_client.hset(PARKED_KEY, mapping={str(number): "x" for number in range(MAX_PARKED - 1)})
    assert publish(redis_client, [Change("a", None, one), Change("b", None, one), Change("0", b"x", one)]) == {"a", "0"}
    redis_client.hset(PARKED_KEY, "too", "many")
    assert publish(redis_client, [Change("b", None, one)]) == {"b"}
    assert redis_client.hlen(PARKED_KEY) == 1


async def test_an_old_commit_takes_out_no_later_entry(redis_client: redis.Redis) -> None:
    """Each commit counts once: what was found after it stays."""
    mine, other = Fixed(), Fixed()
    notices, others = Notices(redis_client, ME, mine), Notices(redis_client, OTHER, other)
    for name in (ME, OTHER):
        live(redis_client, name)
    other.committed = {"a"}
    await one_look(others, other)
    mine.park("a")
    await one_look(notices, mine)
    await one_look(others, other)
    assert set(read_parked(redis_client)) == {"a"}
