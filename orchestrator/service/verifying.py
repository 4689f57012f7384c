"""``orchestrator state verify``: a state made again of its archive, beside the one that is live.

Owns the order in which the two are read: the live state first, then what waits for the archive, then the archive. A
record goes from Redis into the archive and is taken out of Redis only when it is there. So each record on the way to
that state is found at one of the two places, whatever is committed and archived meanwhile.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from orchestrator.archive.chain import tail_to
from orchestrator.archive.record import Record, record_of
from orchestrator.archive.refold import Parting, Refold
from orchestrator.archive.snapshot import Snapshot
from orchestrator.brand.state import BrandState
from orchestrator.errors import ArchiveError, ObjectMissingError, StaleStateError
from orchestrator.service.options import session_config
from orchestrator.service.snapshots import state_differences, take_snapshot
from orchestrator.store import checked, layout_of
from orchestrator.store.consumed import Consumed
from orchestrator.store.runner import ScriptRunner

if TYPE_CHECKING:
    import redis

    from orchestrator.archive.compare import Difference
    from orchestrator.objects.brand_archive import BrandArchive
    from orchestrator.objects.names import BaseRef
    from orchestrator.settings import Settings

MAX_PARTINGS: Final = 1_000
_ATTEMPTS: Final = 10
_ALL_BYTES: Final = 1 << 40
"""What waits is bounded where it is written, by ``ARCHIVE_OUTBOX_MB``."""


@dataclass(slots=True)
class Refolded:
    """A live state beside what its archive makes of it.

    Attributes:
        brand: whose.
        cid: of the state's last commit.
        version: its number.
        base: the commit at whose base the refold began; empty: at the brand's first commit.
        waiting: records that were still in Redis.
        records: that were folded.
        items: in them.
        partings: items to which something else happened than their record says, the first thousand.
        since: where only states differ: the last commit at which a base is the same as the refold; empty: none was.
        until: the first commit at which they are not the same.
        differences: between the live state and the refolded one, what readers see first.
        summary: whether the summary that readers see is the same, byte for byte; None: there is none to compare.
    """

    brand: str
    cid: str
    version: int
    base: str = ""
    waiting: int = 0
    records: int = 0
    items: int = 0
    partings: list[Parting] = field(default_factory=list)
    since: str = ""
    until: str = ""
    differences: list[Difference] = field(default_factory=list)
    summary: bool | None = None

    @property
    def same(self) -> bool:
        """Whether the archive says all that the live state does."""
        return not self.partings and not self.differences and self.summary is not False


def live_commit(client: redis.Redis, brand: str) -> tuple[str, int]:
    """Id and number of the last commit of *brand*; empty and 0: it has none.

    Raises:
        ArchiveError: its ``meta`` is damaged.
        StoreError: Redis gave no answer or refused.
    """
    keys = layout_of(client).inner(brand)
    cid, version = checked(ScriptRunner(client).run([("HMGET", keys.meta, "cid", "version")])[0])
    try:
        return (cid or b"").decode(), int(version or 0)
    except ValueError:
        raise ArchiveError(f"brand {brand!r}: its meta is damaged; `orchestrator repair` tells") from None


def waiting_records(client: redis.Redis, brand: str) -> list[Record]:
    """What was consumed of *brand* and is not in the archive yet, in the order of commits.

    Raises:
        NewerRecordError: a newer version left it.
        StoreError: Redis gave no answer or refused.
    """
    # Nobody is disturbed: with a token of nobody's, nothing that cannot be read is taken out.
    kept = Consumed(client).read(brand, secrets.token_hex(8), _ALL_BYTES)
    return [record_of(brand, one.head, one.payloads) for one in kept]


def verify_state(
    client: redis.Redis,
    settings: Settings,
    archive: BrandArchive,
    *,
    oldest: bool = False,
    told: Callable[[int], object] = int,
) -> Refolded:
    """Make the state of a brand again of its archive, and compare.

    Args:
        client: the Redis in which it is live.
        settings: of this process.
        archive: of the brand.
        oldest: begin as far back as the archive leads, not at the newest base.
        told: is given the number of items of each record that was folded.

    Raises:
        ArchiveUnavailableError: no answer from the archive.
        ArchiveError: it has no way to the live state.
        StaleStateError: somebody commits all the time.
        StoreError: Redis gave no answer or refused.
    """
    for _ in range(_ATTEMPTS - 1):
        try:
            return _refolded(client, settings, archive, oldest=oldest, told=told)
        except ObjectMissingError:  # compaction or retention works on the archive: look anew
            continue
    return _refolded(client, settings, archive, oldest=oldest, told=told)


def _refolded(
    client: redis.Redis, settings: Settings, archive: BrandArchive, *, oldest: bool, told: Callable[[int], object]
) -> Refolded:
    live, summary = _live(client, settings, archive.brand)
    if not live.cid:
        raise ArchiveError(f"brand {archive.brand!r} has no state: nothing was committed yet")
    tail = tail_to(live.cid, waiting_records(client, archive.brand))
    way = archive.way_to(tail[0].previous if tail else live.cid, oldest=oldest)
    found = Refolded(live.brand, live.cid, live.version, waiting=len(tail))
    found.base = way.base_ref.cid if way.base_ref else ""
    folding = _Folding(archive, settings, live, found, told)
    folding.begin(way.base)
    folding.fold(way.records)
    folding.fold(tail)
    refold = folding.refold
    if refold.cid != live.cid:
        raise ArchiveError(f"the way to commit {live.cid!r} ends at {refold.cid!r}")
    found.differences = state_differences(settings, live, folding.made)
    ours = refold.summary()
    found.summary = None if ours is None or summary is None else ours == summary
    if found.same:
        found.since = found.until = ""
    elif not found.until:
        found.until = live.cid
    return found


@dataclass(slots=True)
class _Folding:
    """A refold on its way, which looks at each base that it comes by.

    Attributes:
        base: on which the refold stands; None: a record was folded since.
    """

    archive: BrandArchive
    settings: Settings
    live: Snapshot
    found: Refolded
    told: Callable[[int], object]
    bases: dict[str, BaseRef] = field(default_factory=dict)
    refold: Refold = field(init=False)
    base: Snapshot | None = None

    @property
    def made(self) -> Snapshot:
        """What the last commit left: that is a base, too, which a refold alone does not tell."""
        return self.base or self.refold.snapshot()

    def begin(self, base: Snapshot | None) -> None:
        """Go on from *base*; None: from nothing, with the live state's key."""
        self.bases = {ref.cid: ref for ref in self.archive.bases()}
        if base is None:
            config = session_config(self.settings)
            key = BrandState.load(config.fold, self.live.stored.fields).hashing.key
            self.refold = Refold(self.live.brand, key, config.limits)
        else:
            self._go_on(base)

    def fold(self, records: Iterator[Record] | Sequence[Record]) -> None:
        """Fold *records*, and compare with the bases between them."""
        for record in records:
            base = self._base(record.cid)
            if record.replaces:
                if base is None:
                    raise ArchiveError(f"commit {record.cid!r} put another state in place, of which there is no base")
                self._go_on(base)
            else:
                self.base = None
                self.found.partings += self.refold.take(record)[: MAX_PARTINGS - len(self.found.partings)]
                if base is not None and record.cid != self.live.cid:
                    self._compare(record.cid, base)
            self.found.records += 1
            self.found.items += len(record.items)
            self.told(len(record.items))

    def _base(self, cid: str) -> Snapshot | None:
        return self.archive.base(self.bases[cid]) if cid in self.bases else None

    def _go_on(self, base: Snapshot) -> None:
        self.found.since, self.base = base.cid, base
        limits = session_config(self.settings).limits
        self.refold = Refold(base.brand, b"", limits, stored=base.stored, cid=base.cid, trend=dict(base.trend))

    def _compare(self, cid: str, base: Snapshot) -> None:
        if self.found.until:
            return
        if state_differences(self.settings, base, self.refold.snapshot()):
            self.found.until = cid
        else:
            self.found.since = cid


def _live(client: redis.Redis, settings: Settings, brand: str) -> tuple[Snapshot, bytes | None]:
    """State and summary of one moment."""
    keys = layout_of(client).keys(brand)
    for _ in range(_ATTEMPTS):
        snapshot = take_snapshot(client, settings, brand)
        summary: Any = checked(ScriptRunner(client).run([("GET", keys.summary)])[0])
        if live_commit(client, brand)[0] == snapshot.cid:
            return snapshot, summary
    raise StaleStateError(f"brand {brand!r} is committed to all the time: pause it, or try again")
