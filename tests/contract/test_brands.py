"""What may be a brand's name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.contract.brands import MAX_BRAND_BYTES, check_brand
from orchestrator.errors import InvalidBrandError


@pytest.mark.parametrize(
    "name", ["nike", "Ben & Jerry's", "a:b", "{x}", "*", "日本", "🙂", "a  b", "x" * MAX_BRAND_BYTES]
)
def test_check_brand_lets_every_printable_name_through(name: str) -> None:
    """Spaces inside, Redis's and our own special characters, any script: a brand is what people call it."""
    assert check_brand(name) == name


@pytest.mark.parametrize("name", [" nike", "nike ", "\tnike\r\n", "\u00a0nike\u3000"])
def test_check_brand_trims(name: str) -> None:
    """Producers that end lines carelessly mean the same brand."""
    assert check_brand(name) == "nike"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("", "empty"),
        (" \n ", "empty"),
        ("a\x00b", "control"),
        ("a\nb", "control"),
        ("a\x7fb", "control"),
        ("a\x9bb", "control"),
        ("a\ud800", "control"),
        ("x" * (MAX_BRAND_BYTES + 1), "257 bytes"),
        ("é" * 129, "258 bytes"),
    ],
)
def test_check_brand_says_why_a_name_is_refused(name: str, reason: str) -> None:
    """Each refusal names what is wrong; length counts in bytes."""
    with pytest.raises(InvalidBrandError, match=reason):
        check_brand(name)


@given(st.text())
def test_check_brand_refuses_or_settles(name: str) -> None:
    """A name that passes is stable: checking it again changes nothing, and it fits into a key."""
    try:
        brand = check_brand(name)
    except InvalidBrandError:
        return
    assert check_brand(brand) == brand
    assert 0 < len(brand.encode()) <= MAX_BRAND_BYTES
