"""Tells one endpoint what its route wants: each alert by itself, in the order of its brand, or several in a digest.

Every route has workers of its own, so that an endpoint that is slow or gone delays its own alerts and nobody else's: a
few brands are told at the same time, each attempt has one deadline. What is told is marked, and the last route that is
done with an alert takes it out.
"""

from __future__ import annotations

import random
import secrets
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import structlog
import trio

from orchestrator.alerts.cooldown import Cooldown
from orchestrator.alerts.holds import HOLD_S, LEAVE_S
from orchestrator.alerts.messages import MAX_DIGEST, digest, single
from orchestrator.alerts.plan import Fate, items_of, pending, wanted_by
from orchestrator.alerts.post import RefusedError, RetryError, post
from orchestrator.alerts.settled import Known
from orchestrator.alerts.turns import Turns
from orchestrator.errors import StoreError
from orchestrator.process import failpoints

if TYPE_CHECKING:
    import httpx2

    from orchestrator.alerts.holds import Hold, Holds
    from orchestrator.alerts.messages import Message
    from orchestrator.alerts.outboxes import Outboxes
    from orchestrator.alerts.plan import Item
    from orchestrator.alerts.routes import Route
    from orchestrator.alerts.settled import Settled
    from orchestrator.contract.outbox import Box, OutboxEntry
    from orchestrator.process.metrics import AlertOutcome, Metrics

WORKERS: Final = 4
"""Brands that a route tells at the same time; an endpoint that answers slowly gets no more at once."""

ATTEMPTS: Final = 8  # over about two minutes
WAIT_INITIAL_S: Final = 1.0
WAIT_MAX_S: Final = 120.0
COLLECTED_AT_ONCE: Final = 64
"""Brands whose alerts are in memory at the same time for a digest."""

Keep = Callable[[float], Awaitable[bool]]
"""Keeps the right to tell for so many seconds from now; False if it is lost."""


@dataclass(frozen=True, slots=True)
class Tools:
    """What all routes of a process share.

    Attributes:
        client: sends.
        outboxes: where alerts wait.
        holds: the rights to tell brands.
        settled: what this process is done with.
        metrics: counts outcomes.
        routes: all that are in force now.
        wall_clock: Unix seconds; signatures are checked against the receiver's clock.
    """

    client: httpx2.AsyncClient
    outboxes: Outboxes
    holds: Holds
    settled: Settled
    metrics: Metrics
    routes: Callable[[], Sequence[Route]]
    wall_clock: Callable[[], float]

    def now_ms(self) -> int:
        """Unix milliseconds."""
        return int(self.wall_clock() * 1000)


@dataclass(slots=True)
class Trouble:
    """Why an endpoint does not take what it is sent; empty: it does."""

    reason: str = ""
    since_ms: int | None = None


class Courier:
    """Tells what one route wants.

    Args:
        route: which alerts, where to and when.
        tools: what it shares with the other routes.
        after: it begins only then: when the courier of the same name before it has ended.

    Attributes:
        trouble: why its endpoint does not take what it is sent.
        delivered_ms: when its endpoint last took something, Unix ms; None: not yet.
        ended: whether it will do no more.
    """

    def __init__(self, route: Route, tools: Tools, after: trio.Event | None = None) -> None:
        self.route = route
        self.trouble = Trouble()
        self.delivered_ms: int | None = None
        self.ended = trio.Event()
        self._tools = tools
        self._after = after
        self._cooldown = Cooldown(route.cooldown_s)
        self._turns = Turns()
        self._idle = trio.lowlevel.ParkingLot()
        self._ripe: Sequence[str] = ()
        self._ripening = trio.lowlevel.ParkingLot()
        self._stopping = trio.Event()
        self._log = structlog.get_logger("orchestrator.alerts").bind(route=route.name)

    def wake(self, brand: str) -> None:
        """*brand* may have alerts to be told; never waits."""
        if not self.route.brands or self.route.names(brand):
            self._turns.add(brand)
            self._idle.unpark()

    def collect(self, brands: Sequence[str]) -> None:
        """*brands* have alerts to be told together; never waits."""
        self._ripe = brands
        if brands:
            self._ripening.unpark()

    def stop(self) -> None:
        """Tell what is ready, each once and without waiting for retries, and end."""
        self._stopping.set()
        self._idle.unpark_all()
        self._ripening.unpark_all()

    async def run(self) -> None:
        """Tell what comes, until :meth:`stop`."""
        try:
            if self._after is not None:
                await self._after.wait()
            async with trio.open_nursery() as nursery:
                for _ in range(WORKERS):
                    nursery.start_soon(self._work)
                nursery.start_soon(self._work_together)
        finally:
            self.ended.set()

    async def _work(self) -> None:
        while True:
            brand = self._turns.take()
            if brand is not None:
                try:
                    await self._tell(brand)
                finally:
                    self._turns.done(brand)
            elif self._stopping.is_set():
                return
            else:
                await self._idle.park()

    async def _work_together(self) -> None:
        while not self._stopping.is_set():  # a digest can wait: it did already
            brands, self._ripe = self._ripe, ()
            if brands:
                await self._tell_together(brands)
            else:
                await self._ripening.park()

    async def _tell(self, brand: str) -> None:
        """Tell what is in the outbox of *brand*, if nobody else does."""
        log = self._log.bind(brand=brand)
        try:
            async with self._tools.holds.of(brand) as (hold, box):
                if box is not None:
                    await self._settle_in_order(brand, hold, box, log)
        except StoreError as error:
            log.warning("alerts wait in their outbox", reason=type(error).__name__)

    async def _settle_in_order(self, brand: str, hold: Hold, box: Box, log: structlog.stdlib.BoundLogger) -> None:
        known = Known(box.marks, self._tools.settled)
        found = pending(self.route, items_of(box), known, self._tools.now_ms())
        if found.alone:
            failpoints.hit("alerts.taken")
        # One after the other: a closing must not overtake its opening.
        for item, fate in found.alone:
            entry = item.entry
            if entry is None:
                continue
            outcome = await self._outcome(entry, fate, hold, log.bind(alert=entry.id, type=entry.type))
            if outcome is None:
                return
            await self._done(brand, item, entry, known)
            self._tools.metrics.alert(outcome, self.route.name)

    async def _outcome(
        self, entry: OutboxEntry, fate: Fate, hold: Hold, log: structlog.stdlib.BoundLogger
    ) -> AlertOutcome | None:
        """What becomes of *entry*; None if it has to wait."""
        if fate is Fate.EXPIRED:
            log.warning("alert dropped", reason="it is too old to be news")
            return "expired"
        if fate is Fate.DROPPED:
            log.info("alert withheld", reason="quiet hours")
            return "suppressed"
        if not self._cooldown.lets_pass(entry, trio.current_time()):
            log.debug("alert withheld")
            return "suppressed"
        return await self._told(single(self.route.format, entry), hold.keep, log)

    async def _done(self, brand: str, item: Item, entry: OutboxEntry, known: Known) -> None:
        """Mark *item* as told by this route; whoever is last takes it out."""
        mine, wanted = self.route.mark(entry.id), wanted_by(self._tools.routes(), entry)
        self._tools.settled.add(mine)  # before Redis is asked: it may not answer, and told is told
        others = [mark for mark in sorted(wanted - {mine}) if mark not in known]
        outboxes = self._tools.outboxes
        if others:
            last = await outboxes.mark(brand, mine, others)
            failpoints.hit("alerts.marked")
            # Another route of this process knew that we were done before Redis did, and took out what then was there.
            if not last and not all(mark in self._tools.settled for mark in others):
                return
        marks = sorted(wanted | {mine}) if len(wanted) > 1 else ()
        await outboxes.remove(brand, item.raw, marks)

    async def _tell_together(self, brands: Sequence[str]) -> None:
        """Tell what is due together in the outboxes of *brands*, if nobody else does."""
        outboxes, name, token = self._tools.outboxes, self.route.name, secrets.token_hex(16)
        try:
            if not await outboxes.take_turn(name, token, HOLD_S):
                return
            try:
                await self._settle_together(brands, lambda for_s: outboxes.keep_turn(name, token, for_s))
            finally:
                # Shielded, or a stop would leave the rest to wait until the hold runs out.
                with trio.move_on_after(LEAVE_S, shield=True), suppress(StoreError):
                    await outboxes.leave_turn(name, token)
        except StoreError as error:
            self._log.warning("alerts wait in their outboxes", reason=type(error).__name__)

    async def _settle_together(self, brands: Sequence[str], keep: Keep) -> None:
        batch: list[tuple[str, Item, OutboxEntry, Known]] = []
        for start in range(0, len(brands), COLLECTED_AT_ONCE):
            boxes = await self._tools.outboxes.look(brands[start : start + COLLECTED_AT_ONCE])
            now_ms = self._tools.now_ms()
            for brand, box in boxes.items():
                known = Known(box.marks, self._tools.settled)
                together = pending(self.route, items_of(box), known, now_ms).together
                batch += [(brand, item, item.entry, known) for item in together if item.entry is not None]
            while len(batch) >= MAX_DIGEST:
                if not await self._settle_digest(batch[:MAX_DIGEST], keep):
                    return
                del batch[:MAX_DIGEST]
        if batch:
            await self._settle_digest(batch, keep)

    async def _settle_digest(self, batch: Sequence[tuple[str, Item, OutboxEntry, Known]], keep: Keep) -> bool:
        """Tell one digest and mark what was in it; False if it stays."""
        ordered = sorted((entry for _, _, entry, _ in batch), key=lambda entry: entry.at)
        message = digest(self.route, ordered)
        failpoints.hit("alerts.taken")
        outcome = await self._told(message, keep, self._log.bind(alert=message.id, alerts=len(batch)))
        if outcome is None:
            return False
        for brand, item, entry, known in batch:
            await self._done(brand, item, entry, known)
            self._tools.metrics.alert(outcome, self.route.name)
        return True

    async def _told(self, message: Message, keep: Keep, log: structlog.stdlib.BoundLogger) -> AlertOutcome | None:
        for number in range(1, ATTEMPTS + 1):
            if not await keep(HOLD_S):
                log.info("alert left to another process")
                return None
            try:
                if number > 1:  # the first is no retry
                    self._tools.metrics.alert("retried", self.route.name)
                await post(self._tools.client, self.route, message, int(self._tools.wall_clock()))
            except RefusedError as error:
                reason = str(error)
                break
            except RetryError as error:
                reason = str(error)
                wait_s = _wait_s(number, error)
                self._note(reason)
            else:
                log.info("alert delivered")
                self.delivered_ms = self._tools.now_ms()
                self._note("")
                failpoints.hit("alerts.delivered")
                return "delivered"
            if number < ATTEMPTS and not await self._waited(keep, wait_s):
                log.info("alert stays in its outbox", reason=reason)
                return None
        self._note(reason)
        log.warning("alert not delivered", reason=reason)
        return "failed"

    def _note(self, reason: str) -> None:
        """Remember whether the endpoint takes what it is sent."""
        since_ms = None if not reason else self.trouble.since_ms or self._tools.now_ms()
        self.trouble = Trouble(reason, since_ms)
        self._tools.metrics.route_failing.labels(self.route.name).set(1 if reason else 0)

    async def _waited(self, keep: Keep, wait_s: float) -> bool:
        """Wait before another attempt; False if it is for somebody else to make it."""
        if not await keep(wait_s + HOLD_S):
            return False
        with trio.move_on_after(wait_s):
            await self._stopping.wait()
        return not self._stopping.is_set()


def _wait_s(number: int, error: RetryError) -> float:
    """Seconds until the attempt after *number*: what the endpoint asked for, or twice as long each time and jitter."""
    if error.after_s is not None:
        return error.after_s
    jitter_s = random.uniform(0, WAIT_INITIAL_S)  # noqa: S311 - spreads retries, guards nothing
    return min(WAIT_MAX_S, WAIT_INITIAL_S * 2.0 ** (number - 1) + jitter_s)
