"""Up to where an object goes, and when a chain needs a base."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.archivist.known import DAY_MS, NOWHERE, Known, Tail, run_of
from orchestrator.contract.consumed import Head
from tests.archivist import support
from tests.archivist.support import NOON_MS

TOMORROW_MS = NOON_MS + DAY_MS
YESTERDAY_MS = NOON_MS - DAY_MS


def record(version: int, *, at_ms: int = NOON_MS) -> Head:
    """The head of the commit of that version."""
    return support.record(version, at_ms=at_ms).head


@pytest.mark.parametrize(
    ("records", "count"),
    [
        ([record(1)], 1),
        ([record(1), record(2), record(3)], 3),
        ([record(1), record(2), record(3, at_ms=TOMORROW_MS)], 2),
        ([record(2), record(3, at_ms=YESTERDAY_MS)], 1),
        ([record(1), record(3)], 1),
        ([record(1), replace(record(2), replaces=True), record(3)], 1),
        ([replace(record(2), replaces=True), record(3)], 2),
    ],
    ids=["one", "chain", "day ends", "clock went back", "gap", "another state", "from another state on"],
)
def test_an_object_ends_with_the_day_and_with_the_chain(records: list[Head], count: int) -> None:
    """So its name says all that is in it."""
    assert run_of(records) == count


def test_a_first_commit_needs_no_base() -> None:
    """Its chain begins there."""
    known = Known.of(Tail(has_previous=False), record(1))
    assert not known.expect(record(1))
    known.took([record(1)])
    assert not known.wants_base()


def test_the_archive_of_a_brand_that_has_a_state_begins_with_a_base() -> None:
    """Before its first record, so that a death after the record leaves no broken chain."""
    known = Known.of(Tail(has_previous=False), record(7))
    assert known.expect(record(7))
    known.based((1, 9), "c9")
    assert not known.wants_base()
    known.took([record(7)])
    assert not known.expect(record(8))
    assert not known.wants_base()


def test_a_gap_needs_a_base_that_is_behind_it() -> None:
    """One of before is of no use; one of later closes all gaps before it."""
    known = Known(end="c5", day=record(5).now_ms // DAY_MS, base=(1, 3))
    assert known.expect(record(8))
    known.based((1, 12), "c12")
    known.took([record(8)])
    assert not known.expect(record(11))


def test_a_state_that_took_another_ones_place_has_its_own_base() -> None:
    """Whoever put it there has put its base, too."""
    known = Known(end="c5", day=record(5).now_ms // DAY_MS)
    assert not known.expect(replace(record(8), replaces=True))


def test_a_base_that_could_not_be_put_is_wanted_on() -> None:
    """Records go on without, and the next turn tries again."""
    known = Known.of(Tail(has_previous=False), record(7))
    assert known.expect(record(7))
    known.took([record(7)])
    assert known.wants_base()
    known.based((1, 7), "c7")
    assert not known.wants_base()


def test_each_day_gets_a_base_with_its_first_record() -> None:
    """After the records: they do not wait for it."""
    known = Known(end="c3", day=record(3).now_ms // DAY_MS, base=(1, 2))
    assert not known.expect(record(4, at_ms=TOMORROW_MS))
    assert known.wants_base()
    known.took([record(4, at_ms=TOMORROW_MS)])
    known.based((1, 4), "c4")
    assert not known.expect(record(5, at_ms=TOMORROW_MS))
    assert not known.wants_base()


@pytest.mark.parametrize(
    ("tail", "wants"),
    [
        (Tail(has_previous=True, base=(1, 6), day=(1, 5)), False),
        (Tail(has_previous=True, base=(1, 4), day=(1, 5)), True),
        (Tail(has_previous=True, base=NOWHERE, day=(1, 5)), True),
        (Tail(has_previous=True, base=(1, 4), day=NOWHERE), True),
    ],
    ids=["has it", "died before it", "never had one", "first of the day"],
)
def test_a_process_that_comes_new_asks_the_archive_whether_the_day_has_its_base(tail: Tail, *, wants: bool) -> None:
    """A death between the records and the base takes nothing but time."""
    known = Known.of(tail, record(8))
    assert not known.expect(record(8))
    assert known.wants_base() is wants


def test_a_base_of_a_commit_that_redis_forgot_is_made_again() -> None:
    """Its commit never turns up: other ones of its version do."""
    known = Known.of(Tail(has_previous=False), record(7))
    known.expect(record(7))
    known.based((1, 9), "c9")
    known.took([record(7), record(8)])
    assert not known.wants_base()
    known.took([replace(record(9), cid="d9")])
    assert known.wants_base()
    known.based((1, 9), "d9")
    assert not known.wants_base()


def test_a_base_whose_commit_turns_up_is_done() -> None:
    """Once and for all."""
    known = Known.of(Tail(has_previous=False), record(7))
    known.expect(record(7))
    known.based((1, 8), "c8")
    known.took([record(7), record(8)])
    known.took([record(9)])
    assert not known.wants_base()
