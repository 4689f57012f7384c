"""The heartbeat of this process: says that it lives, hears orders, and compares its settings with those of others.

Owns the loop and what was heard last. Of two processes that disagree the later one says so, at its start and in health:
it is the one that somebody has just started. Whether its settings may work on a brand is not decided here but by
``acquire``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import msgspec
import redis
import structlog
import trio

from orchestrator import __version__
from orchestrator.contract.fingerprint import RULES_NAME, Comparison, Fingerprint, compare
from orchestrator.contract.state_format import STATE_FORMAT
from orchestrator.errors import StoreError
from orchestrator.fleet.members import TTL_S, Load, Member, Obedience, Rates, Share
from orchestrator.process.metrics import Metrics, resident_memory_bytes
from orchestrator.service.meter import Reading, measured
from orchestrator.service.obedience import Orders
from orchestrator.store.members import (
    Heard,
    Told,
    ToldLoad,
    ToldObedience,
    ToldRates,
    ToldShare,
    beat,
    earlier,
    fitting,
    gone_s,
    leave,
    pause_s,
)

T = TypeVar("T")

MEASURE_S = 5.0
"""Over which load and rates are told: over less they say little."""

_FIRST_BEAT_S = 1.0
_LEAVE_S = 0.5


@dataclass(frozen=True, slots=True)
class Dispute:
    """A process that was there before this one and has other settings.

    Attributes:
        member: that process.
        comparison: of its settings with ours.
        archive: what is said of its archive; empty: it is ours.
    """

    member: Member
    comparison: Comparison
    archive: str = ""

    def __str__(self) -> str:
        values = [
            f"{one.name} is {one.mine:.12g} here and {_told(one.stored)} there" for one in self.comparison.differences
        ]
        return f"{self.member.id!r}: {', '.join([*values, self.archive] if self.archive else values)}"


def _told(value: float | None) -> str:
    return "not told" if value is None else f"{value:.12g}"


def disputes(members: Sequence[Member], name: str, mine: Fingerprint, archive: str = "") -> tuple[Dispute, ...]:
    """The processes before *name* among *members* that have other settings than *mine*, or another *archive*.

    Versions may differ during an upgrade, so the number of the rules is no reason to dispute.
    """
    found = (
        Dispute(member, _compare(member.fingerprint, mine), _compare_archives(member.archive, archive))
        for member in earlier(members, name)
    )
    return tuple(dispute for dispute in found if dispute.comparison.differences or dispute.archive)


def _compare_archives(theirs: str | None, mine: str) -> str:
    """With two places each has half of what was consumed, and no state can be made again of either."""
    if theirs is None or theirs == mine:
        return ""
    if theirs and mine:
        return "ARCHIVE_URL names another place there"
    return "ARCHIVE_URL is set there and not here" if theirs else "ARCHIVE_URL is set here and not there"


def _compare(theirs: Fingerprint, mine: Fingerprint) -> Comparison:
    differences = compare(theirs, mine).differences
    return Comparison(tuple(one for one in differences if one.name != RULES_NAME))


@dataclass(frozen=True, slots=True)
class Identity:
    """Who this process is.

    Attributes:
        name: of its own, as in the tokens of its leases.
        id: ``ORCHESTRATOR_ID``, shown to others.
        fingerprint: of its settings.
        registry: stands for the keys that its brands are registered under.
        archive: stands for the place of its archive; empty: it has none.
    """

    name: str
    id: str
    fingerprint: Fingerprint
    registry: str = ""
    archive: str = ""


@dataclass(frozen=True, slots=True)
class Work:
    """What this process does at one moment.

    Attributes:
        brands: that it works on.
        oldest_s: for how long the brand that waits longest has seen no commit; None if that is not known.
        share: what to say of the brands that it comes first for.
    """

    brands: Sequence[str] = ()
    oldest_s: float | None = None
    share: Share | None = None


def _nobody(_members: Sequence[Member]) -> None:
    """Nobody wants to hear who lives."""


class Heartbeat:
    """Beats, and knows who else does.

    Args:
        work: says what the process does now, told how many processors it has used lately.
        orders: takes what the process is ordered.
        heard: told who lives after each beat; of those who are late, or work on others, without their share.
    """

    def __init__(
        self,
        client: redis.Redis,
        identity: Identity,
        metrics: Metrics,
        *,
        work: Callable[[float], Work],
        orders: Orders,
        heard: Callable[[Sequence[Member]], None] = _nobody,
    ) -> None:
        self.name = identity.name
        self._client = client
        self._identity = identity
        self._metrics = metrics
        self._work = work
        self._orders = orders
        self._heard = heard
        self._reading = self._read()
        self._done: tuple[Load, Rates] | None = None
        self._since_ms = 0
        self._members: tuple[Member, ...] = ()
        self._heard_s = float("-inf")
        self._disputed: frozenset[str] = frozenset()
        self._failure = ""
        self._limiter = trio.CapacityLimiter(1)
        self._log = structlog.get_logger("orchestrator.members")

    def members(self) -> tuple[Member, ...]:
        """The processes that live, this one included, as last heard; none once that is too old to be true."""
        return self._members

    def obedience(self) -> tuple[Obedience, int]:
        """How this process stands to orders, and how many lanes it has by now."""
        return self._orders.obedience(), self._orders.lanes

    def disputes(self) -> tuple[Dispute, ...]:
        """Which processes were there before this one and have other settings."""
        return disputes(self.members(), self.name, self._identity.fingerprint, self._identity.archive)

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Beat for ever; started once the first beat was answered, or that took too long."""
        with trio.move_on_after(_FIRST_BEAT_S):
            await self._beat()
        task_status.started()
        while True:
            await trio.sleep(pause_s(len(self._members)))
            if await self._beat():
                await self._beat()  # an order was heard: say so at once

    async def leave(self) -> None:
        """Say that this process ends; if that fails the others notice all the same."""
        with trio.move_on_after(_LEAVE_S):
            try:
                await self._call(lambda: leave(self._client, self.name))
            except StoreError as error:
                self._log.debug("members not told of the end", reason=str(error))

    async def _beat(self) -> bool:
        """Say and hear once; whether that brought an order."""
        told, obeyed = self._told(), self._orders.heard
        try:
            heard = await self._call(lambda: beat(self._client, self.name, self._since_ms, told, obeyed))
        except StoreError as error:
            # Nothing depends on it. That Redis is away is told by others; a refusal of this one command is told once.
            if str(error) != self._failure:
                self._log.warning("heartbeat failed", reason=str(error))
            self._failure = str(error)
            if trio.current_time() - self._heard_s > TTL_S:
                self._members = ()  # too old to be true
                self._heard(())
            return False
        self._failure = ""
        self._take_in(heard)
        return self._orders.take(heard.orders, heard.now_ms)

    def _told(self) -> Told:
        identity, done = self._identity, self._measured()
        work = self._work(0.0 if done is None else done[0].cpu)
        return Told(
            id=identity.id,
            version=__version__,
            format=STATE_FORMAT,
            settings=msgspec.Raw(identity.fingerprint.text().encode()),
            lanes=self._orders.lanes,
            active=len(work.brands),
            load=None if done is None else ToldLoad.of(done[0]),
            rates=None if done is None else ToldRates.of(done[1]),
            oldest=None if work.oldest_s is None else round(work.oldest_s, 3),
            holds=fitting(work.brands),
            orders=ToldObedience.of(self._orders.obedience()),
            share=None if work.share is None else ToldShare.of(work.share),
            archive=identity.archive,
        )

    def _measured(self) -> tuple[Load, Rates] | None:
        """Load and rates, as last measured."""
        # Not with each beat: reading all counters costs more than the beat itself.
        if self._done is None or time.monotonic() - self._reading.at_s >= MEASURE_S:
            reading = self._read()
            done = measured(self._reading, reading, self._orders.lanes)
            if done is not None:
                self._reading, self._done = reading, done
        return self._done

    def _read(self) -> Reading:
        return Reading(time.monotonic(), time.process_time(), int(resident_memory_bytes()), self._metrics.totals())

    def _take_in(self, heard: Heard) -> None:
        self._since_ms, self._members, self._heard_s = heard.since_ms, heard.members, trio.current_time()
        self._heard([self._sharing(member) for member in heard.members])
        disputed = self.disputes()
        self._metrics.members.set(len(heard.members))
        self._metrics.members_quiet.set(sum(member.quiet for member in heard.members))
        self._metrics.members_disputed.set(len(disputed))
        known, self._disputed = self._disputed, frozenset(dispute.member.name for dispute in disputed)
        for dispute in disputed:
            if dispute.member.name not in known:  # told once, and each one that comes
                self._log.warning("settings differ from those of a running process", process=str(dispute))

    def _sharing(self, member: Member) -> Member:
        """*member*, without its share if it does not work on our brands, or may be gone."""
        late = member.age_ms > 1000 * gone_s(len(self._members))
        if member.share is None or (member.share.registry == self._identity.registry and not late):
            return member
        return replace(member, share=None)

    async def _call(self, call: Callable[[], T]) -> T:
        return await trio.to_thread.run_sync(call, limiter=self._limiter, abandon_on_cancel=True)
