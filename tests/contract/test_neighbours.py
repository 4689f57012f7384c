"""Which brand a queue's name was meant to be, and what makes it another one."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.contract.neighbours import Neighbours, difference

REGISTERED = ("acme", "Caf\u00e9", "Nike Air", "1\u00bd", "K")


@pytest.mark.parametrize(
    ("name", "brand", "by"),
    [
        ("acme ", "acme", "a trailing blank"),
        (" acme", "acme", "a leading blank"),
        ("\u00a0acme\r\n", "acme", "a leading blank and a trailing blank"),
        ("Nike  Air", "Nike Air", "the blanks within"),
        ("Nike\u00a0Air", "Nike Air", "the blanks within"),
        ("NikeAir", "Nike Air", "the blanks within"),
        ("ACME", "acme", "case"),
        ("Cafe\u0301", "Caf\u00e9", "its Unicode form (NFD, the brand has NFC)"),
        ("\uff41cme", "acme", "compatibility characters (the two are the same after NFKC)"),
        ("11\u20442", "1\u00bd", "compatibility characters (the two are the same after NFKC)"),
        ("ac\u200bme", "acme", "zero-width characters (U+200B)"),
        ("acme\r\n", "acme", "a trailing blank"),
        ("\u212a", "K", "its Unicode form (a mixed one, the brand has NFC)"),
        ("acme\ufe0f", "acme", "zero-width characters (U+FE0F)"),
        ("acme\x00", "acme", "control characters (U+0000)"),
        ("\u00ada\u200bc\u200dme\ufeff", "acme", "zero-width characters (U+00AD, U+200B, U+200D, ...)"),
        ("cafe\u0301 ", "Caf\u00e9", "its Unicode form (NFD, the brand has NFC) and case and a trailing blank"),
    ],
)
def test_explain_names_the_neighbour_and_what_differs(name: str, brand: str, by: str) -> None:
    """Two names that look alike are told apart by what makes them two."""
    told = Neighbours(REGISTERED).explain(name.encode())
    assert told == f"{name!r} differs from the registered brand {brand!r} by {by}"


@pytest.mark.parametrize(
    ("name", "told"),
    [
        (b"other", "'other' is not registered, and no registered brand is written like it"),
        (b"other ", "'other ' has blanks around it, and 'other' is not registered either"),
        (b"\xffacme", "b'\\xffacme' is not UTF-8, so it can be no brand"),
        (b"", "a brand must not be empty"),
        (b"a\x00b", "brand 'a\\x00b' holds a control character"),
        (b"x" * 257, f"brand '{'x' * 32}'… has 257 bytes, at most 256 are allowed"),
    ],
)
def test_explain_says_so_where_there_is_no_neighbour(name: bytes, told: str) -> None:
    """A name that is like none is nobody's, or no name at all."""
    assert Neighbours(REGISTERED).explain(name) == told


def test_nearest_differs_in_the_fewest_ways() -> None:
    """Of brands that differ among themselves by case alone, the one that is written as the name is meant."""
    neighbours = Neighbours(["ACME", "acme", "Acme"])
    assert neighbours.nearest("acme ") == "acme"
    assert neighbours.nearest("Acme\u200b") == "Acme"
    assert neighbours.nearest("aCME") == "ACME"  # each by case: the first in order
    assert neighbours.nearest("acne") is None


def test_two_blanks_at_other_places_are_told() -> None:
    """A difference that no single word describes is described all the same."""
    assert difference("a\u200bb", "ab\u200b") == "the place of zero-width characters"


def _upper(text: str) -> str:
    return text.upper()


DISGUISES: tuple[Callable[[str], str], ...] = (
    lambda text: text + " ",
    lambda text: "\u00a0" + text,
    _upper,
    lambda text: unicodedata.normalize("NFD", text),
    lambda text: text[:1] + "\u200b" + text[1:],
)


@given(
    brand=st.text(min_size=1, max_size=12).map(str.strip).filter(bool),
    worn=st.lists(st.booleans(), min_size=len(DISGUISES), max_size=len(DISGUISES)),
)
def test_a_disguised_brand_has_a_neighbour(brand: str, worn: list[bool]) -> None:
    """However a name is disguised, it is like the brand; and every difference has its words."""
    name = brand
    for disguise, wears in zip(DISGUISES, worn, strict=True):
        # Some letters have a capital that is that of another one: these are two names.
        if wears and (disguise is not _upper or brand.upper().casefold() == brand.casefold()):
            name = disguise(name)
    assert Neighbours([brand]).nearest(name) == brand
    assert name == brand or difference(name, brand)
