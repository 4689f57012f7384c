"""Log lines: JSON for machines, readable on a terminal, every one with its orchestrator.

Owns the set-up of structlog and of the standard library's logging. Records of the latter (hypercorn, quart, redis,
warnings) take the same way out, so that there is one format and one place where secrets are masked. Lanes bind
``brand`` and ``lane`` with :func:`structlog.contextvars.bound_contextvars`; threads that trio starts inherit both.

A line never holds mention texts: code must not log them, and what arrives here under a name that means payload is
withheld all the same. Tracebacks carry no local variables for this reason.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Mapping
from typing import Literal, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from orchestrator.process.masking import MASK, mask_text, printable

LogFormat = Literal["auto", "json", "console"]

MAX_VALUE_CHARS = 2_000  # a value longer than this is a payload that somebody logged by mistake
_WITHHELD = frozenset({"payload", "mentions", "texts", "chunk", "item", "summary"})
_SECRET_NAME = re.compile(r"password|passwd|secret|authorization|api_?key", re.IGNORECASE)
# Their information is of use to their developers; warnings and errors still pass.
_CHATTY_LOGGERS = ("asyncio", "httpcore2", "httpx2", "redis", "fakeredis", "stamina")


def configure_logging(
    orchestrator_id: str, level: str = "info", log_format: LogFormat = "auto", stream: TextIO | None = None
) -> None:
    """Send all log lines of this process to *stream* (standard error by default); may be called again.

    Args:
        orchestrator_id: stands in every line as ``orchestrator``.
        level: least level that is logged.
        log_format: ``json``, ``console``, or ``auto`` for console on a terminal and JSON elsewhere.
        stream: where the lines go.
    """
    out = sys.stderr if stream is None else stream
    console = log_format == "console" or (log_format == "auto" and out.isatty())
    threshold = getattr(logging, level.upper())
    shared = _shared_processors(orchestrator_id)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,  # a second call, as in tests, must reach loggers already in use
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=_closing_processors(console, out))
    )
    _route_standard_library(handler, threshold)


def _shared_processors(orchestrator_id: str) -> list[Processor]:
    """What both a line of ours and a record of the standard library go through, in this order."""

    def add_orchestrator(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        event.setdefault("orchestrator", orchestrator_id)  # not a context variable: threads of others have none
        return event

    return [
        structlog.contextvars.merge_contextvars,
        add_orchestrator,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]


def _closing_processors(console: bool, out: TextIO) -> list[Processor]:  # noqa: FBT001 - private, two callers' worth
    """From event to text; masking comes after the traceback was made, so that it sees that too."""
    closing: list[Processor] = [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        structlog.processors.format_exc_info,
        withhold_and_mask,
    ]
    if console:
        renderer = structlog.dev.ConsoleRenderer(
            colors=out.isatty(), exception_formatter=structlog.dev.plain_traceback, pad_event_to=0
        )
        return [*closing, escape_controls, renderer]
    return [*closing, structlog.processors.EventRenamer("message"), _to_json]


def withhold_and_mask(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Replace payloads and secrets in every value of *event*; a processor."""
    return {name: _cleaned(name, value) for name, value in event.items()}


def _cleaned(name: str, value: object) -> object:
    if value is None or isinstance(value, int | float):
        return value
    if name in _WITHHELD:
        return f"<withheld, {_length(value)}>"
    if _SECRET_NAME.search(name):
        return MASK if value else value
    if isinstance(value, Mapping):
        return {str(key): _cleaned(str(key), item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_cleaned("", item) for item in value]
    return _cleaned_text(name, value if isinstance(value, str) else str(value))


def _cleaned_text(name: str, text: str) -> str:
    masked = mask_text(text)
    if name == "exception" or len(masked) <= MAX_VALUE_CHARS:
        return masked
    return f"{masked[:MAX_VALUE_CHARS]}… ({len(masked)} characters)"


def _length(value: object) -> str:
    return f"{len(value)} long" if isinstance(value, str | bytes | list | tuple | dict) else type(value).__name__


def escape_controls(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Show control characters as text: a brand's or an error's must not steer the terminal; a processor.

    Newlines stay where a traceback is told in lines.
    """
    return {
        name: printable(value, keep="\n" if name == "exception" else "") if isinstance(value, str) else value
        for name, value in event.items()
    }


def _to_json(_logger: WrappedLogger, _method: str, event: EventDict) -> str:
    # ASCII on purpose: a lone surrogate or a stream with another encoding must not cost the line.
    first = {name: event.pop(name) for name in ("timestamp", "level", "message", "orchestrator") if name in event}
    return json.dumps({**first, **event}, default=repr)


def _route_standard_library(handler: logging.Handler, threshold: int) -> None:
    root = logging.getLogger()
    for old in root.handlers[:]:
        if isinstance(old.formatter, structlog.stdlib.ProcessorFormatter):  # ours, of an earlier call
            root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(threshold)
    for name in _CHATTY_LOGGERS:
        logging.getLogger(name).setLevel(max(threshold, logging.WARNING))
    logging.captureWarnings(capture=True)
