"""Query parameters: those that an address takes, and none besides."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from orchestrator.http import Access, build_app
from orchestrator.http.access import AccessOptions
from orchestrator.http.openapi import openapi_document
from orchestrator.http.parameters import MAX_QUOTED, check_parameters, taken
from orchestrator.http.problems import ProblemError
from orchestrator.process.metrics import Metrics
from tests.http.conftest import MemoryService

if TYPE_CHECKING:
    from pathlib import Path

    from quart.typing import TestClientProtocol
    from quart_trio import QuartTrio


@pytest.mark.parametrize(
    ("path", "known"),
    [
        ("/v1/brands", "limit"),
        ("/v1/brands/nike/summary", "there are none"),
        ("/v1/brands/nike/spikes", "limit"),
        ("/v1/events", "brand"),
        ("/v1/openapi.json", "there are none"),
        ("/health", "there are none"),
    ],
)
async def test_an_unknown_parameter_is_refused_and_the_known_ones_are_named(
    client: TestClientProtocol, service: MemoryService, path: str, known: str
) -> None:
    """Whoever misspells a filter must not get what was not asked for."""
    service.add("nike")
    response = await client.get(f"{path}?spikng=true")
    problem = json.loads(await response.get_data(as_text=False))
    assert (response.status_code, response.content_type) == (400, "application/problem+json")
    assert "'spikng'" in problem["detail"]
    assert known in problem["detail"]


@pytest.mark.parametrize("path", ["/", "/brands", "/brands/nike"])
async def test_pages_refuse_with_a_page(client: TestClientProtocol, service: MemoryService, path: str) -> None:
    """People get the sentence on a page, in which the name is text."""
    service.add("nike")
    response = await client.get(f"{path}?<b>=1")
    text = await response.get_data(as_text=True)
    assert (response.status_code, response.mimetype) == (400, "text/html")
    assert "&lt;b&gt;" in text
    assert "<b>" not in text


async def test_a_parameter_stands_there_once(client: TestClientProtocol) -> None:
    """Of two values one would be passed over."""
    response = await client.get("/v1/brands?limit=1&limit=2")
    assert response.status_code == 400
    assert "'limit' stands there 2 times" in json.loads(await response.get_data(as_text=False))["detail"]


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
async def test_probes_take_whatever_a_load_balancer_adds(client: TestClientProtocol, path: str) -> None:
    """A refused probe would restart the process."""
    assert (await client.get(f"{path}?now=1&now=2")).status_code == 200


async def test_an_unknown_address_is_no_wrong_parameter(client: TestClientProtocol) -> None:
    """404 comes first."""
    assert (await client.get("/v1/nothing?x=1")).status_code == 404


async def test_strangers_are_told_of_the_token_first(service: MemoryService, metrics: Metrics, tmp_path: Path) -> None:
    """Who may not read learns nothing about parameters."""
    tokens = tmp_path / "tokens"
    tokens.write_text("a-token-that-is-long-enough\n")
    client = build_app(service, metrics, access=Access(AccessOptions(str(tokens)))).test_client()
    assert (await client.get("/v1/brands?x=1")).status_code == 401


def test_a_long_name_is_cut() -> None:
    """The answer does not repeat everything that was sent."""
    with pytest.raises(ProblemError) as caught:
        check_parameters((), {"x" * 10_000: ["1"]})
    assert len(str(caught.value)) < 2 * MAX_QUOTED


async def test_document_names_the_parameters_that_the_handlers_take(app: QuartTrio) -> None:
    """The OpenAPI document and the guard cannot differ."""
    paths = openapi_document()["paths"]
    for rule in app.url_map.iter_rules():
        path = paths.get(rule.rule.replace("<brand:name>", "{brand}"), {})
        for method in path.keys() & {name.lower() for name in rule.methods or ()}:
            named = {each["name"] for each in path[method].get("parameters", []) if each["in"] == "query"}
            assert named == set(taken(app.view_functions[rule.endpoint])), f"{method} {rule.rule}"
