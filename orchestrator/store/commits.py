"""A commit on the wire: the commands that make it, in the order of ``commit.lua``, and what its reply means.

Sends nothing. Source: ``docs/redis-protocol.md``.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

import msgspec

from orchestrator.contract import consumed
from orchestrator.contract.consumed import Head
from orchestrator.contract.keys import UPDATES_CHANNEL
from orchestrator.errors import SegmentLostError
from orchestrator.store import peeks, scripts, segments
from orchestrator.store.client import checked
from orchestrator.store.codes import Code, check_reply
from orchestrator.store.projections import inward
from orchestrator.store.runner import evalsha
from orchestrator.store.types import CommitReply
from orchestrator.store.wire import bulk

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from orchestrator.contract.fingerprint import Fingerprint
    from orchestrator.contract.keys import BrandKeys
    from orchestrator.store.segments import Parts
    from orchestrator.store.types import Commit, DigestChange, Lease, StoreOptions
    from orchestrator.store.wire import Command


class Commits:
    """What makes the commits of one store.

    Args:
        options: what is the same for every commit.
        lock_ttl_ms: for which a commit holds on to its lease.
        spread: whether readers' keys are in other slots than the queue.
    """

    def __init__(self, options: StoreOptions, lock_ttl_ms: int, *, spread: bool) -> None:
        self._options = options
        self._lock_ttl_ms = lock_ttl_ms
        self._spread = spread
        self._segments = segments.Splitter()

    def commands(self, keys: BrandKeys, lease: Lease, commit: Commit) -> list[Command]:
        """The commands of *commit*: its script, and before it what goes past the script, if anything does."""
        if self._spread:
            commit = inward(lease, commit)
        parts = self._segments.split(commit)
        record = self._record(lease, commit)
        names = scripts.COMMIT.keys(keys)
        if record:
            names += [*(getattr(keys, part) for part in scripts.ARCHIVE), keys.consumed(commit.cid)]
        arguments = self._arguments(lease, commit, (*_sections(commit, parts), record))
        script = evalsha(scripts.COMMIT, names, *arguments)
        return [*segments.writing(keys, parts), script]

    def reply(self, keys: BrandKeys, replies: Sequence[Any]) -> CommitReply:
        """What became of it, of the replies to the script and to the peek beside it, if there was one.

        Raises:
            StoreError: as :meth:`orchestrator.store.store.Store.send` says.
        """
        try:
            return reply_of(keys, replies)
        except SegmentLostError:
            self._segments.lost()
            raise

    def settings_of(self, lease: Lease, commit: Commit) -> Fingerprint:
        """With which *commit* goes into the brand's meta, those of the brand included."""
        return self._options.fingerprint.owning(lease.own if commit.own is None else commit.own)

    def _record(self, lease: Lease, commit: Commit) -> Sequence[bytes]:
        """What commit.lua is told of the record; nothing without an archive."""
        options = self._options
        if not options.archive_bytes:
            return ()
        told = commit.record or self._unfolded(lease, commit)
        head = consumed.encode(told)
        size, bound, now_ms = (
            b"%d" % number
            for number in (len(head) + told.size + consumed.RECORD_BYTES, options.archive_bytes, told.now_ms)
        )
        return head, size, bound, options.archive_policy.value.encode(), now_ms

    def _unfolded(self, lease: Lease, commit: Commit) -> Head:
        """What the archive is to know of a commit that nothing was folded for: no refold goes through it."""
        times = (lease.now_ms, lease.now_ms, lease.now_ms if commit.summary is not None else 0)
        settings = self.settings_of(lease, commit).effective
        named = (commit.cid, commit.expected_cid, lease.epoch, commit.version)
        return Head(*named, *times, settings, items=commit.consumed, replaces=True)

    def _arguments(self, lease: Lease, commit: Commit, sections: Sequence[Sequence[bytes]]) -> list[Any]:
        """ARGV of commit.lua, in its order."""
        options = self._options
        return [
            *(lease.token, self._lock_ttl_ms, commit.cid, commit.expected_cid, lease.epoch, commit.version),
            *(commit.consumed, commit.head, commit.tail if commit.consumed > 1 else b"", commit.due_ms),
            *(("", 0) if commit.digests is None else (commit.digests.how.value, commit.digests.begun_ms)),
            *(options.failed_max, options.failed_policy.value),
            *(commit.summary or b"", options.summary_ttl_s * 1000),
            *(UPDATES_CHANNEL, _announcement(lease, commit)),
            *(_replaced(commit), options.spike_ttl_s * 1000),
            *(options.trend_ttl_s * 1000, options.recent_ttl_s * 1000, options.recent_max, options.formats.written),
            *(self.settings_of(lease, commit).text(), int(commit.let_go)),
            *map(len, sections),
            *map(bulk, sections),
        ]


def reply_of(keys: BrandKeys, replies: Sequence[Any]) -> CommitReply:
    """See :meth:`Commits.reply`."""
    code = check_reply(scripts.COMMIT, keys, checked(replies[0]))
    _, version, queued, failed_dropped, refused, alerts_dropped, released, unarchived, skipped = replies[0]
    return CommitReply(
        duplicate=code is Code.DUP,
        version=version,
        queued=queued,
        failed_dropped=failed_dropped,
        alerts_dropped=alerts_dropped,
        announced=not refused,
        released=bool(released),
        next=peeks.begun_beside(keys, replies[1]) if len(replies) > 1 else None,
        unarchived=unarchived,
        skipped=bool(skipped),
    )


def _sections(commit: Commit, parts: Parts) -> tuple[Sequence[bytes], ...]:
    """The variable part of commit's ARGV, section by section."""
    return (
        _flat(parts.put),
        commit.remove,
        _remembered(commit.digests),
        commit.failed,
        commit.spikes or (),
        _flat(commit.trend_put),
        commit.trend_remove,
        commit.recent,
        commit.outbox,
        parts.lengths(),
        commit.moods or (),
        commit.stories or (),
    )


def _replaced(commit: Commit) -> str:
    """The lists of episodes that *commit* replaces: a digit for each, 1 = it does."""
    return "".join([str(int(one is not None)) for one in (commit.spikes, commit.moods, commit.stories)])


def _remembered(change: DigestChange | None) -> Sequence[bytes]:
    if change is None:
        return ()
    told = (b"%d" % change.conflicts, change.newest) if change.conflicts else ()
    return change.entries, b"%d" % change.younger_check, b"%d" % change.older_check, change.older, *told


def _flat(pairs: Mapping[bytes, bytes]) -> list[bytes]:
    return list(chain.from_iterable(pairs.items()))


def _announcement(lease: Lease, commit: Commit) -> bytes:
    """The message for ``summary:updates``; empty if the summary stays as it is."""
    if commit.summary is None:
        return b""
    return msgspec.json.encode({"brand": lease.brand, "epoch": lease.epoch, "version": commit.version})
