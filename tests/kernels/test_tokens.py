"""The reader of plain text says what the rule of normal forms says, or nothing."""

from __future__ import annotations

import importlib
import itertools
import random
from types import ModuleType

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from orchestrator.brand import english, normal_form
from orchestrator.kernels import tokens_py
from tests.kernels.support import COMPILED

needs_compiled = pytest.mark.skipif(not COMPILED, reason="no compiled kernel on this machine")

PIECES = [
    *("the", "a", "I", "news", "News:", "report:", "Report - ", "[Update] ", "just in:", "topic 3:", "late", "delays"),
    *("boxes", "axes", "companies", "movies", "ties", "uses", "houses", "causes", "horses", "quizzes", "gas", "bus"),
    *("paris", "series", "U.S.", "u.s.a", "e.g.", "x.y", "at&t", "&amp;", "don't", "l'eau", "qu'il", "can't've", "o'n"),
    *("5", "-5 %", "+3", "$5", "-$5", "5$", "5 $10", "5%9", "1,200", "12,00", "1,234,567k", "50+", "50+x", "5g", "90s"),
    *("v1.2", "1.2.3", "10:30pm", "iphone17", "ab1.,:", "c1", "c#", "c#x", "ab#", "c++", "c++x", "c+++", "c+", "a$b"),
    *(
        "$",
        "%",
        "#tag",
        "@me",
        "_",
        "3_a",
        "(17)",
        "(2019)",
        "(1234567)",
        " (3) ",
        "()",
        "!",
        "...",
        ":-)",
        "<3",
        "=",
        ":",
    ),
    *(
        "http://t.co/x?y=1",
        "https://",
        "HTTPS://A",
        "www.x.y",
        "x.com/y",
        "a/b",
        "'",
        '"',
        "-",
        "--",
        ";",
        "|",
        "\\",
        "`",
    ),
    *(" ", "  ", "\t", "\n", "\x0b", "\x1c", "\x7f", "\xa0", "é", "🚀", "中文", "\u200b"),
]
TEXTS = st.text(st.characters(max_codepoint=0x7F), max_size=60) | st.lists(
    st.sampled_from(PIECES) | st.sampled_from([" ", " "]) | st.text("abceinosux'.,:$%+-#()0123456789 ", max_size=5),
    max_size=12,
).map("".join)


def reader(kernel: ModuleType) -> tokens_py.PlainText:
    """One by the rules of the product."""
    made: tokens_py.PlainText = kernel.PlainText(english.STOP_WORDS, english.NO_PLURALS, normal_form._FRAMES)
    return made


def check(text: str) -> bool:
    """Fail if what the compiled reader says of *text* is not the rule; whether it says anything."""
    text = normal_form.cut(text)
    found = reader(importlib.import_module("orchestrator.kernels._fold")).read(text)
    if found is not None:
        assert normal_form.Normal(*found) == normal_form.defined_form(text), text
    return found is not None


@needs_compiled
@given(text=TEXTS | st.text())
@example("a " * 128)
@example("5 http://x%")
@example("\x00")
def test_reader_follows_the_rule(text: str) -> None:
    """On arbitrary text."""
    check(text)


@needs_compiled
def test_reader_follows_the_rule_on_all_short_texts() -> None:
    """Every text of a few of the characters that have a meaning, beside letters and digits."""
    for alphabet, length in (("as5'.$%+- (", 4), ("x3,:_#/)", 4), ("ns'e0.", 5)):
        for letters in itertools.product(alphabet, repeat=length):
            check("".join(letters))


@needs_compiled
def test_reader_follows_the_rule_on_pairs_of_pieces() -> None:
    """Whatever stands beside what, and at either end of the text."""
    for left, right in itertools.product(PIECES, repeat=2):
        check(left + right)
        check(f"{left} {right}")
        check(f"late {left}{right} bus")


@needs_compiled
@pytest.mark.parametrize(
    "text",
    [
        "Apple's new iPhone 17 isn't cheaper in the U.S., fans say",
        "Anvil quality complaints on social media (679)",
        "RT @airline: 3 hours late again!!! #fail https://t.co/abc123",
        "Shares fall -5 % to $1,200 at 10:30pm",
        "Report on e-mail (draft), news of the C++ committee",
    ],
)
def test_most_texts_are_plain(text: str) -> None:
    """Else nothing would be gained."""
    assert check(text)


def test_twin_says_nothing() -> None:
    """The pure twin leaves every text to the rule."""
    assert reader(tokens_py).read("late flight") is None


@pytest.mark.parametrize("module", ["orchestrator.kernels.tokens_py"] + ["orchestrator.kernels._fold"] * COMPILED)
@pytest.mark.parametrize("word", ["", "x" * 16])
def test_reader_takes_short_words_alone(module: str, word: str) -> None:
    """Its tables have room for no others."""
    with pytest.raises(ValueError, match="short word"):
        importlib.import_module(module).PlainText([word], [], [])


@needs_compiled
def test_reader_is_bounded() -> None:
    """A text that is longer than what takes part in comparisons, or has as many tokens, is left to the rule."""
    long = reader(importlib.import_module("orchestrator.kernels._fold"))
    assert long.read("x" * 256) is not None
    assert long.read("x" * 257) is None
    assert long.read("ab " * 85) is not None
    rng = random.Random(1)  # noqa: S311 - test data
    for _ in range(300):
        check("".join(rng.choice("ab 1.,'$%+-#") for _ in range(256)))
