"""A brand's state made again from its records, byte for byte what the live service has.

The fold depends on the chunks, their order and the times given with them, on the settings and on the key of the mention
ids; the first four stand in the records, the key in the state. So each record is folded as the live commit was,
on top of the one before it, and what it changed is put into fields and digests as Redis does. Where a record says that
something else became of an item than becomes of it here, both are told: the first one is where live and archive part.

Pure: a record in, the state after it out.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from orchestrator.archive.record import Record
from orchestrator.archive.snapshot import Snapshot
from orchestrator.brand.outputs import Changes, FoldConfig
from orchestrator.brand.state import BrandState
from orchestrator.contract.consumed import Fate
from orchestrator.contract.decode import Limits, decode_batch
from orchestrator.contract.digests import NOTHING_CHECK, checked_on
from orchestrator.contract.fingerprint import RULES_NAME, RULES_VERSION, Fingerprint
from orchestrator.contract.insights import MAX_RECENT
from orchestrator.contract.state_format import FORMATS
from orchestrator.errors import ArchiveError
from orchestrator.lane.batch import CONFLICT
from orchestrator.lane.duplicates import LEDGER_LIMITS, Ledger, LedgerLimits
from orchestrator.lane.fates import became
from orchestrator.store.types import NO_DIGESTS, DigestChange, Remember, Stored, StoredDigests


@dataclass(frozen=True, slots=True)
class Parting:
    """An item to which something else happens here than the record says.

    Attributes:
        cid: of the commit that took it.
        place: among its items, from 0 on.
        told: what the record says.
        found: what happens here.
    """

    cid: str
    place: int
    told: str
    found: str


@dataclass(frozen=True, slots=True)
class _Published:
    """Of the last commit with a summary: as of when, what it says of itself, and the state that it was made of."""

    now_ms: int
    epoch: int
    version: int
    fields: Mapping[bytes, bytes]
    config: FoldConfig


@dataclass(slots=True)
class _Remembered:
    """Both generations of digests as they lie in Redis."""

    younger: bytearray = field(default_factory=bytearray)  # grows by some entries a record
    older: bytes = b""
    begun_ms: int = 0
    conflicts: int = 0

    def apply(self, change: DigestChange) -> None:
        """What a commit does with *change*."""
        match change.how:
            case Remember.APPEND:
                self.younger += change.entries
            case Remember.ROTATE:
                self.younger, self.older = bytearray(change.entries), bytes(self.younger)
            case Remember.REPLACE:
                self.younger, self.older = bytearray(change.entries), change.older
        self.begun_ms = change.begun_ms
        self.conflicts = change.conflicts or self.conflicts


def config_of(record: Record, base: FoldConfig | None = None) -> FoldConfig:
    """The rules' settings of *record*; what it does not tell is as in *base*.

    Raises:
        ArchiveError: its rules are of another version, or a setting is none.
    """
    return _config_of(record.cid, record.settings, base or FoldConfig())


def config_of_base(base: Snapshot) -> FoldConfig:
    """The rules' settings of *base*; raises as :func:`config_of`."""
    try:
        settings = Fingerprint.read(base.settings).effective if base.settings else {}
    except ValueError as error:
        raise ArchiveError(f"the state of commit {base.cid!r}: {error}") from None
    return _config_of(base.cid, settings, FoldConfig())


def _config_of(cid: str, told: Mapping[str, int | float], base: FoldConfig) -> FoldConfig:
    rules = told.get(RULES_NAME, RULES_VERSION)
    if rules != RULES_VERSION:
        raise ArchiveError(f"commit {cid!r} was folded by rules {rules:g}, and these are {RULES_VERSION}")
    window_s, most = told.get("SUMMARY_WINDOW_SEC", 1), told.get("MAX_STORIES", 1)
    if not 0 < window_s * 1000 < 2**53 or not 0 < most < 2**53:
        raise ArchiveError(f"commit {cid!r} has settings that cannot be: {dict(told)}")
    return base.under(told)


@dataclass(slots=True)
class Refold:
    """The state after the records so far.

    Args:
        brand: whose.
        hash_key: of the mention ids, from the live state; empty: a new one, and fields with ids are not the live ones.
        limits: of what is decoded.
        ledger: when a generation of digests is full.
        stored: of the commit *cid*, to go on from; without it the first record is a brand's first.
        cid: of the last record.
        config: instead of what the records say: what other settings would have shown.
        trend: what readers see of days, of which those before the last eight are nowhere else.
        recent: the newest chunks as readers see them, oldest first.
    """

    brand: str
    hash_key: bytes = b""
    limits: Limits = field(default_factory=Limits)
    ledger: LedgerLimits = LEDGER_LIMITS
    stored: Stored | None = None
    cid: str = ""
    config: FoldConfig | None = None
    trend: dict[bytes, bytes] = field(default_factory=dict)
    recent: deque[bytes] = field(default_factory=lambda: deque(maxlen=MAX_RECENT))
    _last: Record | None = None
    _state: BrandState | None = None
    _known: Ledger | None = None
    _folded_with: FoldConfig | None = None
    _fields: dict[bytes, bytes] = field(default_factory=dict)
    _digests: _Remembered = field(default_factory=_Remembered)
    _published: _Published | None = None

    def __post_init__(self) -> None:
        stored = self.stored or Stored({}, NO_DIGESTS)
        self._fields = dict(stored.fields)
        digests = stored.digests
        self._digests = _Remembered(bytearray(digests.younger), digests.older, digests.begun_ms, digests.conflicts)
        self._known = Ledger(digests, self.ledger)

    def take(self, record: Record) -> list[Parting]:
        """Fold *record*, which stands on the one before; returns what does not go as it says, and went its way here.

        Raises:
            ArchiveError: it does not follow, was folded by other rules, or put another state in place.
        """
        if (record.brand, record.previous) != (self.brand, self.cid):
            raise ArchiveError(
                f"commit {record.cid!r} of brand {record.brand!r} stands on {record.previous!r},"
                f" and the last one of {self.brand!r} is {self.cid!r}"
            )
        if record.replaces:  # what it left is no fold of anything that was before
            raise ArchiveError(f"commit {record.cid!r} put another state in place: begin at the base of it")
        config = self.config or config_of(record)
        state, ledger = self._state_with(config), self._known
        assert ledger is not None  # noqa: S101 - since the beginning
        partings: list[Parting] = []
        if record.items:
            change = self._fold(state, ledger, record, partings)
        else:
            change = ledger.change(b"", record.now_ms)
            state.advance(record.clock_ms)
        changes = state.take_changes()
        for name in changes.remove:
            self._fields.pop(name, None)
        self._fields.update(changes.put)
        self._show(changes)
        if change is not None:
            self._digests.apply(change)
        if record.summary_ms:
            self._published = _Published(record.summary_ms, record.epoch, record.version, dict(self._fields), config)
        self.cid, self._last = record.cid, replace(record, items=())
        return partings

    @property
    def result(self) -> Stored:
        """What Redis would hold of the state."""
        kept = self._digests
        younger = bytes(kept.younger)
        checks = checked_on(NOTHING_CHECK, younger), checked_on(NOTHING_CHECK, kept.older)
        digests = StoredDigests(younger, kept.older, kept.begun_ms, checks[0], checks[1], conflicts=kept.conflicts)
        return Stored(dict(self._fields), digests)

    def snapshot(self) -> Snapshot:
        """What the last commit left, as a state that can be kept and put in place.

        Raises:
            ArchiveError: no record was taken.
        """
        last = self._last
        if last is None:
            raise ArchiveError(f"no commit of brand {self.brand!r} was folded")
        return Snapshot(
            brand=self.brand,
            cid=last.cid,
            epoch=last.epoch,
            version=last.version,
            format=FORMATS.written,
            settings=Fingerprint(last.settings).text().encode(),
            taken_ms=last.now_ms,
            stored=self.result,
            trend=dict(self.trend),
            recent=list(self.recent),
        )

    def summary(self) -> bytes | None:
        """The summary that the last commit with one wrote; None if there was none."""
        last = self._published
        if last is None:
            return None
        state = BrandState.load(last.config, last.fields)
        return state.summary(self.brand, last.now_ms, last.epoch, last.version)

    def _show(self, changes: Changes) -> None:
        """What a commit of *changes* shows readers beside the summary."""
        for name in changes.trend_remove:
            self.trend.pop(name, None)
        self.trend.update(changes.trend_put)
        self.recent.extend(changes.recent)

    def _state_with(self, config: FoldConfig) -> BrandState:
        """The state under *config*: like a process with other settings, it is loaded anew."""
        if self._state is None or config != self._folded_with:
            if self._fields:
                self._state = BrandState.load(config, self._fields)
            else:
                self._state = BrandState(config, self.hash_key)
            self._folded_with = config
        return self._state

    def _fold(self, state: BrandState, ledger: Ledger, record: Record, partings: list[Parting]) -> DigestChange | None:
        # What became a dead letter is none of a fold's business: why, was decided by settings that a record has not.
        # But one for a conflict, which the ledger has seen.
        told = [Fate.CONFLICT if item.reason == CONFLICT else item.fate for item in record.items]
        places = [place for place, fate in enumerate(told) if fate is not Fate.DEAD_LETTER]
        items = [record.items[place].payload for place in places]
        chunks = decode_batch(items, self.brand, self.limits, state.hashing)
        new = ledger.take(chunks, record.now_ms)
        state.fold(new.batch, record.clock_ms)
        found = {places[place]: fate for place, fate in became(chunks, new).items()}
        partings.extend(
            Parting(record.cid, place, told[place], found[place]) for place in places if found[place] != told[place]
        )
        return new.change
