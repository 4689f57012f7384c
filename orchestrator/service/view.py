"""The running service as HTTP sees it: statistics and published documents.

Implements :class:`orchestrator.http.ServiceView` over scheduler, documents and updates. Decides what "ready"
means; owns no lane and no connection.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import TypeVar, cast

import trio

from orchestrator.alerts.deliver import Alerts
from orchestrator.archivist.archivist import Archivist, ArchivistStatistics
from orchestrator.contract.alert_routes import TESTING, RouteStates, overdue, said
from orchestrator.contract.pauses import Pause, resuming
from orchestrator.contract.summary import EpisodeKind
from orchestrator.contract.times import iso_utc_seconds
from orchestrator.fleet.noticing import Trouble
from orchestrator.fleet.ordering import resuming as resuming_process
from orchestrator.fleet.parking import REMEDIES, Code, remedy
from orchestrator.fleet.view import FleetView
from orchestrator.fleet.words import alone, conflicts
from orchestrator.http import Check, Lag, Notice, PastView, ServiceStatistics, Status, SummaryUpdate
from orchestrator.kernels import choice
from orchestrator.scheduler.scheduler import Scheduler, SchedulerStatistics
from orchestrator.service.fitness import Fitness
from orchestrator.service.heartbeat import Heartbeat
from orchestrator.service.orphans import OrphanWatch
from orchestrator.service.primary import PrimaryWatch
from orchestrator.service.tender import UNTENDED_HELPS, Tender
from orchestrator.service.updates import UpdateFeed
from orchestrator.store.cluster.fitness import told
from orchestrator.store.documents import Documents
from orchestrator.store.preflight import Finding, Verdict, worst
from orchestrator.store.unarchived import LATE_S

T = TypeVar("T")

READ_THREADS = 8
"""Concurrent reads for pages and the API; more wait, so that readers never starve lanes of connections."""

FLEET_AGE_S = 1.0
"""Age at which a look at all brands is repeated for who asks: it costs Redis 20 µs a brand."""

FLEET_KEPT_S = 15.0
"""Age up to which it is shown to who will not wait for another one: so often pages look again."""

_SHOWN = 5
"""Brands that a check names."""


class Service:
    """What HTTP may ask.

    Args:
        redis_address: where others reach the embedded Redis, None for a configured one.

    Attributes:
        stopping: whether the service stops.
        fitness: looks at the server again and again; None: nobody does.
        primary: sees the primary move that sentinels name; None: nobody does.
        orphans: looks for queues of unregistered brands; None: nobody does.
        alerts: tells endpoints of episodes; None: nobody does.
        archivist: brings what was consumed into the archive; None: there is none.
        tender: has the archive's days tended; None: nothing is to be done there.
        retellers: tells of the past, out of an archive; None: none is set.
    """

    def __init__(
        self,
        orchestrator_id: str,
        scheduler: Scheduler,
        heartbeat: Heartbeat,
        documents: Documents,
        feed: UpdateFeed,
        *,
        redis_address: str | None = None,
    ) -> None:
        self.fitness: Fitness | None = None
        self.primary: PrimaryWatch | None = None
        self.orphans: OrphanWatch | None = None
        self.alerts: Alerts | None = None
        self.archivist: Archivist | None = None
        self.tender: Tender | None = None
        self.retellers: PastView | None = None
        self.stopping = False
        self._orchestrator_id = orchestrator_id
        self._scheduler = scheduler
        self._heartbeat = heartbeat
        self._documents = documents
        self._feed = feed
        self._redis_address = redis_address
        self._started_s = time.monotonic()
        self._looking = trio.CapacityLimiter(1)
        self._known: tuple[float, FleetView] | None = None  # since when, and what was seen
        self._limiter = trio.CapacityLimiter(READ_THREADS)

    def statistics(self) -> ServiceStatistics:
        """A snapshot, without I/O."""
        scheduler = self._scheduler.statistics()
        checks = {
            "redis": _redis_check(scheduler, "" if self.primary is None else self.primary.said),
            "clock": _clock_check(scheduler),
            **_cluster_check(scheduler),
            "server": _server_check([] if self.fitness is None else self.fitness.findings()),
            "lanes": _lanes_check(scheduler),
            "paused": _paused_check(scheduler.paused),
            "orders": _orders_check(self._heartbeat),
            "settings": _settings_check(self._heartbeat),
            "alerts": _alerts_check(None if self.alerts is None else self.alerts.states()),
            **self._archive_check(),
            "merge": _merge_check(),
        }
        return ServiceStatistics(
            status=self._status(scheduler, checks),
            orchestrator_id=self._orchestrator_id,
            uptime_s=time.monotonic() - self._started_s,
            registered_brands=scheduler.registered,
            processed_brands=scheduler.processed,
            active_brands=len(scheduler.lanes),
            successful_brands=scheduler.successful,
            failed_brands=scheduler.failed,
            last_processed_at_ms=scheduler.last_commit_ms,
            checks=checks,
            parked={brand: _told(brand, trouble) for brand, trouble in scheduler.parked.items()},
            paused=scheduler.paused,
            redis_address=self._redis_address,
            alert_routes=None if self.alerts is None else self.alerts.states(),
        )

    def _archive_check(self) -> dict[str, Check]:
        if self.archivist is None:
            return {}
        untended = "" if self.tender is None else self.tender.trouble
        return {"archive": _archive_check(self.archivist.statistics(), untended)}

    def past(self) -> PastView | None:
        """What an archive tells; None: none is set."""
        return self.retellers

    def lag(self) -> Lag:
        """What waits, as the metrics of every process tell it, without I/O."""
        backlog = self._scheduler.backlog()
        orphans = None if self.orphans is None else self.orphans.orphans()
        if backlog is None:  # None and not 0: an autoscaler must not take nobody's count for an empty queue
            return Lag(orphans=orphans)
        return Lag(
            chunks=backlog.chunks,
            brands=backlog.brands,
            oldest_s=backlog.oldest_s,
            counted_ms=backlog.counted_ms,
            orphans=orphans,
        )

    def _status(self, scheduler: SchedulerStatistics, checks: Mapping[str, Check]) -> Status:
        # Worst first: a service that stops must not be taken for one that starts or lacks Redis.
        if self.stopping:
            return Status.STOPPING
        if not scheduler.redis_up or scheduler.clock_problem:
            return Status.UNAVAILABLE
        if not scheduler.registry_read:
            return Status.STARTING
        degraded = any(check.status != "ok" for check in checks.values())
        return Status.DEGRADED if degraded else Status.OK

    async def brands(self) -> Sequence[str]:
        """The registered brands, as last read from the registry."""
        return self._scheduler.brands()

    async def summary(self, brand: str) -> bytes | None:
        """The stored summary document of *brand*, None when there is none."""
        return await self._read(lambda: self._documents.summary(brand))

    async def notice(self, brand: str) -> Notice:
        """Whether some process leaves *brand* alone, or cannot get it done, and why."""
        status = await self._read(lambda: self._documents.standing(brand))
        # Who paused it is for operators alone: the page takes that from the statistics.
        title, text = alone(status) if status.paused is None else ("", "")
        told = FleetView(time.time_ns() // 1_000_000, brands=[status]).conflicting
        return Notice(title, text, status.queued, conflicts(status) if told else "")

    async def summaries(self, brands: Sequence[str], take: Callable[[bytes | None], T]) -> Sequence[T]:
        """What *take*, called in a thread, makes of the stored summary documents of *brands*."""
        return await self._read(lambda: [take(raw) for raw in self._documents.summaries(brands)])

    async def fleet(self, patience_s: float = math.inf) -> FleetView:
        """The processes that live and how all registered brands stand, about a second old at most.

        If a look takes longer than *patience_s*, what was seen in the last :data:`FLEET_KEPT_S`; the look goes on for
        who asks next.
        """
        clock, known = trio.lowlevel.current_clock(), self._known
        now_s = clock.current_time()
        if known is not None and now_s - known[0] <= FLEET_AGE_S:
            return known[1]
        with trio.move_on_after(patience_s if known is not None and now_s - known[0] <= FLEET_KEPT_S else math.inf):
            return await trio.to_thread.run_sync(
                self._look, now_s, clock, limiter=self._looking, abandon_on_cancel=True
            )
        return cast("tuple[float, FleetView]", known)[1]

    def _look(self, asked_s: float, clock: trio.abc.Clock) -> FleetView:
        """In a thread, one at a time: who had to wait takes what the one before has seen."""
        if self._known is None or asked_s - self._known[0] > FLEET_AGE_S:
            # As of when it begins, not as of when it was asked for: it is for all who came while this one waited. Were
            # there a look for each of them, they would be more and more where looks take long.
            self._known = clock.current_time(), self._documents.fleet()
        return self._known[1]

    async def trend(self, brand: str) -> Mapping[bytes, bytes]:
        """The fields of the brand's trend, empty when there is none."""
        return await self._read(lambda: self._documents.trend(brand))

    async def trend_points(
        self, brands: Sequence[str], fields: Sequence[bytes], take: Callable[[Sequence[bytes | None]], T]
    ) -> Sequence[T]:
        """What *take*, called in a thread, makes of these *fields* of the brands' trends."""
        return await self._read(lambda: [take(values) for values in self._documents.trend_points(brands, fields)])

    async def spikes(self, brand: str, kind: EpisodeKind = "volume") -> Sequence[bytes]:
        """The entries of the brand's list of episodes of that *kind*, oldest first."""
        return await self._read(lambda: self._documents.spikes(brand, kind))

    async def recent(self, brand: str) -> Sequence[bytes]:
        """The entries of the brand's list of recent chunks, oldest first."""
        return await self._read(lambda: self._documents.recent(brand))

    def updates(self) -> AbstractAsyncContextManager[trio.MemoryReceiveChannel[SummaryUpdate]]:
        """Subscribe to written summaries of all orchestrators."""
        return self._feed.listen()

    async def _read(self, call: Callable[[], T]) -> T:
        # Abandoned when the reader is gone: it only reads, and Redis' time-out ends the thread.
        return await trio.to_thread.run_sync(call, limiter=self._limiter, abandon_on_cancel=True)


def _redis_check(scheduler: SchedulerStatistics, primary: str) -> Check:
    """Whether Redis serves; operators alone are told of hosts."""
    more = f"; {primary}" if primary else ""
    if not scheduler.redis_up:
        return Check("failing", scheduler.redis_summary, f"{scheduler.redis_reason}{more}")
    how = "wake hints" if scheduler.hinted else "polling"
    return Check("ok", how, f"{how}{more}")


def _cluster_check(scheduler: SchedulerStatistics) -> dict[str, Check]:
    """Which nodes of a cluster are away, with what they have, and what to do; nothing where there is one server."""
    if scheduler.cluster is None:
        return {}
    detail, said, remedy = told(scheduler.cluster)
    clocks = "; ".join(scheduler.clocks.values())
    if not remedy and not clocks:
        return {"cluster": Check("ok", detail)}
    brands = f", {scheduler.brands_away} of {scheduler.registered} brands wait" if remedy else ""
    skewed = f"{len(scheduler.clocks)} nodes have another time" if clocks else ""
    inner = "; ".join(part for part in (f"{said}{brands}: {remedy}" if remedy else "", clocks) if part)
    return {"cluster": Check("degraded", "; ".join(part for part in (f"{detail}{brands}", skewed) if part), inner)}


def _clock_check(scheduler: SchedulerStatistics) -> Check:
    return Check("failing", scheduler.clock_problem) if scheduler.clock_problem else Check("ok")


def _server_check(findings: Sequence[Finding]) -> Check:
    """Which server it is. What would have kept the service from starting degrades it; what it warned of is named."""
    told = [finding.detail for finding in findings if finding.check == "version" and finding.verdict is Verdict.OK]
    told += [f"{finding.check}: {finding.detail}" for finding in findings if finding.verdict is not Verdict.OK]
    return Check("degraded" if worst(findings) is Verdict.REFUSE else "ok", "; ".join(told))


def _lanes_check(scheduler: SchedulerStatistics) -> Check:
    states = sorted(lane.state.value for lane in scheduler.lanes)
    left = _left(scheduler.left)
    if scheduler.parked:
        named = list(scheduler.parked.items())[:_SHOWN]
        shown = "; ".join(f"{brand!r}: {_told(brand, trouble)}" for brand, trouble in named)
        return Check("degraded", "; ".join([f"{len(scheduler.parked)} parked: {shown}", *left]))
    # During an upgrade it is in order that some are left. Whether it is one cannot be seen here.
    return Check("ok", "; ".join([", ".join(states) or "idle", *left]))


def _paused_check(paused: Mapping[str, Pause]) -> Check:
    """Which brands are paused; that is in order, because somebody said so."""
    if not paused:
        return Check("ok")
    shown = list(paused.items())[:_SHOWN]
    more = "; ..." if len(paused) > _SHOWN else ""
    inner = "; ".join(f"{brand!r}: {pause}; {resuming(brand)}" for brand, pause in shown)
    detail = "; ".join(f"{brand!r}: {pause.for_strangers()}; {resuming(brand)}" for brand, pause in shown)
    return Check("ok", f"{len(paused)} paused: {detail}{more}", f"{len(paused)} paused: {inner}{more}")


def _orders_check(heartbeat: Heartbeat) -> Check:
    """What this process does less because an operator said so; that is in order, and readers are served as before."""
    obeyed, lanes = heartbeat.obedience()
    told, by = [], f" by {obeyed.by}" if obeyed.by else ""
    inner = []
    if obeyed.stopping:
        told, inner = ["ordered to stop"], [f"ordered to stop{by}"]
    elif obeyed.quiet_since_ms is not None:
        since = f"quiet since {iso_utc_seconds(obeyed.quiet_since_ms)}"
        rest = f"takes no more brands; {resuming_process(heartbeat.name)}"
        told, inner = [f"{since}: {rest}"], [f"{since}{by}: {rest}"]
    if lanes != obeyed.setting:
        also = f"{lanes} lanes by order, {obeyed.setting} by setting"
        told, inner = [*told, also], [*inner, also]
    return Check("ok", "; ".join(told), "; ".join(inner))


def _told(brand: str, trouble: Trouble) -> str:
    return f"{trouble.reason}: {remedy(trouble.code, brand)}"


def _left(brands: Sequence[str]) -> list[str]:
    """What to say of *brands* that a newer version wrote, and what to do if nobody runs that version."""
    if not brands:
        return []
    shown = ", ".join(map(repr, brands[:_SHOWN]))
    more = ", ..." if len(brands) > _SHOWN else ""
    return [f"{len(brands)} left to a newer version, {shown}{more}: {REMEDIES[Code.NEWER]}"]


def _settings_check(heartbeat: Heartbeat) -> Check:
    """Whether this process agrees with those that were there before it."""
    disputes = heartbeat.disputes()
    if disputes:
        shown = "; ".join(map(str, disputes[:_SHOWN]))
        more = "; ..." if len(disputes) > _SHOWN else ""
        return Check("degraded", f"others run with other settings, give all the same ones: {shown}{more}")
    others = len(heartbeat.members()) - 1
    return Check("ok", f"those of {others} other processes" if others > 0 else "")


def _alerts_check(states: RouteStates | None) -> Check:
    """Whether alerts reach those who want them. Why an endpoint does not take them is for operators."""
    if states is None:
        return Check("ok", "nobody is told")
    told, inner = [], []
    if states.problem:
        told.append("the file of routes is not usable, those that were read before are in force")
        inner.append(states.problem.replace("\n", "; "))
    late = overdue(states.routes, time.time_ns() // 1_000_000)
    for state in late[:_SHOWN]:
        told.append(f"{state.name} does not get its alerts; {TESTING.format(state.name)}")
        inner.append(f"{said(state)}; {TESTING.format(state.name)}")
    if told:
        return Check("degraded", "; ".join(told), "; ".join(inner))
    kept = sum(state.kept for state in states.routes)
    waits = f", {kept} kept for their time" if kept else ""
    return Check("ok", f"{len(states.routes)} routes{waits}" if len(states.routes) != 1 else f"1 route{waits}")


def _archive_check(found: ArchivistStatistics, untended: str) -> Check:
    """Whether what was consumed gets into the archive, and whether its days are tended by this process.

    Why not is for operators: hosts and brands are named.
    """
    if not found.counted:
        return Check("degraded" if found.trouble else "ok", "what waits was not counted yet", found.trouble)
    waits = f"{found.bytes / 1_000_000:.1f} MB of {found.brands} brands wait, the oldest for {found.oldest_s:.0f} s"
    bad = list(_archive_faults(found, untended))
    lost = [(what, "; see docs/runbooks/archive-skipped.md") for what in _archive_losses(found)]
    told = [(waits if found.bytes else "nothing waits", ""), *bad, *lost]
    shown, inner = "; ".join(what for what, _ in told), "; ".join(what + why for what, why in told)
    return Check("degraded" if bad else "ok", shown, inner)


def _archive_faults(found: ArchivistStatistics, untended: str) -> Iterator[tuple[str, str]]:
    """What is not as it should be now: what anybody may know, and what operators are told behind it."""
    if found.late_s > LATE_S:
        yield f"it should be there for {found.late_s:.0f} s", "; see docs/runbooks/archive-late.md"
    if found.full:
        named = ", ".join(map(repr, found.full[:_SHOWN]))
        yield f"{len(found.full)} brands have as much waiting as may", f": {named}; see docs/runbooks/archive-full.md"
    if found.trouble:
        what = "it is not where it was, its volume may not be mounted: " if found.misplaced else ""
        what += f"records of {found.troubled} brands are not taken" if found.troubled else "nothing is taken"
        runbook = "misplaced" if found.misplaced else "unreachable"
        why = f": {found.trouble}; see docs/runbooks/archive-{runbook}.md"
        yield f"{what}, for {found.trouble_s:.0f} s", why
    if untended:
        yield "its days are not all tended", f": {untended}; {UNTENDED_HELPS}"


def _archive_losses(found: ArchivistStatistics) -> Iterator[str]:
    """What the archive will never have; it is as it should be all the same."""
    if found.skipped:
        yield f"{found.skipped} records skipped"
    if found.gaps:
        yield f"{found.gaps} gaps"


def _merge_check() -> Check:
    if choice.FALLBACK_REASON is not None:
        told = f"{choice.IMPLEMENTATION}: the compiled kernel is not in use; the log says why"
        return Check("degraded", told, f"{choice.IMPLEMENTATION}: {choice.FALLBACK_REASON}")
    return Check("ok", choice.IMPLEMENTATION)
