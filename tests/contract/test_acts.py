"""Acts are written within bounds, and read back only if they are ours."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.contract.acts import MAX_DETAILS, MAX_ENTRY_BYTES, act, read_act

AT_MS = 1_795_753_359_458
VALUES = st.one_of(st.text(max_size=3_000), st.integers(-(2**63), 2**64 - 1), st.booleans(), st.none())


def test_an_act_is_read_back_as_it_was_written() -> None:
    """Time, person, action, brand and details stay what they are."""
    made = act(AT_MS, "ann@host", "retry", "nike", {"letters": 322, "reason": "no brand", "dry": False})
    assert read_act(made.entry()) == made
    assert made.at == "2026-11-27T04:22:39.458Z"


@given(by=st.text(), brand=st.none() | st.text(max_size=256), details=st.dictionaries(st.text(max_size=40), VALUES))
def test_an_entry_keeps_to_its_bounds(by: str, brand: str | None, details: dict[str, object]) -> None:
    """Whatever is said, an entry is small enough to be read again."""
    made = act(AT_MS, by, "drop", brand, details)  # type: ignore[arg-type]
    assert len(made.details) <= MAX_DETAILS
    assert read_act(made.entry()) == made


def test_details_that_do_not_fit_are_left_out_from_the_end() -> None:
    """Twelve values of the greatest length are more than an entry holds: what was named first stays."""
    made = act(AT_MS, "ann", "drop", None, {f"{number:02}": "\N{SNOWMAN}" * 256 for number in range(12)})
    assert "00" in made.details
    assert "11" not in made.details
    assert len(made.entry()) <= MAX_ENTRY_BYTES


def test_a_name_that_is_no_utf8_is_written_escaped() -> None:
    """The system gives names that are no UTF-8 as halves of surrogate pairs, which JSON cannot hold."""
    assert act(AT_MS, "j\udcf6rg@host", "drop", None, {}).by == "j\\udcf6rg@host"


@pytest.mark.parametrize(
    "entry",
    [
        b"",
        b"\xff",
        b"[]",
        b"{}",
        b'{"at":"then","by":"a","action":"b"}',
        b'{"at":"2026-01-01T00:00:00Z","by":1,"action":"b"}',
        b'{"at":"2026-01-01T00:00:00Z","by":"a","action":"b","details":{"x":[1]}}',
        b'{"at":"2026-01-01T00:00:00Z","by":"a","action":"b","brand":"' + b"x" * MAX_ENTRY_BYTES + b'"}',
        b"[" * 4_000,
    ],
)
def test_foreign_entries_are_none(entry: bytes) -> None:
    """What somebody else put into the list is left out."""
    assert read_act(entry) is None
