"""What is done with an archive's days: closed ones become Parquet, old ones go. For the command line and in background.

Owns which days and up to which commit, by the clock and the state in Redis; how, is :mod:`orchestrator.objects`'s.
Blocking. Each step may be killed, repeated, and done by several at once.
"""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Final

from orchestrator.contract.consumed import decode
from orchestrator.errors import ArchiveError
from orchestrator.objects.compaction import Compacted, Planned, compact_day, plan_day
from orchestrator.objects.retention import Pruning, first_kept, plan_pruning, prune
from orchestrator.service.right import the_right
from orchestrator.service.snapshots import take_snapshot
from orchestrator.store import checked, layout_of
from orchestrator.store.clock import TIME, milliseconds_of
from orchestrator.store.runner import ScriptRunner

if TYPE_CHECKING:
    import redis

    from orchestrator.objects.brand_archive import BrandArchive
    from orchestrator.settings import Settings

REST_DAYS: Final = 1
"""Whole days that stay as lines beside today's: what waits in Redis is of yesterday now and then."""

_FENCE_WAIT_S: Final = 30.0


def server_ms(client: redis.Redis) -> int:
    """The time of the server, by which records have their days."""
    return milliseconds_of(ScriptRunner(client).run([TIME])[0])


def agreed_ms(client: redis.Redis) -> int:
    """The earlier of the times of the server and of this machine: a day goes for good, and a clock may be ahead."""
    return min(server_ms(client), time.time_ns() // 1_000_000)


def closed_days(archive: BrandArchive, before: str) -> list[Planned]:
    """The days before *before* of which Parquet could be made, oldest first; all found by one listing.

    Raises:
        ArchiveUnavailableError: try again.
        ArchiveError: refused.
    """
    return [planned for day, refs in archive.by_day() if day < before and (planned := plan_day(day, refs))]


def first_open(now_ms: int) -> str:
    """The first day that stays as lines."""
    return first_kept(now_ms, REST_DAYS)


def compact(client: redis.Redis, archive: BrandArchive, day: str) -> Compacted:
    """Make Parquet of *day*, behind the right to put records; raises as :func:`compact_day`, and StoreError."""
    return compact_day(archive, day, fence=partial(the_right, client, archive.brand, wait_s=_FENCE_WAIT_S))


def plan(client: redis.Redis, archive: BrandArchive, days: int) -> Pruning:
    """What may go of the days before the last *days* whole ones.

    Raises:
        ArchiveUnavailableError: try again.
        ArchiveError: refused, or ``meta`` is damaged.
        StoreError: Redis gave no answer.
    """
    return plan_pruning(archive, archived_commit(client, archive.brand), first_kept(agreed_ms(client), days))


def forget(client: redis.Redis, settings: Settings, archive: BrandArchive, days: int) -> Pruning:
    """Let what may go; where a base of the live state is missing for that, it is put first.

    Raises: as :func:`plan`, and where the state cannot be read.
    """
    planned = plan(client, archive, days)
    if planned.needs_base and _put_base(client, settings, archive):
        planned = plan(client, archive, days)
    prune(archive, planned)
    return planned


def _put_base(client: redis.Redis, settings: Settings, archive: BrandArchive) -> bool:
    """Put one of the live state, behind the right: none that was read before a purge comes back behind it."""
    with the_right(client, archive.brand, wait_s=_FENCE_WAIT_S) as held:
        snapshot = take_snapshot(client, settings, archive.brand) if held else None
        if snapshot is None or not snapshot.cid:
            return False
        archive.put_base(snapshot)
        return True


def archived_commit(client: redis.Redis, brand: str) -> str:
    """The last commit of *brand* whose record is in the archive; empty: there is none on which its state stands.

    The state's first, then what waits: a commit that comes between the two waits, and its record names the one before.

    Raises:
        ArchiveError: what waits cannot be read.
        StoreError: Redis gave no answer.
    """
    keys, runner = layout_of(client).inner(brand), ScriptRunner(client)
    cid, head = map(checked, runner.run([("HGET", keys.meta, "cid"), ("LINDEX", keys.records, 0)]))
    try:
        return decode(head).previous if head else (cid or b"").decode()
    except ValueError:
        raise ArchiveError(f"brand {brand!r}: its meta is damaged; `orchestrator repair` tells") from None
