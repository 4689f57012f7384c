"""The picture in words: durations, sizes and sentences that are the same wherever it is shown.

Pure. Names of brands and texts from Redis are put in as they are: whoever prints them escapes them for the place.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from orchestrator.contract import own_settings
from orchestrator.contract.pauses import resuming
from orchestrator.fleet.parking import Parked
from orchestrator.fleet.view import BrandStatus, FleetView, Holder, Standing

_UNITS: Final = ((86_400, "d"), (3_600, "h"), (60, "min"))
_KIB: Final = 1024


def lasting(seconds: float) -> str:
    """``0.4 s``, ``59 s``, ``3 min``, ``27 h``, ``3 d``: two units are never needed to act."""
    for size, unit in _UNITS:
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s" if seconds >= 1 else f"{max(0.0, seconds):.1f} s"


def since(view_ms: int, since_ms: int | None) -> str:
    """How long before *view_ms* it began; a question mark where nobody knows."""
    return "?" if not since_ms else lasting(max(0, view_ms - since_ms) / 1000)


def memory(size: int) -> str:
    """``182 MiB``, ``1.5 GiB``."""
    return f"{size / _KIB**3:.1f} GiB" if size >= _KIB**3 else f"{size / _KIB**2:.0f} MiB"


def share(part: float) -> str:
    """``41 %``."""
    return f"{100 * part:.0f} %"


def rate(number: float) -> str:
    """``0``, ``0.2``, ``12``, ``24,060``: a second."""
    return f"{number:,.0f}" if number >= 10 or number == int(number) else f"{number:.1f}"  # noqa: PLR2004 - 2 digits


def counted(number: int, singular: str) -> str:
    """``1 chunk``, ``2,000 chunks``."""
    return f"{number:,} {singular}{'' if number == 1 else 's'}"


def some(names: Sequence[str], most: int) -> str:
    """The first *most* of *names*, quoted, and how many there are beyond."""
    more = f", and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(map(repr, names[:most])) + more


def lives(holder: Holder) -> str:
    """Whether the holder of a lock lives."""
    return {True: "lives", False: "gone", None: "not told"}[holder.lives]


def by_whom(view: FleetView, parked: Parked) -> str:
    """The id of the process that says so."""
    return next((member.id for member in view.members if member.name == parked.by), parked.by)


def backlog(view: FleetView) -> str:
    """What waits."""
    if not view.chunks:
        return "nothing waits"
    oldest = "" if view.oldest_s is None else f", the oldest for {lasting(view.oldest_s)}"
    where = f"{view.brands_with_chunks:,} of {counted(len(view.brands), 'brand')}"
    return f"{counted(view.chunks, 'chunk')} in {where}{oldest}"


def orphans(view: FleetView) -> str:
    """What waits where nobody looks; empty if nothing does, or nobody has searched."""
    found = view.orphans
    if found is None or not found.queues:
        return ""
    names = some([one.name for one in found.named], 3)
    return f"{counted(found.chunks, 'chunk')} in {counted(found.queues, 'queue')} of no registered brand: {names}"


def done(view: FleetView) -> str:
    """What all processes get done."""
    rates = view.rates
    return (
        f"{rate(rates.chunks)} chunks/s, {rate(rates.mentions)} mentions/s, {rate(rates.brands)} brands/s,"
        f" {rate(rates.duplicates)} duplicates/s, {rate(rates.dead_letters)} dead letters/s"
    )


def running(view: FleetView) -> str:
    """Who runs."""
    if not view.members:
        return "none is running"
    active = sum(member.active for member in view.members)
    quiet = sum(member.quiet for member in view.members)
    note = f", {quiet} quiet" if quiet else ""
    return f"{len(view.members)} running{note}, {active:,} of {counted(view.lanes, 'lane')} with a brand"


_ALONE: Final = {
    Standing.PAUSED: "Paused by an operator; its chunks wait.",
    Standing.PARKED: "Parked until somebody acts; its chunks wait.",
    Standing.NEWER: "Left to a newer version; its chunks wait.",
    Standing.FAILING: "Fails again and again; its chunks wait.",
}


def alone(status: BrandStatus) -> tuple[str, str]:
    """Why a brand does not go on: in a sentence, and with what was said or found and what helps; empty if it does."""
    title = _ALONE.get(status.standing, "")
    if not title:
        return "", ""
    if status.standing is Standing.PAUSED:
        return title, f"it is {status.paused}; '{resuming(status.brand)}' lets it go on"
    return title, "" if status.parked is None else status.parked.told(status.brand)


CONFLICTS_HELP: Final = (
    "let a chunkId name one chunk for ever, and push what did not count under ids of its own;"
    " DUPLICATE_CONFLICTS=dead_letter keeps such chunks: see docs/runbooks/duplicate-conflicts.md"
)
"""What helps against chunks that contradict the one that their id names."""


def conflicts(status: BrandStatus, as_of_ms: int | None = None) -> str:
    """How often a chunk had the id of another one and other numbers, which last, and when; empty: never."""
    newest = status.newest_conflict
    if not status.conflicts or newest is None:
        return ""
    ago = "" if as_of_ms is None else f" {since(as_of_ms, newest.at_ms)} ago"
    return (
        f"{counted(status.conflicts, 'chunk')} had the chunkId of one that was counted and other numbers, and did not"
        f" count; the last one{ago}: {newest.chunk_id!r}"
    )


def own(status: BrandStatus) -> str:
    """With which settings of its own a brand is folded; empty: with those of the processes."""
    return f"it is folded with settings of its own: {own_settings.told(status.own)}" if status.own else ""


def missing(status: BrandStatus) -> str:
    """Why a registered brand has no summary yet."""
    title, text = alone(status)
    if status.paused is not None:
        chunks = f"; {counted(status.queued, 'chunk')} of it {_wait(status.queued)}" if status.queued else ""
        return f"{text}{chunks}"
    if title:
        return f"{title} {text[:1].upper()}{text[1:]}" + (f"; {_queued(status.queued)}" if status.queued else "")
    if status.standing is Standing.HELD:
        return "a process works on it" + (f"; {_queued(status.queued)}" if status.queued else "")
    if status.queued:
        return f"{_queued(status.queued)}; is an orchestrator running?"
    return "no chunk has come for it, or its last one is long ago"


def _wait(number: int) -> str:
    return "waits" if number == 1 else "wait"


def _queued(number: int) -> str:
    return f"{counted(number, 'chunk')} queued"
