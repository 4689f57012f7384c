"""Spans by OpenTelemetry's SDK; imported only where traces are asked for.

Sampler, limits, batches, time-outs, endpoint and headers are read from the standard variables by the SDK itself.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter
from opentelemetry.trace import Link, SpanContext, Status, StatusCode, TraceFlags

from orchestrator.tracing.traceparent import traceparents

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import SpanProcessor
    from opentelemetry.sdk.trace.export import SpanExporter

    from orchestrator.tracing.backend import Attributes

_NAME = "orchestrator"


class Telemetry:
    """Spans of one provider.

    Args:
        processors: what becomes of ended spans.
        resource: what this process is called.
    """

    def __init__(self, processors: Sequence[SpanProcessor], resource: Resource | None = None) -> None:
        # Not at exit: the SDK would hold up the end of the process for as long as an exporter waits for its endpoint.
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        for processor in processors:
            self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer(_NAME)

    @classmethod
    def exporting(
        cls, exporters: Sequence[str], environ: Mapping[str, str], *, instance: str, version: str
    ) -> Telemetry:
        """Spans that go out by *exporters*, in batches from a thread."""
        _keep_headers_secret()
        named = "service.name=" in environ.get("OTEL_RESOURCE_ATTRIBUTES", "") or environ.get("OTEL_SERVICE_NAME")
        known = {"service.version": version, "service.instance.id": instance}
        resource = Resource.create(known if named else known | {"service.name": _NAME})
        return cls([BatchSpanProcessor(_exporter(name)) for name in exporters], resource)

    @contextmanager
    def span(self, name: str, attributes: Attributes, items: Sequence[bytes], *, current: bool) -> Iterator[None]:
        """A span around a block, linked to the traces of the chunks in *items*."""
        links = [
            Link(SpanContext(each.trace_id, each.span_id, is_remote=True, trace_flags=TraceFlags(each.sampled)))
            for each in traceparents(items)
        ]
        made = self._tracer.start_span(
            name, attributes=attributes, links=links, record_exception=False, set_status_on_exception=False
        )
        try:
            if current:
                with trace.use_span(made, record_exception=False, set_status_on_exception=False):
                    yield
            else:
                yield
        except BaseException as error:
            # The class alone: an error's text may quote what nobody but the log's masking has looked at.
            made.set_status(Status(StatusCode.ERROR, type(error).__name__))
            raise
        finally:
            made.end()

    def ids(self) -> dict[str, str]:
        """What names the current span in a log line."""
        context = trace.get_current_span().get_span_context()
        if not context.is_valid:
            return {}
        return {"trace_id": trace.format_trace_id(context.trace_id), "span_id": trace.format_span_id(context.span_id)}

    def stop(self) -> None:
        """Send what is left."""
        self._provider.shutdown()


def _exporter(name: str) -> SpanExporter:
    if name == "console":
        return ConsoleSpanExporter()
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415 - dear to import

    return OTLPSpanExporter()


class _WithoutValues(logging.Filter):
    """Takes the values out of a record: this logger quotes headers that it cannot read, and one is a password."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let the record pass, without what it would quote."""
        record.msg = "OTEL_EXPORTER_OTLP_HEADERS or a variable like it has an entry that is not name=value, URL-encoded"
        record.args = ()
        return True


def _keep_headers_secret() -> None:
    logger = logging.getLogger("opentelemetry.util.re")
    if not any(isinstance(each, _WithoutValues) for each in logger.filters):
        logger.addFilter(_WithoutValues())
