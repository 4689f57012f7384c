"""The view that HTTP has of the service: frozen snapshots, and a protocol of what may be asked.

Owns the types only. :mod:`orchestrator.service.view` fills them from live objects; health, pages and the read API
read nothing else, so that no handler reaches into private fields. Values here are shown to anybody who can reach
the port: no secrets, addresses masked.

Source: the platform's ``/health`` document (its key names are in ``http.health``).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractAsyncContextManager

    import trio

    from orchestrator.contract.alert_routes import RouteStates
    from orchestrator.contract.pauses import Pause
    from orchestrator.contract.summary import EpisodeKind
    from orchestrator.fleet.view import FleetView
    from orchestrator.http.past_view import PastView
    from orchestrator.store.orphans import Orphans

T = TypeVar("T")


class Status(StrEnum):
    """The service as a whole, worst last; serving means that a load balancer may send readers here."""

    OK = "ok"
    DEGRADED = "degraded"  # serving, but a brand is parked or the pure twin runs where it need not
    STARTING = "starting"
    UNAVAILABLE = "unavailable"  # Redis does not answer, or clocks differ: nothing is lost, nothing goes on
    STOPPING = "stopping"

    @property
    def serving(self) -> bool:
        """True when readiness is 200."""
        return self in {Status.OK, Status.DEGRADED}


@dataclass(frozen=True, slots=True)
class Check:
    """The outcome of one health check.

    Attributes:
        status: ``ok``, ``degraded`` or ``failing``.
        detail: one sentence of ours, for everybody.
        inner: the same with texts of servers and libraries, which may name hosts, users and paths; for operators. Empty
            where there is no more to say.
    """

    status: str
    detail: str = ""
    inner: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceStatistics:
    """A snapshot of one orchestrator.

    Attributes:
        status: readiness and more.
        orchestrator_id: the configured or random id.
        uptime_s: seconds since the start, monotonic.
        registered_brands: brands known from the registry.
        processed_brands: visits of a lane that committed something, since the start.
        active_brands: brands that a lane holds now.
        successful_brands: brands whose last visit went well.
        failed_brands: brands whose last visit was given up, or which are parked.
        last_processed_at_ms: Unix milliseconds of the last commit, None before the first.
        checks: by name: ``redis``, ``clock``, ``server``, ``lanes``, ``paused``, ``orders``, ``settings``,
            ``alerts``, ``merge``, and ``archive`` where there is one.
        parked: brands that this process leaves alone until somebody acts, and why.
        paused: registered brands that an operator paused, the same from every process.
        redis_address: where other processes reach an embedded Redis, masked; None for a configured one.
        alert_routes: how the routes of alerts stand, None: this process tells nobody.
    """

    status: Status
    orchestrator_id: str
    uptime_s: float
    registered_brands: int = 0
    processed_brands: int = 0
    active_brands: int = 0
    successful_brands: int = 0
    failed_brands: int = 0
    last_processed_at_ms: int | None = None
    checks: Mapping[str, Check] = field(default_factory=dict)
    parked: Mapping[str, str] = field(default_factory=dict)
    paused: Mapping[str, Pause] = field(default_factory=dict)
    redis_address: str | None = None
    alert_routes: RouteStates | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lag:
    """What waits in the queues of all registered brands, of the whole fleet.

    Attributes:
        chunks: that wait; None, here and below, where nobody could count in the last seconds.
        brands: whose queues are not empty.
        oldest_s: for so long the brand that waits longest has seen no commit; 0 if none waits.
        counted_ms: Unix milliseconds of the count.
        orphans: queues of brands that nobody registered, None before somebody looked for them.
    """

    chunks: int | None = None
    brands: int | None = None
    oldest_s: float | None = None
    counted_ms: int | None = None
    orphans: Orphans | None = None


@dataclass(frozen=True, slots=True)
class SummaryUpdate:
    """A brand's summary was written: what ``PUBLISH summary:updates`` says."""

    brand: str
    epoch: int
    version: int


@dataclass(frozen=True, slots=True)
class Notice:
    """Why a brand does not go on, whichever process says so.

    Attributes:
        title: in a sentence; empty: it goes on.
        text: what was found or said, and what helps.
        queued: chunks that wait; None: their queue has a foreign type.
        conflicts: how often a chunk had the id of another one and other numbers, if that was within a day.
    """

    title: str = ""
    text: str = ""
    queued: int | None = 0
    conflicts: str = ""


class ServiceView(Protocol):
    """What HTTP may ask of the service. Every value from Redis is untrusted bytes.

    The async methods raise :class:`orchestrator.errors.StoreError` when Redis does not answer, and return within the
    configured Redis time-out. They read at most one byte more than ``MAX_DOCUMENT_BYTES`` of a string, and one entry
    more than ``MAX_LIST_ENTRIES`` of a list or hash: what is longer was not written by us. A key of a foreign type
    counts as absent. Being cancelled changes nothing: they only read.
    """

    def statistics(self) -> ServiceStatistics:
        """A snapshot, without I/O."""
        ...

    def lag(self) -> Lag:
        """What waits, as the metrics of every process tell it, without I/O."""
        ...

    def past(self) -> PastView | None:
        """What an archive tells; None: none is set."""
        ...

    async def brands(self) -> Sequence[str]:
        """The registered brands, as last read from the registry."""
        ...

    async def summary(self, brand: str) -> bytes | None:
        """The stored summary document of *brand*, None when there is none."""
        ...

    async def notice(self, brand: str) -> Notice:
        """Whether *brand* goes on, and why not."""
        ...

    async def summaries(self, brands: Sequence[str], take: Callable[[bytes | None], T]) -> Sequence[T]:
        """What *take* makes of the stored summaries of *brands*, in their order; None stands for one that is missing.

        It is called in the thread that reads, so that the event loop neither decodes nor waits.
        """
        ...

    async def fleet(self, patience_s: float = math.inf) -> FleetView:
        """The processes that live and how all registered brands stand, about a second old at most.

        If it takes longer than *patience_s* to look, as of the last look, if that is not long ago.
        """
        ...

    async def trend(self, brand: str) -> Mapping[bytes, bytes]:
        """The fields of the brand's trend HASH, empty when there is none."""
        ...

    async def trend_points(
        self, brands: Sequence[str], fields: Sequence[bytes], take: Callable[[Sequence[bytes | None]], T]
    ) -> Sequence[T]:
        """What *take*, called in the thread that reads, makes of these *fields* of the brands' trends.

        It gets the values of one brand, in the order of the fields; None stands for one that is missing.
        """
        ...

    async def spikes(self, brand: str, kind: EpisodeKind = "volume") -> Sequence[bytes]:
        """The entries of the brand's LIST of episodes of that *kind*, oldest first."""
        ...

    async def recent(self, brand: str) -> Sequence[bytes]:
        """The entries of the brand's LIST of recent chunks, oldest first."""
        ...

    def updates(self) -> AbstractAsyncContextManager[trio.MemoryReceiveChannel[SummaryUpdate]]:
        """Subscribe to written summaries of all orchestrators; a slow reader misses updates, never stalls others."""
        ...
