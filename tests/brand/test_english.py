"""Plurals and stop words of English."""

from __future__ import annotations

import pytest

from orchestrator.brand.english import STOP_WORDS, stem

PLURALS = """
delay delays box boxes company companies movie movies price prices case cases house houses bus buses
crash crashes headache headaches loss losses shoe shoes tomato tomatoes employee employees tie ties glass glasses
virus viruses use uses axe axes cookie cookies
""".split()  # noqa: SIM905


@pytest.mark.parametrize(("one", "many"), list(zip(PLURALS[::2], PLURALS[1::2], strict=True)))
def test_stem_is_one_for_singular_and_plural(one: str, many: str) -> None:
    """A plural means what its singular does."""
    assert stem(one) == stem(many)


@pytest.mark.parametrize(
    "word", ["news", "gas", "bus", "crisis", "status", "boss", "is", "s", "50s", "c++", "\u0161koda"]
)
def test_stem_leaves_what_is_no_plural(word: str) -> None:
    """An s at the end does not make a plural."""
    assert stem(word) == word


@pytest.mark.parametrize("word", PLURALS)
def test_stem_of_a_stem_is_the_same(word: str) -> None:
    """So that words can be taken of words."""
    assert stem(stem(word)) == stem(word)


def test_stop_words_leave_what_turns_a_sense_round() -> None:
    """Negations and directions are words."""
    assert not STOP_WORDS & {"not", "no", "never", "without", "up", "down", "off", "us"}
    assert {"the", "a", "of", "and"} <= STOP_WORDS
