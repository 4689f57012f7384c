"""What was committed since the archive's last record of a brand: it waits in Redis to be archived.

Records go from Redis to the archive, and are removed only when they are readable there. So who reads the commit first,
then what waits, then the archive, finds each record on the way to that commit at one of the two places.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from orchestrator.archive.chain import tail_to
from orchestrator.archive.record import Record
from orchestrator.archive.snapshot import Snapshot
from orchestrator.errors import ArchiveError
from orchestrator.objects.brand_archive import BrandArchive
from orchestrator.objects.names import BaseRef


def archived_cid(cid: str, waiting: Sequence[Record]) -> str:
    """The commit up to which the archive must have all of the way to *cid*, of which *waiting* still wait."""
    tail = tail_to(cid, waiting)
    return tail[0].previous if tail else cid


def records_between(
    archive: BrandArchive, waiting: Sequence[Record], since: Snapshot | None, cid: str
) -> Iterator[Record]:
    """The records that led from the commit of *since* to *cid*, the oldest first.

    Args:
        archive: of the brand.
        waiting: what still waited for it after *cid* was read.
        since: the state at an earlier commit; None: the brand's first record is the first one.
        cid: id of a later commit.

    Raises:
        ArchiveError: a record is missing.
    """
    by_cid = {record.cid: record for record in waiting}
    tail: list[Record] = []
    start = "" if since is None else since.cid
    while cid != start and cid in by_cid:
        tail.append(by_cid.pop(cid))
        cid = tail[-1].previous
    if cid != start:
        yield from _archived(archive, since, cid)
    yield from reversed(tail)


def _archived(archive: BrandArchive, since: Snapshot | None, cid: str) -> Iterator[Record]:
    if since is not None:
        # A base by its place alone: nobody reads it, so none has to lie there.
        return archive.way_to(cid, since=BaseRef("", 0, since.epoch, since.version, since.cid)).records
    way = archive.way_to(cid, oldest=True)
    if way.base_ref is not None:
        raise ArchiveError(f"the archive does not go back to the first commit of brand {archive.brand!r}")
    return way.records
