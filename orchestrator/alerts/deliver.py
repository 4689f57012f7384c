"""Tells endpoints what is in the outboxes: when an episode opens, and when it closes.

Owns delivery as a whole. A commit writes an alert into its brand's outbox, in one step with the state that gave rise to
it; each route tells it in its own way (``courier``), and it is taken out once all that want it are done. Whoever
committed it is woken for it at once. A sweep over the registered brands finds what nobody tells (its process was
killed, or Redis did not answer), what was kept for its time, and what no route wants; and it reads the file of routes
again. All of it follows from the outboxes, the routes and the time, so that a restart changes nothing.

Source: ``docs/redis-protocol.md``, section 9.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from math import nan
from typing import TYPE_CHECKING, Final

import structlog
import trio

from orchestrator.alerts.courier import Courier, Tools
from orchestrator.alerts.holds import Holds
from orchestrator.alerts.messages import sample
from orchestrator.alerts.plan import items_of, strays, wanted_by
from orchestrator.alerts.post import open_client
from orchestrator.alerts.routes_file import RoutesError
from orchestrator.alerts.settled import Known, Settled
from orchestrator.alerts.survey import Survey
from orchestrator.alerts.testing import answer
from orchestrator.contract.alert_routes import RouteStates
from orchestrator.contract.outbox import VOLUME
from orchestrator.errors import SettingsError, StoreError

if TYPE_CHECKING:
    import httpx2

    from orchestrator.alerts.outboxes import Outboxes
    from orchestrator.alerts.plan import Item
    from orchestrator.alerts.routes import Route
    from orchestrator.alerts.source import Routes
    from orchestrator.contract.outbox import Box, Swept
    from orchestrator.process.metrics import Metrics

SWEEP_S: Final = 30.0
FIRST_SWEEP_S: Final = 1.0  # as long as no brands are known
SOONEST_SWEEP_S: Final = 1.0
READ_TIMEOUT_S: Final = 5.0
SURVEYED_AT_ONCE: Final = 64
"""Brands whose alerts a sweep has in memory at the same time."""


class Alerts:
    """Tells endpoints what the outboxes hold.

    Args:
        source: where the routes are; None tells nobody.
        outboxes: where alerts wait.
        metrics: counts outcomes.
        brands: the registered ones.
        wall_clock: Unix seconds.
    """

    def __init__(
        self,
        source: Routes | None,
        outboxes: Outboxes,
        metrics: Metrics,
        *,
        brands: Callable[[], Sequence[str]],
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._source = source
        self._outboxes = outboxes
        self._metrics = metrics
        self._brands = brands
        self._wall_clock = wall_clock
        self._holds = Holds(outboxes)
        self._settled = Settled()
        self._couriers: dict[str, Courier] = {}
        self._stopping = trio.Event()
        self._ended = trio.Event()
        self._odd: Mapping[str, str] = {}
        self._problem = ""
        self._survey: Survey | None = None
        self._client: httpx2.AsyncClient | None = None
        self._reader = trio.CapacityLimiter(1)
        self._log = structlog.get_logger("orchestrator.alerts")

    def wake(self, brand: str) -> None:
        """A commit of *brand* wrote an alert; never waits. Call it on the event loop."""
        for courier in self._couriers.values():
            courier.wake(brand)

    def states(self) -> RouteStates | None:
        """How the routes stand, as of the last sweep; None: this process tells nobody."""
        if self._source is None:
            return None
        survey, couriers = self._survey or Survey(), self._couriers.values()
        now_ms = int(self._wall_clock() * 1000)
        states = [
            replace(
                survey.state(one.route, now_ms),
                delivered_ms=one.delivered_ms,
                trouble=one.trouble.reason,
                trouble_since_ms=one.trouble.since_ms,
            )
            for one in couriers
        ]
        return RouteStates(states, self._problem, counted=self._survey is not None)

    async def test(self, route: str) -> str | None:
        """Send a marked test message to *route*, once, and what its endpoint answered; None: there is no such route."""
        courier = self._couriers.get(route)
        if courier is None or self._client is None:
            return None
        now_ms = int(self._wall_clock() * 1000)
        entry = sample("test", VOLUME, {}, now_ms, f"test_{secrets.token_hex(12)}")
        return await answer(self._client, courier.route, entry)

    async def deliver(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Tell what there is, until :meth:`finish`.

        Cancelled, what is being told may have arrived or not; it stays in its outbox, for this process or another one.

        Raises:
            SettingsError: the file of routes is not usable; only before it reports to have started.
        """
        try:
            if self._source is None:
                task_status.started()
            else:
                await self._deliver_to(self._source, task_status)
        finally:
            self._ended.set()  # also when cancelled: finish() must not wait for a task that is gone

    async def finish(self) -> None:
        """Tell what is ready, each once and without waiting for retries; what is left stays in its outbox.

        It may take long: give it a deadline. Only while :meth:`deliver` runs, or after it ended.
        """
        self._stopping.set()
        for courier in self._couriers.values():
            courier.stop()
        await self._ended.wait()

    async def _deliver_to(self, source: Routes, task_status: trio.TaskStatus[None]) -> None:
        try:
            routes = await self._read(source)
        except RoutesError as error:
            raise SettingsError(str(error)) from None
        async with open_client() as client, trio.open_nursery() as nursery:
            tools = Tools(
                client,
                self._outboxes,
                self._holds,
                self._settled,
                self._metrics,
                self._routes,
                self._wall_clock,
            )
            self._client = client
            self._metrics.alert_routes_invalid.set(0)
            self._apply(routes, tools, nursery)
            task_status.started()
            while not self._stopping.is_set():
                wait_s = await self._sweep()
                with trio.move_on_after(wait_s):
                    await self._stopping.wait()
                if source.file and not self._stopping.is_set():
                    await self._read_again(source, tools, nursery)

    async def _read(self, source: Routes) -> tuple[Route, ...]:
        """The routes as of now; a file is read on a thread, since a file system that hangs holds the loop."""
        if not source.file:
            return source.fixed
        return await trio.to_thread.run_sync(source.read, limiter=self._reader, abandon_on_cancel=True)

    def _routes(self) -> Sequence[Route]:
        return [courier.route for courier in self._couriers.values()]

    async def _read_again(self, source: Routes, tools: Tools, nursery: trio.Nursery) -> None:
        """Take over what the file of routes says now; while it is not usable, the routes stay as they were."""
        problem = f"ALERT_ROUTES_FILE={source.file}: the file cannot be read within {READ_TIMEOUT_S:g} s"
        with trio.move_on_after(READ_TIMEOUT_S):
            try:
                routes = await self._read(source)
                problem = ""
            except RoutesError as error:
                problem = str(error)
        if problem and problem != self._problem:
            self._log.error("file of alert routes not usable, the routes stay as they were", reason=problem)
        elif self._problem and not problem:
            self._log.info("file of alert routes is usable again")
        self._problem = problem
        self._metrics.alert_routes_invalid.set(1 if problem else 0)
        if not problem:
            self._apply(routes, tools, nursery)

    def _apply(self, routes: Sequence[Route], tools: Tools, nursery: trio.Nursery) -> None:
        """Have a courier for each of *routes*; one that changed ends in good order before the next one begins."""
        wanted = {route.name: route for route in routes}
        before, self._couriers = self._couriers, {}
        from_file = self._source is not None and self._source.file
        if from_file and list(wanted.values()) != [courier.route for courier in before.values()]:
            self._log.info("alert routes read", routes=list(wanted))
        for name, route in wanted.items():
            old = before.pop(name, None)
            if old is not None and old.route == route:
                self._couriers[name] = old
                continue
            if old is not None:
                old.stop()
            self._couriers[name] = Courier(route, tools, None if old is None else old.ended)
            self._metrics.add_route(name)
            nursery.start_soon(self._run, self._couriers[name])
        for courier in before.values():
            courier.stop()

    async def _run(self, courier: Courier) -> None:
        await courier.run()
        if courier.route.name not in self._couriers:  # only now: its last attempt counted, too
            self._metrics.remove_route(courier.route.name)

    async def _sweep(self) -> float:
        """Find what nobody tells; seconds until the next look."""
        brands = self._brands()
        try:
            found = await self._outboxes.waiting(brands)
            self._tell_odd(found)
            self._survey = await self._look_at(found)
        except StoreError as error:
            self._survey = None
            self._expose(None)
            self._log.info("outboxes not read, will be tried again", reason=type(error).__name__)
            return SWEEP_S
        self._expose(self._survey)
        for name, courier in self._couriers.items():
            courier.collect(self._survey.of(name).together)
        if self._survey.next_ms is not None:
            return min(SWEEP_S, max(SOONEST_SWEEP_S, self._survey.next_ms / 1000 - self._wall_clock()))
        return SWEEP_S if brands else FIRST_SWEEP_S

    def _tell_odd(self, found: Swept) -> None:
        for brand, problem in found.odd.items():
            if self._odd.get(brand) != problem:  # told once, and again after it was mended in between
                self._log.error("right to tell alerts is not usable", brand=brand, reason=problem)
        self._odd = found.odd

    async def _look_at(self, found: Swept) -> Survey:
        """What the routes have to do, brand by brand; whoever has something to tell is woken for it."""
        survey = Survey()
        ours = {*found.untold, *(brand for brand in found.telling if self._holds.has(brand))}
        brands = [*found.untold, *found.telling]
        for start in range(0, len(brands), SURVEYED_AT_ONCE):
            boxes = await self._outboxes.look(brands[start : start + SURVEYED_AT_ONCE])
            for brand, box in boxes.items():
                items = items_of(box)
                now_ms = int(self._wall_clock() * 1000)
                survey.add(brand, self._routes(), items, Known(box.marks, self._settled), now_ms)
                await self._tidy(brand, items, box)
        for name, courier in self._couriers.items():
            for brand in survey.of(name).alone:
                if brand in ours:
                    courier.wake(brand)
        return survey

    async def _tidy(self, brand: str, items: Sequence[Item], box: Box) -> None:
        """Take out what nobody waits for: it is no alert, no route wants it, or all that do are done."""
        routes, known = self._routes(), Known(box.marks, self._settled)
        for raw, entry in ((item.raw, item.entry) for item in items):
            wanted = frozenset[str]() if entry is None else wanted_by(routes, entry)
            if any(mark not in known for mark in wanted):
                continue
            if await self._outboxes.remove(brand, raw, sorted(wanted)) and not wanted:
                self._metrics.alert("dropped" if entry is None else "unrouted")
                reason = "it is no entry that this version knows" if entry is None else "no route wants it"
                (self._log.warning if entry is None else self._log.info)("alert dropped", brand=brand, reason=reason)
        if lost := strays(items, box.marks):
            await self._outboxes.forget(brand, sorted(lost))

    def _expose(self, survey: Survey | None) -> None:
        """Set what is counted; None: nobody could count."""
        self._metrics.alerts_waiting.set(nan if survey is None else survey.due)
        for name in self._couriers:
            tally = None if survey is None else survey.of(name)
            self._metrics.route_waiting.labels(name).set(nan if tally is None else tally.waiting)
            self._metrics.route_kept.labels(name).set(nan if tally is None else tally.kept)
