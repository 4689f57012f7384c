"""The operators' page in words and rows, worked out from the picture of the fleet: plain values, no HTML, no I/O.

Everything foreign is made printable and is bounded here: marks that order a direction are shown as escapes, because on
this page somebody decides by what is written.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from orchestrator.contract.alert_routes import overdue
from orchestrator.contract.history import Period
from orchestrator.contract.letters import LetterError, group_name
from orchestrator.contract.times import iso_utc_seconds
from orchestrator.fleet.ordering import stands
from orchestrator.fleet.parking import remedy
from orchestrator.fleet.view import Standing, by_urgency
from orchestrator.fleet.words import conflicts
from orchestrator.http.movement import NONE
from orchestrator.http.view import Time, number, time_of
from orchestrator.process.masking import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from orchestrator.contract.acts import Act
    from orchestrator.contract.alert_routes import RouteStates
    from orchestrator.contract.history import Step
    from orchestrator.contract.letters import Letter
    from orchestrator.fleet.members import Member
    from orchestrator.fleet.view import BrandStatus, FleetView
    from orchestrator.letters import Tally
    from orchestrator.store.orphans import Orphans

SHOWN_QUEUES: Final = 50
SHOWN_BRANDS: Final = 100
SHOWN_GROUPS: Final = 50
SHOWN_ORPHANS: Final = 20
SHOWN_CHARS: Final = 300
PAYLOAD_CHARS: Final = 2_000
SLOT_MINUTES: Final = {Period.DAY: 10, Period.WEEK: 60, Period.MONTH: 240}
"""What one column of a chart stands for: 144 to 180 of them, which a phone can still show."""

_MIB: Final = 2**20
_HOUR_S: Final = 3_600
_LONG_S: Final = 120


@dataclass(frozen=True, slots=True)
class Tile:
    """One number of the strip at the top; *bad*: somebody should look."""

    name: str
    value: str
    bad: bool = False


@dataclass(frozen=True, slots=True)
class RouteRow:
    """One route of alerts; *bad*: somebody should look."""

    name: str
    address: str
    chooses: str
    waits: str
    kept: str
    next: Time | None
    quiet: Time | None
    delivered: Time | None
    trouble: str
    since: Time | None
    bad: bool


@dataclass(frozen=True, slots=True)
class QueueRow:
    """One brand with chunks."""

    brand: str
    queued: str
    failed: str
    standing: str
    holder: str


@dataclass(frozen=True, slots=True)
class ParkedRow:
    """One brand that is left alone, or fails."""

    brand: str
    queued: str
    standing: str
    reason: str
    remedy: str
    since: Time | None


@dataclass(frozen=True, slots=True)
class OrphanRow:
    """One queue whose brand nobody registered."""

    name: str
    chunks: str
    why: str


@dataclass(frozen=True, slots=True)
class ConflictRow:
    """A brand in which chunks contradicted the ones that their ids name, in a sentence."""

    brand: str
    told: str


@dataclass(frozen=True, slots=True)
class PausedRow:
    """One brand that an operator paused."""

    brand: str
    queued: str
    reason: str
    by: str
    since: Time | None
    until: Time | None


@dataclass(frozen=True, slots=True)
class MemberRow:
    """One process."""

    id: str
    name: str
    version: str
    lanes: str
    rate: str
    memory: str
    since: Time | None
    heard: str
    holds: Sequence[tuple[str, Time | None]]
    stands: str
    quiet: bool
    obeys: bool


@dataclass(frozen=True, slots=True)
class GroupRow:
    """Dead letters that have brand, writer, reason and path in common."""

    brand: str
    name: str
    writer: str
    letters: str
    reason: str
    path: str
    can_retry: bool


@dataclass(frozen=True, slots=True)
class LetterRow:
    """One dead letter."""

    index: int
    at: Time | None
    writer: str
    reason: str
    path: str
    payload: str
    hidden: str


@dataclass(frozen=True, slots=True)
class ActRow:
    """One entry of the audit list."""

    at: Time | None
    by: str
    action: str
    brand: str
    details: str


@dataclass(frozen=True, slots=True)
class Column:
    """One slot of a chart, in percent of its width and height."""

    x: float
    width: float
    y: float
    height: float
    title: str


@dataclass(frozen=True, slots=True)
class HistoryChart:
    """One number over a day, a week or a month; ``described`` says in words what the columns show."""

    name: str
    columns: Sequence[Column]
    first: str
    last: str
    highest: str
    described: str


def shown(text: str, most: int = SHOWN_CHARS) -> str:
    """*text* of somebody else, fit for a page where decisions are taken: no hidden marks, not too long."""
    cut = text[:most]
    return printable(cut) + (f"… ({len(text):,} characters)" if len(text) > most else "")


def duration(seconds: float | None) -> str:
    """A duration as people say it."""
    if seconds is None:
        return NONE
    if seconds < _LONG_S:
        return f"{seconds:.0f} s" if seconds >= 10 or seconds == 0 else f"{seconds:.1f} s"  # noqa: PLR2004 - digits
    return f"{seconds / 60:.0f} min" if seconds < 2 * _HOUR_S else f"{seconds / _HOUR_S:.1f} h"


def strip(fleet: FleetView) -> list[Tile]:
    """The numbers at the top of the page."""
    counts = fleet.counts
    told = any(member.rates is not None for member in fleet.members)
    parked = counts.get(Standing.PARKED, 0) + counts.get(Standing.FAILING, 0)
    oldest_s = fleet.oldest_s if fleet.brands_with_chunks else 0.0
    return [
        Tile("Chunks waiting", number(fleet.chunks)),
        Tile("Brands waiting", number(fleet.brands_with_chunks)),
        Tile("Oldest waits", duration(oldest_s), bad=oldest_s is not None and oldest_s > _LONG_S),
        Tile("Chunks a second", number(fleet.rates.chunks) if told else NONE),
        Tile("Dead letters", number(fleet.dead_letters), bad=fleet.dead_letters > 0),
        Tile("Parked", number(parked), bad=parked > 0),
        Tile("Paused", number(counts.get(Standing.PAUSED, 0))),
        Tile("Spiking", number(len(fleet.spiking))),
        _processes(fleet),
    ]


def _processes(fleet: FleetView) -> Tile:
    quiet = sum(member.quiet for member in fleet.members)
    value = f"{number(len(fleet.members))}{f', {number(quiet)} quiet' if quiet else ''}"
    return Tile("Processes", value, bad=quiet == len(fleet.members))


def queue_rows(fleet: FleetView) -> tuple[list[QueueRow], int]:
    """The longest queues, and how many further brands have chunks."""
    waiting = by_urgency(brand for brand in fleet.brands if brand.queued or brand.unreadable)
    rows = [
        QueueRow(brand.brand, _count(brand.queued), _count(brand.failed), brand.standing.value, _holder(brand))
        for brand in waiting[:SHOWN_QUEUES]
    ]
    return rows, len(waiting) - len(rows)


def parked_rows(fleet: FleetView) -> list[ParkedRow]:
    """Brands that somebody has to act for."""
    found = fleet.alone
    return [
        ParkedRow(
            brand.brand,
            _count(brand.queued),
            brand.standing.value,
            shown(brand.parked.reason),
            printable(remedy(brand.parked.code, brand.brand)),
            _time(brand.parked.since_ms),
        )
        for brand in found[:SHOWN_BRANDS]
        if brand.parked is not None
    ]


def orphan_rows(orphans: Orphans | None) -> tuple[list[OrphanRow], int]:
    """Queues that nobody reads, and how many more there are."""
    if orphans is None:
        return [], 0
    rows = [OrphanRow(shown(one.name), number(one.chunks), shown(one.why)) for one in orphans.named[:SHOWN_ORPHANS]]
    return rows, max(0, orphans.queues - len(rows))


def route_rows(states: RouteStates | None, now_ms: int) -> list[RouteRow]:
    """The routes of alerts, as the process that serves the page knows them."""
    if states is None:
        return []
    late = overdue(states.routes, now_ms)
    return [
        RouteRow(
            state.name,
            shown(state.address),
            shown(state.chooses),
            number(state.waiting) if states.counted else "not known",
            number(state.kept) if states.counted else "not known",
            _time(state.next_ms),
            _time(state.quiet_until_ms),
            _time(state.delivered_ms),
            shown(state.trouble),
            _time(state.trouble_since_ms),
            state in late,
        )
        for state in states.routes
    ]


def conflict_rows(fleet: FleetView) -> list[ConflictRow]:
    """Brands in which a chunkId named several chunks within a day."""
    return [
        ConflictRow(brand.brand, shown(conflicts(brand, fleet.as_of_ms))) for brand in fleet.conflicting[:SHOWN_BRANDS]
    ]


def paused_rows(fleet: FleetView) -> list[PausedRow]:
    """Brands that wait because an operator said so."""
    return [
        PausedRow(
            brand.brand,
            _count(brand.queued),
            shown(brand.paused.reason),
            shown(brand.paused.by),
            _time(brand.paused.since_ms),
            _time(brand.paused.until_ms),
        )
        for brand in fleet.standing(Standing.PAUSED)[:SHOWN_BRANDS]
        if brand.paused is not None
    ]


def member_rows(fleet: FleetView, members: Sequence[Member]) -> list[MemberRow]:
    """Some of the processes that live, how they stand to orders, and what each holds."""
    held: dict[str, list[BrandStatus]] = {}
    for brand in fleet.brands:
        if brand.holder is not None:
            held.setdefault(brand.holder.name, []).append(brand)
    return [_member_row(fleet.as_of_ms, member, held.get(member.name, [])) for member in members[:SHOWN_BRANDS]]


def _member_row(now_ms: int, member: Member, held: Sequence[BrandStatus]) -> MemberRow:
    return MemberRow(
        id=member.id,
        name=member.name,
        version=member.version,
        lanes=f"{member.active} of {member.lanes}",
        rate=NONE if member.rates is None else number(member.rates.chunks),
        memory=NONE if member.load is None else f"{number(member.load.memory_bytes / _MIB)} MiB",
        since=_time(member.since_ms),
        heard=f"{duration(member.age_ms / 1000)} ago",
        holds=[
            (brand.brand, None if brand.holder is None else _time(brand.holder.since_ms))
            for brand in held[:SHOWN_BRANDS]
        ],
        stands=shown(stands(now_ms, member)),
        quiet=member.quiet,
        obeys=member.obedience is not None,
    )


def group_rows(tally: Tally) -> list[GroupRow]:
    """The largest groups of dead letters."""
    return [
        GroupRow(
            brand=group.brand,
            name=group_name(group.writer, group.reason, group.path),
            writer=group.writer.value,
            letters=number(letters),
            reason=shown(group.reason) or "no reason told",
            path=shown(group.path),
            can_retry=group.writer.value != "other",
        )
        for group, letters in tally.groups.most_common(SHOWN_GROUPS)
    ]


def letter_row(letter: Letter) -> LetterRow:
    """One dead letter with the beginning of its payload."""
    try:
        payload = letter.payload()
    except LetterError:
        payload = letter.raw
    begin = payload[: 4 * PAYLOAD_CHARS].decode(errors="backslashreplace")[:PAYLOAD_CHARS]
    rest = len(payload) - len(begin.encode())
    return LetterRow(
        index=letter.index,
        at=_time(letter.at_ms),
        writer=letter.writer.value,
        reason=shown(letter.group[0]) or "no reason told",
        path=shown(letter.text("path")),
        payload=printable(begin, keep="\n\t"),
        hidden=f"{rest:,} bytes more" if rest > 0 else "",
    )


def act_rows(acts: Sequence[Act]) -> list[ActRow]:
    """The newest acts, the newest first."""
    return [
        ActRow(
            time_of(act.at),
            shown(act.by),
            shown(act.action),
            NONE if act.brand is None else shown(act.brand),
            shown(", ".join(f"{name} {value}" for name, value in act.details.items())),
        )
        for act in acts
    ]


def history_charts(steps: Sequence[Step], period: Period) -> list[HistoryChart]:
    """Backlog, rate and dead letters of *period*; none before the first minute was written."""
    if not steps:
        return []
    charts = (
        _chart("Chunks waiting", period, steps, lambda step: step.chunks),
        _chart("Chunks a second", period, steps, lambda step: step.rate),
        _chart("Dead letters", period, steps, lambda step: step.dead_letters),
    )
    return [chart for chart in charts if chart is not None]


def _chart(
    name: str, period: Period, steps: Sequence[Step], value: Callable[[Step], float | None]
) -> HistoryChart | None:
    size, last = SLOT_MINUTES[period], steps[-1].minute
    slots = period.minutes // size
    first = (last // size - slots + 1) * size
    greatest: dict[int, float] = {}
    for step in steps:
        amount = value(step)
        if amount is not None and step.minute >= first:
            slot = (step.minute - first) // size
            greatest[slot] = max(amount, greatest.get(slot, 0.0))
    if not greatest:
        return None
    highest, peak = max(greatest.values()), max(greatest, key=lambda slot: greatest[slot])
    width = 100 / slots

    def clock(slot: int) -> str:
        return _clock(first + slot * size, period)

    columns = [
        Column(
            round(slot * width, 3),
            round(width * 0.9, 3),
            *_bar(amount / highest if highest else 0.0),
            f"{clock(slot)}: {number(amount)}",
        )
        for slot, amount in sorted(greatest.items())
    ]
    return HistoryChart(
        name,
        columns,
        clock(0),
        _clock(last, period),
        number(highest),
        f"{name} over the last {period.value}: at most {number(highest)}, at {clock(peak)} UTC;"
        f" {number(greatest[max(greatest)])} at last",
    )


def _bar(share: float) -> tuple[float, float]:
    height = round(100 * share, 2)
    return round(100 - height, 2), height


def _clock(minute: int, period: Period) -> str:
    """The time of day, and for more than one day the date before it."""
    moment = datetime.fromtimestamp(60 * minute, UTC)
    return f"{moment:%H:%M}" if period is Period.DAY else f"{moment:%m-%d %H:%M}"


def _holder(brand: BrandStatus) -> str:
    if brand.holder is None:
        return NONE
    return str(brand.holder) + (" (gone)" if brand.holder.lives is False else "")


def _count(value: int | None) -> str:
    return "not readable" if value is None else number(value)


def _time(at_ms: int | None) -> Time | None:
    try:
        return time_of(iso_utc_seconds(at_ms)) if at_ms else None
    except (OverflowError, ValueError):  # of an untrusted clock
        return None
