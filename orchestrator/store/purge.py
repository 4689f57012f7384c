"""Removing everything that is kept of a brand: the functions that the command line and HTTP share.

A purge is one step of Redis: whoever is killed, either all of it happened or nothing did, and it may be repeated. It
takes the brand's lease away, so that nothing that was folded from the old state is written back. Chunks that wait in
the queue, and dead letters, stay unless they are asked for: they are not ours alone. If they are folded later, they
count anew in an empty state, whatever counted before. Synchronous. Source: ``docs/redis-protocol.md``, section 12.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from orchestrator.contract.conflict import ENTRY_BYTES
from orchestrator.contract.consumed import cid_of
from orchestrator.contract.keys import PARKED_KEY, PAUSED_KEY, BrandKeys
from orchestrator.contract.layout import SHADOWED, absent_key, guard_key, moved_key, moving_key
from orchestrator.errors import StoreUnavailableError
from orchestrator.store import scripts
from orchestrator.store.client import checked
from orchestrator.store.clock import TIME, milliseconds_of
from orchestrator.store.codes import Code
from orchestrator.store.layouts import layout_of
from orchestrator.store.letters import finish
from orchestrator.store.projections import MAX_LETTERS, Part, Position, Projection, Projections
from orchestrator.store.runner import ScriptRunner, evalsha
from orchestrator.store.types import Lease, StoreOptions

if TYPE_CHECKING:
    from collections.abc import Sequence

    import redis

    from orchestrator.contract.layout import Layout
    from orchestrator.store.wire import Command

HOLD_S: Final = 5.0
"""For so long after a purge nobody acquires the brand: by then every process has read the registry again."""

_GUARD_TTL_S: Final = 3_600
_LASTING: Final = StoreOptions(
    summary_ttl_s=_GUARD_TTL_S,
    spike_ttl_s=_GUARD_TTL_S,
    trend_ttl_s=_GUARD_TTL_S,
    recent_ttl_s=_GUARD_TTL_S,
    failed_max=10**9,
)
"""On a cluster guards keep out for so long what a process without its lease is still to show; letters all find room."""

_LOOKS: Final = 3
"""At what waits for the archive: from the first one on the purge has the lock, so the second one finds nothing new."""

_FIRST: Final = ("lock", "meta")
_APART: Final = ("queue", "failed")
_ARCHIVING: Final = "archiving"
_OTHERS: Final = (
    _ARCHIVING,
    *(name for name in BrandKeys.__slots__ if name not in {"brand", _ARCHIVING, *_FIRST, *_APART}),
)
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
        unarchived: commits whose records wait for the archive, with what they consumed.
    """

    commits: int
    remembered: int
    summary: bool
    spikes: int
    untold: int
    queued: int
    letters: int
    keys: int
    unarchived: int = 0


@dataclass(frozen=True, slots=True)
class Purged:
    """What a purge did.

    Attributes:
        held: somebody worked on the brand, and lost the lease.
        keys: how many went, queue and dead letters included.
        chunks: that went with the queue.
        letters: dead letters that went.
        objects: of the archive that went, bases included.
        objects_size: their bytes.
        remains: what of the archive is there still, and why; empty: nothing, or there is none.
    """

    held: bool
    keys: int
    chunks: int
    letters: int
    objects: int = 0
    objects_size: int = 0
    remains: str = ""


def look(client: redis.Redis, brand: str) -> Holdings:
    """What is kept of *brand*, in one round trip.

    Raises:
        StoreError: Redis did not answer or refused.
    """
    keys = layout_of(client).keys(brand)
    layout = layout_of(client)
    # One command takes keys of one slot alone, where there are slots.
    kept = [keys.meta, *_names(keys), *(_beside(layout, keys) if layout.spread else ())]
    there: list[Command] = [("EXISTS", key) for key in kept] if layout.spread else [("EXISTS", *kept)]
    commands: list[Command] = [
        ("HGET", keys.meta, "version"),
        *(("STRLEN", key) for key in (keys.digests0, keys.digests1)),
        *(("SCARD", key) for key in (keys.seen0, keys.seen1)),
        ("EXISTS", keys.summary),
        *(("LLEN", key) for key in (keys.spike, keys.mood, keys.stories)),
        ("LLEN", keys.outbox),
        ("LLEN", keys.queue),
        ("LLEN", keys.failed),
        ("LLEN", keys.records),
    ]
    counted = len(commands)
    found = [_count(reply) for reply in ScriptRunner(client).run([*commands, *there])]
    commits, younger, older, younger_set, older_set, summary, *episodes, untold, queued, letters, records = found[
        :counted
    ]
    # Each set, which versions before format 5 have, has one member that is no digest.
    remembered = (younger + older) // ENTRY_BYTES + max(0, younger_set - 1) + max(0, older_set - 1)
    waiting = (untold, queued, letters, sum(found[counted:]), records)
    return Holdings(commits, remembered, bool(summary), sum(episodes), *waiting)


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
    layout, runner = layout_of(client), ScriptRunner(client)
    wanted = _Wish(brand, secrets.token_hex(16), queue=queue, letters=letters, hold_ms=round(hold_s * 1000))
    if layout.spread:
        return _purge_spread(client, runner, layout, wanted)
    keys = layout.keys(brand)
    names = [keys.lock, keys.meta, PAUSED_KEY, PARKED_KEY, keys.queue, keys.failed, *_names(keys)]
    return _purged(runner, keys, wanted, names)


def _purged(runner: ScriptRunner, keys: BrandKeys, wish: _Wish, names: Sequence[str]) -> Purged:
    """The script, with the keys of all that waits for the archive."""
    held = 0
    for _ in range(_LOOKS):
        noted, heads = runner.run([("HGET", keys.archiving, "last"), ("LRANGE", keys.records, 0, -1)])
        last = noted if isinstance(noted, bytes) else b""
        cids = filter(None, map(cid_of, heads if isinstance(heads, list) else []))
        reply = checked(runner.run([wish.command([*names, *map(keys.consumed, cids)], last)])[0])
        held = held or reply[1]
        if Code(reply[0].decode()) is Code.OK:
            return Purged(held == 1, *reply[2:])
    raise StoreUnavailableError(f"brand {wish.brand!r}: somebody commits to it all the time; call again")


class _Wish(NamedTuple):
    """What is to go: of which brand, under which token of nobody."""

    brand: str
    token: str
    queue: bool
    letters: bool
    hold_ms: int

    def command(self, names: Sequence[str], last: bytes = b"") -> Command:
        """The script, with those keys, and the cid of the last record that is among them."""
        told = (self.token, self.brand, int(self.queue), int(self.letters), self.hold_ms, secrets.token_hex(8), last)
        return evalsha(scripts.PURGE, names, *told)


def _purge_spread(client: redis.Redis, runner: ScriptRunner, layout: Layout, wish: _Wish) -> Purged:
    """The same where a brand's keys are in several slots, step by step: who is killed between two does it again.

    First the state goes, together with the lease, so that nobody shows anything any more but what is on its way. Then
    what readers see, with guards that refuse that. The pause ends last, as it does on one server.
    """
    keys, inner = layout.keys(wish.brand), layout.inner(wish.brand)
    none = absent_key(keys.queue)
    rest = [getattr(inner, name) for name in _OTHERS if name != "retried"]
    names = [keys.lock, keys.meta, layout.paused(wish.brand), none, keys.queue, inner.failed, *rest]
    # The time, and an epoch that is ahead of it: no lease until now has a later one, and every one from now on has.
    purged = _purged(runner, keys, wish, [*names, moved_key(keys.queue)])
    last_epoch, time_ = runner.run([("HGET", keys.meta, "epoch"), TIME])
    epoch, now_ms = checked(last_epoch), milliseconds_of(time_)
    gone, chunks, dropped = purged.keys, purged.chunks, purged.letters
    projections = Projections(runner, layout, _LASTING)
    seen = projections.standing(wish.brand).epoch + 1
    position = Position(max(int(epoch or 0), now_ms, seen), 1)
    lease = Lease(wish.brand, wish.token, position.epoch, 0, "", 0, 0, 0, 0)
    counting: list[Command] = [("EXISTS", getattr(keys, part)) for part in Part]
    gone += sum(map(checked, runner.run(counting)))
    for shown in projections.show(lease, [Projection(part, position, gone=True) for part in Part])[0]:
        if shown.code is not Code.OK:
            raise shown.foreign or StoreUnavailableError(f"brand {wish.brand!r}: readers may see it still; call again")
    if wish.letters:
        keep_out: Command = ("EXPIRE", guard_key(keys.failed), _GUARD_TTL_S)  # what a slow process is still to bury
        _, length, *unlinked = runner.run(
            [
                keep_out,
                ("LLEN", keys.failed),
                *(("UNLINK", key) for key in (keys.failed, moving_key(keys.failed), keys.retried)),
            ]
        )
        dropped += _count(length)
        gone += sum(map(checked, unlinked))
    else:
        _bury_all(projections, lease)
        gone += checked(runner.run([("UNLINK", keys.retried)])[0])
        finish(client, wish.brand)
    absent = absent_key(PAUSED_KEY)
    others = (f"{absent}:{name}" for name in ("parked", "queue", "failed", _ARCHIVING))
    everybody = [absent, f"{absent}:meta", PAUSED_KEY, *others]
    for reply in runner.run([("HDEL", PARKED_KEY, wish.brand), wish.command(everybody)]):
        checked(reply)
    return Purged(purged.held, gone, chunks, dropped)


def _bury_all(projections: Projections, lease: Lease) -> None:
    """Letters that were on their way into the list that operators know come there; they are not ours alone.

    Raises:
        StoreUnavailableError: they are on their way still, and nobody else may ever look: the brand may have left.
    """
    before = -1
    while (waiting := projections.letters(lease.brand, MAX_LETTERS)) != []:
        buried = projections.show(lease, [], waiting)[1] if waiting else None
        if buried is not None and buried.foreign is not None:
            return  # there is no such list: they wait until there is
        left = before
        if buried is not None and buried.code is Code.OK:
            left = projections.settle(lease, "", 0, stamp=buried.stamp, shown=b"")[1]
        if left == before:  # where the lock is over none leaves the outbox, however often they are buried
            raise StoreUnavailableError(f"brand {lease.brand!r}: dead letters are on their way still; call again")
        before = left


def _beside(layout: Layout, keys: BrandKeys) -> list[str]:
    inner = layout.inner(keys.brand)
    return [getattr(inner, part) for part in SHADOWED]


def _names(keys: BrandKeys) -> list[str]:
    return [getattr(keys, name) for name in _OTHERS]


def _count(reply: Any) -> int:
    try:
        return int(reply or 0)
    except (TypeError, ValueError):  # a foreign type, or what was damaged
        return 0
