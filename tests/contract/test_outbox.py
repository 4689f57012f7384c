"""An alert's entry: what is written is read, and what is no entry is none."""

from __future__ import annotations

import json

import msgspec
import pytest

from orchestrator.contract.outbox import VOLUME, OutboxEntry, read_entry

ENTRY = OutboxEntry("spike_1", "spike.opened", "nike", 1_772_366_400_123, 7, msgspec.Raw(b'{"text": "a  b"}'))


def test_entry_is_read_as_it_was_written() -> None:
    """The body byte for byte: its signature is of these bytes."""
    read = read_entry(ENTRY.encode())
    assert read is not None
    assert bytes(read.body) == b'{"text": "a  b"}'
    assert read.encode() == ENTRY.encode()


def test_entry_of_a_later_version_is_read() -> None:
    """Fields may come, types too."""
    later = json.loads(ENTRY.encode()) | {"to": "elsewhere", "type": "brand.quiet"}
    read = read_entry(json.dumps(later).encode())
    assert read is not None
    assert (read.id, read.type) == ("spike_1", "brand.quiet")


def test_entry_without_a_kind_is_about_volume() -> None:
    """Versions that knew no other kind wrote none, and read what has one."""
    older = {name: value for name, value in json.loads(ENTRY.encode()).items() if name != "kind"}
    read = read_entry(json.dumps(older).encode())
    assert read is not None
    assert (read.kind, ENTRY.kind) == (VOLUME, VOLUME)
    mood = read_entry(json.dumps(older | {"kind": "mood"}).encode())
    assert mood is not None
    assert mood.kind == "mood"


@pytest.mark.parametrize(
    "raw",
    [
        *(b"", b"{", b"[]", b"{}", b"\xff", b"[" * 5_000, ENTRY.encode().replace(b'nike"', b"nike")),
        # what no header holds, and a time that no clock shows: these would raise where the entry is told
        *(ENTRY.encode().replace(b"spike_1", name) for name in ("é".encode(), b"", b"a\\nb", b"a\\n", b"x" * 129)),
        *(ENTRY.encode().replace(b"1772366400123", at) for at in (b"-1", b"9" * 400)),
    ],
)
def test_what_is_no_entry_is_none(raw: bytes) -> None:
    """Whatever lies there."""
    assert read_entry(raw) is None
