"""Whether the environment asks for traces, and for what kind; pure.

Source: the OpenTelemetry specification, "SDK environment variables". An endpoint alone asks as well: a process that is
given a place for its traces is meant to send them. Values are not repeated in errors: they may be secrets.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from orchestrator.errors import SettingsError

EXPORTERS: Final = ("otlp", "console")
PROTOCOLS: Final = ("http/protobuf",)
_PLACES: Final = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PROTOCOL_NAMES: Final = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")


def exporters(environ: Mapping[str, str]) -> tuple[str, ...]:
    """The names of the exporters that *environ* asks for; none: traces are off.

    Raises:
        SettingsError: it asks for what there is not, naming the variable and what there is.
    """
    if _value(environ, "OTEL_SDK_DISABLED").lower() == "true":
        return ()
    named = _value(environ, "OTEL_TRACES_EXPORTER")
    if not named and not any(_value(environ, place) for place in _PLACES):
        return ()
    wanted = tuple(dict.fromkeys(name.strip() for name in (named or "otlp").split(",")))
    if wanted == ("none",):
        return ()
    if not set(wanted) <= set(EXPORTERS):
        raise SettingsError(f"OTEL_TRACES_EXPORTER must be none, or some of {', '.join(EXPORTERS)}, between commas")
    if "otlp" in wanted:
        for name in _PROTOCOL_NAMES:
            if _value(environ, name) not in {"", *PROTOCOLS}:
                raise SettingsError(f"{name} must be {PROTOCOLS[0]}: traces are sent by HTTP only")
    return wanted


def _value(environ: Mapping[str, str], name: str) -> str:
    return environ.get(name, "").strip()
