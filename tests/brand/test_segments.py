"""The log of segments: what is written, what is dropped, and what of it is missing."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.brand.segments import MOST_CLEANED_BYTES, SLACK_BYTES, SegmentLog, in_order
from orchestrator.errors import InvalidStateError

PAGE = 1_000
"""Bytes of a value of the owner that these tests are."""


class Pages:
    """The least owner: pages by number, each PAGE bytes, of which a segment remembers which it holds."""

    def __init__(self) -> None:
        self.log = SegmentLog(b"x:")
        self.place: dict[int, int] = {}  # page -> its newest segment
        self.fields: dict[bytes, bytes] = {}
        self.entries: dict[int, array[int]] = {}  # of every segment that ever was

    def commit(self, changed: Iterable[int], gone: Iterable[int] = ()) -> tuple[int, int]:
        """Write *changed* pages and forget those that are *gone*; bytes written and bytes dropped."""
        dirty, rescued, remove, put = set(changed), set[int](), list[bytes](), dict[bytes, bytes]()
        for page in gone:
            self.place.pop(page, None)
        for segment in self.log.clean(len(self.place) * PAGE, remove):
            rescued |= {page for page in segment.entries if self.place.get(page) == segment.number} - dirty
            self.log.rescue(len(rescued) * PAGE)
        pages = sorted(dirty | rescued)
        number = self.log.append(bytes(PAGE * len(pages)), array("q", pages), put)
        self.entries[number] = array("q", pages)
        self.place |= dict.fromkeys(pages, number)
        dropped = sum(len(self.fields.pop(name)) for name in remove)
        assert not set(put) & set(self.fields)
        self.fields |= put
        return len(pages) * PAGE, dropped

    def stored(self) -> int:
        """Bytes in storage."""
        return sum(map(len, self.fields.values()))

    def restored(self) -> Pages:
        """Another owner of the same fields."""
        other = Pages()
        other.fields = dict(self.fields)
        other.entries = dict(self.entries)
        for number, name in in_order(list(self.fields), b"x:"):
            other.log.restore(number, len(self.fields[name]), self.entries[number])
            other.place |= dict.fromkeys(self.entries[number], number)
        other.place = {page: number for page, number in other.place.items() if page in self.place}
        return other


COMMITS = st.lists(
    st.tuples(st.sets(st.integers(0, 60), max_size=20), st.sets(st.integers(0, 60), max_size=9), st.booleans()),
    max_size=60,
)


@given(commits=COMMITS)
def test_log_is_bounded_and_loses_nothing(commits: list[tuple[set[int], set[int], bool]]) -> None:
    """Whatever is written and forgotten, with restarts: what lives is stored, and not much else."""
    pages = Pages()
    for changed, gone, restart in commits:
        written, dropped = pages.commit(changed, gone)
        assert set(pages.place.values()) <= {number for number, _ in in_order(list(pages.fields), b"x:")}
        assert pages.stored() <= 2 * len(pages.place) * PAGE + SLACK_BYTES + written
        assert dropped < MOST_CLEANED_BYTES + 81 * PAGE
        if restart:
            pages = pages.restored()
    # the log counts its bytes right: it is cleaned from exactly that on which is too large for what lives
    enough = max(0, pages.stored() - SLACK_BYTES + 1) // 2
    assert not list(pages.log.clean(enough, []))
    assert not enough or list(pages.log.clean(enough - 1, []))


ALL, COMMITTED = 500, 10
PICKS: dict[str, Callable[[int], Iterable[int]]] = {
    "in turn": lambda commit: range(commit * COMMITTED % ALL, commit * COMMITTED % ALL + COMMITTED),
    "few are hot": lambda commit: range(commit % 5 * COMMITTED, commit % 5 * COMMITTED + COMMITTED),
    "scattered": lambda commit: {commit * 7_919 % ALL + place * 49 % ALL for place in range(COMMITTED)},
}


@pytest.mark.parametrize("pick", PICKS)
def test_log_costs_what_changes(pick: str) -> None:
    """However long the history, at most about two bytes are written for each that changes."""
    pages = Pages()
    for start in range(0, ALL, COMMITTED):
        pages.commit(range(start, start + COMMITTED))
    for commits in (500, 1_000):
        changed = [{page % ALL for page in PICKS[pick](number)} for number in range(commits)]
        written = sum(pages.commit(pages_of)[0] for pages_of in changed)
        assert written <= 2.5 * PAGE * sum(map(len, changed))


def test_log_cleans_a_bounded_part_a_commit() -> None:
    """What a great commit made superfluous leaves by the megabyte."""
    pages = Pages()
    for _ in range(3):
        for start in range(0, 3_000, 100):
            pages.commit(range(start, start + 100))
    dropped = [pages.commit([], range(2_900))[1] for _ in range(9)]
    assert max(dropped) < MOST_CLEANED_BYTES + 100 * PAGE
    assert dropped[0] >= MOST_CLEANED_BYTES
    assert pages.stored() <= 2 * 100 * PAGE + SLACK_BYTES


def test_log_leaves_small_ones_alone() -> None:
    """A small brand is not cleaned until it has the slack to be worth it."""
    pages = Pages()
    dropped = [pages.commit([0])[1] for _ in range(30)]
    assert dropped.index(max(dropped)) == SLACK_BYTES // PAGE + 3


def test_log_numbers_go_on_after_a_restart() -> None:
    """A new segment never takes the name of one that is stored."""
    pages = Pages()
    pages.commit([1])
    pages.commit([2])
    assert list(pages.restored().fields) == [b"x:0", b"x:1"]
    restored = pages.restored()
    restored.commit([3])
    assert list(restored.fields) == [b"x:0", b"x:1", b"x:2"]


def test_in_order_goes_by_number() -> None:
    """Names sort as numbers, and those of others are none of ours."""
    names = [b"x:10", b"x", b"y:1", b"x:9", b"x:11"]
    assert in_order(names, b"x:") == [(9, b"x:9"), (10, b"x:10"), (11, b"x:11")]
    assert in_order([b"x"], b"x:") == []


@pytest.mark.parametrize(
    ("names", "named"),
    [
        ([b"x:"], "x:"),
        ([b"x:-1"], "x:-1"),
        ([b"x:1a"], "x:1a"),
        ([b"x:\xb2"], "xb2"),
        ([b"x:3", b"x:5"], "x:4"),
        ([b"x:3", b"x:4", b"x:9"], "x:5"),
        ([b"x:3", b"x:03"], "x:4"),
    ],
)
def test_in_order_refuses_what_cannot_be(names: list[bytes], named: str) -> None:
    """A name without a number, and a gap, which no sequence of commits leaves, are errors that name the field."""
    with pytest.raises(InvalidStateError, match=named):
        in_order(names, b"x:")
