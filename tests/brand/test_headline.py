"""Headlines: which label a story goes by, and in which spelling."""

from __future__ import annotations

from collections import Counter, defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.brand.headline import MAX_SPELLINGS, Headline, shared_words
from orchestrator.brand.labels import words


def headline_of(*members: tuple[str, int]) -> Headline:
    """The headline of a story of these labels and weights; its words weigh what the merge kernel gives them."""
    headline = Headline()
    weights: defaultdict[str, float] = defaultdict(float)
    for label, weight in members:
        its = words(label)
        for word in its:
            weights[word] += weight / len(its) ** 0.5
        headline.consider(label, its, weight, weights)
    return headline


def test_headline_is_what_most_members_say() -> None:
    """One heavy member with a label of its own does not name the story."""
    members = [
        ("Door handle recall", 4),
        ("Recall of door handles", 5),
        ("Handle recall worries drivers of old cars", 8),
    ]
    assert headline_of(*members).text == "Recall of door handles"


def test_headline_is_in_its_usual_spelling() -> None:
    """Mentions decide between spellings, and of equals the first."""
    assert (
        headline_of(("late flight", 3), ("Late flight", 2), ("LATE FLIGHT", 1), ("Late flight", 2)).text
        == "Late flight"
    )
    assert headline_of(("late flight", 3), ("Late flight", 3)).text == "late flight"


def test_headline_stays_with_the_older_of_equals() -> None:
    """A label that says as much as the one before does not replace it."""
    assert headline_of(("late bag", 2), ("late bus", 2)).text == "late bag"


def test_headline_of_a_long_label_has_no_advantage() -> None:
    """A label that lists everything says less of it than one that says what is common."""
    everything = "wifi seats food crew delay refund bags"
    assert headline_of(("delay refund", 9), (everything, 1), ("refund", 3)).text == "delay refund"


def test_headline_counts_few_spellings() -> None:
    """Senders cannot make it grow."""
    assert len(headline_of(*[(f"late{'!' * number} flight", 1) for number in range(99)]).spellings) == MAX_SPELLINGS


@pytest.mark.parametrize(("label", "expected"), [("a b", 1.5 / 2**0.5), ("c", 0.0), ("", 0.0)])
def test_shared_words_is_the_sum_over_the_root(label: str, expected: float) -> None:
    """By the formula; a label without words shares none."""
    assert shared_words(tuple(label.split()), {"a": 1.0, "b": 0.5}) == pytest.approx(expected)


MEMBERS = st.lists(
    st.tuples(st.sampled_from(["late flight", "Late flight", "flight delays", "late bag"]), st.integers(1, 9)),
    max_size=9,
)


@given(MEMBERS, st.integers(0, 9))
def test_headline_survives_a_restart(members: list[tuple[str, int]], stop: int) -> None:
    """Words and spellings are all there is to store."""
    weights: Counter[str] = Counter()
    one, other = Headline(), Headline()
    for number, (label, weight) in enumerate(members):
        if number == stop:
            other = Headline(other.words, other.spellings)
        for word in words(label):
            weights[word] += weight
        for headline in (one, other):
            headline.consider(label, words(label), weight, weights)
    assert (one.text, one.words, one.spellings) == (other.text, other.words, other.spellings)
    assert one.text in {"", *(label for label, _ in members)}
