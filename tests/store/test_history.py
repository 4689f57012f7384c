"""The ring of a day: one writer a minute, bounded, and harmless whoever filled it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orchestrator.contract.history import HOURS, MINUTES, Hour, Minute, Period
from orchestrator.contract.keys import HISTORY_HOURS_KEY, HISTORY_KEY, RECORDING_KEY
from orchestrator.errors import StoreRefusedError
from orchestrator.store.history import HOURS_TTL_MS, TTL_MS, TURN_MS, read_history, record, take_turn

if TYPE_CHECKING:
    from collections.abc import Iterator

    import redis


@pytest.fixture
def client(any_client: redis.Redis) -> Iterator[redis.Redis]:
    """A server without a history, before and after."""
    any_client.delete(HISTORY_KEY, HISTORY_HOURS_KEY, RECORDING_KEY)
    yield any_client
    any_client.delete(HISTORY_KEY, HISTORY_HOURS_KEY, RECORDING_KEY)


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


def test_an_hour_is_made_of_its_minutes(client: redis.Redis) -> None:
    """With each of them anew, whoever writes it; a restart of all processes in between loses nothing of it.

    Minutes 57 to 59 of the hour before, and 0 to 2 of the present one.
    """
    now = take_turn(client, "one") or 0
    first = now - now % 60
    for minute, chunks in zip(range(first - 3, first + 3), (9, 5, 7, 3, 8, 4), strict=True):
        record(client, Minute(minute, chunks, float(chunks), chunks / 2, 6))
        record(client, Minute(minute, chunks, float(chunks), chunks / 2, 6))  # twice: the first answer was lost
    for period in (Period.WEEK, Period.MONTH):
        hours = read_history(client, period)
        assert hours == [Hour(first // 60 - 1, 9, 9.0, 3.5, 6), Hour(first // 60, 8, 8.0, 2.5, 6)]
    assert 0 < client.pttl(HISTORY_HOURS_KEY) <= HOURS_TTL_MS
    assert client.hlen(HISTORY_HOURS_KEY) == 2


def test_a_minute_of_yesterday_makes_no_hour_of_today(client: redis.Redis) -> None:
    """Its place in the ring is that of the same minute, which nobody wrote today."""
    now = take_turn(client, "one") or 0
    first = now - now % 60
    record(client, Minute(first - MINUTES, chunks=99))
    record(client, Minute(first + 1, chunks=1))
    assert read_history(client, Period.WEEK)[-1] == Hour(first // 60, chunks=1)


def test_hours_that_somebody_filled_are_emptied(client: redis.Redis) -> None:
    """As with minutes."""
    now = take_turn(client, "one") or 0
    client.hset(HISTORY_HOURS_KEY, mapping={f"x{number}": "y" for number in range(HOURS + 1)})
    record(client, Minute(now, chunks=1))
    assert read_history(client, Period.MONTH) == [Hour(now // 60, chunks=1)]
    assert client.hlen(HISTORY_HOURS_KEY) == 1


def test_hours_of_a_foreign_type_keep_no_minute_from_being_written(client: redis.Redis) -> None:
    """It is told all the same."""
    client.set(HISTORY_HOURS_KEY, "x")
    now = take_turn(client, "one") or 0
    with pytest.raises(StoreRefusedError):
        record(client, Minute(now))
    with pytest.raises(StoreRefusedError):
        read_history(client, Period.WEEK)
    assert client.get(HISTORY_HOURS_KEY) == b"x"


def test_a_foreign_type_is_an_error(client: redis.Redis) -> None:
    """Which the caller tells, and lives with."""
    client.set(HISTORY_KEY, "x")
    with pytest.raises(StoreRefusedError):
        record(client, Minute(1))
    with pytest.raises(StoreRefusedError):
        read_history(client)
