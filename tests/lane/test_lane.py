"""A lane in virtual time: how long it waits, when it tries again, when and how it lets go."""

# ruff: noqa: ARG001 - the clock's effect is being requested

from __future__ import annotations

import threading
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from orchestrator.brand.outputs import FoldReport
from orchestrator.errors import (
    BrandBusyError,
    DeadLetterFullError,
    InvalidStateError,
    LeaseLostError,
    QueueMovedError,
    StaleStateError,
    StoreRefusedError,
    StoreUnavailableError,
    WrongTypeError,
)
from orchestrator.lane import lane as lane_module
from orchestrator.lane.lane import Lane
from orchestrator.lane.lifecycle import LaneState
from orchestrator.lane.outcome import LaneOutcome
from orchestrator.lane.session import Step
from orchestrator.lane.trial import TrialError, TrialRequest
from tests.lane.fakes import Bench, Takes, outcome_at

WORK = Step(items=1, fold=FoldReport(1, 3, 1), queued=9)
SUSPECT = Step(suspect=True, queued=1)
AWAY = StoreUnavailableError("no answer")


# -- waiting for work


async def test_lane_waits_for_work_up_to_the_fetch_timeout(script_bench: Bench, autojump_clock: MockClock) -> None:
    """A drained brand is looked at every second and left after the fetch timeout: peeks at 0, 1, ..., 30 s."""
    assert await outcome_at(script_bench.lane(), {}) == (LaneOutcome.DRAINED, 30.0)
    assert len(script_bench.script.times("step")) == 31
    assert script_bench.script.ended == "settled"


async def test_lane_starts_the_fetch_timeout_anew_after_work(script_bench: Bench, autojump_clock: MockClock) -> None:
    """Work found at the tenth peek moves the end: 9 s idle, then a commit, then 30 s more."""
    script_bench.script.steps.extend([Step(idle=True)] * 9 + [WORK])
    assert await outcome_at(script_bench.lane(), {}) == (LaneOutcome.DRAINED, 39.0)


async def test_lane_looks_at_once_when_woken(script_bench: Bench, autojump_clock: MockClock) -> None:
    """A hint at 3.25 s is followed at 3.25 s, not at the next second."""
    lane = script_bench.lane()
    await outcome_at(lane, {3.25: lane.wake})
    assert script_bench.script.times("step")[:6] == [0.0, 1.0, 2.0, 3.0, 3.25, 4.25]


async def test_lane_woken_during_a_step_looks_again(script_bench: Bench, autojump_clock: MockClock) -> None:
    """A hint that arrives while the queue is found empty may be newer than that: at 0.5 s it is looked at again."""
    script_bench.script.steps.append(Takes(0.5))
    lane = script_bench.lane()
    await outcome_at(lane, {0.25: lane.wake})
    assert script_bench.script.times("step")[:3] == [0.0, 0.5, 1.5]


async def test_lane_woken_during_a_commit_looks_again(script_bench: Bench, autojump_clock: MockClock) -> None:
    """The peek that comes with a commit may be older than a hint: the queue is read again at 0.5 s, not at 1.5 s."""
    script_bench.script.steps.append(Takes(0.5, Step(items=1)))
    lane = script_bench.lane()
    await outcome_at(lane, {0.25: lane.wake})
    assert script_bench.script.times("step")[:4] == [0.0, 0.5, 0.5, 1.5]


async def test_lane_does_not_wait_without_hints(script_bench: Bench, autojump_clock: MockClock) -> None:
    """Where polling has to find work anyway, a drained brand is left at once."""
    script_bench.hinted = False
    assert await outcome_at(script_bench.lane(), {}) == (LaneOutcome.DRAINED, 0.0)


# -- making room


async def test_lane_idle_yields_at_once(script_bench: Bench, autojump_clock: MockClock) -> None:
    """An idle brand never occupies a lane while another has work."""
    lane = script_bench.lane()
    assert await outcome_at(lane, {3.25: lane.ask_to_yield}) == (LaneOutcome.DRAINED, 3.25)


async def test_lane_busy_yields_after_its_quantum(script_bench: Bench, autojump_clock: MockClock) -> None:
    """Asked at 0.1 s, a lane with steps of 0.2 s ends its turn at 0.6 s: the first step that ends past 0.5 s."""
    script_bench.script.steps.extend([Takes(0.2, WORK)] * 99)
    lane = script_bench.lane()
    assert await outcome_at(lane, {0.1: lane.ask_to_yield}) == (LaneOutcome.YIELDED, 0.6)
    assert script_bench.script.ended == "settled"


async def test_lane_busy_keeps_its_brand_unless_asked(script_bench: Bench, autojump_clock: MockClock) -> None:
    """Nobody waits, nobody yields: 20 steps of 0.2 s, then the idle time."""
    script_bench.script.steps.extend([Takes(0.2, WORK)] * 20)
    assert await outcome_at(script_bench.lane(), {}) == (LaneOutcome.DRAINED, 34.0)
    assert script_bench.commits == 20


# -- failures


async def test_lane_retries_with_growing_pauses(script_bench: Bench, autojump_clock: MockClock) -> None:
    """After three failures the fourth attempt works; the pauses are 0.1, 0.2, 0.4 s and up to 0.1 s of jitter each."""
    script_bench.script.steps.extend([AWAY, AWAY, AWAY, WORK])
    await outcome_at(script_bench.lane(), {})
    at_s = script_bench.script.times("step")[:4]
    for number, least_s in enumerate([0.1, 0.2, 0.4]):
        assert least_s <= at_s[number + 1] - at_s[number] <= least_s + 0.1001
    assert script_bench.value("lane_retries_total") == 3
    assert script_bench.commits == 1


@pytest.mark.parametrize("error", [AWAY, StoreRefusedError("OOM")])
async def test_lane_gives_up_after_its_retries(
    script_bench: Bench, autojump_clock: MockClock, error: Exception
) -> None:
    """MAX_RETRIES=3 means four attempts; then the brand is released, without its state, and failed."""
    script_bench.script.steps.extend([error] * 9)
    lane = script_bench.lane()
    outcome, _ = await outcome_at(lane, {})
    assert outcome is LaneOutcome.FAILED
    assert len(script_bench.script.times("step")) == 4
    assert script_bench.script.ended == "abandoned"
    assert len(script_bench.script.times("release")) == 1
    assert lane.reason == str(error)
    assert script_bench.value("lane_failures_total") == 1


async def test_lane_retries_the_lease_too(script_bench: Bench, autojump_clock: MockClock) -> None:
    """A failure at the very beginning is no different."""
    script_bench.script.opens.append(AWAY)
    outcome, _ = await outcome_at(script_bench.lane(max_retries=1), {})
    assert outcome is LaneOutcome.DRAINED
    assert len(script_bench.script.times("open")) == 2


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (BrandBusyError("x"), LaneOutcome.BUSY),
        (LeaseLostError("x"), LaneOutcome.LOST),
        (StaleStateError("x"), LaneOutcome.LOST),
        (QueueMovedError("x"), LaneOutcome.LOST),
        (WrongTypeError("x", "set", "list"), LaneOutcome.PARKED),
        (DeadLetterFullError("x"), LaneOutcome.PARKED),
        (InvalidStateError("x"), LaneOutcome.PARKED),
        (TrialError("x"), LaneOutcome.FAILED),
        (ZeroDivisionError("x"), LaneOutcome.FAILED),
        (MemoryError("x"), LaneOutcome.FAILED),
    ],
)
@pytest.mark.parametrize("where", ["opens", "steps"])
async def test_lane_ends_by_its_error_without_retrying(
    script_bench: Bench, autojump_clock: MockClock, where: str, error: Exception, expected: LaneOutcome
) -> None:
    """Whatever a second attempt cannot mend ends the visit at once, and never the nursery around it."""
    getattr(script_bench.script, where).append(error)
    lane = script_bench.lane()
    assert await outcome_at(lane, {}) == (expected, 0.0)
    assert lane.reason
    assert script_bench.script.ended == "abandoned"
    assert script_bench.script.times("release") == [0.0]
    assert lane.lifecycle.state is LaneState.CLOSED
    assert script_bench.script.halved == (expected is LaneOutcome.LOST)


async def test_lane_gives_up_a_step_that_takes_too_long(script_bench: Bench, autojump_clock: MockClock) -> None:
    """A hanging fold is abandoned at its deadline, and the next batch will be smaller."""
    script_bench.script.steps.append(Takes(1e6))
    lane = script_bench.lane(step_timeout_s=60.0)
    assert await outcome_at(lane, {}) == (LaneOutcome.FAILED, 60.0)
    assert "60 s" in lane.reason
    assert script_bench.script.halved == 1


# -- being told


async def test_lane_that_lost_its_lease_stops_at_once(script_bench: Bench, autojump_clock: MockClock) -> None:
    """What is under way would be refused anyway: cancelled in the middle of a step, at 2 s of 9."""
    script_bench.script.steps.append(Takes(9.0, WORK))
    lane = script_bench.lane()
    assert await outcome_at(lane, {2.0: lane.lose}) == (LaneOutcome.LOST, 2.0)
    assert script_bench.script.ended == "abandoned"
    assert script_bench.value("lease_events_total", event="lost") == 1


async def test_lane_told_to_stop_finishes_its_step(script_bench: Bench, autojump_clock: MockClock) -> None:
    """The commit under way is worth its second; the next step is not begun."""
    script_bench.script.steps.extend([Takes(3.0, WORK)] * 2)
    lane = script_bench.lane()
    assert await outcome_at(lane, {2.0: lane.stop}) == (LaneOutcome.YIELDED, 3.0)
    assert (script_bench.commits, script_bench.script.ended) == (1, "settled")


async def test_lane_told_to_stop_while_waiting_stops_at_once(script_bench: Bench, autojump_clock: MockClock) -> None:
    """Between two steps there is nothing to finish."""
    lane = script_bench.lane()
    assert await outcome_at(lane, {2.5: lane.stop}) == (LaneOutcome.DRAINED, 2.5)
    assert script_bench.script.ended == "settled"


async def test_lane_told_to_stop_does_not_try_again(script_bench: Bench, autojump_clock: MockClock) -> None:
    """A step that fails during the stop is the last one."""
    script_bench.script.steps.append(Takes(3.0, AWAY))
    lane = script_bench.lane()
    assert await outcome_at(lane, {2.0: lane.stop}) == (LaneOutcome.FAILED, 3.0)


async def test_lane_told_to_stop_before_it_began(script_bench: Bench, autojump_clock: MockClock) -> None:
    """A lane that was only started has no brand to finish."""
    lane = script_bench.lane()
    lane.stop()
    assert await outcome_at(lane, {}) == (LaneOutcome.YIELDED, 0.0)
    assert script_bench.script.times("open") == []


async def test_lane_waits_a_second_for_its_release(script_bench: Bench, autojump_clock: MockClock) -> None:
    """A lock that cannot be given back expires by itself; nobody waits for that."""
    script_bench.script.release = Takes(1e6, then=True)
    lane = script_bench.lane()
    assert await outcome_at(lane, {2.0: lane.lose}) == (LaneOutcome.LOST, 3.0)


async def test_lane_survives_a_release_that_fails(script_bench: Bench, autojump_clock: MockClock) -> None:
    """Redis may be gone by then."""
    script_bench.script.release = AWAY
    outcome, _ = await outcome_at(script_bench.lane(), {})
    assert outcome is LaneOutcome.DRAINED


async def test_lane_cancelled_from_outside_still_releases(script_bench: Bench, autojump_clock: MockClock) -> None:
    """Cancellation is passed on, and the lock does not wait for its ttl."""
    script_bench.script.steps.append(Takes(9.0, WORK))
    with trio.move_on_after(2.0) as scope:
        await script_bench.lane().run()
    assert scope.cancelled_caught
    assert script_bench.script.times("release") == [2.0]
    assert script_bench.script.ended == "abandoned"


# -- suspects


def _trials(monkeypatch: pytest.MonkeyPatch, *, survived: bool, takes_s: float = 0.0) -> list[TrialRequest]:
    """Let trials end as told; the requests that were made."""
    requests: list[TrialRequest] = []

    async def survives(request: TrialRequest) -> bool:
        requests.append(request)
        await trio.sleep(takes_s)
        return survived

    monkeypatch.setattr(lane_module, "survives", survives)
    return requests


@pytest.mark.parametrize("survived", [True, False])
async def test_lane_tries_a_suspect_and_says_how_it_went(
    script_bench: Bench, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch, *, survived: bool
) -> None:
    """The verdict goes to the session, and the visit goes on."""
    requests = _trials(monkeypatch, survived=survived)
    script_bench.script.steps.extend([SUSPECT, WORK])
    outcome, _ = await outcome_at(script_bench.lane(), {})
    assert (outcome, script_bench.commits) == (LaneOutcome.DRAINED, 1)
    assert script_bench.script.verdicts == [not survived]
    assert [request.item for request in requests] == [b"suspect"]


async def test_lane_told_to_stop_ends_a_trial(
    script_bench: Bench, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A trial may take longer than a stop, and nothing is known of its suspect afterwards."""
    _trials(monkeypatch, survived=True, takes_s=20.0)
    script_bench.script.steps.append(SUSPECT)
    lane = script_bench.lane()
    assert await outcome_at(lane, {2.0: lane.stop}) == (LaneOutcome.YIELDED, 2.0)
    assert script_bench.script.verdicts == []


async def test_lane_told_to_stop_begins_no_trial(
    script_bench: Bench, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A suspect that turns up during the stop is left for the next visit."""
    requests = _trials(monkeypatch, survived=True)
    script_bench.script.steps.append(Takes(3.0, SUSPECT))
    lane = script_bench.lane()
    assert await outcome_at(lane, {2.0: lane.stop}) == (LaneOutcome.YIELDED, 3.0)
    assert requests == []


# -- telling


async def test_lane_counts_what_was_committed(script_bench: Bench, autojump_clock: MockClock) -> None:
    """Metrics speak of commits that are in, by what they contained."""
    step = Step(items=7, fold=FoldReport(4, 12, 5, 2), duplicates=1, failed=2, duplicate_commit=True, queued=3)
    poisoned = Step(items=1, failed=1, poisoned=1)
    script_bench.script.steps.extend([step, poisoned])
    await outcome_at(script_bench.lane(), {})
    totals = {
        name: script_bench.value(f"{name}_total")
        for name in ("chunks_merged", "mentions_merged", "clusters_aggregated", "chunks_retimed", "chunks_duplicate")
    }
    assert totals == {
        "chunks_merged": 4,
        "mentions_merged": 12,
        "clusters_aggregated": 5,
        "chunks_retimed": 2,
        "chunks_duplicate": 1,
    }
    assert script_bench.value("chunks_failed_total", kind="invalid") == 2
    assert script_bench.value("chunks_failed_total", kind="poison") == 1
    assert script_bench.value("commits_total", outcome="duplicate") == 1
    assert script_bench.value("queue_chunks") == 0


async def test_lane_tells_io_from_folding(script_bench: Bench, autojump_clock: MockClock) -> None:
    """Of a step that says it folded for longer than it took, nothing is left for I/O; every call is observed."""
    script_bench.script.steps.append(Step(items=1, fold_s=99.0))
    script_bench.hinted = False
    await outcome_at(script_bench.lane(), {})
    assert script_bench.value("io_time_seconds_count") == 3  # the lease, a step with work, an idle one
    assert script_bench.value("io_time_seconds_sum") < 5.0
    assert script_bench.value("processing_time_seconds_sum") == 99.0


async def test_lane_hanging_in_a_thread_holds_up_nobody(script_bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fold that never returns costs its thread alone: its lane lets go, and other lanes still get theirs."""
    run_sync, forever, begun = trio.to_thread.run_sync, threading.Event(), threading.Semaphore(0)

    def hang() -> None:
        begun.release()
        forever.wait()

    async def in_thread(call: Any, **options: Any) -> Any:
        return await run_sync(hang, **options) if call.__name__ == "_burst" else call()

    lanes = [script_bench.lane(step_timeout_s=0.01) for _ in range(3)]
    monkeypatch.setattr(trio.to_thread, "run_sync", in_thread)
    try:
        outcomes = [await _outcome(lane) for lane in lanes]
    finally:
        forever.set()
    assert outcomes == [LaneOutcome.FAILED] * 3
    assert all(begun.acquire(timeout=20) for _ in range(3)), "a step never got its thread"
    assert len(script_bench.script.times("release")) == 3


async def _outcome(lane: Lane) -> LaneOutcome:
    with trio.fail_after(20):
        return await lane.run()


async def test_lane_that_is_engaged_commits_before_it_yields(script_bench: Bench, autojump_clock: MockClock) -> None:
    """What is folded and in no commit is not left behind when another brand waits."""
    lane = script_bench.lane(quantum_s=0.0)
    session: Any = lane._session
    script_bench.script.steps += [Step(items=1), Step(items=1), Step(items=1)]
    session.engaged_for = 2
    lane.ask_to_yield()
    assert await lane.run() is LaneOutcome.YIELDED
    assert len(script_bench.script.times("step")) == 2


async def test_lane_whose_burst_failed_says_so_before_it_yields(script_bench: Bench, autojump_clock: MockClock) -> None:
    """A failure that waits to be raised ends the visit as what it is, also when the turn is over."""
    lane = script_bench.lane(quantum_s=0.0)
    script_bench.script.steps += [Step(items=1), StaleStateError("another commit came between")]
    lane.ask_to_yield()
    lane._session.failing = True  # type: ignore[misc] # of the scripted session
    assert await lane.run() is LaneOutcome.LOST
