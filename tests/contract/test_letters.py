"""Entries of every shape are read back: whose they are, which are meant, and what can be sent again."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.contract.dead_letter import DeadLetter
from orchestrator.contract.letters import Letter, LetterError, Selection, Writer
from orchestrator.contract.set_value import SetError, Setting, set_values


def ours(item: bytes = b"{}", *, reason: str = "r", path: str = "$", now_ms: int = 0) -> Letter:
    """A letter of an orchestrator."""
    entry = DeadLetter.of(item, brand="b", reason=reason, path=path, now_ms=now_ms, orchestrator_id="o")
    return Letter.read(0, entry.encode())


def other(**fields: Any) -> Letter:
    """A letter with these fields."""
    return Letter.read(0, json.dumps(fields).encode())


@given(st.binary(max_size=50) | st.text(max_size=50).map(str.encode))
def test_the_payload_is_the_item_byte_for_byte(item: bytes) -> None:
    """Text, lines, base64: what was pushed comes back."""
    assert ours(item).payload() == item


@pytest.mark.parametrize(
    ("letter", "why"),
    [
        (Letter.read(0, ours().raw.replace(b'"{}"', b'"{}","cutBytes":7')), "7 bytes at the end"),
        (Letter.read(0, ours(b"\xff").raw.replace(b"/w==", b"/!w==")), "base64"),
        (Letter.read(0, ours(b"\xff").raw.replace(b"base64", b"base65")), "base65"),
        (Letter.read(0, ours().raw.replace(b'"{}"', b'"\\ud800"')), "encoding"),
        (Letter.read(0, ours().raw.replace(b'"{}"', b"7")), "no text"),
        (other(workerId="w", chunkId="c", payload=None), "null"),
        (other(payload="{}"), "no shape"),
        (Letter.read(0, b"[" * 100_000), "no shape"),
    ],
)
def test_what_is_not_whole_is_refused(letter: Letter, why: str) -> None:
    """With the reason."""
    with pytest.raises(LetterError, match=why):
        letter.payload()


@pytest.mark.parametrize(
    ("fields", "writer", "payload"),
    [
        ({"worker_id": "w", "chunk_id": "c", "reason": "x", "payload": "in put"}, Writer.WORKER, b"in put"),
        ({"workerId": "w", "chunkId": "c", "reason": "x", "payload": {"a": [1]}}, Writer.WORKER, b'{"a":[1]}'),
        ({"workerId": "w", "payload": "x"}, Writer.OTHER, None),
        ({"worker_id": "w", "chunk_id": "c"}, Writer.OTHER, None),
    ],
)
def test_workers_are_known_by_their_fields(fields: dict[str, Any], writer: Writer, payload: bytes | None) -> None:
    """In either spelling; anything less is nobody's."""
    letter = other(**fields)
    assert letter.writer is writer
    if payload is not None:
        assert letter.payload() == payload


MEANT = ours(b'{"mood": 1}', reason="Expected `int`", path="$.mentions[3].id", now_ms=1_000)


@pytest.mark.parametrize(
    ("selection", "takes"),
    [
        (Selection(), True),
        (Selection(writer=Writer.ORCHESTRATOR), True),
        (Selection(writer=Writer.WORKER), False),
        (Selection(reason="expected"), True),
        (Selection(reason="poison"), False),
        (Selection(path="$.mentions[3].id"), True),
        (Selection(path="$.mentions[].id"), True),
        (Selection(path="$.mentions[4].id"), False),
        (Selection(since_ms=1_000, until_ms=1_001), True),
        (Selection(since_ms=1_001), False),
        (Selection(until_ms=1_000), False),
        (Selection(grep=re.compile("mo+d")), True),
        (Selection(grep=re.compile("receivedAt")), False),
        (Selection(index=0), True),
        (Selection(index=1), False),
    ],
)
def test_a_selection_takes_what_is_meant(selection: Selection, takes: bool) -> None:  # noqa: FBT001
    """Each filter alone."""
    assert selection.takes(MEANT) is takes


def test_a_letter_without_a_time_is_in_no_span() -> None:
    """Nobody knows when it came."""
    assert not Selection(until_ms=10**15).takes(other(reason="x"))


@pytest.mark.parametrize(
    ("text", "payload", "mended"),
    [
        ("brand=acme", b'{"brand":"ACME","x":1}', '{"brand":"acme","x":1}'),
        ("$.brand=acme", b"{}", '{"brand":"acme"}'),
        ("a.b[1].c=5", b'{"a":{"b":[0,{}]}}', '{"a":{"b":[0,{"c":5}]}}'),
        ('x="5"', b"{}", '{"x":"5"}'),
        ("x=NaN", b"{}", '{"x":"NaN"}'),
        ("x=a=b", '{"y":"\u00e9"}'.encode(), '{"y":"\u00e9","x":"a=b"}'),
        ("x=1", b'{"y":"\\ud800"}', '{"y":"\\ud800","x":1}'),
    ],
)
def test_a_value_is_set(text: str, payload: bytes, mended: str) -> None:
    """JSON if it is some, else text; the last name may be new."""
    assert set_values(payload, (Setting.parse(text),)).decode() == mended


@pytest.mark.parametrize(
    ("text", "payload"),
    [
        ("a.b=1", b"{}"),
        ("a[1]=1", b'{"a":[0]}'),
        ("a.b=1", b'{"a":"text"}'),
        ("a=1", b"[]"),
        ("a[0]=1", b'{"a":"text"}'),
        ("a=1", b"no JSON"),
        ("a=1", b'{"b":NaN}'),
        ("a=1", b"\xff"),
    ],
)
def test_a_place_that_is_not_there_is_refused(text: str, payload: bytes) -> None:
    """And so is what is no JSON."""
    with pytest.raises(SetError, match="its payload"):
        set_values(payload, (Setting.parse(text),))


@pytest.mark.parametrize("text", ["", "a", "=1", "a..b=1", "a[x]=1", "[0]=1", "$=1"])
def test_what_is_no_path_is_refused(text: str) -> None:
    """The error shows what would be right."""
    with pytest.raises(SetError, match="PATH=VALUE"):
        Setting.parse(text)


def test_nothing_to_set_leaves_every_byte() -> None:
    """Also what is no JSON."""
    assert set_values(b"\xff", ()) == b"\xff"
