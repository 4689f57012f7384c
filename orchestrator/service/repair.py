"""``orchestrator repair``: what is wrong with one brand's keys and can be put right is, under a lease of its own.

Owns no rule: what lies in the future is moved by :meth:`orchestrator.brand.state.BrandState.reanchored`. All of a
repair is one commit, so another orchestrator meets the brand either before it or after it, and readers are told of the
new summary as after any other commit. Never needs a running service, and never works beside one: a brand that is being
worked on is busy.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from orchestrator.brand.state import BrandState
from orchestrator.contract.times import iso_utc_seconds
from orchestrator.service.options import session_config, store_options
from orchestrator.store import Commit, Store

if TYPE_CHECKING:
    import redis

    from orchestrator.brand.outputs import Reanchoring
    from orchestrator.settings import Settings
    from orchestrator.store import Lease


def repair(client: redis.Redis, settings: Settings, brand: str, *, dry_run: bool) -> list[str]:
    """Put right what is wrong with *brand*; with *dry_run* only say what would be done.

    Returns:
        A sentence for each thing that was, or would be, done; none if nothing is wrong that can be repaired.

    Raises:
        BrandBusyError: an orchestrator works on it.
        WrongTypeError, InvalidStateError, NewerStateError: it cannot be repaired here, and why.
        StoreError: Redis gave no answer or refused; either all of the repair is done or nothing.
    """
    store = Store(client, store_options(settings))
    lease = store.acquire(brand, secrets.token_hex(16))
    try:
        return _repaired(store, settings, lease, dry_run=dry_run)
    finally:
        store.release(lease)


def _repaired(store: Store, settings: Settings, lease: Lease, *, dry_run: bool) -> list[str]:
    state, moved = BrandState.reanchored(session_config(settings).fold, store.load_state(lease), lease.now_ms)
    if moved is None:
        return []
    if not dry_run:
        store.commit(lease, _commit(state, lease))
    return [_told(moved)]


def _commit(state: BrandState, lease: Lease) -> Commit:
    """Writes the whole *state* and takes nothing from the queue."""
    changes = state.take_changes()
    version = lease.version + 1
    return Commit(
        cid=secrets.token_hex(8),
        expected_cid=lease.cid,
        version=version,
        put=changes.put,
        remove=changes.remove,
        summary=state.summary(lease.brand, lease.now_ms, lease.epoch, version),
        due_ms=changes.due_ms,
        spikes=changes.spikes,
        trend_put=changes.trend_put,
        trend_remove=changes.trend_remove,
    )


def _told(moved: Reanchoring) -> str:
    there, here = iso_utc_seconds(moved.clock_ms), iso_utc_seconds(moved.now_ms)
    return (
        f"its state lies in the future ({there}, and Redis's clock says {here}): {moved.chunks} chunks with"
        f" {moved.mentions} mentions and {moved.stories} stories from there count in the present quarter of an hour,"
        f" {moved.episodes} spikes that began there are forgotten"
    )
