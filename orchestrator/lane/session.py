"""One lease's workbench: peek → decode → fold → commit, synchronously, in a worker thread.

Owns the brand's state while the lease lasts, and the commit that is under way.
Every method blocks on Redis for at most its time-out and may be called again after
a :class:`~orchestrator.errors.StoreUnavailableError` or a
:class:`~orchestrator.errors.StoreRefusedError`: it then goes on where it failed,
with the *same* commit, which applies at most once. After any other error the
session is spent; state that may differ from Redis's is never used again.

Must not know trio: the lane decides where and when this runs.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from time import perf_counter

from orchestrator.brand.outputs import FoldConfig, FoldReport
from orchestrator.brand.spikes import EpisodeChange
from orchestrator.brand.state import BrandState
from orchestrator.contract.decode import Limits, Rejected
from orchestrator.errors import BrandBusyError, StaleStateError, StoreError
from orchestrator.lane.batch_size import BatchSizer
from orchestrator.lane.feed import Feed
from orchestrator.lane.intake import Reading, admit, dead_letters
from orchestrator.process import failpoints
from orchestrator.store.runner import Late
from orchestrator.store.store import Store
from orchestrator.store.types import Commit, CommitReply, Lease, Peek, Seen, Then

SINGLE_ATTEMPTS = 3
"""From this many peeks without a commit on, a batch is one item: whatever it is that fails, fewer share its fate."""

TRIAL_ATTEMPTS = 5
"""From this many on, the item is first folded in a process of its own."""

SUMMARY_INTERVAL_MS = 1000
"""Under load a summary is written at most this often; a commit that empties the queue always writes it."""

NOTHING_FOLDED = FoldReport()

POISON = "poison"
"""The reason of a dead letter whose fold did not survive a process of its own."""


@dataclass(frozen=True, slots=True)
class SessionConfig:
    """What is the same for every session of one orchestrator."""

    orchestrator_id: str
    fold: FoldConfig
    limits: Limits


@dataclass(slots=True)
class Warm:
    """What is worth keeping of a brand between two leases.

    ``state`` is usable only if the brand's last commit is still ``cid``. ``token`` is that
    of a lease whose acquire or release got no answer: its lock may still stand, and acquiring
    with the same token spares the brand from waiting until it expires. Of two sessions that
    share a token only one can commit on top of a cid.
    """

    sizer: BatchSizer
    cid: str = ""
    token: str = ""
    state: BrandState | None = None

    @property
    def stories(self) -> int:
        """Stories kept in memory, the measure of its size."""
        return 0 if self.state is None else self.state.story_count


@dataclass(frozen=True, slots=True)
class Step:
    """What one step of a session did.

    Attributes:
        idle: nothing to do: the queue is empty and the summary is current.
        suspect: nothing was done: the item at the head wants a trial first.
        fold_s: seconds of decoding and folding.
        queued: chunks left in the queue.
        alerts: spike episodes that this commit opened or closed.
    """

    idle: bool = False
    suspect: bool = False
    fold: FoldReport = NOTHING_FOLDED
    items: int = 0
    duplicates: int = 0
    failed: int = 0
    poisoned: int = 0
    duplicate_commit: bool = False
    failed_dropped: int = 0
    published: bool = False
    fold_s: float = 0.0
    queued: int = 0
    alerts: Sequence[EpisodeChange] = ()


@dataclass(frozen=True, slots=True)
class _Pending:
    """A commit under way and what will be told about it."""

    commit: Commit
    step: Step
    now_ms: int


@dataclass(frozen=True, slots=True)
class _Folded:
    """A batch that is folded and in no commit yet, or what else there is to commit."""

    items: Sequence[bytes]
    step: Step
    digests: Sequence[bytes] = ()
    rejected: Sequence[Rejected] = ()


class BrandSession:
    """The work on one brand under one lease.

    Args:
        warm: what an earlier session left; the caller must not share it with another one.
    """

    def __init__(self, store: Store, config: SessionConfig, brand: str, warm: Warm | None = None) -> None:
        self.brand = brand
        self.lease: Lease | None = None
        self._store = store
        self._config = config
        self._warm = warm or Warm(BatchSizer())
        self._feed = Feed(brand, config.limits, self._warm.sizer)
        self._token = self._warm.token or secrets.token_hex(16)
        self._state: BrandState | None = None
        self._cid = ""
        self._next: Peek | None = None
        self._folded: _Folded | None = None  # the next batch, once it was folded ahead of its turn
        self._seen: Late[Seen] | None = None  # whether the chunks of the next batch are new, asked and not heard yet
        self._pending: _Pending | None = None
        self._verdict: tuple[bytes, bool] | None = None  # the item that was tried, and whether that killed the trial
        self._published_ms = 0
        self._summary_owed = False
        self._failure: Exception | None = None  # of a step behind others that have to be told of first
        self._torn = False  # the state was changed and no commit holds the changes yet

    def open(self) -> Lease:
        """Acquire the lease and have the brand's state in memory; repeatable after a lost reply.

        Raises:
            BrandBusyError: another orchestrator holds it.
            WrongTypeError, InvalidStateError: the brand needs a human.
            StoreError: Redis gave no answer or refused.
        """
        self._warm.token = self._token  # until the release is known: an unanswered acquire may hold the lock too
        try:
            lease = self._store.acquire(self.brand, self._token)
        except BrandBusyError:
            self._warm.token = ""  # somebody else's lock stands: no lock of this token does
            raise
        self.lease = lease
        failpoints.hit("session.acquired")
        warm = self._warm
        if warm.state is not None and warm.cid == lease.cid:
            self._state = warm.state
        else:
            self._state = BrandState.load(self._config.fold, self._store.load_state(lease))
        warm.state = None  # in use: a session that ends badly must not leave it behind
        self._cid = lease.cid
        if lease.attempts + 1 >= SINGLE_ATTEMPTS:
            self._warm.sizer.restart()  # reading the batch may be what killed its readers
        # Whoever committed last may not have written the summary, or may be long gone when it gets stale.
        self._summary_owed = 0 < lease.due_ms <= lease.now_ms
        failpoints.hit("session.opened")
        return lease

    def step(self, *, fold_ahead: bool = False) -> Step:
        """Fold and commit one batch, or refresh a summary that time has made stale.

        Args:
            fold_ahead: fold the batch behind while Redis works on this one's commit; then the session is
                :attr:`engaged`.

        Raises:
            StoreUnavailableError, StoreRefusedError: call again to go on.
            StoreError: the session is spent.
        """
        if (failure := self._failure) is not None:
            self._failure = None
            raise failure
        if self._torn:
            raise StaleStateError(f"brand {self.brand!r}: a fold was interrupted, its state is in no commit")
        if self._pending is not None:
            self._feed.detach()  # whatever the attempt before left on its way
        elif nothing := self._begin(fold_ahead=fold_ahead):
            return nothing
        return self._submit()

    def burst(self, may_go_on: Callable[[], bool], may_fold_ahead: Callable[[], bool] = lambda: False) -> list[Step]:
        """Carry out one step, and more on end while there is work at hand and *may_go_on*; all but the last committed.

        A failure behind a step that is done is raised by the next call, before anything else happens.
        """
        steps = [self.step(fold_ahead=may_fold_ahead())]
        try:
            while self.prefetched and not steps[-1].suspect and may_go_on():
                steps.append(self.step(fold_ahead=may_fold_ahead()))
        except Exception as error:  # noqa: BLE001 - not swallowed: the next call raises it
            self._failure = error
        return steps

    def trial(self) -> tuple[bytes, dict[bytes, bytes]]:
        """The suspect item and the stored state to try it on."""
        if self._next is None or self.lease is None:
            raise RuntimeError("a trial needs a peeked item")
        return self._next.items[0], self._store.load_state(self.lease)

    def judge(self, *, died: bool) -> None:
        """Say how the trial of the suspect item went; the next step acts on it."""
        if self._next is None:
            raise RuntimeError("a verdict needs a suspect")
        self._verdict = self._next.items[0], died

    def lost(self) -> None:
        """The lease was lost or a commit timed out: the next session starts with a smaller batch."""
        self._warm.sizer.halve()

    @property
    def prefetched(self) -> bool:
        """Whether the next step starts from what was peeked along with the last commit."""
        return self._next is not None

    @property
    def failing(self) -> bool:
        """Whether the next call raises what ended the last burst."""
        return self._failure is not None

    @property
    def engaged(self) -> bool:
        """Whether the batch behind the last commit is folded, and has to be committed before the session ends well."""
        return self._folded is not None

    @property
    def committing(self) -> bool:
        """Whether a commit was sent whose outcome is unknown."""
        return self._pending is not None

    def settle(self) -> Warm:
        """End between two commits; returns what the next session of this brand may use."""
        self._feed.end()
        warm, state = self._warm, self._state
        if state is not None and self._pending is None and self._failure is None and not (self.engaged or self._torn):
            warm.state, warm.cid = state, self._cid
        self._state = None
        return warm

    def abandon(self) -> Warm:
        """End with the state forgotten, because its copy here may differ from the one in Redis."""
        self._feed.end()
        self._state = None
        return self._warm

    def release(self) -> bool:
        """Give the lease back, also one whose acquire got no answer; True if it still was this session's."""
        if not self._warm.token:
            return False
        # Brand and token are all that names a lease at release.
        lease = self.lease or Lease(self.brand, self._token, 0, 0, "", 0, 0, 0, 0)
        self.lease = None
        # A batch that was peeked along with the last commit and not begun proves nothing against its items.
        settled = self._pending is None and self._failure is None and not self._torn
        untouched = settled and self._next is not None and bool(self._next.items)
        released = self._store.release(lease, forgive=untouched)
        self._warm.token = ""
        return released

    # -- one step, piece by piece

    def _held(self) -> tuple[Lease, BrandState]:
        if self.lease is None or self._state is None:
            raise RuntimeError("the session is not open")
        return self.lease, self._state

    def _begin(self, *, fold_ahead: bool) -> Step | None:
        """Have a commit under way, or the step that says why there is none."""
        peek = self._next or self._peek()
        self._next = None
        if self._folded is None and self._wants_trial(peek):
            self._next = peek
            return Step(suspect=True, queued=peek.queued)
        failpoints.hit("session.began")
        if peek.cid != self._cid:
            raise StaleStateError(f"brand {self.brand!r}: another commit came between")
        folded, self._folded = self._folded or self._prepare(peek), None
        if folded is None:
            return Step(idle=True, queued=peek.queued)
        self._torn = True
        self._feed.receive()
        self._pending, self._torn = self._commit(peek, folded), False  # while the batch behind is scanned
        self._look_ahead(fold_ahead=fold_ahead and bool(folded.items))
        return None

    def _peek(self) -> Peek:
        lease, _ = self._held()
        self._feed.forget()
        peek = self._store.peek(lease, self._warm.sizer.items)
        failpoints.hit("session.peeked")
        return peek

    def _look_ahead(self, *, fold_ahead: bool) -> None:
        """Have the batch behind at hand; if it is to be folded ahead, ask which of its chunks are new."""
        self._feed.decode()
        reading = self._feed.reading
        if reading is None or not fold_ahead:
            return
        lease, _ = self._held()
        try:
            self._seen = self._feed.late = self._store.ask_seen(lease, reading.digests, self._feed.late)
        except StoreError:  # the commit, which is sent next, says why
            self._feed.late = None

    def _wants_trial(self, peek: Peek) -> bool:
        if not peek.items or peek.attempts < TRIAL_ATTEMPTS:
            return False
        # A verdict holds for the item that was tried, not for one that a foreign pop brought to the head since.
        return self._verdict is None or self._verdict[0] != peek.items[0]

    def _prepare(self, peek: Peek) -> _Folded | None:
        """Decide on the next commit without writing anything; None if there is nothing to commit."""
        items = peek.items
        if not items:
            return self._refresh(peek)
        if self._verdict != (items[0], True) and peek.attempts < SINGLE_ATTEMPTS:
            reading, self._feed.reading = self._feed.reading, None
            if reading is None:  # else it was seen when it was read ahead
                self._warm.sizer.saw(items)
            return self._fold(reading or self._feed.read(items), peek.now_ms)
        self._feed.forget()
        if self._verdict == (items[0], True):
            self._torn = True
            return _Folded(items[:1], Step(items=1, failed=1, poisoned=1), rejected=[Rejected(0, POISON, "$")])
        # Whatever failed may stand further back: grow from one again, or each item before it fails its batch in turn.
        self._warm.sizer.restart()
        return self._fold(self._feed.read(items[:1]), peek.now_ms)

    def _fold(self, reading: Reading, now_ms: int) -> _Folded:
        lease, state = self._held()
        seen = self._store.seen(lease, reading.digests) if reading.seen is None else reading.seen
        started_s = perf_counter()
        intake = admit(reading.batch, reading.digests, seen)
        self._torn = True
        failpoints.hit_chunks(chunk.chunk_id for chunk in intake.batch.chunks)
        report = state.fold(intake.batch, now_ms)
        failpoints.hit("session.folded")
        rejected = reading.batch.rejected
        step = Step(
            fold=report,
            items=len(reading.items),
            duplicates=intake.duplicates,
            failed=len(rejected),
            fold_s=reading.read_s + perf_counter() - started_s,
        )
        return _Folded(reading.items, step, intake.digests, rejected)

    def _refresh(self, peek: Peek) -> _Folded | None:
        _, state = self._held()
        due_ms = state.due_ms()
        if not (self._summary_owed or 0 < due_ms <= peek.now_ms):
            return None
        self._torn = True
        state.advance(peek.now_ms)
        return _Folded((), Step())

    def _fold_ahead(self) -> None:
        """Fold the batch behind while Redis is busy with the commit before it, which it is told of once that is in."""
        failpoints.hit("session.read_ahead")
        late, self._seen = self._seen, None
        reading, pending = self._feed.reading, self._pending
        if late is None or reading is None or pending is None:
            return
        seen = late.read()
        folding = set(pending.commit.digests)  # Redis was asked before it got these
        reading.seen = [known or key in folding for known, key in zip(seen.known, reading.digests, strict=True)]
        self._feed.reading = None
        try:
            self._folded = self._fold(reading, seen.now_ms)
        except Exception as error:  # noqa: BLE001 - not swallowed: the next call raises it, this one tells of its commit
            self._failure = error
        else:
            self._torn = False

    def _commit(self, peek: Peek, folded: _Folded) -> _Pending:
        lease, state = self._held()
        items = folded.items
        now_ms, version = peek.now_ms, peek.version + 1
        publish = len(items) >= peek.queued or now_ms - self._published_ms >= SUMMARY_INTERVAL_MS
        changes = state.take_changes()
        commit = Commit(
            cid=secrets.token_hex(8),
            expected_cid=self._cid,
            version=version,
            consumed=len(items),
            head=items[0] if items else b"",
            tail=items[-1] if items else b"",
            put=changes.put,
            remove=changes.remove,
            digests=folded.digests,
            failed=dead_letters(
                items, folded.rejected, brand=self.brand, now_ms=now_ms, orchestrator_id=self._config.orchestrator_id
            ),
            summary=state.summary(self.brand, now_ms, lease.epoch, version) if publish else None,
            # Without its summary the brand is due at once, for whoever finds the queue empty later.
            due_ms=changes.due_ms if publish else now_ms,
            spikes=changes.spikes,
            trend_put=changes.trend_put,
            trend_remove=changes.trend_remove,
            recent=changes.recent,
        )
        failpoints.hit("session.prepared")
        return _Pending(commit, replace(folded.step, alerts=changes.alerts), now_ms)

    def _submit(self) -> Step:
        lease, _ = self._held()
        pending = self._pending
        if pending is None:
            raise RuntimeError("there is no commit to submit")
        commit, feed = pending.commit, self._feed
        reading = feed.reading or self._folded
        ask = feed.ask(0 if reading is None else len(reading.items))
        if feed.reading is not None and self._seen is None:
            ask = replace(ask, digests=feed.reading.digests)
        late, feed.late = feed.late, None
        try:
            reply = self._store.commit(lease, commit, Then(ask, late, self._fold_ahead))
        except StoreError:
            self._seen = None
            failpoints.hit("session.commit_failed")
            raise
        items = feed.follow(reply)
        failpoints.hit("session.committed")
        self._pending = None
        self._verdict = None
        self._cid = commit.cid
        self._follow(reply, items if reading is None else reading.items)
        published = commit.summary is not None
        if published:
            self._published_ms = pending.now_ms
        self._summary_owed = not published
        return replace(
            pending.step,
            duplicate_commit=reply.duplicate,
            failed_dropped=reply.failed_dropped,
            published=published,
            queued=reply.queued,
        )

    def _follow(self, reply: CommitReply, items: Sequence[bytes]) -> None:
        """Take what came with a commit: *items* are those of the next batch."""
        if reply.next is None:
            self._next = None
            self._feed.forget()
            return
        if self._feed.reading is not None:
            self._feed.reading.seen = reply.seen
        self._next = replace(reply.next, items=list(items))
