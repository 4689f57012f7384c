"""What chunks say about their trace, and that nothing in them does harm."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.tracing.traceparent import MAX_LINKS, TraceParent, parse, traceparents

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
GOOD = f"00-{TRACE}-{SPAN}-01"
PARENT = TraceParent(int(TRACE, 16), int(SPAN, 16), sampled=True)


@pytest.mark.parametrize(
    ("text", "parent"),
    [
        (GOOD, PARENT),
        (f"00-{TRACE}-{SPAN}-00", PARENT._replace(sampled=False)),
        (f"00-{TRACE}-{SPAN}-ff", PARENT),
        (f"cc-{TRACE}-{SPAN}-01-what-comes-later", PARENT),
        (f"ff-{TRACE}-{SPAN}-01", None),
        (f"00-{TRACE}-{SPAN}-01-more", None),
        (f"cc-{TRACE}-{SPAN}-01.", None),
        (f"00-{'0' * 32}-{SPAN}-01", None),
        (f"00-{TRACE}-{'0' * 16}-01", None),
        (f"00-{TRACE.upper()}-{SPAN}-01", None),
        (f" {GOOD}", None),
        (f"{GOOD}\n", None),
        (f"cc-{TRACE}-{SPAN}-01-{'x' * 300}", None),
        (f"00-{TRACE}-{SPAN}", None),
        (f"00-{TRACE[1:]}\N{FULLWIDTH DIGIT ONE}-{SPAN}-01", None),
        ("", None),
        (None, None),
        (7, None),
        ([GOOD], None),
    ],
)
def test_parse_takes_the_standards_form_alone(text: object, parent: TraceParent | None) -> None:
    """As in W3C Trace Context, 3.2.2; anything else is no trace, and no error."""
    assert parse(text) == parent


def item(traceparent: object) -> bytes:
    """A chunk that names a trace."""
    return json.dumps({"chunkId": "c", "brand": "nike", "meta": {"traceparent": traceparent}}).encode()


def test_traceparents_are_told_once_and_within_a_bound() -> None:
    """Of many chunks the first different ones."""
    named = [f"00-{number:032x}-{SPAN}-01" for number in range(1, MAX_LINKS + 10)]
    found = traceparents([item(name) for name in named for _ in range(2)])
    assert [parent.trace_id for parent in found] == list(range(1, MAX_LINKS + 1))


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        b'"traceparent"',
        b'{"meta": {"traceparent": 7}}',
        b'{"meta": "traceparent", "traceparent": 1}',
        b'{"meta": null, "traceparent": "' + GOOD.encode() + b'"}',
        b'{"meta": {"traceparent": "\xff"}}',
        b'{"traceparent": ' + b"[" * 100_000,
    ],
)
def test_chunks_of_any_kind_are_passed_over(bad: bytes) -> None:
    """What is no chunk, or names none, links to nothing; the next one does."""
    assert traceparents([bad, item(GOOD)]) == [PARENT]


@given(st.text() | st.binary().map(repr) | st.from_regex(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}"))
def test_any_text_is_parsed_or_is_no_trace(text: str) -> None:
    """Nothing raises, and what is told can be told again."""
    parent = parse(text)
    if parent is not None:
        assert parse(f"00-{parent.trace_id:032x}-{parent.span_id:016x}-{int(parent.sampled):02x}") == parent
