"""The task that brings what was consumed into the archive.

Every process may put any brand, one process a brand at a time. Lanes tell of their commits, so that a process puts what
it committed itself; a sweep over all brands finds what is left of processes that died, and counts what waits. Lanes
never wait for any of it.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import nan
from typing import TYPE_CHECKING, Final

import structlog
import trio

from orchestrator.archivist.plan import Plan
from orchestrator.archivist.writer import Writer
from orchestrator.errors import (
    ArchiveError,
    ArchiveMisplacedError,
    ArchiveRefusedError,
    ArchiveUnavailableError,
    OrchestratorError,
    StoreError,
)

if TYPE_CHECKING:
    from orchestrator.archivist.plan import Terms
    from orchestrator.archivist.ports import Consumed, Shelf
    from orchestrator.contract.consumed import Waiting
    from orchestrator.process.metrics import ArchiveFailure, Metrics

WRITERS: Final = 4
"""Brands that are put at the same time: each has one object's records in memory, and the object made of them."""

LOOK_S: Final = 1.0
"""From one look at the brands that were committed to here to the next: one call of 512 of them."""

SWEEP_S: Final = 10.0
"""From one look at all brands to the next, on the average: processes come at different times."""

PLACE_S: Final = 5.0
"""So long the place is looked at before all brands are."""

SEEK_S: Final = 3_600.0
"""From one search for records of brands that left the registry to the next; one process of all searches."""

STALE_S: Final = 60.0
"""A count so old is told no more."""

FORGOTTEN_S: Final = 600.0
"""Trouble that was not met for so long is told no more; while there is something to put, it is met far more often."""


_NAMES: Final = re.compile("'[^']*'")


@dataclass(frozen=True, slots=True)
class ArchivistStatistics:
    """How the archive stands, as this process sees it.

    Attributes:
        counted: whether there is a count of all brands that is not too old to be told.
        brands: with something that waits.
        bytes: that wait, of all brands, as they lie in Redis.
        oldest_s: since when the oldest waits; 0: none waits.
        full: brands that have as much as may wait, or more.
        skipped: records that the archive does not have because there was no room for them, of all brands.
        gaps: records that do not stand on the one before, of all brands.
        late_s: for so long the oldest waits beyond what is in order.
        trouble: why the archive does not take what it is given; empty: it does, or nothing was given yet.
        misplaced: whether that is because the place is not the archive that Redis knows.
        troubled: how many brands it is about; 0: all of them.
        trouble_s: for how long.
    """

    counted: bool = False
    brands: int = 0
    bytes: int = 0
    oldest_s: float = 0.0
    full: Sequence[str] = ()
    skipped: int = 0
    gaps: int = 0
    late_s: float = 0.0
    trouble: str = ""
    misplaced: bool = False
    troubled: int = 0
    trouble_s: float = 0.0


class Archivist:
    """Drains the consumed lists.

    Args:
        consumed: where records wait.
        shelf: the archive.
        metrics: counts.
        terms: when an object is made.
        outbox_bytes: so much of a brand may wait.
        brands: the registered ones; None before the registry was read: until then all were nobody's.
        wall_clock: Unix seconds.
        monotonic: seconds, on any thread.
    """

    def __init__(  # noqa: PLR0913 - what tests replace comes last
        self,
        consumed: Consumed,
        shelf: Shelf,
        metrics: Metrics,
        *,
        terms: Terms,
        outbox_bytes: int,
        brands: Callable[[], Sequence[str] | None],
        wall_clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._consumed = consumed
        self._shelf = shelf
        self._metrics = metrics
        self._outbox_bytes = outbox_bytes
        self._brands = brands
        self._wall_clock = wall_clock
        self._monotonic = monotonic
        self._plan = Plan(terms)
        self._writer = Writer(consumed, shelf, metrics, terms)
        self._stopping = self._writer.stopping
        self._ended = trio.Event()
        self._changed = trio.lowlevel.ParkingLot()
        self._seen: dict[str, Waiting] = {}
        self._swept_s = float("-inf")
        self._troubles: dict[str, tuple[str, float, ArchiveFailure]] = {}  # by brand, of the archive as a whole by none
        self._met_s: dict[str, float] = {}  # when each of them was met last
        self._told_skipped: dict[str, int] = {}
        self._uncounted = False
        self._told_gaps: dict[str, int] = {}
        self._log = structlog.get_logger("orchestrator.archivist")
        metrics.before_scrape.append(self.expose)

    def tell(self, brand: str) -> None:
        """*brand* was committed to; never waits. Call it on the event loop."""
        self._plan.tell(brand)

    def statistics(self) -> ArchivistStatistics:
        """How the archive stands, without I/O."""
        troubles = dict(self._troubles)
        trouble, since_s, _ = troubles.get("") or next(iter(troubles.values()), ("", 0.0, ""))
        now_ms, seen = self._wall_clock() * 1000, list(self._seen.items())
        oldest_ms = min((one.oldest_ms for _, one in seen if one.bytes), default=None)
        # Redis's clock may be ahead of ours by some seconds: what waits has an age all the same.
        oldest_s = 0.0 if oldest_ms is None else max(0.001, (now_ms - oldest_ms) / 1000)
        return ArchivistStatistics(
            counted=self._monotonic() - self._swept_s <= STALE_S,
            brands=sum(1 for _, one in seen if one.bytes),
            bytes=sum(one.bytes for _, one in seen),
            oldest_s=oldest_s,
            late_s=max(0.0, oldest_s - self._plan.terms.age_s),
            full=[brand for brand, one in seen if one.bytes >= self._outbox_bytes],
            skipped=sum(one.skipped for _, one in seen),
            gaps=sum(one.gaps for _, one in seen),
            trouble=trouble,
            misplaced=self._misplaced,
            troubled=0 if "" in troubles else len(troubles),
            trouble_s=max(0.0, self._wall_clock() - since_s) if trouble else 0.0,
        )

    def expose(self) -> None:
        """Set the metrics that change by time alone."""
        found, metrics = self.statistics(), self._metrics
        metrics.archive_waiting.set(found.bytes if found.counted else nan)
        metrics.archive_oldest.set(found.oldest_s if found.counted else nan)
        metrics.archive_late.set(found.late_s if found.counted else nan)
        metrics.archive_brands_full.set(len(found.full) if found.counted else nan)
        metrics.archive_skipped.set(found.skipped if found.counted else nan)
        metrics.archive_gaps.set(found.gaps if found.counted else nan)

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Put what there is, until :meth:`finish`.

        Cancelled, what is in hand is still noted: this process or another one puts it again, to the same effect.
        """
        try:
            async with trio.open_nursery() as nursery:
                task_status.started()
                for _ in range(WRITERS):
                    nursery.start_soon(self._work)
                seeking = await nursery.start(self._seek)
                sweep_s = 0.0
                while not self._stopping.is_set():
                    now_s = trio.current_time()
                    brands = self._brands()
                    if now_s < sweep_s or brands is None:
                        await self._look(self._plan.told())
                    elif await self._sweep(brands):
                        sweep_s = now_s + SWEEP_S * random.uniform(0.75, 1.25)  # noqa: S311 - spreads processes
                    with trio.move_on_after(LOOK_S):
                        await self._stopping.wait()
                seeking.cancel()  # it may take long, and nothing of it is in hand
        finally:
            self._ended.set()  # also when cancelled: finish() must not wait for a task that is gone

    async def finish(self) -> None:
        """Bring what is in hand to its end; what else waits is left to others or to the next start.

        It may take long: give it a deadline. Only while :meth:`run` runs, or after it ended.
        """
        self._stopping.set()
        self._changed.unpark_all()
        await self._ended.wait()

    async def _sweep(self, brands: Sequence[str]) -> bool:
        """Look at the place and at all *brands*; whether these could be counted."""
        if brands:  # nobody's place is marked for nothing
            await self._look_at_place()
        here = frozenset(brands)  # once: made for each brand that was told, it would hold the event loop for seconds
        told = self._plan.told()
        if not await self._look([*brands, *(brand for brand in told if brand not in here)]):
            return False
        # Of brands that left the registry, only what waits is of interest.
        for brand in [brand for brand, one in self._seen.items() if brand not in here and not one.there]:
            del self._seen[brand]
        self._swept_s = self._monotonic()
        self._tell_skipped()
        self._tell_gaps()
        self._forget_troubles()
        return True

    async def _seek(self, *, task_status: trio.TaskStatus[trio.CancelScope]) -> None:
        """Find what no sweep does: of brands that were removed while records of them waited, and then all restarted."""
        with trio.CancelScope() as scope:
            task_status.started(scope)
            failure = ""
            while True:
                brands = self._brands()
                if brands is None:  # a start: all that wait would be of brands that left
                    await trio.sleep(LOOK_S)
                    continue
                try:
                    found = await self._consumed.left(brands)
                except StoreError as error:  # the next search finds it; that one is refused is told by nobody else
                    if str(error) != failure:
                        self._log.warning(
                            "records of brands that left the registry cannot be looked for", reason=str(error)
                        )
                    failure = str(error)
                else:
                    failure = ""
                    for brand in found:
                        self._plan.tell(brand)
                    if found:
                        self._log.info("records of brands that left the registry are archived", brands=len(found))
                await trio.sleep(SEEK_S * random.uniform(0.75, 1.25))  # noqa: S311 - spreads processes

    async def _look_at_place(self) -> None:
        """Also where nothing waits: a volume is to be missed before there is something to put."""
        try:
            with trio.move_on_after(PLACE_S):  # it may hang, and what waits is to be counted all the same
                await self._shelf.check()
                if self._misplaced:
                    self._recovered("")
        except ArchiveMisplacedError as error:
            self._failed("", "misplaced", error)
        except (ArchiveError, StoreError):  # who has something to put meets it, and says so
            return

    async def _look(self, brands: Sequence[str]) -> bool:
        if not brands:
            return True
        try:
            found = await self._consumed.waiting(brands)
        except StoreError as error:
            for brand in brands:
                self._plan.tell(brand)
            if not self._uncounted:  # once, not with each look of an outage
                self._log.info("what waits for the archive could not be counted", reason=str(error))
            self._uncounted = True
            return False
        self._uncounted = False
        self._seen |= found  # of a brand whose node of a cluster is away what was seen last stays
        self._plan.see(found, int(self._wall_clock() * 1000), trio.current_time())
        self._changed.unpark_all()
        return True

    def _tell_skipped(self) -> None:
        """Once for each time that there are more of them, with one of the brands."""
        grown = {brand: one for brand, one in self._seen.items() if one.skipped > self._told_skipped.get(brand, 0)}
        if grown:
            self._log.error(
                "records skipped: the archive does not have them",
                records=sum(one.skipped - self._told_skipped.get(brand, 0) for brand, one in grown.items()),
                brands=len(grown),
                brand=next(iter(grown)),
                remedy="see docs/runbooks/archive-skipped.md",
            )
        # Of what is there now alone: behind a purge they count from nothing again.
        self._told_skipped = {brand: one.skipped for brand, one in self._seen.items() if one.skipped}

    def _tell_gaps(self) -> None:
        """Once for each time that there are more of them; the newest one of a brand that has one by its commit."""
        grown = {brand: one for brand, one in self._seen.items() if one.gaps > self._told_gaps.get(brand, 0)}
        if grown:
            brand, one = next(iter(grown.items()))
            self._log.error(
                "the archive has gaps: somebody commits without, or commits went on without a record",
                brands=len(grown),
                brand=brand,
                cid=one.gap,
                remedy="see docs/runbooks/archive-skipped.md",
            )
        self._told_gaps = {brand: one.gaps for brand, one in self._seen.items() if one.gaps}

    async def _work(self) -> None:
        while not self._stopping.is_set():
            brand = self._plan.take(trio.current_time())
            if brand is not None:
                await self._turn(brand)
                self._changed.unpark_all()  # who was held back by it may come now
                continue
            with trio.move_on_at(self._plan.next_s()):
                await self._changed.park()

    async def _turn(self, brand: str) -> None:
        now_s = trio.current_time
        try:
            done = await self._writer.turn(brand)
        except ArchiveUnavailableError as error:
            self._plan.away(brand, now_s())
            self._failed("", "misplaced" if isinstance(error, ArchiveMisplacedError) else "unavailable", error)
        except ArchiveRefusedError as error:
            alone = self._plan.refused(brand, now_s())
            self._failed(brand if alone else "", "refused", error)  # once, and not with each brand
        except StoreError as error:
            self._plan.failed(brand, now_s())
            self._failed(brand, "redis", error)
        except OrchestratorError as error:
            self._plan.failed(brand, now_s())
            self._failed(brand, "refused", error)
        else:
            if not done.had:
                self._plan.busy(brand, now_s())
                return
            self._plan.done(brand, reached=done.objects > 0)
            if done.objects:
                self._recovered("", brand)

    def _forget_troubles(self) -> None:
        """Another process put what this one could not, or a purge took it: nothing that it puts may ever say so."""
        long_ago_s = self._monotonic() - FORGOTTEN_S
        self._forget([about for about, met_s in self._met_s.items() if met_s < long_ago_s])

    def _failed(self, about: str, kind: ArchiveFailure, error: OrchestratorError) -> None:
        self._metrics.archive_failed(kind)
        before, since_s, _ = self._troubles.get(about, ("", self._wall_clock(), kind))
        reason = str(error)
        # One line for each thing that goes wrong, not for each attempt: these are at other objects each time.
        if _NAMES.sub("", reason) != _NAMES.sub("", before):
            self._log.error("records cannot be archived, they wait in Redis", brand=about or None, reason=reason)
        self._troubles[about], self._met_s[about] = (reason, since_s, kind), self._monotonic()
        self._show_troubles()

    def _recovered(self, *about: str) -> None:
        if gone := self._forget(about):
            self._log.info("the archive takes records again", brand=gone[-1] or None)

    def _forget(self, about: Sequence[str]) -> list[str]:
        """Those of *about* that there was trouble with."""
        gone = [one for one in about if self._troubles.pop(one, None)]
        for one in gone:
            del self._met_s[one]
        self._show_troubles()
        return gone

    def _show_troubles(self) -> None:
        self._metrics.archive_failing.set(1 if self._troubles else 0)
        self._metrics.archive_misplaced.set(1 if self._misplaced else 0)

    @property
    def _misplaced(self) -> bool:
        """Whether the place is not the archive that Redis knows, as far as this process has met it."""
        return "" in self._troubles and self._troubles[""][2] == "misplaced"
