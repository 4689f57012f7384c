"""``orchestrator repair``: what is wrong with one brand's keys and can be put right is, under a lease of its own.

Owns no rule: what lies in the future is moved by :meth:`orchestrator.brand.state.BrandState.reanchored`, and what is
damaged in meta is what ``acquire`` refuses. Such fields are removed before there is a lease. All else is one commit, so
another orchestrator meets the brand either before it or after it, and readers are told of the new summary as after any
other commit. Never needs a running service, and never works beside one: a brand that is being worked on is busy.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Final

from orchestrator.archive.snapshot import Snapshot, left_by
from orchestrator.brand.state import BrandState
from orchestrator.brand.story_store import is_of_stories
from orchestrator.contract.state_format import FORMATS
from orchestrator.contract.times import iso_utc_seconds
from orchestrator.errors import DamagedMetaError, WrongSizeError
from orchestrator.lane.duplicates import Ledger
from orchestrator.lane.projector import show_whole
from orchestrator.service.as_committed import as_committed
from orchestrator.service.bases import keep_base, shown
from orchestrator.service.options import session_config, store_options
from orchestrator.store import Commit, Lease, Store
from orchestrator.store.damage import SIZES

if TYPE_CHECKING:
    from collections.abc import Sequence

    import redis

    from orchestrator.brand.outputs import Reanchoring
    from orchestrator.lane.session_config import SessionConfig
    from orchestrator.settings import Settings


HOLDER: Final = "repair"
"""How the token of the lease names this command."""

COMPARED: Final = (*SIZES, "check0", "check1", "segments")
"""Fields of meta without which what is stored is not compared with what was committed."""


def repair(
    client: redis.Redis, settings: Settings, brand: str, *, dry_run: bool, accept_loss: bool = False
) -> list[str]:
    """Put right what is wrong with *brand*; with *dry_run* only say what would be done.

    With *accept_loss* a key that lost or gained members is taken as it is; a state that lost segments goes on without
    its stories. Nothing brings back what is gone.

    Returns:
        A sentence for each thing that was, or would be, done; none if nothing is wrong that can be repaired.

    Raises:
        BrandBusyError: an orchestrator works on it.
        ClockSkewError: the clocks here and at Redis differ, so nobody knows what the present is.
        WrongTypeError, InvalidStateError, NewerStateError: it cannot be repaired here, and why.
        StoreError: Redis gave no answer or refused; what is not done is done by another repair.
    """
    settings = as_committed(client, settings, brand)
    store = Store(client, store_options(settings))
    token = store.new_token(HOLDER)
    try:
        lease, done = _acquired(store, brand, token, dry_run=dry_run, accept_loss=accept_loss)
        if lease is None:
            return done
        return [*done, *_repaired(client, store, settings, lease, dry_run=dry_run, accept_loss=accept_loss)]
    finally:
        # By its token alone: where the clocks differ the lease is held, and there is no answer that names it.
        store.release(Lease(brand, token, 0, 0, "", 0, 0, 0, 0))


def _acquired(
    store: Store, brand: str, token: str, *, dry_run: bool, accept_loss: bool
) -> tuple[Lease | None, list[str]]:
    """The lease, once what kept the brand from being acquired is mended, and what that was; no lease in a dry run."""
    done: list[str] = []
    while True:
        try:
            # Also while it is paused: who mends a brand has often paused it first.
            lease = store.acquire(brand, token, even_paused=True)
            Ledger(store.salvage(lease)[0].digests)
            return lease, done  # noqa: TRY300 - what is loaded is part of what is tried
        except DamagedMetaError as error:
            done.append(f"{error.field!r} in meta was {error.value!r}, and begins anew")
            fields: tuple[str, ...] = (error.field,)
        except WrongSizeError as error:
            if not accept_loss:
                raise
            done.append(f"{error.told}: what is there is what counts from now on")
            fields = COMPARED
        if dry_run:
            return None, done  # what is wrong beyond this shows when it is mended
        store.forget(brand, fields)


def _repaired(
    client: redis.Redis, store: Store, settings: Settings, lease: Lease, *, dry_run: bool, accept_loss: bool
) -> list[str]:
    config = session_config(settings, HOLDER).owning(lease.own)
    stored, lost = store.salvage(lease) if accept_loss else (store.load(lease), [])
    fields = stored.fields
    gone = [*lost, *filter(is_of_stories, fields)] if lost else []
    kept = {name: value for name, value in fields.items() if name not in gone}
    state, moved = BrandState.reanchored(config.fold, kept, lease.now_ms)
    done = [_told(moved)] if moved is not None else []
    if lost:
        done.append(f"{len(lost)} segments are lost or damaged, and the stories are gone with them; all else stays")
    if done:
        store.settle(lease, state.bounds)
    if done and not dry_run:
        commit = _commit(state, lease, config, gone)
        digests = stored.digests
        # What is of before format 5 the next commit writes anew; until then there is no file of it.
        if settings.archives and not (digests.younger_set or digests.older_set):
            text = store.settings_of(lease, commit).text().encode()
            here = (lease.brand, lease.cid, lease.epoch, lease.version, FORMATS.written, text, lease.now_ms)
            before = Snapshot(*here, stored, *shown(client, lease.brand))
            keep_base(client, store, lease, left_by(commit, lease, text, before), settings)
        store.commit(lease, commit)
        show_whole(store.projections, lease, commit)
    return done


def _commit(state: BrandState, lease: Lease, config: SessionConfig, gone: Sequence[bytes]) -> Commit:
    """Writes what changed of *state*, removes the fields that are *gone*, and takes nothing from the queue."""
    changes = state.take_changes()
    version = lease.version + 1
    return Commit(
        cid=secrets.token_hex(8),
        expected_cid=lease.cid,
        version=version,
        put=changes.put,
        remove=[*changes.remove, *gone],
        summary=state.summary(lease.brand, lease.now_ms, lease.epoch, version),
        due_ms=changes.due_ms,
        spikes=changes.spikes,
        moods=changes.moods,
        stories=changes.stories,
        trend_put=changes.trend_put,
        trend_remove=changes.trend_remove,
        outbox=config.outbox(lease.brand, changes, lease.now_ms),
    )


def _told(moved: Reanchoring) -> str:
    there, here = iso_utc_seconds(moved.clock_ms), iso_utc_seconds(moved.now_ms)
    return (
        f"its state lies in the future ({there}, and Redis's clock says {here}): {moved.chunks} chunks with"
        f" {moved.mentions} mentions and {moved.stories} stories from there count in the present quarter of an hour,"
        f" {moved.episodes} spikes that began there are forgotten"
    )
