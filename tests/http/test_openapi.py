"""The OpenAPI document, and the running service held to it with generated requests."""

from __future__ import annotations

import json
import threading
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
import schemathesis
import trio
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import missing_required_header, positive_data_acceptance

from orchestrator.contract.explanation import Contribution, Explanation
from orchestrator.errors import NothingToExplainError
from orchestrator.http import Access, AccessOptions, AppOptions, PastDocument, Wanted, build_app, serve
from orchestrator.http.openapi import openapi_document, openapi_json
from orchestrator.process.metrics import Metrics
from tests.http.conftest import MemoryPast, MemoryService, summary_document
from tests.http.operators import TOKEN, MemoryOperator
from tests.http.test_api import recent_chunk

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from quart.typing import TestClientProtocol
    from quart_trio import QuartTrio

CHECKED_IN = Path(__file__).parents[2] / "docs" / "openapi.json"
START_LIMIT_S = 60.0

# Events are left out: their answer has no end.
schema = schemathesis.openapi.from_dict(openapi_document()).exclude(path="/v1/events")


class ManyBrands(MemoryService):
    """Every second possible name is a brand with documents of all kinds."""

    async def summary(self, brand: str) -> bytes | None:
        """A summary for names of even length, and for the example."""
        return json.dumps(summary_document(brand)).encode() if self._has(brand) else None

    async def trend(self, brand: str) -> Mapping[bytes, bytes]:
        """A point of an hour, and a foreign field."""
        return {b"hour:2999-01-01T00:00:00Z": TREND_POINT, b"foreign": b"{"} if self._has(brand) else {}

    async def spikes(self, brand: str, _kind: str = "volume") -> Sequence[bytes]:
        """An episode, and a foreign entry."""
        return [EPISODE, b"\xff"] if self._has(brand) else []

    async def recent(self, brand: str) -> Sequence[bytes]:
        """A chunk, and a foreign entry."""
        return [recent_chunk(brand, 1), b"{}"] if self._has(brand) else []

    @staticmethod
    def _has(brand: str) -> bool:
        return brand == "nike" or len(brand) % 2 == 0


class ManyPasts(MemoryPast):
    """What an archive tells of these brands, in its shapes."""

    async def summary(self, brand: str, at_ms: int) -> PastDocument:
        """A summary, settled or not."""
        return PastDocument(json.dumps(summary_document(brand)).encode(), settled=at_ms % 2 == 0)

    async def explain(self, brand: str, wanted: Wanted) -> PastDocument:
        """A chunk, or nothing of that name."""
        if len(wanted.name) % 2:
            raise NothingToExplainError("there is no such number")
        part = Contribution(
            chunk_id="k1",
            mentions=2,
            chunk_mentions=3,
            clusters=1,
            at=AT,
            processed_at=None,
            late=False,
            committed_at=AT,
            commit="c1",
            version=1,
            item=0,
            object="brand=nike/day=2026-03-01/1.ndjson.gz",
        )
        name = wanted.name or None
        told = (AT, "c1", 1, 2, 2, 0, 1, wanted.order, [part][: wanted.limit])
        return PastDocument(msgspec.json.encode(Explanation(brand, wanted.of, name, "", *told)), settled=False)


AT = "2026-03-01T12:00:00.000Z"
TREND_POINT = json.dumps(
    {
        "start": "2999-01-01T00:00:00Z",
        "chunks": 1,
        "mentions": 3,
        "positive": 1.0,
        "neutral": 1.0,
        "negative": 1.0,
        "score": 0.0,
        "netSentiment": 0.0,
    }
).encode()
EPISODE = json.dumps(
    {
        "timestamp": "2026-03-01T12:00:00Z",
        "spikeScore": 52.5,
        "mentionCount": 400,
        "threshold": 40.0,
        "expected": 80.0,
        "upperBound": 130,
        "windowSec": 900,
    }
).encode()


_TURNS = cycle([{"Authorization": f"Bearer {TOKEN}"}, {}])


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a service in a thread of its own, since the generated requests block theirs."""
    service = ManyBrands()
    service.registered += ["nike", "a/b {x}: 100 %"]
    service.kept = ManyPasts()
    stop = trio.Event()
    started = threading.Event()
    seen: dict[str, object] = {}

    async def main(app: QuartTrio) -> None:
        seen["token"] = trio.lowlevel.current_trio_token()
        async with trio.open_nursery() as nursery:
            seen["port"] = await nursery.start(partial(serve, app, "127.0.0.1", 0, shutdown=stop))
            started.set()

    operator = MemoryOperator()
    operator.add_all_kinds()
    tokens = tmp_path_factory.mktemp("tokens") / "operators"
    tokens.write_text(f"{TOKEN}\n")
    access = Access(AccessOptions(operator_token_file=str(tokens)))
    built: dict[str, Any] = {"stop": stop, "operator": operator, "access": access}
    thread = threading.Thread(target=trio.run, args=(main, build_app(service, Metrics(), **built)))
    thread.start()
    assert started.wait(START_LIMIT_S)
    yield f"http://127.0.0.1:{seen['port']}"
    trio.from_thread.run_sync(stop.set, trio_token=seen["token"])  # type: ignore[arg-type]
    thread.join()


@schema.parametrize()
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_answer_conforms_to_the_document(case: schemathesis.Case[Any], url: str) -> None:
    """Generated requests, right and wrong ones, get no 5xx and nothing that the document does not say."""
    if case.method == "POST":  # half of them act, the other half learn that they may not
        # A schema cannot say that one of several filters has to be there.
        skipped = [positive_data_acceptance, missing_required_header]
        case.call_and_validate(base_url=url, headers=next(_TURNS), excluded_checks=skipped)
    else:
        # Which texts are cursors or times no schema can say, nor that a filter needs a brand; a 400 is right for those.
        # No more which times a history is kept of, that two names have to be there, or that q is search.
        loose = not {"cursor", "q"}.isdisjoint(case.query or {}) or case.path.endswith(
            ("/ops/letters", "/history", "/compare", "/at/{time}", "/explain")
        )
        made_up: list[Any] = [positive_data_acceptance] if loose else []
        case.call_and_validate(base_url=url, excluded_checks=made_up)


def test_checked_in_document_is_current() -> None:
    """What readers find in the repository is what the service serves."""
    assert CHECKED_IN.read_text(encoding="utf-8") == openapi_json()


async def test_document_is_served(client: TestClientProtocol) -> None:
    """The service explains itself, as one that asks for no token."""
    assert await (await client.get("/v1/openapi.json")).get_json() == openapi_document(guarded=False)


async def test_served_document_says_what_this_service_asks_for(service: MemoryService, tmp_path: Path) -> None:
    """Where tokens are set there is no way without, and the address has the service's path."""
    tokens = tmp_path / "tokens"
    tokens.write_text("a-token-that-is-long-enough\n")
    access, options = Access(AccessOptions(str(tokens))), AppOptions(root_path="/summaries")
    client = build_app(service, Metrics(), access=access, options=options).test_client()
    headers = {"Authorization": "Bearer a-token-that-is-long-enough"}
    document = await (await client.get("/summaries/v1/openapi.json", headers=headers)).get_json()
    assert document["security"] == [{"token": []}, {"password": []}]
    assert document["servers"] == [{"url": "/summaries"}]
    assert set(document["components"]["securitySchemes"]) == {"token", "password", "operator"}


def test_an_open_service_names_no_scheme() -> None:
    """Without tokens there is nothing to send, but to act."""
    document = openapi_document(guarded=False)
    assert document["security"] == [{}]
    assert list(document["components"]["securitySchemes"]) == ["operator"]


def test_no_component_is_unused() -> None:
    """Each schema is what some answer, or another schema, refers to."""
    text = openapi_json()
    assert [name for name in openapi_document()["components"]["schemas"] if f'schemas/{name}"' not in text] == []


async def test_document_lists_every_route(app: QuartTrio) -> None:
    """No route of the API is left out, none is invented."""
    routes = {
        rule.rule.replace("<brand:name>", "{brand}").replace("<time>", "{time}") for rule in app.url_map.iter_rules()
    }
    documented = set(openapi_document()["paths"])
    assert {route for route in routes if route.startswith("/v1")} == documented | {"/v1/openapi.json"}
