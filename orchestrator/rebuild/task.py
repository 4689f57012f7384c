"""The unit of work: one brand, folded again from what the archive has of it.

It needs the archive and nothing else: no Redis, no settings of the service. All that it depends on is in :class:`Task`,
so whatever runs it gives the same bytes, and what it gave is found again by the name that is made of it. Memory: the
state, and an object of the archive.
"""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

import msgspec

from orchestrator import __version__
from orchestrator.archive import snapshot as snapshots
from orchestrator.archive.record import Fate, Record, folder_of
from orchestrator.archive.refold import Parting, Refold
from orchestrator.archive.snapshot import Snapshot
from orchestrator.contract.decode import Limits
from orchestrator.contract.digests import DIGEST_BYTES, ENTRY_BYTES
from orchestrator.contract.fingerprint import RULES_NAME, RULES_VERSION, Fingerprint
from orchestrator.contract.state_format import FORMATS
from orchestrator.errors import ArchiveError, ObjectMissingError
from orchestrator.kernels import choice
from orchestrator.objects.brand_archive import BrandArchive
from orchestrator.objects.looking_back import SLACK_MS
from orchestrator.objects.names import REBUILT
from orchestrator.objects.objects import Objects
from orchestrator.objects.way import Way
from orchestrator.store.types import NO_DIGESTS, Stored

SHOWN: Final = 20
"""Items at which the fold and the records part that are told one by one."""

LIMITS: Final = Limits(max_chunk_bytes=512 << 20)
"""What was too large at its time stands in the records as a dead letter."""


@dataclass(frozen=True, slots=True)
class Task:
    """What is to be folded, and how.

    Attributes:
        archive: its address, which holds no secret.
        place: the address under which the result is put.
        brand: whose.
        cid: the commit to fold up to; empty: none is in the archive yet.
        own: settings that count instead of those in the records, by name.
        until_ms: leave out what was committed later, Unix ms.
        hash_key: of the brand's mention ids, which is in no record.
        version: of this program; another one may fold otherwise.
    """

    archive: str
    place: str
    brand: str
    cid: str
    own: tuple[tuple[str, int | float], ...] = ()
    until_ms: int | None = None
    hash_key: bytes = field(default=b"", repr=False)
    version: str = __version__

    @property
    def name(self) -> str:
        """Of the result, without its ending: another one for each input that it could depend on."""
        told = (self.brand, self.cid, self.own, self.until_ms, self.version, RULES_VERSION, FORMATS.written)
        digest = hashlib.blake2b(repr(told).encode(errors="surrogatepass"), key=self.hash_key[:64], digest_size=16)
        return f"{folder_of(self.brand)}/{REBUILT}/{digest.hexdigest()}"

    @property
    def state_name(self) -> str:
        """Of the object with the state."""
        return f"{self.name}.state"

    @property
    def facts_name(self) -> str:
        """Of the object with what is told of it, which is put last."""
        return f"{self.name}.json"


class Parted(msgspec.Struct, frozen=True):
    """One item at which the fold and the records part."""

    cid: str
    place: int
    told: str
    found: str


class Rebuilt(msgspec.Struct, frozen=True, rename="camel"):
    """What is told of a state that was made again; the state itself lies beside it.

    Attributes:
        brand: whose.
        cid: of the last commit in it; empty: there is no state, because the archive has none of the brand's commits.
        at_ms: when that was, Unix ms of Redis.
        commits: records that were folded.
        items: what workers pushed in them.
        fates: how many of the items became what.
        base_ms: as of when the state is that it began with; 0: it began with the brand's first commit.
        base_cid: the commit of that one.
        parted: items to which something else happened than the records say.
        shown: the first of these.
        dead: objects of the archive beside the way, whose commits a failover forgot.
        summary: BLAKE2b of the summary that the last commit with one wrote, in 32 digits; empty: none did.
        kernel: with which it was folded.
        seconds: how long it took, by the clock of the wall.
        processor_s: of the processor.
    """

    brand: str
    cid: str
    at_ms: int
    commits: int
    items: int
    fates: dict[str, int]
    base_ms: int
    base_cid: str
    parted: int
    shown: list[Parted]
    dead: int
    summary: str
    kernel: str
    seconds: float
    processor_s: float


_decode = msgspec.json.Decoder(Rebuilt).decode


def rebuild(task: Task) -> Rebuilt:
    """Fold what *task* says, and put the state under its name; what was done already is not done again.

    Raises:
        ArchiveError: records are missing or damaged, or this is another version of the program than asked for.
        ArchiveUnavailableError: the archive gave no answer.
    """
    if task.version != __version__:
        raise ArchiveError(f"version {task.version} is to fold, and the worker has version {__version__}")
    with Objects.open(task.archive) as archive, Objects.open(task.place) as place:
        done = _done(place, task)
        if done is not None:
            return done
        began, began_processor = time.perf_counter(), time.process_time()
        folding, dead = _folded(task, BrandArchive(archive, task.brand))
        at_ms = 0
        if task.cid:
            snapshot = folding.snapshot()
            at_ms = snapshot.taken_ms
            place.put(task.state_name, snapshots.encode(snapshot))
        rebuilt = Rebuilt(
            brand=task.brand,
            cid=folding.cid,
            at_ms=at_ms,
            commits=folding.commits,
            items=sum(folding.fates.values()),
            fates={fate: folding.fates[fate] for fate in Fate if folding.fates[fate]},
            base_ms=folding.base.taken_ms if folding.base is not None else 0,
            base_cid=folding.base.cid if folding.base is not None else "",
            parted=folding.parted,
            shown=[Parted(*_told(each)) for each in folding.partings],
            dead=dead,
            summary=digest_of(folding.summary() or b""),
            kernel=choice.IMPLEMENTATION,
            seconds=round(time.perf_counter() - began, 3),
            processor_s=round(time.process_time() - began_processor, 3),
        )
        place.put(task.facts_name, msgspec.json.encode(rebuilt))
        return rebuilt


def _folded(task: Task, archive: BrandArchive) -> tuple[Folding, int]:
    """What the archive has of the way, and how many objects lie beside it."""
    if not task.cid:
        return Folding(task, archive, None), 0
    way = archive.way_to(task.cid, oldest=True, at_ms=task.until_ms)
    if not way.cid:
        raise ArchiveError(f"brand {task.brand!r} had no commit then, as far back as its archive leads")
    folding = Folding(task, archive, way.base, until_ms=_ends_ms(archive, way))
    folding.take_all(way.records)
    return folding, len(way.dead)


def _ends_ms(archive: BrandArchive, way: Way) -> int | None:
    """When the last commit of *way* was, Unix ms; None: it has none beside its base."""
    if not way.steps:
        return None
    last = way.steps[-1]
    return next((link.now_ms for link in archive.links(last.ref) if link.cid == last.upto), None)


def state_of(place: Objects, task: Task) -> Snapshot:
    """The state that :func:`rebuild` put there.

    Raises:
        ArchiveError: it is not there (any more), or damaged.
    """
    snapshot = snapshots.decode(place.get(task.state_name))
    if snapshot.brand != task.brand:
        raise ArchiveError(f"{task.state_name!r} holds the state of {snapshot.brand!r}")
    return snapshot


@dataclass(slots=True)
class Folding:
    """A refold of a brand's records under settings that count instead of the records' own.

    Args:
        task: which brand, and which settings.
        archive: of the brand, for states that were put in place.
        base: the state to go on from; None: the brand's first record is the first one.
        earlier: what goes along with each state of it, see :class:`orchestrator.archive.snapshot.Snapshot`.
        until_ms: when the last record will be, Unix ms, to find *earlier* on the way; None: it is not looked for.

    Attributes:
        commits: records that were taken.
        fates: of their items, as the records say.
        parted: items to which something else happened than that.
        partings: the first of these.
    """

    task: Task
    archive: BrandArchive
    base: Snapshot | None
    earlier: Snapshot | None = None
    until_ms: int | None = None
    commits: int = 0
    fates: Counter[Fate] = field(default_factory=Counter)
    parted: int = 0
    partings: list[Parting] = field(default_factory=list)
    _refold: Refold = field(init=False)

    def __post_init__(self) -> None:
        self._refold = self._begun(self.base)

    def take(self, record: Record) -> None:
        """Fold *record*, which stands on the one before; by the rules of this version, whatever they were then.

        Raises:
            ArchiveError: it does not follow, or the archive does not have a state that it put in place.
        """
        if record.replaces and not self._goes_through(base := self._base_of(record)):
            self.base, self.commits, self.parted, self.earlier = base, 0, 0, None
            self.fates.clear()
            self.partings.clear()
            self._refold = self._begun(base)
            return
        settings = {**record.settings, **dict(self.task.own), RULES_NAME: RULES_VERSION}
        self._look_at(record.now_ms, settings)
        found = self._refold.take(replace(record, settings=settings, replaces=False))
        self.commits += 1
        self.fates.update(item.fate for item in record.items)
        self.parted += len(found)
        self.partings.extend(found[: SHOWN - len(self.partings)])

    def take_all(self, records: Iterable[Record]) -> None:
        """Fold all *records*; raises as :meth:`take`."""
        for record in records:
            self.take(record)

    @property
    def cid(self) -> str:
        """Id of the last commit in it; empty: there is none yet."""
        return self._refold.cid

    def snapshot(self) -> Snapshot:
        """The state so far.

        Raises:
            ArchiveError: nothing was ever committed.
        """
        found = self.base if self.base is not None and not self.commits else self._refold.snapshot()
        return replace(found, earlier=self.earlier)

    def summary(self) -> bytes | None:
        """What the last of its commits with a summary wrote; None: none did."""
        return self._refold.summary()

    def _look_at(self, now_ms: int, settings: Mapping[str, int | float]) -> None:
        """Keep the state before a record of *now_ms*, if that is the first one in the last window."""
        window_ms = settings.get("SUMMARY_WINDOW_SEC", 0) * 1000
        if self.earlier is not None or self.until_ms is None or now_ms < self.until_ms - window_ms - SLACK_MS:
            return
        own = dict(self.task.own)
        if self.commits:
            found = self._refold.snapshot()
        elif self.base is not None:
            found = self.base
        else:
            found = Snapshot(self.task.brand, "", 0, 0, FORMATS.written, b"", 0, Stored({}, NO_DIGESTS), {}, ())
        text = Fingerprint(settings, own).text().encode()
        stored = Stored(found.stored.fields, NO_DIGESTS)
        self.earlier = replace(found, settings=text, stored=stored, trend={}, recent=(), earlier=None)

    def _begun(self, base: Snapshot | None) -> Refold:
        if base is None:
            return Refold(self.task.brand, self.task.hash_key, LIMITS)
        refold = Refold(base.brand, b"", LIMITS, stored=base.stored, cid=base.cid)
        refold.trend.update(base.trend)
        refold.recent.extend(base.recent)
        return refold

    def _base_of(self, record: Record) -> Snapshot:
        """The state that *record* put in place."""
        ref = next((ref for ref in self.archive.bases() if ref.cid == record.cid), None)
        if ref is None:
            raise ArchiveError(f"commit {record.cid!r} put another state in place, and the archive has no base of it")
        return self.archive.base(ref)

    def _goes_through(self, base: Snapshot) -> bool:
        """Whether the fold goes on through a commit that put *base* in place.

        A rebuild put a state there of the same chunks, folded otherwise. Under settings that count instead the fold
        goes on through it, or a second rebuild could not change what the first one did. Any other state takes the place
        of what was folded so far.
        """
        return bool(self.task.own and self.cid) and chunks_of(base.stored) == chunks_of(self._refold.result)


def digest_of(summary: bytes) -> str:
    """Of a summary, to tell whether two are the same."""
    return hashlib.blake2b(summary, digest_size=16).hexdigest() if summary else ""


def chunks_of(stored: Stored) -> frozenset[bytes]:
    """What the state *stored* remembers of chunks that were counted."""
    kept = stored.digests
    return frozenset(
        data[place : place + DIGEST_BYTES]
        for data in (kept.younger, kept.older)
        for place in range(0, len(data) - ENTRY_BYTES + 1, ENTRY_BYTES)
    )


def _done(place: Objects, task: Task) -> Rebuilt | None:
    try:
        return _decode(place.get(task.facts_name))
    except ObjectMissingError:
        return None
    except msgspec.MsgspecError:  # of a version that told other things: folded anew
        return None


def _told(parting: Parting) -> tuple[str, int, str, str]:
    return parting.cid, parting.place, str(parting.told), parting.found[:200]
