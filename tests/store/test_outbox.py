"""Who may tell a brand's alerts, and what is left of them."""

from __future__ import annotations

import pytest

from orchestrator.contract.keys import digest_key
from orchestrator.contract.outbox import Box, Swept
from orchestrator.store.outbox import MARKS_TTL_MS, MAX_LOOK, MAX_SWEEP, MOST_HOLD_S, Outbox
from tests.store.world import World

HOLD_S = 30.0


@pytest.fixture
def outbox(world: World) -> Outbox:
    """The outboxes on any server, and two alerts of the brand."""
    world.client.rpush(world.keys.outbox, "1", "2")
    return Outbox(world.client)


def test_take_reads_in_order_and_removes_nothing(world: World, outbox: Outbox) -> None:
    """What is told and not taken out is there for the next one."""
    assert outbox.take(world.brand, "a", HOLD_S) == Box((b"1", b"2"))
    assert world.client.lrange(world.keys.outbox, 0, -1) == [b"1", b"2"]
    assert 0 < world.client.pttl(world.keys.telling) <= HOLD_S * 1000


def test_take_is_for_one_at_a_time(world: World, outbox: Outbox) -> None:
    """Until it gives the right back, or its time is over."""
    outbox.take(world.brand, "a", HOLD_S)
    assert outbox.take(world.brand, "b", HOLD_S) is None
    outbox.leave(world.brand, "b")
    assert outbox.take(world.brand, "b", HOLD_S) is None
    outbox.leave(world.brand, "a")
    assert outbox.take(world.brand, "b", HOLD_S) == Box((b"1", b"2"))


def test_hold_is_for_who_has_the_right(world: World, outbox: Outbox) -> None:
    """Others do not lengthen it, and who lost it learns of that."""
    outbox.take(world.brand, "a", HOLD_S)
    assert (outbox.hold(world.brand, "b", HOLD_S), outbox.hold(world.brand, "a", 2 * HOLD_S)) == (False, True)
    assert world.client.pttl(world.keys.telling) > HOLD_S * 1000
    world.client.delete(world.keys.telling)
    assert not outbox.hold(world.brand, "a", HOLD_S)


def test_remove_takes_out_this_one_and_may_be_repeated(world: World, outbox: Outbox) -> None:
    """Also by somebody whose right has run out."""
    for _ in range(2):
        outbox.remove(world.brand, b"1")
    assert world.client.lrange(world.keys.outbox, 0, -1) == [b"2"]


def test_waiting_names_brands_whose_alerts_nobody_tells(world: World, outbox: Outbox) -> None:
    """A brand without any, one that is being told and one with a foreign key are not named."""
    others = [World(world.client, world.store, f"{world.brand}-{number}") for number in range(3)]
    for other in others[1:]:
        other.client.rpush(other.keys.outbox, "1")
    outbox.take(others[1].brand, "a", HOLD_S)
    others[2].client.delete(others[2].keys.outbox)
    others[2].client.set(others[2].keys.outbox, "foreign")
    assert outbox.waiting([world.brand, *(other.brand for other in others)]) == Swept(
        (world.brand,), 3, {}, (others[1].brand,)
    )
    assert outbox.waiting([]) == Swept()


def test_waiting_looks_at_so_many_brands_a_call(world: World, outbox: Outbox) -> None:
    """A sweep of many brands lets others be served between its calls."""
    assert outbox.waiting([*(f"{world.brand}-{number}" for number in range(MAX_SWEEP)), world.brand]) == Swept()


def test_a_right_of_a_foreign_type_keeps_no_alert(world: World, outbox: Outbox) -> None:
    """It is named and left alone, the alerts are found and told without it, and what is told leaves."""
    world.client.rpush(world.keys.telling, "somebody's")
    found = outbox.waiting([world.brand])
    assert (found.untold, found.alerts) == ((world.brand,), 2)
    assert found.odd == {world.brand: f"{world.keys.telling!r} is a list, expected a string: remove it"}
    assert outbox.take(world.brand, "a", HOLD_S) == Box((b"1", b"2"))
    assert outbox.hold(world.brand, "a", HOLD_S)
    outbox.remove(world.brand, b"1")
    outbox.leave(world.brand, "a")
    assert outbox.take(world.brand, "a", HOLD_S) == Box((b"2",))
    assert (world.client.lrange(world.keys.telling, 0, -1), world.client.pttl(world.keys.telling)) == (
        [b"somebody's"],
        -1,
    )


@pytest.mark.parametrize("hold_s", [None, round(MOST_HOLD_S) + 100])
def test_a_hold_that_outlives_every_wait_is_shortened(world: World, outbox: Outbox, hold_s: int | None) -> None:
    """A clock that was set back leaves one, or somebody's hand; it is named, and its time ends."""
    world.client.set(world.keys.telling, "somebody", ex=hold_s)
    assert set(outbox.waiting([world.brand]).odd) == {world.brand}
    assert 0 < world.client.pttl(world.keys.telling) <= MOST_HOLD_S * 1000
    assert outbox.take(world.brand, "a", HOLD_S) is None
    assert outbox.waiting([world.brand]) == Swept((), 2, {}, (world.brand,))


def test_marks_say_which_routes_are_done(world: World, outbox: Outbox) -> None:
    """The last one learns that all are; entry and marks leave together, and a stray mark by itself."""
    assert not outbox.mark(world.brand, "a:1", ["b:1"])
    assert outbox.look([world.brand]) == {world.brand: Box((b"1", b"2"), frozenset({"a:1"}))}
    assert outbox.mark(world.brand, "b:1", ["a:1"])
    assert 0 < world.client.pttl(world.keys.told) <= MARKS_TTL_MS
    assert outbox.remove(world.brand, b"1", ["a:1", "b:1"])
    assert not outbox.remove(world.brand, b"1", ["a:1", "b:1"])
    assert outbox.look([world.brand]) == {world.brand: Box((b"2",))}
    outbox.mark(world.brand, "gone:1", ["b:1"])
    outbox.forget(world.brand, ["gone:1"])
    outbox.forget(world.brand, [])
    assert not world.client.exists(world.keys.told)


def test_look_reads_so_many_brands_a_call(outbox: Outbox) -> None:
    """Fifty alerts of each are in memory at once."""
    assert len(outbox.look([f"brand-{number}" for number in range(MAX_LOOK + 1)])) == MAX_LOOK
    assert outbox.look([]) == {}


def test_marks_of_a_foreign_type_keep_no_alert(world: World, outbox: Outbox) -> None:
    """They are named and left alone, and alerts leave all the same."""
    world.client.set(world.keys.told, "somebody's")
    assert outbox.waiting([world.brand]).odd == {
        world.brand: f"{world.keys.told!r} is a string, expected a set: remove it"
    }
    assert not outbox.mark(world.brand, "a:1", ["b:1"])
    assert outbox.take(world.brand, "a", HOLD_S) == Box((b"1", b"2"))
    assert outbox.remove(world.brand, b"1", ["a:1", "b:1"])
    outbox.forget(world.brand, ["a:1"])
    assert world.client.get(world.keys.told) == b"somebody's"


def test_a_foreign_outbox_is_empty(world: World, outbox: Outbox) -> None:
    """The lane parks the brand for it."""
    world.client.delete(world.keys.outbox)
    world.client.set(world.keys.outbox, "foreign")
    assert outbox.look([world.brand]) == {world.brand: Box()}


def test_the_turn_of_a_digest_is_for_one_at_a_time(world: World, outbox: Outbox) -> None:
    """Until it is given back, or its time is over; one that would last for ever is brought to the longest wait."""
    route = f"route-{world.brand}"[:40]
    assert outbox.take_turn(route, "a", HOLD_S)
    assert not outbox.take_turn(route, "b", HOLD_S)
    assert (outbox.keep_turn(route, "b", HOLD_S), outbox.keep_turn(route, "a", 2 * HOLD_S)) == (False, True)
    assert world.client.pttl(digest_key(route)) > HOLD_S * 1000
    outbox.leave_turn(route, "b")
    assert not outbox.take_turn(route, "b", HOLD_S)
    outbox.leave_turn(route, "a")
    assert outbox.take_turn(route, "b", HOLD_S)
    world.client.persist(digest_key(route))
    assert not outbox.take_turn(route, "c", HOLD_S)
    assert 0 < world.client.pttl(digest_key(route)) <= MOST_HOLD_S * 1000
    world.client.delete(digest_key(route))


def test_a_turn_of_a_foreign_type_keeps_no_digest(world: World, outbox: Outbox) -> None:
    """It is told without, and the key is left alone."""
    route = f"odd-{world.brand}"[:40]
    world.client.rpush(digest_key(route), "somebody's")
    assert outbox.take_turn(route, "a", HOLD_S)
    assert outbox.keep_turn(route, "a", HOLD_S)
    outbox.leave_turn(route, "a")
    assert world.client.lrange(digest_key(route), 0, -1) == [b"somebody's"]
    world.client.delete(digest_key(route))
