"""The read API: documents, conditions, pages of brands, errors."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from orchestrator.errors import StoreUnavailableError

if TYPE_CHECKING:
    from quart.typing import TestClientProtocol

    from tests.http.conftest import MemoryService

PROBLEM_TYPE = "application/problem+json"


async def test_summary_is_sent_as_it_is_stored(client: TestClientProtocol, service: MemoryService) -> None:
    """Byte for byte what Redis holds, tagged with epoch and version."""
    service.add("nike")
    response = await client.get("/v1/brands/nike/summary")
    assert await response.get_data(as_text=False) == service.summaries["nike"]
    assert (response.content_type, response.headers["ETag"]) == ("application/json", '"3-41"')


@pytest.mark.parametrize(
    ("condition", "status"), [('"3-41"', 304), ('W/"3-41"', 304), ("*", 304), ('"3-40"', 200), ("nonsense", 200)]
)
async def test_summary_honours_if_none_match(
    client: TestClientProtocol, service: MemoryService, condition: str, status: int
) -> None:
    """Who has this version gets 304 and no body."""
    service.add("nike")
    response = await client.get("/v1/brands/nike/summary", headers={"If-None-Match": condition})
    assert response.status_code == status
    assert bool(await response.get_data(as_text=False)) == (status == 200)


async def test_summary_answers_head(client: TestClientProtocol, service: MemoryService) -> None:
    """HEAD has the headers of GET."""
    service.add("nike")
    response = await client.head("/v1/brands/nike/summary")
    assert (response.status_code, response.headers["ETag"]) == (200, '"3-41"')
    assert int(response.headers["Content-Length"]) == len(service.summaries["nike"])


async def test_summary_damaged_in_redis_is_502(client: TestClientProtocol, service: MemoryService) -> None:
    """Foreign bytes under the key are reported, not passed on."""
    service.summaries["nike"] = b"<html>"
    response = await client.get("/v1/brands/nike/summary")
    assert (response.status_code, response.content_type) == (502, PROBLEM_TYPE)


@pytest.mark.parametrize("path", ["/v1/brands/nobody/summary", "/v1/nothing", "/nothing", "/v1/brands/%0A/summary"])
async def test_unknown_is_a_404_problem(client: TestClientProtocol, path: str) -> None:
    """Programs get problem+json with the status in it."""
    response = await client.get(path)
    body = json.loads(await response.get_data(as_text=False))
    assert (response.status_code, response.content_type, body["status"]) == (404, PROBLEM_TYPE, 404)


async def test_without_redis_the_answer_is_503(client: TestClientProtocol, service: MemoryService) -> None:
    """The problem says when to come back and hides the reason."""
    service.error = StoreUnavailableError("redis://:secret@host refused")
    response = await client.get("/v1/brands/nike/summary")
    assert (response.status_code, response.headers["Retry-After"]) == (503, "2")
    assert b"secret" not in await response.get_data(as_text=False)


async def test_an_unexpected_error_is_500_without_its_text(client: TestClientProtocol, service: MemoryService) -> None:
    """A mistake of ours is logged, its text stays inside."""
    service.error = RuntimeError("secret")
    response = await client.get("/v1/brands")
    assert (response.status_code, response.content_type) == (500, PROBLEM_TYPE)
    assert b"secret" not in await response.get_data(as_text=False)


async def test_brands_are_paged_in_order(client: TestClientProtocol, service: MemoryService) -> None:
    """Sorted, with the total beside the page."""
    service.registered += ["puma", "adidas", "nike"]
    response = await client.get("/v1/brands?limit=2&offset=1")
    assert await response.get_json() == {"brands": ["nike", "puma"], "total": 3, "offset": 1, "limit": 2}


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=1001", "limit=-1", "limit=x", "limit=", "offset=1e3", "limit=%C2%B2"]
)
async def test_brands_refuses_bad_numbers(client: TestClientProtocol, query: str) -> None:
    """400 names the parameter and its bounds."""
    response = await client.get(f"/v1/brands?{query}")
    assert response.status_code == 400
    assert query.partition("=")[0] in json.loads(await response.get_data(as_text=False))["detail"]


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
@pytest.mark.parametrize("path", ["/", "/health", "/v1/brands", "/v1/brands/nike/summary", "/v1/events"])
async def test_everything_is_read_only(client: TestClientProtocol, path: str, method: str) -> None:
    """No method that writes is allowed anywhere."""
    response = await getattr(client, method)(path)
    assert response.status_code == 405
    assert "GET" in response.headers["Allow"]
