"""A brand as it was at a time, out of its archive, and which chunks made a number there.

Owns how far back is read: for a summary to the nearest base, so no more than what lies between two of them; for the
chunks behind a number to a base from before the first one that can count. Where the archive does not lead so far, as
far as it leads. What waits for the archive is a tail of records, with which it is as if all were there. Blocking, and
work of a processor for seconds: for the command line, and for a process of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Final

from orchestrator.archive.retell import Behind, Retold, retell
from orchestrator.brand.panes import HOUR_MS, MAX_AHEAD_MS
from orchestrator.errors import ArchiveError, ArchiveUnavailableError, NothingToExplainError
from orchestrator.objects.names import BaseRef

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from orchestrator.archive.explain import Journal, Question
    from orchestrator.archive.record import Record
    from orchestrator.archive.snapshot import Snapshot
    from orchestrator.objects.brand_archive import BrandArchive
    from orchestrator.objects.way import Way

SLACK_MS: Final = MAX_AHEAD_MS + HOUR_MS
"""A chunk may be taken before the time that it says, and a pane is older than what begins in it."""


@dataclass(frozen=True, slots=True)
class Moment:
    """When, and seen from where.

    Attributes:
        cid: the newest commit on which the brand's state stands and which the archive has; empty: it has none.
        at_ms: as of when, Unix ms; None: of that commit.
        now_ms: the present, Unix ms.
        window_ms: how much time a summary covers, in these days.
    """

    cid: str
    at_ms: int | None
    now_ms: int
    window_ms: int


def settled_ms(archive: BrandArchive, cid: str) -> int:
    """Until when the past is archived that leads to commit *cid*, which is its own time, Unix ms; raises as the others.

    0: nothing is.
    """
    if not cid:
        return 0
    way = archive.way_to(cid)
    if not way.steps:
        return way.base.taken_ms if way.base is not None else 0
    step = way.steps[-1]
    return max(link.now_ms for link in archive.links(step.ref))


def summary_at(archive: BrandArchive, cid: str, at_ms: int | None, tail: Sequence[Record] = ()) -> Retold:
    """What readers saw at *at_ms* (Unix ms; None: last), on the way to commit *cid*, and over the *tail* behind it.

    Raises:
        NothingToExplainError: the brand had no summary then, as far back as the archive leads.
        ArchiveUnavailableError: try again.
        ArchiveError: the archive is damaged, or has a gap there.
    """
    if tail := _seen(tail, at_ms):
        return _along(archive, archive.way_to(cid), None, None, tail)
    way = archive.way_to(cid, at_ms=at_ms)
    if way.base_ref is not None and way.base_ref.cid == way.cid:
        # A base does not tell as of when its commit's summary was: the record does, on the way from the base before.
        way = _way_since_before(archive, cid, at_ms, way.base_ref) or way
    return _along(archive, way, at_ms, None)


def _way_since_before(archive: BrandArchive, cid: str, at_ms: int | None, base: BaseRef) -> Way | None:
    """The way from the newest base before *base*, or from the first commit; None: there is none, or a gap since."""
    before = [ref for ref in archive.bases() if (ref.epoch, ref.version) < (base.epoch, base.version)]
    since = before[-1] if before else None
    return _unless_broken(lambda: archive.way_to(cid, at_ms=at_ms, since=since, oldest=since is None))


def chunks_behind(
    archive: BrandArchive, moment: Moment, question: Question, journal: Journal, tail: Sequence[Record] = ()
) -> Retold:
    """The same of *moment*, and a *journal* of the chunks that may be behind the number of *question*."""
    cid, at_ms = moment.cid, moment.at_ms
    until_ms = moment.now_ms if at_ms is None else at_ms
    begin_ms = question.hour_ms if question.kind == "hour" else until_ms - moment.window_ms
    if tail := _seen(tail, at_ms):
        at_ms = None  # all before it is earlier
    way = _way_from(archive, cid, begin_ms - SLACK_MS, at_ms) or archive.way_to(cid, at_ms=at_ms, oldest=True)
    if question.kind != "hour":
        for ref, behind, rest in _rebuilt_on(archive, way, tail):
            base = archive.base(ref)
            if base.earlier is None:
                continue
            to, waits = behind
            led = _unless_broken(partial(_way_behind, archive, base.earlier, to))
            if led is None:
                break
            return _told(archive, Behind(base, _Records(led, waits)), rest, at_ms, journal)
    return _along(archive, way, at_ms, journal, tail)


def _rebuilt_on(
    archive: BrandArchive, way: Way, tail: Sequence[Record]
) -> Iterator[tuple[BaseRef, tuple[str, Sequence[Record]], _Records]]:
    """The states that were put in place on *way* and over *tail*, the newest first.

    Each with the commit to which the archive has what led to it and what of the tail did, and with what came after it.
    """
    bases = {ref.cid: ref for ref in archive.bases()}
    for place in range(len(tail) - 1, -1, -1):
        if tail[place].replaces and tail[place].cid in bases:
            yield bases[tail[place].cid], (way.cid, tail[:place]), _Records(None, tail[place + 1 :])
    first = 0 if way.base_ref is None else way.base_ref.version
    for ref in sorted(bases.values(), key=lambda ref: ref.version, reverse=True):
        step = next((step for step in reversed(way.steps) if step.ref.version <= ref.version), None)
        if ref.version <= first or step is None:
            continue
        if any(link.replaces and link.cid == ref.cid for link in archive.links(step.ref)):
            rest = _unless_broken(partial(archive.way_to, way.cid, since=ref))
            if rest is not None:
                yield ref, (ref.cid, ()), _Records(rest, tail)


def _way_behind(archive: BrandArchive, earlier: Snapshot, cid: str) -> Way | None:
    """The way from *earlier* to commit *cid*; None: there is none."""
    if earlier.cid:
        # By its place alone: what is read is the state that came along.
        return archive.way_to(cid, since=BaseRef("", 0, earlier.epoch, earlier.version, earlier.cid))
    way = archive.way_to(cid, oldest=True)
    return way if way.base_ref is None else None


def _seen(tail: Sequence[Record], at_ms: int | None) -> Sequence[Record]:
    """What of *tail* readers saw at *at_ms*: up to the last commit of that time that has a summary."""
    for count in range(len(tail), 0, -1):
        last = tail[count - 1]
        if last.summary_ms and (at_ms is None or max(last.now_ms, last.summary_ms) <= at_ms):
            return tail[:count]
    return ()


def _way_from(archive: BrandArchive, cid: str, begin_ms: int, at_ms: int | None) -> Way | None:
    """The way to *cid* from the newest base before *begin_ms*; None: there is none, or a gap since."""

    def find() -> Way | None:
        base = archive.way_to(cid, at_ms=begin_ms).base_ref
        return None if base is None else archive.way_to(cid, at_ms=at_ms, since=base)

    return _unless_broken(find)


def _unless_broken(find: Callable[[], Way | None]) -> Way | None:
    """What *find* finds; None where the chain is broken on the way."""
    try:
        return find()
    except ArchiveUnavailableError:
        raise
    except ArchiveError:
        return None


class _Records:
    """The records of a way and of a tail, which lies in no object; they may be read twice."""

    def __init__(self, way: Way | None, tail: Sequence[Record]) -> None:
        self._way = way
        self._tail = tail

    def __iter__(self) -> Iterator[tuple[Record, str]]:
        return chain(() if self._way is None else self._way.placed, ((record, "") for record in self._tail))


def _along(
    archive: BrandArchive, way: Way, at_ms: int | None, journal: Journal | None, tail: Sequence[Record] = ()
) -> Retold:
    if not way.cid and not tail:
        raise NothingToExplainError(f"brand {archive.brand!r} had no summary then, as far back as its archive leads")
    return _told(archive, way.base, _Records(way, tail), at_ms, journal)


def _told(
    archive: BrandArchive, base: Snapshot | Behind | None, records: _Records, at_ms: int | None, journal: Journal | None
) -> Retold:
    def base_of(cid: str) -> Snapshot:
        for ref in archive.bases():
            if ref.cid == cid:
                return archive.base(ref)
        raise ArchiveError(f"commit {cid!r} put another state in place, and the archive has not that one")

    return retell(archive.brand, base, records, at_ms=at_ms, journal=journal, base_of=base_of)
