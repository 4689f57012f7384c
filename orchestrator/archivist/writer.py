"""One brand's turn: take the right, finish what somebody else had begun, put object after object, give the right back.

A range is noted before it is put, and taken out only after that. So whoever comes after a death between any two steps
knows what may lie in the archive already, and makes the same object of the same records under the same name. What is
taken out is told by its cids and by who has the right: who comes late takes out nothing of another one's.

    read -> note -> put -> remove
      |       |       |       `- nothing is left of it
      |       |       `- put again, the same records under the same name; then removed
      |       `- put, perhaps for the second time; then removed
      `- nothing happened
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final

import structlog
import trio

from orchestrator.archivist.known import Known, run_of
from orchestrator.contract.consumed import note_of
from orchestrator.errors import ArchiveUnavailableError, OrchestratorError, StoreError
from orchestrator.process import failpoints

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from orchestrator.archivist.plan import Terms
    from orchestrator.archivist.ports import Consumed, Shelf
    from orchestrator.contract.consumed import Head, Kept, Note
    from orchestrator.process.metrics import Metrics

LEAVE_S: Final = 0.5

OBJECTS_A_TURN: Final = 4
"""Then the next brand comes, whatever is left."""

MOST_KNOWN: Final = 10_000
"""Brands of whose chain's end something is remembered; of others the archive is asked again."""


class LostError(Exception):
    """The right went to somebody else; raised and handled here."""


@dataclass(slots=True)
class Done:
    """What a turn did.

    Attributes:
        had: whether this process had the right at all.
        objects: that were put.
        left: whether there may be more.
    """

    had: bool = True
    objects: int = 0
    left: bool = False


@dataclass(slots=True)
class Writer:
    """Makes turns.

    Args:
        consumed: where records wait.
        shelf: the archive.
        metrics: counts what is put.
        terms: how much is in one object, and how long the right is taken for.
        stopping: whether the object in hand is the last one.
    """

    consumed: Consumed
    shelf: Shelf
    metrics: Metrics
    terms: Terms
    stopping: trio.Event = field(default_factory=trio.Event)
    _known: OrderedDict[str, Known] = field(default_factory=OrderedDict)
    _basing: trio.Lock = field(default_factory=trio.Lock)

    async def turn(self, brand: str) -> Done:
        """Put what waits of *brand*, some objects of it at most.

        Cancelled, the range in hand is either still noted and finished by whoever comes next, or taken out.

        Raises:
            StoreError: Redis gave no answer.
            ArchiveUnavailableError: the archive gave none.
            ArchiveError: it refuses, or what waits is damaged.
        """
        done, token = Done(), secrets.token_hex(16)
        try:
            # Also where no answer came: then the right may be had.
            held = await self.consumed.take(brand, token, self.terms.hold_s)
            if held is None:
                return Done(had=False)
            failpoints.hit("archivist.taken")
            await self._while_kept(brand, token, partial(self._work, brand, token, held.note, done))
        except LostError:
            # What we know of its end is somebody else's from now on.
            self._known.pop(brand, None)
            self._log(brand).info("records left to another process")
        finally:
            # Shielded, or a stop would leave the brand to wait until the right runs out.
            with trio.move_on_after(LEAVE_S, shield=True), suppress(StoreError):
                await self.consumed.leave(brand, token)
        return done

    async def _work(self, brand: str, token: str, note: Note | None, done: Done) -> None:
        if note is not None:
            await self._finish(brand, token, note, done)
        while not self.stopping.is_set() and done.objects < OBJECTS_A_TURN:
            records = await self.consumed.read(brand, token, self.terms.object_bytes)
            if not records:
                return
            failpoints.hit("archivist.read")
            await self._begin(brand, token, records[: run_of([one.head for one in records])], done)

    async def _begin(self, brand: str, token: str, run: Sequence[Kept], done: Done) -> None:
        """Note *run* and put it; a base before it if nothing in the archive leads to it."""
        known = await self._known_before(brand, run[0].head)
        note = note_of(run)
        if not await self.consumed.note(brand, token, note):
            raise LostError
        failpoints.hit("archivist.noted")
        await self._put(brand, token, run, note, known, done)

    async def _finish(self, brand: str, token: str, note: Note, done: Done) -> None:
        """Put what somebody noted who did not come to its end."""
        run = await self.consumed.read(brand, token, note.bytes, note)
        if not run:
            # A failover can bring back a note without its records, or with others. What waits is read anew.
            self._log(brand).warning("a note is of other records than wait, and is passed over", first=note.first)
            return
        self._log(brand).info("records are put that somebody had begun to put", records=note.records)
        # Who noted it may have died before its base was wanted: the day's, or the one that the chain begins with.
        await self._put(brand, token, run, note, await self._known_before(brand, run[0].head), done)

    async def _put(self, brand: str, token: str, run: Sequence[Kept], note: Note, known: Known, done: Done) -> None:
        await self.shelf.put(brand, run)
        failpoints.hit("archivist.put")
        if not await self.consumed.remove(brand, token, note):
            raise LostError
        failpoints.hit("archivist.removed")
        known.took([one.head for one in run])
        done.objects += 1
        self.metrics.archived(records=note.records, size=note.bytes)
        self._log(brand).debug("records archived", records=note.records, bytes=note.bytes)
        if known.wants_base() and not self.stopping.is_set():  # after the records: they should not wait for it
            await self._base(brand, known)

    async def _base(self, brand: str, known: Known) -> None:
        """Put a base; where there is no state to be read the records go on without, and it is tried with the next."""
        try:
            async with self._basing:  # a state may be large: one at a time is in memory
                place, cid = await self.shelf.put_base(brand)
        except ArchiveUnavailableError:
            raise
        except OrchestratorError as error:
            self.metrics.archive_failed("base")
            self._log(brand).warning("no base could be put, it is tried again", reason=str(error))
            return
        failpoints.hit("archivist.based")
        known.based(place, cid)
        self.metrics.archive_bases.inc()
        self._log(brand).info("base archived", cid=cid)

    async def _known_before(self, brand: str, first: Head) -> Known:
        """What is known where *first* is put next, behind a base if nothing in the archive leads to it."""
        known = await self._known_of(brand, first)
        if known.expect(first):
            self._log(brand).warning(
                "the archive has nothing on which the next record stands: it begins anew with a base",
                cid=first.cid,
                previous=first.previous,
            )
            await self._base(brand, known)
        return known

    async def _known_of(self, brand: str, first: Head) -> Known:
        known = self._known.get(brand)
        if known is None or not known.follows(first):
            # Another process may have put what is missing here; the archive knows.
            before = known
            known = Known.of(await self.shelf.tail(brand, first), first)
            if before is not None:
                known.awaited = before.awaited
            self._known[brand] = known
        self._known.move_to_end(brand)
        while len(self._known) > MOST_KNOWN:
            self._known.popitem(last=False)
        return known

    async def _while_kept(self, brand: str, token: str, work: Callable[[], Awaitable[None]]) -> None:
        """Do *work*, and keep the right meanwhile; the work is cancelled once it is lost.

        Raises:
            LostError: it was lost.
        """
        error: OrchestratorError | LostError | None = None
        async with trio.open_nursery() as nursery:
            lost = await nursery.start(self._keep, brand, token, nursery.cancel_scope)
            try:
                await work()
            except (OrchestratorError, LostError) as found:  # else it would come out in a group
                error = found
            nursery.cancel_scope.cancel()
        if lost.is_set():
            raise LostError
        if error is not None:
            raise error

    async def _keep(
        self, brand: str, token: str, work: trio.CancelScope, *, task_status: trio.TaskStatus[trio.Event]
    ) -> None:
        lost = trio.Event()
        task_status.started(lost)
        while True:
            await trio.sleep(self.terms.hold_s / 3)
            try:
                kept = await self.consumed.hold(brand, token, self.terms.hold_s)
            except StoreError:  # it lasts some more attempts, and the work meets the same server
                continue
            if not kept:
                lost.set()
                work.cancel()
                return

    def _log(self, brand: str) -> structlog.stdlib.BoundLogger:
        log: structlog.stdlib.BoundLogger = structlog.get_logger("orchestrator.archivist")
        return log.bind(brand=brand)
