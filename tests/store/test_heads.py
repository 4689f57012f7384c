"""How old the first chunk of a queue is, on every server: as its worker says, near its beginning or its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orchestrator.store.heads import CALLS, QUEUES, first_times

if TYPE_CHECKING:
    from tests.store.world import World

AT_MS = 1_735_689_600_000
TIME = b'"processedAt":"2025-01-01T00:00:00Z"'


@pytest.mark.parametrize(
    "item",
    [
        b"{" + TIME + b"}",
        b'{"x":"' + b"y" * 100_000 + b'",' + TIME + b"}",
        b'{"processedAt" : 1735689600}',
        b'{"processedAt":1735689600000.0}',
    ],
)
def test_the_time_of_the_first_chunk_is_found(world: World, item: bytes) -> None:
    """Whatever comes after it."""
    world.push(item, b'{"processedAt":"2001-01-01T00:00:00Z"}')
    assert first_times(world.client, [world.brand]) == {world.brand: AT_MS}


@pytest.mark.parametrize(
    "item",
    [
        b"",
        b"{}",
        b"\xff\xfe",
        b'{"processedAt":null}',
        b'{"processedAt":"' + b"9" * 5000 + b'"}',
        b'{"processedAt":' + b"9" * 5000 + b"}",
        b'{"text":"a quoted \\"processedAt\\":\\"2025-01-01T00:00:00Z\\""}',
        b'{"x":"' + b"y" * 5_000 + b'",' + TIME + b',"z":"' + b"y" * 5_000 + b'"}',
    ],
)
def test_what_says_no_time_has_none(world: World, item: bytes) -> None:
    """Nor what is far from both ends, or only looks like one: it is a hint, and costs little."""
    world.push(item)
    assert first_times(world.client, [world.brand]) == {}


def test_foreign_types_and_empty_queues_have_none(world: World) -> None:
    """Of more queues than one round trip asks about."""
    names = [f"{world.brand} {number}" for number in range(QUEUES * CALLS + 1)]
    world.client.set(world.keys.queue, "x")
    assert first_times(world.client, [*names, world.brand]) == {}
    world.client.delete(world.keys.queue)
    world.push(b"{" + TIME + b"}")
    assert first_times(world.client, [*names, world.brand]) == {world.brand: AT_MS}
