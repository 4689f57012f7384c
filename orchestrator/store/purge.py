"""Removing everything that is kept of a brand: the functions that the command line and HTTP share.

A purge is one step of Redis: whoever is killed, either all of it happened or nothing did, and it may be repeated. It
takes the brand's lease away, so that nothing that was folded from the old state is written back. Chunks that wait in
the queue, and dead letters, stay unless they are asked for: they are not ours alone. If they are folded later, they
count anew in an empty state, whatever counted before. Synchronous. Source: ``docs/redis-protocol.md``, section 12.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from orchestrator.contract.conflict import ENTRY_BYTES
from orchestrator.contract.keys import PARKED_KEY, PAUSED_KEY, BrandKeys
from orchestrator.store import scripts
from orchestrator.store.client import checked
from orchestrator.store.layouts import layout_of
from orchestrator.store.runner import ScriptRunner, evalsha

if TYPE_CHECKING:
    import redis

    from orchestrator.store.wire import Command

HOLD_S: Final = 5.0
"""For so long after a purge nobody acquires the brand: by then every process has read the registry again."""

_FIRST: Final = ("lock", "meta")
_APART: Final = ("queue", "failed")
_OTHERS: Final = tuple(name for name in BrandKeys.__slots__ if name not in {"brand", *_FIRST, *_APART})
"""Attributes of :class:`BrandKeys`, in the order of KEYS of purge.lua; a key that is added there goes, too."""


@dataclass(frozen=True, slots=True)
class Holdings:
    """What is kept of a brand, for those who are asked whether it may go; a count is 0 where a type is foreign.

    Attributes:
        commits: that made its state.
        remembered: chunkIds that are recognised when they come again.
        summary: whether there is one.
        spikes: entries of its lists of episodes.
        untold: alerts that nobody was told of yet.
        queued: chunks in its queue.
        letters: dead letters of whomever.
        keys: how many there are, but queue and dead letters.
    """

    commits: int
    remembered: int
    summary: bool
    spikes: int
    untold: int
    queued: int
    letters: int
    keys: int


@dataclass(frozen=True, slots=True)
class Purged:
    """What a purge did.

    Attributes:
        held: somebody worked on the brand, and lost the lease.
        keys: how many went, queue and dead letters included.
        chunks: that went with the queue.
        letters: dead letters that went.
    """

    held: bool
    keys: int
    chunks: int
    letters: int


def look(client: redis.Redis, brand: str) -> Holdings:
    """What is kept of *brand*, in one round trip.

    Raises:
        StoreError: Redis did not answer or refused.
    """
    keys = layout_of(client).keys(brand)
    commands: list[Command] = [
        ("HGET", keys.meta, "version"),
        *(("STRLEN", key) for key in (keys.digests0, keys.digests1)),
        *(("SCARD", key) for key in (keys.seen0, keys.seen1)),
        ("EXISTS", keys.summary),
        *(("LLEN", key) for key in (keys.spike, keys.mood, keys.stories)),
        ("LLEN", keys.outbox),
        ("LLEN", keys.queue),
        ("LLEN", keys.failed),
        ("EXISTS", keys.meta, *_names(keys)),
    ]
    found = [_count(reply) for reply in ScriptRunner(client).run(commands)]
    commits, younger, older, younger_set, older_set, summary, *episodes, untold, queued, letters, there = found
    # Each set, which versions before format 5 have, has one member that is no digest.
    remembered = (younger + older) // ENTRY_BYTES + max(0, younger_set - 1) + max(0, older_set - 1)
    return Holdings(commits, remembered, bool(summary), sum(episodes), untold, queued, letters, there)


def purge(
    client: redis.Redis, brand: str, *, queue: bool = False, letters: bool = False, hold_s: float = HOLD_S
) -> Purged:
    """Remove everything that is kept of *brand*, registered or not.

    Args:
        client: of the server.
        brand: whose keys.
        queue: the chunks that wait go, too.
        letters: the dead letters go, too, whoever wrote them.
        hold_s: for so long nobody acquires the brand, so that all have heard of it; at most ``LOCK_TTL_SEC``.

    Raises:
        StoreError: Redis did not answer or refused; either all is gone or nothing is. Calling again is safe.
    """
    keys = layout_of(client).keys(brand)
    names = [keys.lock, keys.meta, PAUSED_KEY, PARKED_KEY, keys.queue, keys.failed, *_names(keys)]
    arguments = (secrets.token_hex(16), brand, int(queue), int(letters), round(hold_s * 1000), secrets.token_hex(8))
    reply = checked(ScriptRunner(client).run([evalsha(scripts.PURGE, names, *arguments)])[0])
    _, held, gone, chunks, dropped = reply
    return Purged(held == 1, gone, chunks, dropped)


def _names(keys: BrandKeys) -> list[str]:
    return [getattr(keys, name) for name in _OTHERS]


def _count(reply: Any) -> int:
    try:
        return int(reply or 0)
    except (TypeError, ValueError):  # a foreign type, or what was damaged
        return 0
