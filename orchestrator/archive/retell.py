"""A brand as readers saw it at a time: from a base and the records after it.

Not commit by commit as :mod:`orchestrator.archive.refold` makes a state, but the fold alone: what a state says depends
on the chunks, their order and the times given with them, never on how commits cut them. So nothing is written into
fields on the way, and what became of an item is taken as its record says. That halves the work. Only where settings
changed on the way does it matter what each commit had written, since the state was loaded anew then: there all begins
again, commit by commit.

Pure; where records come from is the business of :mod:`orchestrator.objects`. The work is bounded by what lies between
the base and that time, the memory by the state, the records up to the next summary, and what a journal keeps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from orchestrator.archive.explain import Heading
from orchestrator.archive.record import MAX_ITEM_BYTES
from orchestrator.archive.refold import config_of, config_of_base
from orchestrator.brand.panes import first_pane, panes_per_window
from orchestrator.brand.state import BrandState
from orchestrator.contract.consumed import Fate
from orchestrator.contract.decode import Limits, decode_batch
from orchestrator.contract.fingerprint import RULES_NAME, RULES_VERSION, Fingerprint
from orchestrator.errors import ArchiveError, NothingToExplainError

if TYPE_CHECKING:
    from orchestrator.archive.explain import Journal
    from orchestrator.archive.record import Record
    from orchestrator.archive.snapshot import Snapshot
    from orchestrator.brand.contributions import Counted
    from orchestrator.brand.outputs import FoldConfig

_LIMITS: Final = Limits(max_chunk_bytes=MAX_ITEM_BYTES)
"""What was folded was small enough then."""

Watch = Callable[["Record", Sequence["Counted"]], None]


@dataclass(frozen=True, slots=True)
class Retold:
    """What was told.

    Attributes:
        summary: as the last commit with one wrote it.
        state: of that commit, as of its summary.
        heading: which commit that was, and as of when its summary is.
        records: that were folded for it.
    """

    summary: bytes
    state: BrandState
    heading: Heading
    records: int


@dataclass(frozen=True, slots=True)
class Behind:
    """What led to a base that a rebuild put in place, to be folded as the rebuild did.

    Attributes:
        base: with an earlier state; where that is of no commit, the records begin with the brand's first one.
        records: those after the earlier state, up to the one before the base or further; may be gone through twice.
    """

    base: Snapshot
    records: Iterable[tuple[Record, str]]


class _OtherSettingsError(ArchiveError):
    """Raised when a record has other settings than the one before, and nothing was written on the way."""


class _Replay:
    """The state after the records so far; *written* says whether fields are, commit by commit.

    The settings *own* count instead of those of the records, and then these may be of other rules: so does a rebuild.
    """

    def __init__(
        self, brand: str, base: Snapshot | None, *, written: bool, own: Mapping[str, int | float] | None = None
    ) -> None:
        self._brand = brand
        self._own = None if own is None else {**own, RULES_NAME: RULES_VERSION}
        self._written = written
        self._fields: dict[bytes, bytes] = {} if base is None else dict(base.stored.fields)
        self._config: FoldConfig | None = None if base is None else config_of_base(base)
        self._state: BrandState | None = None if self._config is None else BrandState.load(self._config, self._fields)
        self._cid = "" if base is None else base.cid

    def take(self, record: Record, watch: Watch | None) -> None:
        """Fold *record*, which stands on the one before.

        Raises:
            ArchiveError: it does not, is another brand's, or was folded by other rules.
        """
        if (record.brand, record.previous) != (self._brand, self._cid):
            raise ArchiveError(
                f"commit {record.cid!r} of brand {record.brand!r} stands on {record.previous!r},"
                f" and the last one of {self._brand!r} is {self._cid!r}"
            )
        state = self._under(self.config_of(record))
        places = [place for place, item in enumerate(record.items) if item.fate is Fate.FOLDED]
        items = [bytes(record.items[place].payload) for place in places]
        batch = decode_batch(items, self._brand, _LIMITS, state.hashing)
        if batch.rejected:
            raise ArchiveError(
                f"commit {record.cid!r}: item {places[batch.rejected[0].index]} cannot be folded any more"
            )
        if watch is None:
            state.fold(batch, record.clock_ms)
        else:
            state.fold(
                batch,
                record.clock_ms,
                lambda found: watch(record, [replace(one, index=places[one.index]) for one in found]),
            )
        self._cid = record.cid
        if self._written:
            changes = state.take_changes()
            for name in changes.remove:
                self._fields.pop(name, None)
            self._fields.update(changes.put)

    def config_of(self, record: Record) -> FoldConfig:
        """With which *record* is folded."""
        if self._own is not None:
            record = replace(record, settings={**record.settings, **self._own})
        return config_of(record)

    @property
    def state(self) -> BrandState | None:
        """The state now; None before the first record without a base."""
        return self._state

    def _under(self, config: FoldConfig) -> BrandState:
        """The state under *config*: like a process with other settings, it is loaded anew."""
        state = self._state
        if state is None:
            state = BrandState(config)
        elif config != self._config:
            if not self._written:
                raise _OtherSettingsError(f"brand {self._brand!r} was folded with other settings on the way")
            state = BrandState.load(config, self._fields)
        self._state, self._config = state, config
        return state


def retell(
    brand: str,
    base: Snapshot | Behind | None,
    records: Iterable[tuple[Record, str]],
    *,
    at_ms: int | None = None,
    journal: Journal | None = None,
    base_of: Callable[[str], Snapshot] | None = None,
) -> Retold:
    """What readers saw at *at_ms* (Unix ms; None: after the last record), and in a *journal* which chunks made it.

    Args:
        brand: whose.
        base: the state to begin with, with a summary as of its own time; None: the first record is the brand's first.
            With what led to it, the journal is told of that, too, unless something else comes of it.
        records: those after it, in the order of the chain, each with the name of its object; may be gone through twice.
        at_ms: a summary that is younger does not count.
        journal: is told what each chunk added.
        base_of: the state that a commit put in place of the one before, by its id; then all begins again.

    Raises:
        NothingToExplainError: there was no summary then.
        ArchiveError: the records are damaged, do not follow, or were folded by other rules.
    """
    begins, behind = (base.base, base) if isinstance(base, Behind) else (base, None)
    telling = _Telling(brand, begins, records, at_ms, journal, base_of, behind)
    try:
        return telling.tell(written=False)
    except _OtherSettingsError:
        if journal is not None:
            journal.clear()
        return telling.tell(written=True)


@dataclass(frozen=True, slots=True)
class _Telling:
    """What :func:`retell` was asked."""

    brand: str
    base: Snapshot | None
    records: Iterable[tuple[Record, str]]
    at_ms: int | None
    journal: Journal | None
    base_of: Callable[[str], Snapshot] | None
    behind: Behind | None

    def tell(self, *, written: bool) -> Retold:
        """What was seen; *written* as for the replay."""
        brand, base = self.brand, self.base
        replay, count = _Replay(brand, base, written=written), 0
        if base is not None and replay.state is not None:
            self._look_behind(base, replay.state)
        last: _Last | None = None if base is None else _Last(base.cid, 0, base.epoch, base.version)
        waiting: list[tuple[Record, str]] = []  # until a commit has a summary: what it does not show was not seen
        for record, name in self.records:
            # A commit whose batch was folded before that time, and whose summary came after it.
            if self.at_ms is not None and record.summary_ms > self.at_ms:
                break
            waiting.append((record, name))
            if not record.summary_ms:
                continue
            for one, place in waiting:
                if one.replaces and self.base_of is not None:
                    before, replay = replay, _Replay(brand, self.base_of(one.cid), written=written)
                    if self.journal is not None:
                        self.journal.begin_again(before.state, replay.state)
                else:
                    _fold(replay, one, place, self.journal)
            count += len(waiting)
            waiting.clear()
            last = _Last(record.cid, record.summary_ms, record.epoch, record.version)
        state = replay.state
        if last is None or state is None:
            raise NothingToExplainError(f"brand {brand!r} had no summary then, as far back as its archive leads")
        summary = state.summary(brand, last.summary_ms, last.epoch, last.version)
        return Retold(summary, state, Heading(brand, state.clock_ms, last.cid, last.version), count)

    def _look_behind(self, base: Snapshot, state: BrandState) -> None:
        """Have the journal know what led to *base*, if this is how *state* came about."""
        if self.behind is None or self.journal is None:
            return
        earlier = self.behind.base.earlier
        assert earlier is not None  # noqa: S101 - or nothing is behind it
        own = Fingerprint.read(earlier.settings).own
        replay = _Replay(self.brand, earlier if earlier.cid else None, written=True, own=own)
        for record, name in self.behind.records:
            if record.cid == base.cid:
                break
            _fold(replay, record, name, self.journal)
        if replay.state is None or not _alike(replay.state, state):
            self.journal.clear()


def _alike(one: BrandState, other: BrandState) -> bool:
    """Whether they count the same, story by story."""
    return one.totals == other.totals and one.story_views() == other.story_views()


@dataclass(frozen=True, slots=True)
class _Last:
    """The last commit with a summary."""

    cid: str
    summary_ms: int
    epoch: int
    version: int


def _fold(replay: _Replay, record: Record, name: str, journal: Journal | None) -> None:
    if journal is None:
        replay.take(record, None)
        return
    replay.take(record, lambda record, found: journal.take(record, found, name))
    window_ms = replay.config_of(record).window_ms
    journal.advance(first_pane(record.clock_ms, window_ms), panes_per_window(window_ms))
