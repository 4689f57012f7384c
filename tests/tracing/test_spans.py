"""Spans: none while traces are off, and of a visit the right ones, sent by the standard protocol."""

from __future__ import annotations

import gzip
import importlib.util
import json
import logging
import subprocess
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING

import pytest
import structlog
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from orchestrator import tracing
from orchestrator.errors import SettingsError
from orchestrator.lane.outcome import LaneOutcome
from orchestrator.tracing import spans
from orchestrator.tracing.telemetry import Telemetry
from tests.lane.support import Brand
from tests.lane.test_lane_redis import Visits
from tests.tracing.test_traceparent import GOOD, SPAN, TRACE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import redis

    from orchestrator.store import Store


@pytest.fixture
def queue(redis_client: redis.Redis, store: Store, brand: str) -> Brand:
    """A brand with a real queue."""
    return Brand(redis_client, store, brand)


@pytest.fixture
def exported() -> Iterator[InMemorySpanExporter]:
    """Traces are on, and ended spans are here."""
    exporter = InMemorySpanExporter()
    spans.use(Telemetry([SimpleSpanProcessor(exporter)]))
    yield exporter
    tracing.stop()


def push(queue: Brand, *traceparents: object) -> None:
    """Push a chunk for each, which names that trace."""
    for number, traceparent in enumerate(traceparents):
        chunk = {"chunkId": f"t-{number}", "brand": queue.name, "sentiment": {"score": 0.5}, "clusters": []}
        queue.push(json.dumps(chunk | {"meta": {"traceparent": traceparent}}).encode())


async def test_a_visit_is_a_trace_of_fetch_fold_and_commit(queue: Brand, exported: InMemorySpanExporter) -> None:
    """All in one trace below the lane's span, and the fold is linked to the traces that its chunks name."""
    push(queue, GOOD, "nonsense", GOOD, 7)
    assert await Visits(queue).until_drained() == [LaneOutcome.DRAINED]
    ended = exported.get_finished_spans()
    [lane] = [span for span in ended if span.name == "lane"]
    assert lane.attributes == {"brand": queue.name, "lane": 0}
    below = [span for span in ended if span is not lane]
    assert {span.name for span in below} == {"fetch", "fold", "commit"}
    assert {span.parent and span.parent.span_id for span in below} == {lane.context.span_id}
    links = [[link.context for link in span.links] for span in below if span.name == "fold"]
    assert [[f"{one.trace_id:032x}-{one.span_id:016x}" for one in fold] for fold in links] == [[f"{TRACE}-{SPAN}"]] * 2
    assert queue.summary()["totalChunks"] == 4


async def test_log_lines_of_a_visit_carry_its_trace(
    queue: Brand, exported: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also those of its thread: whoever reads a line finds the trace."""
    push(queue, GOOD)
    seen: list[dict[str, object]] = []
    visit: Callable[..., object] = queue.store.visit

    def noting(*arguments: object, **options: object) -> object:
        seen.append(dict(structlog.contextvars.get_contextvars()))
        return visit(*arguments, **options)

    monkeypatch.setattr(queue.store, "visit", noting)
    await Visits(queue).until_drained()
    [lane] = [span for span in exported.get_finished_spans() if span.name == "lane"]
    assert seen[0]["trace_id"] == f"{lane.context.trace_id:032x}"
    assert seen[0]["span_id"] == f"{lane.context.span_id:016x}"


def test_an_error_is_told_by_its_class_alone(exported: InMemorySpanExporter) -> None:
    """Its text may hold what only the log's masking has looked at."""
    with pytest.raises(ValueError, match="s3cret"), tracing.span("fold"):
        raise ValueError("redis://:s3cret@host")
    [span] = exported.get_finished_spans()
    assert (span.status.is_ok, span.status.description, span.events) == (False, "ValueError", ())


def test_nothing_is_made_while_traces_are_off() -> None:
    """One object for all spans, and no ids."""
    tracing.stop()
    assert not tracing.start({}, instance="o-1", version="1")
    assert tracing.span("fold", {"items": 1}, [b""]) is tracing.span("commit")
    assert tracing.ids() == {}


def test_nothing_of_opentelemetry_is_imported_while_traces_are_off() -> None:
    """By us, that is: the client of Redis imports its metrics where it is installed."""
    code = (
        "import sys, redis.asyncio; before = set(sys.modules);"
        "import orchestrator.service.app, orchestrator.cli.run; from orchestrator import tracing;"
        "tracing.start({}, instance='o', version='1');"
        "print([name for name in set(sys.modules) - before if name.startswith('opentelemetry')],"
        " 'orchestrator.tracing.telemetry' in sys.modules, 'opentelemetry.sdk.trace' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[] False False"


def test_traces_without_the_extra_stop_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """With what to install."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(SettingsError, match="install the extra otel"):
        tracing.start({"OTEL_TRACES_EXPORTER": "otlp"}, instance="o-1", version="1")


class Collector:
    """A receiver of OTLP over HTTP: what came, and with which headers."""

    def __init__(self) -> None:
        self.requests: list[ExportTraceServiceRequest] = []
        self.headers: list[dict[str, str]] = []

    def spans(self) -> list[Span]:
        """All spans that came."""
        resources = [resource for request in self.requests for resource in request.resource_spans]
        return [span for resource in resources for scope in resource.scope_spans for span in scope.spans]


@contextmanager
def collecting() -> Iterator[tuple[Collector, str]]:
    """A collector and its address, in a thread of its own."""
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            body = gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body
            collector.requests.append(ExportTraceServiceRequest.FromString(body))
            collector.headers.append({"path": self.path, **dict(self.headers.items())})
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield collector, f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_spans_reach_a_collector_as_the_variables_say(monkeypatch: pytest.MonkeyPatch) -> None:
    """Endpoint, headers, name and resource are the SDK's own variables; stopping sends what is left."""
    with collecting() as (collector, address):
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", address)
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "api-key=s3cret")
        monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test")
        environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": address}
        assert tracing.start(environ, instance="o-1", version="1.2.3")
        with tracing.span("lane", {"brand": "nike"}, current=True), tracing.span("fetch"):
            pass
        tracing.stop()
    [resource] = collector.requests[0].resource_spans
    named = {each.key: each.value.string_value for each in resource.resource.attributes}
    assert (named["service.name"], named["service.instance.id"], named["service.version"]) == (
        "orchestrator",
        "o-1",
        "1.2.3",
    )
    assert named["deployment.environment.name"] == "test"
    sent = {span.name: span for span in collector.spans()}
    assert sent["fetch"].parent_span_id == sent["lane"].span_id
    assert collector.headers[0]["path"] == "/v1/traces"
    assert collector.headers[0]["api-key"] == "s3cret"


def test_headers_that_cannot_be_read_are_not_shown(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The SDK would quote them in a warning; said is which variable it is about."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "s3cret without a name")
    with caplog.at_level(logging.DEBUG):
        tracing.start({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}, instance="o-1", version="1")
    tracing.stop()
    assert "OTEL_EXPORTER_OTLP_HEADERS" in caplog.text
    assert "s3cret" not in caplog.text
