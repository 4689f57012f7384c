"""Lanes with everything real: threads, Redis, trials. What virtual time cannot show."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from orchestrator.lane.lane import Lane, LaneOptions, LaneTools
from orchestrator.lane.outcome import LaneOutcome
from orchestrator.lane.session import Sessions, Warm
from orchestrator.lane.suspects import POISON, TRIAL_ATTEMPTS
from orchestrator.lane.telling import Audience
from orchestrator.lane.trial import TrialLimits
from orchestrator.process import failpoints
from orchestrator.process.metrics import Metrics
from orchestrator.store import Line, Reply
from tests.lane.support import CONFIG, Brand

DEADLINE_S = 60.0


@pytest.fixture
def _released_at_the_end(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Hanging folds of this process end with the test; those of a trial hang until they are killed."""
    gate = threading.Event()

    def hang() -> None:
        gate.wait()
        raise RuntimeError("let go")  # the thread must not pass the failpoints of a later test

    monkeypatch.setitem(failpoints.ACTIONS, "hang", hang)
    yield
    gate.set()


def tools_of(queue: Brand, metrics: Metrics, committed: Callable[[str, int], None]) -> LaneTools:
    """What a lane has in the service; without wake hints it waits for nothing."""
    return LaneTools(Sessions(queue.store, CONFIG), Audience(metrics, committed), lambda: False)


class Visits:
    """One visit after the other, as a scheduler makes them."""

    def __init__(self, queue: Brand, **options: float) -> None:
        self.metrics = Metrics(merge_implementation="python")
        self._brand = queue.name
        self._tools = tools_of(queue, self.metrics, lambda _brand, _queued: None)
        self._options = LaneOptions(**options)  # type: ignore[arg-type]
        self.warm: Warm | None = None

    async def one(self, *, yield_at_once: bool = False) -> LaneOutcome:
        """One visit with what the last one left."""
        lane = Lane(self._brand, 0, self._tools, self._options, self.warm)
        if yield_at_once:
            lane.ask_to_yield()
        outcome = await lane.run()
        self.warm = lane.warm
        return outcome

    async def until_drained(self) -> list[LaneOutcome]:
        """All outcomes up to the one that leaves nothing to do."""
        outcomes = []
        with trio.fail_after(DEADLINE_S):
            for _ in itertools.count():
                outcomes.append(await self.one())
                if outcomes[-1] is LaneOutcome.DRAINED:
                    break
        return outcomes


async def test_lane_drains_a_real_queue(queue: Brand) -> None:
    """All chunks are folded in one visit, counted, and the lock is gone."""
    queue.push_ids(*(f"c-{number}" for number in range(200)))
    visits = Visits(queue)
    assert await visits.until_drained() == [LaneOutcome.DRAINED]
    assert queue.summary()["totalChunks"] == 200
    assert visits.metrics.registry.get_sample_value("orchestrator_chunks_merged_total") == 200
    assert not queue.locked()


async def test_lane_folds_ahead_in_a_long_queue(queue: Brand, monkeypatch: pytest.MonkeyPatch) -> None:
    """The questions of batches that are folded ahead are asked, and the lane ends with nothing uncommitted."""
    asked: list[Line] = []
    ask_time = queue.store.ask_time

    def noted(line: Line) -> Reply[int]:
        asked.append(line)
        return ask_time(line)

    monkeypatch.setattr(queue.store, "ask_time", noted)
    queue.push_ids(*(f"c-{number}" for number in range(6_000)))
    visits = Visits(queue)
    assert await visits.until_drained() == [LaneOutcome.DRAINED]
    assert queue.summary()["totalChunks"] == 6_000
    assert len(asked) > 1


async def test_lane_that_is_to_yield_folds_nothing_ahead(queue: Brand) -> None:
    """Else its last batch would always be followed by another one, and it would never come to an end."""
    queue.push_ids(*(f"c-{number}" for number in range(6_000)))
    visits = Visits(queue, quantum_s=0.0)
    with trio.fail_after(DEADLINE_S):
        assert await visits.one(yield_at_once=True) is LaneOutcome.YIELDED
    assert queue.queued() > 0
    assert visits.warm is not None
    assert visits.warm.state is not None


async def test_lane_told_to_stop_in_its_thread_folds_nothing_ahead(queue: Brand) -> None:
    """It ends after the commits that are under way, however long the queue is."""
    queue.push_ids(*(f"c-{number}" for number in range(20_000)))
    committed = trio.Event()
    tools = tools_of(queue, Metrics(merge_implementation="python"), lambda _brand, _queued: committed.set())
    lane = Lane(queue.name, 0, tools, LaneOptions(), None)
    with trio.fail_after(DEADLINE_S):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(lane.run)
            await committed.wait()
            while not lane.in_call:
                await trio.lowlevel.checkpoint()
            lane.stop()
    assert queue.queued() > 0
    assert lane.warm is not None
    assert lane.warm.state is not None


async def test_lane_told_to_stop_as_its_thread_begins_gives_its_lease_back(
    queue: Brand, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The thread has the call, and did nothing of it yet: it is waited for, or its lease would be nobody's."""
    queue.push_ids("c-1")
    taken, told = threading.Event(), threading.Event()

    def begins() -> float:
        taken.set()
        told.wait(DEADLINE_S)
        return 0.0

    monkeypatch.setattr("orchestrator.lane.lane.perf_counter", begins)
    lane = Lane(
        queue.name, 0, tools_of(queue, Metrics(merge_implementation="python"), lambda *_: None), LaneOptions(), None
    )
    with trio.fail_after(DEADLINE_S):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(lane.run)
            await trio.to_thread.run_sync(taken.wait)
            lane.stop()
            await wait_all_tasks_blocked()
            told.set()
    assert queue.summary()["totalChunks"] == 1
    assert not queue.locked()


async def test_lane_parks_a_brand_of_a_foreign_type(queue: Brand) -> None:
    """Nothing is changed, and the lane says what is wrong."""
    queue.client.set(queue.keys.queue, "text")
    assert await Visits(queue).one() is LaneOutcome.PARKED
    assert queue.client.get(queue.keys.queue) == b"text"
    assert not queue.locked()


async def test_lane_finds_a_busy_brand_busy(queue: Brand) -> None:
    """The holder keeps its lease."""
    holder = queue.opened()
    assert await Visits(queue).one() is LaneOutcome.BUSY
    assert holder.release()


@pytest.mark.usefixtures("armed", "_released_at_the_end")
@pytest.mark.parametrize("action", ["bug", "hang"])
async def test_lane_moves_a_killer_aside(queue: Brand, monkeypatch: pytest.MonkeyPatch, action: str) -> None:
    """A chunk whose fold raises is condemned after its attempts, one that hangs after a step; neighbours are folded."""
    monkeypatch.setattr(TrialLimits, "for_chunks", lambda _bytes: TrialLimits(wall_s=0.2))
    failpoints.arm("chunk")
    queue.push_ids(f"poison:{action}:1", "innocent")
    outcomes = await Visits(queue, step_timeout_s=0.5).until_drained()
    # On a slow machine an innocent step may be given up as well, but no attempt of a hanging one is for nothing.
    assert (outcomes.count(LaneOutcome.FAILED) >= TRIAL_ATTEMPTS - 1) == (action == "bug")
    assert [letter["reason"] for letter in queue.failed()] == [POISON]
    assert queue.summary()["totalChunks"] == 1
    assert not queue.locked()


@pytest.mark.usefixtures("armed")
async def test_lane_abandoned_in_a_fold_commits_nothing_later(queue: Brand, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fold that comes back after its lane gave up finds its session closed; the chunk is folded once."""
    gate = threading.Event()
    monkeypatch.setitem(failpoints.ACTIONS, "hang", gate.wait)
    failpoints.arm("session.folded=hang")
    queue.push_ids("a")
    visits = Visits(queue, step_timeout_s=0.3)
    assert await visits.one() is LaneOutcome.FAILED
    gate.set()
    await visits.until_drained()
    assert queue.summary()["totalChunks"] == 1
    assert queue.meta("version") == 1


async def test_lane_goes_on_after_another_one_took_over(queue: Brand) -> None:
    """A lane whose lock was taken loses nothing: its next visit starts from what Redis holds."""
    queue.push_ids("a")
    visits = Visits(queue)
    await visits.until_drained()
    queue.push_ids("b")
    queue.visit()
    queue.push_ids("c")
    assert await visits.until_drained() == [LaneOutcome.DRAINED]
    assert queue.summary()["totalChunks"] == 3
