"""Gives a brand a past: chunks that came at times of the past, folded as of then, and committed in one step.

For the demo. The rules take time as an argument, so no clock is bent: what results is what the service would hold, had
it run all the time, but for alerts, which nobody is told of, and for ids of chunks, which are not remembered.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from contextlib import closing

from orchestrator.archive.snapshot import Snapshot, left_by
from orchestrator.brand.state import BrandState
from orchestrator.contract.decode import decode_batch
from orchestrator.lane.session_config import SessionConfig
from orchestrator.service.bases import keep_base
from orchestrator.service.options import session_config, store_options
from orchestrator.settings import Settings
from orchestrator.store import Commit, Lease, Store, connect
from orchestrator.store.types import NO_DIGESTS, Stored


def write_past(settings: Settings, redis_url: str, brand: str, past: Iterable[tuple[int, list[bytes]]]) -> int:
    """Fold *past* into *brand* and commit it, unless something is known of it; either all of that is done or nothing.

    Args:
        settings: those of the service that is to go on with it.
        redis_url: where.
        brand: not registered yet, or somebody else may work on it.
        past: times (Unix ms), and the chunks that had come until then; the oldest first.

    Returns:
        How many chunks there were; 0 if the brand has a past already.

    Raises:
        StoreError: Redis did not answer or refused.
    """
    config = session_config(settings)
    state, chunks = _folded(config, brand, past)
    with closing(connect(redis_url, timeout_s=settings.redis_timeout_sec, pool_size=1)) as client:
        store = Store(client, store_options(settings))
        lease = store.acquire(brand, store.new_token())
        try:
            if lease.cid:
                return 0
            commit = _commit(state, brand, lease)
            text = store.settings_of(lease, commit).text().encode()
            nothing = Snapshot(brand, "", 0, 0, 0, text, lease.now_ms, Stored({}, NO_DIGESTS), {}, ())
            keep_base(client, store, lease, left_by(commit, lease, text, nothing), settings)
            store.commit(lease, commit)
        finally:
            store.release(lease)
    return chunks


def _folded(config: SessionConfig, brand: str, past: Iterable[tuple[int, list[bytes]]]) -> tuple[BrandState, int]:
    state, chunks = BrandState.empty(config.fold), 0
    for at_ms, items in past:
        chunks += state.fold(decode_batch(items, brand, config.limits, state.hashing), at_ms).chunks
    return state, chunks


def _commit(state: BrandState, brand: str, lease: Lease) -> Commit:
    summary = state.summary(brand, lease.now_ms, lease.epoch, lease.version + 1)
    changes = state.take_changes()
    return Commit(
        cid=secrets.token_hex(8),
        expected_cid=lease.cid,
        version=lease.version + 1,
        put=changes.put,
        remove=changes.remove,
        summary=summary,
        due_ms=changes.due_ms,
        spikes=changes.spikes,
        moods=changes.moods,
        stories=changes.stories,
        trend_put=changes.trend_put,
        trend_remove=changes.trend_remove,
        recent=changes.recent,
    )
