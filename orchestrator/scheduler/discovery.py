"""Finding brands and their work: registry, claims and wake hints, on trio.

Several loops feed one :class:`~orchestrator.scheduler.roster.Roster`. Hints are fast but may be missed. Glances and
claims find what hints did not tell: chunks pushed while nobody listened, brands that another orchestrator released,
refreshes that are due. What follows from what is found is the roster's decision.

Of all processes one comes first for each brand and acts on its hints at once; the others ask later whether it did.
Where the server gives no hints every process claims all brands, again and again.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from math import nan
from typing import TypeVar

import structlog
import trio

from orchestrator.contract.keys import PAUSED_KEY, QUEUE_PREFIX, brand_of_queue
from orchestrator.contract.pauses import resuming
from orchestrator.errors import (
    ClockSkewError,
    HintsUnsupportedError,
    StoreError,
    StoreRefusedError,
    StoreUnavailableError,
)
from orchestrator.fleet.members import Member
from orchestrator.process.backoff import backoff_s
from orchestrator.process.metrics import Metrics
from orchestrator.scheduler.clock_health import ClockHealth
from orchestrator.scheduler.echoes import Echoes
from orchestrator.scheduler.letters_only import LettersOnly
from orchestrator.scheduler.pauses import Pauses
from orchestrator.scheduler.redis_health import RedisHealth
from orchestrator.scheduler.roster import CLAIM_SLICE, Roster
from orchestrator.scheduler.sharing import LaneControl, Sharing
from orchestrator.store.client import Login
from orchestrator.store.glance import Glance, Part
from orchestrator.store.hints import receive_cluster_hints, receive_hints
from orchestrator.store.projections import Verified
from orchestrator.store.store import Store
from orchestrator.store.types import Claim, Letters, Queued, Registry

T = TypeVar("T")

HINTED_CLAIM_S = 1.0
"""Between two rounds while hints come: then they are only a safety net and the clock for refreshes."""

SHARED_COUNT_S = 0.5
"""While there is something to count and others add it to theirs: what they are told is older than what we know."""

OPERATOR_LOOK_S = 0.5
"""While a brand waits for an operator, who made room in its list of dead letters or resumes it, or for the end of its
pause: it goes on within a second."""

FASTEST_CLAIM_S = 0.05
SLOWEST_CLAIM_S = 0.25
"""Without hints: half of the half second within which the chunk of an idle brand has to be summarised."""

COUNT_S = 0.75
"""Least time between two claims that ask about all brands, to count what waits. With hints every claim does; without
them most ask about idle brands alone, so that polling costs no more while many brands are ready."""

LETTERS_S = 30.0
"""Between two counts of dead letters: they are read by people, and cost a command a brand."""

REGISTRY_PAUSE_S = 0.05
"""Least time between two readings of the registry, however many hints there are that it changed."""

MOVED_S = 8.0
"""After slots got other masters, what readers see is looked at for so long: the nodes agree within some seconds, and a
projection that was under way may arrive late."""

REFUSED_TOLD = 20
"""Most names of brands that one look puts into the log; the metrics count all."""

PAUSES_TOLD = 20
"""Most pauses that one look at them puts into the log, each by name."""

FAILURES_BEFORE_RENEWAL = 3
"""Failed claims in a row after which the server's name is resolved anew: the host that it meant may be up and wrong."""

RECOVERY_CAP_S = 2.0
"""Longest pause between two calls while Redis is away, so that the service is ready soon after Redis is back."""


@dataclass(frozen=True, slots=True)
class DiscoveryOptions:
    """How brands and their work are found.

    Attributes:
        registry_keys: SETs or LISTs of brands.
        registry_interval_s: seconds between two readings without a hint.
        hints_url: server that gives wake hints.
        timeout_s: deadline of one call on the connection for hints.
        login: who we are at that server.
        name: of this process, as others know it.
        lock_ttl_s: life of a lease without renewal.
    """

    registry_keys: Sequence[str]
    registry_interval_s: float
    hints_url: str
    timeout_s: float
    login: Login | None = None
    name: str = "me"
    lock_ttl_s: float = 15.0


class Discovery:
    """Keeps a roster and the lanes informed.

    Attributes:
        sharing: which brands are for us to hurry for.
        backlog: what waits in the queues of own brands.
        pauses: which brands are paused.
        redis_health: what the calls of discovery say about Redis.
        clock_health: what all answers say about the two clocks.
        hinted: whether hints are received now.
        registry_read: whether the registry was read at least once.
    """

    def __init__(
        self, store: Store, roster: Roster, options: DiscoveryOptions, metrics: Metrics, lanes: LaneControl
    ) -> None:
        self.redis_health = RedisHealth(metrics, self._recovered)
        self.clock_health = ClockHealth(store.clock, metrics, self._recovered)
        self.sharing = Sharing(options.name, options.lock_ttl_s, roster, lanes, self._claim)
        self.backlog = self.sharing.backlog
        self._looks = self.sharing.looks
        self._letters_only = LettersOnly()
        self._told_letters_only: frozenset[str] = frozenset()
        self.pauses = Pauses()
        self.hinted = False
        self.registry_read = False
        self._supported = True
        self._listening = trio.CancelScope()
        self._renewals = 0
        self._store = store
        self._roster = roster
        self._options = options
        self._metrics = metrics
        self._lanes = lanes
        self._refused: tuple[tuple[str, str], ...] = ()
        self._next_count_s = float("-inf")
        self._registry_stale = trio.Event()
        self._claim_now = trio.Event()
        self._echoes = Echoes()
        self._doubted = trio.Event()
        self._limiter = trio.CapacityLimiter(6)  # a thread for each loop that calls Redis, which no lane can take
        self._log = structlog.get_logger("orchestrator.discovery")

    def _recovered(self) -> None:
        self._roster.forgive()
        self._registry_stale.set()
        self._lanes.notice()

    def _failed(self, error: StoreError) -> None:
        """A call got no answer; a node of a cluster that is away alone says nothing about the others."""
        if not (isinstance(error, StoreUnavailableError) and self._store.partly):
            self.redis_health.failed(error)

    # -- the registry

    async def read_registry(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Read the registry at every interval, and at once when a hint says that it changed."""
        task_status.started()
        failures, refusal = 0, ""
        while True:
            # Before the reading: a hint that comes during it may be about what was no longer read.
            self._registry_stale = trio.Event()
            pause_s = self._options.registry_interval_s
            try:
                self._take_over(await self._call(lambda: self._store.registered(self._options.registry_keys)))
                failures, refusal = 0, ""
            except StoreRefusedError as error:
                # It is about this one key. Whether Redis serves is told by claims only: else the two would contradict.
                if str(error) != refusal:
                    refusal = str(error)
                    self._log.error("registry cannot be read, the brands last read stay", reason=refusal)
            except StoreError as error:
                self._failed(error)
                failures += 1
                pause_s = backoff_s(failures, 2.0, cap_s=RECOVERY_CAP_S)
            await trio.sleep(REGISTRY_PAUSE_S)  # not within the wait below, which a hint cuts short
            with trio.move_on_after(pause_s):
                await self._registry_stale.wait()

    def _take_over(self, registry: Registry) -> None:
        self.registry_read = True
        came, left = self._roster.register(registry.brands)
        if came or left:
            self.sharing.divide()
        self._metrics.brands_registered.set(len(registry.brands))
        self._metrics.brands_refused.set(len(registry.refused))
        self._tell_refused(registry.refused)
        for brand in left:
            self.sharing.forget(brand)
            self._lanes.dismiss(brand)
        self.count_alone()
        if came or left:
            self._log.info("registry read", brands=len(registry.brands), came=len(came), left=len(left))
        if came:
            self.look_at_pauses()

    def heard(self, members: Sequence[Member]) -> None:
        """*members* live and may share the work with us; newly owned brands are asked about at once."""
        if self.sharing.heard(members):
            self._claim_now.set()

    def count_alone(self) -> None:
        """Say how many brands are left alone, after whatever may have changed that."""
        self._metrics.brands_parked.set(len(self._roster.parked()))
        self._metrics.brands_left.set(len(self._roster.left()))

    def look_at_pauses(self) -> None:
        """Read them again, now: what is known of them may be wrong."""
        self.pauses.forget()
        self._claim_now.set()

    async def _follow_pauses(self, claim: Claim | Glance) -> None:
        """Know which brands are paused, as of *claim*; their lanes are dismissed."""
        if claim.pauses is None:  # what is known holds, until somebody can say
            return
        if self.pauses.changed(claim.pauses):
            self._registry_stale.set()  # who purges a brand has taken it out of there just before
        if self.pauses.outdated(claim.pauses):
            brands = self._roster.brands()
            self.pauses.take_over(await self._call(partial(self._store.paused, brands)), claim.pauses)
            if self._roster.brands() != brands:  # nobody asked about those that came meanwhile
                self.pauses.forget()
        before = self.pauses.holding
        if not self.pauses.look(claim.now_ms):
            return
        holding = self.pauses.holding
        self.backlog.pause(holding.keys())
        self._metrics.brands_paused.set(len(holding))
        for brand in self._roster.pause(holding):
            self._lanes.dismiss(brand)
        self.count_alone()
        ended = before.keys() - holding.keys()
        self._looks.doubt(ended)
        self._looks.ended(ended)
        began = [brand for brand in holding if holding[brand] != before.get(brand)]
        for brand in began[:PAUSES_TOLD]:
            self._log.warning("brand is paused", brand=brand, reason=str(holding[brand]), remedy=resuming(brand))
        self._log.info("pauses changed", paused=len(holding), ended=len(ended))

    def _tell_refused(self, refused: tuple[tuple[str, str], ...]) -> None:
        """Log what is refused since the last reading, within a bound: a full registry must not fill the log."""
        known = set(self._refused)
        new = [entry for entry in refused if entry not in known]
        self._refused = refused
        for name, reason in new[:REFUSED_TOLD]:
            self._log.warning("registered name refused", name=name, reason=reason)
        if len(new) > REFUSED_TOLD:
            self._log.warning("more registered names refused", names=len(new) - REFUSED_TOLD)

    # -- claims

    async def claim_work(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Ask again and again which brands have work and no lease."""
        task_status.started()
        failures = 0
        pause_s = FASTEST_CLAIM_S
        while True:
            with trio.move_on_after(pause_s):
                await self._claim_now.wait()
            # Before the claim: what is asked for while it is under way needs another one.
            self._claim_now = trio.Event()
            try:
                found = await self._claim_round()
            except ClockSkewError:
                found = False  # Redis serves, only not us; what is wrong was noted on the way
            except StoreError as error:
                self._failed(error)
                failures += 1
                if failures % FAILURES_BEFORE_RENEWAL == 0:
                    self._store.renew_connections()
                self._follow_renewal()
                pause_s = backoff_s(failures, 2.0, cap_s=RECOVERY_CAP_S)
                continue
            self.clock_health.look()
            self._follow_renewal()
            # Told here and not by the reading of the registry: only a claim finds out whether Redis takes writes.
            self.redis_health.answered()
            failures = 0
            pause_s = self._next_pause_s(pause_s, found=found)

    def _follow_renewal(self) -> None:
        """If some connections were made anew since the last look, have all others follow: those of hints as well."""
        if self._renewals != self._store.renewals:
            self._store.renew_connections()
            self._renewals = self._store.renewals
            self._listening.cancel()

    def _next_pause_s(self, pause_s: float, *, found: bool) -> float:
        if self.hinted:
            # Orchestrators that started together should not ask together.
            awaited = self._roster.full() or self.pauses.holding
            longest_s = OPERATOR_LOOK_S if awaited else HINTED_CLAIM_S
            if self._looks.waiting and not self.sharing.ownership.alone:
                longest_s = min(longest_s, SHARED_COUNT_S)
            return longest_s * random.uniform(0.8, 1.2)  # noqa: S311 - no secret
        return FASTEST_CLAIM_S if found else min(pause_s * 1.5, SLOWEST_CLAIM_S)

    async def _claim_round(self) -> bool:
        await self._look_for_room()
        return await (self._glance_round() if self.hinted else self._poll_round())

    async def _glance_round(self) -> bool:
        """Ask about brands of which something is expected, and have a glance at the others."""
        began_s = trio.current_time()
        view, now_ms, stirred = self.sharing.ownership.view, 0, list[Part]()
        for parts, dues in self._looks.glances(began_s):
            try:
                glance = await self._call(partial(self._store.glance, parts, dues))
                await self._follow_pauses(glance)
            except StoreError:
                self._looks.missed(dues)
                raise
            self._looks.saw(glance.dues, glance.now_ms)
            self._looks.ended(brand for brand in dues if brand not in glance.dues)
            now_ms, stirred = glance.now_ms, [*stirred, *glance.stirred]
        found = False
        queues: dict[str, Queued] = {}
        away: list[str] = []
        slices = self._looks.asked(stirred, now_ms, self._roster.idle)
        try:
            for brands in slices:
                claim = await self._claim(brands)
                await self._follow_pauses(claim)
                queues.update(claim.queues)
                away += claim.away
                found = self.sharing.offer(claim) or found
        except StoreError:
            self._looks.doubt(brand for brands in slices for brand in brands)
            raise
        self._looks.doubt(queues)
        self._looks.doubt(away)
        self._count(queues, began_s, view, away)
        return found

    def _count(self, queues: dict[str, Queued], began_s: float, view: str, away: Sequence[str] = ()) -> None:
        """*queues* are all that are not empty of our brands, but for those of *away*, and maybe some of others."""
        if not self.registry_read or view != self.sharing.ownership.view:
            return  # others came or left meanwhile: what was asked about is not what has to be counted
        own = self._looks.own
        queues = self.backlog.last(away) | queues  # what waited where nobody answers still does
        self.backlog.counted(
            {brand: queue for brand, queue in queues.items() if brand in own},
            began_s,
            trio.current_time(),
            time.time_ns() // 1_000_000,
            view=view,
            kept=lambda brand: brand not in own and self._roster.waits(brand),
        )

    async def _poll_round(self) -> bool:
        """Ask about all brands that may be idle, and now and then about all."""
        view = self.sharing.ownership.view
        began_s = trio.current_time()
        counting = self.registry_read and began_s >= self._next_count_s
        if counting:  # before the first claim: whoever hears of a pause meanwhile wants another one about all brands
            self._next_count_s = began_s + COUNT_S
        slices = self._roster.claim_slices(everything=counting)
        if not slices:  # nobody to ask about, but whether Redis serves has to be known all the same
            await self._call(self._store.ping)
        found = False
        queues: dict[str, Queued] = {}
        away: list[str] = []
        for brands in slices:
            claim = await self._claim(brands)
            await self._follow_pauses(claim)
            queues.update(claim.queues)
            away += claim.away
            found = self._offer(claim) or found
        if counting:
            self._count(queues, began_s, view, away)
        return found

    def _offer(self, claim: Claim) -> bool:
        """Take what *claim* found; whether anything was."""
        found = False
        for brand in claim.ready:
            if self._roster.claimed(brand):
                found = True
                self.backlog.ready(brand, trio.current_time())
        if found:
            self._lanes.notice()
        return found

    # -- brands that may have work

    def ended(self, brand: str, *, hinted: bool) -> None:
        """A visit drained *brand*. *hinted*: somebody told of it since the visit last looked.

        That may have been the visit's own commit, or the hint of that is still to come.
        """
        if hinted:
            self._doubt(brand)
        else:
            self._echoes.drained(brand, trio.current_time())

    def _doubt(self, brand: str) -> None:
        self._echoes.doubt(brand)
        self._doubted.set()

    async def settle_doubts(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Ask about brands that may have work, some at a time, and take those that have; for ever."""
        task_status.started()
        while True:
            self._doubted = trio.Event()
            with trio.move_on_at(self._echoes.due_s):
                await self._doubted.wait()
            if trio.current_time() < self._echoes.due_s:
                continue
            brands = self._echoes.take(trio.current_time())
            with suppress(StoreError):  # rounds ask about what was hinted, too, and tell that Redis is away
                for at in range(0, len(brands), CLAIM_SLICE):
                    self._offer(await self._claim(brands[at : at + CLAIM_SLICE]))

    async def count_dead_letters(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Count the dead letters of all brands, again and again."""
        task_status.started()
        while True:
            if self.registry_read:
                await self._look_at_letters()
                await trio.sleep(LETTERS_S)
            else:  # nobody knows yet whose
                await trio.sleep(HINTED_CLAIM_S)

    async def _look_at_letters(self) -> None:
        brands, letters = self._roster.brands(), dict[str, Letters]()
        try:
            for start in range(0, len(brands), CLAIM_SLICE):
                part = brands[start : start + CLAIM_SLICE]
                letters |= await self._call(partial(self._store.dead_letters, part))
        except StoreError:  # claims tell that Redis is away
            self._metrics.dead_letters.set(nan)
            self._metrics.brands_dead_letters_only.set(nan)
            return
        self._metrics.dead_letters.set(sum(found.entries for found in letters.values()))
        self._letters_only.seen(letters, trio.current_time())
        self._tell_letters_only(self._letters_only.brands(trio.current_time()))

    def _tell_letters_only(self, brands: Sequence[str]) -> None:
        self._metrics.brands_dead_letters_only.set(len(brands))
        if new := [brand for brand in brands if brand not in self._told_letters_only]:
            self._log.warning("brands bring dead letters only", brands=len(brands), new=new[:REFUSED_TOLD])
        self._told_letters_only = frozenset(brands)

    async def follow_moves(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """After slots of a cluster got other masters, have shown anew what readers see wrong; returns on one server.

        One that was promoted may have forgotten the last moments: of what readers see, or of what it was made from.
        """
        task_status.started()
        topology, projections = self._store.topology, self._store.projections
        if topology is None or projections is None:
            return
        seen, until_s, looked = -1, 0.0, False
        while True:
            if self.registry_read:
                began_s = trio.current_time()
                if topology.changes != seen:
                    # The first look is about what happened while nobody was here, and one is enough for that.
                    until_s = began_s if seen < 0 else began_s + MOVED_S
                    seen = topology.changes
                if began_s <= until_s or not looked:  # a look that nobody answered is none
                    looked = await self._verify(projections.verify)
            await trio.sleep(HINTED_CLAIM_S)

    async def _verify(self, verify: Callable[[Sequence[str]], Verified]) -> bool:
        """Have shown anew what readers see wrong; whether anybody said what they see."""
        # Those of others that our lanes hold, too: their owner cannot have them shown anew, and only finds them held.
        brands = list(dict.fromkeys((*self._looks.own, *self._lanes.working())))
        try:
            found = await self._call(partial(verify, brands))
        except StoreError as error:
            self._log.debug("what readers see was not looked at", reason=str(error))
            return False
        self._looks.ended(found.owed)
        for brand in found.held:  # its holder knows nothing of it: what it has shown it takes for shown
            self._lanes.show_anew(brand)
        if found.owed or found.held:
            self._log.warning("readers saw another commit, shown anew", owed=len(found.owed), held=len(found.held))
        return True

    async def _look_for_room(self) -> None:
        """Let brands go on that had no room: removing a letter, or a record for the archive, gives no hint."""
        found = False
        for part in self._roster.full_slices():
            for brand in await self._call(partial(self._store.roomy, part)):
                self._roster.roomy(brand)
                found = True
        if found:
            self._lanes.notice()

    # -- hints

    async def follow_hints(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Follow the server's wake hints; returns if it gives none, and claims do without."""
        self._set_hinted(hinted=False)
        task_status.started()
        failures = 0
        while True:
            try:
                with trio.CancelScope() as self._listening:
                    async with trio.open_nursery() as nursery:
                        await nursery.start(self._receive_hints)
                        failures = 0
                        self._set_hinted(hinted=True)
                        # After listening began, never before: between the two a hint would be missed for good.
                        self.follow(None)
            except* HintsUnsupportedError as group:
                self._supported = False
                self._log.warning("no wake hints from this server, polling instead", reason=_reasons(group))
            except* StoreError as group:
                if self.hinted:
                    self._log.info("wake hints interrupted, polling meanwhile", reason=_reasons(group))
            finally:
                self._set_hinted(hinted=False)
                self._claim_now.set()
            if not self._supported:
                return
            failures += 1
            await trio.sleep(backoff_s(failures, 2.0, cap_s=RECOVERY_CAP_S))

    async def _receive_hints(self, *, task_status: trio.TaskStatus[None]) -> None:
        prefixes = (QUEUE_PREFIX, PAUSED_KEY, *self._options.registry_keys)
        topology, timeout_s = self._store.topology, self._options.timeout_s
        if topology is not None:
            await receive_cluster_hints(topology, prefixes, self.follow, timeout_s=timeout_s, task_status=task_status)
            return
        await receive_hints(
            self._options.hints_url,
            prefixes,
            self.follow,
            timeout_s=timeout_s,
            login=self._options.login,
            task_status=task_status,
        )

    def _set_hinted(self, *, hinted: bool) -> None:
        self.hinted = hinted
        self._metrics.set_wake_mode("hints" if hinted else "polling")

    def follow(self, keys: frozenset[str] | None) -> None:
        """Act on changed *keys*; None means that anything may have changed."""
        if keys is None:
            self._registry_stale.set()
            self._looks.doubt_all()
            self._claim_now.set()
            return
        for key in keys:
            brand = brand_of_queue(key)
            if brand is not None:
                self._hint(brand)
            elif key in self._options.registry_keys:
                self._registry_stale.set()
            elif key == PAUSED_KEY:
                self._next_count_s = float("-inf")  # where lanes hold all brands, another claim would ask about none
                self._claim_now.set()

    def _hint(self, brand: str) -> None:
        self._looks.doubt([brand])
        if self._lanes.wake(brand):
            return
        if self._echoes.is_echo(brand, trio.current_time()):
            self._doubt(brand)
        else:
            self.sharing.hint(brand)

    async def _claim(self, brands: Sequence[str]) -> Claim:
        return await self._call(partial(self._store.claim, brands))

    async def _call(self, call: Callable[[], T]) -> T:
        return await trio.to_thread.run_sync(call, limiter=self._limiter, abandon_on_cancel=True)


def _reasons(group: BaseExceptionGroup[StoreError]) -> str:
    return "; ".join(
        _reasons(error) if isinstance(error, BaseExceptionGroup) else str(error) for error in group.exceptions
    )
