"""How batches are treated that were begun before and never committed."""

from __future__ import annotations

import pytest

from orchestrator.lane.suspects import SINGLE_ATTEMPTS, TRIAL_ATTEMPTS, Treated, Treatment, Verdict, treatment

ITEMS = [b"head", b"next", b"last"]


@pytest.mark.parametrize(
    ("attempts", "expected", "count"),
    [
        (1, Treatment.WHOLE, 3),
        (SINGLE_ATTEMPTS - 1, Treatment.WHOLE, 3),
        (SINGLE_ATTEMPTS, Treatment.SINGLE, 1),
        (TRIAL_ATTEMPTS - 1, Treatment.SINGLE, 1),
        (TRIAL_ATTEMPTS, Treatment.TRIAL, 1),
        (10**9, Treatment.TRIAL, 1),
    ],
)
def test_treatment_follows_from_the_attempts(attempts: int, expected: Treatment, count: int) -> None:
    """The more often a batch was begun in vain, the fewer items share its fate."""
    assert treatment(ITEMS, attempts, 0, None) == Treated(expected, count)


@pytest.mark.parametrize(("suspects", "count"), [(1, 1), (2, 2), (3, 3), (99, 3)])
def test_items_whose_step_hung_are_tried_at_once(suspects: int, count: int) -> None:
    """At the first attempt after it, as many of them as are here; nobody hangs on them again."""
    assert treatment(ITEMS, 1, suspects, None) == Treated(Treatment.TRIAL, count)


@pytest.mark.parametrize("attempts", [1, SINGLE_ATTEMPTS, TRIAL_ATTEMPTS, 99])
@pytest.mark.parametrize("suspects", [0, 3])
def test_item_that_died_in_its_trial_is_condemned(attempts: int, suspects: int) -> None:
    """Whatever the counts say by then."""
    assert treatment(ITEMS, attempts, suspects, Verdict.of(ITEMS, 0)) == Treated(Treatment.CONDEMN, 1)


@pytest.mark.parametrize("survived", [1, 2, 3])
def test_items_that_survived_their_trial_are_folded_alone(survived: int) -> None:
    """They get no second trial, and nothing else shares their fate; the one that did not survive comes after them."""
    verdict = Verdict.of(ITEMS, survived)
    assert treatment(ITEMS, TRIAL_ATTEMPTS, 3, verdict) == Treated(Treatment.SINGLE, survived)
    rest = verdict.rest
    assert (rest is None) == (survived == len(ITEMS))
    if rest is not None:
        assert treatment(ITEMS[survived:], 1, 3 - survived, rest) == Treated(Treatment.CONDEMN, 1)


@pytest.mark.parametrize("survived", [0, 1])
def test_verdict_holds_for_the_tried_items_alone(survived: int) -> None:
    """A foreign pop may have brought another one to the head."""
    verdict = Verdict.of([b"other"], survived)
    assert treatment(ITEMS, TRIAL_ATTEMPTS, 0, verdict) == Treated(Treatment.TRIAL, 1)
    assert treatment(ITEMS, 1, 0, verdict) == Treated(Treatment.WHOLE, 3)


def test_killer_is_not_condemned_for_standing_at_the_head_too_early() -> None:
    """Its twin, which a foreign pop brought there, survived nothing and died of nothing."""
    verdict = Verdict((b"before",), b"head")
    assert treatment(ITEMS, 1, 1, verdict) == Treated(Treatment.TRIAL, 1)
