"""The order of brands, and that it follows the registry."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.http.directory import Directory


def test_names_are_in_order_whatever_their_case() -> None:
    """Capitals do not come before small letters; equal ones have a fixed order."""
    assert Directory().names(["nike", "Adidas", "Nike", "puma"]) == ["Adidas", "Nike", "nike", "puma"]


def test_find_folds_case_and_takes_everything_for_nothing() -> None:
    """Part of a name is enough."""
    directory = Directory()
    assert directory.find(["Nike", "STRASSE", "adidas"], "straße") == ["STRASSE"]
    assert directory.find(["b", "a"], "") == ["a", "b"]


@given(st.lists(st.lists(st.text(max_size=3), max_size=5, unique=True), max_size=5))
def test_directory_follows_the_registry(readings: list[list[str]]) -> None:
    """After any sequence of readings the answer is that of a fresh directory."""
    kept = Directory()
    for registered in readings:
        assert kept.names(registered) == Directory().names(registered)
        assert kept.find(registered, "a") == Directory().find(registered, "a")
