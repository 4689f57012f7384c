"""What is refused at the door, and what never is."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from orchestrator.http import build_app, build_metrics_app
from orchestrator.http.access import Access, AccessOptions
from orchestrator.http.security import HEADERS
from orchestrator.http.service_view import Check
from tests.http.test_access import OPERATOR, READER, basic, files

if TYPE_CHECKING:
    from pathlib import Path

    from quart.typing import TestClientProtocol

    from orchestrator.http.service_view import ServiceStatistics
    from orchestrator.process.metrics import Metrics
    from tests.http.conftest import MemoryService

__all__ = ["files"]

READS = [
    "/",
    "/brands/nike",
    "/health",
    "/v1/brands",
    "/v1/brands/nike/summary",
    "/v1/events",
    "/v1/openapi.json",
    "/x",
]


@pytest.fixture
def access(files: tuple[Path, Path]) -> Access:
    """By both tokens, under one name."""
    return Access(AccessOptions(str(files[0]), str(files[1]), hosts=frozenset({"localhost"})))


@pytest.fixture
def guarded(service: MemoryService, metrics: Metrics, access: Access) -> TestClientProtocol:
    """A client of an application that asks who is there."""
    service.add("nike")
    return build_app(service, metrics, access=access).test_client()


@pytest.mark.parametrize("path", [*READS, "/static/x"])
async def test_without_a_token_nothing_is_read(guarded: TestClientProtocol, path: str) -> None:
    """Pages, data, files and what does not exist alike; a browser is asked for a password."""
    response = await guarded.get(path)
    assert response.status_code == 401
    assert [value.split()[0] for value in response.headers.getlist("WWW-Authenticate")] == ["Bearer", "Basic"]
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["Content-Security-Policy"] == HEADERS["Content-Security-Policy"]
    assert b"nike" not in await response.get_data(as_text=False)


@pytest.mark.parametrize("header", [f"Bearer {READER}", basic(READER), f"Bearer {OPERATOR}"])
async def test_with_a_token_everything_is_read(guarded: TestClientProtocol, header: str) -> None:
    """As Bearer, from a browser, and by an operator."""
    for path in ("/", "/brands/nike", "/v1/brands/nike/summary"):
        assert (await guarded.get(path, headers={"Authorization": header})).status_code == 200


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
async def test_probes_are_never_guarded(guarded: TestClientProtocol, path: str) -> None:
    """Neither by tokens nor by names: they are asked by address."""
    response = await guarded.get(path, headers={"Host": "10.0.0.7:9000"})
    assert (response.status_code, await response.get_json()) == (200, {"status": "ok"})


@pytest.mark.parametrize("path", READS)
async def test_a_foreign_host_is_misdirected(guarded: TestClientProtocol, path: str) -> None:
    """Whatever token comes with it: a page under a foreign name must not read ours."""
    headers = {"Host": "evil.example", "Authorization": f"Bearer {READER}"}
    response = await guarded.get(path, headers=headers)
    assert response.status_code == 421
    if path.startswith("/v1"):
        assert (await response.get_json())["title"] == "Misdirected Request"


async def test_metrics_want_a_token_and_any_host_will_do(metrics: Metrics, access: Access) -> None:
    """Scrapers know processes by address."""
    client = build_metrics_app(metrics, access).test_client()
    refused = await client.get("/metrics")
    assert (refused.status_code, refused.content_type) == (401, "application/problem+json")
    headers = {"Host": "10.0.0.7:9001", "Authorization": f"Bearer {READER}"}
    assert (await client.get("/metrics", headers=headers)).status_code == 200


async def test_health_tells_servers_texts_to_operators_alone(
    service: MemoryService, guarded: TestClientProtocol, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader gets a sentence of ours."""
    own: ServiceStatistics = service.statistics()
    check = Check("failing", "Redis does not answer", "WRONGPASS for user bob at redis-7.internal")
    monkeypatch.setattr(service, "statistics", lambda: replace(own, checks={"redis": check}))
    told = {}
    for token in (READER, OPERATOR):
        body = await (await guarded.get("/health", headers={"Authorization": f"Bearer {token}"})).get_json()
        told[token] = body["checks"]["redis"]["detail"]
    assert told == {READER: check.detail, OPERATOR: check.inner}
