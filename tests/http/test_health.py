"""Probes: the platform's keys, and which status means what."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from orchestrator.errors import StoreUnavailableError
from orchestrator.http.health import health_document
from orchestrator.http.service_view import Check, ServiceStatistics, Status

if TYPE_CHECKING:
    from quart.typing import TestClientProtocol

    from tests.http.conftest import MemoryService

PLATFORM_KEYS = {
    "status",
    "orchestratorId",
    "uptimeSeconds",
    "processedBrands",
    "activeBrands",
    "lastProcessedAt",
    "successfulBrands",
    "failedBrands",
}


async def test_health_has_the_platforms_keys_and_checks(client: TestClientProtocol) -> None:
    """The document has exactly the agreed keys, with values of the agreed types."""
    body = await (await client.get("/health")).get_json()
    assert set(body) == PLATFORM_KEYS | {"checks"}
    assert body["lastProcessedAt"] == "2025-01-01T00:00:00.123Z"
    assert (body["uptimeSeconds"], body["processedBrands"], body["activeBrands"]) == (12.346, 7, 2)
    assert body["checks"]["merge"] == {"status": "ok", "detail": "cython"}


async def test_health_names_the_embedded_address(client: TestClientProtocol, service: MemoryService) -> None:
    """Where a private Redis runs, the document says how to reach it."""
    service.redis_address = "unix:///tmp/private/redis.sock"
    assert (await (await client.get("/health")).get_json())["redisAddress"] == service.redis_address


def test_health_document_has_no_last_time_before_the_first_commit() -> None:
    """Nothing processed yet is null, not 1970."""
    document = health_document(ServiceStatistics(status=Status.STARTING, orchestrator_id="a", uptime_s=0))
    assert document["lastProcessedAt"] is None


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (Status.OK, 200),
        (Status.DEGRADED, 200),
        (Status.STARTING, 503),
        (Status.UNAVAILABLE, 503),
        (Status.STOPPING, 503),
    ],
)
@pytest.mark.parametrize("path", ["/health", "/readyz"])
async def test_readiness_follows_the_status(
    client: TestClientProtocol, service: MemoryService, path: str, status: Status, code: int
) -> None:
    """200 while serving, 503 otherwise, and the body says why."""
    service.status = status
    response = await client.get(path)
    assert (response.status_code, (await response.get_json())["status"]) == (code, status.value)


async def test_livez_is_200_whatever_fails(client: TestClientProtocol, service: MemoryService) -> None:
    """No failure of what the service uses is a reason to restart it."""
    service.status = Status.UNAVAILABLE
    service.error = StoreUnavailableError("refused")
    assert (await client.get("/livez")).status_code == 200


async def test_health_tells_strangers_no_texts_of_servers(
    client: TestClientProtocol, service: MemoryService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without operators there is nobody who gets them; the log has them."""
    check = Check("failing", "Redis does not answer", "WRONGPASS for user bob at redis-7.internal")
    own = service.statistics()
    monkeypatch.setattr(service, "statistics", lambda: replace(own, checks={"redis": check}))
    assert (await (await client.get("/health")).get_json())["checks"]["redis"]["detail"] == check.detail


@pytest.mark.parametrize("path", ["/health", "/readyz", "/livez"])
async def test_probes_are_never_cached(client: TestClientProtocol, path: str) -> None:
    """A proxy must not answer a probe from memory."""
    assert (await client.get(path)).headers["Cache-Control"] == "no-store"
