"""What waits, for autoscalers: the numbers of the metrics, and null where there are none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.http.service_view import Lag

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
