"""The transition table of a lane."""

from __future__ import annotations

import pytest

from orchestrator.lane.lifecycle import TRANSITIONS, LaneOrderError, LaneState, Lifecycle

ALL = [(here, there) for here in LaneState for there in LaneState if here is not there]


def _in(state: LaneState) -> Lifecycle:
    lifecycle = Lifecycle(0.0)
    lifecycle.state = state
    return lifecycle


def test_lifecycle_begins_with_leasing() -> None:
    """Nothing can be folded without a lease."""
    assert Lifecycle(1.5).state is LaneState.LEASING
    assert Lifecycle(1.5).since_s == 1.5


@pytest.mark.parametrize(("here", "there"), ALL)
def test_lifecycle_goes_only_where_the_table_leads(here: LaneState, there: LaneState) -> None:
    """Every pair of states is either in the table or an error that changes nothing."""
    lifecycle = _in(here)
    if there in TRANSITIONS[here]:
        lifecycle.enter(there, 7.0)
        assert (lifecycle.state, lifecycle.since_s) == (there, 7.0)
    else:
        with pytest.raises(LaneOrderError, match=f"from {here.value} to {there.value}"):
            lifecycle.enter(there, 7.0)
        assert (lifecycle.state, lifecycle.since_s) == (here, 0.0)


@pytest.mark.parametrize("state", LaneState)
def test_lifecycle_staying_is_no_transition(state: LaneState) -> None:
    """Entering the state one is in keeps the time of entry: batch after batch is one long fold for health."""
    lifecycle = _in(state)
    lifecycle.enter(state, 7.0)
    assert lifecycle.since_s == 0.0


@pytest.mark.parametrize("state", [state for state in LaneState if state is not LaneState.CLOSED])
def test_lifecycle_can_always_be_ended(state: LaneState) -> None:
    """From every state a lane can release its lease, because it may be cancelled in any of them."""
    assert state is LaneState.RELEASING or LaneState.RELEASING in TRANSITIONS[state]
    assert TRANSITIONS[LaneState.RELEASING] == {LaneState.CLOSED}
    assert not TRANSITIONS[LaneState.CLOSED]
