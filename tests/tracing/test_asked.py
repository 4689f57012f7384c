"""When traces are asked for."""

from __future__ import annotations

import pytest

from orchestrator.errors import SettingsError
from orchestrator.tracing.asked import exporters

PLACE = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}


@pytest.mark.parametrize(
    ("environ", "wanted"),
    [
        ({}, ()),
        ({"OTEL_SERVICE_NAME": "x", "OTEL_TRACES_EXPORTER": " "}, ()),
        ({"OTEL_TRACES_EXPORTER": "none", **PLACE}, ()),
        ({"OTEL_SDK_DISABLED": "TRUE", **PLACE}, ()),
        ({"OTEL_SDK_DISABLED": "false", **PLACE}, ("otlp",)),
        (PLACE, ("otlp",)),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://collector:4318/v1/traces"}, ("otlp",)),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, ("otlp",)),
        ({"OTEL_TRACES_EXPORTER": "console, otlp,console"}, ("console", "otlp")),
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf", **PLACE}, ("otlp",)),
    ],
)
def test_traces_are_made_where_the_standard_variables_ask(environ: dict[str, str], wanted: tuple[str, ...]) -> None:
    """An exporter or an endpoint asks; ``none`` and a disabled SDK do not."""
    assert exporters(environ) == wanted


@pytest.mark.parametrize(
    ("environ", "says"),
    [
        ({"OTEL_TRACES_EXPORTER": "s3cret"}, "OTEL_TRACES_EXPORTER must be none"),
        ({"OTEL_TRACES_EXPORTER": "none,otlp"}, "OTEL_TRACES_EXPORTER must be none"),
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "s3cret", **PLACE}, "OTEL_EXPORTER_OTLP_PROTOCOL must be http/protobuf"),
        ({"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "grpc", **PLACE}, "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL must be"),
    ],
)
def test_what_there_is_not_stops_the_start(environ: dict[str, str], says: str) -> None:
    """Traces that silently go nowhere are worse; the value may be a secret in the wrong place."""
    with pytest.raises(SettingsError, match=says) as caught:
        exporters(environ)
    assert "s3cret" not in str(caught.value)
