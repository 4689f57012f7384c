"""The picture of all processes and brands on a terminal: 80 columns are enough, and more are used."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from rich.console import Group, RenderableType
from rich.table import Table

from orchestrator.cli.locks import locks_table
from orchestrator.cli.terminal import make_table, plain
from orchestrator.contract.times import iso_utc_seconds
from orchestrator.fleet import words
from orchestrator.fleet.members import Member
from orchestrator.fleet.ordering import stands
from orchestrator.fleet.parking import remedy
from orchestrator.fleet.view import BrandStatus, FleetView, Standing

SHOWN: Final = 10
"""Brands of each kind that are shown; the JSON document has all."""


def make_page(view: FleetView, alerts: str = "", archive: str = "") -> RenderableType:
    """Everything that an operator looks at first, the most urgent brands of each kind.

    Args:
        view: processes and brands.
        alerts: that wait, in words.
        archive: what waits for it, in words.
    """
    return Group(*_parts(view, alerts, archive))


def _parts(view: FleetView, alerts: str, archive: str) -> Iterator[RenderableType]:
    yield plain(f"{iso_utc_seconds(view.as_of_ms).replace('T', ' ')}", "dim")
    yield _strip(view, alerts, archive)
    if view.members:
        yield from ("", _members(view), *orders_told(view.as_of_ms, view.members))
    held = view.standing(Standing.HELD)
    if held:
        yield from ("", locks_table(view, held[:SHOWN]), *_more(held))
    waiting = view.standing(Standing.WAITING)
    if waiting:
        yield from ("", _waiting(waiting[:SHOWN]), *_more(waiting))
    if view.alone:
        yield from ("", _alone(view, view.alone[:SHOWN]), *_more(view.alone))
    if view.conflicting:
        yield from ("", *_conflicts(view), *_more(view.conflicting))
    paused = view.standing(Standing.PAUSED)
    if paused:
        yield from ("", _paused(paused[:SHOWN]), *_more(paused))


def _strip(view: FleetView, alerts: str, archive: str) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    rows = {
        "Processes": words.running(view),
        "Backlog": words.backlog(view),
        "Done": words.done(view) if view.members else "",
        "Dead letters": f"{view.dead_letters:,}",
        "Spiking": words.some([brand.brand for brand in view.spiking], 5),
        "Alerts": alerts,
        "Archive": archive,
        "Orphans": words.orphans(view),
        "Refused": f"{view.refused:,} registered names: 'orchestrator doctor' has them" if view.refused else "",
    }
    for name, text in rows.items():
        if text:
            table.add_row(plain(name, "bold"), plain(text))
    return table


def _members(view: FleetView) -> Table:
    numbers = ("Since", "Lanes", "Busy", "CPU", "Memory", "Chunks/s")
    table = make_table("Process", "Version", *numbers, right=numbers)
    for member in view.members:
        load, rates = member.load, member.rates
        table.add_row(
            plain(member.id),
            plain(member.version),
            words.since(view.as_of_ms, member.since_ms),
            f"{member.active}/{member.lanes}",
            "" if load is None else words.share(load.lanes),
            "" if load is None else words.share(load.cpu),
            "" if load is None else words.memory(load.memory_bytes),
            "" if rates is None else words.rate(rates.chunks),
        )
    return table


def orders_told(now_ms: int, members: Sequence[Member]) -> Iterator[RenderableType]:
    """A line for each process to which operators ordered something."""
    for member in members:
        if standing := stands(now_ms, member):
            yield plain(f"→ {member.id} ({member.name}): {standing}", "italic")


def _waiting(brands: Sequence[BrandStatus]) -> Table:
    table = make_table("Waiting", "Chunks", "Dead letters", right=("Chunks", "Dead letters"))
    for brand in brands:
        table.add_row(plain(brand.brand), _number(brand.queued), _number(brand.failed))
    return table


def _alone(view: FleetView, brands: Sequence[BrandStatus]) -> Table:
    table = make_table("Left alone", "Why", "Chunks", "Since", "By", right=("Chunks", "Since"))
    for brand in brands:
        parked = brand.parked
        if parked is not None:
            since = words.since(view.as_of_ms, parked.since_ms)
            by = plain(words.by_whom(view, parked))
            why = plain(f"{brand.standing}: {parked.reason}")
            table.add_row(plain(brand.brand), why, _number(brand.queued), since, by)
            table.add_row("", plain(f"→ {remedy(parked.code, brand.brand)}", "italic"))
    return table


def _conflicts(view: FleetView) -> Iterator[RenderableType]:
    table = make_table("Conflicts", "What came")
    for brand in view.conflicting[:SHOWN]:
        table.add_row(plain(brand.brand), plain(words.conflicts(brand, view.as_of_ms)))
    yield table
    yield plain(f"→ {words.CONFLICTS_HELP}", "italic")


def _paused(brands: Sequence[BrandStatus]) -> Table:
    table = make_table("Paused", "Chunks", "What was said", right=("Chunks",))
    for brand in brands:
        table.add_row(plain(brand.brand), _number(brand.queued), plain(str(brand.paused)))
    return table


def _more(brands: Sequence[BrandStatus]) -> Iterator[RenderableType]:
    if len(brands) > SHOWN:
        yield plain(f"... and {words.counted(len(brands) - SHOWN, 'brand')} more")


def _number(number: int | None) -> str:
    return "unreadable" if number is None else f"{number:,}"
