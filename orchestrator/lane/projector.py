"""The projector of one lease: shows readers what its commits left, where their keys are in other slots.

It never delays a commit and never fails one: everything is tried once, and what has no answer is owed, in memory and by
``meta.due``. It is tried again with the next commit that shows something, by a lane that has nothing to do, and by
whoever claims the brand after a death. What it finds that only people can mend, or a new lease, is an error that ends
the visit. Synchronous, in the lane's thread. Source: ``docs/redis-protocol.md``, section 14.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from orchestrator.errors import OrchestratorError, StaleStateError
from orchestrator.lane.owed import Owed
from orchestrator.process import failpoints
from orchestrator.store.codes import Code, full_error
from orchestrator.store.projections import MAX_LETTERS, encode_shown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from orchestrator.store.projections import Buried, Part, Projections
    from orchestrator.store.types import Commit, Lease

RETRY_MS: Final = 1_000
"""What had no answer is tried again so much later at the earliest, by a lane that has nothing else to do."""

POSTPONED_MS: Final = 5_000
"""And so much later by whoever claims it: else a brand whose readers' server is away would be claimed again and
again, each time for a commit that shows nothing."""


class Projected(NamedTuple):
    """What came of it.

    Attributes:
        error: why the visit has to end; None: it has not.
        dropped: old dead letters that the cap of their list pushed out.
    """

    error: OrchestratorError | None = None
    dropped: int = 0


NOTHING: Final = Projected()


class Projector:
    """Shows what the commits of one lease leave.

    Args:
        projections: carry it out.
        lease: held.
        owed: what is owed before the first of them; the session keeps it for its next lease.
    """

    def __init__(self, projections: Projections, lease: Lease, owed: Owed) -> None:
        self.owed = owed
        self.outrun = 0
        self._projections = projections
        self._lease = lease
        self._cid = lease.cid
        self._due_ms = lease.due_ms if owed.due_ms is None else owed.due_ms
        self._letters = lease.unburied
        self._settled = not owed.summarised
        self._foreign = False  # of what lies in the outbox nothing is ours, as far as was looked
        self._tried_ms = 0

    def committed(self, commit: Commit, now_ms: int) -> Projected:
        """*commit*, peeked at *now_ms*, is in; if it is one that shows something, all that is owed is shown."""
        self.owed.committed(commit, self._lease.epoch, now_ms)
        self._cid, self._due_ms, self._settled = commit.cid, commit.due_ms, False
        self._letters += len(commit.failed)
        if commit.summary is None and self._letters < MAX_LETTERS:
            return NOTHING
        return self.show(now_ms)

    def retry(self, now_ms: int) -> Projected:
        """Try again what is owed, unless it was tried just now."""
        owing = self.owed.summarised or self._letters > 0 or not self._settled
        if not owing or now_ms - self._tried_ms < RETRY_MS:
            return NOTHING
        return self.show(now_ms)

    def show(self, now_ms: int) -> Projected:
        """Show all that is owed, and say so where the state is."""
        self._tried_ms = now_ms
        failpoints.hit("projector.shows")
        letters = self._waiting()
        wrong, buried = self._send(self._found(), letters)
        if wrong is None and (found := self._found()):  # what was behind, whole
            wrong, _ = self._send(found, [])
        failpoints.hit("projector.shown")
        code = self._settle(now_ms, letters, buried)
        done = self._end(wrong, code, buried)
        if done.error is not None or not _came(code, buried):
            return done
        more = self.bury(now_ms)
        return Projected(more.error, done.dropped + more.dropped)

    def bury(self, now_ms: int) -> Projected:
        """Bring the letters that somebody left in the outbox where they belong, before anything is folded."""
        dropped, before = 0, self._letters + 1
        # What gets no fewer has no order in which it could leave: the outbox is not as commits wrote it.
        while 0 < self._letters < before:
            before = self._letters
            letters = self._waiting()
            _, buried = self._projections.show(self._lease, [], letters)
            code = self._settle(now_ms, letters, buried)
            done = self._end(None, code, buried)
            dropped += done.dropped
            if done.error is not None or not _came(code, buried):
                return Projected(done.error, dropped)
        return Projected(None, dropped)

    def _found(self) -> Mapping[Part, Sequence[bytes]]:
        """Parts that are owed whole, as the last commit left them."""
        whole = self.owed.whole
        return (self._projections.shadows(self._lease.brand, self._cid, whole) or {}) if whole else {}

    def _waiting(self) -> Sequence[tuple[bytes, bytes]]:
        """Letters, always as they lie in the outbox: what was sent and had no answer is among them."""
        found = self._projections.letters(self._lease.brand, MAX_LETTERS) if self._letters else None
        self._foreign = found == [] and self._letters < MAX_LETTERS  # else ours may lie behind them
        return found or []

    def _send(
        self, found: Mapping[Part, Sequence[bytes]], letters: Sequence[tuple[bytes, bytes]]
    ) -> tuple[OrchestratorError | None, Buried | None]:
        projections = self.owed.projections(found)
        answers, buried = self._projections.show(self._lease, projections, letters)
        wrong: OrchestratorError | None = None
        for one, answer in zip(projections, answers, strict=True):
            self.owed.answered(one, answer)
            wrong = wrong or answer.foreign
        return wrong, buried

    def _settle(self, now_ms: int, letters: Sequence[tuple[bytes, bytes]], buried: Buried | None) -> Code | None:
        """Say what readers see, and until when the rest may wait."""
        came = buried.stamp if buried is not None and buried.code in {Code.OK, Code.FULL} else b""
        buries = buried is not None and buried.code is Code.OK
        # What somebody else put there leaves with our next letter; until then the brand is not to be claimed for it.
        all_came = not self._letters or self._foreign or (buries and self._letters <= len(letters))
        shown = all_came and not self.owed.pending
        due_ms = self._due_ms if shown else now_ms + POSTPONED_MS
        noted = encode_shown(self.owed.shown) if self.owed.complete else b""
        code, left = self._projections.settle(self._lease, self._cid, due_ms, stamp=came, shown=noted)
        if code in {Code.OK, Code.STALE}:  # else nobody knows, and the outbox is looked at again
            self._letters = left
        self._settled = code is Code.OK and shown
        return code

    def _end(self, wrong: OrchestratorError | None, code: Code | None, buried: Buried | None) -> Projected:
        brand, dropped = self._lease.brand, 0
        if buried is not None:
            dropped, wrong = buried.dropped, wrong or buried.foreign
            if buried.code is Code.FULL:
                wrong = wrong or full_error(brand, buried.length)
        self.outrun = self.owed.outrun if self.owed.outrun > self._lease.epoch else 0
        # Without the lease the next commit says so; with it this server's epochs are behind, and a later one is needed.
        if self.outrun and code in {Code.OK, Code.STALE}:
            told = f"readers have seen epoch {self.outrun}, which is later than that of this lease"
            wrong = wrong or StaleStateError(f"brand {brand!r}: {told}")
        return Projected(wrong, dropped)


def show_whole(projections: Projections | None, lease: Lease, commit: Commit) -> None:
    """Show readers what *commit* left, which no lane made: somebody's who holds *lease* for a moment.

    What has no answer is owed, as after any commit; and what only people can mend is told by the next visit.

    Args:
        projections: None: readers' keys are where the state is, and the commit has written them.
        lease: still held.
        commit: is in.
    """
    if projections is not None:
        Projector(projections, lease, Owed(projections.options.recent_max)).committed(commit, lease.now_ms)


def _came(code: Code | None, buried: Buried | None) -> bool:
    """Whether letters came, and left the outbox: then more of them may."""
    return buried is not None and buried.code is Code.OK and code is Code.OK
