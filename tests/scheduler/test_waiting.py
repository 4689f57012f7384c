"""Who is next among brands that wait: what a crowd of newcomers costs a known brand, and that nobody starves."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.scheduler.waiting import KNOWN_SHARE, Waiting

NOW_S = 100.0


def _waiting(known: int, newcomers: int) -> Waiting:
    """So many of each, the newcomers first: k0, k1, ... and n0, n1, ..."""
    waiting = Waiting()
    for number in range(newcomers):
        waiting.add(f"n{number}", 0.0, known=False)
    for number in range(known):
        waiting.add(f"k{number}", 0.0, known=True)
    return waiting


def _visits(waiting: Waiting) -> list[str]:
    return list(iter(lambda: waiting.next(NOW_S), None))


def test_next_gives_newcomers_one_visit_after_three_of_known_brands() -> None:
    """Both wait: three known ones, a newcomer, and so on, each group in its own order."""
    assert _visits(_waiting(7, 3)) == ["k0", "k1", "k2", "n0", "k3", "k4", "k5", "n1", "k6", "n2"]


@pytest.mark.parametrize("known_before", [0, 1, 2, 3, 7, 40])
def test_a_known_brand_waits_for_few_newcomers_however_many_there_are(known_before: int) -> None:
    """With k known brands before it, it is begun after at most k + 1 + k // 3 others, of 10,000 newcomers too."""
    for taken in range(KNOWN_SHARE + 2):  # wherever the round stands
        waiting = _waiting(known_before + taken, 10_000)
        for _ in range(taken):
            waiting.next(NOW_S)
        ahead = sum(1 for brand in waiting if brand.startswith("k"))
        waiting.add("late", 0.0, known=True)
        assert _visits(waiting).index("late") <= ahead + 1 + ahead // KNOWN_SHARE


def test_a_newcomer_waits_for_few_known_brands_however_many_there_are() -> None:
    """With n newcomers before it, it is begun after at most n + 3 (n + 1) others."""
    for before in (0, 1, 5):
        waiting = _waiting(1_000, before)
        waiting.add("late", 0.0, known=False)
        assert _visits(waiting).index("late") <= before + KNOWN_SHARE * (before + 1)


def test_known_brands_owe_newcomers_nothing_for_the_time_before_they_came() -> None:
    """Any number of visits while no newcomer waits does not give the first one a turn before its share."""
    waiting = _waiting(10, 0)
    for _ in range(5):
        waiting.next(NOW_S)
    waiting.add("n", 0.0, known=False)
    assert _visits(waiting).index("n") == KNOWN_SHARE


def test_add_keeps_the_place_of_one_that_waits() -> None:
    """A brand waits once, where it was, and for as long as it was told."""
    waiting = _waiting(2, 0)
    waiting.add("k0", 0.0, known=False)
    waiting.add("later", NOW_S + 1, known=True)
    waiting.add("later", 0.0, known=True)
    assert _visits(waiting) == ["k0", "k1"]
    assert waiting.next_start_s() == NOW_S + 1


def test_next_start_passes_over_one_that_was_removed() -> None:
    """The time of a brand that wants no lane any more wakes nobody."""
    waiting = Waiting()
    waiting.add("gone", 200.0, known=True)
    waiting.add("there", 300.0, known=True)
    waiting.remove("gone")
    assert waiting.next_start_s() == 300.0
    waiting.remove("there")
    assert waiting.next_start_s() is None
    assert not waiting.any(1_000.0)


def test_a_brand_that_comes_again_waits_for_its_new_time() -> None:
    """What an earlier wait left behind does not let it in."""
    waiting = Waiting()
    waiting.add("a", 110.0, known=True)
    waiting.remove("a")
    waiting.add("a", 120.0, known=True)
    assert waiting.next(115.0) is None
    assert waiting.next(120.0) == "a"
    assert waiting.next(1_000.0) is None


_ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(["add", "remove", "hurry", "next", "pass"]), st.sampled_from("abcdef"), st.integers(0, 5)
    ),
    max_size=60,
)


@given(_ACTIONS)
def test_everybody_waits_once_and_starts_when_it_may(actions: list[tuple[str, str, int]]) -> None:
    """Against a plain table of who waits and since when it may start: the same ones wait, and one may start if any."""
    waiting, table, now_s = Waiting(), dict[str, float](), 1.0
    for action, brand, number in actions:
        if action == "add":
            waiting.add(brand, now_s + number if number else 0.0, known=brand < "d")
            table.setdefault(brand, now_s + number if number else 0.0)
        elif action == "remove":
            waiting.remove(brand)
            table.pop(brand, None)
        elif action == "hurry":
            waiting.hurry(brand)
            if brand in table:
                table[brand] = 0.0
        elif action == "pass":
            now_s += number
        else:
            able = [name for name, not_before_s in table.items() if not_before_s <= now_s]
            assert waiting.any(now_s) == bool(able)
            taken = waiting.next(now_s)
            assert (taken in able) if able else taken is None
            table.pop(taken or "", None)
        assert sorted(waiting) == sorted(table)
        next_s = waiting.next_start_s()
        assert (next_s is None) == (not table)
        assert next_s is None or max(next_s, now_s) == max(now_s, min(table.values()))
