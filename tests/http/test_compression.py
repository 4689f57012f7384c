"""Answers as gzip: when, for whom, and what that does to their tags."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from quart import Response, request

from orchestrator.http import build_metrics_app
from orchestrator.http.compression import INLINE_BYTES, LEAST_BYTES, gzipped, takes_gzip
from orchestrator.process.metrics import Metrics

if TYPE_CHECKING:
    from quart.typing import TestClientProtocol
    from quart_trio import QuartTrio

    from tests.http.conftest import MemoryService, Served

TAKES = {"Accept-Encoding": "gzip, deflate, br"}
LONG = ["Something was said about the shoe."] * 100


@pytest.mark.parametrize("path", ["/", "/brands/nike", "/v1/brands/nike/summary", "/v1/openapi.json"])
async def test_long_answers_are_compressed_for_who_takes_it(
    client: TestClientProtocol, service: MemoryService, path: str
) -> None:
    """The same content, fewer bytes, and caches are told."""
    service.add("nike", chunkSummaries=LONG)
    plain, packed = await client.get(path), await client.get(path, headers=TAKES)
    body = await packed.get_data(as_text=False)
    assert (packed.headers["Content-Encoding"], int(packed.headers["Content-Length"])) == ("gzip", len(body))
    assert gzip.decompress(body) == await plain.get_data(as_text=False)
    assert "Content-Encoding" not in plain.headers
    for response in (plain, packed):
        assert "Accept-Encoding" in response.headers["Vary"]


@pytest.mark.parametrize("size", [INLINE_BYTES, 4 * INLINE_BYTES])
async def test_the_largest_summaries_are_compressed_whole(
    client: TestClientProtocol, service: MemoryService, size: int
) -> None:
    """Those that a thread compresses like the others."""
    service.add("nike", summary="x" * size)
    response = await client.get("/v1/brands/nike/summary", headers=TAKES)
    assert gzip.decompress(await response.get_data(as_text=False)) == service.stored["nike"]


async def test_short_answers_stay_as_they_are(client: TestClientProtocol, service: MemoryService) -> None:
    """A packet is a packet; but a cache is told all the same that it may depend."""
    service.registered.append("nike")
    response = await client.get("/v1/brands", headers=TAKES)
    assert len(await response.get_data(as_text=False)) < LEAST_BYTES
    assert "Content-Encoding" not in response.headers
    assert "Accept-Encoding" in response.headers["Vary"]


async def test_a_compressed_answer_has_a_weak_tag_that_is_known_again(
    client: TestClientProtocol, service: MemoryService
) -> None:
    """A strong one would say that both are the same bytes. Either gets a 304, with the tag that a 200 would have."""
    service.add("nike", chunkSummaries=LONG)
    path = "/v1/brands/nike/summary"
    assert (await client.get(path)).headers["ETag"] == '"3-41"'
    assert (await client.get(path, headers=TAKES)).headers["ETag"] == 'W/"3-41"'
    for known in ('"3-41"', 'W/"3-41"'):
        response = await client.get(path, headers=TAKES | {"If-None-Match": known})
        assert (response.status_code, response.headers["ETag"]) == (304, 'W/"3-41"')
        assert "Content-Encoding" not in response.headers
        assert "Accept-Encoding" in response.headers["Vary"]


async def test_head_has_the_headers_of_get(served: Served) -> None:
    """Length and coding, without the body, over a real connection."""
    served.service.add("nike", chunkSummaries=LONG)
    async with httpx2.AsyncClient(base_url=served.url, headers=TAKES) as client:
        head, full = await client.head("/brands/nike"), await client.get("/brands/nike")
    assert head.headers["Content-Encoding"] == "gzip"
    assert head.headers["Content-Length"] == full.headers["Content-Length"]


async def test_pages_for_who_is_signed_in_are_not_compressed(
    client: TestClientProtocol, service: MemoryService
) -> None:
    """Their secrets would show in their length; documents have none."""
    service.add("nike", chunkSummaries=LONG)
    headers = TAKES | {"Cookie": "session=x"}
    assert "Content-Encoding" not in (await client.get("/brands/nike", headers=headers)).headers
    assert "Content-Encoding" in (await client.get("/v1/brands/nike/summary", headers=headers)).headers


async def test_what_must_not_be_changed_is_not_compressed(app: QuartTrio) -> None:
    """``no-transform`` keeps us from it as it keeps proxies; what is coded already stays."""

    @app.get("/secret")
    async def secret() -> Response:
        return Response("x" * 5_000, headers={"Cache-Control": "no-store, no-transform"})

    @app.get("/coded")
    async def coded() -> Response:
        return Response(b"x" * 5_000, content_type="text/plain", headers={"Content-Encoding": "br"})

    client = app.test_client()
    assert "Content-Encoding" not in (await client.get("/secret", headers=TAKES)).headers
    assert (await client.get("/coded", headers=TAKES)).headers["Content-Encoding"] == "br"


async def test_events_are_not_compressed(app: QuartTrio) -> None:
    """They leave at once."""

    @app.get("/stream")
    async def stream() -> Response:
        return Response(b": heartbeat\n\n" * 500, content_type="text/event-stream")

    response = await app.test_client().get("/stream", headers=TAKES)
    assert "Content-Encoding" not in response.headers
    assert "Vary" not in response.headers


async def test_metrics_are_compressed(metrics: Metrics) -> None:
    """Scrapers ask for it each time."""
    client = build_metrics_app(metrics).test_client()
    response = await client.get("/metrics", headers=TAKES)
    assert b"orchestrator_" in gzip.decompress(await response.get_data(as_text=False))


@pytest.mark.parametrize(
    ("header", "takes"),
    [
        ("gzip", True),
        ("GZIP", True),
        ("gzip;q=0.1", True),
        ("*", True),
        ("br, *;q=0.1", True),
        ("", False),
        ("br", False),
        ("identity", False),
        ("gzip;q=0", False),
        ("gzip;q=0, *", False),
        ("*;q=0", False),
        ("identity, gzip;q=0.5", False),
        ("gzip;q=nonsense", False),
    ],
)
async def test_gzip_is_sent_to_who_takes_it(app: QuartTrio, header: str, takes: bool) -> None:  # noqa: FBT001 - a table
    """With its quality, or that of every coding."""
    async with app.test_request_context("/", headers={"Accept-Encoding": header}):
        assert takes_gzip(request.accept_encodings) is takes


@given(st.binary(max_size=3_000))
def test_gzipped_is_undone_by_gunzip(data: bytes) -> None:
    """Whatever is sent arrives; the same is always sent as the same."""
    assert gzip.decompress(gzipped(data)) == data
    assert gzipped(data) == gzipped(data)
