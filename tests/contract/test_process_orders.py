"""An order to a process: written, read back, and never believed beyond its bounds."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from orchestrator.contract.process_orders import (
    MAX_BY_CHARS,
    MAX_ENTRY_BYTES,
    MAX_LANES,
    ProcessOrder,
    Wanted,
    field_of,
    fields,
    name_of,
    read_order,
)

NOW_MS = 1_795_753_359_458


@pytest.mark.parametrize("wanted", Wanted)
def test_an_order_is_read_as_it_was_written(wanted: Wanted) -> None:
    """Of each kind, with who gave it."""
    order = ProcessOrder(wanted=wanted, at_ms=NOW_MS, by="ann@host")
    assert read_order(order.entry()) == order
    assert str(order).startswith(wanted.value)


def test_lanes_are_counted_within_the_bounds_of_the_setting() -> None:
    """From one to as many as the setting may be; none means the setting."""
    for lanes in (None, 1, MAX_LANES):
        order = ProcessOrder(wanted=Wanted.LANES, at_ms=NOW_MS, lanes=lanes)
        assert read_order(order.entry()) == order
    assert str(ProcessOrder(wanted=Wanted.LANES, at_ms=NOW_MS, lanes=3)) == "lanes 3"
    assert str(ProcessOrder(wanted=Wanted.LANES, at_ms=NOW_MS)) == "lanes default"


def test_the_longest_order_fits() -> None:
    """Whatever the name of who gives it is made of."""
    order = ProcessOrder(wanted=Wanted.RESUME, at_ms=NOW_MS, by="\N{PILE OF POO}" * MAX_BY_CHARS)
    assert len(order.entry()) <= MAX_ENTRY_BYTES
    assert read_order(order.entry()) == order


@pytest.mark.parametrize(
    "changes",
    [
        {"wanted": "dance"},
        {"wanted": 1},
        {"atMs": 0},
        {"atMs": -1},
        {"atMs": 10**15},
        {"atMs": "now"},
        {"by": "x" * (MAX_BY_CHARS + 1)},
        {"wanted": "lanes", "lanes": 0},
        {"wanted": "lanes", "lanes": MAX_LANES + 1},
        {"wanted": "lanes", "lanes": 2.5},
        {"wanted": "quiet", "lanes": 3},
    ],
)
def test_what_cannot_be_is_no_order(changes: dict[str, Any]) -> None:
    """Somebody else wrote it; nothing is done for it."""
    document = {"wanted": "quiet", "atMs": NOW_MS, "by": "ann"} | changes
    assert read_order(msgspec.json.encode(document)) is None


@pytest.mark.parametrize("entry", [b"", b"\xff", b"{}", b"[]", b"[" * 900, b'{"wanted":"quiet"}'])
def test_what_cannot_be_read_is_no_order(entry: bytes) -> None:
    """Nor does it raise."""
    assert read_order(entry) is None


def test_an_entry_that_is_too_large_is_not_read() -> None:
    """Although all that counts stands at its beginning."""
    entry = ProcessOrder(wanted=Wanted.QUIET, at_ms=NOW_MS).entry()
    assert read_order(entry + b" " * MAX_ENTRY_BYTES) is None


def test_two_places_belong_to_a_process() -> None:
    """What is said of lanes does not replace what is said of the rest."""
    assert fields("a") == ("a:state", "a:lanes")
    assert {field_of("a", wanted) for wanted in Wanted if wanted is not Wanted.LANES} == {"a:state"}
    assert field_of("a", Wanted.LANES) == "a:lanes"
    assert [name_of(field) for field in fields("a:b")] == ["a:b", "a:b"]
