"""Every answer carries the headers that keep a page harmless."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orchestrator.http.security import HEADERS

if TYPE_CHECKING:
    from quart.typing import TestClientProtocol

    from tests.http.conftest import MemoryService


@pytest.mark.parametrize("path", ["/", "/brands/nike", "/brands/x", "/health", "/v1/brands", "/nothing", "/static/x"])
async def test_every_answer_is_secured(client: TestClientProtocol, service: MemoryService, path: str) -> None:
    """Pages, data and errors alike."""
    service.add("nike")
    headers = (await client.get(path)).headers
    assert {name: headers.get(name) for name in HEADERS} == HEADERS
    assert "Cache-Control" in headers


def test_policy_allows_nothing_inline_and_nothing_foreign() -> None:
    """No directive opens a way for injected markup."""
    policy = HEADERS["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert not any(word in policy for word in ("unsafe", "*", "http", "data:"))
