"""Traces for OpenTelemetry, off unless the standard ``OTEL_*`` variables ask for them.

Face: :func:`start` and :func:`stop` for the process as a whole, :func:`span` and :func:`ids` for who works. Imports
errors and nothing of ours beside them. While it is off nothing of OpenTelemetry is imported, and a span is a check of
one variable.

Source: ``docs/decisions/0058-traces-by-the-standard.md``.
"""

from __future__ import annotations

from orchestrator.tracing.spans import ids, span, start, stop

__all__ = ["ids", "span", "start", "stop"]
