"""A brand is told of if letters come for an hour and nothing that counts."""

from __future__ import annotations

from orchestrator.scheduler.letters_only import WINDOW_S, LettersOnly
from orchestrator.store.types import Letters

MINUTE_S = 60.0


def watched(*looks: tuple[float, int, int]) -> list[str]:
    """Who is told of after *looks* at one brand: minutes, dead letters, digests."""
    watch = LettersOnly()
    minutes = 0.0
    for minutes, entries, digests in looks:
        watch.seen({"acme": Letters(entries, digests)} if entries else {}, minutes * MINUTE_S)
    return watch.brands(minutes * MINUTE_S)


def test_a_brand_is_told_of_after_an_hour_of_letters_alone() -> None:
    """Not before: within the hour a chunk may have counted that nobody saw."""
    assert watched((0, 1, 5), (30, 2, 5), (59, 3, 5)) == []
    assert watched((0, 1, 5), (30, 2, 5), (60, 3, 5)) == ["acme"]


def test_a_chunk_that_counts_ends_it() -> None:
    """And the hour begins anew."""
    assert watched((0, 1, 5), (60, 2, 5), (61, 3, 6)) == []
    assert watched((0, 1, 5), (61, 2, 6), (120, 3, 6)) == []
    assert watched((0, 1, 5), (61, 2, 6), (121, 3, 6)) == ["acme"]


def test_a_younger_generation_of_digests_is_a_chunk_that_counted() -> None:
    """After a rotation there are fewer of them."""
    assert watched((0, 1, 5), (60, 2, 5), (61, 3, 1)) == []


def test_letters_that_lie_are_no_failure() -> None:
    """Old ones are there for weeks; only new ones say that chunks come."""
    assert watched((0, 7, 5), (60, 7, 5), (120, 7, 5)) == []
    assert watched((0, 7, 5), (60, 8, 5), (119, 8, 5)) == ["acme"]
    assert watched((0, 7, 5), (60, 8, 5), (120, 8, 5)) == []


def test_letters_that_are_cleared_away_are_forgotten() -> None:
    """Fewer letters are none that came, and none at all end it."""
    assert watched((0, 7, 5), (60, 3, 5), (61, 3, 5)) == []
    assert watched((0, 7, 5), (60, 8, 5), (61, 0, 5), (62, 1, 5)) == []


def test_brands_are_told_in_order() -> None:
    """Of all that are watched."""
    watch = LettersOnly()
    for at_s in (0.0, WINDOW_S):
        watch.seen({brand: Letters(1 + int(at_s), 0) for brand in ("nike", "acme")}, at_s)
    assert watch.brands(WINDOW_S) == ["acme", "nike"]
