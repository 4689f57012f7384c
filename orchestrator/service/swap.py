"""Another state takes a brand's place: from a file, or made anew from what was consumed.

Owns how: one ordinary commit under a lease, on top of a commit that was named. Another orchestrator meets the brand
before it or after it; readers see one step, and nobody is alerted of what is history. Where there is an archive, the
state is put there first, as the base from which a refold begins after this commit: a base of a commit that never came
is no harm.

A service that works on the brand is not stopped. The lease is waited for, and then taken: what a lane had in hand it
folds again when the brand is free. It is held for :data:`MOST_HELD_S` at most, while the queue grows and nothing else
happens; who dies with it costs the brand its ttl. Source: ``docs/decisions/0099-settings-of-one-brand.md``.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from orchestrator.archive.snapshot import Snapshot, after, left_by, numbered, opened
from orchestrator.contract import own_settings
from orchestrator.contract.fingerprint import Fingerprint, compare, refusal
from orchestrator.contract.insights import MAX_RECENT
from orchestrator.contract.own_settings import Number
from orchestrator.contract.state_format import FORMATS
from orchestrator.errors import (
    ArchiveError,
    BrandBusyError,
    OwnSettingError,
    SettingsRefusedError,
    StaleStateError,
    StoreError,
    StoreUnavailableError,
)
from orchestrator.lane.duplicates import Ledger
from orchestrator.lane.future import refuse_the_future
from orchestrator.lane.projector import show_whole
from orchestrator.process import failpoints
from orchestrator.service.as_committed import as_committed
from orchestrator.service.bases import keep_base
from orchestrator.service.options import session_config, store_options
from orchestrator.store import Commit, Lease, Store, checked, layout_of
from orchestrator.store.runner import ScriptRunner

if TYPE_CHECKING:
    import redis

    from orchestrator.brand.state import BrandState
    from orchestrator.settings import Settings

HOLDER: Final = "rebuild"
"""How the token of the lease names who swaps."""

MOST_HELD_S: Final = 60.0
"""After so long the lease is not renewed any more: the brand goes on without what was to be put in place."""

_LOOK_S: Final = 0.02
"""Between two looks whether it is free."""

_ATTEMPTS: Final = 3
"""A commit without an answer is sent so often: the same one, so it gets in once."""


@dataclass(frozen=True, slots=True)
class Patience:
    """What is done about a brand that somebody works on.

    Attributes:
        wait_s: for so long it is waited for: a lane lets go of a drained brand, or when its turn is over.
        take: whether it is then taken, or left alone.
        holder: how the token of the lease names who has it then.
    """

    wait_s: float = 0.0
    take: bool = False
    holder: str = HOLDER


TAKES: Final = Patience(wait_s=1.0, take=True)
"""Of who rebuilds a brand that goes on."""


@dataclass(frozen=True, slots=True)
class Placed:
    """What was put in place, or would be.

    Attributes:
        over: id of the commit that it stands on; empty: the brand had none.
        cid: id of the commit that put it there.
        version: of the brand after it.
        fields: of the state that are written.
        removed: fields that were there and are not any more.
        own: the brand's own settings from then on.
    """

    over: str
    cid: str
    version: int
    fields: int
    removed: int
    own: Mapping[str, Number]


def swap_in(
    client: redis.Redis,
    settings: Settings,
    snapshot: Snapshot,
    *,
    over: str,
    own: Mapping[str, Number] | None = None,
    patience: Patience = TAKES,
) -> Placed:
    """Make *snapshot* the state of its brand on top of the commit *over*, also while a service works on the brand.

    Args:
        client: the Redis.
        settings: of this process; those of the rules are the ones of the brand's last commit, where it has one.
        snapshot: the state; its key of mention ids goes along.
        over: id of the brand's last commit, which the state was made of.
        own: the brand's own settings from then on, all of them; None: those that it has.
        patience: what is done about a brand that somebody works on.

    Raises:
        StaleStateError: *over* is not the brand's last commit (any more): fold what came since, and try again.
        BrandBusyError: somebody works on the brand, and it is not to be taken; try again.
        LeaseLostError: the lease was taken from us, or held for too long; nothing was changed, try again.
        ArchiveUnavailableError: the base could not be put into the archive; try again.
        ArchiveBehindError: too much of the brand waits for the archive; try again later.
        ArchiveError, NewerStateError, OldStateError, FutureStateError: the state is not for this version or time.
        OwnSettingError: *own* cannot be.
        SettingsRefusedError: under the settings the state would lose history, or the brand is another process's.
        StoreUnavailableError: no answer; the brand is as before or as after. All other errors: it is as before.
    """

    def refuse_another(cid: str) -> None:
        if cid != over:
            raise StaleStateError(f"brand {snapshot.brand!r}: its last commit is {cid!r}, not {over!r}")

    with held(client, settings, snapshot.brand, patience=patience, standing=refuse_another) as brand:
        refuse_another(brand.cid)
        return brand.put(snapshot, own=own)


@contextmanager
def held(
    client: redis.Redis,
    settings: Settings,
    brand: str,
    *,
    patience: Patience = TAKES,
    standing: Callable[[str], None] = lambda _cid: None,
) -> Iterator[Held]:
    """Nobody commits to *brand* within the block, which may put a state in place; its queue grows meanwhile.

    Args:
        client: the Redis.
        settings: of this process.
        brand: which.
        patience: what is done while somebody works on it.
        standing: told the brand's last commit at each look, before anybody is disturbed; what it raises ends this.

    Raises:
        BrandBusyError: somebody has it, and it is not to be taken.
        StoreError, OrchestratorError: as :meth:`orchestrator.store.Store.acquire`.
    """
    mine = as_committed(client, settings, brand)
    store = Store(client, store_options(mine))
    token, taken = store.new_token(patience.holder), False

    def look() -> None:
        standing(_cid(client, brand))

    try:
        lease, taken = _acquired(store, brand, token, patience, look)
        with _renewed(store, lease):
            yield Held(client, mine, store, lease)
    finally:
        # By its token alone: where an answer was lost the lease may be held. What a lane had in hand when its lease was
        # taken proves nothing against it. Without an answer the lock expires; what was done is done.
        with suppress(StoreError):
            store.release(Lease(brand, token, 0, 0, "", 0, 0, 0, 0), forgive=taken)


class Held:
    """A brand to which nobody else commits, see :func:`held`.

    Attributes:
        cid: id of its last commit.
        own: settings of its own.
        lease: of it.
    """

    def __init__(self, client: redis.Redis, settings: Settings, store: Store, lease: Lease) -> None:
        self.lease = lease
        self.cid = lease.cid
        self.own = lease.own
        self._client = client
        self._settings = settings
        self._store = store

    def put(self, snapshot: Snapshot, *, own: Mapping[str, Number] | None = None, dry_run: bool = False) -> Placed:
        """Make *snapshot* the brand's state on top of :attr:`cid`; the arguments and errors are :func:`swap_in`'s."""
        lease, settings = self.lease, self._settings
        if snapshot.brand != lease.brand:
            raise ArchiveError(f"this is the state of brand {snapshot.brand!r}, not of {lease.brand!r}")
        wanted = own_settings.check(lease.own if own is None else own)
        _refuse_own(wanted, settings)
        state, _ = opened(snapshot, session_config(settings).fold.under(wanted))
        if not settings.settings_adopt:
            _refuse_losses(lease.brand, Fingerprint(state.bounds), settings.fingerprint.owning(wanted))
        refuse_the_future(lease.brand, state, lease.now_ms)
        commit, base = self._made(snapshot, state, wanted)
        if not dry_run:
            keep_base(self._client, self._store, lease, base, settings)
            failpoints.hit("swap.based")
            self._send(commit)
            failpoints.hit("swap.committed")
        return Placed(lease.cid, commit.cid, commit.version, len(commit.put), len(commit.remove), wanted)

    def _made(self, snapshot: Snapshot, state: BrandState, own: Mapping[str, Number]) -> tuple[Commit, Snapshot]:
        """The commit that writes all of *snapshot* and removes all else, and what it leaves; it takes no chunks."""
        lease = self.lease
        keys = layout_of(self._client).inner(snapshot.brand)
        commands = [("HKEYS", keys.state), ("HKEYS", keys.trend), ("LRANGE", keys.recent, 0, -1)]
        fields, trend, recent = map(checked, ScriptRunner(self._client).run(commands))
        state.rewrite()
        changes = state.take_changes()
        put = dict(snapshot.stored.fields)
        if snapshot.format != FORMATS.written:  # as its next commit would: what an older version wrote is written anew
            put = {name: value for name, value in (put | dict(changes.put)).items() if name not in set(changes.remove)}
        if set(fields) & put.keys():
            put = numbered(put, after(fields))
        days = dict(snapshot.trend) | dict(changes.trend_put)
        commit = Commit(
            cid=secrets.token_hex(8),
            expected_cid=lease.cid,
            version=lease.version + 1,
            put=put,
            remove=sorted(set(fields) - put.keys()),
            # Both generations anew, whatever lies there.
            digests=Ledger(replace(snapshot.stored.digests, leftover=True)).change(b"", lease.now_ms),
            summary=state.summary(snapshot.brand, lease.now_ms, lease.epoch, lease.version + 1),
            due_ms=changes.due_ms,
            spikes=changes.spikes,
            moods=changes.moods,
            stories=changes.stories,
            trend_put=days,
            trend_remove=sorted(set(trend) - days.keys()),
            recent=_added(recent, snapshot.recent),
            own=own,
        )
        settings = self._store.settings_of(lease, commit).text().encode()
        # All that was there goes, so of it nothing has to be known but the list that is only added to.
        there = replace(snapshot, stored=snapshot.stored._replace(fields={}), trend={}, recent=recent)
        return commit, left_by(commit, lease, settings, there)

    def _send(self, commit: Commit) -> None:
        """Send *commit*, again if there is no answer: it gets in once."""
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                self._store.commit(self.lease, commit)
            except StoreUnavailableError:
                if attempt == _ATTEMPTS:
                    raise
            else:
                show_whole(self._store.projections, self.lease, commit)
                return


def _acquired(store: Store, brand: str, token: str, patience: Patience, look: Callable[[], None]) -> tuple[Lease, bool]:
    """The lease, and whether it was taken from somebody."""
    until_s = time.monotonic() + patience.wait_s
    while True:
        look()
        last = time.monotonic() >= until_s
        try:
            # Also while it is paused: who puts a state in place has often paused the brand first.
            return store.acquire(brand, token, even_paused=True), False
        except BrandBusyError:
            if last and patience.take:
                return store.acquire(brand, token, even_paused=True, take=True), True
            if last:
                raise
        time.sleep(_LOOK_S)


@contextmanager
def _renewed(store: Store, lease: Lease) -> Iterator[None]:
    """The lease lives, for :data:`MOST_HELD_S` and a ttl at most; if it is lost all the same the commit says so."""
    over = threading.Event()
    thread = threading.Thread(target=_renew, args=(store, lease, over.wait), name="renewal", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _renew(
    store: Store, lease: Lease, over: Callable[[float], bool], clock: Callable[[], float] = time.monotonic
) -> None:
    """Renew *lease* every third of its ttl until *over*, which waits for so many seconds, or it was held for long."""
    end_s = clock() + MOST_HELD_S
    while not over(store.options.lock_ttl_s / 3) and clock() < end_s:
        with suppress(StoreError):  # the next one may get an answer
            store.renew([lease])


def _cid(client: redis.Redis, brand: str) -> str:
    """Of the last commit, as anybody sees it."""
    found = checked(ScriptRunner(client).run([("HGET", layout_of(client).keys(brand).meta, "cid")])[0])
    return (found or b"").decode(errors="backslashreplace")


def _refuse_own(own: Mapping[str, Number], settings: Settings) -> None:
    """A summary that expires while it has mentions would be gone for readers of a quiet brand."""
    window_s = own.get("SUMMARY_WINDOW_SEC", 0)
    if window_s > settings.summary_ttl_sec:
        raise OwnSettingError(
            f"SUMMARY_WINDOW_SEC of {window_s} is more than SUMMARY_TTL_SEC here ({settings.summary_ttl_sec}): the"
            " summary of a quiet brand would expire while it still has mentions. Raise SUMMARY_TTL_SEC first"
        )


def _refuse_losses(brand: str, kept: Fingerprint, wanted: Fingerprint) -> None:
    # As plain settings: what the brand had of its own is not kept here, but what it is to have.
    comparison = compare(kept, Fingerprint(wanted.effective))
    if comparison.losses:
        raise SettingsRefusedError(refusal(brand, comparison))


def _added(there: Sequence[bytes], wanted: Sequence[bytes]) -> list[bytes]:
    """What to append to the list of recent chunks, of which the newest are kept."""
    if len(wanted) >= MAX_RECENT and list(there) != list(wanted):
        return list(wanted)
    known = set(there)
    return [entry for entry in wanted if entry not in known]
