"""Dead letters: the entry that people read when a chunk was refused."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.contract import dead_letter
from orchestrator.contract.dead_letter import DeadLetter

AT_MS = 1_795_435_200_123  # 2026-11-23T12:00:00.123Z


def _entry(item: bytes) -> Any:
    letter = DeadLetter.of(item, brand="nike", reason="not JSON", path="$", now_ms=AT_MS, orchestrator_id="o-1")
    return json.loads(letter.encode())


def test_dead_letter_has_the_fields_of_the_contract() -> None:
    """Names and values are those that tools and people rely on."""
    assert _entry(b'{"chunkId":') == {
        "brand": "nike",
        "receivedAt": "2026-11-23T12:00:00.123Z",
        "error": "invalid_chunk_result",
        "reason": "not JSON",
        "path": "$",
        "payload": '{"chunkId":',
        "orchestratorId": "o-1",
    }


def test_dead_letter_says_when_the_payload_is_not_text() -> None:
    """Bytes that are no UTF-8 come as base64, and the entry says so."""
    document = _entry(b"\xff\x00")
    assert document["encoding"] == "base64"
    assert base64.b64decode(document["payload"]) == b"\xff\x00"


@given(st.binary(max_size=200))
def test_dead_letter_keeps_every_byte(item: bytes) -> None:
    """Whatever was in the queue can be had back from its entry."""
    document = _entry(item)
    restored = base64.b64decode(document["payload"]) if "encoding" in document else document["payload"].encode()
    assert restored == item


def test_dead_letter_of_a_large_text_full_of_escapes_fits_into_redis(monkeypatch: pytest.MonkeyPatch) -> None:
    """What JSON would blow up sixfold comes as base64, or its commit would be refused for ever."""
    monkeypatch.setattr(dead_letter, "_MAX_TEXT_BYTES", 3_000)
    document = _entry(b"\x01" * 1_000)
    assert base64.b64decode(document["payload"]) == b"\x01" * 1_000
    assert _entry(b"a" * 1_000)["payload"] == "a" * 1_000


def test_dead_letter_says_what_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """An item that no entry can hold keeps its beginning, and the entry says how much is missing."""
    monkeypatch.setattr(dead_letter, "MAX_PAYLOAD_BYTES", 10)
    document = _entry(b"0123456789abc")
    assert (document["payload"], document["cutBytes"]) == ("0123456789", 3)
