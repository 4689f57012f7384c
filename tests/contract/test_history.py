"""Minutes are written to their place, and read back only if they are ours and of the last day."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.contract.history import MAX_ENTRY_BYTES, MINUTES, Minute, read_day

NOW = 29_929_222
NUMBERS = st.none() | st.integers(0, 10**15)
FLOATS = st.none() | st.floats(0, 1e15)


@given(st.integers(NOW - MINUTES + 1, NOW), NUMBERS, FLOATS, FLOATS, NUMBERS)
def test_a_minute_is_read_back(
    minute: int, chunks: int | None, oldest: float | None, rate: float | None, dead: int | None
) -> None:
    """Whatever was known of it, within the bound of an entry."""
    made = Minute(minute, chunks, oldest, rate, dead)
    assert len(made.entry()) <= MAX_ENTRY_BYTES
    assert read_day([(made.place, made.entry())], NOW) == [made]


def test_a_day_comes_in_its_order() -> None:
    """The oldest first; what is of yesterday or of tomorrow is left out."""
    minutes = [Minute(NOW - back, chunks=back) for back in (5, 0, MINUTES - 1, MINUTES, MINUTES + 7, -1)]
    day = read_day([(each.place, each.entry()) for each in minutes], NOW)
    assert [NOW - each.minute for each in day] == [MINUTES - 1, 5, 0]


@pytest.mark.parametrize(
    "entry",
    [
        b"",
        b"\xff",
        b"{}",
        b"[]",
        b"[%d,-1]" % NOW,
        b"[%d,1e999]" % NOW,
        b"[%d,null,1e16]" % NOW,
        b'[%d,"1"]' % NOW,
        b"[%d" % NOW + b" " * MAX_ENTRY_BYTES + b"]",
        b"[" * 200,
        Minute(NOW - 1).entry(),
    ],
)
def test_foreign_entries_are_left_out(entry: bytes) -> None:
    """Also one that stands in another minute's place."""
    assert read_day([(Minute(NOW).place, entry)], NOW) == []
