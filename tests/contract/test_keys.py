"""Key names: written once, told apart, in one slot."""

from __future__ import annotations

from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.contract.keys import BrandKeys, brand_of_queue, claim_keys, failed_key, queue_key

NAMES = st.text(min_size=1, alphabet=st.characters(exclude_categories=["Cs", "Cc"]))
OWN = (
    "lock",
    "meta",
    "state",
    "digests0",
    "digests1",
    "seen0",
    "seen1",
    "outbox",
    "telling",
    "told",
    "retried",
    "segments",
    "records",
    "archiving",
)


def test_keys_are_those_of_the_contract() -> None:
    """Names that workers, readers and other orchestrators use never change by accident."""
    assert BrandKeys.of("nike") == BrandKeys(
        brand="nike",
        queue="result:brand:nike:chunks",
        lock="orchestrator:{result:brand:nike:chunks}:lock",
        meta="orchestrator:{result:brand:nike:chunks}:meta",
        state="orchestrator:{result:brand:nike:chunks}:state",
        digests0="orchestrator:{result:brand:nike:chunks}:digests0",
        digests1="orchestrator:{result:brand:nike:chunks}:digests1",
        seen0="orchestrator:{result:brand:nike:chunks}:seen0",
        seen1="orchestrator:{result:brand:nike:chunks}:seen1",
        failed="failed:brand:nike",
        summary="summary:brand:nike",
        spike="spike:brand:nike",
        trend="trend:brand:nike",
        recent="chunks:recent:brand:nike",
        outbox="orchestrator:{result:brand:nike:chunks}:outbox",
        telling="orchestrator:{result:brand:nike:chunks}:telling",
        told="orchestrator:{result:brand:nike:chunks}:told",
        retried="orchestrator:{result:brand:nike:chunks}:retried",
        segments="orchestrator:{result:brand:nike:chunks}:segments",
        mood="mood:brand:nike",
        stories="stories:brand:nike",
        records="orchestrator:{result:brand:nike:chunks}:records",
        archiving="orchestrator:{result:brand:nike:chunks}:archiving",
    )


@given(NAMES)
def test_brand_of_queue_finds_the_brand_again(brand: str) -> None:
    """Whatever the brand is called, colons and braces included, its queue's name leads back to it."""
    assert brand_of_queue(queue_key(brand)) == brand


@pytest.mark.parametrize(
    "key",
    ["", "result:brand:", "result:brand:chunks", "result:brand::chunks", "result:brand:nike", "summary:brand:nike",
     "orchestrator:{result:brand:nike:chunks}:lock", "xresult:brand:nike:chunks"],
)  # fmt: skip
def test_brand_of_queue_knows_its_own_keys_alone(key: str) -> None:
    """Other keys are no queues, even those that look alike."""
    assert brand_of_queue(key) is None


@given(NAMES, NAMES)
def test_keys_of_two_brands_never_meet(one: str, other: str) -> None:
    """No brand can be named so that a key of its own is a key of another brand."""
    if one == other:
        return
    shared = set(_names(one)) & set(_names(other))
    assert not shared


@given(NAMES.filter(lambda name: "}" not in name))
def test_own_keys_carry_the_queue_as_hash_tag(brand: str) -> None:
    """The part between the first braces, which decides the slot, is the queue's whole name."""
    keys = BrandKeys.of(brand)
    for part in OWN:
        name: str = getattr(keys, part)
        assert name[name.index("{") + 1 : name.index("}")] == keys.queue


@given(NAMES)
def test_claims_ask_for_the_keys_of_the_brand(brand: str) -> None:
    """The shorter way to three of them leads to the same ones."""
    keys = BrandKeys.of(brand)
    assert claim_keys(brand) == (keys.lock, keys.meta, keys.queue)
    assert failed_key(brand) == keys.failed


def _names(brand: str) -> list[str]:
    keys = BrandKeys.of(brand)
    return [getattr(keys, part.name) for part in fields(keys) if part.name != "brand"]
