"""Orders in Redis: each is heard once, by its process, however often an answer is lost; none outlives it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orchestrator.contract.keys import MEMBERS_KEY, ORDERS_KEY
from orchestrator.contract.process_orders import MAX_LANES, Wanted, read_order
from orchestrator.errors import StoreError, WrongTypeError
from orchestrator.fleet.members import TTL_S, Obedience
from orchestrator.store.members import (
    MAX_ENTRY_BYTES,
    NO_ORDERS,
    Heard,
    ToldObedience,
    beat,
    read_members,
)
from orchestrator.store.process_orders import MAX_PLACES, give, read_orders
from tests.redis_server import RedisServer
from tests.store.test_members import told

if TYPE_CHECKING:
    from collections.abc import Iterator

    import redis


@pytest.fixture
def client(any_client: redis.Redis) -> Iterator[redis.Redis]:
    """A server without members or orders, before and after."""
    any_client.delete(MEMBERS_KEY, ORDERS_KEY)
    yield any_client
    any_client.delete(MEMBERS_KEY, ORDERS_KEY)


def heard(client: redis.Redis, name: str, orders: tuple[bytes, bytes] = NO_ORDERS) -> Heard:
    """A beat of the process *name*, which has heard *orders*."""
    return beat(client, name, 1, told(name), orders)


def wanted(orders: tuple[bytes, bytes]) -> list[str]:
    """What *orders* say."""
    return [str(read_order(entry)) for entry in orders if entry]


def test_an_order_comes_with_the_beat_until_it_is_said_to_be_heard(client: redis.Redis) -> None:
    """So a lost answer loses no order, and a beat that says so takes it away."""
    heard(client, "a")
    give(client, ["a"], Wanted.QUIET, "ann@host")
    first = heard(client, "a")
    assert wanted(first.orders) == ["quiet"]
    assert heard(client, "a").orders == first.orders  # the first answer was lost
    assert heard(client, "a", first.orders).orders == NO_ORDERS
    assert client.hlen(ORDERS_KEY) == 0
    assert heard(client, "a").orders == NO_ORDERS


def test_an_order_says_when_and_by_whom(client: redis.Redis) -> None:
    """By the clock of the server."""
    now_ms = heard(client, "a").now_ms
    give(client, ["a"], Wanted.LANES, "ann@host", 7)
    order = read_order(heard(client, "a").orders[1])
    assert order is not None
    assert (order.by, order.lanes) == ("ann@host", 7)
    assert now_ms <= order.at_ms <= heard(client, "a").now_ms


def test_only_who_is_ordered_hears_it(client: redis.Redis) -> None:
    """And several may be ordered at once."""
    for name in ("a", "b", "c"):
        heard(client, name)
    give(client, ["a", "c"], Wanted.STOP, "ann")
    assert [wanted(heard(client, name).orders) for name in ("a", "b", "c")] == [["stop"], [], ["stop"]]


def test_the_newest_order_of_a_kind_is_heard(client: redis.Redis) -> None:
    """One that was not heard yet gives way; lanes are apart, so that neither hides the other."""
    heard(client, "a")
    give(client, ["a"], Wanted.QUIET, "ann")
    give(client, ["a"], Wanted.LANES, "ann", 3)
    give(client, ["a"], Wanted.RESUME, "bob")
    give(client, ["a"], Wanted.LANES, "bob")
    assert wanted(heard(client, "a").orders) == ["resume", "lanes default"]


def test_an_order_that_came_meanwhile_stays(client: redis.Redis) -> None:
    """What a beat says to have heard is not what lies there by now."""
    heard(client, "a")
    give(client, ["a"], Wanted.QUIET, "ann")
    first = heard(client, "a").orders
    give(client, ["a"], Wanted.STOP, "ann")
    assert wanted(heard(client, "a", first).orders) == ["stop"]


def test_orders_of_the_dead_go(client: redis.Redis) -> None:
    """With the next beat of anybody: who has the same name by chance is not to hear them."""
    heard(client, "a")
    heard(client, "b")
    give(client, ["a", "b", "never:seen", "odd"], Wanted.STOP, "ann")
    client.hset(ORDERS_KEY, "no place", "x")
    client.hdel(MEMBERS_KEY, "a")
    assert wanted(heard(client, "b").orders) == ["stop"]
    assert client.hkeys(ORDERS_KEY) == [b"b:state"]


def test_without_processes_orders_expire(client: redis.Redis) -> None:
    """Each beat lets them live for as long as a process counts as alive."""
    heard(client, "a")
    give(client, ["a"], Wanted.STOP, "ann")
    assert 10_000 < client.pttl(ORDERS_KEY) <= TTL_S * 1000
    client.pexpire(ORDERS_KEY, 99)
    heard(client, "a")
    assert 10_000 < client.pttl(ORDERS_KEY) <= TTL_S * 1000


def test_an_order_that_is_too_large_goes(client: redis.Redis) -> None:
    """It is not brought to its process, which could not take it anyway."""
    heard(client, "a")
    client.hset(ORDERS_KEY, "a:state", b"x" * (MAX_ENTRY_BYTES + 1))
    assert heard(client, "a").orders == NO_ORDERS
    assert client.exists(ORDERS_KEY) == 0


def test_a_key_that_somebody_filled_is_emptied(client: redis.Redis) -> None:
    """A beat costs the same whatever stands there; what was ordered has to be ordered again."""
    heard(client, "a")
    give(client, ["a", *(f"x{number}" for number in range(MAX_PLACES))], Wanted.STOP, "ann")
    assert read_orders(client) == {}
    heard(client, "a")
    assert client.exists(ORDERS_KEY) == 0


def test_a_key_of_a_foreign_type_holds_no_orders(client: redis.Redis) -> None:
    """Whose beats go on, and who orders is told why that cannot be; nobody changes the key."""
    client.set(ORDERS_KEY, "mine")
    assert [member.name for member in heard(client, "a").members] == ["a"]
    assert heard(client, "a").orders == NO_ORDERS
    assert [member.asked for member in read_members(client)] == [()]
    with pytest.raises(WrongTypeError, match="orchestrator:orders"):
        give(client, ["a"], Wanted.QUIET, "ann")
    assert (client.get(ORDERS_KEY), client.pttl(ORDERS_KEY)) == (b"mine", -1)


def test_who_looks_sees_what_was_not_heard_yet(client: redis.Redis) -> None:
    """Beside each process; entries that are none of ours are left out."""
    heard(client, "a")
    heard(client, "b")
    give(client, ["a"], Wanted.QUIET, "ann")
    give(client, ["a"], Wanted.LANES, "ann", 3)
    client.hset(ORDERS_KEY, "b:state", "x")
    asked = {member.name: [str(order) for order in member.asked] for member in read_members(client)}
    assert asked == {"a": ["lanes 3", "quiet"], "b": []}


def test_how_a_process_stands_to_orders_is_told_within_bounds(client: redis.Redis) -> None:
    """What it says is as untrusted as all the rest."""
    stands = Obedience(5, 1_795_753_359_458, stopping=True, by="ann")
    (member,) = beat(client, "a", 1, told("a", orders=ToldObedience.of(stands))).members
    assert (member.obedience, member.quiet) == (stands, True)
    odd = ToldObedience(setting=-7, quiet_since_ms=-1, by="x" * 999)
    (member,) = beat(client, "a", 1, told("a", orders=odd)).members
    assert (member.obedience, member.quiet) == (Obedience(1, None, by="x" * 128), False)
    many = ToldObedience(setting=10**9)
    (member,) = beat(client, "a", 1, told("a", orders=many)).members
    assert member.obedience == Obedience(MAX_LANES)
    (member,) = heard(client, "a").members
    assert (member.obedience, member.quiet) == (None, False)


def test_a_full_redis_takes_no_orders_and_beats_on() -> None:
    """Who orders is told; what was ordered before is heard."""
    with RedisServer() as server:
        client = server.client()
        heard(client, "a")
        give(client, ["a"], Wanted.QUIET, "ann")
        client.config_set("maxmemory", 1)
        with pytest.raises(StoreError):
            give(client, ["a"], Wanted.STOP, "ann")
        orders = heard(client, "a").orders
        assert wanted(orders) == ["quiet"]
        assert heard(client, "a", orders).orders == NO_ORDERS
        client.close()
