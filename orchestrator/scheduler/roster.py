"""Which brand is next: the rule, without I/O.

Owns what is known of every brand: registered, ready, held by a lane, put off after a failure, parked, paused, left to a
newer version. A brand is *ready* when it is believed to have work. The belief may be wrong, and the lane finds out. But
a brand with work is never forgotten: it is ready, or held, or the next claim asks about it. In which order ready brands
are taken is decided by :mod:`orchestrator.scheduler.waiting`.

No call that a visit makes looks at all brands, so that ten thousand of them cost a visit what ten do.

Time is an argument, in seconds of one monotonic clock, whichever.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from orchestrator.fleet.noticing import Trouble
from orchestrator.fleet.parking import FAILING, FAILING_FROM, ROOM, Code
from orchestrator.lane.outcome import LaneOutcome
from orchestrator.process.backoff import backoff_s
from orchestrator.scheduler.waiting import Waiting

CLAIM_SLICE = 512
"""Brands that one claim asks about; 512 take 0.26 ms of the server's time, in which it serves nobody else."""

FULL_LOOK = 2 * CLAIM_SLICE
"""Brands without room that one look for it asks about."""

BUSY_PAUSE_S = 0.5
"""For this long, wake hints for a brand that another orchestrator holds are not followed: they are for that one."""


@dataclass(slots=True)
class _Record:
    """What the roster knows of one brand beyond being ready or not."""

    failures: int = 0
    not_before_s: float = 0.0
    trouble: Trouble | None = None
    succeeded: bool = False

    @property
    def ailing(self) -> bool:
        """Whether something about the brand is to be told."""
        return bool(self.failures) or self.trouble is not None

    @property
    def left(self) -> bool:
        """Whether the brand is left to a newer version."""
        return self.trouble is not None and self.trouble.code is Code.NEWER

    @property
    def full(self) -> bool:
        """Whether the brand waits for room, among its dead letters or for the archive."""
        return self.trouble is not None and self.trouble.code in ROOM

    @property
    def parked(self) -> bool:
        """Whether somebody has to act."""
        return self.trouble is not None and not (self.left or self.trouble.code in FAILING)

    def found(self, code: Code, reason: str, now_s: float) -> Trouble:
        """The trouble that was found now; one that was known lasts since it began."""
        known = self.trouble
        since_s = known.since_s if known is not None and known.code is code else now_s
        return Trouble(code, reason, since_s, now_s)


class Roster:
    """The brands of this orchestrator and the order in which lanes take them.

    Args:
        backoff_base: factor between the waits after two failures of a brand.
        park_s: seconds until a brand that is parked, or left to a newer version, is looked at again.
    """

    def __init__(self, *, backoff_base: float, park_s: float) -> None:
        self._backoff_base = backoff_base
        self._park_s = park_s
        self._records: dict[str, _Record] = {}
        self._ready = Waiting()
        self._held: set[str] = set()
        self._known: set[str] = set()
        self._ailing: dict[str, None] = {}  # an ordered set
        self._paused: frozenset[str] = frozenset()
        self._read = False
        self._cursor = 0
        self._full_cursor = 0

    # -- what is registered

    def register(self, brands: Iterable[str]) -> tuple[list[str], list[str]]:
        """Take over the registry as it was read just now; returns the brands that came and those that left.

        Those of the first reading are known: nobody was there before them. Later ones are newcomers until they were
        served.
        """
        wanted = dict.fromkeys(brands)
        left = [brand for brand in self._records if brand not in wanted]
        for brand in left:
            del self._records[brand]
            self._ready.remove(brand)
            self._known.discard(brand)
            self._ailing.pop(brand, None)
        came = [brand for brand in wanted if brand not in self._records]
        self._records.update((brand, _Record()) for brand in came)
        if not self._read:
            self._known.update(came)
        self._read = True
        return came, left

    def brands(self) -> tuple[str, ...]:
        """All registered brands, in the order in which they came."""
        return tuple(self._records)

    def __contains__(self, brand: str) -> bool:
        return brand in self._records

    # -- what has work

    def mark_ready(self, brand: str) -> bool:
        """Believe that *brand* has work; False if it is unknown, paused or a lane holds it already."""
        if brand not in self._records or brand in self._held or brand in self._paused:
            return False
        self._wait(brand)
        return True

    def claimed(self, brand: str) -> bool:
        """Like :meth:`mark_ready`, for an answer to a claim; False also for a brand that was ready before."""
        return brand not in self._ready and self.mark_ready(brand)

    def hint(self, brand: str, now_s: float) -> bool:
        """Like :meth:`mark_ready`, for a wake hint: a brand that is put off stays so."""
        record = self._records.get(brand)
        if record is None or record.not_before_s > now_s:
            return False
        return self.mark_ready(brand)

    def claim_slices(self, *, everything: bool = False) -> list[list[str]]:
        """The brands to ask Redis about, in slices, starting one slice further at every call.

        With a fixed start the brands at the end of a long registry would always come last.

        Args:
            everything: also those that are ready or held, because all queues are to be counted.
        """
        asked = list(self._records) if everything else [brand for brand in self._records if self._idle(brand)]
        if not asked:
            return []
        start = self._cursor % len(asked)
        self._cursor = start + CLAIM_SLICE
        turned = asked[start:] + asked[:start]
        return [turned[at : at + CLAIM_SLICE] for at in range(0, len(turned), CLAIM_SLICE)]

    def _idle(self, brand: str) -> bool:
        return brand not in self._held and brand not in self._ready

    def idle(self, brand: str) -> bool:
        """Whether *brand* may be taken, and no lane has it, nor does it wait for one."""
        return brand in self._records and self._idle(brand) and brand not in self._paused

    def waits(self, brand: str) -> bool:
        """Whether *brand* is ready."""
        return brand in self._ready

    def waiting(self, now_s: float) -> int:
        """How many brands could be taken at *now_s*."""
        return self._ready.count(now_s)

    def pause(self, brands: Iterable[str]) -> list[str]:
        """From now on *brands* are paused, and no others; those that a lane holds are returned.

        A brand that is paused is never ready, and nothing is held against it: it is mended meanwhile, perhaps. The next
        claim finds what waits for one that is not paused any more.
        """
        self._paused = frozenset(brands)
        for brand in self._paused:
            self._forget(brand)
            self._ready.remove(brand)
        return [brand for brand in self._held if brand in self._paused]

    # -- what lanes do

    def take(self, now_s: float) -> str | None:
        """The next brand for a free lane, now held; None if none may start yet."""
        brand = self._ready.next(now_s)
        if brand is not None:
            self._held.add(brand)
        return brand

    def has_waiting(self, now_s: float) -> bool:
        """Whether :meth:`take` would return a brand."""
        return self._ready.any(now_s)

    def next_start_s(self) -> float | None:
        """When the first of the ready brands may start, 0 if one may already, None if none is ready."""
        return self._ready.next_start_s()

    def progress(self, brand: str) -> None:
        """A lane committed work of *brand*: its failures are over, although a busy visit may go on for long."""
        if brand in self._records:
            self._note(brand, _Record(succeeded=True))
            self._known.add(brand)

    def finish(
        self, brand: str, outcome: LaneOutcome, now_s: float, *, reason: str = "", code: Code | None = None
    ) -> None:
        """A lane released *brand*: decide whether and when it is taken again.

        Args:
            brand: which.
            outcome: how the visit ended.
            now_s: when.
            reason: what was found, if it did not end well.
            code: why; None: for no reason of the brand's.
        """
        self._held.discard(brand)
        record = self._records.get(brand)
        if record is None:  # it left the registry meanwhile
            return
        if outcome is LaneOutcome.PAUSED or brand in self._paused:
            # However the visit ended, the pause ended it: a claim says when the brand may be taken again.
            self._forget(brand)
        elif outcome is LaneOutcome.BUSY:
            # Another orchestrator has it, so what failed or parked here may not fail there: forget it.
            self._note(brand, _Record(not_before_s=now_s + BUSY_PAUSE_S, succeeded=record.succeeded))
            self._known.add(brand)
        elif outcome in {LaneOutcome.DRAINED, LaneOutcome.YIELDED}:
            self.progress(brand)
            if outcome is LaneOutcome.YIELDED:
                self._wait(brand)
        else:
            self._note(brand, self._put_off(record, outcome, now_s, reason, code))
            self._wait(brand)

    def _put_off(self, record: _Record, outcome: LaneOutcome, now_s: float, reason: str, code: Code | None) -> _Record:
        """What is known of a brand after a visit that did not end well, of which *record* was known before."""
        if outcome is LaneOutcome.LEFT:
            # Rarely, and no hint helps: it comes back only if somebody puts another state there.
            return _Record(not_before_s=now_s + self._park_s, trouble=record.found(Code.NEWER, reason, now_s))
        if outcome in {LaneOutcome.PARKED, LaneOutcome.FULL}:
            parked = code or (Code.FULL if outcome is LaneOutcome.FULL else Code.OTHER)
            return _Record(record.failures, now_s + self._park_s, record.found(parked, reason, now_s))
        failures = record.failures + 1
        trouble = None if record.left else record.trouble  # a newer version's state is gone if it could be loaded
        if failures >= FAILING_FROM and code in FAILING and not record.parked:
            trouble = record.found(code, reason, now_s)
        return _Record(failures, now_s + self._pause_s(failures, outcome), trouble)

    def _forget(self, brand: str) -> None:
        """Hold nothing against *brand*, and put it off no longer."""
        record = self._records.get(brand)
        if record is not None:
            self._note(brand, _Record(succeeded=record.succeeded))

    def _note(self, brand: str, record: _Record) -> None:
        self._records[brand] = record
        if record.ailing:
            self._ailing[brand] = None
        else:
            self._ailing.pop(brand, None)

    def _wait(self, brand: str) -> None:
        if brand in self._paused:
            return
        self._ready.add(brand, self._records[brand].not_before_s, known=brand in self._known)

    def _pause_s(self, failures: int, outcome: LaneOutcome) -> float:
        # The first lost lease is nobody's failure: try again at once.
        if outcome is LaneOutcome.LOST:
            failures -= 1
        return backoff_s(failures, self._backoff_base) if failures else 0.0

    def full(self) -> list[str]:
        """Brands that are parked because they have no room, as far as no lane looks at them now."""
        return [brand for brand, record in self._ill() if record.full and brand not in self._held]

    def full_slices(self) -> list[list[str]]:
        """The full brands to ask Redis about, in slices: of very many only some, starting with the next ones each time.

        What two slices cost is what a claim of a thousand brands does; looks come twice a second.
        """
        full = self.full()
        if not full:
            return []
        start = self._full_cursor % len(full)
        self._full_cursor = start + FULL_LOOK
        turned = (full[start:] + full[:start])[:FULL_LOOK]
        return [turned[at : at + CLAIM_SLICE] for at in range(0, len(turned), CLAIM_SLICE)]

    def roomy(self, brand: str) -> None:
        """There is room for *brand* again: let it start at once."""
        record = self._records.get(brand)
        if record is not None and record.full:
            record.not_before_s = 0.0
            self._ready.hurry(brand)

    def forgive(self) -> None:
        """Let every brand that failed start at once: Redis is back, and they failed because it was away."""
        for brand, record in self._records.items():
            if not (record.parked or record.left):
                record.not_before_s = 0.0
                self._ready.hurry(brand)

    # -- what health says

    def failed(self) -> int:
        """Brands whose last visit was given up, or which are parked."""
        return sum(1 for _, record in self._ill() if record.failures or record.parked)

    def successful(self) -> int:
        """Brands whose last visit went well."""
        return sum(1 for record in self._records.values() if record.succeeded)

    def left(self) -> list[str]:
        """Brands whose state a newer version wrote; the processes of that version work on them."""
        return [brand for brand, record in self._ill() if record.left]

    def parked(self) -> dict[str, Trouble]:
        """Parked brands and why."""
        return {brand: record.trouble for brand, record in self._ill() if record.parked and record.trouble is not None}

    def troubles(self) -> dict[str, Trouble]:
        """Brands that are parked, left to a newer version, or whose visits fail one after the other, and why."""
        return {brand: record.trouble for brand, record in self._ill() if record.trouble is not None}

    def ails(self, brand: str) -> bool:
        """Whether *brand* is one of :meth:`troubles`."""
        record = self._records.get(brand)
        return record is not None and record.trouble is not None

    def _ill(self) -> Iterator[tuple[str, _Record]]:
        return ((brand, self._records[brand]) for brand in self._ailing)
