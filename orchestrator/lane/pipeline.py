"""Three batches under way: while Redis commits batch N, batch N + 1 is folded and batch N + 2 arrives.

Owns the batches of one lease, the state that they change, and the order of things. Every method blocks on Redis for at
most its time-out; after a :class:`~orchestrator.errors.StoreUnavailableError` or a
:class:`~orchestrator.errors.StoreRefusedError` the next :meth:`Pipeline.step` goes on where this one failed, with the
*same* commit, which applies at most once. After any other error the pipeline is spent.

Must not know trio: the lane decides where and when this runs.

Source: ``docs/decisions/0029-one-wait-a-batch.md``, ``0031-lanes-pass-a-baton.md``, ``0034-a-batch-has-a-type.md``.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, NamedTuple

from orchestrator import tracing
from orchestrator.errors import (
    ArchiveBehindError,
    ClockSkewError,
    DeadLetterFullError,
    FutureStateError,
    StaleStateError,
    StoreError,
)
from orchestrator.lane.batch import Batch, Stage, needed
from orchestrator.lane.commits import SummaryPace, commit_of, dead_letters, head_of
from orchestrator.lane.future import refuse_the_future
from orchestrator.lane.projector import NOTHING
from orchestrator.lane.sizer import keep, unseen_items
from orchestrator.lane.step import Step
from orchestrator.lane.suspects import SINGLE_ATTEMPTS, Treated, Treatment, Verdict, treatment
from orchestrator.process import failpoints
from orchestrator.store.types import ReadOn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.brand.state import BrandState
    from orchestrator.contract.consumed import Head
    from orchestrator.lane.duplicates import Ledger
    from orchestrator.lane.projector import Projector
    from orchestrator.lane.session_config import SessionConfig
    from orchestrator.lane.sizer import BatchSizer
    from orchestrator.store.line import Reply
    from orchestrator.store.store import Store
    from orchestrator.store.types import CommitReply, Lease, Look, Peek


_ROUNDLY: Final = 64 << 10
"""What the head of a record takes at the most, as a rule."""


class Memory(NamedTuple):
    """What is in memory of a brand; both parts are as of one commit, change together and are dropped together."""

    state: BrandState
    ledger: Ledger


@dataclass(frozen=True, slots=True)
class PipelineStatistics:
    """The stages of the batches under way; None where there is none.

    Attributes:
        current: of batch N, from its beginning until its commit is in.
        next: of batch N + 1, which is committed next.
        after: of batch N + 2, on its way.
        line_unread: answers that were asked for and not read yet.
    """

    current: Stage | None
    next: Stage | None
    after: Stage | None
    line_unread: int


class Pipeline:
    """The batches of one lease.

    Args:
        lease: held; its ``cid`` is the commit that *memory* ends with.
        memory: of the brand, owned by this pipeline from now on.
        sizer: says how many items a batch has, and is told of each that came.
        owed: the summary is to be written even if there is nothing to fold.
        peek: what was read along with the lease.
        projector: shows readers what commits leave; None: commits do.

    Attributes:
        left: whether the last commit ended the lease, too: the pipeline is at its end.
    """

    def __init__(  # noqa: PLR0913 - what a lease begins with
        self,
        store: Store,
        config: SessionConfig,
        lease: Lease,
        memory: Memory,
        sizer: BatchSizer,
        *,
        owed: bool,
        peek: Peek | None = None,
        projector: Projector | None = None,
    ) -> None:
        self.cid = lease.cid
        self.state, self.ledger = memory
        self.failure: Exception | None = None  # of work that was done ahead; what was done before is told of first
        self._store = store
        self._config = config
        self._lease = lease
        self._sizer = sizer
        self._line = store.line(lease.brand)
        self._pace = SummaryPace(owed=owed)
        self._projector = projector
        self._anew = False
        self._unseen = False
        self._verdict: Verdict | None = None
        self._on_trial = 0
        self._unarchived = lease.unarchived
        self._batch: Batch | None = None
        self._next: Batch | None = None
        self._after: Batch | None = None
        # Items after those that were asked for which may be read next; None: nobody looked at them.
        self._fits: int | None = None
        self.left = False
        self._stayed = False
        if peek is not None:
            self._next = Batch(self._kept(peek.items), peek)

    def statistics(self) -> PipelineStatistics:
        """What is under way."""
        one, other, last = (None if batch is None else batch.stage for batch in (self._batch, self._next, self._after))
        return PipelineStatistics(one, other, last, self._line.statistics().unread)

    # -- the steady state, from top to bottom

    def step(self, *, fold_ahead: bool = False, let_go: bool = False) -> Step:
        """Fold and commit one batch, or refresh a summary that time has made stale.

        Args:
            fold_ahead: fold the next batch while Redis works on this one's commit; then the pipeline is
                :attr:`engaged`.
            let_go: end the lease with the commit, if this batch is all that there was.

        Raises:
            StoreUnavailableError, StoreRefusedError: call again to go on.
            StoreError: the pipeline is spent.
        """
        self._refuse_to_go_on()
        asked = None
        if (batch := self._batch) is not None and batch.stage is Stage.COMMITTING:
            # Answers of the attempt before may be under way; the commit itself is sent again as it was.
            self._drop_arrivals()
        else:
            begun = self._begin()
            if isinstance(begun, Step):
                return begun
            batch = begun
            if batch.stage is Stage.DECODED:  # N was not folded one step ago
                now_ms = needed(batch.peek, "a peek").now_ms
                batch.fold(self.state, self.ledger, now_ms, conflict_letters=self._config.conflict_letters)
            # Before N's commit is built: a native thread then scans N + 1 meanwhile.
            self._receive()
            self._build(batch, let_go=let_go)
            # After N's commit is built: both need the interpreter, and by now the scan is done.
            self._decode()
            # Before N's commit is sent: on one line answers come in order, and N + 1 is to be folded before N is in.
            record = None if batch.commit is None else batch.commit.record
            asked = self._ask_the_time(record) if fold_ahead and batch.items else None
        try:
            with tracing.span("commit", {"items": len(batch.items)}):
                reply, arriving = self._send(batch)  # N's commit, and the question for N + 2
                self._fold_ahead(asked)  # N + 1, while Redis works
                answer = reply.read()  # N is in
        except StoreError:
            # Nobody reads what is still under way, and a retry may be seconds ahead: the connection is for others.
            self._line.drop()
            failpoints.hit("session.commit_failed")
            raise
        return self._accept(batch, answer, arriving)

    # -- what ends it

    @property
    def prefetched(self) -> bool:
        """Whether the next step starts from what was peeked along with the last commit."""
        return self._batch is None and self._next is not None

    @property
    def engaged(self) -> bool:
        """Whether a batch is folded that no commit holds yet; it has to be committed before all ends well."""
        return any(batch is not None and batch.stage is Stage.FOLDED for batch in (self._batch, self._next))

    @property
    def committing(self) -> bool:
        """Whether a commit was sent whose outcome is unknown."""
        return self._batch is not None and self._batch.stage is Stage.COMMITTING

    @property
    def leaving(self) -> bool:
        """Whether a commit was built that may end the lease, and the lease was not found to be kept."""
        batch = self._batch  # another thread asks
        return self.left or (batch is not None and batch.commit is not None and batch.commit.let_go)

    @property
    def settled(self) -> bool:
        """Whether no commit is under way, no fold was interrupted, and no failure waits to be told."""
        return not (self.committing or self._torn or self.failure is not None)

    @property
    def untouched(self) -> bool:
        """Whether items were peeked and not begun: that proves nothing against them."""
        unbegun = self._unseen or (self._next is not None and bool(self._next.items))
        return self.settled and self._batch is None and unbegun

    def show_anew(self) -> None:
        """Readers may see something else than they should: the next step shows all of it; from any thread."""
        self._anew = True

    def close(self) -> None:
        """End it for good, from any thread; what a thread still does about it is refused by its line."""
        self._line.close()

    @property
    def _torn(self) -> bool:
        return any(batch is not None and batch.torn for batch in (self._batch, self._next))

    def _refuse_to_go_on(self) -> None:
        if (failure := self.failure) is not None:
            self.failure = None
            raise failure
        if self._torn:
            raise StaleStateError(f"brand {self._lease.brand!r}: a fold was interrupted, its state is in no commit")
        if self._line.closed:
            raise RuntimeError("the session has ended")

    # -- suspects

    def suspects(self) -> Sequence[bytes]:
        """The items that want a trial, one after the other."""
        if self._next is None or not self._next.items:
            raise RuntimeError("there is no suspect")
        return self._next.items[: self._on_trial]

    def judge(self, survived: int) -> None:
        """Say how many of the suspects survived, the first ones; the next steps act on it."""
        self._verdict = Verdict.of(self.suspects(), survived)

    @property
    def judging(self) -> bool:
        """Whether something is still to be done about the last verdict."""
        return self._verdict is not None

    @property
    def in_hand(self) -> int:
        """Items of the batches that are begun; one of them is to blame if a step hangs."""
        batches = (self._batch, self._next)
        return sum(len(batch.items) for batch in batches if batch is not None and batch.stage is not Stage.IN)

    # -- step by step

    def _begin(self) -> Batch | Step:
        """Have the batch at the head ready to be folded, if that is not done yet, or say why there is none."""
        batch = self._head()
        peek = needed(batch.peek, "a peek")
        if self._anew and self._projector is not None:
            self._anew, self._pace.owed = False, True
            self._projector.owed.forget()
        treated = self._treatment(batch, peek)
        if treated.how is Treatment.TRIAL:
            self._batch, self._next, self._on_trial = None, batch, treated.count
            return Step(suspect=True, queued=peek.queued)
        try:
            refuse_the_future(self._lease.brand, self.state, peek.now_ms)
        except FutureStateError:
            self._batch, self._next = None, batch  # what was peeked is not to blame
            raise
        self._batch = batch
        failpoints.hit("session.began")
        if peek.cid != self.cid:
            raise StaleStateError(f"brand {self._lease.brand!r}: another commit came between")
        if batch.stage is not Stage.FOLDED:
            try:
                self._batch = self._ready(batch, peek, treated)
            except (DeadLetterFullError, ArchiveBehindError):
                self._batch, self._next = None, batch  # nor is it for what lies there already
                raise
        return self._batch or self._idle(peek)

    def _idle(self, peek: Peek) -> Step:
        """There is nothing to fold: what readers have not seen is tried again."""
        tried = NOTHING if self._projector is None else self._projector.retry(peek.now_ms)
        if tried.error is not None:
            raise tried.error
        return Step(idle=True, queued=peek.queued, failed_dropped=tried.dropped)

    def _head(self) -> Batch:
        """The batch at the head of the queue."""
        if (folded := self._batch) is not None and folded.stage is Stage.FOLDED:
            if folded.peek is None:  # the answer that should have brought it was none
                folded.peek = self._peek().peek
            return folded
        # One that was begun and not folded is peeked again: that counts the attempt which failed.
        batch, self._next = self._next or self._peek(), None
        return batch

    def _treatment(self, batch: Batch, peek: Peek) -> Treated:
        # What is folded survived that; it is part of the state, and can only be committed as a whole.
        if not batch.items or batch.stage is Stage.FOLDED:
            return Treated(Treatment.WHOLE, len(batch.items))
        return treatment(batch.items, peek.attempts, peek.suspects, self._verdict)

    def _peek(self) -> Batch:
        self._forget()
        try:
            with tracing.span("fetch"):
                peek = self._store.peek(self._lease, self._may_read(self._sizer.items), self._look(held=False))
        except ClockSkewError:
            self._unseen = True
            raise
        failpoints.hit("session.peeked")
        self._fits = peek.fits
        return Batch(self._kept(peek.items), peek)

    def _look(self, *, held: bool) -> Look:
        return self._sizer.look(self._config.limits.max_chunk_bytes, held=held)

    def _may_read(self, wanted: int) -> int:
        """How many of the *wanted* items after those that were asked for may be read: only so many fit into memory."""
        unseen = unseen_items(self._config.limits.max_chunk_bytes)
        return min(wanted, unseen if self._fits is None else max(1, self._fits))

    def _kept(self, items: Sequence[bytes]) -> Sequence[bytes]:
        """Those of *items* that are kept; what follows are the others, and not what was looked at."""
        kept = keep(items)
        if len(kept) < len(items):
            self._fits = len(keep(items[len(kept) :]))
        return kept

    def _ready(self, batch: Batch, peek: Peek, treated: Treated) -> Batch | None:
        """*batch*, or its first items alone, decoded and with all that a fold needs; None if there is nothing to do."""
        if not batch.items:
            return self._refreshed(batch, peek)
        self._refuse_behind()
        if treated.how is not Treatment.WHOLE:
            # What was read ahead was read after the whole batch, and this one is shorter.
            self._forget()
            self._batch = batch = batch.first(treated.count)
        if treated.how is Treatment.CONDEMN:
            batch.condemn(self.state, peek.now_ms)
            return batch
        if treated.how is Treatment.SINGLE and peek.attempts >= SINGLE_ATTEMPTS:
            # The one that fails may stand further back: grow from one again, or each item before it fails its batch.
            self._sizer.restart()
        elif batch.stage is Stage.ASKED:  # what was read ahead was told to the sizer when it came
            self._sizer.saw(batch.items)
        self._decoded(batch)
        if (count := self._fitting(batch)) < len(batch.items):
            return self._cut(batch, peek, count)
        return batch

    def _decoded(self, batch: Batch) -> None:
        if batch.stage is Stage.ASKED:
            batch.scan(self._config.limits, self.state.hashing)
            batch.decode(self._lease.brand, self._config.limits)

    def _fitting(self, batch: Batch) -> int:
        """How many items, from the first one on, may be committed: the list of dead letters is to be filled exactly.

        Workers write there, too, so in the end the commit decides.
        """
        if not batch.rejected:  # nearly always
            return len(batch.items)
        room = self._store.room(self._lease)
        places = sorted(rejected.index for rejected in batch.rejected)
        return len(batch.items) if room is None or room >= len(places) else places[room]

    def _cut(self, batch: Batch, peek: Peek, count: int) -> Batch:
        """The first *count* items of *batch*, after which the brand stands still; readers see all until then.

        Raises:
            DeadLetterFullError: there are none, and no summary is owed.
        """
        self._forget()
        self._batch = first = batch.first(count, closing=True)
        if count:
            self._decoded(first)
            return first
        if self._refreshed(first, peek) is None:
            raise self._store.full(self._lease)
        return first

    def _refreshed(self, batch: Batch, peek: Peek) -> Batch | None:
        due_ms = self.state.due_ms()
        if not (self._pace.owed or 0 < due_ms <= peek.now_ms):
            return None
        self._refuse_behind()
        batch.refresh(self.state, self.ledger, peek.now_ms)
        return batch

    def _refuse_behind(self) -> None:
        """Before anything is folded that no commit could hold.

        Raises:
            ArchiveBehindError: as much waits for the archive as may.
        """
        if (behind := self._store.behind(self._lease, self._unarchived)) is not None:
            raise behind

    def _receive(self) -> None:
        """Wait for the batch that is on its way and begin to scan it; if it does not come, there is none."""
        batch, self._after = self._after, None
        if batch is None:
            return
        try:
            with tracing.span("fetch"):
                batch.receive()
            batch.items = self._kept(batch.items)
        except StoreError:  # the commit goes another way; what was to be read ahead is read in its turn
            self._forget()
            return
        if batch.items:
            self._sizer.saw(batch.items)
            batch.scan(self._config.limits, self.state.hashing, ahead=True)
            self._next = batch

    def _build(self, batch: Batch, *, let_go: bool) -> None:
        """Take the changes out of the state, into the commit of *batch*."""
        peek, brand, state = needed(batch.peek, "a peek"), self._lease.brand, self.state
        batch.enter(Stage.BUILDING)
        publish = batch.closing or self._pace.wants(len(batch.items), peek)
        # The changes first: they are as of the fold, and a summary may advance the state's clock beyond it.
        changes = state.take_changes()
        orchestrator_id = self._config.orchestrator_id
        failed = dead_letters(
            batch.items, batch.rejected, brand=brand, now_ms=peek.now_ms, orchestrator_id=orchestrator_id
        )
        summary = state.summary(brand, peek.now_ms, self._lease.epoch, peek.version + 1) if publish else None
        commit = commit_of(batch, peek, changes, summary, cid=secrets.token_hex(8), failed=failed)
        # In the commit, or a kill between the two would lose an alert whose episode is written as told.
        outbox = self._config.outbox(brand, changes, peek.now_ms)
        # A queue that turned out to be longer will do so again, and then the commit must bring what follows.
        # Nor while readers are to be shown what the commit left, which takes the lease.
        stays = self._stayed or self._projector is not None
        let_go = let_go and not stays and len(batch.items) >= peek.queued
        record = None
        if self._store.archives:
            settings = self._store.settings_of(self._lease, commit).effective
            record = head_of(commit, batch, self._lease.epoch, peek.now_ms, settings)
        batch.commit = replace(commit, outbox=outbox, let_go=let_go, record=record)
        opened = [change.episode.kind for change in changes.alerts if change.kind == "opened"]
        batch.step = replace(batch.step, alerts=len(outbox), opened=opened)
        failpoints.hit("session.prepared")
        batch.enter(Stage.COMMITTING)

    def _decode(self) -> None:
        if self._next is not None and self._next.stage is Stage.SCANNING:
            self._next.decode(self._lease.brand, self._config.limits)

    def _ask_the_time(self, record: Head | None) -> Reply[int] | None:
        """Ask for the time at which the next batch is folded ahead; the answer is left on its way. None: it is not."""
        # What is folded ahead cannot be cut any more to what dead letters have room for.
        if self._next is None or (self._next.rejected and self._store.keeps_letters):
            return None
        # Nor can it wait until the archive has room, which it may not have after this commit.
        taken = 0 if record is None else record.size
        if self._store.behind(self._lease, self._unarchived + taken + _ROUNDLY) is not None:
            return None
        try:
            return self._store.ask_time(self._line)
        except StoreError:  # the commit goes another way
            return None

    def _send(self, batch: Batch) -> tuple[Reply[CommitReply], Reply[list[bytes]] | None]:
        """Send the commit, and in its pipeline what is to be known for the next step, if there is to be one."""
        commit = needed(batch.commit, "a commit")
        if commit.let_go:
            return self._store.send(self._line, self._lease, commit, None)
        held, wanted = self._next, self._sizer.items
        look = self._look(held=held is not None)
        # For the next batch and the one after it.
        read_on = ReadOn(self._may_read(wanted + self._sizer.ahead), look=look)
        if held is not None:
            read_on = ReadOn(self._may_read(wanted), skip=len(held.items), look=look)
        return self._store.send(self._line, self._lease, commit, read_on)

    def _fold_ahead(self, asked: Reply[int] | None) -> None:
        """Fold the next batch while Redis is busy with the commit before it, whose step is told of first."""
        failpoints.hit("session.read_ahead")
        if asked is None or self._next is None:
            return
        try:
            now_ms = asked.read()
        except ClockSkewError:
            return  # by that time nothing may be folded; the next begin says so
        try:
            self._next.fold(self.state, self.ledger, now_ms, conflict_letters=self._config.conflict_letters)
        except Exception as error:  # noqa: BLE001 - not swallowed: the next step raises it, after this one was told of
            self.failure = error

    def _accept(self, batch: Batch, answer: CommitReply, arriving: Reply[list[bytes]] | None) -> Step:
        """The commit of *batch* is in: say so, and have the next batches where the next step looks for them."""
        failpoints.hit("session.committed")
        commit = needed(batch.commit, "a commit")
        self.left, self._stayed = answer.released, self._stayed or commit.let_go
        self._unarchived = answer.unarchived or self._unarchived  # after DUP nobody says
        batch.enter(Stage.IN)
        self._batch = None
        # One that condemned is used up; one that spared may have a killer after those that it spared.
        self._verdict = self._verdict and (None if batch.step.poisoned else self._verdict.rest)
        self.cid = commit.cid
        self._pace.committed(commit, needed(batch.peek, "a peek").now_ms)
        if answer.next is None or arriving is None:
            # What is folded is part of the state, and is never forgotten without it: it is peeked again in its turn.
            if self._next is not None and self._next.in_state:
                self._batch = self._next
            self._forget()
        else:
            self._follow(answer.next, arriving)
        shown = NOTHING
        if self._projector is not None:
            shown = self._projector.committed(commit, needed(batch.peek, "a peek").now_ms)
            self.failure = self.failure or shown.error
        return replace(
            batch.step,
            duplicate_commit=answer.duplicate,
            failed_dropped=answer.failed_dropped + shown.dropped,
            alerts_dropped=answer.alerts_dropped,
            published=commit.summary is not None,
            queued=answer.queued,
        )

    def _follow(self, peek: Peek, arriving: Reply[list[bytes]]) -> None:
        """*peek* is of the next batch, and *arriving* are the items after it; or all of them, if none were held."""
        self._fits = peek.fits
        if self._next is not None:
            self._after = Batch.arriving(arriving)
        else:
            try:
                items = self._kept(arriving.read())
            except StoreError:  # the commit stands all the same
                self._forget()
                return
            count = self._sizer.items
            self._next = Batch(items[:count])
            self._after = Batch(items[count:]) if len(items) > count else None
        self._next.peek = peek

    def _drop_arrivals(self) -> None:
        """Give up what is on its way, and keep what is here."""
        self._fits = None
        self._after = None
        self._line.drop()

    def _forget(self) -> None:
        """Give up what was read ahead."""
        self._next = None
        self._drop_arrivals()
