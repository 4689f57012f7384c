"""Pages of other origins: which may read what, and that no credentials go along."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orchestrator.http import Access, AccessOptions, AppOptions, build_app
from orchestrator.http.cors import is_open

if TYPE_CHECKING:
    from pathlib import Path

    from quart.typing import TestClientProtocol

    from orchestrator.process.metrics import Metrics
    from tests.http.conftest import MemoryService

BOARD = "https://boards.example"
ALLOW = "Access-Control-Allow-Origin"
ASK = {"Origin": BOARD, "Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "authorization"}


def client_for(service: MemoryService, metrics: Metrics, *origins: str, tokens: str = "") -> TestClientProtocol:
    """A client of the application that shares with *origins*."""
    service.add("nike")
    access = Access(AccessOptions(tokens))
    return build_app(service, metrics, access=access, options=AppOptions(origins=frozenset(origins))).test_client()


@pytest.mark.parametrize("path", ["/v1/brands", "/v1/brands/nike/summary", "/v1/brands/nobody/summary", "/v1/nothing"])
async def test_a_named_origin_reads_documents_and_errors(service: MemoryService, metrics: Metrics, path: str) -> None:
    """The page learns why it got none, and a cache keeps origins apart."""
    response = await client_for(service, metrics, BOARD).get(path, headers={"Origin": BOARD})
    assert response.headers[ALLOW] == BOARD
    assert "Origin" in response.headers["Vary"]
    assert "ETag" in response.headers["Access-Control-Expose-Headers"]


async def test_another_origin_is_told_nothing(service: MemoryService, metrics: Metrics) -> None:
    """Nor is a request without one; but that it depends on the origin is said in any case."""
    client = client_for(service, metrics, BOARD)
    for headers in ({"Origin": "https://boards.example.evil"}, {"Origin": "null"}, {}):
        response = await client.get("/v1/brands", headers=headers)
        assert ALLOW not in response.headers
        assert "Origin" in response.headers["Vary"]
        assert response.headers["Cross-Origin-Resource-Policy"] == "same-origin"


async def test_every_origin_reads_where_that_is_set(service: MemoryService, metrics: Metrics) -> None:
    """One answer for all, so that caches may give it to anybody."""
    response = await client_for(service, metrics, "*").get("/v1/brands", headers={"Origin": "https://any.example"})
    assert response.headers[ALLOW] == "*"
    assert "Origin" not in response.headers["Vary"]


@pytest.mark.parametrize("origins", [(BOARD,), ("*",)])
@pytest.mark.parametrize("path", ["/", "/brands/nike", "/health", "/v1/ops", "/v1/ops/brands"])
async def test_pages_and_operations_are_never_shared(
    service: MemoryService, metrics: Metrics, path: str, origins: tuple[str, ...]
) -> None:
    """Neither with a request nor with a preflight."""
    client = client_for(service, metrics, *origins)
    for response in (await client.get(path, headers={"Origin": BOARD}), await client.options(path, headers=ASK)):
        assert [name for name in response.headers.keys() if name.startswith("Access-Control-")] == []  # noqa: SIM118


@pytest.mark.parametrize("origins", [(BOARD,), ("*",)])
async def test_nobody_is_let_in_with_what_a_browser_adds(
    service: MemoryService, metrics: Metrics, origins: tuple[str, ...]
) -> None:
    """Cookies and remembered passwords stay at home."""
    client = client_for(service, metrics, *origins)
    for response in (
        await client.get("/v1/brands", headers={"Origin": BOARD}),
        await client.options("/v1/brands", headers=ASK),
    ):
        assert "Access-Control-Allow-Credentials" not in response.headers


async def test_a_preflight_needs_no_token_and_the_request_does(
    service: MemoryService, metrics: Metrics, tmp_path: Path
) -> None:
    """Browsers send none with it; what it allows is reading with a token."""
    tokens = tmp_path / "tokens"
    tokens.write_text("a-token-that-is-long-enough\n")
    client = client_for(service, metrics, BOARD, tokens=str(tokens))
    preflight = await client.options("/v1/brands", headers=ASK)
    assert (preflight.status_code, preflight.headers[ALLOW]) == (204, BOARD)
    assert preflight.headers["Access-Control-Allow-Methods"] == "GET, HEAD"
    assert "Authorization" in preflight.headers["Access-Control-Allow-Headers"]
    response = await client.get("/v1/brands", headers={"Origin": BOARD})
    assert (response.status_code, response.headers[ALLOW]) == (401, BOARD)


async def test_a_preflight_of_another_origin_is_refused(service: MemoryService, metrics: Metrics) -> None:
    """With a status that says so, and nothing allowed."""
    response = await client_for(service, metrics, BOARD).options("/v1/brands", headers=ASK | {"Origin": "https://x"})
    assert response.status_code == 403
    assert ALLOW not in response.headers


async def test_without_the_setting_nothing_is_shared(client: TestClientProtocol) -> None:
    """The default is this origin's own pages."""
    response = await client.get("/v1/brands", headers={"Origin": BOARD})
    assert ALLOW not in response.headers
    assert "Origin" not in response.headers.get("Vary", "")


@pytest.mark.parametrize(
    ("path", "open_"),
    [("/v1/brands", True), ("/v1/opsx", True), ("/v1/ops", False), ("/v1/ops/x", False), ("/", False), ("/v1", False)],
)
def test_what_is_open_is_the_read_api_alone(path: str, open_: bool) -> None:  # noqa: FBT001 - a table
    """Operators' addresses end at a slash."""
    assert is_open(path) is open_
