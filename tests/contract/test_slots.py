"""Slots and siblings: as Redis counts them, and one name for each key."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.contract.slots import SLOTS, sibling, slot_of

NAMES = st.text(min_size=1, alphabet=st.sampled_from("ab:{}é"))


@pytest.mark.parametrize(
    ("key", "slot"),
    [
        ("123456789", 0x31C3),  # the check value of the specification, modulo 16,384
        ("result:brand:nike:chunks", 9793),
        ("summary:brand:nike", 4533),
        ("{user1000}.following", 3443),
        ("{user1000}.followers", 3443),
        ("foo{}{bar}", 8363),
        ("foo{{bar}}zap", 4015),
        ("foo{bar}{zap}", 5061),
    ],
)
def test_slots_are_those_that_redis_counts(key: str, slot: int) -> None:
    """The specification's examples, as servers answer them to CLUSTER KEYSLOT."""
    assert (slot_of(key), slot_of(key.encode())) == (slot, slot)


@pytest.mark.parametrize(
    ("key", "prefix"),
    [
        ("summary:brand:nike", "orchestrator:{summary:brand:nike}:"),
        ("a{b}c", "orchestrator:{b}:a{b}c:"),
        ("{b}", "orchestrator:{b}:{b}:"),
        ("{a", "orchestrator:{{a}:{a:"),
        ("a{b", "orchestrator:{a{b}:a{b:"),
        ("a{{b}}c", "orchestrator:{{b}:a{{b}}c:"),
        ("we}i{r}d", "orchestrator:{r}:we}i{r}d:"),
        ("x}y", "orchestrator:{19055}:x}y:"),
        ("{}", "orchestrator:{42430}:{}:"),
        ("{}{b}", "orchestrator:{3616}:{}{b}:"),
        ("result:brand:x}y:chunks", "orchestrator:{5616}:result:brand:x}y:chunks:"),
        ("result:brand:ü{}b:chunks", "orchestrator:{68526}:result:brand:ü{}b:chunks:"),
    ],
)
def test_siblings_never_change(key: str, prefix: str) -> None:
    """What a cluster's state lies under is found by every later version."""
    assert sibling(key) == prefix


@given(NAMES)
def test_a_sibling_is_in_the_slot_of_its_key(key: str) -> None:
    """Wherever its braces stand."""
    assert slot_of(f"{sibling(key)}lock") == slot_of(key)


@given(NAMES, NAMES)
def test_two_keys_never_share_a_sibling(one: str, other: str) -> None:
    """Nobody can be named so that what is theirs is somebody else's."""
    if one != other:
        assert f"{sibling(one)}lock" != f"{sibling(other)}lock"


@given(NAMES)
def test_slots_are_within_bounds(key: str) -> None:
    """There are 16,384."""
    assert 0 <= slot_of(key) < SLOTS
