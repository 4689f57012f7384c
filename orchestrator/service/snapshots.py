"""``orchestrator state``: a brand's state out of Redis and back.

Owns no rule: what a file is, is :mod:`orchestrator.archive.snapshot`'s, and how a state takes another one's place
:mod:`orchestrator.service.swap`'s. Out of Redis it is read between two looks at the last commit's id.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from orchestrator.archive.compare import Difference, differences
from orchestrator.archive.snapshot import Snapshot, opened
from orchestrator.archive.snapshot import decode as decode_snapshot
from orchestrator.archive.snapshot import encode as encode_snapshot
from orchestrator.contract.fingerprint import UNKNOWN, Fingerprint, compare, refusal
from orchestrator.errors import ArchiveError, StaleStateError
from orchestrator.service.as_committed import as_committed
from orchestrator.service.bases import shown
from orchestrator.service.options import session_config, store_options
from orchestrator.service.swap import Patience, Placed, held
from orchestrator.store import Lease, Store, checked, layout_of
from orchestrator.store.runner import ScriptRunner

if TYPE_CHECKING:
    import redis

    from orchestrator.settings import Settings

__all__ = ["decode_snapshot", "encode_snapshot", "put_back", "state_differences", "take_snapshot"]

HOLDER: Final = "state"
"""How the token of the lease names this command."""

_ATTEMPTS: Final = 10
"""Looks at a brand that somebody commits to all the time; one takes milliseconds, as a commit does."""


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
    client: redis.Redis,
    settings: Settings,
    snapshot: Snapshot,
    *,
    over: str | None = None,
    dry_run: bool = False,
) -> Placed:
    """Make *snapshot* the state of its brand, as one commit on top of the commit *over*; its own settings come along.

    Args:
        client: the Redis; it may be another one than the snapshot's.
        settings: of this process; those of the rules are the ones of the brand's last commit, where it has one.
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
    # What is wrong with the file is told before the lease.
    stored, mine = _settings_of(snapshot), as_committed(client, settings, snapshot.brand)
    opened(snapshot, session_config(mine).fold.under(stored.own))
    _refuse_losses(snapshot, stored, mine)
    with held(client, settings, snapshot.brand, patience=Patience(holder=HOLDER)) as brand:
        _refuse_another(snapshot, brand.lease, over)
        return brand.put(snapshot, own=stored.own, dry_run=dry_run)


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
    trend, recent = shown(client, brand)
    if checked(runner.run([("HGET", keys.meta, "cid")])[0]) != cid:
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
        trend=trend,
        recent=recent,
    )


def _settings_of(snapshot: Snapshot) -> Fingerprint:
    try:
        return Fingerprint.read(snapshot.settings) if snapshot.settings else UNKNOWN
    except ValueError as error:
        raise ArchiveError(f"the file of the state is damaged: {error}") from None


def _refuse_losses(snapshot: Snapshot, stored: Fingerprint, settings: Settings) -> None:
    comparison = compare(stored, settings.fingerprint)
    if comparison.losses and not settings.settings_adopt:
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
