"""What was committed since the archive's last record of a brand: it waits in Redis to be archived.

Records go from Redis to the archive, and are removed only when they are readable there. So who reads the commit first,
then what waits, then the archive, finds each record on the way to that commit at one of the two places.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from orchestrator.archive.record import Record
from orchestrator.archive.snapshot import Snapshot
from orchestrator.errors import ArchiveError
from orchestrator.objects.brand_archive import BrandArchive
from orchestrator.objects.names import BaseRef


def archived_cid(cid: str, waiting: Sequence[Record]) -> str:
    """The commit up to which the archive must have all of the way to *cid*, of which *waiting* still wait."""
    by_cid = {record.cid: record for record in waiting}
    while cid in by_cid:
        cid = by_cid.pop(cid).previous
    return cid


def records_between(archive: BrandArchive, waiting: Sequence[Record], since: Snapshot, cid: str) -> Iterator[Record]:
    """The records that led from the commit of *since* to *cid*, the oldest first.

    Args:
        archive: of the brand.
        waiting: what still waited for it after *cid* was read.
        since: the state at an earlier commit.
        cid: id of a later commit.

    Raises:
        ArchiveError: a record is missing, or on the way another state was put in place, so *cid* does not stand on
            *since*.
    """
    by_cid = {record.cid: record for record in waiting}
    tail: list[Record] = []
    while cid != since.cid and cid in by_cid:
        tail.append(by_cid.pop(cid))
        cid = tail[-1].previous
    if cid != since.cid:
        # A base by its place alone: nobody reads it, so none has to lie there.
        at = BaseRef("", 0, since.epoch, since.version, since.cid)
        yield from map(_going_on, archive.way_to(cid, since=at).records)
    yield from map(_going_on, reversed(tail))


def _going_on(record: Record) -> Record:
    if record.replaces:
        raise ArchiveError(
            f"commit {record.cid!r} put another state of brand {record.brand!r} in place meanwhile: rebuild it again"
        )
    return record
