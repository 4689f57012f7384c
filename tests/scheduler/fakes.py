"""Redis and the lanes' sessions as a test scripts them, for a scheduler in virtual time."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio

from orchestrator.contract.keys import PAUSED_KEY
from orchestrator.contract.pauses import Pause
from orchestrator.errors import HintsUnsupportedError, StoreUnavailableError
from orchestrator.lane.lane import LaneOptions
from orchestrator.lane.lifecycle import LaneState
from orchestrator.lane.session import Session, Warm
from orchestrator.lane.turn import Clocks
from orchestrator.process.metrics import Metrics
from orchestrator.scheduler import discovery as discovery_module
from orchestrator.scheduler.discovery import DiscoveryOptions
from orchestrator.scheduler.scheduler import Scheduler, SchedulerOptions
from orchestrator.store.clock import ServerClock
from orchestrator.store.glance import Glance, Part
from orchestrator.store.types import Claim, Lease, Letters, Queued, Registry
from tests.lane.fakes import Action, HandsInPlace, Script, ScriptedSession, in_place

AWAY = StoreUnavailableError("no answer")
REGISTRY_KEY = "brands:set"
REGISTRY_INTERVAL_S = 30.0


class FakeRedis:
    """What a scheduler asks of a store, and the server's wake hints.

    Attributes:
        brands: what is registered.
        versions: of each brand's last commit.
        scripts: each brand's session; its steps are the brand's work.
        down: what every call raises while it is set.
        hints: whether the server gives wake hints.
        room: brands whose dead letters have room; looks: when that was asked.
        lost: brands whose leases the next renewal finds lost.
        clock: as the store's.
        clock_ahead_s: by which the server's clock is wrong.
        lost_before: leases that it finds lost, as many as it renews, although no lane holds them any more.
        renewals: how often connections were made anew.
        claims: when brands were asked about; claimed: which.
        glances: when they were glanced at; glanced: how often each.
        dues: of brands, by the server's clock.
        pauses: of brands, by the server's clock; pauses_read: when they were read.
    """

    def __init__(self, *brands: str) -> None:
        self.brands = list(brands)
        self.refused: tuple[tuple[str, str], ...] = ()
        self.scripts: defaultdict[str, Script] = defaultdict(Script)
        self.versions: defaultdict[str, int] = defaultdict(int)
        self.down: Exception | None = None
        self.renewals_fail = False
        self.hints = True
        self.lost: set[str] = set()
        self.room: set[str] = set()
        self.looks: list[float] = []
        self.letters = 0
        self.letters_only: set[str] = set()
        self.lost_before: list[Lease] = []
        self.claims: list[float] = []
        self.claimed: list[str] = []
        self.glances: list[float] = []
        self.glanced: Counter[str] = Counter()
        self.dues: dict[str, int] = {}
        self.subscriptions = 0
        self.renewals = 0
        self.pauses: dict[str, Pause] = {}
        self.pauses_read: list[float] = []
        self._revision = 0
        self._listener: Callable[[frozenset[str] | None], None] | None = None
        self._broken = trio.Event()
        self.clock = ServerClock(60.0)
        self.partly = False
        self.topology = self.projections = None
        self.clock_ahead_s = 0

    # -- the store

    def renew_connections(self) -> None:
        """Nothing to close."""
        self.renewals += 1

    def registered(self, keys: Sequence[str]) -> Registry:
        """The registry."""
        assert REGISTRY_KEY in keys
        if self.down is not None:
            raise self.down
        return Registry(tuple(self.brands), self.refused)

    def claim(self, brands: Sequence[str]) -> Claim:
        """Brands with work; each step is a chunk."""
        self.ping()
        self.claims.append(trio.current_time())
        self.claimed.extend(brands)
        scripts = {brand: self.scripts[brand] for brand in brands}
        queues = {
            brand: Queued(len(script.steps), str(self.versions[brand]).encode())
            for brand, script in scripts.items()
            if script.steps
        }
        now_ms = self.now_ms()
        ready = [brand for brand in scripts if self._works(brand) or 0 < self.dues.get(brand, 0) <= now_ms]
        return Claim(ready, queues, self._revision, now_ms)

    def glance(self, parts: Sequence[Part], dues: Sequence[str] = ()) -> Glance:
        """Whether brands have work, and when they are due."""
        self.ping()
        self.glances.append(trio.current_time())
        self.glanced.update(brand for part in parts for brand in part.brands)
        stirred = [part for part in parts if any(self._works(brand) for brand in part.brands)]
        return Glance(self.now_ms(), self._revision, stirred, {brand: self.dues.get(brand, 0) for brand in dues})

    def _works(self, brand: str) -> bool:
        return bool(self.scripts[brand].opens or self.scripts[brand].steps)

    def now_ms(self) -> int:
        """The server's time, as far as pauses go: that of the event loop."""
        return 1 + int(trio.current_time() * 1000)

    def paused(self, brands: Sequence[str]) -> dict[str, Pause]:
        """The pauses of *brands*."""
        self.pauses_read.append(trio.current_time())
        return {brand: self.pauses[brand] for brand in brands if brand in self.pauses}

    def dead_letters(self, brands: Sequence[str]) -> dict[str, Letters]:
        """Two of each brand, and more each time of those that fail."""
        self.ping()
        self.letters += 1
        return {brand: Letters(2 + self.letters * (brand in self.letters_only), 7) for brand in brands}

    def roomy(self, brands: Sequence[str]) -> list[str]:
        """Brands whose dead letters have room."""
        self.ping()
        self.looks.append(trio.current_time())
        return [brand for brand in brands if brand in self.room]

    def ping(self) -> None:
        """Fail while it is down."""
        if self.down is not None:
            raise self.down
        now_ms = self.clock.now_ms()
        self.clock.compare(now_ms, now_ms + self.clock_ahead_s * 1000)

    def renew(self, leases: Sequence[Lease]) -> list[Lease]:
        """Leases that are lost."""
        if self.renewals_fail:
            raise AWAY
        lost = [lease for lease in leases if lease.brand in self.lost] + self.lost_before
        self.lost, self.lost_before = set(), []
        return lost

    # -- wake hints

    async def receive_hints(
        self, _url: str, prefixes: Sequence[str], changed: Callable[[frozenset[str] | None], None], **options: Any
    ) -> None:
        """In place of ``receive_hints``."""
        assert set(prefixes) == {"result:brand:", REGISTRY_KEY, PAUSED_KEY}
        self.subscriptions += 1
        if not self.hints:
            raise HintsUnsupportedError("unknown subcommand")
        self.ping()
        self._listener, self._broken = changed, trio.Event()
        options["task_status"].started()
        try:
            await self._broken.wait()
            raise StoreUnavailableError("connection reset")
        finally:
            self._listener = None

    def break_hints(self) -> None:
        """The connection for hints is reset."""
        self._broken.set()

    def changed(self, *keys: str) -> None:
        """The server reports *keys*."""
        if self._listener is not None:
            self._listener(frozenset(keys))

    # -- what workers and people do

    def push(self, brand: str, *steps: Action, hint: bool = True) -> None:
        """Give *brand* work."""
        self.scripts[brand].steps.extend(steps)
        if hint:
            self.changed(f"result:brand:{brand}:chunks")

    def pause(self, *brands: str, for_s: float | None = None, hint: bool = True) -> None:
        """Pause *brands*, which lose their leases."""
        until_ms = None if for_s is None else self.now_ms() + round(for_s * 1000)
        for brand in brands:
            self.pauses[brand] = Pause("why", "who", self.now_ms(), until_ms)
        self._pauses_changed(hint=hint)

    def resume(self, *brands: str, hint: bool = True) -> None:
        """Let *brands* go on."""
        for brand in brands:
            del self.pauses[brand]
        self._pauses_changed(hint=hint)

    def _pauses_changed(self, *, hint: bool) -> None:
        self._revision += 1
        if hint:
            self.changed(PAUSED_KEY)

    def register(self, *brands: str, hint: bool = True) -> None:
        """Set the registry."""
        self.brands = list(brands)
        if hint:
            self.changed(REGISTRY_KEY)


def make_scheduler(
    world: FakeRedis,
    monkeypatch: pytest.MonkeyPatch,
    *,
    concurrency: int = 2,
    metrics: Metrics | None = None,
    **lane: Any,
) -> Scheduler:
    """A scheduler whose Redis is *world*."""
    monkeypatch.setattr(trio.to_thread, "run_sync", in_place)
    monkeypatch.setattr(discovery_module, "receive_hints", world.receive_hints)
    options = SchedulerOptions(
        concurrency=concurrency,
        renew_interval_s=5.0,
        warm_bytes=1 << 20,
        lane=LaneOptions(**lane),
        discovery=DiscoveryOptions((REGISTRY_KEY,), REGISTRY_INTERVAL_S, "redis://fake", 1.0),
    )
    store: Any = world

    def new_session(brand: str, warm: Warm | None) -> Session:
        return ScriptedSession(world.scripts[brand], brand, warm)

    metrics = metrics or Metrics(merge_implementation="python")

    def cpu() -> float:
        return sum(script.computed_s for script in world.scripts.values())

    clocks = Clocks(trio.current_time, cpu)
    return Scheduler(store, new_session, options, metrics, clocks=clocks, hands=HandsInPlace())


def lanes_of(scheduler: Scheduler) -> dict[str, LaneState]:
    """The brands that lanes hold, and what each lane does."""
    return {lane.brand: lane.state for lane in scheduler.statistics().lanes}


@asynccontextmanager
async def running(scheduler: Scheduler) -> AsyncIterator[None]:
    """Run *scheduler* while the context is open; a second passes first, so that it has settled."""
    async with trio.open_nursery() as nursery:
        await nursery.start(scheduler.run)
        await trio.sleep(1.0)
        yield
        nursery.cancel_scope.cancel()
