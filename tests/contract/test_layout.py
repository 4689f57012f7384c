"""The two layouts: what is named alike, what is not, and what shares a slot."""

from __future__ import annotations

from dataclasses import asdict, fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.contract.keys import MEMBERS_KEY, ORDERS_KEY, PAUSED_KEY, BrandKeys, claim_keys, queue_key
from orchestrator.contract.layout import (
    CLUSTER,
    SHADOWED,
    STANDALONE,
    absent_key,
    guard_key,
    moved_key,
    moving_key,
    shadow_key,
)
from orchestrator.contract.slots import slot_of
from orchestrator.store.scripts import KEY_TYPES

BRANDS = ("nike", "a{b}c", "x}y", "{}", "{a", "we}i{r}d", "ü{}b")
NAMES = st.text(min_size=1, alphabet=st.sampled_from("ab:{}é"))
OUTWARD = {"queue", *SHADOWED}


def names(keys: BrandKeys) -> dict[str, str]:
    """All keys by attribute, without the brand."""
    return {name: key for name, key in asdict(keys).items() if name != "brand"}


@pytest.mark.parametrize("brand", BRANDS)
def test_one_server_has_the_names_that_it_always_had(brand: str) -> None:
    """Else a state that is there would not be found: also for brands whose names are unfit for a cluster."""
    own = f"orchestrator:{{{queue_key(brand)}}}:"
    assert STANDALONE.keys(brand) == STANDALONE.inner(brand) == BrandKeys.of(brand)
    found = names(STANDALONE.keys(brand))
    assert all(key == f"{own}{part}" for part, key in found.items() if part not in OUTWARD)
    assert STANDALONE.claim(brand) == claim_keys(brand)
    assert (STANDALONE.paused(brand), STANDALONE.orders, STANDALONE.spread) == (PAUSED_KEY, ORDERS_KEY, False)


@pytest.mark.parametrize("brand", BRANDS)
def test_readers_and_workers_find_the_same_names_everywhere(brand: str) -> None:
    """Nothing that others know depends on the layout."""
    one, other = names(STANDALONE.keys(brand)), names(CLUSTER.keys(brand))
    assert {part: one[part] for part in OUTWARD} == {part: other[part] for part in OUTWARD}


def test_a_cluster_renames_brands_with_braces_alone() -> None:
    """What is in the right slot already stays where it is."""
    marks = "orchestrator:{failed:brand:nike}:retried"  # which are made in the step in which a letter leaves its list
    assert CLUSTER.keys("nike") == replace(STANDALONE.keys("nike"), retried=marks)
    assert CLUSTER.keys("a{b}c").lock == "orchestrator:{b}:result:brand:a{b}c:chunks:lock"
    assert CLUSTER.keys("x}y").meta == "orchestrator:{5616}:result:brand:x}y:chunks:meta"


def test_shadows_have_names_of_their_own() -> None:
    """Golden: a later version finds them."""
    inner = CLUSTER.inner("nike")
    own = "orchestrator:{result:brand:nike:chunks}:"
    assert [getattr(inner, part) for part in SHADOWED] == [f"{own}out:{part}" for part in SHADOWED]
    assert [shadow_key("nike", part) for part in SHADOWED] == [f"{own}out:{part}" for part in SHADOWED]
    assert CLUSTER.paused("nike") == f"{own}paused"
    assert guard_key("summary:brand:nike") == "orchestrator:{summary:brand:nike}:at"
    assert moving_key("failed:brand:nike") == "orchestrator:{failed:brand:nike}:moving"
    assert absent_key("brands:set") == "orchestrator:{brands:set}:none"
    assert moved_key("result:brand:nike:chunks") == f"{own}moved"
    assert CLUSTER.orders == "orchestrator:{orchestrator:members}:orders"


@given(NAMES)
def test_what_acquire_and_commit_take_is_of_one_slot(brand: str) -> None:
    """On a cluster, whatever the brand is called."""
    inner = CLUSTER.inner(brand)
    taken = [*(getattr(inner, part) for part in KEY_TYPES), CLUSTER.paused(brand), *CLUSTER.claim(brand)]
    assert len(set(map(slot_of, taken))) == 1
    outward = CLUSTER.keys(brand)
    for part in SHADOWED:
        key = getattr(outward, part)
        assert slot_of(guard_key(key)) == slot_of(key)
    assert slot_of(moving_key(outward.failed)) == slot_of(outward.retried) == slot_of(outward.failed)
    assert slot_of(moved_key(outward.queue)) == slot_of(outward.queue)
    assert slot_of(CLUSTER.orders) == slot_of(MEMBERS_KEY)


@given(NAMES, NAMES)
def test_keys_of_two_brands_never_meet_on_a_cluster(one: str, other: str) -> None:
    """Nor do a brand's own: each has a name that nothing else has."""
    of_one, of_other = _all(one), _all(other)
    assert len(of_one) == len(set(of_one))
    assert one == other or not set(of_one) & set(of_other)


def _all(brand: str) -> list[str]:
    inner, outward = CLUSTER.inner(brand), CLUSTER.keys(brand)
    keys = {getattr(each, field.name) for each in (inner, outward) for field in fields(BrandKeys)} - {brand}
    beside = [guard_key(getattr(outward, part)) for part in SHADOWED]
    return [*keys, *beside, moving_key(outward.failed), moved_key(outward.queue), CLUSTER.paused(brand)]
