"""How batches are treated that were begun before and never committed."""

from __future__ import annotations

import pytest

from orchestrator.lane.suspects import SINGLE_ATTEMPTS, TRIAL_ATTEMPTS, Treatment, Verdict, treatment

HEAD = b"head"


@pytest.mark.parametrize(
    ("attempts", "expected"),
    [
        (1, Treatment.WHOLE),
        (SINGLE_ATTEMPTS - 1, Treatment.WHOLE),
        (SINGLE_ATTEMPTS, Treatment.SINGLE),
        (TRIAL_ATTEMPTS - 1, Treatment.SINGLE),
        (TRIAL_ATTEMPTS, Treatment.TRIAL),
        (10**9, Treatment.TRIAL),
    ],
)
def test_treatment_follows_from_the_attempts(attempts: int, expected: Treatment) -> None:
    """The more often a batch was begun in vain, the fewer items share its fate."""
    assert treatment(HEAD, attempts, None) is expected


@pytest.mark.parametrize("attempts", [1, SINGLE_ATTEMPTS, TRIAL_ATTEMPTS, 99])
def test_item_that_died_in_its_trial_is_condemned(attempts: int) -> None:
    """Whatever the count says by then."""
    assert treatment(HEAD, attempts, Verdict(HEAD, died=True)) is Treatment.CONDEMN


def test_item_that_survived_its_trial_is_folded_alone() -> None:
    """It gets no second trial, and nothing else shares its fate."""
    assert treatment(HEAD, TRIAL_ATTEMPTS, Verdict(HEAD, died=False)) is Treatment.SINGLE


@pytest.mark.parametrize("died", [True, False])
def test_verdict_holds_for_the_tried_item_alone(*, died: bool) -> None:
    """A foreign pop may have brought another one to the head."""
    assert treatment(HEAD, TRIAL_ATTEMPTS, Verdict(b"other", died=died)) is Treatment.TRIAL
    assert treatment(HEAD, 1, Verdict(b"other", died=died)) is Treatment.WHOLE
