"""The ring of a day: one writer a minute, bounded, and harmless whoever filled it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orchestrator.contract.history import MINUTES, Minute
from orchestrator.contract.keys import HISTORY_KEY, RECORDING_KEY
from orchestrator.errors import StoreRefusedError
from orchestrator.store.history import TTL_MS, TURN_MS, read_history, record, take_turn

if TYPE_CHECKING:
    from collections.abc import Iterator

    import redis


@pytest.fixture
def client(any_client: redis.Redis) -> Iterator[redis.Redis]:
    """A server without a history, before and after."""
    any_client.delete(HISTORY_KEY, RECORDING_KEY)
    yield any_client
    any_client.delete(HISTORY_KEY, RECORDING_KEY)


def test_one_process_writes_a_minute(client: redis.Redis) -> None:
    """Who comes first; the right runs out before the next minute."""
    minute = take_turn(client, "one")
    seconds, _ = client.time()
    assert minute is not None
    assert abs(minute - seconds // 60) <= 1
    assert take_turn(client, "two") is None
    assert 0 < client.pttl(RECORDING_KEY) <= TURN_MS < 60_000


def test_what_was_recorded_is_read(client: redis.Redis) -> None:
    """The ring outlives every process, and goes when nobody writes any more."""
    now = take_turn(client, "one") or 0
    minutes = [Minute(now - back, chunks=back, rate=0.5) for back in (2, 1, 0)]
    for each in minutes:
        record(client, each)
    assert read_history(client) == minutes
    assert 0 < client.pttl(HISTORY_KEY) <= TTL_MS


def test_a_ring_that_somebody_filled_is_emptied(client: redis.Redis) -> None:
    """It is not read, whatever there is of ours among it, and the next minute begins it anew."""
    now = take_turn(client, "one") or 0
    record(client, Minute(now, chunks=1))
    client.hset(HISTORY_KEY, mapping={f"x{number}": "y" for number in range(MINUTES + 1)})
    assert read_history(client) == []
    record(client, Minute(now))
    assert read_history(client) == [Minute(now)]


def test_a_foreign_type_is_an_error(client: redis.Redis) -> None:
    """Which the caller tells, and lives with."""
    client.set(HISTORY_KEY, "x")
    with pytest.raises(StoreRefusedError):
        record(client, Minute(1))
    with pytest.raises(StoreRefusedError):
        read_history(client)
