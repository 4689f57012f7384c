"""A batch of one brand's queue on its way into the summary: its stages, and what is known of it in each.

Owns the transition table, so that a batch that is folded twice or committed before it is folded fails at once and by
name, and so that one question has one answer: is there something in the state that no commit holds? The pipeline says
when a batch goes on; a batch knows no Redis and no other batch.

Source: the style of ``h11/_state.py``: whatever affects the state machine lives here.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from time import perf_counter
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

from orchestrator import tracing
from orchestrator.contract.consumed import Fate, runs
from orchestrator.contract.decode import Limits, Rejected, decode_scan, scan_batch
from orchestrator.lane.fates import told_fates
from orchestrator.lane.step import Step
from orchestrator.lane.suspects import POISON
from orchestrator.process import failpoints

if TYPE_CHECKING:
    from orchestrator.brand.state import BrandState
    from orchestrator.contract.decode import ChunkBatch
    from orchestrator.kernels.hash_keys import Hashing
    from orchestrator.kernels.scan import Scan
    from orchestrator.lane.duplicates import Ledger
    from orchestrator.store.line import Reply
    from orchestrator.store.types import Commit, DigestChange, Peek

T = TypeVar("T")

CONFLICT: Final = "a chunk with this chunkId was counted before, with other numbers"
"""The reason of a dead letter, where conflicts are kept as such."""

SHOWN_CONFLICTS: Final = 3
"""Ids that a step tells of its conflicts."""


class Stage(Enum):
    """How far a batch is; the value is its name in errors."""

    ASKED = "asked"  # asked for, on its way or here; nobody has looked at it
    SCANNING = "scanning"  # its documents are scanned, perhaps on a native thread
    DECODED = "decoded"  # typed chunks; nothing is decided about them
    FOLDING = "folding"  # the state is changing
    FOLDED = "folded"  # in the state in memory, and in no commit
    BUILDING = "building"  # its changes are being taken out of the state
    COMMITTING = "committing"  # its commit may have been sent; the outcome is unknown
    IN = "in"  # Redis holds it


TRANSITIONS: Final[dict[tuple[Stage, Stage], str]] = {
    (
        Stage.ASKED,
        Stage.SCANNING,
    ): "its items are here; of the state a scan needs the key alone, which never changes, so it may run ahead",
    (Stage.SCANNING, Stage.DECODED): "the scan is done; decoding needs the interpreter, so it waits for its turn",
    (Stage.DECODED, Stage.FOLDING): "state and ledger hold all that was folded before it",
    (Stage.ASKED, Stage.FOLDING): "it has no chunks: a summary that time made stale, or an item that killed its trial",
    (Stage.FOLDING, Stage.FOLDED): "the state has changed as a whole",
    (Stage.FOLDED, Stage.BUILDING): "the commit before it is in, so whatever changed since is its own",
    (Stage.BUILDING, Stage.COMMITTING): "from here on the same commit is sent until its outcome is known",
    (Stage.COMMITTING, Stage.IN): "Redis said so",
}
"""Every way from one stage to the next, and what makes it possible."""

TORN: Final = frozenset({Stage.FOLDING, Stage.BUILDING})
"""A batch that an error left in one of these has changed the state, and no commit will ever hold what it changed."""


class BatchOrderError(RuntimeError):
    """Raised when a batch is asked to go where its stage does not lead: a defect, whose traceback is logged."""


def needed(value: T | None, what: str) -> T:
    """*value*, which a batch in the right stage has.

    Raises:
        BatchOrderError: it has none.
    """
    if value is None:
        raise BatchOrderError(f"a batch without {what}")
    return value


class Told(NamedTuple):
    """What the archive is to know of a fold: its two times, and what became of the items, as runs."""

    now_ms: int
    clock_ms: int
    fates: str = ""


NOTHING_TOLD: Final = Told(0, 0)


class Batch:
    """Some items of a queue.

    Args:
        items: as workers pushed them; none for a refresh, or while they are on their way.
        peek: what was read along with them at the head of the queue; None while other batches are before it.

    Attributes:
        stage: how far it is.
        closing: after it the brand may stand still for long, so its commit carries the summary.
        remembered: from FOLDED on, what its commit writes of the ledger of digests.
        rejected: from DECODED on, items that are no chunks.
        step: from FOLDED on, what its fold did.
        told: from FOLDED on, what the archive is to know of that.
        commit: from COMMITTING on, what is sent.
    """

    def __init__(self, items: Sequence[bytes] = (), peek: Peek | None = None) -> None:
        self.items = items
        self.peek = peek
        self.stage = Stage.ASKED
        self.closing = False
        self.remembered: DigestChange | None = None
        self.rejected: Sequence[Rejected] = ()
        self.step = Step()
        self.told = NOTHING_TOLD
        self.commit: Commit | None = None
        self._arriving: Reply[list[bytes]] | None = None
        self._scan: Scan | None = None
        self._chunks: ChunkBatch | None = None
        self._decode_s = 0.0

    @classmethod
    def arriving(cls, reply: Reply[list[bytes]]) -> Batch:
        """A batch whose items are what *reply* brings."""
        batch = cls()
        batch._arriving = reply
        return batch

    @property
    def in_state(self) -> bool:
        """Whether it has changed the state, and no commit that is in holds that."""
        return self.torn or self.stage in {Stage.FOLDED, Stage.COMMITTING}

    @property
    def torn(self) -> bool:
        """Whether it has changed the state and can get into no commit any more."""
        return self.stage in TORN

    def enter(self, stage: Stage) -> None:
        """Go on to *stage*.

        Raises:
            BatchOrderError: the table knows no such transition.
        """
        if (self.stage, stage) not in TRANSITIONS:
            raise BatchOrderError(f"a batch cannot go from {self.stage.value} to {stage.value}")
        self.stage = stage

    def receive(self) -> None:
        """Have the items that are on their way, waiting for them.

        Raises:
            StoreError: they do not come.
        """
        if self._arriving is not None:
            self.items = self._arriving.read()
            self._arriving = None

    def scan(self, limits: Limits, hashing: Hashing, *, ahead: bool = False) -> None:
        """Scan the items for the state of that *hashing*.

        *ahead*: on a native thread where that is worth it, because there is other work first.
        """
        self.enter(Stage.SCANNING)
        self._scan = scan_batch(list(self.items), limits, hashing, ahead=ahead)

    def decode(self, brand: str, limits: Limits) -> None:
        """Decode what was scanned; never raises for what is in it."""
        started_s = perf_counter()
        chunks = decode_scan(needed(self._scan, "a scan"), brand, limits)
        self._chunks, self._scan = chunks, None
        self.rejected = chunks.rejected
        self._decode_s = perf_counter() - started_s
        self.enter(Stage.DECODED)

    def fold(self, state: BrandState, ledger: Ledger, now_ms: int, *, conflict_letters: bool = False) -> None:
        """Fold its chunks into *state*, but those that *ledger* knows; from now on it knows the others as well.

        With *conflict_letters* a chunk that contradicts the one of its id becomes a dead letter.
        """
        with tracing.span("fold", {"items": len(self.items)}, self.items):
            started_s = perf_counter()
            chunks = needed(self._chunks, "chunks")
            self.enter(Stage.FOLDING)
            new = ledger.take(chunks, now_ms)
            letters = [
                Rejected(chunks.indices[place], CONFLICT, "$.chunkId") for place in new.conflicts if conflict_letters
            ]
            self.rejected = [*self.rejected, *letters]
            failpoints.hit_chunks(chunk.chunk_id for chunk in new.batch.chunks)
            report = state.fold(new.batch, now_ms)
            failpoints.hit("session.folded")
            self.enter(Stage.FOLDED)
            refused = {reject.index for reject in self.rejected} if self.rejected else ()
            self.told = Told(now_ms, state.clock_ms, told_fates(len(self.items), chunks, new, refused))
            self._chunks, self.remembered = None, new.change
            self.step = Step(
                fold=report,
                items=len(self.items),
                duplicates=new.duplicates - len(letters),
                conflicts=len(new.conflicts),
                conflicting=[chunks.chunks[place].chunk_id for place in new.conflicts[:SHOWN_CONFLICTS]],
                failed=len(self.rejected),
                fold_s=self._decode_s + perf_counter() - started_s,
            )

    def refresh(self, state: BrandState, ledger: Ledger, now_ms: int) -> None:
        """Without chunks: let what is too old at *now_ms* leave *state*."""
        self.enter(Stage.FOLDING)
        self.remembered = ledger.change(b"", now_ms)
        state.advance(now_ms)
        self.told = Told(now_ms, state.clock_ms)
        self.enter(Stage.FOLDED)

    def condemn(self, state: BrandState, now_ms: int) -> None:
        """Without a fold: its one item is poison."""
        self.told = Told(now_ms, state.clock_ms, runs([Fate.DEAD_LETTER]))
        self.rejected = [Rejected(0, POISON, "$")]
        self.step = Step(items=1, failed=1, poisoned=1)
        self.enter(Stage.FOLDING)
        self.enter(Stage.FOLDED)

    def first(self, count: int, *, closing: bool = False) -> Batch:
        """Its first items as a batch that nothing was done about."""
        batch = Batch(self.items[:count], self.peek)
        batch.closing = closing
        return batch
