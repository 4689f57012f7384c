"""What waits, for autoscalers: the numbers of the metrics, and null where there are none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.http.service_view import Lag
from orchestrator.store.orphans import Orphan, Orphans

if TYPE_CHECKING:
    from quart.typing import TestClientProtocol

    from tests.http.conftest import MemoryService


async def test_lag_tells_what_waits(client: TestClientProtocol, service: MemoryService) -> None:
    """Chunks, brands, the oldest and the time of the count; no copy is kept on the way."""
    service.waiting = Lag(chunks=1200, brands=40, oldest_s=12.34567, counted_ms=1_795_435_200_500)
    response = await client.get("/v1/lag")
    assert response.headers["Cache-Control"] == "no-store"
    assert await response.get_json() == {
        "chunks": 1200,
        "brands": 40,
        "oldestSeconds": 12.346,
        "orphans": None,
        "asOf": "2026-11-23T12:00:00.500Z",
    }


async def test_lag_is_zero_only_if_nothing_waits(client: TestClientProtocol, service: MemoryService) -> None:
    """A zero from somebody who cannot count would let an autoscaler stop the workers of a full queue."""
    response = await client.get("/v1/lag")
    assert response.status_code == 200
    assert set((await response.get_json()).values()) == {None}
    service.waiting = Lag(chunks=0, brands=0, oldest_s=0.0, counted_ms=1_795_435_200_500)
    document = await (await client.get("/v1/lag")).get_json()
    assert (document["chunks"], document["brands"], document["oldestSeconds"]) == (0, 0, 0)


async def test_lag_names_the_queues_of_nobodys(client: TestClientProtocol, service: MemoryService) -> None:
    """Apart from what waits: these chunks wait for ever. The fullest are named with what is wrong about their names."""
    named = tuple(Orphan(f"acme {number}", 100 - number, None, "it is written otherwise") for number in range(30))
    orphans = Orphans(500, 9000, 123_456, 1_795_435_200_000, complete=True, named=named)
    service.waiting = Lag(chunks=1, brands=1, oldest_s=0.0, counted_ms=1, orphans=orphans)
    document = (await (await client.get("/v1/lag")).get_json())["orphans"]
    shown = document.pop("named")
    assert document == {
        "queues": 500,
        "chunks": 9000,
        "bytes": 123_456,
        "complete": True,
        "asOf": "2026-11-23T12:00:00.000Z",
    }
    assert len(shown) == 20
    assert shown[0] == {"name": "acme 0", "chunks": 100, "bytes": None, "why": "it is written otherwise"}
