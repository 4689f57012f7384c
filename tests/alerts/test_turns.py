"""Each brand by one worker at a time, and no news is forgotten."""

from __future__ import annotations

from orchestrator.alerts.turns import Turns


def test_turns_come_in_the_order_of_news() -> None:
    """Each brand once, however often it had news before its turn."""
    turns = Turns()
    for brand in ("a", "b", "a"):
        turns.add(brand)
    assert [turns.take() for _ in range(3)] == ["a", "b", None]


def test_news_during_a_turn_gets_another_one_after_it() -> None:
    """The turn may have looked before they came; and nobody else tells the brand meanwhile."""
    turns = Turns()
    turns.add("a")
    turns.take()
    turns.add("a")
    assert turns.take() is None
    turns.done("a")
    assert turns.take() == "a"
    turns.done("a")
    assert turns.take() is None
