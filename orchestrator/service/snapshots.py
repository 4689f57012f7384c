"""``orchestrator state``: a brand's state out of Redis and back.

Owns no rule: what a file is, is :mod:`orchestrator.archive.snapshot`'s. Out of Redis it is read between two looks at
the last commit's id. Back it goes as one ordinary commit under a lease, on top of a commit that was named: another
orchestrator meets the brand before it or after it, and readers are told as after any other commit.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from orchestrator.archive.compare import Difference, differences
from orchestrator.archive.snapshot import Snapshot, after, numbered, opened
from orchestrator.archive.snapshot import decode as decode_snapshot
from orchestrator.archive.snapshot import encode as encode_snapshot
from orchestrator.contract.fingerprint import Fingerprint, compare, refusal
from orchestrator.contract.state_format import FORMATS
from orchestrator.errors import ArchiveError, StaleStateError
from orchestrator.lane.duplicates import Ledger
from orchestrator.lane.future import refuse_the_future
from orchestrator.service.options import session_config, store_options
from orchestrator.store import Commit, Lease, Store, checked, layout_of
from orchestrator.store.runner import ScriptRunner

if TYPE_CHECKING:
    import redis

    from orchestrator.brand.state import BrandState
    from orchestrator.settings import Settings

__all__ = ["PutBack", "decode_snapshot", "encode_snapshot", "put_back", "state_differences", "take_snapshot"]

HOLDER: Final = "state"
"""How the token of the lease names this command."""

_ATTEMPTS: Final = 10
"""Looks at a brand that somebody commits to all the time; one takes milliseconds, as a commit does."""


@dataclass(frozen=True, slots=True)
class PutBack:
    """What an import did, or would do.

    Attributes:
        over: id of the commit that it stands on; empty: the brand had none.
        version: of the brand after it.
        fields: of the state that are written.
        removed: fields that were there and are not any more.
    """

    over: str
    version: int
    fields: int
    removed: int


def take_snapshot(client: redis.Redis, settings: Settings, brand: str) -> Snapshot:
    """What the last commit of *brand* left, of one moment; nobody is disturbed.

    Raises:
        StaleStateError: somebody committed at each look.
        InvalidStateError: a part of it that lies apart is lost or damaged.
        StoreError: Redis gave no answer or refused.
    """
    for _ in range(_ATTEMPTS):
        try:
            return _look(client, settings, brand)
        except StaleStateError:
            continue
    raise StaleStateError(f"brand {brand!r} is committed to all the time: pause it, or try again")


def state_differences(settings: Settings, one: Snapshot, other: Snapshot) -> list[Difference]:
    """What *one* and *other* say otherwise under these settings, what readers see first."""
    return list(differences(one, other, session_config(settings).fold))


def put_back(
    client: redis.Redis, settings: Settings, snapshot: Snapshot, *, over: str | None = None, dry_run: bool = False
) -> PutBack:
    """Make *snapshot* the state of its brand, as one commit on top of the commit *over*.

    Args:
        client: the Redis; it may be another one than the snapshot's.
        settings: of this process, with which the state goes on.
        snapshot: from a file, and not trusted.
        over: id of the brand's last commit. None: that of the snapshot itself, or none at all.
        dry_run: say what would be done, and do nothing.

    Raises:
        ArchiveError: the file is damaged, or the brand has moved on.
        SettingsRefusedError: under these settings the state would lose history.
        FutureStateError, NewerStateError, OldStateError: the state is not for this version or this time.
        BrandBusyError: an orchestrator works on it.
        StoreError: Redis gave no answer or refused.
    """
    config = session_config(settings, HOLDER)
    # All that takes time comes before the lease.
    state, _ = opened(snapshot, config.fold)
    _refuse_losses(snapshot, settings)
    store = Store(client, store_options(settings))
    token = store.new_token(HOLDER)
    try:
        # Also while it is paused: who puts a state back has often paused the brand first.
        lease = store.acquire(snapshot.brand, token, even_paused=True)
        _refuse_another(snapshot, lease, over)
        refuse_the_future(snapshot.brand, state, lease.now_ms)
        commit, removed = _commit(client, snapshot, state, lease)
        if not dry_run:
            store.commit(lease, commit)
        return PutBack(lease.cid, commit.version, len(commit.put), removed)
    finally:
        # By its token alone: where an answer was lost the lease may be held.
        store.release(Lease(snapshot.brand, token, 0, 0, "", 0, 0, 0, 0))


def _look(client: redis.Redis, settings: Settings, brand: str) -> Snapshot:
    keys, runner = layout_of(client).inner(brand), ScriptRunner(client)
    names = ("cid", "epoch", "version", "format", "settings")
    told, time_ = map(checked, runner.run([("HMGET", keys.meta, *names), ("TIME",)]))
    cid, epoch, version, format_, stored_settings = told
    now_ms = int(time_[0]) * 1000 + int(time_[1]) // 1000
    try:
        numbers = [int(number or 0) for number in (epoch, version, format_)]
        lease = Lease(brand, "", numbers[0], numbers[1], (cid or b"").decode(), 0, 0, now_ms, 0)
    except ValueError:
        raise ArchiveError(f"brand {brand!r}: its meta is damaged; `orchestrator repair` tells") from None
    stored = Store(client, store_options(settings)).load(lease)
    trend, recent, last = map(
        checked, runner.run([("HGETALL", keys.trend), ("LRANGE", keys.recent, 0, -1), ("HGET", keys.meta, "cid")])
    )
    if last != cid:
        raise StaleStateError(f"brand {brand!r}: another commit came while its state was read")
    return Snapshot(
        brand=brand,
        cid=lease.cid,
        epoch=lease.epoch,
        version=lease.version,
        format=numbers[2],
        settings=stored_settings or b"",
        taken_ms=now_ms,
        stored=stored,
        trend=_pairs(trend),
        recent=recent,
    )


def _refuse_losses(snapshot: Snapshot, settings: Settings) -> None:
    if not snapshot.settings or settings.settings_adopt:
        return
    try:
        comparison = compare(Fingerprint.read(snapshot.settings), settings.fingerprint)
    except ValueError as error:
        raise ArchiveError(f"the file of the state is damaged: {error}") from None
    if comparison.losses:
        raise ArchiveError(f"{refusal(snapshot.brand, comparison)} (or import with SETTINGS_ADOPT=true)")


def _refuse_another(snapshot: Snapshot, lease: Lease, over: str | None) -> None:
    """The brand must stand where the caller believes: what was committed since would be gone."""
    if lease.cid in {"" if over is None else over, snapshot.cid if over is None else over}:
        return
    if over is not None:
        raise ArchiveError(f"brand {snapshot.brand!r} has moved on: its last commit is {lease.cid!r}, not {over!r}")
    commits = lease.version - snapshot.version
    since = f", {commits} commits later" if commits > 0 else ""
    raise ArchiveError(
        f"brand {snapshot.brand!r} has moved on: its last commit is {lease.cid!r} (version {lease.version}{since}), the"
        f" file's is {snapshot.cid!r} (version {snapshot.version}). What was counted since would be gone, and is not in"
        f" the queue any more. Pause the brand, and if that is meant: --over {lease.cid}"
    )


def _commit(client: redis.Redis, snapshot: Snapshot, state: BrandState, lease: Lease) -> tuple[Commit, int]:
    """Writes all of *snapshot* and removes all else; takes nothing from the queue."""
    keys = layout_of(client).inner(snapshot.brand)
    fields, trend, recent = map(
        checked,
        ScriptRunner(client).run(
            [("HKEYS", keys.state), ("HKEYS", keys.trend), ("LRANGE", keys.recent, 0, -1)],
        ),
    )
    state.rewrite()
    changes = state.take_changes()
    put = dict(snapshot.stored.fields)
    if snapshot.format != FORMATS.written:  # as its next commit would: what an older version wrote is written anew
        put = {name: value for name, value in (put | dict(changes.put)).items() if name not in set(changes.remove)}
    days = dict(snapshot.trend) | dict(changes.trend_put)
    # Both generations anew, whatever lies there.
    digests = Ledger(replace(snapshot.stored.digests, leftover=True)).change(b"", lease.now_ms)
    if set(fields) & put.keys():
        put = numbered(put, after(fields))
    removed = sorted(set(fields) - put.keys())
    version = lease.version + 1
    commit = Commit(
        cid=secrets.token_hex(8),
        expected_cid=lease.cid,
        version=version,
        put=put,
        remove=removed,
        digests=digests,
        summary=state.summary(snapshot.brand, lease.now_ms, lease.epoch, version),
        due_ms=changes.due_ms,
        spikes=changes.spikes,
        moods=changes.moods,
        stories=changes.stories,
        trend_put=days,
        trend_remove=sorted(set(trend) - days.keys()),
        recent=[entry for entry in snapshot.recent if entry not in set(recent)],
    )
    return commit, len(removed)


def _pairs(fields: Any) -> dict[bytes, bytes]:
    """What HGETALL answered, in either protocol."""
    return fields if isinstance(fields, dict) else dict(zip(fields[::2], fields[1::2], strict=True))
