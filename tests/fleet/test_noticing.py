"""Whose entries stay in the common list of brands that are left alone, and whose go."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.fleet.noticing import Change, Seen, changes
from orchestrator.fleet.parking import Code, Parked

ME, OTHER, GONE = "me", "other", "gone"


def parked(by: str, code: Code = Code.META, since_ms: int = 5) -> Parked:
    """What the process *by* says."""
    return Parked(code, "why", since_ms, by)


def seen(one: Parked | None) -> dict[str, Seen]:
    """The brand "b" has that entry."""
    return {"b": Seen(b"raw", one)}


def wanted(entries: dict[str, Seen], mine: Parked | None = None, **changed: Any) -> list[Change]:
    """What I change."""
    values: dict[str, Any] = {"found": set(), "committed": set(), "living": {ME, OTHER}} | changed
    return changes(entries, {} if mine is None else {"b": mine}, name=ME, **values)


def test_what_was_just_found_is_written_once() -> None:
    """Who took it out in between knows better, until it is found again."""
    mine = parked(ME)
    assert wanted({}, mine, found={"b"}) == [Change("b", None, mine)]
    assert wanted({}, mine) == []


def test_an_entry_that_is_true_stays() -> None:
    """Mine, and that of another process that lives, also if I leave the brand alone, too."""
    assert wanted(seen(parked(ME)), parked(ME)) == []
    assert wanted(seen(parked(OTHER))) == []
    assert wanted(seen(parked(OTHER)), parked(ME), found={"b"}) == []


def test_my_entry_goes_when_the_brand_is_well() -> None:
    """Whatever the reason."""
    assert wanted(seen(parked(ME))) == [Change("b", b"raw", None)]


def test_whoever_commits_takes_the_entry_out() -> None:
    """Of another process, too; not while this one has something against the brand itself."""
    assert wanted(seen(parked(OTHER)), committed={"b"}) == [Change("b", b"raw", None)]
    assert wanted(seen(parked(OTHER)), committed={"c"}) == []
    assert wanted(seen(parked(OTHER)), parked(ME), committed={"b"}) == []


@pytest.mark.parametrize("there", [parked(GONE), None])
def test_the_entry_of_nobody_goes_or_becomes_mine(there: Parked | None) -> None:
    """Of a process that is gone, or of somebody else's program."""
    assert wanted(seen(there)) == [Change("b", b"raw", None)]
    (change,) = wanted(seen(there), parked(ME, since_ms=9))
    since_ms = 9 if there is None else 5  # the brand is left alone for as long as anybody said so
    assert change == Change("b", b"raw", parked(ME, since_ms=since_ms))


def test_another_reason_is_written() -> None:
    """With its own time; the same one keeps the time of the first."""
    assert wanted(seen(parked(ME)), parked(ME, Code.SIZE, 9)) == [Change("b", b"raw", parked(ME, Code.SIZE, 9))]
    assert wanted(seen(parked(ME)), parked(ME, since_ms=9)) == []
