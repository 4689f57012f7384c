"""Who comes first for which brand: stable, even, and with as little moving as there can be."""

from __future__ import annotations

import hashlib
from collections import Counter
from math import sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.scheduler.ownership import Ownership, hashed, registry_name, score

BRANDS = [f"brand-{number}" for number in range(3_000)]
NAMES = ["a", "b", "c", "d", "e"]


def among(name: str, *others: str, strained: tuple[str, ...] = ()) -> Ownership:
    """What *name* knows, who shares the work with *others*."""
    ownership = Ownership(name)
    ownership.register(BRANDS)
    ownership.share(others, strained)
    return ownership


def test_every_brand_has_one_first_and_all_agree() -> None:
    """Whoever is asked, and in whatever order he heard of the others."""
    parts = {name: among(name, *reversed(NAMES)).own() for name in NAMES}
    assert Counter(brand for part in parts.values() for brand in part) == Counter(BRANDS)
    for brand in BRANDS[:50]:
        orders = {tuple(among(name, *NAMES).order(brand)) for name in NAMES}
        assert len(orders) == 1
        first = orders.pop()[0]
        assert brand in parts[first]


@pytest.mark.parametrize("count", [2, 3, 5])
def test_brands_are_shared_out_evenly(count: int) -> None:
    """Within four standard deviations of a fair die."""
    names = NAMES[:count]
    share = len(BRANDS) / count
    for name in names:
        assert abs(len(among(name, *names).own()) - share) < 4 * sqrt(share)


def test_who_joins_takes_only_what_is_its_own() -> None:
    """Nothing moves between those that were there before, and nothing more comes back when it leaves."""
    before = {name: among(name, "a", "b", "c").own() for name in "abc"}
    after = {name: among(name, "a", "b", "c", "d").own() for name in "abcd"}
    for name in "abc":
        assert after[name] <= before[name]
        assert before[name] - after[name] <= after["d"]


def test_the_strained_go_last() -> None:
    """Among themselves as by the hash, and a brand stays the own one of its first: it counts it."""
    brand = BRANDS[0]
    order = list(among("a", "b", "c").order(brand))
    strained = among("a", "b", "c", strained=(order[0],))
    assert list(strained.order(brand)) == [*order[1:], order[0]]
    assert strained.own() == among("a", "b", "c").own()
    assert list(among("a", "b", "c", strained=("a", "b", "c")).order(brand)) == order


def test_alone_everything_is_ours() -> None:
    """Also before any brand is known, and whoever is strained."""
    ownership = Ownership("a")
    assert ownership.own() == set()
    ownership.register(["x"])
    ownership.share((), ("a",))
    assert (ownership.alone, ownership.own(), ownership.rank("x"), ownership.rank("unknown")) == (True, {"x"}, 0, 0)


def test_a_view_stands_for_those_that_share_and_for_nothing_else() -> None:
    """Strain, order and doubled names make no other one; that somebody comes does, and is told."""
    ownership = among("a", "b")
    view = ownership.view
    assert not ownership.share(["b", "a", "b"], ["b"])
    assert ownership.view == view == among("b", "a").view
    assert ownership.share(["b", "c"])
    assert ownership.view != view


def test_brands_that_left_are_nobodys() -> None:
    """The registry is taken over whole."""
    ownership = among("a")
    ownership.register(BRANDS[:3])
    assert ownership.own() == set(BRANDS[:3])


@given(st.lists(st.text(min_size=1, max_size=8), min_size=1, max_size=30, unique=True), st.sampled_from(NAMES))
def test_many_brands_at_once_are_ranked_as_one_is(brands: list[str], name: str) -> None:
    """The arrays and the plain numbers say the same."""
    ownership = Ownership(name)
    ownership.register(brands)
    ownership.share(NAMES)
    assert ownership.own() == {brand for brand in brands if ownership.rank(brand) == 0}


def test_score_is_that_of_splitmix() -> None:
    """The finalizer of SplitMix64, whose first output for the seed 0 is known; XOR takes the place of its sum."""
    assert score(0x9E3779B97F4A7C15, 0) == 0xE220A8397B1DCDAF
    assert hashed("a") == hashed("a") != hashed("b")


def test_a_registry_is_named_by_its_keys() -> None:
    """In whatever order they are set."""
    assert registry_name(["a", "b"]) == registry_name(["b", "a"]) != registry_name(["a"])


def test_who_does_not_take_part_gets_nothing() -> None:
    """It comes after all that do; where nobody does, it has to."""
    ownership = among("a", "b", "c")
    view = ownership.view
    assert ownership.share(["b", "c"], with_us=False)
    assert (ownership.own(), ownership.rank(BRANDS[0]), ownership.alone) == (set(), 2, False)
    assert ownership.view == among("b", "c").view != view
    assert ownership.share(["b"], with_us=False)
    assert (ownership.own(), ownership.alone) == (set(), False)
    assert ownership.share([], with_us=False)
    assert (ownership.own(), ownership.rank(BRANDS[0]), ownership.alone) == (set(BRANDS), 0, True)


def test_a_view_is_named_by_sorted_names() -> None:
    """Whatever order a set has in this process and in another one."""
    names = [f"process-{number}" for number in range(9)]
    named = hashlib.blake2b("\n".join(names).encode(), digest_size=8).hexdigest()
    assert among(names[3], *reversed(names)).view == named
