"""The course of a rebuild: what is to be folded, what came of it beside what readers see, and the swaps.

One brand's trouble is that brand's: it is told with its :class:`Outcome`, and the others go on. Talks to nobody: who
calls shows what comes, as it comes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from orchestrator import __version__
from orchestrator.archive.snapshot import Snapshot, opened
from orchestrator.brand.outputs import FoldConfig
from orchestrator.contract import own_settings
from orchestrator.contract.fingerprint import Fingerprint
from orchestrator.contract.own_settings import Number
from orchestrator.errors import ArchiveError, OrchestratorError
from orchestrator.objects.brand_archive import BrandArchive
from orchestrator.objects.objects import Objects
from orchestrator.rebuild import plan as plans
from orchestrator.rebuild.engines import Engine, Fault
from orchestrator.rebuild.plan import Brand, Plan, folded_with
from orchestrator.rebuild.report import Compared, compared
from orchestrator.rebuild.swapping import Live, Swapped, catch_up, swap
from orchestrator.rebuild.tail import archived_cid
from orchestrator.rebuild.task import Folding, Rebuilt, Task, rebuild, state_of


class Watched(Live, Protocol):
    """A brand where it is folded and read, with a look at all of it."""

    def look(self, brand: str) -> tuple[Snapshot, Mapping[str, Number]]:
        """The state as of its last commit, and the settings that the brand has of its own."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one brand.

    Attributes:
        brand: whose.
        rebuilt: what is told of the state that was made again.
        compared: that state, with what came since, beside what readers see.
        swapped: what was put in place.
        told: why nothing was put in place, although it was to be.
        fault: what went wrong; empty: nothing.
    """

    brand: str
    rebuilt: Rebuilt | None = None
    compared: Compared | None = None
    swapped: Swapped | None = None
    told: str = ""
    fault: str = ""


@dataclass(slots=True)
class Course:
    """One rebuild.

    Args:
        live: where brands are folded and read.
        archive: of what was consumed.
        place: where results are.
        archive_url: the archive's address, for workers.
        place_url: that of *place*.
        config: the rules' settings here, with which states are read.
        process: settings of this process, by name; they count where the brand's last commit does not tell its own
            process's, with which the brand goes on.
        adopts: they count in any case.
        resumed: whether results of an earlier run may be there.
    """

    live: Watched
    archive: Objects
    place: Objects
    archive_url: str
    place_url: str
    config: FoldConfig
    process: Mapping[str, Number]
    adopts: bool = False
    resumed: bool = False
    _keys: dict[str, bytes] = field(default_factory=dict)

    def plan(
        self,
        brands: Sequence[str],
        changes: Mapping[str, Number | None],
        until_ms: int | None,
        asked: Sequence[str],
        each: Callable[[], object] = lambda: None,
    ) -> tuple[Plan, list[Outcome]]:
        """What is to be done for *brands*, and those for which nothing can be; *each* is called after each brand."""
        wanted: dict[str, Brand] = {}
        failed: list[Outcome] = []
        for brand in brands:
            try:
                snapshot, own = self.live.look(brand)
                if not snapshot.cid:
                    raise ArchiveError("nothing was committed yet")
                self._keys[brand] = self._key_in(snapshot)
                cid = archived_cid(snapshot.cid, self.live.waiting(brand))
                told = {} if self.adopts else Fingerprint.read(snapshot.settings or b"{}").values
                fold = folded_with(own, changes, {**self.process, **told})
                wanted[brand] = Brand(cid, fold, own_settings.changed(own, changes.items()))
            except OrchestratorError as error:
                failed.append(Outcome(brand, fault=str(error)))
            each()
        return Plan(plans.FORMAT, __version__, self.archive_url, list(asked), until_ms, wanted), failed

    def folded(self, plan: Plan, engine: Engine) -> Iterator[Outcome]:
        """Fold what *plan* says where *engine* does it, and compare; what is put in place already is passed over.

        Raises:
            EngineError: there is nothing (any more) on which to fold.
        """
        pending: dict[str, dict[Task, Rebuilt | Fault]] = {}
        failed: list[Outcome] = []
        for task, result in engine.run(rebuild, self._tasks(plan, failed)):
            found = pending.setdefault(task.brand, {})
            found[task] = result
            if len(found) == len(self._units(plan, task)):
                del pending[task.brand]
                yield self._outcome(plan, found)
        yield from failed

    def swapped(self, plan: Plan, outcome: Outcome, before: Callable[[], object] = lambda: None) -> Outcome:
        """Put in place what *outcome* tells of; where that is what is there, nothing is done.

        *before* is called before anything is; what it raises is a fault of the brand.
        """
        brand = outcome.brand
        try:
            _, own = self.live.look(brand)
            wanted = plan.brands[brand].own
            if outcome.compared is not None and outcome.compared.same and own == wanted:
                return replace(outcome, told="it is the same already")
            task = self._task(plan, brand)
            before()
            done = swap(self._folding(task), wanted, self.live)
        except OrchestratorError as error:
            return replace(outcome, fault=str(error))
        plans.note_swapped(self.place, task, done)
        return replace(outcome, swapped=done)

    def state(self, plan: Plan, brand: str) -> Snapshot:
        """The state that was made again; raises as :func:`orchestrator.rebuild.task.state_of`, and :func:`catch_up`."""
        task = self._task(plan, brand)
        if task.cid:
            return state_of(self.place, task)
        folding = self._folding(task)  # nothing was in the archive yet: all of it waits in Redis
        catch_up(folding, self.live, self.live.cid(brand))
        return folding.snapshot()

    def forget(self, plan: Plan, brand: str) -> None:
        """Have no result for *brand* any more."""
        for task in self._units(plan, self._task(plan, brand)):
            plans.forget(self.place, task)

    def _tasks(self, plan: Plan, failed: list[Outcome]) -> Iterator[Task]:
        for brand in plan.brands:
            try:
                task = self._task(plan, brand)
                if self.resumed and plans.was_swapped(self.place, task):
                    continue
            except OrchestratorError as error:
                failed.append(Outcome(brand, fault=str(error)))
                continue
            yield from self._units(plan, task)

    def _task(self, plan: Plan, brand: str) -> Task:
        if brand not in self._keys:
            self._keys[brand] = self._key_in(self.live.look(brand)[0])
        return plan.task(brand, self.place_url, self._keys[brand])

    def _units(self, plan: Plan, task: Task) -> list[Task]:
        """The units of work for a brand: of an earlier time there is nothing to compare with but another fold."""
        task = replace(task, own=tuple(sorted(plan.brands[task.brand].fold.items())))
        return [task, replace(task, own=())] if plan.until_ms is not None and task.own else [task]

    def _key_in(self, snapshot: Snapshot) -> bytes:
        return opened(snapshot, self.config)[0].hashing.key

    def _outcome(self, plan: Plan, found: Mapping[Task, Rebuilt | Fault]) -> Outcome:
        task, *others = self._units(plan, next(iter(found)))
        for result in found.values():
            if isinstance(result, Fault):
                return Outcome(task.brand, fault=result.told)
        result = found[task]
        assert isinstance(result, Rebuilt)  # noqa: S101 - the others have returned
        try:
            before, after = self._both(plan, task, others)
            return Outcome(task.brand, result, compared(before, after, self.config))
        except OrchestratorError as error:
            return Outcome(task.brand, result, fault=str(error))

    def _both(self, plan: Plan, task: Task, others: Sequence[Task]) -> tuple[Snapshot, Snapshot]:
        """What is to be compared: before and after, of the same commit where it is of now."""
        for other in others:
            return state_of(self.place, other), state_of(self.place, task)
        before, _ = self.live.look(task.brand)
        folding = self._folding(task)
        if plan.until_ms is None:
            catch_up(folding, self.live, before.cid)
        return before, folding.snapshot()

    def _folding(self, task: Task) -> Folding:
        """On top of what was folded; where nothing was in the archive yet there is nothing."""
        base = state_of(self.place, task) if task.cid else None
        return Folding(task, BrandArchive(self.archive, task.brand), base, base.earlier if base is not None else None)
