"""The history of a day: one entry a minute in a ring of Redis, written and read back.

Pure. A minute has one place in the ring, so that the ring never grows and an entry of yesterday gives way. Entries that
are read are untrusted: bounded, and left out where they are not ours or not of the last day.

Source: ``orchestrator:history`` in ``docs/redis-protocol.md``.
"""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Any, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable

MINUTES: Final = 24 * 60
MINUTE_MS: Final = 60_000
MAX_ENTRY_BYTES: Final = 256
_MOST: Final = 1e15


class Minute(msgspec.Struct, frozen=True, array_like=True):
    """What was seen in one minute; None: nobody could tell.

    Attributes:
        minute: Unix time in minutes, by the clock of Redis.
        chunks: that waited in all queues.
        oldest_s: for how long the brand that waited longest had seen no commit.
        rate: chunks that were folded a second, on average.
        dead_letters: in the lists of all brands.
    """

    minute: int
    chunks: int | None = None
    oldest_s: float | None = None
    rate: float | None = None
    dead_letters: int | None = None

    @property
    def place(self) -> bytes:
        """The field of the ring."""
        return b"%d" % (self.minute % MINUTES)

    def entry(self) -> bytes:
        """The minute as it is stored."""
        return msgspec.json.encode(self)


def read_day(entries: Iterable[tuple[bytes, bytes]], now_minute: int) -> list[Minute]:
    """The minutes of the last day at *now_minute*, the oldest first, from fields and *entries* of the ring."""
    found = (_read(place, entry) for place, entry in entries)
    day = [each for each in found if each is not None and now_minute - MINUTES < each.minute <= now_minute]
    return sorted(day, key=lambda each: each.minute)


def _read(place: bytes, entry: bytes) -> Minute | None:
    if len(entry) > MAX_ENTRY_BYTES:
        return None
    try:
        found: Minute = _decode(entry)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    numbers = (found.chunks, found.oldest_s, found.rate, found.dead_letters)
    if found.place != place or not all(number is None or _plausible(number) for number in numbers):
        return None
    return found


def _plausible(number: float) -> bool:
    return isfinite(number) and 0 <= number <= _MOST


_decode: Any = msgspec.json.Decoder(Minute).decode
