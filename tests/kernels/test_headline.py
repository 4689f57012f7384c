"""Headlines: which spelling is shown, and how many are counted."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.kernels.fold_py import Account
from orchestrator.kernels.headline import MAX_SPELLINGS, count_spelling

SPELLED = st.lists(st.tuples(st.sampled_from("abcdefgh"), st.integers(1, 9)), max_size=30)


def counted(*members: tuple[str, int]) -> Account:
    """A story whose members write its headline so."""
    account = Account()
    for spelling, weight in members:
        count_spelling(account, spelling, weight)
    return account


@given(members=SPELLED)
def test_spellings_few_enough_are_counted_exactly(members: list[tuple[str, int]]) -> None:
    """The shown one is the first that had so many mentions."""
    members = [(spelling, weight) for spelling, weight in members if spelling in "abcd"]
    sums: Counter[str] = Counter()
    shown = ""
    for spelling, weight in members:
        sums[spelling] += weight
        shown = spelling if sums[spelling] > sums[shown] else shown
    account = counted(*members)
    assert account.label == shown
    assert dict(account.spellings) | ({shown: account.label_mentions} if shown else {}) == sums


@given(members=SPELLED)
def test_spellings_are_bounded(members: list[tuple[str, int]]) -> None:
    """However many there are, few are held, and what most mentions write is shown."""
    account = counted(*members)
    held = {account.label: account.label_mentions, **dict(account.spellings)}
    assert len(account.spellings) < MAX_SPELLINGS
    assert account.label_mentions >= max(held.values())
    assert all(count > 0 for _, count in account.spellings)
    sums: Counter[str] = Counter()
    for spelling, weight in members:
        sums[spelling] += weight
    assert all(count <= max(sums[spelling], 0) for spelling, count in held.items())
    assert {spelling for spelling, count in sums.items() if count * MAX_SPELLINGS > sums.total()} <= held.keys()
    assert {spelling for spelling, count in sums.items() if 2 * count > sums.total()} <= {account.label}


def test_spellings_of_senders_do_not_push_the_usual_one_out() -> None:
    """Ever new spellings cost the usual one less than it gains."""
    noise = [(f"late flight{'!' * number}", 1) for number in range(1, 100)]
    usual = [("Late flight", 1)] * 100
    account = counted(*(member for pair in zip(noise, usual, strict=False) for member in pair))
    assert account.label == "Late flight"
