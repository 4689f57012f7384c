"""The order of brands, and that it follows the registry."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.http.directory import Directory, folded


def test_names_are_in_order_whatever_their_case() -> None:
    """Capitals do not come before small letters; equal ones have a fixed order."""
    assert Directory().names(["nike", "Adidas", "Nike", "puma"]) == ["Adidas", "Nike", "nike", "puma"]


def test_find_folds_case_and_takes_everything_for_nothing() -> None:
    """Part of a name is enough."""
    directory = Directory()
    assert directory.find(["Nike", "STRASSE", "adidas"], "straße") == ["STRASSE"]
    assert directory.find(["b", "a"], "") == ["a", "b"]


@pytest.mark.parametrize(
    ("name", "typed"),
    [
        ("İstanbul", "istanbul"),
        ("Zürich", "zurich"),
        ("zurich", "ZÜRICH"),
        ("Brand  0042", "brand 0042"),
        ("Brand 0042", "brand   0042"),
        ("I\N{LATIN SMALL LETTER G WITH BREVE}d\N{LATIN SMALL LETTER DOTLESS I}r", "igdir"),
        ("Ørsted", "orsted"),
        ("ﬁlm", "film"),
        ("ブランド", "フランド"),
        ("Ελλάδα", "ελλαδα"),
    ],
)
def test_find_knows_names_as_people_type_them(name: str, typed: str) -> None:
    """Without accents, with one blank, in another form of Unicode: in either direction."""
    assert Directory().find([name, "other"], typed) == [name]


@pytest.mark.parametrize("typed", ["cafe", " CAFÉ ", "roast cafe", "cafe   roast", "afe roa"])
def test_find_takes_words_in_any_order(typed: str) -> None:
    """Each of them has to be in the name."""
    assert Directory().find(["Café Roaster", "Cafe", "Roaster"], typed)[-1] == "Café Roaster"
    assert Directory().find(["Café Roaster"], f"{typed} tea") == []


def test_find_of_marks_alone_is_nothing() -> None:
    """What folds to nothing was asked for all the same."""
    assert Directory().find(["a"], "\N{COMBINING DIAERESIS}") == []
    assert Directory().find(["a"], "  ") == ["a"]


@given(st.text(max_size=8))
def test_folding_is_done_at_once(text: str) -> None:
    """A folded text folds to itself, so that a name finds itself."""
    assert folded(folded(text)) == folded(text)


@given(st.lists(st.lists(st.text(max_size=3), max_size=5, unique=True), max_size=5))
def test_directory_follows_the_registry(readings: list[list[str]]) -> None:
    """After any sequence of readings the answer is that of a fresh directory."""
    kept = Directory()
    for registered in readings:
        assert kept.names(registered) == Directory().names(registered)
        assert kept.find(registered, "a") == Directory().find(registered, "a")
