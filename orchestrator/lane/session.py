"""One lease of one brand: acquire it, have the state in memory, step after step, give it back.

Owns the lease, the state that is kept warm from one lease to the next, and the end; the steps are the pipeline's
(:mod:`orchestrator.lane.pipeline`). Synchronous, for a worker thread: every method blocks on Redis for at most its
time-out and may be called again after a :class:`~orchestrator.errors.StoreUnavailableError` or a
:class:`~orchestrator.errors.StoreRefusedError`. After any other error the session is spent; state that may differ from
Redis's is never used again.

Must not know trio: the lane decides where and when this runs.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Protocol

from orchestrator import tracing
from orchestrator.brand.state import BrandState
from orchestrator.errors import BrandBusyError, BrandPausedError, NewerStateError, SettingsRefusedError, StoreError
from orchestrator.lane.duplicates import Ledger
from orchestrator.lane.future import refuse_the_future
from orchestrator.lane.owed import Owed
from orchestrator.lane.pipeline import Memory, Pipeline, PipelineStatistics
from orchestrator.lane.projector import Projector
from orchestrator.lane.sizer import BatchSizer, unseen_items
from orchestrator.lane.step import Step
from orchestrator.lane.suspects import SINGLE_ATTEMPTS
from orchestrator.lane.trial import TrialLimits, TrialRequest
from orchestrator.process import failpoints
from orchestrator.store.projections import OWED_MS
from orchestrator.store.types import Lease

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrator.contract.fingerprint import Comparison
    from orchestrator.contract.own_settings import Number
    from orchestrator.lane.session_config import SessionConfig
    from orchestrator.store.projections import Standing
    from orchestrator.store.store import Store
    from orchestrator.store.types import Visit


class Footing(Enum):
    """How a brand was left here, and so how much is read along with its next lease, before anybody knows more."""

    STRANGE = "strange"  # nobody here knows, or it went badly: one chunk, since reading more may be what kills a reader
    SOUND = "sound"  # the last session ended well: a few
    TAKEN = "taken"  # somebody else held it: none, for they may hold it again


_WARM_BYTES = 1_000
"""In memory: what is kept of a brand beside its state, generously."""


@dataclass(slots=True)
class Warm:
    """What is worth keeping of a brand between two leases.

    ``state``, ``ledger`` and what is ``owed`` to readers are usable only if the brand's last commit is still ``cid``.
    ``token`` is that of a lease whose acquire or release got no answer: its lock may still stand, and acquiring
    with the same token spares the brand from waiting until it expires. Of two sessions that
    share a token only one can commit on top of a cid. ``epoch`` is that of the last lease here:
    after a failover that lost it, readers are not to see a smaller one. ``long`` says that the
    work was long at the end, so that short work of others need not wait for the first of it. ``footing``
    says how the last session ended. ``own`` are the settings that the brand had of its own, which only spares a round
    trip.
    """

    sizer: BatchSizer
    cid: str = ""
    token: str = ""
    epoch: int = 0
    state: BrandState | None = None
    ledger: Ledger | None = None
    owed: Owed | None = None
    long: bool = False
    footing: Footing = Footing.STRANGE
    own: Mapping[str, Number] = field(default_factory=dict)

    def cool(self) -> None:
        """Let go of what the next lease can load."""
        self.state = self.ledger = self.owed = None

    @property
    def held_bytes(self) -> int:
        """What it takes in memory."""
        held = [part.held_bytes for part in (self.state, self.ledger, self.owed) if part is not None]
        return _WARM_BYTES + sum(held)


class Allowance(Protocol):
    """What a burst asks before each step, in its thread."""

    def go_on(self) -> bool:
        """Whether another step may follow at once."""

    def fold_ahead(self) -> bool:
        """Whether the batch after the one that is committed may be folded meanwhile."""

    def end(self) -> bool:
        """Whether the lease of a drained brand is to be given back at once."""


class Session(Protocol):
    """What a lane asks of a session; :class:`BrandSession` is the real one."""

    @property
    def lease(self) -> Lease | None:
        """Held from the acquire to the release, or until a commit was sent that may release it."""

    @property
    def opened(self) -> bool:
        """Whether the lease was acquired and the state is in memory."""

    @property
    def taken_over(self) -> Comparison | None:
        """What the settings of the last commit are beside ours; None until a lease was acquired."""

    @property
    def owes_release(self) -> bool:
        """Whether a lock of this session may stand."""

    @property
    def released(self) -> bool:
        """Whether the lease was given back while it still was this session's."""

    @property
    def prefetched(self) -> bool:
        """Whether the next step starts from what was peeked along with the last commit."""

    @property
    def failing(self) -> bool:
        """Whether the next step raises what ended the last burst."""

    @property
    def engaged(self) -> bool:
        """Whether a batch is folded that has to be committed before the session ends well."""

    @property
    def committing(self) -> bool:
        """Whether a commit was sent whose outcome is unknown."""

    def burst(self, may: Allowance) -> list[Step]:
        """Some steps on end, the lease before the first one, and its release where there is nothing left to do."""

    def trial(self) -> TrialRequest:
        """What a trial of the suspects needs."""

    def judge(self, survived: int) -> None:
        """Say how many of the suspects survived their trial."""

    @property
    def judging(self) -> bool:
        """Whether something is still to be done about the last verdict."""

    def show_anew(self) -> None:
        """Readers may see something else than they should: the next step shows all of it; from any thread."""

    def hung(self) -> None:
        """A step did not end in time; its thread is abandoned."""

    def lost(self) -> None:
        """The lease was lost or a commit timed out."""

    def settle(self) -> Warm:
        """End between two commits."""

    def abandon(self) -> Warm:
        """End with the state forgotten."""

    def release(self) -> bool:
        """Give the lease back."""


@dataclass(frozen=True, slots=True)
class Sessions:
    """Makes the sessions of one orchestrator."""

    store: Store
    config: SessionConfig

    def __call__(self, brand: str, warm: Warm | None) -> Session:
        """A session that is not open yet; see :class:`BrandSession`."""
        return BrandSession(self.store, self.config, brand, warm)


class BrandSession:
    """The work on one brand under one lease.

    Args:
        warm: what an earlier session left; the caller must not share it with another one.
    """

    def __init__(self, store: Store, config: SessionConfig, brand: str, warm: Warm | None = None) -> None:
        self.brand = brand
        self._lease: Lease | None = None
        self._store = store
        self._given = config
        self._config = config  # from the lease on with what the brand has of its own
        self._warm = warm or Warm(BatchSizer())
        self._token = self._warm.token or store.new_token(config.holder)
        self._pipeline: Pipeline | None = None
        self._projector: Projector | None = None
        self._suspects = 0
        self._begun = False
        self.taken_over: Comparison | None = None
        self.released = False
        self._abandoned = False

    @property
    def opened(self) -> bool:
        """Whether the lease was acquired and the state is in memory."""
        return self._pipeline is not None

    @property
    def lease(self) -> Lease | None:
        """Held from the acquire to the release, or until a commit was sent that may release it.

        By then nobody may renew it: that the lock is gone would look as if it were lost.
        """
        return None if self._pipeline is not None and self._pipeline.leaving else self._lease

    @property
    def owes_release(self) -> bool:
        """Whether a lock of this session may stand."""
        return bool(self._warm.token)

    def open(self, *, begin: bool = False) -> Lease:
        """Acquire the lease and have the brand's state in memory; repeatable after a lost reply.

        Args:
            begin: peek in the same step, where the state is in memory already or empty, and the brand likely to be had.

        Raises:
            BrandBusyError: another orchestrator holds it.
            BrandPausedError: an operator paused it.
            NewerStateError: the brand is left to a newer version.
            SettingsRefusedError: the brand is for processes with other settings, or needs a human.
            WrongTypeError, InvalidStateError: the brand needs a human.
            StoreError: Redis gave no answer or refused.
        """
        warm = self._warm
        standing = self._standing()
        warm.token = self._token  # until the release is known: an unanswered acquire may hold the lock too
        begin, footing, warm.footing = begin and warm.footing is not Footing.TAKEN, warm.footing, Footing.STRANGE
        self._begun = begin  # until it is known that no attempt was counted
        try:
            lease, peek = self._visit(footing) if begin else (self._acquire(), None)
        except (BrandBusyError, BrandPausedError, NewerStateError, SettingsRefusedError) as error:
            warm.token = ""  # somebody else's lock stands or stood since, or a pause took it: none of this token does
            warm.footing = Footing.TAKEN if isinstance(error, BrandBusyError) else footing
            raise
        self._begun = peek is not None and peek.queued > 0
        self._lease = lease
        self.taken_over = lease.taken_over
        warm.epoch, warm.own = lease.epoch, lease.own
        self._config = self._given.owning(lease.own)
        failpoints.hit("session.acquired")
        readers, warm.owed = warm.owed, None
        memory, loaded = self._remember(lease, peeked=peek is not None)
        if loaded:
            readers = None
        # Before anything is folded: what was peeked is not to blame, and the release says so.
        refuse_the_future(self.brand, memory.state, lease.now_ms)
        if lease.attempts + 1 >= SINGLE_ATTEMPTS:
            warm.sizer.restart()  # reading the batch may be what killed its readers
        # The orchestrator that committed last may not have written the summary, or be gone when it gets stale.
        owed = 0 < lease.due_ms <= lease.now_ms
        projector, owed = self._projecting(lease, readers, standing, owed=owed)
        self._pipeline = Pipeline(
            self._store, self._config, lease, memory, warm.sizer, owed=owed, peek=peek, projector=projector
        )
        # After the pipeline is there, as abandon() looks the other way round: one of the two closes it.
        if self._abandoned:
            self._pipeline.close()
        failpoints.hit("session.opened")
        return lease

    def _remember(self, lease: Lease, *, peeked: bool) -> tuple[Memory, bool]:
        """What the last commit left of the brand, and whether it had to be loaded.

        Raises:
            OrchestratorError: as :meth:`open`.
        """
        warm, config = self._warm, self._config
        # In use: a session that ends badly must not leave them in memory.
        state, warm.state = warm.state, None
        ledger, warm.ledger = warm.ledger, None
        if peeked and state is None and not lease.cid:  # acquire has seen that nothing is stored
            state, ledger = BrandState.load(config.fold, {}), Ledger(limits=config.ledger)
        if peeked:
            failpoints.hit("session.peeked")
        # Without a commit there is nothing to compare: the state may be there, and its meta lost.
        known = peeked or (bool(lease.cid) and warm.cid == lease.cid)
        # Other settings of the brand's own come with another commit, but where somebody wrote into meta.
        if known and state is not None and ledger is not None and state.config == config.fold:
            return Memory(state, ledger), False
        stored = self._store.load(lease)
        state, ledger = BrandState.load(config.fold, stored.fields), Ledger(stored.digests, config.ledger)
        self._store.settle(lease, state.bounds)
        return Memory(state, ledger), True

    def _acquire(self) -> Lease:
        warm = self._warm
        return self._store.acquire(self.brand, self._token, least_epoch=warm.epoch, own=warm.own)

    def _visit(self, footing: Footing) -> Visit:
        warm, unseen = self._warm, unseen_items(self._config.limits.max_chunk_bytes)
        # A state of before the first commit has no cid either, and is not the empty one: it is dropped.
        if not warm.cid:
            warm.cool()
        cid = "" if warm.state is None else warm.cid
        limit = min(warm.sizer.items, unseen) if footing is Footing.SOUND else 1
        with tracing.span("fetch"):
            return self._store.visit(self.brand, self._token, cid, limit, least_epoch=warm.epoch, own=warm.own)

    def _standing(self) -> Standing | None:
        """What readers are shown of a brand that this process does not know; None where commits show it.

        The epoch of the lease has to be greater than any that they have seen.
        """
        projections = self._store.projections
        if projections is None or self._warm.state is not None:
            return None
        standing = projections.standing(self.brand)
        self._warm.epoch = max(self._warm.epoch, standing.epoch)
        if standing.moving:
            with suppress(StoreError):  # the next one tries again; a foreign type is for the acquire
                self._store.finish_moves(self.brand)
        return standing

    def _projecting(
        self, lease: Lease, readers: Owed | None, standing: Standing | None, *, owed: bool
    ) -> tuple[Projector | None, bool]:
        """Who shows readers what commits leave, and whether a summary is to be made even if there is nothing to fold.

        Raises:
            OrchestratorError: letters that somebody left do not come where they belong, and must not wait.
        """
        projections = self._store.projections
        if projections is None:
            return None, owed
        if readers is not None and 0 < lease.due_ms <= OWED_MS:
            readers.forget()  # somebody found that readers see something else; or nobody knows what came of it
        if readers is not None and readers.summarised:
            owed = False  # it was made, and is shown without another commit
        if standing is not None:
            owed = owed or standing.differs(lease.now_ms, projections.ttl_ms)
        self._projector = Projector(projections, lease, readers or Owed(self._store.options.recent_max))
        buried = self._projector.bury(lease.now_ms)
        if buried.error is not None:
            raise buried.error
        return self._projector, owed

    def show_anew(self) -> None:
        """Readers may see something else than they should: the next step shows all of it; from any thread."""
        if self._pipeline is not None:
            self._pipeline.show_anew()

    def step(self, *, fold_ahead: bool = False) -> Step:
        """One step of the pipeline, see :meth:`~orchestrator.lane.pipeline.Pipeline.step`."""
        return self._open_pipeline().step(fold_ahead=fold_ahead)

    def burst(self, may: Allowance) -> list[Step]:
        """Carry out one step, and more on end while there is work at hand and it *may*; all but the last committed.

        All that a quiet brand wants is done in one call: before the first step the session is opened, and where the
        last one found nothing to do and it *may*, it is ended.

        A failure of a later step is raised by the next call, before anything else happens: the steps that are done are
        told of first.
        """
        if self._pipeline is None:
            self.open(begin=True)
        pipeline = self._open_pipeline()
        steps = [pipeline.step(fold_ahead=may.fold_ahead(), let_go=may.end())]
        try:
            while pipeline.prefetched and not steps[-1].suspect and may.go_on():
                steps.append(pipeline.step(fold_ahead=may.fold_ahead(), let_go=may.end()))
        except Exception as error:  # noqa: BLE001 - not swallowed: the next step raises it
            pipeline.failure = error
            return steps
        if pipeline.left:
            self._gone(released=True)
            steps.append(Step(idle=True))
        elif steps[-1].idle and may.end():
            # Before the release: from then on another orchestrator may commit, and this state is only what it was.
            self.settle()
            with suppress(StoreError):  # the lane tries again, and tells of it
                self.release()
        return steps

    def trial(self) -> TrialRequest:
        """The suspect items, and the stored state to try them on."""
        config, items = self._config, self._open_pipeline().suspects()
        if self._lease is None:
            raise RuntimeError("a trial needs the lease")
        return TrialRequest(
            brand=self.brand,
            items=list(items),
            fields=self._store.load_state(self._lease),
            fold=config.fold,
            max_chunk_bytes=config.limits.max_chunk_bytes,
            now_ms=self._lease.now_ms,
            limits=TrialLimits.for_chunks(config.limits.max_chunk_bytes),
            failpoint_spec=failpoints.armed_spec(),
        )

    def judge(self, survived: int) -> None:
        """Say how many of the suspects survived their trial; the next steps act on it."""
        self._open_pipeline().judge(survived)

    @property
    def judging(self) -> bool:
        """Whether something is still to be done about the last verdict."""
        return self._pipeline is not None and self._pipeline.judging

    def hung(self) -> None:
        """A step did not end in time: what it had in hand is tried before it is folded again, here or elsewhere."""
        self._suspects = 0 if self._pipeline is None else self._pipeline.in_hand
        self._warm.sizer.halve()  # it may as well be that the batch was too large for this machine

    def lost(self) -> None:
        """The lease was lost or a commit timed out: the next session starts with a smaller batch."""
        self._warm.sizer.halve()

    @property
    def prefetched(self) -> bool:
        """Whether the next step starts from what was peeked along with the last commit."""
        return self._pipeline is not None and self._pipeline.prefetched

    @property
    def failing(self) -> bool:
        """Whether the next step raises what ended the last burst."""
        return self._pipeline is not None and self._pipeline.failure is not None

    @property
    def engaged(self) -> bool:
        """Whether a batch is folded that has to be committed before the session ends well."""
        return self._pipeline is not None and self._pipeline.engaged

    @property
    def committing(self) -> bool:
        """Whether a commit was sent whose outcome is unknown."""
        return self._pipeline is not None and self._pipeline.committing

    def statistics(self) -> PipelineStatistics:
        """The stages of the batches under way."""
        return self._open_pipeline().statistics()

    def settle(self) -> Warm:
        """End between two commits; returns what the next session of this brand may use."""
        pipeline, warm = self._pipeline, self._warm
        if pipeline is not None:
            pipeline.close()
            # What is folded and in no commit is in the state, too: it is level with Redis only without that.
            if pipeline.settled and not pipeline.engaged:
                warm.state, warm.ledger = pipeline.state, pipeline.ledger
                warm.owed = None if self._projector is None else self._projector.owed
                warm.cid, warm.footing = pipeline.cid, Footing.SOUND
                warm.state.rest()  # the last batch may be larger than all the rest
        return warm

    def abandon(self) -> Warm:
        """End with the state forgotten, because its copy here may differ from the one in Redis.

        Its thread may still hang, even before there is anything to end: whatever it opens then is closed.
        """
        self._abandoned = True
        if self._pipeline is not None:
            self._pipeline.close()
        return self._warm

    def release(self) -> bool:
        """Give the lease back, also one whose acquire got no answer; True if it still was this session's."""
        if not self._warm.token:
            return False
        # Brand and token are all that names a lease at release.
        lease = self._lease or Lease(self.brand, self._token, 0, 0, "", 0, 0, 0, 0)
        self._lease = None
        untouched = self._begun if self._pipeline is None else self._pipeline.untouched
        if self._projector is not None:
            self._warm.epoch = max(self._warm.epoch, self._projector.outrun)
        released = self._store.release(lease, forgive=untouched, suspects=self._suspects)
        self._gone(released=released)
        return released

    def _gone(self, *, released: bool) -> None:
        """No lock of this session stands any more."""
        self._lease = None
        self._warm.token = ""
        self.released = released

    def _open_pipeline(self) -> Pipeline:
        if self._pipeline is None:
            raise RuntimeError("the session is not open")
        return self._pipeline
