"""What a chunk says about the trace that it was made in: ``meta.traceparent``, after W3C Trace Context.

Pure. Chunks come from anybody, so what is not exactly in the standard's form is no trace, and no error. A batch may
have hundreds of chunks, of which a bounded number of different traces is told.

Source: W3C Trace Context, 2.2 (versions beyond 00 may have more fields behind; ff, and ids of zeros, are none).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import msgspec

MAX_LINKS: Final = 32
"""Different traces that are told of one batch; OpenTelemetry's own limit is 128, and backends show a few."""

_FORM: Final = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.{0,200})?", re.ASCII)
_MARK: Final = b'"traceparent"'


class TraceParent(NamedTuple):
    """A span of somebody else."""

    trace_id: int
    span_id: int
    sampled: bool


class _Meta(msgspec.Struct):
    traceparent: Any = None


class _Chunk(msgspec.Struct):
    meta: _Meta | None = None


_decoder = msgspec.json.Decoder(_Chunk)


def parse(text: object) -> TraceParent | None:
    """The span that *text* names, None if it is not of the standard's form."""
    match = _FORM.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        return None
    version, trace_id, span_id, flags, rest = match.groups()
    found = TraceParent(int(trace_id, 16), int(span_id, 16), sampled=bool(int(flags, 16) & 1))
    known = version != "ff" and (rest is None or version != "00")
    return found if known and found.trace_id and found.span_id else None


def traceparents(items: Sequence[bytes]) -> list[TraceParent]:
    """The different spans that the chunks in *items* name, the first :data:`MAX_LINKS`; whatever is in them."""
    found: dict[TraceParent, None] = {}
    for item in items:
        if _MARK not in item:  # decoding is a hundred times dearer
            continue
        parent = parse(_told(item))
        if parent is not None:
            found[parent] = None
            if len(found) == MAX_LINKS:
                break
    return list(found)


def _told(item: bytes) -> object:
    try:
        meta = _decoder.decode(item).meta
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):  # a dead letter, or soon one
        return None
    return None if meta is None else meta.traceparent
