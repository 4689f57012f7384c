"""Sharing the brands out among the processes that live: who hurries for which, and who asks later whether somebody did.

Owns what is known of the others, and the loop that asks about brands which others are expected to work on. What that
costs when the others are not as they seem is time; whose a brand is for a while is decided by its lease.

Source: ``docs/decisions/0066-a-first-process-for-each-brand.md``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

import structlog
import trio

from orchestrator.errors import StoreError
from orchestrator.fleet.members import Member
from orchestrator.scheduler.backlog import Backlog, Together
from orchestrator.scheduler.later import LATEST_S, LENT_S, RANK_S, WATCH_S, Asked, Later
from orchestrator.scheduler.looks import Looks
from orchestrator.scheduler.ownership import Ownership
from orchestrator.scheduler.roster import CLAIM_SLICE, Roster
from orchestrator.store.types import Claim


class LaneControl(Protocol):
    """What those who find work tell and ask the one who runs lanes."""

    def notice(self) -> None:
        """A brand may have become ready."""

    def wake(self, brand: str) -> bool:
        """There is a hint for *brand*; True if a lane holds the brand and was told."""
        ...

    def dismiss(self, brand: str) -> None:
        """*brand* left the registry."""

    def show_anew(self, brand: str) -> None:
        """Readers of *brand* see something else than they should: whoever holds it is to show all of it."""

    def working(self) -> tuple[str, ...]:
        """The brands that lanes have."""
        ...

    def spare(self) -> int:
        """How many more brands could be worked on now."""
        ...


class Sharing:
    """Which brands are for us to hurry for, and what becomes of the others.

    Attributes:
        ownership: which process comes first for which brand.
        looks: what to ask about own brands, and those of others.
        backlog: what waits in the queues of own brands.
        together: the same of all brands.

    Args:
        name: of this process, as others know it.
        ttl_s: life of a lease without renewal.
        claim: asks Redis about brands.
    """

    def __init__(
        self,
        name: str,
        ttl_s: float,
        roster: Roster,
        lanes: LaneControl,
        claim: Callable[[Sequence[str]], Awaitable[Claim]],
    ) -> None:
        self.ownership = Ownership(name)
        self.looks = Looks(ttl_s)
        self.backlog = Backlog()
        self.together = Together(self.backlog)
        self.together.heard(self.ownership.view, (), float("-inf"))
        self._name = name
        self._roster = roster
        self._lanes = lanes
        self._claim = claim
        self._later = Later()
        self._elsewhere: frozenset[str] = frozenset()
        self._urgent_s = LATEST_S
        self._deferred = trio.Event()
        self._log = structlog.get_logger("orchestrator.sharing")

    def heard(self, members: Sequence[Member]) -> bool:
        """*members* live: those of them that share the work divide the brands with us; True if others did before."""
        others = [member for member in members if member.name != self._name]
        shares = {member.name: member.share for member in others if member.share is not None}
        strained = {member.name for member in members if member.share is not None and member.share.strained}
        self._elsewhere = frozenset(brand for member in others for brand in member.holds)
        # Who has said that it takes part does, because the others heard that and nothing newer.
        told = not members or any(member.name == self._name and member.share is not None for member in members)
        changed = self.ownership.share(shares, strained, with_us=told)
        self.together.heard(self.ownership.view, tuple(shares.values()), trio.current_time())
        if changed:
            self.divide()
            self._log.info("brands are shared out", others=len(shares), own=len(self.looks.own))
        return changed

    def divide(self) -> None:
        """Know which brands are ours, after brands or others came or left; those that were not before are in doubt."""
        brands = self._roster.brands()
        self.ownership.register(brands)
        self.looks.divide(brands, self.ownership.own())

    def comes_first(self, brand: str) -> bool:
        """Whether nobody is to work on *brand* before us, as far as we know."""
        return brand not in self._elsewhere and self.ownership.rank(brand) == 0

    # -- what was found

    def hint(self, brand: str) -> None:
        """Chunks came for *brand*, which no lane of ours has, or somebody took some."""
        if brand in self._later:
            return
        now_s = trio.current_time()
        if brand in self._later.lent or not self.comes_first(brand):
            self._defer(brand, now_s)
        elif self._roster.hint(brand, now_s):
            self.backlog.ready(brand, now_s)
            self._lanes.notice()

    def offer(self, claim: Claim) -> bool:
        """Take what *claim* found, as far as that is for us; whether anything was."""
        now_s, free, found = trio.current_time(), frozenset(claim.ready), False
        for brand in claim.ready:
            if self.comes_first(brand):
                found = self._take(brand, now_s) or found
            else:
                self._defer(brand, now_s)
        for brand in claim.queues:
            if brand not in free and brand not in self.looks.own:
                self._wait(brand, now_s, WATCH_S)
        if found:
            self._lanes.notice()
        return found

    def ended(self, brand: str, *, lent: bool) -> None:
        """A lane let go of *brand*; *lent*: another process has it, and its hints are for that one."""
        self.looks.ended([brand])
        self.looks.doubt([brand])
        if lent:
            self._later.lent.add(brand)

    def forget(self, brand: str) -> None:
        """*brand* left the registry."""
        self._later.forget(brand)

    def _take(self, brand: str, since_s: float) -> bool:
        """*brand* is free, and for us to work on; False if it is ready or held already."""
        self._later.lent.discard(brand)
        if not self._roster.claimed(brand):
            return False
        self.backlog.ready(brand, since_s)
        return True

    def _defer(self, brand: str, now_s: float) -> None:
        if brand in self._roster:
            self._wait(brand, now_s, RANK_S * self.ownership.rank(brand) or LENT_S)

    def _wait(self, brand: str, now_s: float, for_s: float) -> None:
        before_s = self._later.next_s()
        self._later.defer(brand, now_s, for_s)
        if self._later.next_s() < before_s:
            self._deferred.set()

    # -- what others were expected to do

    async def ask_later(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Ask about brands that others are expected to work on, and take those that nobody does; for ever."""
        task_status.started()
        while True:
            self._deferred = trio.Event()
            with trio.move_on_at(self.due_s):
                await self._deferred.wait()
            await self.ask_due()

    @property
    def due_s(self) -> float:
        """When somebody is to be asked about next; never: infinity."""
        return self._later.next_s()

    async def ask_due(self) -> None:
        """Ask once about those whose time has come."""
        asked = self._due_now(trio.current_time())
        for at in range(0, len(asked), CLAIM_SLICE):
            await self._ask(asked[at : at + CLAIM_SLICE])

    def _due_now(self, now_s: float) -> list[Asked]:
        """Whom to ask about; what others are to do is put off while no lane is to spare."""
        spare = self._lanes.spare() > 0
        self._urgent_s = self._patience_s(now_s)
        asked = [one for one in self._later.take(now_s) if self._roster.idle(one.brand)]
        for one in asked:
            if not (spare or self._urgent(one, now_s)):
                self._later.again(one, now_s + RANK_S)
        return [one for one in asked if one.brand not in self._later]

    def _urgent(self, asked: Asked, now_s: float) -> bool:
        """Whether we take a brand with no lane to spare, because nobody else can be expected to."""
        return asked.brand in self.looks.own or now_s - asked.since_s >= self._urgent_s

    def _patience_s(self, now_s: float) -> float:
        """How long a brand of others has to have waited until we take it whatever else there is to do."""
        if self.backlog.statistics(now_s) is None:
            return LATEST_S
        # A brand that is parked here may have waited for days, and not for a lane.
        return max(LATEST_S, 2 * self.backlog.oldest_s(now_s, self._roster.ails))

    async def _ask(self, asked: Sequence[Asked]) -> None:
        try:
            claim = await self._claim([one.brand for one in asked])
        except StoreError:  # rounds tell that Redis is away
            for one in asked:
                self._later.again(one, trio.current_time() + WATCH_S)
            return
        free, now_s, found = frozenset(claim.ready), trio.current_time(), False
        away = frozenset(claim.away)
        for one in asked:
            if one.brand in away:
                self._later.again(one, now_s + WATCH_S)
            elif one.brand in free:
                if self._lanes.spare() > 0 or self._urgent(one, now_s):
                    found = self._take(one.brand, one.since_s) or found
                else:
                    self._later.again(one, now_s + RANK_S)
            elif one.brand in claim.queues:
                self._later.again(Asked(one.brand, now_s), now_s + WATCH_S)
        if found:
            self._lanes.notice()
