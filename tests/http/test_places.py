"""Who keeps a place and who loses it: rules in the order of events, without sockets."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.http.places import RESERVE, Limits, Place, Places


def entered(places: Places, count: int, address: str = "a") -> list[Place]:
    """So many new connections."""
    return [places.enter(address)[0] for _ in range(count)]


def test_enter_gives_up_the_one_that_waited_longest() -> None:
    """Not the new one, and not one that was answered since."""
    places = Places(Limits(2))
    first, second, *_ = entered(places, 2 + RESERVE)
    assert places.serve(first) == (True, None)
    places.rest(first)
    assert places.enter("a")[1] is second
    assert len(places) == 2 + RESERVE


def test_enter_never_gives_up_one_that_is_served() -> None:
    """An answer is not torn for a connection that has asked nothing yet."""
    places = Places(Limits(2))
    first, second = entered(places, 2)
    assert [places.serve(place)[0] for place in (first, second)] == [True, True]
    evicted = [places.enter("a")[1] for _ in range(4 * RESERVE)]
    assert not {first, second} & set(evicted)


def test_serve_refuses_beyond_the_limit_until_one_is_answered() -> None:
    """As many ordinary requests at once as the limit says."""
    places = Places(Limits(2))
    first, second, third = entered(places, 3)
    assert [places.serve(place)[0] for place in (first, second, third)] == [True, True, False]
    places.rest(first)
    assert places.serve(third) == (True, None)
    places.leave(second)
    assert places.serve(first) == (True, None)


def test_probe_makes_a_connection_the_last_to_go() -> None:
    """It is answered while all are busy, and takes nobody's place among those that are served."""
    places = Places(Limits(2))
    entered_first, *others = entered(places, 2 + RESERVE)
    places.probe(entered_first)
    assert places.enter("a")[1] is others[0]
    assert [places.serve(place)[0] for place in others[1:3]] == [True, True]
    assert not places.serve(entered_first)[0]


def test_serve_bounds_an_address_and_takes_its_oldest_waiting_one() -> None:
    """Others, and connections of the same address that have asked for nothing, are left alone."""
    places = Places(Limits(10, per_address=2))
    silent, first, second, third, other = [*entered(places, 4), places.enter("b")[0]]
    for place in (first, second, other):
        assert places.serve(place) == (True, None)
    assert places.serve(third) == (False, None)
    places.rest(second)
    assert places.serve(third) == (True, second)
    assert second.gone
    assert not silent.gone


def test_serve_counts_a_connection_of_an_address_once() -> None:
    """However many requests it makes; and it makes room when it ends."""
    places = Places(Limits(10, per_address=1))
    first, second = entered(places, 2)
    for _ in range(3):
        assert places.serve(first) == (True, None)
        places.rest(first)
    places.leave(first)
    assert places.serve(second) == (True, None)


def test_no_bound_for_an_address_unless_asked() -> None:
    """Behind a proxy everybody has its address."""
    places = Places(Limits(50))
    assert all(places.serve(place)[0] for place in entered(places, 50))


@given(st.lists(st.tuples(st.sampled_from(["enter", "serve", "probe", "rest", "leave"]), st.integers(0, 40))))
def test_places_are_bounded_and_a_new_one_always_gets_one(steps: list[tuple[str, int]]) -> None:
    """In any order of events: never more open than places, never more served than the limit, none in two places."""
    places, every = Places(Limits(3, per_address=2)), [Place("nobody")]
    for name, number in steps:
        if name == "enter":
            place, evicted = places.enter(str(number % 2))
            assert not place.gone
            assert evicted is None or evicted.gone
            every.append(place)
        elif not (place := every[number % len(every)]).gone and place.address != "nobody":
            getattr(places, name)(place)
    assert len(places) == sum(1 for place in every[1:] if not place.gone) <= 3 + RESERVE
    served = 0
    for place in every[1:]:
        if not place.gone and places.serve(place)[0]:
            served += 1
    assert served <= 3
