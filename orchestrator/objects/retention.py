"""Which days of a brand's archive may go, the oldest first: those that no chain of a kept day leads through.

A chain begins at a base or at the brand's first commit. So what is removed ends at a base on the live way: the oldest
one behind which the way has kept days alone, else the newest one before that. Where there is none, nothing goes. Dead
branches, objects that are there twice and bases go with their days.

Names are enough for that: of what is in objects at most their links are read. Blocking.
Source: ``docs/decisions/0101-closed-days-as-parquet.md``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from orchestrator.errors import ArchiveError, ArchiveUnavailableError, ObjectMissingError
from orchestrator.objects.brand_archive import BrandArchive
from orchestrator.objects.names import BaseRef, ObjectRef
from orchestrator.objects.way import Way

_SLICE: Final = 1_000


@dataclass(frozen=True, slots=True)
class Pruning:
    """What may go of a brand.

    Attributes:
        keep_from: the first day that was to be kept.
        days: those that go, oldest first.
        objects: of these days.
        bases: that lie before the first one that stays.
        begins: the base at which chains begin from then on; None: nothing of the brand is live, or nothing goes.
        stays: why days before *keep_from* stay; empty: none does.
        needs_base: whether a base of the live state would let them go: the brand was not committed to since.
    """

    keep_from: str
    days: tuple[str, ...] = ()
    objects: tuple[ObjectRef, ...] = ()
    bases: tuple[BaseRef, ...] = ()
    begins: BaseRef | None = None
    stays: str = ""
    needs_base: bool = False

    @property
    def size(self) -> int:
        """Bytes that go."""
        return sum(one.size for one in self.objects) + sum(one.size for one in self.bases)


def first_kept(now_ms: int, days: int) -> str:
    """The first day that is kept, where *days* whole ones are kept beside today's."""
    return (datetime.fromtimestamp(now_ms / 1000, UTC).date() - timedelta(days=days)).isoformat()


def plan_pruning(archive: BrandArchive, cid: str, keep_from: str) -> Pruning:
    """What may go of the days before *keep_from*; changes nothing.

    Args:
        archive: of the brand.
        cid: its last commit, as ``meta`` names it; empty: it has no state.
        keep_from: a day, like ``2026-11-28``.

    Raises:
        ArchiveUnavailableError: try again.
        ArchiveError: refused.
    """
    days, bases = archive.days(), archive.bases()
    if not any(day < keep_from for day in days):
        return Pruning(keep_from)
    if not cid:
        # Of a life that ended: nothing stands on it. Which day a base is of its name does not say.
        return _pruning(archive, days, keep_from, bases if max(days) < keep_from else [])
    try:
        way = archive.way_to(cid, oldest=True)
    except (ArchiveUnavailableError, ObjectMissingError):
        raise
    except ArchiveError as error:
        return Pruning(keep_from, stays=f"the chain of what is live cannot be followed: {error}")
    return _behind(archive, way, days, bases, keep_from)


def prune(archive: BrandArchive, pruning: Pruning) -> None:
    """Remove what *pruning* names, oldest first; killed meanwhile, the next one removes the rest.

    Raises:
        ArchiveUnavailableError: try again.
        ArchiveError: refused.
    """
    names = [ref.name for ref in pruning.objects] + [ref.name for ref in pruning.bases]
    for start in range(0, len(names), _SLICE):
        archive.objects.remove(names[start : start + _SLICE])


def _behind(archive: BrandArchive, way: Way, days: list[str], bases: list[BaseRef], keep_from: str) -> Pruning:
    """What may go where *way* leads to the last commit from as far back as the archive does."""
    old = [place for place, step in enumerate(way.steps) if step.ref.day < keep_from]
    if not old:
        return _pruning(archive, days, keep_from, _before(bases, way.base_ref), way.base_ref)
    kept = way.steps[old[-1] + 1 :]
    if not kept:
        begins = next((base for base in bases if base.cid == way.cid), None)
        if begins is None:
            why = f"the brand was not committed to since {keep_from}, and there is no base of its last commit"
            return Pruning(keep_from, stays=why, needs_base=True)
        return _pruning(archive, days, keep_from, _before(bases, begins), begins)
    # A base from here on has nothing behind it but kept days: versions grow by one along the way.
    version = kept[0].ref.version - 1
    late = [base for base in bases if base.version >= version]
    early = [base for base in bases if base.version < version]
    for base in [*late, *reversed(early)]:
        found = _way_from(archive, way.cid, base)
        if found is not None:
            until = min(keep_from, *(step.ref.day for step in found.steps))
            stays = "" if until == keep_from else f"chains of kept days begin on {until}: no later base is on the way"
            planned = _pruning(archive, days, until, _before(bases, base), base)
            return replace(planned, keep_from=keep_from, stays=stays)
    return Pruning(keep_from, stays="no base is on the way to the last commit: chains begin at the first one")


def _way_from(archive: BrandArchive, cid: str, base: BaseRef) -> Way | None:
    """The way to *cid* from *base*; None: it does not lead over it."""
    try:
        return archive.way_to(cid, since=base)
    except (ArchiveUnavailableError, ObjectMissingError):
        raise
    except ArchiveError:
        return None


def _pruning(
    archive: BrandArchive, days: list[str], until: str, bases: Sequence[BaseRef], begins: BaseRef | None = None
) -> Pruning:
    gone = tuple(day for day in days if day < until)
    return Pruning(until, gone, tuple(ref for day in gone for ref in archive.day(day)), tuple(bases), begins)


def _before(bases: list[BaseRef], begins: BaseRef | None) -> list[BaseRef]:
    """Those of earlier commits, of other lives of the brand, too."""
    return [] if begins is None else [one for one in bases if (one.epoch, one.version) < (begins.epoch, begins.version)]
