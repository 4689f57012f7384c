"""A service held in memory, and the application built on it."""

from __future__ import annotations

import json
import math
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import pytest
import trio

from orchestrator.contract.alert_routes import RouteStates
from orchestrator.contract.pauses import Pause
from orchestrator.fleet.parking import Code, Parked
from orchestrator.fleet.view import BrandStatus, FleetView, standing
from orchestrator.http import Access, AccessOptions, build_app, serve
from orchestrator.http.past_view import PastDocument, Wanted
from orchestrator.http.service_view import Check, Lag, Notice, ServiceStatistics, Status, SummaryUpdate
from orchestrator.process.metrics import Metrics
from tests.http.operators import TOKEN, MemoryOperator

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence
    from pathlib import Path

    from quart.typing import TestClientProtocol
    from quart_trio import QuartTrio

T = TypeVar("T")
AS_OF_MS = 1_772_366_400_000  # 2026-03-01T12:00:00Z


class MemoryPast:
    """A :class:`orchestrator.http.past_view.PastView` whose answers a test sets."""

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.document = b"{}"
        self.settled = False
        self.error: Exception | None = None

    async def summary(self, brand: str, at_ms: int) -> PastDocument:
        """The document."""
        return self._answer(brand, at_ms)

    async def explain(self, brand: str, wanted: Wanted) -> PastDocument:
        """The document."""
        return self._answer(brand, wanted)

    def _answer(self, *asked: Any) -> PastDocument:
        self.asked.append(asked)
        if self.error is not None:
            raise self.error
        return PastDocument(self.document, self.settled)


class MemoryService:
    """A :class:`orchestrator.http.service_view.ServiceView` whose documents a test sets."""

    def __init__(self) -> None:
        self.status = Status.OK
        self.redis_address: str | None = None
        self.registered: list[str] = []
        self.stored: dict[str, bytes] = {}
        self.commits: dict[str, int | None] = {}
        self.queued: dict[str, int | None] = {}
        self.dead: dict[str, int | None] = {}
        self.read: list[str] = []
        self.trends: dict[str, dict[bytes, bytes]] = {}
        self.episodes: dict[str, list[bytes]] = {}
        self.recents: dict[str, list[bytes]] = {}
        self.error: Exception | None = None
        self.kept: MemoryPast | None = None
        self.waiting = Lag()
        self.parked: dict[str, str] = {}
        self.paused: dict[str, Pause] = {}
        self.alert_routes: RouteStates | None = None
        self.notices: dict[str, Notice] = {}
        self.disputed = ""
        self.archive: Check | None = None
        self.subscribers: list[trio.MemorySendChannel[SummaryUpdate]] = []

    def statistics(self) -> ServiceStatistics:
        """A snapshot with a value in every field."""
        return ServiceStatistics(
            status=self.status,
            orchestrator_id="test-1",
            uptime_s=12.3456,
            registered_brands=len(self.registered),
            processed_brands=7,
            active_brands=2,
            successful_brands=5,
            failed_brands=1,
            last_processed_at_ms=1_735_689_600_123,
            checks={
                "redis": Check("ok", "answers"),
                "lanes": Check("ok"),
                "settings": Check("degraded" if self.disputed else "ok", self.disputed),
                "merge": Check("ok", "cython"),
                **({} if self.archive is None else {"archive": self.archive}),
            },
            parked=self.parked,
            paused=self.paused,
            redis_address=self.redis_address,
            alert_routes=self.alert_routes,
        )

    def lag(self) -> Lag:
        """What waits, as a test sets it."""
        return self.waiting

    def past(self) -> MemoryPast | None:
        """What a test's archive tells."""
        return self.kept

    def _check(self) -> None:
        if self.error is not None:
            raise self.error

    async def brands(self) -> Sequence[str]:
        """The registered brands."""
        self._check()
        return list(self.registered)

    async def summary(self, brand: str) -> bytes | None:
        """The stored summary."""
        self._check()
        return self.stored.get(brand)

    async def summaries(self, brands: Sequence[str], take: Callable[[bytes | None], T]) -> Sequence[T]:
        """What is made of the stored summaries."""
        self.read += brands
        return [take(await self.summary(brand)) for brand in brands]

    async def fleet(self, patience_s: float = math.inf) -> FleetView:  # noqa: ARG002 - nothing takes time here
        """How the brands stand: waiting and dead as set, one commit for each time that a summary was added."""
        self._check()
        return FleetView(AS_OF_MS, (), [self._status(brand) for brand in self.registered])

    def _status(self, brand: str) -> BrandStatus:
        parked = Parked(Code.FULL, "", 0, "test") if brand in self.parked else None
        queued = self.queued.get(brand, 0)
        return BrandStatus(
            brand,
            standing(queued, None, parked, None),
            queued=queued,
            failed=self.dead.get(brand, 0),
            commits=self.commits.get(brand, 0),
            summarised=brand in self.stored,
            parked=parked,
        )

    async def notice(self, brand: str) -> Notice:
        """What a test says of the brand."""
        self._check()
        return self.notices.get(brand, Notice())

    async def trend(self, brand: str) -> Mapping[bytes, bytes]:
        """The stored trend."""
        self._check()
        return self.trends.get(brand, {})

    async def trend_points(
        self, brands: Sequence[str], fields: Sequence[bytes], take: Callable[[Sequence[bytes | None]], T]
    ) -> Sequence[T]:
        """What is made of these fields of the stored trends."""
        stored = [await self.trend(brand) for brand in brands]
        return [take([values.get(field) for field in fields]) for values in stored]

    async def spikes(self, brand: str, kind: str = "volume") -> Sequence[bytes]:
        """The stored episodes."""
        self._check()
        return self.episodes.get(brand if kind == "volume" else f"{kind} of {brand}", [])

    async def recent(self, brand: str) -> Sequence[bytes]:
        """The stored recent chunks."""
        self._check()
        return self.recents.get(brand, [])

    @asynccontextmanager
    async def updates(self) -> AsyncIterator[trio.MemoryReceiveChannel[SummaryUpdate]]:
        """A subscription that the test feeds through ``publish``."""
        send, receive = trio.open_memory_channel[SummaryUpdate](16)
        self.subscribers.append(send)
        try:
            with send, receive:
                yield receive
        finally:
            self.subscribers.remove(send)

    def publish(self, brand: str, epoch: int = 1, version: int = 1) -> None:
        """Tell every subscriber."""
        for subscriber in self.subscribers:
            subscriber.send_nowait(SummaryUpdate(brand, epoch, version))

    def add(self, brand: str, /, **fields: Any) -> None:
        """Register *brand* with a summary whose fields may be overridden."""
        if brand not in self.registered:
            self.registered.append(brand)
        self.commits[brand] = (self.commits.get(brand) or 0) + 1
        self.stored[brand] = json.dumps(summary_document(brand) | fields).encode()


def summary_document(brand: str) -> dict[str, Any]:
    """A summary as the brand rules write it."""
    return {
        "schemaVersion": 1,
        "brand": brand,
        "generatedAt": "2026-03-01T12:00:00.000Z",
        "epoch": 3,
        "version": 41,
        "windowStart": "2026-02-28T12:00:00.000Z",
        "windowEnd": "2026-03-01T12:00:00.000Z",
        "totalChunks": 12,
        "totalMentions": 1480,
        "sentiment": {"positive": 700.5, "neutral": 500.25, "negative": 279.25, "score": 421.0},
        "netSentiment": 0.2846,
        "dominantTopics": ["launch", "price", "delivery"],
        "topics": [
            {"topic": "launch", "mentions": 900, "change": 0.61},
            {"topic": "price", "mentions": 410, "change": -0.12},
            {"topic": "delivery", "mentions": 170, "change": 0},
        ],
        "clusters": [
            {
                "id": "launch-positive",
                "label": "Launch buzz",
                "mentions": 620,
                "spike": True,
                "sentimentScore": 0.61,
                "members": 9,
                "firstSeen": "2026-02-28T18:00:00.000Z",
                "lastSeen": "2026-03-01T11:45:00.000Z",
            },
            {
                "id": "late-parcels",
                "label": "Parcels arrive late",
                "mentions": 170,
                "spike": False,
                "sentimentScore": -0.48,
                "members": 4,
                "firstSeen": "2026-03-01T06:15:00.000Z",
                "lastSeen": "2026-03-01T11:30:00.000Z",
            },
        ],
        "clusterCount": 2,
        "spikeDetected": True,
        "spike": None,
        "summary": "Notable mentions: Launch buzz (620)\nKey topics: launch, price, delivery\nSpikes: Launch buzz",
        "chunkSummaries": ["People like the new shoe.", "Some parcels are late."],
    }


@pytest.fixture
def service() -> MemoryService:
    """An empty service that is ready."""
    return MemoryService()


@pytest.fixture
def metrics() -> Metrics:
    """Metrics with a registry of their own."""
    return Metrics(merge_implementation="python")


@pytest.fixture
def operator() -> MemoryOperator:
    """What operators may ask: nothing is there yet."""
    return MemoryOperator()


@pytest.fixture
def access(tmp_path: Path) -> Access:
    """Everybody reads, one token acts."""
    file = tmp_path / "operators"
    file.write_text(f"{TOKEN}\n")
    return Access(AccessOptions(operator_token_file=str(file)))


@pytest.fixture
def app(service: MemoryService, metrics: Metrics, operator: MemoryOperator, access: Access) -> QuartTrio:
    """The application for ``HTTP_PORT`` on that service."""
    return build_app(service, metrics, operator=operator, access=access)


@pytest.fixture
def client(app: QuartTrio) -> TestClientProtocol:
    """A client that calls the application without a socket."""
    return app.test_client()


@dataclass(frozen=True)
class Served:
    """The application on a real port of the loopback interface."""

    service: MemoryService
    operator: MemoryOperator
    metrics: Metrics
    port: int
    stop: trio.Event

    @property
    def url(self) -> str:
        """The address that clients use."""
        return f"http://127.0.0.1:{self.port}"


@pytest.fixture
async def served(
    service: MemoryService, metrics: Metrics, operator: MemoryOperator, access: Access, nursery: trio.Nursery
) -> Served:
    """The application served by the real server until the test ends."""
    stop = trio.Event()
    app = build_app(service, metrics, stop=stop, operator=operator, access=access)
    port: int = await nursery.start(partial(serve, app, "127.0.0.1", 0, shutdown=stop))
    return Served(service, operator, metrics, port, stop)
