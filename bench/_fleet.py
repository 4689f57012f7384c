"""A fleet in virtual time: many brands, many processes that come and go, and who of them works on what.

What decides is the service's own: ``Sharing`` with its ``Ownership``, ``Later`` and ``Looks``, ``Roster``, ``Backlog``
and ``Strain``, one of each in every process, on a clock that is set forward from event to event. Only the shells around
them are written again here, in short: what a lane does with a brand, when rounds and heartbeats come, and a Redis of
queues and locks.

The model:

- A push is one chunk for a brand drawn by Zipf's law; pushes come by chance, at a rate, or each when the one before is
  summarised. Redis tells all processes of it at once, and of each commit all but the one that made it.
- A visit asks for the lease after half a round trip. If another process holds the brand it ends there: a conflict.
  Else it computes: a fixed time, and a time a chunk, on the one processor of its process, in the order in which visits
  want it. Then it commits what had come when it began, and goes on with what has come since unless others wait.
- A lane lets go of a brand as soon as its queue is empty. Real ones keep it while nobody needs the lane.
- A process that is killed says nothing more: its leases end after their time, and it is believed to live for as long
  as the service believes that. One that leaves finishes its visits, and says so.
- Redis has no queue of its own: what it would have to do is added up by what each command costs it.
- Brands that get no chunk while the model runs take part in the division of brands, and in nothing else. What watching
  them costs is measured by ``python -m bench idle``.

The same seed gives the same run. Source: ``docs/decisions/0091-a-fleet-in-virtual-time.md``.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import random
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
import structlog
import trio
from trio.testing import MockClock

from orchestrator.contract.fingerprint import Fingerprint
from orchestrator.fleet.members import TTL_S, Member, Share
from orchestrator.lane.outcome import LaneOutcome
from orchestrator.scheduler.discovery import HINTED_CLAIM_S
from orchestrator.scheduler.ownership import Ownership
from orchestrator.scheduler.roster import Roster
from orchestrator.scheduler.sharing import Sharing
from orchestrator.scheduler.strain import Strain
from orchestrator.store.members import gone_s, pause_s
from orchestrator.store.types import Claim, Queued

PHASES: Final = ("steady", "two join", "one leaves", "one is killed", "afterwards")
"""What happens, each at the beginning of a phase of the same length."""

CLOSED_S: Final = 0.01
"""The pause before a push in a closed loop, which is that of ``bench latency``."""


@dataclass(frozen=True, slots=True)
class Costs:
    """What things cost; the defaults are of ``docs/performance.md``.

    Attributes:
        hop_s: half a round trip to Redis.
        visit_s: processor time of a process for a visit.
        chunk_s: the same for each of its chunks.
        redis_visit_s: processor time of Redis for a visit.
        redis_claim_s: the same for each brand that a claim asks about.
        redis_glance_s: the same for each brand that is glanced at.
    """

    hop_s: float = 0.0003
    visit_s: float = 0.0025
    chunk_s: float = 0.00001
    redis_visit_s: float = 0.0005
    redis_claim_s: float = 0.0000033
    redis_glance_s: float = 0.00000009


@dataclass(frozen=True, slots=True)
class Plan:
    """What is modelled.

    Attributes:
        brands: registered.
        processes: at the beginning.
        rate: pushes a second; 0: the next push :data:`CLOSED_S` after the one before is summarised.
        seconds: length of each phase; after :data:`TTL_S` all of a process that was killed is forgotten.
        phases: what happens.
        zipf: exponent of the law by which brands are drawn; 0: all alike.
        lanes: of each process.
        lease_ttl_s: life of a lease without renewal.
        seed: of all chance.
        costs: what things cost.
    """

    brands: int
    processes: int
    rate: float
    seconds: float = 25.0
    phases: Sequence[str] = PHASES
    zipf: float = 1.1
    lanes: int = 5
    lease_ttl_s: float = 15.0
    seed: int = 1
    costs: Costs = field(default_factory=Costs)


@dataclass(slots=True)
class Phase:
    """What happened in one phase, by the time of the push or of the visit.

    Attributes:
        name: of what happened at its beginning.
        moved: brands whose first process became another one at its beginning.
        wakes_s: from push to commit, of each chunk.
        visits: of each process, those that committed.
        others: visits that committed for a brand of which another process was the first.
        conflicts: visits that found the brand held.
        asked: brands in claims.
        glanced: brands in glances.
        hints: that were delivered.
    """

    name: str
    moved: int = 0
    pushes: int = 0
    wakes_s: list[float] = field(default_factory=list)
    visits: Counter[str] = field(default_factory=Counter)
    others: int = 0
    conflicts: int = 0
    asked: int = 0
    glanced: int = 0
    hints: int = 0

    def redis_s(self, costs: Costs) -> float:
        """Processor time of Redis."""
        visits = (self.visits.total() + self.conflicts) * costs.redis_visit_s
        return visits + self.asked * costs.redis_claim_s + self.glanced * costs.redis_glance_s

    def spread(self, processes: int) -> float:
        """Visits of the busiest process over those of the average one."""
        total = self.visits.total()
        return max(self.visits.values()) * processes / total if total else 0.0


class SharedOwnership(Ownership):
    """The real rule, worked out once for all processes that know the same others."""

    def __init__(self, name: str, known: dict[tuple[str, frozenset[str], str], Sequence[str]]) -> None:
        self._known = known
        super().__init__(name)

    def order(self, brand: str) -> Sequence[str]:
        """As the rule says."""
        key = self.view, frozenset(self._strained), brand
        if (found := self._known.get(key)) is None:
            found = self._known[key] = super().order(brand)
        return found


@dataclass(slots=True)
class _Queue:
    """What Redis has of a brand: when its chunks were pushed, who holds the lease, and how often it was committed."""

    pushed_s: deque[float] = field(default_factory=deque)
    holder: Process | None = None
    ends_s: float = float("inf")
    version: int = 0

    def held(self, now_s: float) -> bool:
        return self.holder is not None and now_s < self.ends_s


class Process:
    """One orchestrator: the service's rules, and lanes that visit brands of the model."""

    def __init__(self, fleet: Fleet, name: str) -> None:
        self.name = name
        self.alive = True
        self.leaving = False
        self.held: dict[str, float] = {}
        self._fleet = fleet
        self._roster = Roster(backoff_base=2.0, park_s=30.0)
        self._roster.register(fleet.touched)
        self._sharing = Sharing(name, fleet.plan.lease_ttl_s, self._roster, self, fleet.claim)
        self._sharing.ownership = SharedOwnership(name, fleet.orders)
        self._strain = Strain()
        self._free_s = 0.0
        self._busy_s = 0.0
        self._beaten_s = 0.0
        self._asks_s = float("inf")

    # -- what Sharing tells and asks the one who runs lanes

    def notice(self) -> None:
        """A brand may have become ready."""
        self._fleet.at(self._fleet.now_s, self._dispatch)

    def wake(self, brand: str) -> bool:
        """Whether a lane holds *brand*, which looks at its queue before it lets go."""
        return brand in self.held

    def show_anew(self, brand: str) -> None:
        """Nobody is shown anything."""

    def working(self) -> tuple[str, ...]:
        """Asked only where slots get other masters, which they do not here."""
        return ()

    def dismiss(self, brand: str) -> None:
        """No brand leaves the registry here."""

    def spare(self) -> int:
        """How many more brands could be worked on now."""
        if self.leaving:
            return 0
        return self._fleet.plan.lanes - len(self.held) - self._roster.waiting(self._fleet.now_s)

    # -- what Redis tells

    def hint(self, brand: str) -> None:
        """The queue of *brand* changed."""
        if self.leaving:
            return
        self._sharing.looks.doubt([brand])
        if not self.wake(brand):
            self._sharing.hint(brand)
            self._ask_in_time()

    def _ask_in_time(self) -> None:
        due_s = self._sharing.due_s
        if due_s < self._asks_s:
            self._asks_s = due_s
            self._fleet.at(due_s, self._ask)

    async def _ask(self) -> None:
        self._asks_s = float("inf")
        if self.alive and not self.leaving:
            await self._sharing.ask_due()
            self._ask_in_time()

    # -- rounds and heartbeats

    def begin(self, members: Sequence[Member]) -> None:
        """Know *members*, and beat and look around from now on."""
        self._sharing.heard(members)
        self._sharing.divide()
        chance = self._fleet.chance
        self._fleet.at(self._fleet.now_s + chance.uniform(0.0, HINTED_CLAIM_S), self._look_around)
        self.beat()

    def beat(self) -> None:
        """Say and hear, again and again."""
        if not self.alive or self.leaving:
            return
        fleet = self._fleet
        fleet.told[self.name] = fleet.now_s, self.said()
        self._sharing.heard(fleet.members())
        self._ask_in_time()
        fleet.at(fleet.now_s + pause_s(len(fleet.told)) * fleet.chance.uniform(0.95, 1.05), self.beat)

    def comes_first(self, brand: str) -> bool:
        """Whether nobody comes before this process for *brand*, as far as it knows."""
        return self._sharing.ownership.rank(brand) == 0

    def said(self) -> Member:
        """What a heartbeat tells of it."""
        now_s, backlog = self._fleet.now_s, self._sharing.backlog
        own = backlog.statistics(now_s)
        past_s, self._beaten_s = now_s - self._beaten_s, now_s
        busy, self._busy_s = self._busy_s > 0.9 * past_s > 0, 0.0
        share = None
        if not self.leaving:
            counted = (own.chunks, own.brands, own.oldest_s) if own else (0, 0, 0.0)
            chunks, brands, oldest_s = counted
            strained = self._strain.lasts(now_s, busy=busy)
            share = Share("", backlog.view, chunks, brands, 0, oldest_s, now_s - backlog.counted_s, strained)
        return Member(
            *(self.name, self.name, "", 0, Fingerprint({}), self._fleet.plan.lanes, len(self.held), 0, 0),
            holds=tuple(self.held),
            share=share,
        )

    async def _look_around(self) -> None:
        """What a round of the service asks, and when the next one comes."""
        fleet, looks, began_s = self._fleet, self._sharing.looks, self._fleet.now_s
        if not self.alive or self.leaving:
            return
        stirred = []
        for parts, dues in looks.glances(began_s):
            fleet.phase.glanced += sum(len(part.brands) for part in parts)
            looks.saw(dict.fromkeys(dues, 0), 1)
            stirred += [part for part in parts if any(fleet.queues[brand].pushed_s for brand in part.brands)]
        queues: dict[str, Queued] = {}
        for brands in looks.asked(stirred, 1, self._roster.idle):
            claim = await fleet.claim(brands)
            queues.update(claim.queues)
            self._sharing.offer(claim)
        looks.doubt(queues)
        own = {brand: queue for brand, queue in queues.items() if brand in looks.own}
        self._sharing.backlog.counted(own, began_s, began_s, 0, view=self._sharing.ownership.view)
        self._ask_in_time()
        fleet.at(began_s + HINTED_CLAIM_S * fleet.chance.uniform(0.8, 1.2), self._look_around)

    # -- lanes

    def _dispatch(self) -> None:
        now_s = self._fleet.now_s
        while self.alive and not self.leaving and len(self.held) < self._fleet.plan.lanes:
            if (brand := self._roster.take(now_s)) is None:
                break
            self.held[brand] = now_s
            self._fleet.at(now_s + self._fleet.plan.costs.hop_s, lambda brand=brand: self._acquire(brand))  # type: ignore[misc]
        self._strain.look(now_s, waiting=self._roster.has_waiting(now_s))
        next_s = self._roster.next_start_s()
        if next_s is not None and next_s > now_s:
            self._fleet.at(next_s, self._dispatch)

    def _acquire(self, brand: str) -> None:
        queue = self._fleet.queues[brand]
        if not self.alive:
            return
        if queue.held(self._fleet.now_s):
            self._fleet.phase.conflicts += 1
            self._end(brand, LaneOutcome.BUSY)
            return
        queue.holder, queue.ends_s = self, float("inf")
        self._compute(brand)

    def _compute(self, brand: str) -> None:
        costs, now_s, chunks = self._fleet.plan.costs, self._fleet.now_s, len(self._fleet.queues[brand].pushed_s)
        cost_s = costs.visit_s + chunks * costs.chunk_s
        self._free_s = max(self._free_s, now_s) + cost_s
        self._busy_s += cost_s
        self._fleet.at(self._free_s + costs.hop_s, lambda: self._commit(brand, chunks))

    def _commit(self, brand: str, chunks: int) -> None:
        if not self.alive:
            return
        fleet, queue, now_s = self._fleet, self._fleet.queues[brand], self._fleet.now_s
        fleet.committed(self, brand, chunks)
        self._sharing.backlog.committed(brand, len(queue.pushed_s), now_s)
        self._roster.progress(brand)
        if queue.pushed_s and not self._roster.has_waiting(now_s) and not self.leaving:
            self._compute(brand)
            return
        queue.holder = None
        self._end(brand, LaneOutcome.YIELDED if queue.pushed_s else LaneOutcome.DRAINED)
        for other in fleet.others(self):
            other.hint(brand)

    def _end(self, brand: str, outcome: LaneOutcome) -> None:
        now_s = self._fleet.now_s
        del self.held[brand]
        self._roster.finish(brand, outcome, now_s)
        self._sharing.ended(brand, lent=outcome is LaneOutcome.BUSY)
        if outcome is LaneOutcome.DRAINED:
            self._sharing.backlog.drained(brand)
        self._dispatch()

    def die(self) -> None:
        """Be killed: say nothing more; leases end some time after they were last renewed, in a third of their life."""
        self.alive = False
        ttl_s = self._fleet.plan.lease_ttl_s
        for brand in self.held:
            queue = self._fleet.queues[brand]
            if queue.holder is self:
                queue.ends_s = self._fleet.now_s + ttl_s * self._fleet.chance.uniform(2 / 3, 1)

    def leave(self) -> None:
        """End as asked to: take no more brands, and tell the others."""
        self.leaving = True
        del self._fleet.told[self.name]


class Fleet:
    """The world of a model: its clock, its Redis, its traffic and its processes.

    Attributes:
        phases: what happened, the present one last.
        chance: of everything.
    """

    def __init__(self, plan: Plan, clock: MockClock) -> None:
        self.plan = plan
        self.chance = random.Random(plan.seed)
        self.names = [f"brand-{number:06}" for number in range(plan.brands)]
        self.pushes = self._drawn()
        self.touched = sorted({brand for _, _, brand in self.pushes})
        self.queues = {brand: _Queue() for brand in self.touched}
        self.orders: dict[tuple[str, frozenset[str], str], Sequence[str]] = {}
        self.told: dict[str, tuple[float, Member]] = {}
        self.processes: list[Process] = []
        self.phases: list[Phase] = []
        self._clock = clock
        self._events: list[tuple[float, int, Callable[[], Awaitable[None] | None]]] = []
        self._order = itertools.count()
        self._waited: deque[tuple[int, float, str]] = deque()

    @property
    def now_s(self) -> float:
        """The time."""
        return trio.current_time()

    @property
    def phase(self) -> Phase:
        """The present phase."""
        return self.phases[-1]

    def at(self, at_s: float, what: Callable[[], Awaitable[None] | None]) -> None:
        """Have *what* happen at that time, after what was to happen then before."""
        heapq.heappush(self._events, (at_s, next(self._order), what))

    def _drawn(self) -> list[tuple[int, float, str]]:
        """All pushes: (phase, time, brand); each brand's weight goes by its place in an order by chance."""
        plan = self.plan
        rng = np.random.default_rng(plan.seed)
        weights = np.arange(1, plan.brands + 1, dtype=float) ** -plan.zipf
        places = rng.permutation(plan.brands)
        found = []
        for phase in range(len(plan.phases)):
            count = round((plan.rate or 1 / CLOSED_S) * plan.seconds)
            times = np.sort(rng.uniform(0, plan.seconds, count)) + phase * plan.seconds
            drawn = places[rng.choice(plan.brands, count, p=weights / weights.sum())]
            found += [(phase, float(at_s), self.names[place]) for at_s, place in zip(times, drawn, strict=True)]
        return found

    # -- Redis

    async def claim(self, brands: Sequence[str]) -> Claim:
        """Which of *brands* have chunks and no lease, and which have chunks."""
        self.phase.asked += len(brands)
        found = {brand: self.queues[brand] for brand in brands if self.queues[brand].pushed_s}
        ready = [brand for brand, queue in found.items() if not queue.held(self.now_s)]
        queues = {brand: Queued(len(queue.pushed_s), str(queue.version).encode()) for brand, queue in found.items()}
        return Claim(ready, queues, None, 1)

    def members(self) -> list[Member]:
        """Who is believed to live; who is late shares the work no more."""
        ages = [(self.now_s - heard_s, member) for heard_s, member in self.told.values()]
        late_s = gone_s(len(ages))
        return [replace(one, share=None) if age_s > late_s else one for age_s, one in ages if age_s <= TTL_S]

    def others(self, but: Process | None = None) -> Iterator[Process]:
        """Those who hear what changes, each of which counts."""
        for process in self.processes:
            if process is not but and process.alive:
                self.phase.hints += 1
                yield process

    def committed(self, process: Process, brand: str, chunks: int) -> None:
        """*process* committed the first *chunks* of *brand*."""
        queue = self.queues[brand]
        queue.version += 1
        self.phase.wakes_s += [self.now_s - queue.pushed_s.popleft() for _ in range(chunks)]
        self.phase.visits[process.name] += 1
        self.phase.others += not process.comes_first(brand)
        if self._waited and not self.plan.rate:
            self._push_next(self.now_s + CLOSED_S)

    # -- traffic

    def push(self, brand: str) -> None:
        """A chunk comes."""
        self.queues[brand].pushed_s.append(self.now_s)
        self.phase.pushes += 1
        for process in self.others():
            process.hint(brand)

    def _push_next(self, at_s: float) -> None:
        """In a closed loop: the next of the phase's pushes, if its time is not over."""
        number, _, brand = self._waited.popleft()
        if number == len(self.phases) - 1 and at_s < len(self.phases) * self.plan.seconds:
            self.at(at_s, lambda: self.push(brand))

    # -- who comes and goes

    def _join(self, count: int) -> list[Process]:
        came = [Process(self, f"process-{len(self.processes) + number:03}") for number in range(count)]
        self.processes += came
        for process in came:
            self.told[process.name] = self.now_s, process.said()
        return came

    def living(self) -> list[Process]:
        """Those that neither were killed nor were asked to end."""
        return [process for process in self.processes if process.alive and not process.leaving]

    def _come(self, count: int) -> None:
        came = self._join(count)
        names = [process.name for process in self.living()]
        self.phase.moved = sum(len(self._firsts(process.name, names)) for process in came)
        for process in came:
            process.begin(self.members())

    def _go(self, end: Callable[[Process], None]) -> None:
        living = self.living()
        self.phase.moved = len(self._firsts(living[0].name, [process.name for process in living]))
        end(living[0])

    def _happen(self, name: str) -> None:
        """What *name* says."""
        if name == "steady":
            self._come(self.plan.processes)
            self.phase.moved = 0
        elif name == "two join":
            self._come(2)
        elif name == "one leaves":
            self._go(Process.leave)
        elif name == "one is killed":
            self._go(Process.die)

    def _firsts(self, name: str, names: Sequence[str]) -> set[str]:
        """The brands, of all, whose first process is *name*, by the rule."""
        ownership = Ownership(name)
        ownership.register(self.names)
        ownership.share([other for other in names if other != name])
        return ownership.own()

    async def run(self) -> None:
        """Let everything happen, phase by phase, and then what is left."""
        for number, name in enumerate(self.plan.phases):
            self.at(number * self.plan.seconds, lambda number=number, name=name: self._begin(number, name))  # type: ignore[misc]
        end_s = len(self.plan.phases) * self.plan.seconds
        while self._events[0][0] <= end_s or any(queue.pushed_s for queue in self.queues.values()):
            at_s, _, what = heapq.heappop(self._events)
            self._clock.jump(max(0.0, at_s - self.now_s))
            if (result := what()) is not None:
                await result

    def _begin(self, number: int, name: str) -> None:
        self.phases.append(Phase(name))
        self._happen(name)
        pushes = [push for push in self.pushes if push[0] == number]
        if self.plan.rate:
            for _, at_s, brand in pushes:
                self.at(at_s, lambda brand=brand: self.push(brand))  # type: ignore[misc]
        else:
            self._waited = deque(pushes)
            self._push_next(self.now_s)


def simulated(plan: Plan) -> Fleet:
    """The fleet after all of *plan* has happened."""
    clock = MockClock()
    # Each process would say how it shares the brands out, and that is what the table is about.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))

    async def main() -> Fleet:
        fleet = Fleet(plan, clock)
        await fleet.run()
        return fleet

    return trio.run(main, clock=clock)
