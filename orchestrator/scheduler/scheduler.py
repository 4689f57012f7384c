"""Lanes for brands: which start, which make room, whose leases are renewed, and how all of them stop.

Owns the running lanes. It only carries out: which brand is next is decided by the roster, and work is noticed by
discovery.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from math import nan
from typing import Any

import structlog
import trio

from orchestrator.contract.pauses import Pause
from orchestrator.errors import StoreError
from orchestrator.fleet.members import Member, Share
from orchestrator.fleet.noticing import Trouble
from orchestrator.lane.hands import Hands
from orchestrator.lane.lane import Lane, LaneOptions, LaneTools
from orchestrator.lane.lifecycle import LaneState
from orchestrator.lane.outcome import LaneOutcome
from orchestrator.lane.session import Session, Warm
from orchestrator.lane.telling import Audience, tell_nobody
from orchestrator.lane.turn import Clocks
from orchestrator.process.metrics import Metrics
from orchestrator.scheduler.backlog import BacklogStatistics
from orchestrator.scheduler.discovery import Discovery, DiscoveryOptions
from orchestrator.scheduler.ownership import registry_name
from orchestrator.scheduler.roster import Roster
from orchestrator.scheduler.strain import Strain
from orchestrator.scheduler.warm_states import WarmStates
from orchestrator.store.cluster.topology import ClusterStatistics
from orchestrator.store.store import Store
from orchestrator.store.types import Lease


@dataclass(frozen=True, slots=True)
class SchedulerOptions:
    """How many lanes, and how they and discovery behave.

    Attributes:
        concurrency: most lanes at the same time.
        renew_interval_s: seconds between two renewals of all leases, a third of their ttl.
        warm_bytes: most that states between two visits may take in memory, 0: none is kept.
        lane: how each lane behaves.
        discovery: how brands and their work are found.
    """

    concurrency: int
    renew_interval_s: float
    warm_bytes: int
    lane: LaneOptions
    discovery: DiscoveryOptions


@dataclass(frozen=True, slots=True)
class LaneStatistics:
    """One running lane: its brand, what it does and for how many seconds."""

    brand: str
    state: LaneState
    for_s: float


@dataclass(frozen=True, slots=True)
class SchedulerStatistics:
    """A snapshot of scheduler, roster and discovery.

    Attributes:
        processed: visits that committed something, since the start.
        last_commit_ms: Unix milliseconds of the last commit of this process, None before the first.
        successful: brands whose last visit went well.
        failed: brands whose last visit was given up, or which are parked.
        parked: brands that need a human, and why.
        left: brands whose state a newer version wrote.
        paused: brands that an operator paused.
        redis_reason: why Redis does not serve, in the server's words.
        redis_summary: the same in ours, for strangers.
        backlog: what waits in the queues of all registered brands, whoever counts them, None if that is not known.
        clock_problem: why nothing is claimed although Redis serves; empty if it is not so.
        cluster: how the nodes stand, None where there is one server.
        brands_away: brands of nodes that are away.
        clocks: nodes whose clock is another than ours, and why nothing of theirs is claimed.
    """

    lanes: tuple[LaneStatistics, ...]
    registered: int
    processed: int
    last_commit_ms: int | None
    successful: int
    failed: int
    parked: dict[str, Trouble]
    left: list[str]
    redis_up: bool
    redis_reason: str
    redis_summary: str
    clock_problem: str
    registry_read: bool
    hinted: bool
    backlog: BacklogStatistics | None = None
    paused: Mapping[str, Pause] = field(default_factory=dict)
    cluster: ClusterStatistics | None = None
    brands_away: int = 0
    clocks: Mapping[str, str] = field(default_factory=dict)


class Scheduler:
    """Runs lanes for the brands of a store.

    Args:
        new_session: makes the session of a brand, from what an earlier one left.
        clocks: tell when a brand's turn is over, and how long its steps compute.
        alert: called with a brand whose commit wrote alerts into its outbox; must not wait.
        hands: carry out what lanes compute.

    Attributes:
        registry_name: stands for the keys that the brands are registered under.
        troubled: called when :meth:`troubles` may have changed; must not wait.
        committed: called with the brand of each commit; must not wait.
    """

    def __init__(  # noqa: PLR0913 - what tests replace comes last
        self,
        store: Store,
        new_session: Callable[[str, Warm | None], Session],
        options: SchedulerOptions,
        metrics: Metrics,
        *,
        alert: Callable[[str], None] = tell_nobody,
        clocks: Clocks | None = None,
        hands: Hands | None = None,
    ) -> None:
        self._store = store
        self._options = options
        self._metrics = metrics
        self._roster = Roster(backoff_base=options.lane.backoff_base, park_s=options.discovery.registry_interval_s)
        self.registry_name = registry_name(options.discovery.registry_keys)
        self._discovery = Discovery(store, self._roster, options.discovery, metrics, lanes=self)
        self._tools = LaneTools(
            new_session=new_session,
            audience=Audience(metrics, self._note_commit, alert),
            hinted=lambda: self._discovery.hinted,
            clocks=clocks or Clocks(),
            hands=hands or Hands(),
        )
        self.troubled: Callable[[], None] = lambda: None
        self.committed: Callable[[str], None] = tell_nobody
        self._committed: set[str] = set()
        self._lanes: dict[str, Lane] = {}
        self._strain = Strain()
        self._warm = WarmStates(options.warm_bytes, metrics)
        self._processed = 0
        self._last_commit_ms: int | None = None
        self._changed = trio.Event()
        self._most_lanes = options.concurrency
        self._quiet = False
        self._stopping = False
        self._all_closed = trio.Event()
        self._log = structlog.get_logger("orchestrator.scheduler")
        metrics.before_scrape.append(self._expose_backlog)
        metrics.lanes.set(options.concurrency)

    def statistics(self) -> SchedulerStatistics:
        """What is going on, without I/O."""
        now_s = trio.current_time()
        return SchedulerStatistics(
            lanes=tuple(
                LaneStatistics(lane.brand, lane.state, now_s - lane.lifecycle.since_s) for lane in self._lanes.values()
            ),
            registered=len(self._roster.brands()),
            processed=self._processed,
            last_commit_ms=self._last_commit_ms,
            successful=self._roster.successful(),
            failed=self._roster.failed(),
            parked=self._roster.parked(),
            left=self._roster.left(),
            backlog=self.backlog(),
            paused=self._discovery.pauses.holding,
            redis_up=self._discovery.redis_health.up,
            redis_reason=self._discovery.redis_health.reason,
            redis_summary=self._discovery.redis_health.summary,
            clock_problem=self._discovery.clock_health.problem,
            registry_read=self._discovery.registry_read,
            hinted=self._discovery.hinted,
            **self._cluster(),
        )

    def _cluster(self) -> dict[str, Any]:
        topology = self._store.topology
        if topology is None:
            return {}
        statistics = topology.statistics()
        return {
            "cluster": statistics,
            "brands_away": self._store.count_away(self._roster.brands()),
            "clocks": self._store.clock.problems(),
        }

    def backlog(self) -> BacklogStatistics | None:
        """What waits in the queues of all registered brands, None if that is not known."""
        return self._discovery.sharing.together.statistics(trio.current_time())

    def heard(self, members: Sequence[Member]) -> None:
        """*members* live: brands are shared out among those of them that share the work, and us."""
        self._discovery.heard(members)

    def share(self, *, busy: bool) -> Share | None:
        """What to tell the others of the brands that are ours; None: we cannot take care of any now.

        Args:
            busy: whether the processor leaves no time for more.
        """
        now_s, discovery = trio.current_time(), self._discovery
        own = discovery.backlog.statistics(now_s)
        if own is None or self._stopping or self._quiet or not self._serves():
            return None
        return Share(
            registry=self.registry_name,
            view=discovery.backlog.view,
            strained=self._strain.lasts(now_s, busy=busy),
            chunks=own.chunks,
            brands=own.brands,
            paused_chunks=own.paused_chunks,
            oldest_s=own.oldest_s,
            age_s=now_s - discovery.backlog.counted_s,
        )

    def working(self) -> tuple[str, ...]:
        """The brands that lanes have."""
        return tuple(self._lanes)

    def troubles(self) -> dict[str, Trouble]:
        """Brands that this process leaves alone or cannot get done, and why."""
        return self._roster.troubles()

    def take_committed(self) -> set[str]:
        """Brands for which this process has committed since the last call."""
        taken, self._committed = self._committed, set()
        return taken

    def brands(self) -> tuple[str, ...]:
        """The registered brands, as last read."""
        return self._roster.brands()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Give lanes to brands until :meth:`stop` was called and the last lane has ended.

        Cancellation ends every lane at once; each leaves either a committed batch or nothing.
        """
        async with trio.open_nursery() as helpers:
            # The renewer outlives the lanes: a stopping lane still commits under its lease.
            await helpers.start(self._renew_leases)
            await helpers.start(self._discovery.read_registry)
            await helpers.start(self._discovery.claim_work)
            await helpers.start(self._discovery.settle_doubts)
            await helpers.start(self._discovery.sharing.ask_later)
            await helpers.start(self._discovery.follow_hints)
            await helpers.start(self._discovery.count_dead_letters)
            await helpers.start(self._discovery.follow_moves)
            task_status.started()
            async with trio.open_nursery() as lanes:
                await self._dispatch(lanes)
            helpers.cancel_scope.cancel()
        self._all_closed.set()

    async def stop(self) -> None:
        """Start no more lanes; let each finish its step and release its brand. Returns when all have."""
        self._stopping = True  # before the notice, which has the dispatcher look at it
        self.notice()
        for lane in tuple(self._lanes.values()):
            lane.stop()
        await self._all_closed.wait()

    # -- what operators order

    def be_quiet(self) -> None:
        """Take no more brands; each lane releases its own once the step under way is committed."""
        self._quiet = True
        self._metrics.quiet.set(1)
        for lane in tuple(self._lanes.values()):
            lane.stop()

    def resume(self) -> None:
        """Take brands again."""
        self._quiet = False
        self._metrics.quiet.set(0)
        self.notice()

    def set_lanes(self, lanes: int) -> None:
        """Work on so many brands at the same time from now on; of more, some are released as their turns end."""
        self._most_lanes = lanes
        self._metrics.lanes.set(lanes)
        # Those that wait for chunks first: nobody is kept from anything by that.
        by_use = sorted(self._lanes.values(), key=lambda lane: not lane.waiting)
        for lane in by_use[: max(0, len(by_use) - lanes)]:
            lane.ask_to_yield()
        self.notice()

    def _expose_backlog(self) -> None:
        if self._store.topology is not None:
            away = sum(master.away != "" for master in self._store.topology.statistics().masters)
            self._metrics.cluster_masters_away.set(away)
            self._metrics.brands_away.set(self._store.count_away(self._roster.brands()))
        backlog = self.backlog()
        if backlog is None:
            self._metrics.set_backlog(nan, nan, nan, nan)
        else:
            self._metrics.set_backlog(backlog.chunks, backlog.brands, backlog.oldest_s, backlog.paused_chunks)

    # -- what discovery tells

    def notice(self) -> None:
        """A brand may have become ready."""
        self._changed.set()

    def wake(self, brand: str) -> bool:
        """Pass a wake hint on to the lane that holds *brand*, if there is one."""
        lane = self._lanes.get(brand)
        if lane is None:
            return False
        lane.wake()
        return True

    def show_anew(self, brand: str) -> None:
        """Have the lane that holds *brand* show readers all of it, if there is one here."""
        lane = self._lanes.get(brand)
        if lane is not None:
            lane.show_anew()

    def dismiss(self, brand: str) -> None:
        """Stop working on a brand that left the registry."""
        lane = self._lanes.get(brand)
        if lane is not None:
            lane.stop()

    def spare(self) -> int:
        """How many more brands could be worked on now: a lane that waits for chunks makes room for another brand."""
        if self._quiet or self._stopping:
            return 0
        working = sum(1 for lane in self._lanes.values() if not lane.waiting)
        return self._most_lanes - working - self._roster.waiting(trio.current_time())

    # -- lanes

    def _note_commit(self, brand: str, queued: int) -> None:
        self._discovery.backlog.committed(brand, queued, trio.current_time())
        lane = self._lanes.get(brand)
        # At the first commit of a visit and not at its end: with steady traffic that may be hours away.
        if lane is not None and lane.commits == 1:
            self._processed += 1
            self._metrics.brands_processed.inc()
        self._last_commit_ms = time.time_ns() // 1_000_000
        self._committed.add(brand)
        self.committed(brand)
        ailed = self._roster.ails(brand)
        self._roster.progress(brand)
        if ailed:
            self.troubled()

    async def _dispatch(self, nursery: trio.Nursery) -> None:
        while not self._stopping:
            # Before the look at the roster: what changes after the look must end the wait below.
            self._changed = trio.Event()
            now_s = trio.current_time()
            while self._may_start() and (brand := self._roster.take(now_s)) is not None:
                self._start(brand, nursery)
            waiting = self._roster.has_waiting(now_s)
            self._strain.look(now_s, waiting=waiting)
            if waiting:
                self._make_room()
            next_s = self._roster.next_start_s()
            # A brand that may start now waits for a lane to end, and that is a change. Only later ones need a clock.
            with trio.move_on_at(next_s if next_s is not None and next_s > now_s else float("inf")):
                await self._changed.wait()

    def _may_start(self) -> bool:
        # While Redis is away a lane could only fail. Its recovery is a change, so no brand is forgotten.
        return len(self._lanes) < self._most_lanes and self._serves() and not self._quiet

    def _serves(self) -> bool:
        return self._discovery.redis_health.up and not self._discovery.clock_health.problem

    def _start(self, brand: str, nursery: trio.Nursery) -> None:
        taken = {lane.number for lane in self._lanes.values()}
        # The lowest that is free: in the log it tells which of the concurrent lanes this is.
        number = next(number for number in itertools.count() if number not in taken)
        ready_s = self._discovery.backlog.since_s(brand, trio.current_time())
        lane = Lane(brand, number, self._tools, self._options.lane, self._warm.take(brand), ready_s=ready_s)
        self._lanes[brand] = lane
        self._metrics.brands_active.set(len(self._lanes))
        nursery.start_soon(self._run_lane, lane)

    async def _run_lane(self, lane: Lane) -> None:
        outcome = LaneOutcome.LOST
        try:
            outcome = await lane.run()
        finally:
            del self._lanes[lane.brand]
            self._metrics.brands_active.set(len(self._lanes))
        if lane.warm is not None and lane.brand in self._roster:
            self._warm.put(lane.brand, lane.warm)
        if outcome is LaneOutcome.LEFT and lane.brand not in self._roster.left():  # told once, however often it is met
            self._log.warning("brand left to a newer version", brand=lane.brand, reason=lane.reason)
        ailed = self._roster.ails(lane.brand)
        self._roster.finish(lane.brand, outcome, trio.current_time(), reason=lane.reason, code=lane.code)
        if ailed or self._roster.ails(lane.brand):
            self.troubled()
        self._discovery.sharing.ended(lane.brand, lent=outcome is LaneOutcome.BUSY)
        if outcome is LaneOutcome.PAUSED:
            self._discovery.look_at_pauses()
        if outcome is LaneOutcome.DRAINED:
            self._discovery.backlog.drained(lane.brand)
            self._discovery.ended(lane.brand, hinted=lane.woken)
            if lane.warm is not None and lane.warm.token:  # again at once: the release got no answer
                self._roster.mark_ready(lane.brand)
                self._discovery.backlog.ready(lane.brand, trio.current_time())
        self._discovery.count_alone()
        self._discovery.clock_health.look()  # a lane may have found what no claim has met yet
        self.notice()

    def _make_room(self) -> None:
        """Ask the lane that is idle longest to release its brand; if none is idle, all, each at the end of its turn."""
        waiting = [lane for lane in self._lanes.values() if lane.waiting]
        if waiting:
            min(waiting, key=lambda lane: lane.lifecycle.since_s).ask_to_yield()
            return
        for lane in self._lanes.values():
            lane.ask_to_yield()

    async def _renew_leases(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        limiter = trio.CapacityLimiter(1)
        task_status.started()
        while True:
            await trio.sleep(self._options.renew_interval_s)
            # Asked once: the lane's thread may give its lease back at any time.
            leases = [lease for lane in self._lanes.values() if (lease := lane.lease) is not None]
            if not leases:
                continue
            sent_s = trio.current_time()
            try:
                lost = await trio.to_thread.run_sync(self._store.renew, leases, limiter=limiter, abandon_on_cancel=True)
            except StoreError as error:
                self._log.warning("leases not renewed", leases=len(leases), reason=str(error))
                continue
            self._metrics.lease_events.labels("renewed").inc(len(leases) - len(lost))
            self._tell_renewed(leases, {(lease.brand, lease.token) for lease in lost}, sent_s)

    def _tell_renewed(self, leases: Sequence[Lease], lost: Collection[tuple[str, str]], sent_s: float) -> None:
        """End the lanes whose leases are lost; the others go on, unless the brand has a newer lease by now."""
        for lease in leases:
            lane = self._lanes.get(lease.brand)
            held = None if lane is None else lane.lease
            if lane is None or held is None or held.token != lease.token:
                continue
            if (lease.brand, lease.token) in lost:
                lane.lose()
            else:
                lane.renewed(sent_s)
