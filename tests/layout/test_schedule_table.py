"""Each schedule of a cluster has a guard, and a test that is about it and fails without that guard."""

from __future__ import annotations

import re

import pytest

from tests.mutants.gate import ROOT
from tests.mutants.guards import GUARDS
from tests.mutants.schedule_guards import SCHEDULES


def test_all_schedules_have_their_row() -> None:
    """The fifteen of the layout's design, and the one of letters that cross slots; all of them are in the gate."""
    assert list(SCHEDULES) == list(range(1, 17))
    assert len({schedule.name for schedule in SCHEDULES.values()}) == len(SCHEDULES)
    assert {guard for schedule in SCHEDULES.values() for guard in schedule.guards} <= set(GUARDS)


@pytest.mark.parametrize("number", SCHEDULES)
def test_each_test_says_which_schedule_it_is_about(number: int) -> None:
    """The gate runs exactly one test without each guard, and its docstring names the schedule."""
    guards = SCHEDULES[number].guards
    assert guards
    told = []
    for guard in guards:
        (test,) = guard.tests
        file, _, name = test.partition("::")
        text = (ROOT / file).read_text(encoding="utf-8")
        found = re.search(rf'def {name}\([^"]*?\) -> None:\n    """(.*?)"""', text, re.DOTALL)
        assert found is not None, test
        told.append(found[1].lower())
    words = (f"schedule {number}", f"schedules {number} and", f"and {number}:")
    assert all(any(re.search(rf"{word}(?!\d)", text) for word in words) for text in told), told
