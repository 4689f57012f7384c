"""Words of labels."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.brand.labels import words
from orchestrator.kernels.merge import MAX_WORDS


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("Launch Buzz", ("buzz", "launch")),
        ("  launch,  BUZZ! launch", ("buzz", "launch")),
        ("Ｌａｕｎｃｈ buzz", ("buzz", "launch")),  # noqa: RUF001 - full-width letters are the point
        ("STRASSE straße", ("strasse",)),
        ("cafe\u0301 café", ("café",)),
        ("iPhone-17 snake_case", ("17", "case", "iphone", "snake")),
        ("हिन्दी खबर", ("खबर", "हिन्दी")),
        ("🚀🚀 🔥", ("🔥", "🚀🚀")),
        ("", ()),
        (" \t", ()),
    ],
)
def test_words_are_folded_normalised_and_distinct(label: str, expected: tuple[str, ...]) -> None:
    """Case, width, accents' composition and punctuation make no difference; symbols count where there is no word."""
    assert words(label) == tuple(sorted(expected))


def test_words_are_bounded() -> None:
    """A label of thousands of words keeps the first ones in order, cached or not."""
    label = " ".join(f"w{number:04}" for number in range(800))
    assert words(label) == tuple(f"w{number:04}" for number in range(MAX_WORDS))


@given(st.text(max_size=300))
def test_words_of_words_are_the_same(label: str) -> None:
    """Splitting is idempotent, so a label made of words means the same."""
    once = words(label)
    assert set(words(" ".join(once))) == set(once)
