"""The rings of the last day's minutes and the last month's hours: who writes the present one, writing, and reading.

Synchronous and thread-safe. Source: ``orchestrator:history`` in ``docs/redis-protocol.md``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from orchestrator.contract.history import (
    HOUR_MINUTES,
    HOURS,
    MINUTE_MS,
    MINUTES,
    Minute,
    Period,
    Step,
    hour_of,
    places_of_hour,
    read_day,
    read_hours,
)
from orchestrator.contract.keys import HISTORY_HOURS_KEY, HISTORY_KEY, RECORDING_KEY
from orchestrator.store.client import checked, translated

if TYPE_CHECKING:
    from collections.abc import Sequence

    import redis

TURN_MS: Final = 50_000
"""So long nobody else writes; less than a minute, so that the next minute always finds somebody."""

TTL_MS: Final = (MINUTES + HOUR_MINUTES) * MINUTE_MS
HOURS_TTL_MS: Final = (HOURS + 1) * HOUR_MINUTES * MINUTE_MS


def take_turn(client: redis.Redis, name: str) -> int | None:
    """The present minute by the clock of Redis, if the process *name* is to write it; None: somebody does already.

    Raises:
        StoreError: Redis did not answer or refused.
    """
    with translated(), client.pipeline(transaction=False) as pipe:
        pipe.time()
        pipe.set(RECORDING_KEY, name, nx=True, px=TURN_MS)
        (seconds, _), taken = pipe.execute()
    return int(seconds) * 1000 // MINUTE_MS if taken else None


def record(client: redis.Redis, minute: Minute) -> None:
    """Write *minute* to its place in the ring, and its hour, as far as that has gone, to its own.

    Raises:
        StoreError: Redis did not answer or refused, also because one of the keys has a foreign type.
    """
    places = places_of_hour(minute.minute)
    with translated():
        with client.pipeline(transaction=False) as pipe:
            pipe.hlen(HISTORY_KEY)
            pipe.hlen(HISTORY_HOURS_KEY)
            pipe.hmget(HISTORY_KEY, [minute.place, *places])
            sizes = pipe.execute(raise_on_error=False)
        minutes, hours, entries = (checked(reply) for reply in sizes)
        there = [(place, entry) for place, entry in zip([minute.place, *places], entries, strict=True) if entry]
        known = [each for each in read_day(there, minute.minute) if each.minute < minute.minute]
        hour = hour_of(minute.minute // HOUR_MINUTES, [*known, minute])
        # More than there are minutes in a day, or hours in a month: somebody filled it.
        _write(client, HISTORY_KEY, minute, TTL_MS, anew=minutes > MINUTES)
        _write(client, HISTORY_HOURS_KEY, hour, HOURS_TTL_MS, anew=hours > HOURS)


def _write(client: redis.Redis, key: str, step: Step, ttl_ms: int, *, anew: bool) -> None:
    """Each key by itself: they need not be on one server, and an hour that was not written is with its next minute."""
    with client.pipeline(transaction=True) as pipe:
        if anew:
            pipe.delete(key)
        pipe.hset(key, step.place, step.entry())
        pipe.pexpire(key, ttl_ms)
        for reply in pipe.execute(raise_on_error=False):
            checked(reply)


def read_history(client: redis.Redis, period: Period = Period.DAY) -> Sequence[Step]:
    """The minutes of the last day, or the hours of a longer *period*, the oldest first, as far as somebody wrote them.

    Raises:
        StoreError: Redis did not answer or refused, also because the key has a foreign type.
    """
    key, most = (HISTORY_KEY, MINUTES) if period is Period.DAY else (HISTORY_HOURS_KEY, HOURS)
    with translated(), client.pipeline(transaction=False) as pipe:
        pipe.time()
        pipe.hlen(key)
        (seconds, _), size = pipe.execute()
        # What somebody else filled is not read; the next minute empties it.
        entries = cast("dict[bytes, bytes]", client.hgetall(key)) if 0 < size <= most else {}
    now = int(seconds) * 1000 // MINUTE_MS
    return read_day(entries.items(), now) if period is Period.DAY else read_hours(entries.items(), now, period)
