"""The ring of the last day's minutes: who writes the present one, writing it, and reading all.

Synchronous and thread-safe. Source: ``orchestrator:history`` in ``docs/redis-protocol.md``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from orchestrator.contract.history import MINUTE_MS, MINUTES, Minute, read_day
from orchestrator.contract.keys import HISTORY_KEY, RECORDING_KEY
from orchestrator.store.client import checked, translated

if TYPE_CHECKING:
    import redis

TURN_MS: Final = 50_000
"""So long nobody else writes; less than a minute, so that the next minute always finds somebody."""

TTL_MS: Final = (MINUTES + 60) * MINUTE_MS


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
    """Write *minute* to its place in the ring.

    Raises:
        StoreError: Redis did not answer or refused, also because the key has a foreign type.
    """
    with translated():
        # More than there are minutes in a day: somebody filled it.
        spoilt = client.hlen(HISTORY_KEY) > MINUTES
        with client.pipeline(transaction=True) as pipe:
            if spoilt:
                pipe.delete(HISTORY_KEY)
            pipe.hset(HISTORY_KEY, minute.place, minute.entry())
            pipe.pexpire(HISTORY_KEY, TTL_MS)
            for reply in pipe.execute(raise_on_error=False):
                checked(reply)


def read_history(client: redis.Redis) -> list[Minute]:
    """The minutes of the last day, the oldest first, as far as somebody wrote them.

    Raises:
        StoreError: Redis did not answer or refused, also because the key has a foreign type.
    """
    with translated(), client.pipeline(transaction=False) as pipe:
        pipe.time()
        pipe.hlen(HISTORY_KEY)
        (seconds, _), size = pipe.execute()
        # What somebody else filled is not read; the next minute empties it.
        entries = cast("dict[bytes, bytes]", client.hgetall(HISTORY_KEY)) if 0 < size <= MINUTES else {}
    return read_day(entries.items(), int(seconds) * 1000 // MINUTE_MS)
