"""A lane in virtual time: how long it waits, when it tries again, when and how it lets go."""

# ruff: noqa: ARG001 - the clock's effect is being requested

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial

import pytest
import trio
from trio.testing import MockClock

from orchestrator.brand.outputs import FoldReport
from orchestrator.errors import (
    ArchiveBehindError,
    BrandBusyError,
    BrandPausedError,
    DeadLetterFullError,
    InvalidStateError,
    LeaseLostError,
    NewerStateError,
    QueueMovedError,
    SettingsRefusedError,
    StaleStateError,
    StoreRefusedError,
    StoreUnavailableError,
    TrialError,
    WrongTypeError,
)
from orchestrator.lane.lane import Lane
from orchestrator.lane.lifecycle import LaneState
from orchestrator.lane.outcome import LaneOutcome
from orchestrator.lane.step import Step
from orchestrator.lane.trial import TrialRequest
from tests.lane.fakes import Hangs, LaneUnderTest, Takes, in_thread, outcome_at

WORK = Step(items=1, fold=FoldReport(1, 3, 1), queued=9)
SUSPECT = Step(suspect=True, queued=1)
AWAY = StoreUnavailableError("no answer")


# -- waiting for work


async def test_lane_waits_for_work_up_to_the_fetch_timeout(visit: LaneUnderTest, autojump_clock: MockClock) -> None:
    """A drained brand is looked at every second and left after the fetch timeout: peeks at 0, 1, ..., 30 s."""
    assert await outcome_at(visit.lane(), {}) == (LaneOutcome.DRAINED, 30.0)
    assert len(visit.script.times("step")) == 31
    assert visit.script.ended == "settled"


async def test_lane_starts_the_fetch_timeout_anew_after_work(visit: LaneUnderTest, autojump_clock: MockClock) -> None:
    """Work found at the tenth peek moves the end: 9 s idle, then a commit, then 30 s more."""
    visit.script.steps.extend([Step(idle=True)] * 9 + [WORK])
    assert await outcome_at(visit.lane(), {}) == (LaneOutcome.DRAINED, 39.0)


async def test_lane_looks_at_once_when_woken(visit: LaneUnderTest, autojump_clock: MockClock) -> None:
    """A hint at 3.25 s is followed at 3.25 s, not at the next second."""
    lane = visit.lane()
    await outcome_at(lane, {3.25: lane.wake})
    assert visit.script.times("step")[:6] == [0.0, 1.0, 2.0, 3.0, 3.25, 4.25]


async def test_lane_woken_during_a_step_looks_again(visit: LaneUnderTest, autojump_clock: MockClock) -> None:
    """A hint that arrives while the queue is found empty may be newer than that: at 0.5 s it is looked at again."""
    visit.script.steps.append(Takes(0.5))
    lane = visit.lane()
    await outcome_at(lane, {0.25: lane.wake})
    assert visit.script.times("step")[:3] == [0.0, 0.5, 1.5]


async def test_lane_woken_during_a_commit_looks_again(visit: LaneUnderTest, autojump_clock: MockClock) -> None:
    """The peek that comes with a commit may be older than a hint: the queue is read again at 0.5 s, not at 1.5 s."""
    visit.script.steps.append(Takes(0.5, Step(items=1)))
    lane = visit.lane()
    await outcome_at(lane, {0.25: lane.wake})
    assert visit.script.times("step")[:4] == [0.0, 0.5, 0.5, 1.5]


async def test_lane_does_not_wait_without_hints(visit: LaneUnderTest, autojump_clock: MockClock) -> None:
    """Where polling has to find work anyway, a drained brand is left at once."""
    visit.hinted = False
    assert await outcome_at(visit.lane(), {}) == (LaneOutcome.DRAINED, 0.0)


# -- making room


async def test_lane_idle_yields_at_once(visit: LaneUnderTest, autojump_clock: MockClock) -> None:
    """An idle brand never occupies a lane while another has work."""
    lane = visit.lane()
    assert await outcome_at(lane, {3.25: lane.ask_to_yield}) == (LaneOutcome.DRAINED, 3.25)


async def test_lane_busy_yields_after_its_quantum(visit: LaneUnderTest, autojump_clock: MockClock) -> None:
    """Asked at 0.1 s, a lane with steps of 0.2 s ends its turn at 0.6 s: the first step that ends past 0.5 s."""
    visit.script.steps.extend([Takes(0.2, WORK)] * 99)
    lane = visit.lane()
    assert await outcome_at(lane, {0.1: lane.ask_to_yield}) == (LaneOutcome.YIELDED, 0.6)
    assert visit.script.ended == "settled"


async def test_lane_busy_keeps_its_brand_unless_asked(visit: LaneUnderTest, autojump_clock: MockClock) -> None:
    """Nobody waits, nobody yields: 20 steps of 0.2 s, then the idle time."""
    visit.script.steps.extend([Takes(0.2, WORK)] * 20)
    assert await outcome_at(visit.lane(), {}) == (LaneOutcome.DRAINED, 34.0)
    assert visit.commits == 20


async def test_lane_does_not_go_on_without_its_lease(visit: LaneUnderTest, autojump_clock: MockClock) -> None:
    """Somebody waits, so the thread gave the brand back itself; a hint that came meanwhile is for the next visit."""
    visit.script.ends = True
    visit.script.steps.append(Takes(0.5))
    lane = visit.lane()
    lane.ask_to_yield()
    assert await outcome_at(lane, {0.25: lane.wake}) == (LaneOutcome.DRAINED, 0.5)
    assert (visit.script.times("step"), visit.script.times("release")) == ([0.0], [])
    assert lane.woken
    assert visit.value("lease_events_total", event="released") == 1


async def test_lane_does_not_go_on_after_a_release_without_an_answer(
    visit: LaneUnderTest, autojump_clock: MockClock
) -> None:
    """The burst has ended its session all the same; the lane tries once more, and a hint is for the next visit."""
    visit.script.ends, visit.script.release = True, AWAY
    visit.script.steps.append(Takes(0.25))
    lane = visit.lane()
    lane.ask_to_yield()
    assert await outcome_at(lane, {0.125: lane.wake}) == (LaneOutcome.DRAINED, 0.25)
    assert (visit.script.times("step"), visit.script.times("release")) == ([0.0], [0.25])
    assert lane.woken


# -- failures


async def test_lane_retries_with_growing_pauses(visit: LaneUnderTest, autojump_clock: MockClock) -> None:
    """After three failures the fourth attempt works; the pauses are 0.1, 0.2, 0.4 s and up to 0.1 s of jitter each."""
    visit.script.steps.extend([AWAY, AWAY, AWAY, WORK])
    await outcome_at(visit.lane(), {})
    at_s = visit.script.times("step")[:4]
    for number, least_s in enumerate([0.1, 0.2, 0.4]):
        assert least_s <= at_s[number + 1] - at_s[number] <= least_s + 0.1001
    assert visit.value("lane_retries_total") == 3
    assert visit.commits == 1


@pytest.mark.parametrize("error", [AWAY, StoreRefusedError("OOM")])
async def test_lane_gives_up_after_its_retries(
    visit: LaneUnderTest, autojump_clock: MockClock, error: Exception
) -> None:
    """MAX_RETRIES=3 means four attempts; then the brand is released, without its state, and failed."""
    visit.script.steps.extend([error] * 9)
    lane = visit.lane()
    outcome, _ = await outcome_at(lane, {})
    assert outcome is LaneOutcome.FAILED
    assert len(visit.script.times("step")) == 4
    assert visit.script.ended == "abandoned"
    assert len(visit.script.times("release")) == 1
    assert lane.reason == str(error)
    assert visit.value("lane_failures_total") == 1


async def test_lane_retries_the_lease_too(visit: LaneUnderTest, autojump_clock: MockClock) -> None:
    """A failure at the very beginning is no different."""
    visit.script.opens.append(AWAY)
    outcome, _ = await outcome_at(visit.lane(max_retries=1), {})
    assert outcome is LaneOutcome.DRAINED
    assert len(visit.script.times("open")) == 2


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (BrandBusyError("x"), LaneOutcome.BUSY),
        (BrandPausedError("x"), LaneOutcome.PAUSED),
        (NewerStateError("x"), LaneOutcome.LEFT),
        (LeaseLostError("x"), LaneOutcome.LOST),
        (StaleStateError("x"), LaneOutcome.LOST),
        (QueueMovedError("x"), LaneOutcome.LOST),
        (WrongTypeError("x", "set", "list"), LaneOutcome.PARKED),
        (DeadLetterFullError("x"), LaneOutcome.FULL),
        (ArchiveBehindError("x"), LaneOutcome.FULL),
        (InvalidStateError("x"), LaneOutcome.PARKED),
        (SettingsRefusedError("x"), LaneOutcome.PARKED),
        (TrialError("x"), LaneOutcome.PARKED),
        (ZeroDivisionError("x"), LaneOutcome.FAILED),
        (MemoryError("x"), LaneOutcome.FAILED),
    ],
)
@pytest.mark.parametrize("where", ["opens", "steps"])
async def test_lane_ends_by_its_error_without_retrying(
    visit: LaneUnderTest, autojump_clock: MockClock, where: str, error: Exception, expected: LaneOutcome
) -> None:
    """Whatever a second attempt cannot mend ends the visit at once, and never the nursery around it."""
    getattr(visit.script, where).append(error)
    lane = visit.lane()
    assert await outcome_at(lane, {}) == (expected, 0.0)
    assert lane.reason
    assert visit.script.ended == "abandoned"
    assert visit.script.times("release") == [0.0]
    assert lane.lifecycle.state is LaneState.CLOSED
    assert visit.script.halved == (expected is LaneOutcome.LOST)


async def test_lane_gives_up_a_step_that_takes_too_long(visit: LaneUnderTest, autojump_clock: MockClock) -> None:
    """A hanging fold is abandoned at its deadline, and the next batch will be smaller."""
    visit.script.steps.append(Takes(1e6))
    lane = visit.lane(step_timeout_s=60.0)
    assert await outcome_at(lane, {}) == (LaneOutcome.FAILED, 60.0)
    assert "60 s" in lane.reason
    assert (visit.script.hung, visit.script.halved) == (1, 0)


async def test_lane_that_gave_up_a_step_lets_its_thread_begin_no_other(
    visit: LaneUnderTest, autojump_clock: MockClock
) -> None:
    """At 0.01 s of a burst of 0.03 s: there would be time for another step, but nobody waits for it."""
    visit.script.steps.append(Takes(1e6))
    assert await outcome_at(visit.lane(step_timeout_s=0.01), {}) == (LaneOutcome.FAILED, 0.01)
    assert not visit.script.may_go_on()


# -- being told


async def test_lane_that_lost_its_lease_stops_at_once(visit: LaneUnderTest, autojump_clock: MockClock) -> None:
    """What is under way would be refused anyway: cancelled in the middle of a step, at 2 s of 9."""
    visit.script.steps.append(Takes(9.0, WORK))
    lane = visit.lane(lease_ttl_s=2.0)
    assert await outcome_at(lane, {2.0: lane.lose}) == (LaneOutcome.LOST, 2.0)
    assert visit.script.ended == "abandoned"
    assert visit.value("lease_events_total", event="lost") == 1
    assert lane.reason == "the lease was not renewed in time"


@pytest.mark.parametrize(("lost_s", "event"), [(2.9, "taken"), (3.1, "lost")])
async def test_a_lease_that_goes_before_its_time_was_taken(
    visit: LaneUnderTest, autojump_clock: MockClock, lost_s: float, event: str
) -> None:
    """Renewed by what was sent at 1 s, it lives until 3 s at least: gone before, nobody here was too slow."""
    visit.script.steps.append(Takes(9.0, WORK))
    lane = visit.lane(lease_ttl_s=2.0)
    calls: dict[float, Callable[[], None]] = {1.5: partial(lane.renewed, 1.0), lost_s: lane.lose}
    assert await outcome_at(lane, calls) == (LaneOutcome.LOST, lost_s)
    counted = {name: visit.value("lease_events_total", event=name) for name in ("taken", "lost")}
    assert counted == {"taken": 0, "lost": 0} | {event: 1}
    assert ("before its time" in lane.reason) == (event == "taken")


async def test_only_a_lease_that_is_gone_can_have_been_taken(visit: LaneUnderTest, autojump_clock: MockClock) -> None:
    """A queue that somebody moved is another thing, and counts as ever."""
    visit.script.steps.append(QueueMovedError("x"))
    await outcome_at(visit.lane(), {})
    assert visit.value("lease_events_total", event="lost") == 1


async def test_lane_told_to_stop_finishes_its_step(visit: LaneUnderTest, autojump_clock: MockClock) -> None:
    """The commit under way is worth its second; the next step is not begun."""
    visit.script.steps.extend([Takes(3.0, WORK)] * 2)
    lane = visit.lane()
    assert await outcome_at(lane, {2.0: lane.stop}) == (LaneOutcome.YIELDED, 3.0)
    assert (visit.commits, visit.script.ended) == (1, "settled")


async def test_lane_told_to_stop_while_waiting_stops_at_once(visit: LaneUnderTest, autojump_clock: MockClock) -> None:
    """Between two steps there is nothing to finish."""
    lane = visit.lane()
    assert await outcome_at(lane, {2.5: lane.stop}) == (LaneOutcome.DRAINED, 2.5)
    assert visit.script.ended == "settled"


async def test_lane_told_to_stop_does_not_try_again(visit: LaneUnderTest, autojump_clock: MockClock) -> None:
    """A step that fails during the stop is the last one."""
    visit.script.steps.append(Takes(3.0, AWAY))
    lane = visit.lane()
    assert await outcome_at(lane, {2.0: lane.stop}) == (LaneOutcome.FAILED, 3.0)


async def test_lane_told_to_stop_before_it_began(visit: LaneUnderTest, autojump_clock: MockClock) -> None:
    """A lane that was only started has no brand to finish."""
    lane = visit.lane()
    lane.stop()
    assert await outcome_at(lane, {}) == (LaneOutcome.YIELDED, 0.0)
    assert visit.script.times("open") == []


async def test_lane_waits_a_second_for_its_release(visit: LaneUnderTest, autojump_clock: MockClock) -> None:
    """A lock that cannot be given back expires by itself; nobody waits for that."""
    visit.script.release = Takes(1e6, then=True)
    lane = visit.lane()
    assert await outcome_at(lane, {2.0: lane.lose}) == (LaneOutcome.LOST, 3.0)


async def test_lane_survives_a_release_that_fails(visit: LaneUnderTest, autojump_clock: MockClock) -> None:
    """Redis may be gone by then."""
    visit.script.release = AWAY
    outcome, _ = await outcome_at(visit.lane(), {})
    assert outcome is LaneOutcome.DRAINED


async def test_lane_cancelled_from_outside_still_releases(visit: LaneUnderTest, autojump_clock: MockClock) -> None:
    """Cancellation is passed on, and the lock does not wait for its ttl."""
    visit.script.steps.append(Takes(9.0, WORK))
    with trio.move_on_after(2.0) as scope:
        await visit.lane().run()
    assert scope.cancelled_caught
    assert visit.script.times("release") == [2.0]
    assert visit.script.ended == "abandoned"


# -- suspects


def _trials(visit: LaneUnderTest, *, survived: bool, takes_s: float = 0.0) -> list[TrialRequest]:
    """Let trials end as told; the requests that were made."""
    requests: list[TrialRequest] = []

    async def survivors(request: TrialRequest) -> int:
        requests.append(request)
        await trio.sleep(takes_s)
        return int(survived)

    visit.survivors = survivors
    return requests


@pytest.mark.parametrize("survived", [True, False])
async def test_lane_tries_a_suspect_and_says_how_it_went(
    visit: LaneUnderTest, autojump_clock: MockClock, *, survived: bool
) -> None:
    """The verdict goes to the session, and the visit goes on."""
    requests = _trials(visit, survived=survived)
    visit.script.steps.extend([SUSPECT, WORK])
    outcome, _ = await outcome_at(visit.lane(), {})
    assert (outcome, visit.commits) == (LaneOutcome.DRAINED, 1)
    assert visit.script.verdicts == [int(survived)]
    assert [request.items for request in requests] == [[b"suspect"]]


async def test_lane_acts_on_a_verdict_before_it_yields(visit: LaneUnderTest, autojump_clock: MockClock) -> None:
    """A trial takes 0.8 s of a turn of 0.5 s while another brand waits: the verdict is used, then the lane yields."""
    requests = _trials(visit, survived=False, takes_s=0.8)
    visit.script.steps.extend([SUSPECT, WORK, WORK])
    lane = visit.lane(quantum_s=0.5)
    assert await outcome_at(lane, {0.1: lane.ask_to_yield}) == (LaneOutcome.YIELDED, 0.8)
    assert (len(requests), visit.commits) == (1, 1)


async def test_lane_condemns_a_killer_before_it_yields(visit: LaneUnderTest, autojump_clock: MockClock) -> None:
    """Those before it are committed first; its turn is over by then, and another brand waits."""
    _trials(visit, survived=True)
    visit.script.steps.extend([SUSPECT, WORK, WORK, WORK])
    visit.script.judging_for = 3  # the burst that found the suspects, and one for either part of the verdict
    lane = visit.lane(quantum_s=0.0)
    lane.ask_to_yield()
    assert await lane.run() is LaneOutcome.YIELDED
    assert visit.commits == 2


async def test_lane_told_to_stop_ends_a_trial(visit: LaneUnderTest, autojump_clock: MockClock) -> None:
    """A trial may take longer than a stop, and nothing is known of its suspect afterwards."""
    _trials(visit, survived=True, takes_s=20.0)
    visit.script.steps.append(SUSPECT)
    lane = visit.lane()
    assert await outcome_at(lane, {2.0: lane.stop}) == (LaneOutcome.YIELDED, 2.0)
    assert visit.script.verdicts == []


async def test_lane_told_to_stop_begins_no_trial(visit: LaneUnderTest, autojump_clock: MockClock) -> None:
    """A suspect that turns up during the stop is left for the next visit."""
    requests = _trials(visit, survived=True)
    visit.script.steps.append(Takes(3.0, SUSPECT))
    lane = visit.lane()
    assert await outcome_at(lane, {2.0: lane.stop}) == (LaneOutcome.YIELDED, 3.0)
    assert requests == []


# -- telling


async def test_lane_counts_what_was_committed(visit: LaneUnderTest, autojump_clock: MockClock) -> None:
    """Metrics speak of commits that are in, by what they contained."""
    step = Step(
        items=7,
        fold=FoldReport(4, 12, 5, retimed=2, late=1, zoneless=3, implausible=4),
        duplicates=1,
        failed=2,
        duplicate_commit=True,
        queued=3,
    )
    poisoned = Step(items=1, failed=1, poisoned=1)
    visit.script.steps.extend([step, poisoned])
    await outcome_at(visit.lane(), {})
    totals = {
        name: visit.value(f"{name}_total")
        for name in (
            *("chunks_merged", "mentions_merged", "clusters_aggregated"),
            *("chunks_retimed", "chunks_late", "chunks_zoneless", "chunks_implausible", "chunks_duplicate"),
            "chunks_conflicting",
        )
    }
    assert totals == {
        "chunks_merged": 4,
        "mentions_merged": 12,
        "clusters_aggregated": 5,
        "chunks_retimed": 2,
        "chunks_late": 1,
        "chunks_zoneless": 3,
        "chunks_implausible": 4,
        "chunks_duplicate": 1,
        "chunks_conflicting": 0,
    }
    assert visit.value("chunks_failed_total", kind="invalid") == 2
    assert visit.value("chunks_failed_total", kind="poison") == 1
    assert visit.value("commits_total", outcome="duplicate") == 1


async def test_lane_tells_io_from_folding(visit: LaneUnderTest, autojump_clock: MockClock) -> None:
    """Of a step that says it folded for longer than it took, nothing is left for I/O; every call is observed."""
    visit.script.steps.append(Step(items=1, fold_s=99.0))
    visit.hinted = False
    await outcome_at(visit.lane(), {})
    assert visit.value("io_time_seconds_count") == 2  # the lease and a step with work, an idle one
    assert visit.value("io_time_seconds_sum") < 5.0
    assert visit.value("processing_time_seconds_sum") == 99.0


async def test_lane_hanging_in_a_thread_holds_up_nobody(visit: LaneUnderTest, mock_clock: MockClock) -> None:
    """A fold that never returns costs its thread alone: its lane lets go, and other lanes still get theirs.

    Time stands still until the step has its thread, and then is over: on a busy machine that may take any time.
    """
    hangs = Hangs(threading.Semaphore(0), threading.Event())
    visit.script.steps.extend([hangs] * 3)
    try:
        for _ in range(3):
            lane = visit.lane(step_timeout_s=30.0)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_fails, lane)
                assert await in_thread(partial(hangs.begun.acquire, timeout=20)), "the step never got its thread"
                mock_clock.jump(30.0)
    finally:
        hangs.forever.set()
    assert len(visit.script.times("release")) == 3


async def _fails(lane: Lane) -> None:
    assert await lane.run() is LaneOutcome.FAILED


async def test_lane_that_is_engaged_commits_before_it_yields(visit: LaneUnderTest, autojump_clock: MockClock) -> None:
    """What is folded and in no commit is not left behind when another brand waits."""
    lane = visit.lane(quantum_s=0.0)
    visit.script.steps += [Step(items=1), Step(items=1), Step(items=1)]
    visit.script.engaged_for = 2
    lane.ask_to_yield()
    assert await lane.run() is LaneOutcome.YIELDED
    assert len(visit.script.times("step")) == 2


async def test_lane_whose_burst_failed_says_so_before_it_yields(
    visit: LaneUnderTest, autojump_clock: MockClock
) -> None:
    """A failure that waits to be raised ends the visit as what it is, also when the turn is over."""
    lane = visit.lane(quantum_s=0.0)
    visit.script.steps += [Step(items=1), StaleStateError("another commit came between")]
    lane.ask_to_yield()
    visit.script.failing = True
    assert await lane.run() is LaneOutcome.LOST


# -- how long its work is


async def test_lane_whose_steps_are_long_asks_for_the_place_of_long_work(
    visit: LaneUnderTest, autojump_clock: MockClock
) -> None:
    """A step of 0.5 s lets the next one be taken for long, one of 0.01 s for short, and so is opening at first."""
    visit.script.steps.extend([Takes(0.5, WORK), WORK, Takes(0.01, WORK)])
    await outcome_at(visit.lane(fetch_timeout_s=0.0), {})
    assert visit.hands.long == [False, True, False, False]


async def test_next_visit_knows_how_long_the_work_was(visit: LaneUnderTest, autojump_clock: MockClock) -> None:
    """Else the first chunk of each visit would keep others waiting."""
    visit.script.steps.append(Takes(0.5, WORK))
    lane = visit.lane()
    await outcome_at(lane, {0.4: lane.stop})
    visit.hands.long.clear()
    assert lane.warm is not None
    await outcome_at(visit.lane(warm=lane.warm, fetch_timeout_s=0.0), {})
    assert visit.hands.long[0]
